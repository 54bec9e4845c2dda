"""All documents of a site, in order: Markdown with reasons, and the page made of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gmconf.controls import CATALOGUE, control
from gmconf.derived.documents import TITLES
from gmconf.dialects import markdown, securitytxt
from gmconf.dialects.markdown import Code, Link
from gmconf.documents import agreements as promises
from gmconf.documents import clients, hosts, html
from gmconf.documents import procedures as people
from gmconf.documents.context import Desk
from gmconf.render.render import Rendered, render
from gmconf.services.plan import File
from gmconf.settings import Reason, Settings, need

FOLDER = "documents"
_WRITERS: dict[str, Callable[[Settings, Desk], None]] = {
    "support": people.support,
    "client-setup": clients.setup,
    "acceptable-use": promises.acceptable_use,
    "sla": promises.sla,
    "onboarding": promises.onboarding,
    "abuse": people.abuse,
    "postmaster": people.postmaster,
    "runbooks": hosts.runbooks,
    "updates": people.updates,
    "topology": hosts.topology,
    "security": promises.security,
}


@dataclass(frozen=True, slots=True)
class Written:
    """A file of build/documents; ``lines`` say why, where it was printed from settings."""

    path: str
    """Relative to build/."""
    because: Reason
    rendered: Rendered


def written(desk: Desk) -> Iterator[Written]:
    """Every file; nothing for a site whose facts suffice for none."""
    if not desk.documents:
        return
    for name in desk.documents:
        yield from _both(_document(desk, name), TITLES[name])
    if "security" in desk.documents:
        file = Settings(f"{FOLDER}/security.txt")
        promises.security_txt(file, desk)
        why = control("doc.security-txt")
        yield _plain(
            File(file.file, "documents", why, "documents/security.txt.j2", file, securitytxt.spell, comment="")
        )
    if "client-setup" in desk.documents:
        for made in clients.files(desk):
            domain = made.path.split("/")[2]
            yield from (
                _both(made, f"Setting up mail for {domain}", domain) if made.path.endswith(".md") else (_plain(made),)
            )
    yield from _both(_index(desk), "Documents")


def _document(desk: Desk, name: str) -> File:
    c = Settings(f"{FOLDER}/{name}.md")
    _WRITERS[name](c, desk)
    c.rows(
        "held",
        [
            {
                "id": (Code(found.id), (control(found.id),)),
                "level": (found.level, (control(found.id),)),
                "title": (found.title, (control(found.id),)),
            }
            for found in desk.held(name)
        ],
    )
    c.set("ask", Code(f"gmconf explain build/{c.file}:LINE"), need("documents", "every page says how to ask"))
    because = next(c for c in CATALOGUE.values() if name in c.documents)
    return File(c.file, "documents", control(because.id), f"documents/{name}.md.j2", c, markdown.spell, comment="")


def _index(desk: Desk) -> File:
    c = Settings(f"{FOLDER}/index.md")
    c.set("organisation", desk.site.organisation.name, desk.why("organisation.name"))
    why = (need("documents", "the way to every page"),)
    c.rows(
        "pages",
        [{"page": (Link(d.title, f"{d.name}.md"), why), "about": (d.about, why)} for d in desk.documents.values()],
    )
    return File(c.file, "documents", why[0], "documents/index.md.j2", c, markdown.spell, comment="")


def _plain(file: File) -> Written:
    return Written(file.path, file.because, render(file))


def _both(file: File, title: str, domain: str = "") -> Iterator[Written]:
    made = _plain(file)
    yield made
    home = "../" * (file.path.count("/") - 1) + "index.html"
    text = html.sheet(made.rendered.text, title, home, domain) if domain else html.page(made.rendered.text, title, home)
    yield Written(file.path.removesuffix(".md") + ".html", file.because, Rendered(text, {}))
