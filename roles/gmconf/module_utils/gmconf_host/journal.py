"""What is being switched, written down durably before the first file is touched.

With the journal the previous generation can be put back at any moment: after a failed probe, at the next roll-out, or
at boot when the host went down in the middle (this file, run as a program, by gmconf-recover.service).
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from typing import NotRequired, TypedDict

try:
    from ansible.module_utils.gmconf_host.places import Places, Unsafe
except ImportError:  # a program, with that file beside it
    from places import Places, Unsafe  # type: ignore[no-redef]  # the same file

STATE = "/var/lib/gmconf"
AWAITING = f"{STATE}/awaiting"
"""There while a switch is to be confirmed."""
NEXT = f"{STATE}/next"
"""What will be the note of the generation that is live: written before the first file,
so that its end needs no room.
"""
FULL = (errno.ENOSPC, errno.EDQUOT)


class State(TypedDict):
    """How a unit is; ``not_here``: a condition keeps it from running on this host."""

    enabled: bool
    masked: bool
    known: bool
    active: bool
    not_here: bool


class Saved(TypedDict):
    """How a path was: a link, a file whose bytes are ``saved`` under a number, or not there."""

    path: str
    saved: str | None
    link: NotRequired[str]
    uid: NotRequired[int]
    gid: NotRequired[int]
    mode: NotRequired[int]


class Noted(TypedDict):
    """What to put back, how the units were, the names of changed entries."""

    files: list[Saved]
    units: dict[str, State]
    told: NotRequired[dict[str, list[str]]]


class Journal:
    """The journal in a state directory; ``root`` stands before every path of the host."""

    def __init__(self, folder: str = STATE, root: str = "") -> None:
        self.root = root
        self.path = f"{folder}/journal"
        self.saved = f"{folder}/saved"

    def open(self, paths: Sequence[str], units: Mapping[str, State], told: Mapping[str, list[str]]) -> None:
        """Save the present state of all paths, and note the one of all units and what commands are told, durably."""
        with Places(self.root) as places:
            places.remove_all(self.saved)
            places.make(self.saved, 0o700)
            entries = [self._save(places, path, str(number)) for number, path in enumerate(paths)]
            places.put(self.path, json.dumps({"files": entries, "units": units, "told": told}).encode(), 0o600)

    def _save(self, places: Places, path: str, number: str) -> Saved:
        found = places.stat(path)
        if found is not None and stat.S_ISLNK(found.st_mode):
            return {"path": path, "saved": None, "link": places.read_link(path)}
        if found is None or not stat.S_ISREG(found.st_mode):
            return {"path": path, "saved": None}
        with places.open(path) as live:
            found = os.fstat(live.fileno())
            places.put(f"{self.saved}/{number}", live.read(), 0o600)
        return {"path": path, "saved": number, "uid": found.st_uid, "gid": found.st_gid, "mode": found.st_mode & 0o777}

    def read(self) -> Noted | None:
        """{"files": what to put back, "units": how they were, "told": names of changed entries}, or None when nothing
        is being switched."""
        try:
            with Places(self.root) as places, places.open(self.path) as file:
                noted: Noted = json.load(file)
                return noted
        except (OSError, ValueError):
            return None

    def roll_back(self) -> list[str]:
        """Put all files back; returns the paths touched. The journal stays until ``close``.

        Raises OSError when some could not be put back, after the others were.
        """
        entries, failed = (self.read() or {"files": []})["files"], None
        with Places(self.root) as places:
            places.remove(AWAITING)  # what is taken back can no more be confirmed
            places.remove(NEXT)
            for entry in entries:
                try:
                    self._put_back(places, entry)
                except Unsafe:
                    pass  # nothing was written there either
                except OSError as error:
                    failed = OSError(error.errno, error.strerror, entry["path"])
        if failed:
            raise failed
        return [entry["path"] for entry in entries]

    def _put_back(self, places: Places, entry: Saved) -> None:
        if entry.get("link"):
            places.put_link(entry["path"], entry["link"])
        elif entry["saved"] is None:
            places.remove(entry["path"])
        elif places.stat(f"{self.saved}/{entry['saved']}"):  # else it was moved back already
            self._put_file_back(places, entry, f"{self.saved}/{entry['saved']}")

    @staticmethod
    def _put_file_back(places: Places, entry: Saved, saved: str) -> None:
        path, mode, owner = entry["path"], entry["mode"], (entry["uid"], entry["gid"])
        with places.open(saved) as file:
            data = file.read()
        if _is_back(places, path, data, mode, owner):
            places.sweep(path)
            return
        try:
            places.put(path, data, mode, owner)
        except OSError as error:
            if error.errno not in FULL:
                raise
            try:
                places.move(saved, path, mode, owner)
            except OSError:  # another file system: there has to be room
                raise error from None

    def close(self) -> None:
        """The switch is over."""
        with Places(self.root) as places:
            places.remove(self.path)


def _is_back(places: Places, path: str, data: bytes, mode: int, owner: tuple[int, int]) -> bool:
    found = places.stat(path)
    if (
        found is None
        or not stat.S_ISREG(found.st_mode)
        or (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) != (mode, *owner)
    ):
        return False
    with places.open(path) as file:
        return file.read() == data


if __name__ == "__main__":
    journal = Journal()
    for touched in journal.roll_back():
        print(f"put back {touched}")
    journal.close()
    for left in ("stage", "judge"):  # secrets lie in them
        shutil.rmtree(f"{STATE}/{left}", ignore_errors=True)
