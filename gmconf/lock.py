"""One gmconf at a time writes below the secrets folder; what a killed one left half written goes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FRESH = ".new"
"""Files are written as ``.NAME.new`` beside their place, then renamed."""


@contextmanager
def alone(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """Nobody else writes there meanwhile; yields whether somebody did before. Raises BlockingIOError unless ``wait``
    allows to wait.

    The folder itself is locked: nothing lies there afterwards, and the system gives the lock back when the holder is
    killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        waited = False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            waited = True
        for parent, _, names in os.walk(folder):
            for name in names:
                if name.startswith(".") and name.endswith(FRESH):
                    os.unlink(os.path.join(parent, name))
        yield waited
    finally:
        os.close(descriptor)
