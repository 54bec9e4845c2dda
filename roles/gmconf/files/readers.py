#!/usr/bin/python3
"""Ends the sessions of news readers (nnrpd) of the logins on standard input, one a line; "*" is all of them.

Each reader is a unit of its own, and its log says who has logged in. Where that cannot be read, or it says nothing, the
session is ended. Exit code 1: it is not sure that all have ended.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

UNITS = "gmconf-nntp*@*.service"
LOGIN = re.compile(r"\S+ user (.+)")
"""As nnrpd logs it: the client, and its login."""


def says(*argv: str) -> list[str]:
    """Lines that a program prints. Raises CalledProcessError when it fails."""
    return subprocess.run(argv, check=True, capture_output=True, encoding="utf-8", errors="replace").stdout.splitlines()


def readers() -> dict[str, str]:
    """Units of the readers that are connected, by the number systemd gave them."""
    names = [
        line.split()[0]
        for line in says("systemctl", "list-units", "--plain", "--no-legend", "--full", "--state=active", UNITS)
    ]
    numbers = [line for line in says("systemctl", "show", "-P", "InvocationID", *names) if line] if names else []
    return dict(zip(numbers, names, strict=True))


def logged_in(numbers: list[str]) -> dict[str, set[str]]:
    """Logins by number; of a reader that has not logged in there is an empty set, of one that nothing is logged of,
    nothing."""
    found: dict[str, set[str]] = {}
    argv = ["journalctl", "-q", "--no-pager", "-o", "json", "--output-fields=MESSAGE,_SYSTEMD_INVOCATION_ID"]
    for line in says(*argv, *(f"_SYSTEMD_INVOCATION_ID={number}" for number in numbers)) if numbers else ():
        entry = json.loads(line)
        names = found.setdefault(entry["_SYSTEMD_INVOCATION_ID"], set())
        login = LOGIN.fullmatch(str(entry.get("MESSAGE")))
        if login:
            names.add(login[1].lower())
    return found


def main() -> int:
    """Exit code."""
    logins = {line.lower() for line in sys.stdin.read().split("\n") if line}
    try:
        found = readers()
        known = {} if "*" in logins else logged_in(list(found))
        ending = [unit for number, unit in found.items() if number not in known or known[number] & logins]
        if ending:
            says("systemctl", "stop", *ending)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        print(f"readers: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
