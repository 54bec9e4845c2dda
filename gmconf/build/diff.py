"""What a new tree changes in build/."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

_QUIET = ("secrets/", "roles/", "trace.json", ".gmconf")
_MAX = 200_000


class Change(NamedTuple):
    """One file that differs; ``lines`` is a unified diff without file header, empty for secrets and bulk."""

    path: str
    kind: Literal["added", "removed", "changed"]
    lines: tuple[str, ...]

    @property
    def counts(self) -> tuple[int, int]:
        """Lines added and removed."""
        return (
            sum(line.startswith("+") for line in self.lines),
            sum(line.startswith("-") for line in self.lines),
        )


def changes(old: Path, new: Mapping[str, bytes]) -> Iterator[Change]:
    """Files that differ between build/ and what it will be, by path. Secrets are named, never shown."""
    before = _files(old)
    for path in sorted(before | new.keys()):
        was = _read(old / path) if path in before else None
        now = new.get(path)
        if was is None:
            yield Change(path, "added", tuple(_diff(b"", now or b"", path)))
        elif now is None:
            yield Change(path, "removed", tuple(_diff(was, b"", path)))
        elif was != now:
            yield Change(path, "changed", tuple(_diff(was, now, path)))


def _files(root: Path) -> set[str]:
    start = len(str(root)) + 1
    return {os.path.join(parent, name)[start:] for parent, _, names in os.walk(root) for name in names}


def _read(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _diff(before: bytes, after: bytes, path: str) -> Iterator[str]:
    if path.startswith(_QUIET) or max(len(before), len(after)) > _MAX:
        return
    old, new = (data.decode("utf-8", "replace").splitlines() for data in (before, after))
    if not old or not new:
        sign, lines = ("+", new) if new else ("-", old)
        yield from (sign + line for line in lines)
        return
    import difflib

    for number, line in enumerate(difflib.unified_diff(old, new, lineterm="", n=1)):
        if number > 1:
            yield line
