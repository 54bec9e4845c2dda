"""Many small files of one folder: the way to it is looked up once, which is most of what opening a small file costs."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

_BLOCK = 1 << 16
_NONE = -1
"""No folder: the system refuses whatever is asked of it."""


class Folder:
    """An open folder; names may lead below it. One that is not there has no files."""

    def __init__(self, path: Path) -> None:
        self._path, self._number = path, _NONE

    def __enter__(self) -> Self:
        if self._path.is_dir():
            self._number = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._number != _NONE:
            os.close(self._number)

    def read(self, name: str, most: int | None = None) -> bytes:
        """What a file holds, or its first ``most`` octets. Raises OSError."""
        if self._number == _NONE:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{self._path}/{name}")
        file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._number)
        try:
            data = os.read(file, most or _BLOCK)
            while most is None and len(data) % _BLOCK == 0 and (more := os.read(file, _BLOCK)):
                data += more
            return data
        finally:
            os.close(file)

    def write(self, name: str, parts: Iterable[bytes]) -> None:
        """A file that holds these, one after the other; it is not there before, or emptied. Raises OSError."""
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666, dir_fd=self._number)
        try:
            for part in parts:
                done = os.write(file, part)
                while done < len(part):
                    done += os.write(file, part[done:])
        finally:
            os.close(file)
