"""The program that looks at a host from inside. It is sent over ssh, reads only, and needs Python's standard library
only.

``gmconf verify`` puts ``WANTED = ...`` before it and reads one JSON document from its output.
"""

from __future__ import annotations

import concurrent.futures
import errno
import grp
import hashlib
import json
import os
import pwd
import re
import socket
import stat
import subprocess
import sys
import time
from typing import Any

SHOWN = 100_000
"""Bytes from which a file that differs is named only."""
STATE = "/var/lib/gmconf"


def run(argv: list[str], seconds: float = 15) -> tuple[int, str]:
    """Exit code and output of a command of the host; 127 where there is none, 124 where it does not end."""
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except FileNotFoundError:
        return 127, f"{argv[0]}: not installed"
    except subprocess.TimeoutExpired:
        return 124, f"{argv[0]}: no end within {seconds:g} s"
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def told(argv: list[str]) -> tuple[int, str]:
    """A command's exit code and output; of what is only asked whether it is content, the end."""
    code, out = run(argv)
    return code, out if argv[0] in ("postconf", "nft", "unbound-control") else out[-1000:]


def file_of(path: str, *, shown: bool) -> dict[str, Any] | None:
    """What lies at a path: digest, owner, group, mode, and its text where that may be shown."""
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode):
            return {"sha256": "", "owner": "", "group": "", "mode": "", "text": None, "changed": found.st_mtime}
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return None
    text = data.decode("utf-8", "replace") if shown and len(data) <= SHOWN and b"\0" not in data else None
    return {
        "sha256": hashlib.sha256(data).hexdigest(),
        "owner": _name(pwd.getpwuid, found.st_uid),
        "group": _name(grp.getgrgid, found.st_gid),
        "mode": f"{stat.S_IMODE(found.st_mode):04o}",
        "text": text,
        "changed": found.st_mtime,
    }


def _name(look: Any, number: int) -> str:
    try:
        return str(look(number)[0])
    except KeyError:
        return str(number)


def files(wanted: dict[str, Any]) -> dict[str, Any]:
    """Every wanted file that is not as wanted (None: missing)."""
    live = delivered()
    found = {}
    for path, entry in wanted.items():
        seen = file_of(path, shown=entry["shown"])
        was = live.get(path, "")
        digest = entry["sha256"] or was
        same = (
            seen
            and (entry["own"] or seen["sha256"] == digest)
            and [seen[k] for k in ("owner", "group", "mode")] == [entry[k] for k in ("owner", "group", "mode")]
        )
        if not same:
            found[path] = {**seen, "delivered": was} if seen else None
    return found


def delivered() -> dict[str, str]:
    """What the last roll-out left here: digest by path."""
    try:
        with open(f"{STATE}/generation", encoding="utf-8") as file:
            return dict(json.load(file)["files"])
    except (OSError, ValueError, KeyError):
        return {}


def unwanted(wanted: dict[str, Any]) -> list[str]:
    """Files that nobody planned: in directories of ours, and those that may not be there."""
    found = [path for path in wanted["absent"] if os.path.lexists(path)]
    for folder in wanted["owned"]:
        for parent, _, names in os.walk(folder):
            found += [path for path in (os.path.join(parent, name) for name in names) if path not in wanted["known"]]
    return sorted(found)


def packaged(packages: list[str], ours: list[str]) -> list[str]:
    """Configuration files of packages that somebody changed and that are not ours."""
    if not packages:
        return []
    _, out = run(["dpkg", "--verify", *packages])
    found = [line.split()[-1] for line in out.splitlines() if " c /" in line and line[2:3] == "5"]
    return sorted(path for path in found if path not in ours)


def units(names: list[str]) -> dict[str, dict[str, str]]:
    """Properties of systemd units, and when each last read its configuration (seconds since 1970)."""
    found = {}
    for name in names:
        _, out = run(
            [
                "systemctl",
                "show",
                "-p",
                "UnitFileState,ActiveState,ConditionResult,ConditionTimestampMonotonic,Id",
                name,
            ]
        )
        found[name] = dict(line.partition("=")[::2] for line in out.splitlines()) | {"loaded": str(loaded(name))}
    return found


def loaded(unit: str) -> float:
    """When the unit's start or reload last ended; 0 when systemd cannot tell."""
    latest = 0.0
    if not unit.endswith(".service"):
        return latest
    escaped = "".join(c if c.isalnum() else f"_{ord(c):02x}" for c in unit)
    path = f"/org/freedesktop/systemd1/unit/{escaped}"
    for name in ("ExecReload", "ExecStart"):
        code, out = run(
            [
                "busctl",
                "--json=short",
                "get-property",
                "org.freedesktop.systemd1",
                path,
                "org.freedesktop.systemd1.Service",
                name,
            ]
        )
        if code:
            continue
        # (path, argv, ignore, start, start monotonic, stop, stop monotonic, pid, code, status), times in microseconds.
        latest = max([latest, *(max(entry[3], entry[5]) / 1e6 for entry in json.loads(out)["data"])])
    return latest


