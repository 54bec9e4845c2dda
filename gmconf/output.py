"""Writes build/ and puts it in place; the only module that touches it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from gmconf.errors import GmconfError

MARKER = ".gmconf"
_LINKED = 4096
"""Bytes from which equal files of several hosts become one file on disk (hard links)."""


def check(target: Path) -> None:
    """Raises GmconfError when there is something that gmconf did not write."""
    if target.exists() and not (target / MARKER).is_file() and any(target.iterdir()):
        raise GmconfError(f"{target} is not empty and was not written by gmconf; choose another directory")


def replace(files: Mapping[str, bytes], target: Path) -> None:
    """Write all files into a new directory beside ``target``, then put it in place of ``target``."""
    check(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        _write(files, str(fresh))
        fresh.chmod(0o755)
        swap(fresh, target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _write(files: Mapping[str, bytes], root: str) -> None:
    made = {root}
    first: dict[int, str] = {}
    for name, data in files.items():
        path = f"{root}/{name}"
        _make(path.rpartition("/")[0], made)
        twin = first.setdefault(id(data), path)
        if twin != path and len(data) > _LINKED:
            os.link(twin, path)
            continue
        with open(path, "wb") as out:
            out.write(data)


def _make(folder: str, made: set[str]) -> None:
    """Make a folder and those above it, unless they are ``made`` already."""
    if folder not in made:
        _make(folder.rpartition("/")[0], made)
        os.mkdir(folder)
        made.add(folder)


def swap(fresh: Path, target: Path) -> None:
    """Put a freshly written tree in place of the old one; whenever it is interrupted, one of them is there and whole."""
    if not target.exists():
        fresh.rename(target)
        return
    if not _exchange(fresh, target):
        old = fresh.with_name(f"{fresh.name}.old")
        target.rename(old)
        fresh.rename(target)
        fresh = old
    shutil.rmtree(fresh)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step (renameat2(2)); False where the system cannot."""
    import ctypes

    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(call(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)
