"""What build/ holds: a self-contained Ansible project, made in memory. output.py writes it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from gmconf import __version__
from gmconf.documents import written
from gmconf.errors import GmconfError
from gmconf.load import Loaded
from gmconf.manifest import dump, manifest
from gmconf.model import Host
from gmconf.output import MARKER
from gmconf.plan import File, Plan, SecretFile, View
from gmconf.project import inventory, playbook, project_readme
from gmconf.render import header, render
from gmconf.resources import folder
from gmconf.services.registry import plans
from gmconf.settings import Reason, Setting


@dataclass
class Trace:
    """Reasons of every line, written once as build/trace.json: reasons and settings are listed once, lines point to them."""

    hosts: dict[str, dict[str, object]] = field(default_factory=dict)
    site: dict[str, object] = field(default_factory=dict)
    """Files that belong to no host, by their path in build/."""
    reasons: dict[Reason, int] = field(default_factory=dict)

    def number(self, reason: Reason) -> int:
        """The place of a reason in the list."""
        return self.reasons.setdefault(reason, len(self.reasons))

    def dump(self) -> str:
        """JSON: {"reasons": [...], "site": files, "hosts": {host: files}}.

        Files are {path: {"because": n, "lines": {line: [[key, [n, ...]], ...]}}}; n is a place in reasons.
        """
        reasons = [{"kind": r.kind, "ref": r.ref, "text": r.text} for r in self.reasons]
        head = json.dumps({"format": 1, "gmconf": __version__, "reasons": reasons}, ensure_ascii=False, indent=0)
        site, hosts = (json.dumps(part, ensure_ascii=False, separators=(",", ":"), sort_keys=True) for part in (self.site, self.hosts))
        return f'{head[:-2]},\n"site": {site},\n"hosts": {hosts}\n}}\n'

    def entry(self, because: Reason, lines: Mapping[int, Iterable[Setting]]) -> dict[str, object]:
        """What is written about one file."""
        traced = {number: [[s.key, [self.number(r) for r in s.because]] for s in settings] for number, settings in lines.items()}
        found: dict[str, object] = {"because": self.number(because)}
        return found | {"lines": traced} if traced else found


class Tree:
    """The files of build/ in memory: path -> content. Equal content of several hosts is one object."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self._same: dict[str, bytes] = {}
        self._shared: dict[str, tuple[bytes, str]] = {}

    def put(self, relative: str, data: bytes) -> str:
        """Add one file, return its SHA-256 (hex)."""
        digest = hashlib.sha256(data).hexdigest()
        self.files[relative] = self._same.setdefault(digest, data)
        return digest

    def put_shared(self, name: str, relative: str, make: Callable[[], bytes]) -> str:
        """Add one file that is the same wherever its ``name`` is: made and hashed once."""
        if name not in self._shared:
            data = make()
            self._shared[name] = data, hashlib.sha256(data).hexdigest()
        self.files[relative], digest = self._shared[name]
        return digest


def build(loaded: Loaded) -> Tree:
    """Render the whole site."""
    tree, trace = Tree(), Trace()
    secrets: set[str] = set()
    documents = _Documents(loaded) if written(loaded.site) else None
    for host in sorted(loaded.site.hosts, key=lambda h: h.name):
        view = View(loaded.site, host, loaded.mail, loaded.why, loaded.public)
        found = plans(view)
        _host(view, found, tree, trace)
        if documents:
            documents.see(view, found)
        secrets.update(f.secret for plan in found for f in plan.files if isinstance(f, SecretFile))
    if documents:
        documents.put(tree, trace)
    for name in sorted(secrets):
        with open(f"{loaded.secrets}/{name}", "rb") as vaulted:
            tree.files[f"secrets/{name}"] = vaulted.read()
    tree.files["trace.json"] = trace.dump().encode()
    tree.files["inventory.yml"] = inventory(loaded.site).encode()
    tree.files["site.yml"] = playbook(loaded.site).encode()
    tree.files["README.md"] = project_readme(loaded.site).encode()
    tree.files["ansible.cfg"] = (folder("templates") / "ansible/ansible.cfg").read_bytes()
    _role(tree)
    tree.files[MARKER] = f"written by gmconf {__version__}\n".encode()
    return tree


class _Documents:
    """The documents, written when all hosts have been seen. Imported for sites that have some only."""

    def __init__(self, loaded: Loaded) -> None:
        from gmconf.handbook import book, desk, exposure

        self._book, self._desk, self._exposure, self._loaded = book, desk, exposure, loaded
        self._seen: list[exposure.Exposure] = []

    def see(self, view: View, found: tuple[Plan, ...]) -> None:
        """Remember what a host opens."""
        self._seen.append(self._exposure.exposure(view, found))

    def put(self, tree: Tree, trace: Trace) -> None:
        """Add every document and its reasons."""
        loaded = self._loaded
        for file in self._book.written(self._desk.Desk(loaded.site, loaded.mail, loaded.why, tuple(self._seen))):
            tree.put(file.path, file.rendered.text.encode())
            trace.site[file.path] = trace.entry(file.because, file.rendered.lines)


def _role(tree: Tree) -> None:
    roles = str(folder("roles"))
    for parent, folders, names in os.walk(f"{roles}/gmconf"):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                tree.files[f"roles/{path[len(roles) + 1 :]}"] = file.read()


def _host(view: View, host_plans: tuple[Plan, ...], tree: Tree, trace: Trace) -> None:
    host: Host = view.host
    digests: dict[str, str] = {}
    traced: dict[str, object] = {}
    owner: dict[str, str] = {}
    for plan in host_plans:
        for file in plan.files:
            if file.path in owner:
                raise GmconfError(f"{file.path} is written by {owner[file.path]} and by {plan.name}")
            owner[file.path] = plan.name
            if isinstance(file, SecretFile):
                traced[file.path] = {"because": trace.number(file.because), "secret": file.secret}
                continue
            lines: Mapping[int, Iterable[Setting]] = {}
            relative = f"hosts/{host.name}/tree{file.path}"
            if file.shared:
                digests[file.path] = tree.put_shared(file.path, relative, partial(_bulk, file))
            elif file.lines is not None:
                digests[file.path] = tree.put(relative, _bulk(file))
            else:
                rendered = render(file)
                digests[file.path] = tree.put(relative, rendered.text.encode())
                lines = rendered.lines
            traced[file.path] = trace.entry(file.because, lines)
    trace.hosts[host.name] = traced
    tree.files[f"hosts/{host.name}/manifest.json"] = dump(manifest(host, host_plans, digests)).encode()


def _bulk(file: File) -> bytes:
    assert file.lines is not None  # asked for by the caller
    text = "\n".join(file.lines())
    return (header(file) + text + ("\n" if text else "")).encode()
