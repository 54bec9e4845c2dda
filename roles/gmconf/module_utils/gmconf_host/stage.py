"""The new tree in a directory of its own, judged by the host's own tools before anything is switched."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
from collections.abc import Iterator, Sequence
from io import BufferedReader

from ansible.module_utils.gmconf_host.compare import digest_of, ids
from ansible.module_utils.gmconf_host.host import STATE, Refused, at, filesystem, run
from ansible.module_utils.gmconf_host.manifest import Entry, Manifest, Pair


class Stage:
    """The new tree in a directory of its own, as it will lie on the host, and a copy for the judges."""

    def __init__(self, manifest: Manifest, archive: str) -> None:
        self.manifest = manifest
        self.root = at(f"{STATE}/stage")
        self.judged = at(f"{STATE}/judge")
        with filesystem() as places:
            for folder in ("stage", "judge"):
                places.remove_all(f"{STATE}/{folder}")
                places.make(f"{STATE}/{folder}", 0o700)
        self._contents(archive)

    def _contents(self, archive: str) -> None:
        by_digest: dict[str, list[Entry]] = {}
        for entry in self.manifest["files"]:
            by_digest.setdefault(entry["sha256"], []).append(entry)
        with open(archive, "rb") as packed, tarfile.open(fileobj=packed) as tar:
            os.unlink(archive)  # decrypted secrets lie in it: it goes with this process, whatever ends that
            for member in tar:
                packed_file = tar.extractfile(member)
                data = packed_file.read() if packed_file else b""
                if hashlib.sha256(data).hexdigest() != member.name:
                    raise Refused(f"the archive is damaged: {member.name}")
                for entry in by_digest.pop(member.name, ()):
                    self._put(entry, data)
        with filesystem() as places:
            for digest, entries in by_digest.items():
                live = next(f["path"] for f in self.manifest["files"] if digest_of(f["path"], places) == digest)
                with places.open(live) as file:
                    data = file.read()
                if hashlib.sha256(data).hexdigest() != digest:
                    raise Refused(f"{live} changes while it is read")
                for entry in entries:
                    self._put(entry, data)

    def open(self, path: str) -> BufferedReader:
        """A file of the new tree for reading, in bytes."""
        return open(self.root + path, "rb")

    def is_closed(self, _path: str) -> bool:
        """Nobody but root reaches the new tree."""
        return True

    def _put(self, entry: Entry, data: bytes) -> None:
        # Both copies lie where nobody but root can even enter, and were made from nothing.
        for root, content in ((self.root, data), (self.judged, self._rewritten(data))):
            path = root + entry["path"]
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
                file.write(content)
                owner = ids(entry)
                if owner and os.geteuid() == 0:
                    os.fchown(file.fileno(), *owner)
                os.fchmod(file.fileno(), int(entry["mode"], 8))

    def _rewritten(self, data: bytes) -> bytes:
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

    def argv(self, words: Sequence[str]) -> list[str]:
        """{/path} becomes the path in the copy for the judges."""
        return [re.sub(r"\{(/[^}]*)\}", lambda m: self.judged + m.group(1), word) for word in words]

    def clean(self, text: str) -> str:
        """Judges speak of the copy; the operator knows the real paths."""
        return text.replace(self.judged, "")

    def compile(self) -> None:
        """Make derived files in the copy and take them over."""
        for step in self.manifest["compile"]:
            code, out = run(self.argv(step["argv"]))
            if code:
                raise Refused(f"{step['source']} was refused by {step['argv'][0]}:\n{self.clean(out)}")
            made = self.judged + step["makes"]
            os.makedirs(os.path.dirname(self.root + step["makes"]), exist_ok=True)
            shutil.copy2(made, self.root + step["makes"])
            os.chmod(self.root + step["makes"], 0o644)

    def judge(self) -> None:
        """Ask the host's own tools; all complaints together. They read, and write in the copy only."""
        complaints = []
        for step in self.manifest["validate"]:
            code, out = run(self.argv(step["argv"]))
            if code == 127:
                raise Refused(f"{step['name']}: {out}")
            bad = [line for line in out.splitlines() if any(re.search(p, line) for p in step.get("refuse", ()))]
            if code or bad:
                complaints.append(
                    f"{step['name']} refused the new configuration ({step['argv'][0]}):\n"
                    + self.clean("\n".join(bad) if bad and not code else out)
                )
        for pair in self.manifest["tls"]:
            complaints += [f"tls: {text}" for text in self._pair(pair)]
        if complaints:
            raise Refused("\n\n".join(complaints))

    def _pair(self, pair: Pair) -> Iterator[str]:
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
