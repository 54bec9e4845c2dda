"""How this machine reaches its package archive, so that hosts without DNS can."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit


def mirror() -> list[str]:
    """Where this machine gets its own packages from; empty: mmdebstrap's default."""
    for file in (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")):
        if not file.exists():
            continue
        for line in file.read_text().splitlines():
            words = line.split()
            if words[:1] == ["URIs:"]:
                return [words[1]]
            if words[:1] == ["deb"]:
                return [next(word for word in words if "://" in word)]
    return []


def apt_settings() -> str:
    """How this machine's own apt reaches the archive."""
    done = subprocess.run(["apt-config", "dump", "Acquire"], text=True, capture_output=True)
    wanted = ("Acquire::http::Proxy ", "Acquire::https::Proxy ", "Acquire::Check-Valid-Until ", "Acquire::Retries ")
    return "".join(f"{line}\n" for line in done.stdout.splitlines() if line.startswith(wanted))


def archive_hosts() -> str:
    names: set[str] = set()
    for url in mirror() + [line.split('"')[1] for line in apt_settings().splitlines() if "Proxy" in line]:
        host = urlsplit(url).hostname
        if host:
            names |= {host, *({f"security.{host.split('.', 1)[1]}"} if host.startswith("deb.") else ())}
    lines = []
    for name in sorted(names):
        try:
            found = sorted({str(info[4][0]) for info in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)})
        except OSError:
            continue
        lines += [f"{address} {name}" for address in found]
    return "".join(f"{line}\n" for line in lines)
