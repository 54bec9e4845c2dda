"""What is being switched, written down durably before the first file is touched.

With the journal the previous generation can be put back at any moment: after a failed probe, at the next roll-out, or at
boot when the host went down in the middle (this file, run as a program, by gmconf-recover.service). It stands alone.
"""

from __future__ import annotations

import json
import os
import shutil
import stat


class Journal:
    """The journal in a state directory; ``root`` stands before every path of the host."""

    def __init__(self, folder="/var/lib/gmconf", root=""):
        self.root = root
        self.path = f"{root}{folder}/journal"
        self.saved = f"{root}{folder}/saved"

    def open(self, paths, units):
        """Save the present state of all paths, and note the one of all units, durably."""
        shutil.rmtree(self.saved, ignore_errors=True)
        os.makedirs(self.saved, 0o700)
        entries = []
        for number, path in enumerate(paths):
            entry = {"path": path, "saved": None}
            if os.path.islink(self.root + path):
                entry["link"] = os.readlink(self.root + path)
            elif os.path.exists(self.root + path):
                found = os.stat(self.root + path)
                entry |= {"saved": str(number), "uid": found.st_uid, "gid": found.st_gid, "mode": stat.S_IMODE(found.st_mode)}
                with open(self.root + path, "rb") as live:
                    put(f"{self.saved}/{number}", live.read(), 0o600)
            entries.append(entry)
        put(self.path, json.dumps({"files": entries, "units": units}).encode(), 0o600)

    def read(self):
        """{"files": what to put back, "units": how they were}, or None when nothing is being switched."""
        try:
            with open(self.path, encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return None

    def roll_back(self):
        """Put all files back; returns the paths touched. The journal stays until ``close``."""
        entries = (self.read() or {"files": []})["files"]
        for entry in entries:
            path = self.root + entry["path"]
            if os.path.exists(f"{path}.gmconf-new"):
                os.unlink(f"{path}.gmconf-new")
            if entry.get("link"):
                replace_link(path, entry["link"])
            elif entry["saved"] is None:
                if os.path.lexists(path):
                    os.unlink(path)
            else:
                with open(f"{self.saved}/{entry['saved']}", "rb") as file:
                    put(path, file.read(), entry["mode"], (entry["uid"], entry["gid"]))
        return [entry["path"] for entry in entries]

    def close(self):
        """The switch is over."""
        if os.path.exists(self.path):
            os.unlink(self.path)
            sync_directory(os.path.dirname(self.path))


def put(path, data, mode, owner=None):
    """A whole file, durable: written beside, renamed over."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fresh = f"{path}.gmconf-new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        if owner and os.geteuid() == 0:
            os.fchown(file.fileno(), *owner)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    sync_directory(os.path.dirname(path))


def replace_link(path, target):
    """A symbolic link, put in place atomically."""
    fresh = f"{path}.gmconf-new"
    if os.path.lexists(fresh):
        os.unlink(fresh)
    os.symlink(target, fresh)
    os.replace(fresh, path)


def sync_directory(path):
    """Make names durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    journal = Journal()
    for touched in journal.roll_back():
        print(f"put back {touched}")
    journal.close()
    for left in ("stage", "judge"):  # secrets lie in them
        shutil.rmtree(f"/var/lib/gmconf/{left}", ignore_errors=True)
