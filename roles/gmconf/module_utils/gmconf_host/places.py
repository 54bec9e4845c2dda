"""Files of the host by descriptors of their directories, entered one name after the other: what a daemon planted leads
nowhere.

Root writes only where nobody else can: a directory counts as closed when it and all above it are root's and nobody else
may write there. A link is followed in a closed directory only, and only when it is root's own. Stands alone, with the
standard library.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections import deque
from collections.abc import Iterator
from io import BufferedReader

STAFF = 50
"""Debian's group for /usr/local, which its policy calls as powerful as root."""
LINKS = 40
"""As many links on one way as the kernel itself would follow."""
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FRESH = ".gmconf-new"


class Unsafe(OSError):
    """A way that leads through what others than root can change; the text is for the operator."""

    def __str__(self) -> str:
        return str(self.args[0])


class Places:
    """The file system of the host; ``root`` stands before every path. Directories stay open until ``close``."""

    def __init__(self, root: str = "") -> None:
        self._root = (os.open(root or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), True)
        self._opened: dict[str, tuple[int, bool]] = {}

    def __enter__(self) -> Places:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all directories."""
        self.forget()
        os.close(self._root[0])

    def forget(self) -> None:
        """Look at every directory anew: owner or mode of one has changed."""
        for descriptor, _ in self._opened.values():
            os.close(descriptor)
        self._opened.clear()

    def directory(self, path: str, guarded: bool = True) -> int:
        """The descriptor of a directory, valid until ``forget``. Raises Unsafe when others can write there, OSError
        when there is none."""
        if path not in self._opened:
            self._opened[path] = self._walk(path)
        descriptor, closed = self._opened[path]
        if guarded and not closed:
            raise Unsafe(
                f"{path or '/'}: others than root can write there or above it; {_whose(descriptor)}. Give it to root,"
                " or look for who changed it"
            )
        return descriptor

    def is_closed(self, path: str) -> bool:
        """Whether nobody but root can change what lies in a directory."""
        self.directory(path, guarded=False)
        return self._opened[path][1]

    def _walk(self, path: str) -> tuple[int, bool]:
        held, names, links = [(os.dup(self._root[0]), True)], deque(path.split("/")), 0
        try:
            while names:
                name = names.popleft()
                if name in ("", "."):
                    continue
                if name == "..":
                    if len(held) > 1:
                        os.close(held.pop()[0])
                    continue
                here, closed = held[-1]
                try:
                    below = os.open(name, DIRECTORY, dir_fd=here)
                except OSError:
                    seen = os.stat(name, dir_fd=here, follow_symlinks=False)
                    if not stat.S_ISLNK(seen.st_mode):
                        raise
                    links += 1
                    if not closed or not _is_roots(seen.st_uid) or links > LINKS:
                        raise Unsafe(
                            f"{path}: {name} in it is a symbolic link that others than root can have made; remove it"
                        ) from None
                    target = os.readlink(name, dir_fd=here)
                    names.extendleft(reversed(target.split("/")))
                    if target.startswith("/"):
                        while len(held) > 1:
                            os.close(held.pop()[0])
                    continue
                held.append((below, closed and _only_root_writes(os.fstat(below))))
            return held.pop()
        finally:
            for descriptor, _ in held:
                os.close(descriptor)

    def stat(self, path: str) -> os.stat_result | None:
        """What lies there, links not followed; None: nothing."""
        folder, _, name = path.rpartition("/")
        try:
            return os.stat(name, dir_fd=self.directory(folder, guarded=False), follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open(self, path: str) -> BufferedReader:
        """A regular file for reading, in bytes. Raises OSError when there is none; a pipe or a link is none."""
        folder, _, name = path.rpartition("/")
        descriptor = os.open(
            name,
            os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
            dir_fd=self.directory(folder, guarded=False),
        )
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise FileNotFoundError(f"{path}: not a regular file")
        return os.fdopen(descriptor, "rb")

    def read_link(self, path: str) -> str:
        """Where a symbolic link points."""
        folder, _, name = path.rpartition("/")
        return os.readlink(name, dir_fd=self.directory(folder, guarded=False))

    def files(self, path: str) -> Iterator[str]:
        """Paths of all that is no directory below one, in any depth; nothing when there is none."""
        try:
            descriptor = self.directory(path.rstrip("/"), guarded=False)
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in os.listdir(descriptor):
            below = f"{path.rstrip('/')}/{name}"
            if stat.S_ISDIR(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
                yield from self.files(below)
            else:
                yield below

    def make(self, path: str, mode: int = 0o755, owner: tuple[int, int] | None = None) -> None:
        """A directory, and those above it; one that is there gets owner and mode. Only its place has to be root's."""
        above, _, name = path.rpartition("/")
        try:
            parent = self.directory(above)
        except FileNotFoundError:
            self.make(above)
            parent = self.directory(above)
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
            self.forget()
            parent = self.directory(above)
        try:
            descriptor = os.open(name, DIRECTORY, dir_fd=parent)
        except OSError:  # a link of root's own in a directory of root's own
            descriptor = os.dup(self.directory(path, guarded=False))
        try:
            if owner and os.geteuid() == 0:
                os.fchown(descriptor, *owner)
            os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)
        self.forget()

    def put(self, path: str, data: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
        """A whole file, durable: made anew beside, renamed over."""
        folder, _, name = path.rpartition("/")
        parent = self._folder(folder)
        self._clear(parent, name)
        descriptor = os.open(
            name + FRESH, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=parent
        )
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                _belongs(file.fileno(), mode, owner)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name + FRESH, name, src_dir_fd=parent, dst_dir_fd=parent)
        except OSError:
            self._clear(parent, name)  # on a full disk it would be in the way of what goes back
            raise
        os.fsync(parent)

    def move(self, source: str, path: str, mode: int, owner: tuple[int, int] | None = None) -> None:
        """A file to another place of the same file system, durable; it needs no room. Raises OSError when that is
        another file system."""
        below, _, was = source.rpartition("/")
        folder, _, name = path.rpartition("/")
        here, parent = self.directory(below), self._folder(folder)
        with self.open(source) as file:
            _belongs(file.fileno(), mode, owner)
            os.fsync(file.fileno())
        os.replace(was, name, src_dir_fd=here, dst_dir_fd=parent)
        os.fsync(parent)

    def put_link(self, path: str, target: str) -> None:
        """A symbolic link, put in place atomically."""
        folder, _, name = path.rpartition("/")
        parent = self._folder(folder)
        self._clear(parent, name)
        os.symlink(target, name + FRESH, dir_fd=parent)
        os.replace(name + FRESH, name, src_dir_fd=parent, dst_dir_fd=parent)
        os.fsync(parent)

    def _folder(self, path: str) -> int:
        try:
            return self.directory(path)
        except FileNotFoundError:
            self.make(path)
            return self.directory(path)

    @staticmethod
    def _clear(parent: int, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name + FRESH, dir_fd=parent)

    def sweep(self, path: str) -> None:
        """What a ``put`` that was cut short left beside a file."""
        folder, _, name = path.rpartition("/")
        self._clear(self.directory(folder), name)

    def remove(self, path: str) -> bool:
        """A file or link, with what a ``put`` that was cut short left beside it; whether there was one."""
        folder, _, name = path.rpartition("/")
        try:
            parent = self.directory(folder)
            self._clear(parent, name)
            os.unlink(name, dir_fd=parent)
        except (FileNotFoundError, NotADirectoryError):
            return False
        os.fsync(parent)
        return True

    def remove_all(self, path: str) -> None:
        """Whatever lies there, wherever it lies: only names go, and no link is followed. Raises OSError when something
        of it stays."""
        folder, _, name = path.rpartition("/")
        try:
            parent = self.directory(folder, guarded=False)
            seen = os.stat(name, dir_fd=parent, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return
        if stat.S_ISDIR(seen.st_mode):
            shutil.rmtree(name, dir_fd=parent)
        else:
            os.unlink(name, dir_fd=parent)
        self.forget()


def _belongs(descriptor: int, mode: int, owner: tuple[int, int] | None) -> None:
    if owner and os.geteuid() == 0:
        os.fchown(descriptor, *owner)
    os.fchmod(descriptor, mode)


def _is_roots(uid: int) -> bool:
    return uid in (0, os.geteuid())


def _only_root_writes(seen: os.stat_result) -> bool:
    shared = seen.st_mode & stat.S_IWGRP and seen.st_gid not in (0, STAFF, os.getegid())
    return _is_roots(seen.st_uid) and not shared and not seen.st_mode & stat.S_IWOTH


def _whose(descriptor: int) -> str:
    seen = os.fstat(descriptor)
    return f"it belongs to user {seen.st_uid} and group {seen.st_gid}, mode {stat.S_IMODE(seen.st_mode):04o}"
