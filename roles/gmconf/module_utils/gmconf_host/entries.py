"""Which entries (NAME:...) of tables a roll-out changes, so that a command is told of those alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BufferedReader

Read = Callable[[str], BufferedReader]

ALL = ["*"]


def changed(paths: Iterable[str], before: Read, after: Read) -> list[str]:
    """Names of the entries that are added, gone or other ones; ``before`` and ``after`` read a table. ALL where that
    cannot be told."""
    names: set[str] = set()
    for path in paths:
        try:
            names |= {name for name, _ in _entries(before, path) ^ _entries(after, path)}
        except (OSError, ValueError):
            return ALL
    return sorted(names)


def _entries(read: Read, path: str) -> set[tuple[str, tuple[str, ...]]]:
    with read(path) as file:
        lines = file.read().decode().split("\n")
    found: dict[str, tuple[str, ...]] = {}
    for line in lines:
        if line and not line.startswith("#"):
            name, colon, rest = line.partition(":")
            if not (name and colon):
                raise ValueError  # what it says is not for others
            found[name] = (*found.get(name, ()), rest)
    return set(found.items())