def resolves(name: str) -> str:
    """What the host's own resolver says of a name's SOA: "secure", "insecure", or why there is no answer."""
    labels = [part for part in name.split(".") if part]
    asked = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0\0\x06\0\1"
    query = b"\x4d\x47\x01\x20\0\1\0\0\0\0\0\0" + asked
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(4)
        try:
            client.connect(("127.0.0.1", 53))
            client.send(query)
            answer = client.recv(4096)
        except OSError as error:
            return f"no answer: {error}"
    code = answer[3] & 15
    if code not in (0, 3):
        return f"answer code {code}"
    return "secure" if answer[3] & 0x20 else "insecure"


def leaves(address: str, port: int, user: str) -> str:
    """Whether a connection of a user gets past the firewall: "stopped", "left", or what else happened."""
    program = (
        "import errno,socket,sys\nc=socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else"
        " socket.AF_INET)\nc.settimeout(2)\ntry: n=c.connect_ex((sys.argv[1],int(sys.argv[2])))\nexcept OSError:"
        " n=errno.ETIMEDOUT\nprint(n)"
    )
    code, out = run(
        [
            "setpriv",
            f"--reuid={user}",
            f"--regid={user if user != 'nobody' else 'nogroup'}",
            "--clear-groups",
            sys.executable,
            "-c",
            program,
            address,
            str(port),
        ]
    )
    if code or not out.strip().isdigit():
        return out.strip()[-200:]
    number = int(out)
    return "stopped" if number in (errno.EHOSTUNREACH, errno.EACCES, errno.EPERM, errno.ENETUNREACH) else "left"


def listening() -> list[str]:
    """address:port of every TCP socket that waits on another address than loopback."""
    _, out = run(["ss", "-Hltn"])
    found = [line.split()[3] for line in out.splitlines() if len(line.split()) > 3]
    return sorted(place for place in found if not re.match(r"(127\.|\[::1\]|\[::ffff:127\.)", place))


def updates() -> dict[str, Any]:
    """Age of the package lists and of the scanner's signatures (seconds), security updates that wait, timers."""
    stamps = [
        s
        for p in ("lists", "periodic/update-success-stamp", "periodic/update-stamp", "lists/partial")
        if (s := _mtime(f"/var/lib/apt/{p}"))
    ]
    signatures = [
        s for n in _names("/var/lib/clamav") if n.endswith((".cvd", ".cld")) and (s := _mtime(f"/var/lib/clamav/{n}"))
    ]
    _, out = run(["apt-get", "-s", "-o", "Debug::NoLocking=1", "dist-upgrade"])
    waiting = [line.split()[1] for line in out.splitlines() if line.startswith("Inst ") and "security" in line.lower()]
    now = time.time()
    return {
        "lists": now - max(stamps, default=0),
        "signatures": now - max(signatures) if signatures else None,
        "waiting": waiting,
        "timer": run(["systemctl", "is-active", "apt-daily-upgrade.timer"])[1].strip(),
        "upgrade": 'Unattended-Upgrade "1"' in run(["apt-config", "dump", "APT::Periodic"])[1],
    }


def _mtime(path: str) -> float | None:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return None


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def collect(wanted: dict[str, Any]) -> dict[str, Any]:
    """Everything in one go."""
    back = os.environ.get("SSH_CONNECTION", "").split()[:1]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        parts: dict[str, concurrent.futures.Future[Any]] = {
            "packaged": pool.submit(packaged, wanted["packages"], wanted["known"]),
            "updates": pool.submit(updates),
            "leaves": pool.submit(
                lambda: {user: leaves(back[0], 25, user) for user in wanted["leaves"]} if back else {}
            ),
            "resolves": pool.submit(lambda: {name: resolves(name) for name in wanted["names"]}),
            "units": pool.submit(units, wanted["units"]),
        }
        commands = {name: pool.submit(told, argv) for name, argv in wanted["commands"].items()}
        parts |= {"files": pool.submit(files, wanted["files"]), "unwanted": pool.submit(unwanted, wanted)}
        slow = {name: part.result() for name, part in parts.items()}
    return {
        **slow,
        "release": run(["sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME"])[1].strip(),
        "times": {path: _mtime(path) for path in wanted["files"]},
        "masked": {name: run(["systemctl", "is-enabled", name])[1].strip() for name in wanted["mask"]},
        "commands": {name: command.result() for name, command in commands.items()},
        "resolv": [
            line.split()[1]
            for line in run(["cat", "/etc/resolv.conf"])[1].splitlines()
            if line.startswith("nameserver ")
        ],
        "listening": listening(),
    }


if __name__ == "__main__":
    print(json.dumps(collect(globals()["WANTED"])))
