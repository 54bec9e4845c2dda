"""Writes build/ and single files, and puts them in place; links are followed, devices written to, neither is ever
replaced."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from gmconf.errors import GmconfError

MARKER = ".gmconf"
_LINKED = 4096
"""Bytes from which equal files of several hosts become one file on disk (hard links)."""


def check(target: Path) -> None:
    """Raises GmconfError when there is something that gmconf did not write."""
    if target.exists() and not target.is_dir():
        raise GmconfError(f"{target} is not a directory; choose another")
    if target.exists() and not (target / MARKER).is_file() and any(target.iterdir()):
        raise GmconfError(f"{target} is not empty and was not written by gmconf; choose another directory")


def replace(files: Mapping[str, bytes], target: Path) -> None:
    """Write all files into a new directory beside ``target``, then put it in place of ``target``."""
    check(target)
    named, target = target, Path(os.path.realpath(target))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _tidy(target)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        lock = os.open(fresh, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _write(files, str(fresh))
            fresh.chmod(0o755)
            swap(fresh, target)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        finally:
            os.close(lock)
    except OSError as error:
        raise GmconfError(f"{named}: {error.strerror}") from None


def _tidy(target: Path) -> None:
    """Remove what killed runs left beside ``target``: nobody holds its lock, and it is no longer just being made."""
    for left in target.parent.glob(f".{glob.escape(target.name)}.????????"):
        if left.is_symlink() or not left.is_dir() or time.time() - left.stat().st_mtime < 1:
            continue
        descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)


def put(path: Path, made: Path) -> None:
    """Bring a finished file to where the user wants it: a reader sees the old one or the new one, a device or pipe gets
    the bytes.

    Raises GmconfError with the path that the user named.
    """
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise GmconfError(f"{path} is a directory; name a file in it")
        if target.exists() and not target.is_file():
            with made.open("rb") as source, target.open("wb") as out:
                shutil.copyfileobj(source, out)
            return
        fresh = target.with_name(f".{target.name}.new")
        try:
            shutil.copyfile(made, fresh)
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)
    except OSError as error:
        raise GmconfError(f"{path}: {error.strerror}") from None


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
    """Put a freshly written tree in place of the old one; whenever it is interrupted,
    one of them is there and whole.
    """
    if not target.exists():
        fresh.rename(target)
        return
    if not _exchange(fresh, target):
        old = fresh.with_name(f"{fresh.name}.old")
        target.rename(old)
        fresh.rename(target)
        fresh = old
    shutil.rmtree(fresh, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step (renameat2(2)); False where the system cannot."""
    import ctypes

    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return bool(call(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)
