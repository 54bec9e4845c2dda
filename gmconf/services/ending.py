"""The end of open sessions: a program for each daemon that is told which logins a roll-out has changed, and ends theirs
alone."""

from __future__ import annotations

from functools import partial

from gmconf.controls import control
from gmconf.resources import program
from gmconf.services.plan import Command, LineFile

FOLDER = "/usr/local/lib/gmconf"
DIRECTORY = (FOLDER, "root", "root", "0755")
LOGINS = ("/etc/dovecot/passwords", "/etc/dovecot/suspended")
"""The tables of logins that every host with Dovecot has: a line for each that may log in, and for each that may not."""


def path(name: str) -> str:
    """Where the program lies."""
    return f"{FOLDER}/end-{name}"


def file(service: str, name: str) -> LineFile:
    """The program ``roles/gmconf/files/NAME.py``, which reads logins, one a line, or "*"; exit code 1: not all have
    ended."""
    return LineFile(
        path(name),
        service,
        control("prc.abuse-stop"),
        lines=partial(program, f"files/{name}.py"),
        shared=True,
        comment="",
        mode="0755",
    )


def command(name: str, otherwise: str, *, when: tuple[str, ...] = LOGINS, first: str = "") -> Command:
    """Runs it when logins change; ``otherwise`` ends everybody's sessions, where it is not sure that theirs have ended.

    Dovecot looks at its tables once a second: before that somebody would come in again.
    """
    return Command(name, argv=("sh", "-c", f"{first}sleep 2; {path(name)} || {otherwise}"), when=when, entries=True)
