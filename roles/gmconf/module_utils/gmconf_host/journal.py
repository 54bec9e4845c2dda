"""What is being switched, written down durably before the first file is touched.

With the journal the previous generation can be put back at any moment: after a failed probe, at the next roll-out, or at
boot when the host went down in the middle (this file, run as a program, by gmconf-recover.service).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat

try:
    from ansible.module_utils.gmconf_host.places import Places, Unsafe
except ImportError:  # a program, with that file beside it
    from places import Places, Unsafe

STATE = "/var/lib/gmconf"
AWAITING = f"{STATE}/awaiting"
"""There while a switch is to be confirmed."""


class Journal:
    """The journal in a state directory; ``root`` stands before every path of the host."""

    def __init__(self, folder=STATE, root=""):
        self.root = root
        self.path = f"{folder}/journal"
        self.saved = f"{folder}/saved"

    def open(self, paths, units, told):
        """Save the present state of all paths, and note the one of all units and what commands are told, durably."""
        with Places(self.root) as places:
            places.remove_all(self.saved)
            places.make(self.saved, 0o700)
            entries = [self._save(places, path, str(number)) for number, path in enumerate(paths)]
            places.put(self.path, json.dumps({"files": entries, "units": units, "told": told}).encode(), 0o600)

    def _save(self, places, path, number):
        found = places.stat(path)
        if found is not None and stat.S_ISLNK(found.st_mode):
            return {"path": path, "saved": None, "link": places.read_link(path)}
        if found is None or not stat.S_ISREG(found.st_mode):
            return {"path": path, "saved": None}
        with places.open(path) as live:
            found = os.fstat(live.fileno())
            places.put(f"{self.saved}/{number}", live.read(), 0o600)
        return {"path": path, "saved": number, "uid": found.st_uid, "gid": found.st_gid, "mode": found.st_mode & 0o777}

    def read(self):
        """{"files": what to put back, "units": how they were, "told": names of changed entries}, or None when nothing is being switched."""
        try:
            with Places(self.root) as places, places.open(self.path) as file:
                return json.load(file)
        except (OSError, ValueError):
            return None

    def roll_back(self):
        """Put all files back; returns the paths touched. The journal stays until ``close``."""
        entries = (self.read() or {"files": []})["files"]
        with Places(self.root) as places:
            places.remove(AWAITING)  # what is taken back can no more be confirmed
            for entry in entries:
                with contextlib.suppress(Unsafe):  # nothing was written there either
                    self._put_back(places, entry)
        return [entry["path"] for entry in entries]

    def _put_back(self, places, entry):
        if entry.get("link"):
            places.put_link(entry["path"], entry["link"])
        elif entry["saved"] is None:
            places.remove(entry["path"])
        else:
            with places.open(f"{self.saved}/{entry['saved']}") as file:
                places.put(entry["path"], file.read(), entry["mode"], (entry["uid"], entry["gid"]))

    def close(self):
        """The switch is over."""
        with Places(self.root) as places:
            places.remove(self.path)


if __name__ == "__main__":
    journal = Journal()
    for touched in journal.roll_back():
        print(f"put back {touched}")
    journal.close()
    for left in ("stage", "judge"):  # secrets lie in them
        shutil.rmtree(f"{STATE}/{left}", ignore_errors=True)
