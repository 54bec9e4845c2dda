#!/usr/bin/python3
"""Ends the Dovecot sessions of the logins on standard input, one a line; "*" is all of them.

Speaks with Dovecot's own server for doveadm over its socket: what stands on a command line, every user of the host can
read. Exit code 1: it is not sure that all have ended.
"""

from __future__ import annotations

import socket
import sys
import time

SERVER = "/run/dovecot/doveadm-server"
LONGEST = 60
"""Seconds for all of them."""


def kick(logins: list[str], server: str = SERVER) -> None:
    """Ask for each. Raises OSError or ValueError where it is not sure that a session has ended."""
    end = time.monotonic() + LONGEST
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(LONGEST)
        client.connect(server)
        with client.makefile("rwb") as stream:
            stream.write(b"VERSION\tdoveadm-server\t1\t0\n")
            stream.flush()
            if stream.readline() != b"+\n":
                raise ValueError("doveadm's server lets nobody in")
            for login in logins:
                if not login.isprintable() or time.monotonic() > end:
                    raise ValueError("a login that cannot be named, or too many")
                stream.write(f"\t\tkick\t{login}\n".encode())
                stream.flush()
                stream.readline()  # how many there were
                if stream.readline() not in (b"+\n", b"-NOTFOUND\n"):
                    raise ValueError("doveadm's server has ended no session")


def main() -> int:
    """Exit code."""
    try:
        kick([line for line in sys.stdin.read().split("\n") if line])
    except (OSError, ValueError) as error:
        print(f"sessions: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
