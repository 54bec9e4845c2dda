"""Writes build/: a self-contained Ansible project. The only module that writes it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gmconf import __version__
from gmconf.errors import GmconfError
from gmconf.load import Loaded
from gmconf.manifest import manifest
from gmconf.model import Host
from gmconf.plan import File, Plan, SecretFile, View
from gmconf.project import inventory, playbook, project_readme
from gmconf.render import header, render
from gmconf.resources import folder
from gmconf.services.registry import plans
from gmconf.settings import Reason

MARKER = ".gmconf"
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


@dataclass
class Trace:
    """Reasons of every line, written once as build/trace.json: reasons and settings are listed once, lines point to them."""

    hosts: dict[str, dict[str, object]] = field(default_factory=dict)
    reasons: dict[Reason, int] = field(default_factory=dict)

    def number(self, reason: Reason) -> int:
        """The place of a reason in the list."""
        return self.reasons.setdefault(reason, len(self.reasons))

    def dump(self) -> str:
        """JSON: {"reasons": [...], "hosts": {host: {path: {"because": n, "lines": {line: [[key, [n, ...]], ...]}}}}}."""
        reasons = [{"kind": r.kind, "ref": r.ref, "text": r.text} for r in self.reasons]
        head = json.dumps({"format": 1, "gmconf": __version__, "reasons": reasons}, ensure_ascii=False, indent=0)
        hosts = json.dumps(self.hosts, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return f'{head[:-2]},\n"hosts": {hosts}\n}}\n'


class Writer:
    """Writes the files of a tree; equal bulk files of several hosts become one file on disk (hard links)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._made: set[str] = set()
        self._seen: dict[str, str] = {}

    def put(self, relative: str, data: bytes) -> str:
        """Write one file, return its SHA-256 (hex)."""
        digest = hashlib.sha256(data).hexdigest()
        target = os.path.join(self.root, relative)
        parent = os.path.dirname(target)
        if parent not in self._made:
            os.makedirs(parent, exist_ok=True)
            self._made.add(parent)
        twin = self._seen.get(digest)
        if twin is not None and len(data) > 4096:
            os.link(twin, target)
            return digest
        with open(target, "wb") as out:
            out.write(data)
        self._seen[digest] = target
        return digest


def build(loaded: Loaded, root: Path) -> None:
    """Render the whole site below ``root`` (an empty directory)."""
    writer, trace = Writer(root), Trace()
    for host in sorted(loaded.site.hosts, key=lambda h: h.name):
        view = View(loaded.site, host, loaded.mail, loaded.why, loaded.public)
        _host(view, plans(view), writer, trace)
    for name in sorted({name for host in _secret_names(loaded) for name in host}):
        writer.put(f"secrets/{name}", (loaded.secrets / name).read_bytes())
    writer.put("trace.json", trace.dump().encode())
    writer.put("inventory.yml", inventory(loaded.site).encode())
    writer.put("site.yml", playbook(loaded.site).encode())
    writer.put("README.md", project_readme(loaded.site).encode())
    writer.put("ansible.cfg", (folder("templates") / "ansible/ansible.cfg").read_bytes())
    shutil.copytree(folder("roles") / "gmconf", root / "roles/gmconf", ignore=_IGNORED)
    writer.put(MARKER, f"written by gmconf {__version__}\n".encode())


def _secret_names(loaded: Loaded) -> Iterator[list[str]]:
    for host in loaded.site.hosts:
        view = View(loaded.site, host, loaded.mail, loaded.why, loaded.public)
        yield [f.secret for plan in plans(view) for f in plan.files if isinstance(f, SecretFile)]


def _host(view: View, host_plans: tuple[Plan, ...], writer: Writer, trace: Trace) -> None:
    host: Host = view.host
    digests: dict[str, str] = {}
    traced: dict[str, object] = {}
    owner: dict[str, str] = {}
    for plan in host_plans:
        for file in plan.files:
            if file.path in owner:
                raise GmconfError(f"{file.path} is written by {owner[file.path]} and by {plan.name}")
            owner[file.path] = plan.name
            because = trace.number(file.because)
            if isinstance(file, SecretFile):
                traced[file.path] = {"because": because, "secret": file.secret}
                continue
            lines: dict[int, list[object]] = {}
            if file.lines is not None:
                data = _bulk(file)
            else:
                rendered = render(file)
                data = rendered.text.encode()
                for number, settings in rendered.lines.items():
                    lines[number] = [[s.key, [trace.number(r) for r in s.because]] for s in settings]
            digests[file.path] = writer.put(f"hosts/{host.name}/tree{file.path}", data)
            traced[file.path] = {"because": because, "lines": lines} if lines else {"because": because}
    trace.hosts[host.name] = traced
    text = json.dumps(manifest(host, host_plans, digests), indent=1, sort_keys=True, ensure_ascii=False)
    writer.put(f"hosts/{host.name}/manifest.json", text.encode() + b"\n")


def _bulk(file: File) -> bytes:
    assert file.lines is not None  # asked for by the caller
    text = "\n".join(file.lines())
    return (header(file) + text + ("\n" if text else "")).encode()


def write(loaded: Loaded, target: Path) -> Path:
    """Render into a new directory beside ``target`` and return it; swap() puts it in place."""
    if target.exists() and not (target / MARKER).is_file() and any(target.iterdir()):
        raise GmconfError(f"{target} is not empty and was not written by gmconf; choose another directory")
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        build(loaded, fresh)
        fresh.chmod(0o755)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return fresh


def swap(fresh: Path, target: Path) -> None:
    """Put a freshly written tree in place of the old one; an interruption leaves one of them whole."""
    if not target.exists():
        fresh.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    old.rmdir()
    target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old)
