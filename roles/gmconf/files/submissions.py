#!/usr/bin/python3
"""Ends the submission sessions (ports 465 and 587) of the logins on standard input, one a line; "*" is all of them.

Cut is the connection, not the process: where smtpd dies in its first session, Postfix starts no other for a minute. A
message under way is dropped, and its sender, who was not told that it was taken, still has it. Postfix's log says whose
session it is once something was sent. Of the others Dovecot's log says which process asked about a login; that of
Debian 12 says the address only: there a session that has sent nothing ends too where another from its address is one of
these. Exit code 1: it is not sure that all have ended.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

PORTS = (465, 587)
GETFD = 438
"""System call pidfd_getfd(2): since Linux 5.6, under the same number on all machines."""
TAGS = ("-t", "postfix/submission/smtpd", "-t", "postfix/submissions/smtpd")
SENT = re.compile(
    r"[0-9A-Za-z]+: client=[^,]*, sasl_method=[^,]*, sasl_username=(.*?)(?:, sasl_sender=.*|, orig_.*)?", re.DOTALL
)
libc = ctypes.CDLL(None, use_errno=True)


class Session(NamedTuple):
    """A client that is connected."""

    pid: int
    client: socket.socket
    address: str


class Past(NamedTuple):
    """What the log says of a session: when it began (microseconds, 0: not known), and its login if it has sent
    something."""

    begun: int
    login: str


def sessions() -> list[Session]:
    """All of them. Raises OSError where a process cannot be looked into."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/comm", encoding="utf-8", errors="replace") as file:
                found += _clients(int(name)) if file.read() == "smtpd\n" else []
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended by itself
    return found


def _clients(pid: int) -> list[Session]:
    found, process = [], os.pidfd_open(pid)
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            if not os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:"):
                continue
            copy = libc.syscall(GETFD, process, int(name), 0)
            if copy < 0:
                raise OSError(ctypes.get_errno(), f"process {pid}: {os.strerror(ctypes.get_errno())}")
            client = socket.socket(fileno=copy)
            address = _peer(client)
            if address:
                found.append(Session(pid, client, address))
            else:
                client.close()
    finally:
        os.close(process)
    return found


def _peer(client: socket.socket) -> str:
    """The address of who is connected to a port of submission, or nothing."""
    if client.family not in (socket.AF_INET, socket.AF_INET6):
        return ""
    try:
        return client.getpeername()[0].removeprefix("::ffff:") if client.getsockname()[1] in PORTS else ""
    except OSError:
        return ""  # it listens, or its client is gone


def journal(*words: str) -> Iterator[dict[str, str]]:
    """Entries, as they come."""
    argv = ["journalctl", "-q", "--no-pager", "-o", "json", "--output-fields=MESSAGE,_PID", *words]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        try:
            for line in process.stdout or ():
                entry = json.loads(line)
                if isinstance(entry.get("MESSAGE"), str):  # other than text is not of these programs
                    yield entry
        finally:
            process.kill()


def pasts(pids: set[int]) -> dict[int, Past]:
    """What Postfix has logged of the present session of each process."""
    found, logins, left = dict.fromkeys(pids, Past(0, "")), dict.fromkeys(pids, ""), set(pids)
    # The newest comes first; what is older than "connect" is another session.
    for entry in journal("-r", *TAGS, *(f"_PID={pid}" for pid in sorted(pids))) if pids else ():
        pid, text = int(entry["_PID"]), entry["MESSAGE"]
        sent = SENT.fullmatch(text)
        if pid in left and sent:
            logins[pid] = sent[1].lower()
        if pid in left and text.startswith(("connect from ", "disconnect from ")):
            found[pid] = Past(int(entry["__REALTIME_TIMESTAMP"]) if text.startswith("connect") else 0, logins[pid])
            left.discard(pid)
        if not left:
            break
    return found | {pid: Past(0, logins[pid]) for pid in left}


def arrivals(since: int, logins: set[str]) -> list[tuple[int, int, str]]:
    """(microseconds, process or 0, address) of each time that one of these has logged in to submit mail."""
    found = []
    for entry in journal("-t", "dovecot", f"--since=@{since // 10**6}"):
        kind, _, text = entry["MESSAGE"].partition(": ")
        if kind != "stats":
            continue
        try:
            fields = json.loads(text)["fields"]
            if fields["user"].lower() in logins:
                found.append(
                    (int(entry["__REALTIME_TIMESTAMP"]), int(fields.get("remote_pid", 0)), fields["remote_ip"])
                )
        except (KeyError, TypeError, AttributeError, ValueError):
            continue  # of something else
    return found


def of(logins: set[str], found: list[Session]) -> list[Session]:
    """Sessions that are theirs, or may be."""
    known = pasts({session.pid for session in found})
    silent = [past.begun for past in known.values() if past.begun and not past.login]
    came = arrivals(min(silent), logins) if silent else []

    def is_theirs(session: Session) -> bool:
        begun, login = known[session.pid]
        if login or not begun:
            return login in logins or not login
        return any(
            when >= begun and (pid == session.pid if pid else address == session.address) for when, pid, address in came
        )

    return [session for session in found if is_theirs(session)]


def main() -> int:
    """Exit code."""
    logins = {line.lower() for line in sys.stdin.read().split("\n") if line}
    try:
        found = sessions()
        for session in found if "*" in logins else of(logins, found):
            try:
                session.client.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # its client is gone
    except (OSError, ValueError) as error:
        print(f"submissions: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
