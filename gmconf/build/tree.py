"""What build/ holds: a self-contained Ansible project, made in memory. output.py writes it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Hashable
from functools import partial

from gmconf import __version__
from gmconf.build.manifest import manifest
from gmconf.build.output import MARKER
from gmconf.build.project import inventory, playbook, project_readme
from gmconf.derived.documents import written
from gmconf.errors import GmconfError
from gmconf.keys.credentials import bundle
from gmconf.keys.names import PASSWORDS
from gmconf.render.render import header, likeness, render
from gmconf.render.trace import SITE, Entry, Trace
from gmconf.resources import folder
from gmconf.services.plan import File, LineFile, Plan, SecretFile, View
from gmconf.services.registry import plans
from gmconf.site.load import Loaded


class Tree:
    """The files of build/ in memory: path -> content. Equal content of several hosts is one object."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self._same: dict[str, bytes] = {}
        self._shared: dict[str, tuple[bytes, str]] = {}
        self.rendered: dict[Hashable, tuple[bytes, str, Entry]] = {}
        """What templated files became, by their likeness: content, SHA-256, reasons."""

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


def build(loaded: Loaded, *, secrets: bool = True) -> Tree:
    """Render the whole site; without ``secrets`` the vault files are left out, which need not be there then."""
    tree, trace = Tree(), Trace()
    needed: set[str] = set()
    documents = _Documents(loaded) if written(loaded.site) else None
    for host in sorted(loaded.site.hosts, key=lambda h: h.name):
        view = View(loaded.site, host, loaded.mail, loaded.why, loaded.public, loaded.rollover)
        found = plans(view)
        _host(view, found, tree, trace)
        if documents:
            documents.see(view, found)
        needed.update(f.secret for plan in found for f in plan.files if isinstance(f, SecretFile))
    if documents:
        documents.put(tree, trace)
    vaults = str(loaded.secrets)
    for name in sorted(needed) if secrets else ():
        if name == PASSWORDS:
            tree.files[f"secrets/{name}"] = bundle(loaded.secrets, {account.login for account in loaded.mail.accounts})
            continue
        with open(f"{vaults}/{loaded.rollover.place(name)}", "rb", buffering=0) as vaulted:
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
        from gmconf.documents import context as desk
        from gmconf.documents import exposure
        from gmconf.documents import writer as book

        self._book, self._desk, self._exposure, self._loaded = book, desk, exposure, loaded
        self._seen: list[exposure.Exposure] = []

    def see(self, view: View, found: tuple[Plan, ...]) -> None:
        """Remember what a host opens."""
        self._seen.append(self._exposure.exposure(view, found))

    def put(self, tree: Tree, trace: Trace) -> None:
        """Add every document and its reasons."""
        loaded = self._loaded
        traced = []
        for file in self._book.written(self._desk.Desk(loaded.site, loaded.mail, loaded.why, tuple(self._seen))):
            tree.put(file.path, file.rendered.text.encode())
            traced.append((file.path, trace.entry(file.because, file.rendered.lines)))
        trace.add(SITE, traced)


def _role(tree: Tree) -> None:
    roles = str(folder("roles"))
    for parent, folders, names in os.walk(f"{roles}/gmconf"):
        # Programs for hosts are among the files of the hosts that need them.
        folders[:] = [name for name in folders if name not in ("__pycache__", "files")]
        for name in names:
            path = os.path.join(parent, name)
            with open(path, "rb") as file:
                tree.files[f"roles/{path[len(roles) + 1 :]}"] = file.read()


def _host(view: View, host_plans: tuple[Plan, ...], tree: Tree, trace: Trace) -> None:
    digests: dict[str, str] = {}
    owner: dict[str, str] = {}
    for plan in host_plans:
        traced: list[tuple[str, Entry]] = []
        for file in plan.files:
            if file.path in owner:
                raise GmconfError(f"{file.path} is written by {owner[file.path]} and by {plan.name}")
            owner[file.path] = plan.name
            if isinstance(file, SecretFile):
                traced.append((file.path, trace.entry(file.because, {}, file.secret)))
            else:
                digests[file.path], entry = _put(tree, trace, view.host.name, file)
                traced.append((file.path, entry))
        trace.add(view.host.name, traced)
    tree.files[f"hosts/{view.host.name}/manifest.json"] = manifest(view.host, host_plans, digests).encode()


def _put(tree: Tree, trace: Trace, host: str, file: File | LineFile) -> tuple[str, Entry]:
    """Add a host's file; its SHA-256 and the reasons of its lines."""
    relative = f"hosts/{host}/tree{file.path}"
    if isinstance(file, LineFile):
        digest = (
            tree.put_shared(file.path, relative, partial(_bulk, file))
            if file.shared
            else tree.put(relative, _bulk(file))
        )
        return digest, trace.entry(file.because, {})
    alike = likeness(file)
    if alike not in tree.rendered:
        rendered = render(file)
        digest = tree.put(relative, rendered.text.encode())
        tree.rendered[alike] = tree.files[relative], digest, trace.entry(file.because, rendered.lines)
    tree.files[relative], digest, entry = tree.rendered[alike]
    return digest, entry


def _bulk(file: LineFile) -> bytes:
    text = "\n".join(file.lines())
    return (header(file) + text + ("\n" if text else "")).encode()
