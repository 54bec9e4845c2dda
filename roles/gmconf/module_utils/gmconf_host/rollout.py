"""The whole roll-out on a host: stage, judge, switch, reload, probe,
and put the previous generation back if need be.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import json
import os
import pwd
import time
from collections.abc import Iterator, Sequence
from typing import TextIO

from ansible.module_utils.gmconf_host import entries, units
from ansible.module_utils.gmconf_host.compare import (
    changed_files,
    content_differs,
    ids,
    is_member,
    meta_differs,
    missing_packages,
    missing_users,
    retired,
    stale_compiled,
    unwanted,
)
from ansible.module_utils.gmconf_host.guardian import Guardian
from ansible.module_utils.gmconf_host.host import STATE, Refused, at, filesystem, run
from ansible.module_utils.gmconf_host.journal import AWAITING, FULL, NEXT, Journal
from ansible.module_utils.gmconf_host.manifest import Compile, Diff, Done, Entry, Manifest, Readable
from ansible.module_utils.gmconf_host.places import Places, Unsafe
from ansible.module_utils.gmconf_host.probes import probe
from ansible.module_utils.gmconf_host.stage import Stage

DIFF_LIMIT = 100_000
"""Bytes from which --diff names a file only."""


def switch(
    manifest: Manifest,
    stage: Stage,
    journal: Journal,
    changed: Sequence[Entry],
    compiled: Sequence[Compile],
    extra: Sequence[str],
) -> tuple[list[str], dict[str, list[str]]]:
    """Replace files one by one; the journal lies ready to undo it. Returns the paths touched, and what commands are
    told of them."""
    paths = [*(f["path"] for f in changed), *(c["makes"] for c in compiled), *extra]
    gone = units.of_files(extra)
    with filesystem() as places:
        told = {
            c["name"]: entries.changed(c["when"], places.open, stage.open)
            for c in manifest["commands"]
            if c.get("entries")
        }
        places.put(NEXT, json.dumps({"files": {f["path"]: f["sha256"] for f in manifest["files"]}}).encode(), 0o600)
        journal.open(paths, units.snapshot(manifest) | units.states(gone), told)
        for folder in sorted(manifest["directories"], key=lambda folder: folder["path"]):
            if meta_differs(folder, places):
                places.make(folder["path"], int(folder["mode"], 8), ids(folder))
        for entry in changed:
            # Of what is the host's own only owner and mode are put right.
            with stage.open(entry["path"]) if content_differs(entry, places) else places.open(entry["path"]) as file:
                data = file.read()
            places.put(entry["path"], data, int(entry["mode"], 8), ids(entry))
        for step in compiled:
            with stage.open(step["makes"]) as file:
                places.put(step["makes"], file.read(), 0o644, (0, 0))
        for unit in gone:  # while its file is there: afterwards systemd knows no more what enabled it
            run(["systemctl", "disable", "--now", unit])
        for path in extra:
            places.remove(path)
    return paths, told


def unsafe(
    manifest: Manifest, changed: Sequence[Entry], compiled: Sequence[Compile], extra: Sequence[str], places: Places
) -> Iterator[str]:
    """Sentences about folders to write in where others than root can write too; those that the roll-out gives to root
    are none."""
    given = {folder["path"] for folder in manifest["directories"] if folder["owner"] == "root"}
    folders = {
        path.rpartition("/")[0] for path in (*(f["path"] for f in changed), *(c["makes"] for c in compiled), *extra)
    }
    folders |= {folder["path"].rpartition("/")[0] for folder in manifest["directories"]}
    for folder in sorted(folders - given):
        try:
            places.directory(folder)
        except (FileNotFoundError, NotADirectoryError):
            continue  # it is made, or making it says so
        except Unsafe as error:
            yield str(error)


def make_users(manifest: Manifest) -> None:
    """System users, then memberships: a group may be that of another user made here."""
    missing = missing_users(manifest)
    for user in missing:
        name, home = user["name"], user.get("home", "/nonexistent")
        try:
            pwd.getpwnam(name)
        except KeyError:
            _must(
                [
                    "useradd",
                    "--system",
                    "--user-group",
                    "--no-create-home",
                    "--home-dir",
                    home,
                    "--shell",
                    "/usr/sbin/nologin",
                    name,
                ]
            )
    for user in missing:
        for group in user["groups"]:
            if not is_member(user["name"], group):
                _must(["usermod", "-a", "-G", group, user["name"]])


def _must(argv: Sequence[str]) -> None:
    code, out = run(argv)
    if code:
        raise Refused(f"{' '.join(argv)}: {out}")


def diffs(changed: Sequence[Entry], extra: Sequence[str], stage: Readable, places: Readable) -> list[Diff]:
    """Per-file before and after for --diff; secrets and large files are named only."""
    found: list[Diff] = []
    for entry in changed:
        path = entry["path"]
        if "secret" in entry:
            found.append({"prepared": f"{path}: (secret, not shown)\n"})
            continue
        before, after = text_of(path, places), text_of(path, stage)
        if before == after:
            found.append(
                {"prepared": f"{path}: owner or mode becomes {entry['owner']}:{entry['group']} {entry['mode']}\n"}
            )
            continue
        lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), path, path, n=2)
        found.append({"prepared": "".join(lines)})
    found += [{"prepared": f"{path}: removed\n"} for path in extra]
    return found


def text_of(path: str, places: Readable) -> str:
    """A file's text; empty when it is missing, a note when it is large or others than root may have put it there."""
    try:
        if not places.is_closed(path.rpartition("/")[0]):
            return "(not shown: others than root can write in its folder)\n"
        with places.open(path) as file:
            size = os.fstat(file.fileno()).st_size
            return f"({size} bytes)\n" if size > DIFF_LIMIT else file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def apply(manifest: Manifest, archive: str, check: bool = False, confirm: int = 0) -> Done:
    """Roll out, or with ``check`` say what would happen. Raises Refused.

    With ``confirm`` the roll-out stands only when ``confirmed`` is called within so many seconds.
    """
    made = _state()
    try:
        with _locked() as lock:
            return _apply(manifest, archive, check, confirm, lock)
    finally:
        if check and made:
            with filesystem() as places:
                places.remove_all(STATE)


