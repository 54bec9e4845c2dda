"""Real name servers on loopback: Knot DNS as authority, Unbound as validating resolver.

python tests/unit/nameserver.py    installs the Debian packages that are missing, without starting a service
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

import dns.exception
import dns.message
import dns.query

PACKAGES = {"knotd": "knot", "named-checkzone": "bind9-utils", "nsupdate": "bind9-dnsutils", "unbound": "unbound"}
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def tool(name: str) -> str:
    """Where a program of Debian's knot, bind9-utils, bind9-dnsutils or unbound is; ``make unit`` installs them."""
    found = shutil.which(name, path=PATH)
    assert found, f"{name} is missing; apt-get install {' '.join(PACKAGES.values())}"
    return found


def install() -> None:
    """What is missing, as root. Units are masked meanwhile, so that nothing listens on port 53 of this machine."""
    missing = [package for name, package in PACKAGES.items() if not shutil.which(name, path=PATH)]
    if not missing:
        return
    if os.geteuid() != 0:
        sys.exit(f"install {' '.join(missing)}, or run this as root")
    print(f"==> {' '.join(missing)}")
    units = [package for package in missing if package in ("knot", "unbound")]
    managed = bool(units) and Path("/run/systemd/system").is_dir()
    if managed:
        subprocess.run(["systemctl", "mask", "--runtime", *units], check=True, capture_output=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=env)
    subprocess.run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing],
        check=True,
        env=env,
        stdout=subprocess.DEVNULL,
    )
    if managed:
        subprocess.run(["systemctl", "unmask", "--runtime", *units], check=True, capture_output=True)
        subprocess.run(["systemctl", "disable", *units], check=True, capture_output=True)


# Tests run side by side, and between the choice of a port and its use another may take it: each process has its own,
# none is used twice, and all lie below those that the system gives to whoever asks for any.
_PORTS = count(12000 + 2000 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 10) + os.getpid() % 1000)


def free_port() -> int:
    """A port that is free for UDP and TCP on every loopback address."""
    while True:
        port = next(_PORTS)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp, suppress(OSError):
            udp.bind(("0.0.0.0", port))
            tcp.bind(("0.0.0.0", port))
            return port


class Daemon:
    """A process in a folder of its own that answers DNS."""

    def __init__(self, argv: list[str], folder: Path, address: str, port: int) -> None:
        self.address, self.port = address, port
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=folder)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            assert self.process.poll() is None, self.log.read_text()
            try:
                dns.query.udp(
                    dns.message.make_query("version.server.", "TXT", "CH"), self.address, port=self.port, timeout=0.2
                )
                return
            except (dns.exception.Timeout, OSError):
                assert time.monotonic() < deadline, self.log.read_text()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


class Knot(Daemon):
    """An authority for some zones (name: text of the zone file); ``signed``: all of them, or those named."""

    def __init__(
        self,
        folder: Path,
        addresses: list[str],
        port: int,
        zones: Mapping[str, str],
        *,
        signed: bool | Collection[str] = False,
        updates: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "zones").mkdir(exist_ok=True)
        listen = ", ".join(f"{a}@{port}" for a in addresses)
        lines = [
            f"server:\n  listen: [ {listen} ]\n  rundir: {folder}\n  udp-workers: 1\n  tcp-workers: 1\n "
            " background-workers: 1"
        ]
        lines.append(
            f"database:\n  storage: {folder}\n  journal-db-max-size: 20M\n  kasp-db-max-size: 20M\n "
            " timer-db-max-size: 2M"
        )
        if signed:
            lines.append("policy:\n  - id: p\n    single-type-signing: on")
        if updates:
            lines.append("acl:\n  - id: everybody\n    address: 127.0.0.0/8\n    action: update")
        lines.append("zone:")
        for number, (name, text) in enumerate(zones.items()):
            file = folder / f"zones/{number}"
            file.write_text(text)
            sign = name in signed if isinstance(signed, Collection) else signed
            more = (
                "\n    dnssec-signing: on\n    dnssec-policy: p" if sign else "\n    acl: everybody" if updates else ""
            )
            lines.append(
                f"  - domain: {name}.\n    file: {file}\n    zonefile-sync: -1{more}".replace("domain: ..", "domain: .")
            )
        (folder / "knot.conf").write_text("\n".join(lines) + "\n")
        subprocess.run([tool("knotc"), "-c", str(folder / "knot.conf"), "conf-check"], check=True, capture_output=True)
        self.folder = folder
        super().__init__([tool("knotd"), "-c", str(folder / "knot.conf")], folder, addresses[0], port)

    def anchor(self, zone: str) -> str:
        """The DS line of a signed zone."""
        done = subprocess.run(
            [tool("keymgr"), "-c", str(self.folder / "knot.conf"), zone, "ds"],
            check=True,
            capture_output=True,
            text=True,
        )
        words = next(line.split() for line in done.stdout.splitlines() if line.split()[-2] == "2")
        return f". IN DS {' '.join(words[2:])}"


class Unbound(Daemon):
    """A validating resolver that knows one root; it keeps the zones that are ``cut`` off too: what delegates them tells
    no port.

    ``own`` are records that it has itself, beside whatever else there is at their names.
    """

    def __init__(
        self,
        folder: Path,
        address: str,
        port: int,
        root: Daemon,
        anchor: str,
        cut: Sequence[str] = (),
        own: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "unbound.conf").write_text(
            f'server:\n  interface: {address}\n  port: {port}\n  username: ""\n  chroot: ""\n  directory: "{folder}"\n '
            ' pidfile: ""\n  use-syslog: no\n  do-daemonize: no\n  do-not-query-localhost: no\n  trust-anchor:'
            f' "{anchor}"\n  module-config: "validator iterator"\n  num-threads: 1\n  local-zone: 2.0.192.in-addr.arpa.'
            " nodefault\n  local-zone: 8.b.d.0.1.0.0.2.ip6.arpa. nodefault\n  local-zone: test. nodefault\n"
            + "".join(
                f"  local-zone: {name} typetransparent\n" for name in dict.fromkeys(record.split()[0] for record in own)
            )
            + "".join(f'  local-data: "{record}"\n' for record in own)
            + "".join(
                f'stub-zone:\n  name: "{zone}"\n  stub-addr: {root.address}@{root.port}\n' for zone in (".", *cut)
            )
        )
        super().__init__([tool("unbound"), "-d", "-c", str(folder / "unbound.conf")], folder, address, port)


if __name__ == "__main__":
    install()
