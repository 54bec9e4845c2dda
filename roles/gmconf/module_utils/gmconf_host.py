"""What happens on the host. Standard library only; Python 3.11 and newer.

State lies in /var/lib/gmconf (root only): ``stage`` the tree being judged, ``saved`` the bytes of the previous
generation, ``journal`` what is being switched (present only meanwhile), ``generation`` what is live.
"""

from __future__ import annotations

import difflib
import fcntl
import fnmatch
import grp
import hashlib
import json
import os
import pwd
import re
import shutil
import socket
import ssl
import stat
import subprocess
import tarfile
import time

ROOT = ""
STATE = "/var/lib/gmconf"
DIFF_LIMIT = 100_000
PROBE_WITHIN = 45


class Refused(Exception):
    """The roll-out stops; the text is for the operator. ``details`` goes into the task's result."""

    def __init__(self, message, **details):
        super().__init__(message)
        self.details = details


def at(path):
    """A host path below the root (another one than / in tests)."""
    return ROOT + path


def run(argv, timeout=120):
    """(exit code, output of both streams)."""
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False,
                              stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C.UTF-8"})  # fmt: skip
    except FileNotFoundError:
        return 127, f"{argv[0]}: not installed"
    except subprocess.TimeoutExpired:
        return 124, f"{argv[0]}: no answer within {timeout} s"
    return done.returncode, done.stdout.decode("utf-8", "replace").strip()


# ---- comparing


