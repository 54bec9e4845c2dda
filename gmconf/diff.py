"""What changed between two build trees."""

from __future__ import annotations

import difflib
import filecmp
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_QUIET = ("roles/", "trace.json", ".gmconf")
_MAX = 200_000


@dataclass(frozen=True, slots=True)
class Change:
    """One file that differs; ``kind`` is added, removed or changed; ``lines`` a unified diff without file header."""

    path: str
    kind: str
    lines: tuple[str, ...]

    @property
    def counts(self) -> tuple[int, int]:
        """Lines added and removed."""
        return (
            sum(line.startswith("+") for line in self.lines),
            sum(line.startswith("-") for line in self.lines),
        )


def changes(old: Path, new: Path) -> Iterator[Change]:
    """Files that differ between two trees, by path. Secrets are named, never shown."""
    before, after = _files(old), _files(new)
    for path in sorted(before | after):
        if path in before and path in after:
            if filecmp.cmp(old / path, new / path, shallow=False):
                continue
            kind = "changed"
        else:
            kind = "added" if path in after else "removed"
        yield Change(path, kind, tuple(_diff(old / path, new / path, path)))


def _files(root: Path) -> set[str]:
    if not root.is_dir():
        return set()
    return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}


def _diff(old: Path, new: Path, path: str) -> Iterator[str]:
    if path.startswith(("secrets/", *_QUIET)):
        return
    before, after = (p.read_text().splitlines() if p.exists() and p.stat().st_size < _MAX else [] for p in (old, new))
    for number, line in enumerate(difflib.unified_diff(before, after, lineterm="", n=1)):
        if number > 1:
            yield line
