"""The portable medium: an ISO image with the clients' set-up, the support page, installers, and checksums of it all."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from gmconf.build.output import put
from gmconf.derived.documents import DOCUMENTS, TITLES, written
from gmconf.dialects import markdown
from gmconf.dialects.markdown import Link
from gmconf.documents import html
from gmconf.errors import GmconfError, Problem, SiteError
from gmconf.model.fields import filled
from gmconf.render.render import render
from gmconf.services.plan import File
from gmconf.settings import Settings, need
from gmconf.site.load import Loaded

PAGES = ("support", "client-setup")
EPOCH = 315532800
"""1980-01-01: date of everything on the medium unless SOURCE_DATE_EPOCH says another; older ones some systems cannot
show."""
PROGRAMS = "programs"


def contents(loaded: Loaded, build: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files of the medium by path, checksums included. Raises GmconfError when a page is missing, SiteError when an
    installer is."""
    there = {document.name for document in written(loaded.site)}
    for document in DOCUMENTS:
        if document.name in PAGES and document.name not in there:
            lacking = ", ".join(path for path in document.needs if not filled(loaded.site, path))
            raise GmconfError(
                f"the medium needs these fields in {loaded.path.name} for its page {document.name}: {lacking}"
            )
    pages = {f"{name}{ending}" for name in PAGES for ending in (".md", ".html")}
    found = {
        path.removeprefix("documents/"): data
        for path, data in build.items()
        if path.startswith("documents/clients/") or path.removeprefix("documents/") in pages
    }
    found |= _installers(loaded)
    found |= _index(loaded, sorted(found))
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {path}\n" for path, data in sorted(found.items()))
    return found | {"SHA256SUMS": sums.encode()}


def _installers(loaded: Loaded) -> dict[str, bytes]:
    beside = loaded.path.parent.resolve()
    found = {}
    for number, client in enumerate(loaded.site.clients):
        if client.file is None:
            continue
        file = (beside / client.file).resolve()
        if not file.is_relative_to(beside) or not file.is_file():
            what = f"{client.file} is no file beside {loaded.path.name}; fetch it from {client.url}, or remove the line"
            raise SiteError(
                [Problem(loaded.document.mark(("clients", number, "file")), f"clients[{number}].file", what)]
            )
        found[_place(client.file)] = file.read_bytes()
    return found


def _place(file: str) -> str:
    """Where an installer lies on the medium."""
    return file if file.startswith(f"{PROGRAMS}/") else f"{PROGRAMS}/{file}"


def _index(loaded: Loaded, paths: list[str]) -> dict[str, bytes]:
    """The first page: what is on the medium."""
    c = Settings("index.md")
    why = (need("medium", "the way to everything on it"),)
    c.set("organisation", loaded.site.organisation.name, loaded.why("organisation.name"))
    c.rows("pages", [{"page": (Link(TITLES[name], f"{name}.md"), why)} for name in PAGES])
    c.rows("sheets", [{"sheet": (Link(path.split("/")[1], path), why)} for path in paths if path.endswith("/setup.md")])
    c.rows(
        "programs",
        [
            {
                "name": (client.name, why),
                "version": (client.version, why),
                "file": (Link(client.file, _place(client.file)), why),
            }
            for client in loaded.site.clients
            if client.file
        ],
    )
    text = render(File(c.file, "medium", why[0], "documents/medium.md.j2", c, markdown.spell, comment="")).text
    return {
        "index.md": text.encode(),
        "index.html": html.page(text, "Mail programs and settings", "index.html").encode(),
    }


def image(files: Mapping[str, bytes], out: Path) -> None:
    """Write the image: the same files make the same bytes. Raises GmconfError when xorriso is missing or complains."""
    tool = shutil.which("xorriso")
    if tool is None:
        raise GmconfError("xorriso makes the image and is not installed; on Debian: apt-get install xorriso")
    epoch = os.environ.get("SOURCE_DATE_EPOCH", str(EPOCH))
    if not re.fullmatch(r"[0-9]{1,10}", epoch):
        raise GmconfError(f"SOURCE_DATE_EPOCH is {epoch}; seconds since 1970 are needed, ten digits at most")
    with tempfile.TemporaryDirectory(prefix="gmconf-") as work:
        tree, made = Path(work) / "tree", Path(work) / "image"
        for path, data in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(data)
        for entry in (*sorted(tree.rglob("*"), reverse=True), tree):
            entry.chmod(0o755 if entry.is_dir() else 0o644)
            os.utime(entry, (int(epoch), int(epoch)))
        # Joliet for Windows, Rock Ridge for the rest; long names as they are; owned by root.
        argv = [
            tool,
            "-no_rc",
            "-as",
            "mkisofs",
            "-quiet",
            "-rational-rock",
            "-joliet",
            "-joliet-long",
            "-V",
            "MAIL_PROGRAMS",
            "-o",
            str(made),
            str(tree),
        ]
        done = subprocess.run(
            argv,
            text=True,
            capture_output=True,
            env={**os.environ, "SOURCE_DATE_EPOCH": epoch, "TZ": "UTC", "LC_ALL": "C"},
        )
        if done.returncode:
            raise GmconfError(f"xorriso: {done.stderr.strip()}")
        put(out, made)