def digest_of(path):
    """SHA-256 of a regular file, None when there is none."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def ids(entry):
    """(uid, gid), or None while user or group do not exist yet."""
    try:
        return pwd.getpwnam(entry["owner"]).pw_uid, grp.getgrnam(entry["group"]).gr_gid
    except KeyError:
        return None


def meta_differs(entry, path):
    """Whether owner, group or mode differ from what is wanted."""
    try:
        found = os.lstat(path)
    except OSError:
        return True
    wanted = ids(entry)
    return (found.st_uid, found.st_gid) != wanted or stat.S_IMODE(found.st_mode) != int(entry["mode"], 8)


def missing_packages(manifest):
    """Packages that are not installed."""
    code, out = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *manifest["packages"]])
    have = {line.split()[0] for line in out.splitlines() if line.endswith(" installed")}
    return sorted(set(manifest["packages"]) - have)


def changed_files(manifest):
    """Entries whose content or metadata differ."""
    return [
        f for f in manifest["files"]
        if digest_of(at(f["path"])) != f["sha256"] or meta_differs(f, at(f["path"]))
    ]  # fmt: skip


def unwanted(manifest):
    """Files that may not be there: in owned directories, and those named absent."""
    keep = {f["path"] for f in manifest["files"]} | {c["makes"] for c in manifest["compile"]}
    found = [path for path in manifest["absent"] if os.path.lexists(at(path))]
    for folder in manifest["owned"]:
        for parent, _, names in os.walk(at(folder)):
            paths = (os.path.join(parent, name)[len(ROOT):] for name in names)
            found += [path for path in paths if path not in keep]
    return sorted(found)


def stale_compiled(manifest, changed):
    """Derived files to be made again."""
    paths = {f["path"] for f in changed}
    return [c for c in manifest["compile"] if c["source"] in paths or not os.path.exists(at(c["makes"]))]


def missing_users(manifest):
    """Users, or memberships of groups, that are not there."""
    found = []
    for user in manifest["users"]:
        try:
            pwd.getpwnam(user["name"])
        except KeyError:
            found.append(user)
            continue
        if any(not _is_member(user["name"], group) for group in user["groups"]):
            found.append(user)
    return found


def _is_member(name, group):
    try:
        return name in grp.getgrnam(group).gr_mem
    except KeyError:
        return False


def unit_state(unit):
    """(enabled, active) of a systemd unit."""
    code, out = run(["systemctl", "show", "-p", "UnitFileState,ActiveState", "--value", unit])
    words = (out.split("\n") + ["", ""])[:2]
    states = set(words)
    return bool(states & {"enabled", "static", "alias", "generated", "enabled-runtime"}), "active" in states


def wrong_units(manifest):
    """Units that do not run or are not enabled, and units that are not masked."""
    found = []
    for service in manifest["services"]:
        enabled, active = unit_state(service["unit"])
        if service["enabled"] and not (enabled and (active or service.get("oneshot"))):
            found.append(service["unit"])
    for unit in manifest["mask"]:
        code, out = run(["systemctl", "is-enabled", unit])
        if out not in ("masked", "masked-runtime") and "not-found" not in out and "No such file" not in out:
            found.append(unit)
    return found


def compare(manifest):
    """What differs; nothing is written. ``need`` are the digests the host lacks."""
    packages = missing_packages(manifest)
    changed = changed_files(manifest)
    extra = unwanted(manifest)
    directories = [d for d in manifest["directories"] if meta_differs(d, at(d["path"]))]
    compiled = stale_compiled(manifest, changed)
    users = missing_users(manifest)
    units = [] if packages else wrong_units(manifest)
    live = {digest_of(at(f["path"])) for f in manifest["files"]}
    need = sorted({f["sha256"] for f in manifest["files"]} - live)
    interrupted = os.path.exists(at(f"{STATE}/journal"))
    differs = bool(packages or changed or extra or directories or compiled or users or units or interrupted)
    return {"changed": differs, "missing_packages": packages, "need": need, "units": units}


# ---- staging and judging


class Stage:
    """The new tree in a directory of its own, as it will lie on the host, and a copy for the judges."""

    def __init__(self, manifest, archive):
        self.manifest = manifest
        self.root = at(f"{STATE}/stage")
        self.judged = at(f"{STATE}/judge")
        for folder in (self.root, self.judged):
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder, 0o700)
        self._contents(archive)

    def _contents(self, archive):
        by_digest = {}
        for entry in self.manifest["files"]:
            by_digest.setdefault(entry["sha256"], []).append(entry)
        with tarfile.open(archive) as tar:
            for member in tar:
                data = tar.extractfile(member).read()
                if hashlib.sha256(data).hexdigest() != member.name:
                    raise Refused(f"the archive is damaged: {member.name}")
                for entry in by_digest.pop(member.name, ()):
                    self._put(entry, data)
        for digest, entries in by_digest.items():
            live = next(f["path"] for f in self.manifest["files"] if digest_of(at(f["path"])) == digest)
            with open(at(live), "rb") as file:
                data = file.read()
            for entry in entries:
                self._put(entry, data)

    def _put(self, entry, data):
        for root, content in ((self.root, data), (self.judged, self._rewritten(data))):
            path = root + entry["path"]
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
            owner = ids(entry)
            if owner and os.geteuid() == 0:
                os.chown(path, *owner)
            os.chmod(path, int(entry["mode"], 8))

    def _rewritten(self, data):
        """Paths that this roll-out delivers, as they lie in the copy for the judges."""
        if b"\0" in data:
            return data
        if not hasattr(self, "_pattern"):
            prefixes = list(self.manifest["stage_prefixes"])
            paths = [f["path"] for f in self.manifest["files"] if not f["path"].startswith(tuple(prefixes) or ("\0",))]
            words = "|".join(re.escape(w) for w in sorted((*prefixes, *paths), key=len, reverse=True))
            self._pattern = re.compile(rf"(?<![\w/.-])(?:{words})".encode()) if words else None
        if self._pattern is None:
            return data
        return self._pattern.sub(lambda m: self.judged.encode() + m.group(), data)

    def argv(self, words):
        """{/path} becomes the path in the copy for the judges."""
        return [re.sub(r"\{(/[^}]*)\}", lambda m: self.judged + m.group(1), word) for word in words]

    def clean(self, text):
        """Judges speak of the copy; the operator knows the real paths."""
        return text.replace(self.judged, "")

    def compile(self):
        """Make derived files in the copy and take them over."""
        for step in self.manifest["compile"]:
            code, out = run(self.argv(step["argv"]))
            if code:
                raise Refused(f"{step['source']} was refused by {step['argv'][0]}:\n{self.clean(out)}")
            made = self.judged + step["makes"]
            os.makedirs(os.path.dirname(self.root + step["makes"]), exist_ok=True)
            shutil.copy2(made, self.root + step["makes"])
            os.chmod(self.root + step["makes"], 0o644)

    def judge(self):
        """Ask the host's own tools; all complaints together."""
        complaints = []
        for step in self.manifest["validate"]:
            code, out = run(self.argv(step["argv"]))
            if code == 127:
                raise Refused(f"{step['name']}: {out}")
            bad = [line for line in out.splitlines() if any(re.search(p, line) for p in step.get("refuse", ()))]
            if code or bad:
                complaints.append(f"{step['name']} refused the new configuration ({' '.join(step['argv'][:2])}):\n"
                                  + self.clean("\n".join(bad) if bad and not code else out))  # fmt: skip
        for pair in self.manifest["tls"]:
            complaints += [f"tls: {text}" for text in self._pair(pair)]
        if complaints:
            raise Refused("\n\n".join(complaints))

    def _pair(self, pair):
        certificate, key = self.root + pair["certificate"], self.root + pair["key"]
        _, of_certificate = run(["openssl", "x509", "-in", certificate, "-noout", "-pubkey"])
        _, of_key = run(["openssl", "pkey", "-in", key, "-pubout"])
        if "BEGIN PUBLIC KEY" not in of_certificate or of_certificate != of_key:
            yield f"{pair['key']} is not the key of {pair['certificate']}"
            return
        if run(["openssl", "x509", "-in", certificate, "-noout", "-checkend", "0"])[0]:
            yield f"{pair['certificate']} has expired"
        for name in pair["names"]:
            if "does match" not in run(["openssl", "x509", "-in", certificate, "-noout", "-checkhost", name])[1]:
                yield f"{pair['certificate']} is not for {name}"


