"""Reports kept in files: as they were attached, as messages, in mbox files, in a Maildir."""

from __future__ import annotations

import mailbox
from collections.abc import Iterator
from pathlib import Path

from gmconf.errors import GmconfError
from gmconf.reports.parsed import Item

LARGEST = 32 * 1024**2
"""Bytes of a file or message; larger ones are no reports."""


def items(path: Path) -> Iterator[Item]:
    """What lies at a path. Raises GmconfError when it cannot be read."""
    try:
        if (path / "cur").is_dir():
            yield from _box(path, mailbox.Maildir(path, create=False))
        elif path.is_dir():
            for below in sorted(p for p in path.iterdir() if not p.name.startswith(".")):
                yield from items(below)
        else:
            yield from _file(path)
    except OSError as error:
        raise GmconfError(f"{path}: {error.strerror or error}") from None


def _file(path: Path) -> Iterator[Item]:
    with path.open("rb") as file:
        if file.read(5) == b"From ":
            yield from _box(path, mailbox.mbox(path, create=False))
            return
        file.seek(0)
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise GmconfError(f"{path}: larger than {LARGEST // 1024**2} MiB; that is no report")
    yield Item(str(path), data, message=data.lstrip()[:1] not in (b"<", b"{") and not data.startswith((b"PK", b"\x1f\x8b")))


def _box(path: Path, box: mailbox.Mailbox[mailbox.Message]) -> Iterator[Item]:
    for key in sorted(box.keys()):
        yield Item(f"{path}: {key}", box.get_bytes(key), message=True)