def confirmed(manifest: Manifest) -> Done:
    """The controller has come over a new connection: the roll-out stands. Raises Refused when it came too late."""
    with filesystem() as places:
        in_time = places.remove(AWAITING)
    with _locked(wait=600):  # the guardian lets go of it when it has done its part
        journal = Journal(STATE, at(""))
        if not in_time:
            raise Refused("rolled back: nobody confirmed the roll-out over a new connection in time", rolled_back=True)
        if journal.read() is not None:
            _finish(manifest, journal)
    return {"changed": True}


def _state() -> bool:
    """Whether the state directory had to be made."""
    with filesystem() as places:
        made = not places.stat(STATE)
        if made:
            places.make(STATE, 0o700)
        places.directory(STATE)
    return made


@contextlib.contextmanager
def _locked(wait: float = 0) -> Iterator[TextIO]:
    end = time.monotonic() + wait
    with open(at(f"{STATE}/lock"), "a+", encoding="utf-8") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() < end:
                    time.sleep(0.2)
                    continue
                lock.seek(0)
                raise Refused(f"another roll-out is under way on this host: {lock.read().strip()}") from None
        _say(lock, f"pid {os.getpid()} since {time.strftime('%Y-%m-%d %H:%M:%S')}")
        yield lock


def _say(lock: TextIO, text: str) -> None:
    lock.truncate(0)
    lock.write(text)
    lock.flush()


def _apply(manifest: Manifest, archive: str, check: bool, confirm: int, lock: TextIO) -> Done:
    packages = missing_packages(manifest)
    journal = Journal(STATE, at(""))
    if journal.read() is not None and not check:
        _go_back(manifest, journal)
    if not check:
        make_users(manifest)

    def back() -> None:
        if not check:
            _go_back(manifest, journal)
        _unstage()

    guardian = Guardian(back, lambda: _finish(manifest, journal))
    awaits = False
    try:
        stage = Stage(manifest, archive)
        if not packages:
            stage.compile()
            stage.judge()
        with filesystem() as places:
            changed, extra = changed_files(manifest, places), unwanted(manifest, places)
            compiled = stale_compiled(manifest, changed, places)
            found = list(unsafe(manifest, changed, compiled, extra, places))
            if found:
                raise Refused("nothing was touched:\n" + "\n".join(found))
            result: Done = {
                "changed": True,
                "diff": diffs(changed, extra, stage, places),
                "files": [f["path"] for f in changed],
                "removed": extra,
            }
        if check:
            return result
        try:
            paths, told = switch(manifest, stage, journal, changed, compiled, extra)
            complaints = units.act(manifest, paths, told) or probe(manifest)
            if not complaints and confirm:
                _say(
                    lock,
                    f"pid {guardian.pid} waits for a confirmation until"
                    f" {time.strftime('%H:%M:%S', time.localtime(time.time() + confirm))}",
                )
                guardian.until_confirmed(confirm)
                awaits = True
                return {**result, "confirm": confirm}
        except Exception as error:  # a full disk, say: whatever it is, the host goes back
            _go_back(manifest, journal)
            raise Refused(f"rolled back: {type(error).__name__}: {error}", rolled_back=True) from error
        if complaints:
            _go_back(manifest, journal)
            raise Refused("rolled back: " + "\n".join(complaints), rolled_back=True)
        _finish(manifest, journal)
        return result
    finally:
        _unstage()
        if not awaits:
            guardian.over()


def _finish(manifest: Manifest, journal: Journal) -> None:
    """The new generation stands; places of an earlier gmconf are emptied."""
    with filesystem() as places:
        if places.stat(NEXT):
            places.move(NEXT, f"{STATE}/generation", 0o600)
        journal.close()
        for path in retired(manifest, places):
            with contextlib.suppress(OSError, RecursionError):  # the next roll-out tries again
                places.remove_all(path)


def _unstage() -> None:
    """Secrets lie in both."""
    with filesystem() as places:
        for folder in ("stage", "judge"):
            places.remove_all(f"{STATE}/{folder}")


def _go_back(manifest: Manifest, journal: Journal) -> None:
    """Put files and units back as the journal has them; without one nothing was touched."""
    noted = journal.read()
    if noted is None:
        with filesystem() as places:
            places.remove(NEXT)
        return
    before = noted["units"]
    try:
        paths = journal.roll_back()
    except OSError as error:
        todo = "make room there" if error.errno in FULL else "mend that"
        raise Refused(
            f"this host could not go back: {error}; {todo}, then roll out again (the next boot tries too)",
            rolled_back=False,
        ) from error
    run(["systemctl", "daemon-reload"])
    units.put_back(before)
    ran = {unit for unit, state in before.items() if state["active"]}
    services = [service for service in manifest["services"] if service["unit"] in ran]
    units.act({**manifest, "services": services, "mask": []}, paths, noted.get("told", {}))
    journal.close()