# ---- switching


class Journal:
    """What is being switched, written before the first file is touched; with it everything can be put back."""

    def __init__(self):
        self.path = at(f"{STATE}/journal")
        self.saved = at(f"{STATE}/saved")

    def open(self, paths):
        """Save the present state of all paths, durably."""
        shutil.rmtree(self.saved, ignore_errors=True)
        os.makedirs(self.saved, 0o700)
        entries = []
        for number, path in enumerate(paths):
            entry = {"path": path, "saved": None}
            if os.path.islink(at(path)):
                entry["link"] = os.readlink(at(path))
            elif os.path.exists(at(path)):
                found = os.stat(at(path))
                entry |= {"saved": str(number), "uid": found.st_uid, "gid": found.st_gid, "mode": stat.S_IMODE(found.st_mode)}
                shutil.copyfile(at(path), f"{self.saved}/{number}")
            entries.append(entry)
        sync_tree(self.saved)
        put(self.path, json.dumps(entries).encode(), 0o600)

    def entries(self):
        """What the journal holds, or None."""
        try:
            with open(self.path, encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return None

    def roll_back(self):
        """Put everything back; returns the paths touched."""
        entries = self.entries() or []
        for entry in entries:
            path = at(entry["path"])
            if entry.get("link"):
                replace_link(path, entry["link"])
            elif entry["saved"] is None:
                if os.path.lexists(path):
                    os.unlink(path)
            else:
                with open(f"{self.saved}/{entry['saved']}", "rb") as file:
                    put(path, file.read(), entry["mode"], (entry["uid"], entry["gid"]))
        self.close()
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


def sync_tree(folder):
    """Make every file of a flat folder durable."""
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            os.fsync(file.fileno())
    sync_directory(folder)


def switch(manifest, stage, changed, compiled, extra):
    """Replace files one by one; the journal lies ready to undo it. Returns the paths touched."""
    paths = [*(f["path"] for f in changed), *(c["makes"] for c in compiled), *extra]
    journal = Journal()
    journal.open(paths)
    for folder in manifest["directories"]:
        if meta_differs(folder, at(folder["path"])):
            os.makedirs(at(folder["path"]), exist_ok=True)
            owner = ids(folder)
            if owner and os.geteuid() == 0:
                os.chown(at(folder["path"]), *owner)
            os.chmod(at(folder["path"]), int(folder["mode"], 8))
    for entry in changed:
        with open(stage.root + entry["path"], "rb") as file:
            put(at(entry["path"]), file.read(), int(entry["mode"], 8), ids(entry))
    for step in compiled:
        with open(stage.root + step["makes"], "rb") as file:
            put(at(step["makes"]), file.read(), 0o644, (0, 0))
    for path in extra:
        os.unlink(at(path))
    return paths


# ---- services


def matches(paths, patterns):
    """Whether any path fits any pattern."""
    return any(fnmatch.fnmatch(path, pattern) for path in paths for pattern in patterns)


def act_on_units(manifest, paths):
    """Reload or restart what the changed paths concern, start what does not run. Returns complaints."""
    complaints = []
    by_path = {f["path"]: f["service"] for f in manifest["files"]} | {
        c["makes"]: next((f["service"] for f in manifest["files"] if f["path"] == c["source"]), "") for c in manifest["compile"]
    }
    touched = {by_path.get(path, "") for path in paths}
    if any(path.startswith("/etc/systemd/system/") for path in paths):
        run(["systemctl", "daemon-reload"])
    for unit in manifest["mask"]:
        run(["systemctl", "mask", "--now", unit])
    for command in manifest["commands"]:
        if matches(paths, command["when"]):
            code, out = run(command["argv"])
            if code:
                complaints.append(f"{command['name']}: {out}")
    for service in manifest["services"]:
        if not service["enabled"]:
            continue
        unit = service["unit"]
        enabled, active = unit_state(unit)
        if not enabled:
            run(["systemctl", "unmask", unit])
            run(["systemctl", "enable", unit])
        verb = None
        if not active:
            verb = "start"
        elif matches(paths, service["restart_paths"]):
            verb = "restart"
        elif service["name"] in touched or matches(paths, service.get("watch", ())):
            verb = service["on_change"]
        if verb:
            code, out = run(["systemctl", verb, unit])
            if code:
                complaints.append(f"systemctl {verb} {unit}: {out}\n{last_lines(unit)}")
    return complaints


def last_lines(unit):
    """The unit's last words in the journal."""
    return run(["journalctl", "-u", unit, "-n", "8", "--no-pager", "-o", "cat"])[1]


# ---- probes


def probe(manifest):
    """Try every probe until it answers or its time is over; returns complaints."""
    complaints = []
    for wanted in manifest["probes"]:
        deadline = time.monotonic() + wanted.get("within", PROBE_WITHIN)
        while True:
            seen = observe(wanted)
            if re.search(wanted.get("expect", ""), seen) and not seen.startswith("error: "):
                break
            if time.monotonic() > deadline:
                complaints.append(f"probe {wanted['name']}: expected {wanted.get('expect', 'an answer')!r}, saw {seen!r}")
                break
            time.sleep(0.5)
    return complaints


def observe(wanted):
    """What a probe sees, as text; problems start with "error: "."""
    try:
        if wanted["kind"] == "exec":
            code, out = run(wanted["argv"], 20)
            return f"error: exit {code}: {out}" if code else out
        if wanted["kind"] == "unix":
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(5)
                client.connect(wanted["path"])
                if wanted.get("send"):
                    client.sendall(wanted["send"].encode())
                return client.recv(200).decode("latin-1") if wanted.get("expect") else ""
        with socket.create_connection((wanted["address"], wanted["port"]), 8) as plain:
            if not wanted.get("tls"):
                return plain.recv(500).decode("latin-1")
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(plain) as client:
                return client.recv(500).decode("latin-1")
    except OSError as error:
        return f"error: {error}"


# ---- the whole


def make_users(manifest):
    """System users and memberships."""
    for user in missing_users(manifest):
        name = user["name"]
        try:
            pwd.getpwnam(name)
        except KeyError:
            home = user.get("home", "/nonexistent")
            run(["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", home, "--shell", "/usr/sbin/nologin", name])
        for group in user["groups"]:
            if not _is_member(name, group):
                run(["usermod", "-a", "-G", group, name])


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
    journal = Journal()
    if journal.entries() is not None and not check:
        act_on_units(manifest, journal.roll_back())
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
        paths = switch(manifest, stage, changed, compiled, extra)
        complaints = act_on_units(manifest, paths) or probe(manifest)
        if complaints:
            act_on_units(manifest, journal.roll_back())
            raise Refused("rolled back: " + "\n".join(complaints), rolled_back=True)
        put(at(f"{STATE}/generation"), json.dumps({"files": {f["path"]: f["sha256"] for f in manifest["files"]}}).encode(), 0o600)
        journal.close()
        return result
    finally:
        shutil.rmtree(stage.root, ignore_errors=True)
        shutil.rmtree(stage.judged, ignore_errors=True)
