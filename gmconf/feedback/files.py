"""Reports kept in files: as they were attached, as messages, in mbox files, in a Maildir."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gmconf.errors import GmconfError
from gmconf.feedback.model import Left
from gmconf.feedback.unpacked import Item, kind

LARGEST = 32 * 1024**2
"""Bytes of a file or message; larger ones are no reports."""
TOO_LARGE = f"larger than {LARGEST // 1024**2} MiB; that is no report"


def items(path: Path) -> Iterator[Item | Left]:
    """All that lies at a path; what cannot be read below it is named. Raises GmconfError when the path itself cannot be
    read."""
    seen: set[tuple[int, int]] = set()
    todo = [path]
    while todo:
        place = todo.pop()
        try:
            if not place.is_dir():
                yield from _file(place, asked=place is path)
                continue
            about = place.stat()
            if (about.st_dev, about.st_ino) in seen:
                yield Left(str(place), "a link to a directory that is read already")
                continue
            seen.add((about.st_dev, about.st_ino))
            todo += reversed(_within(place))
        except OSError as error:
            if place is path:
                raise GmconfError(f"{path}: {error.strerror or error}") from None
            yield Left(str(place), error.strerror or str(error))


def _within(folder: Path) -> list[Path]:
    """What a directory holds, but hidden files; of a Maildir its messages and its folders."""
    found = sorted(folder.iterdir())
    if not _is_maildir(folder):
        return [p for p in found if not p.name.startswith(".")]
    messages = [p for name in ("cur", "new") if (folder / name).is_dir() for p in sorted((folder / name).iterdir())]
    return messages + [p for p in found if p.name.startswith(".") and _is_maildir(p)]


def _is_maildir(folder: Path) -> bool:
    return (folder / "cur").is_dir()


def _file(path: Path, *, asked: bool) -> Iterator[Item | Left]:
    """What is in a file. A pipe or device is read only where somebody ``asked`` for it: it may never end."""
    if not asked and not stat.S_ISREG(path.stat().st_mode):
        yield Left(str(path), "a pipe, socket or device, no file")
        return
    with path.open("rb") as file:
        head = file.peek(5)[:5]
        if head == b"From ":
            yield from _mbox(path, file)
            return
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        yield Left(str(path), TOO_LARGE)
        return
    delivered = path.parent.name in ("cur", "new") and _is_maildir(path.parent.parent)
    yield Item(str(path), data, message=delivered or not kind(data), names=(path.name,))


def _mbox(path: Path, file: BinaryIO) -> Iterator[Item | Left]:
    """Messages, each below a line that begins with "From " and follows an empty one."""
    number, size, parts, before = 0, 0, [b""], b"\n"

    def message() -> Item | Left:
        where = f"{path}: message {number}"
        return Left(where, TOO_LARGE) if size > LARGEST else Item(where, b"".join(parts), message=True, names=())

    for text in iter(lambda: file.readline(2**16), b""):
        if text.startswith(b"From ") and before in (b"\n", b"\r\n"):
            if number:
                yield message()
            number, size, parts = number + 1, 0, []
        else:
            size += len(text)
            if size <= LARGEST:
                parts.append(text)
        before = text
    yield message()
