"""Controller side: reads the rendered tree, decrypts secrets in memory, sends what the host lacks."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

MODULE = "gmconf_tree"
KINDS = ("missing_packages", "files", "removed", "directories", "compiled", "users", "units", "interrupted")
"""What a host can differ in, for -v."""
APT = {"state": "present", "install_recommends": False, "update_cache": True, "cache_valid_time": 3600,
       "policy_rc_d": 101, "lock_timeout": 120}  # fmt: skip


class ActionModule(ActionBase):
    """gmconf_tree: build, host."""

    TRANSFERS_FILES = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        build, host = self._task.args["build"], self._task.args["host"]
        manifest, sources = self._read(build, host)
        call = {"manifest": json.dumps(manifest, sort_keys=True)}
        found = self._execute_module(MODULE, {**call, "phase": "compare"}, task_vars=task_vars)
        if found.get("failed") or not found.get("changed"):
            return {**result, **found}
        missing = found["missing_packages"]
        if missing:
            wanted = {**APT, "name": missing}
            apt = self._execute_module("ansible.builtin.apt", wanted, task_vars=task_vars)
            if apt.get("failed"):
                # Lists that look fresh may be empty (a new image) or name packages that have been replaced since.
                apt = self._execute_module("ansible.builtin.apt", {**wanted, "cache_valid_time": 0}, task_vars=task_vars)
            if apt.get("failed"):
                return {**result, **apt}
        archive = self._archive(found["need"], sources)
        try:
            remote = self._connection._shell.join_path(self._connection._shell.tmpdir, "gmconf.tar.gz")
            self._transfer_file(archive, remote)
        finally:
            os.unlink(archive)
        done = self._execute_module(MODULE, {**call, "phase": "apply", "archive": remote}, task_vars=task_vars)
        done["changed"] = done.get("changed") or bool(missing)
        done["differed"] = {kind: seen for kind, seen in found.items() if kind in KINDS and seen}
        self._remove_tmp_path(self._connection._shell.tmpdir)
        return {**result, **done}

    def _read(self, build, host):
        """Manifest with the digest of every file, and where the content of each digest comes from."""
        folder = os.path.join(build, "hosts", host)
        try:
            with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
                manifest = json.load(file)
        except OSError as error:
            raise AnsibleError(f"no rendered tree for {host}: {error}; render the site again") from None
        sources = {}
        for entry in manifest["files"]:
            if "secret" in entry:
                data = self._decrypt(os.path.join(build, entry["secret"]))
                entry["sha256"] = hashlib.sha256(data).hexdigest()
                sources[entry["sha256"]] = data
            else:
                sources[entry["sha256"]] = os.path.join(folder, entry["source"])
        return manifest, sources

    def _decrypt(self, path):
        # Decrypted in memory: the loader's own helper would leave the plain text in a temporary file for a while.
        with open(path, "rb") as file:
            data = file.read()
        try:
            return bytes(self._loader._vault.decrypt(data))
        except AnsibleError:
            raise AnsibleError(f"{path} cannot be decrypted: is the vault password given?") from None

    def _archive(self, digests, sources):
        """A tar with one member per digest, readable by its owner only."""
        handle, path = tempfile.mkstemp(prefix="gmconf-")
        with os.fdopen(handle, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0) as packed, \
                tarfile.open(fileobj=packed, mode="w") as tar:  # fmt: skip
            for digest in digests:
                source = sources[digest]
                if isinstance(source, bytes):
                    info = tarfile.TarInfo(digest)
                    info.size = len(source)
                    tar.addfile(info, io.BytesIO(source))
                else:
                    tar.add(source, arcname=digest, recursive=False)
        return path
