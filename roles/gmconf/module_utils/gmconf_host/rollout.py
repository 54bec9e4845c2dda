"""The whole roll-out on a host: stage, judge, switch, reload, probe, and put the previous generation back if need be."""

from __future__ import annotations

import difflib
import fcntl
import json
import os
import pwd
import shutil
import time

from ansible.module_utils.gmconf_host import units
from ansible.module_utils.gmconf_host.compare import (
    changed_files,
    content_differs,
    ids,
    is_member,
    meta_differs,
    missing_packages,
    missing_users,
    stale_compiled,
    unwanted,
)
from ansible.module_utils.gmconf_host.host import STATE, Refused, at, run
from ansible.module_utils.gmconf_host.journal import Journal, put
from ansible.module_utils.gmconf_host.probes import probe
from ansible.module_utils.gmconf_host.stage import Stage

DIFF_LIMIT = 100_000
"""Bytes from which --diff names a file only."""


def switch(manifest, stage, journal, changed, compiled, extra):
    """Replace files one by one; the journal lies ready to undo it. Returns the paths touched."""
    paths = [*(f["path"] for f in changed), *(c["makes"] for c in compiled), *extra]
    gone = units.of_files(extra)
    journal.open(paths, units.snapshot(manifest) | units.states(gone))
    for folder in manifest["directories"]:
        if meta_differs(folder, at(folder["path"])):
            os.makedirs(at(folder["path"]), exist_ok=True)
            owner = ids(folder)
            if owner and os.geteuid() == 0:
                os.chown(at(folder["path"]), *owner)
            os.chmod(at(folder["path"]), int(folder["mode"], 8))
    for entry in changed:
        # Of what is the host's own only owner and mode are put right.
        source = stage.root + entry["path"] if content_differs(entry) else at(entry["path"])
        with open(source, "rb") as file:
            put(at(entry["path"]), file.read(), int(entry["mode"], 8), ids(entry))
    for step in compiled:
        with open(stage.root + step["makes"], "rb") as file:
            put(at(step["makes"]), file.read(), 0o644, (0, 0))
    for unit in gone:  # while its file is there: afterwards systemd knows no more what enabled it
        run(["systemctl", "disable", "--now", unit])
    for path in extra:
        os.unlink(at(path))
    return paths


def make_users(manifest):
    """System users, then memberships: a group may be that of another user made here."""
    missing = missing_users(manifest)
    for user in missing:
        name, home = user["name"], user.get("home", "/nonexistent")
        try:
            pwd.getpwnam(name)
        except KeyError:
            _must(["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", home, "--shell", "/usr/sbin/nologin", name])
    for user in missing:
        for group in user["groups"]:
            if not is_member(user["name"], group):
                _must(["usermod", "-a", "-G", group, user["name"]])


def _must(argv):
    code, out = run(argv)
    if code:
        raise Refused(f"{' '.join(argv)}: {out}")


def diffs(changed, extra, stage):
    """Per-file before and after for --diff; secrets and large files are named only."""
    found = []
    for entry in changed:
        path = entry["path"]
        if "secret" in entry:
            found.append({"prepared": f"{path}: (secret, not shown)\n"})
            continue
        before, after = text_of(at(path)), text_of(stage.root + path)
        if before == after:
            found.append({"prepared": f"{path}: owner or mode becomes {entry['owner']}:{entry['group']} {entry['mode']}\n"})
            continue
        lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), path, path, n=2)
        found.append({"prepared": "".join(lines)})
    found += [{"prepared": f"{path}: removed\n"} for path in extra]
    return found


def text_of(path):
    """A file's text; empty when it is missing, a note when it is large."""
    try:
        if os.path.getsize(path) > DIFF_LIMIT:
            return f"({os.path.getsize(path)} bytes)\n"
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def apply(manifest, archive, check=False):
    """Roll out, or with ``check`` say what would happen. Raises Refused."""
    os.makedirs(at(STATE), 0o700, exist_ok=True)
    with open(at(f"{STATE}/lock"), "a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise Refused(f"another roll-out is under way on this host: {lock.read().strip()}") from None
        lock.truncate(0)
        lock.write(f"pid {os.getpid()} since {time.strftime('%Y-%m-%d %H:%M:%S')}")
        lock.flush()
        return _apply(manifest, archive, check)


def _apply(manifest, archive, check):
    packages = missing_packages(manifest)
    journal = Journal(STATE, at(""))
    if journal.read() is not None and not check:
        _go_back(manifest, journal)
    if not check:
        make_users(manifest)
    stage = Stage(manifest, archive)
    try:
        if not packages:
            stage.compile()
            stage.judge()
        changed, extra = changed_files(manifest), unwanted(manifest)
        compiled = stale_compiled(manifest, changed)
        result = {"changed": True, "diff": diffs(changed, extra, stage), "files": [f["path"] for f in changed], "removed": extra}
        if check:
            return result
        try:
            paths = switch(manifest, stage, journal, changed, compiled, extra)
            complaints = units.act(manifest, paths) or probe(manifest)
        except Exception as error:  # a full disk, say: whatever it is, the host goes back
            _go_back(manifest, journal)
            raise Refused(f"rolled back: {type(error).__name__}: {error}", rolled_back=True) from error
        if complaints:
            _go_back(manifest, journal)
            raise Refused("rolled back: " + "\n".join(complaints), rolled_back=True)
        put(at(f"{STATE}/generation"), json.dumps({"files": {f["path"]: f["sha256"] for f in manifest["files"]}}).encode(), 0o600)
        journal.close()
        return result
    finally:
        shutil.rmtree(stage.root, ignore_errors=True)
        shutil.rmtree(stage.judged, ignore_errors=True)


def _go_back(manifest, journal):
    """Put files and units back as the journal has them; without one nothing was touched."""
    noted = journal.read()
    if noted is None:
        return
    before = noted["units"]
    paths = journal.roll_back()
    run(["systemctl", "daemon-reload"])
    units.put_back(before)
    ran = {unit for unit, state in before.items() if state["active"]}
    services = [service for service in manifest["services"] if service["unit"] in ran]
    units.act({**manifest, "services": services, "mask": []}, paths)
    journal.close()
