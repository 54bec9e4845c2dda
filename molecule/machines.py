"""The hosts of the lab, their addresses, and how they are reached."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypedDict, Unpack

ROOT = Path(__file__).resolve().parents[1]
STATE = ROOT / ".lab"
KEY = STATE / "id_ed25519"
LAB = int(os.environ.get("GMCONF_LAB", "0"))
NETWORK = f"gmconf{LAB or ''}"
SSH = (
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "LogLevel=ERROR",
    "-o",
    "ConnectTimeout=5",
    "-o",
    "PasswordAuthentication=no",
)
# Documentation addresses (RFC 5737, RFC 3849), so that example sites work in the lab as they are; further labs have
# networks for tests of devices (RFC 2544), which no machine uses for itself.
NET4, NET6 = f"198.18.{LAB}" if LAB else "198.51.100", f"2001:db8:{LAB + 1}::"
SUBNETS = (f"{NET4}.0/24", f"{NET6}/64")


@dataclass(frozen=True)
class Machine:
    """A host of the lab."""

    name: str
    fqdn: str
    release: str
    number: int

    @property
    def container(self) -> str:
        return f"{NETWORK}-{self.name}"

    @property
    def addresses(self) -> tuple[str, str]:
        return f"{NET4}.{self.number}", f"{NET6}{self.number}"


MACHINES = {
    m.name: m
    for m in (
        Machine("mx13", "mail.example.org", "trixie", 13),
        Machine("mx12", "mail.example.net", "bookworm", 12),
        Machine("ns", "ns.lab.example", "trixie", 53),
    )
}
NS = MACHINES["ns"]
"""All of DNS as the lab knows it: one signed zone, the root. What is not in it does not exist."""


def say(text: str) -> None:
    """Progress, one line."""
    print(f"--> {text}", flush=True)


def stop(text: str, code: int = 1) -> NoReturn:
    """End with a message."""
    print(f"lab: {text}", file=sys.stderr)
    sys.exit(code)


def key() -> None:
    """The key that opens the hosts of the lab."""
    if not KEY.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "gmconf lab", "-f", str(KEY)], check=True)


class Streams(TypedDict, total=False):
    """What a command reads, and where its output goes."""

    input: str
    capture_output: bool
    check: bool
    timeout: float


def ssh(machine: Machine, *command: str, **more: Unpack[Streams]) -> subprocess.CompletedProcess[str]:
    """Run a command on a host."""
    return subprocess.run(["ssh", *SSH, "-i", str(KEY), f"root@{machine.addresses[0]}", *command], text=True, **more)
