"""What the documents are written from: the site, what its hosts open, the controls that hold; and how facts get in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from gmconf.controls import CATALOGUE, Control, control
from gmconf.controls.site_claims import case_of, claims
from gmconf.derived.accounts import Directory
from gmconf.derived.documents import TITLES, Document, written
from gmconf.dialects.markdown import Link
from gmconf.documents.exposure import Exposure
from gmconf.documents.text import mail, phone
from gmconf.model import Domain, Host, Role, Site
from gmconf.model.fields import fact
from gmconf.model.operation import ANY_DAY, Contact
from gmconf.settings import Reason, Settings, Value

Row = Mapping[str, tuple[Value, Sequence[Reason]]]
"""A row of a table: name -> (value, reasons)."""


@dataclass(frozen=True)
class Desk:
    """The site as its documents see it."""

    site: Site
    mail: Directory
    why: Callable[[str], Reason]
    exposures: tuple[Exposure, ...]
    """All hosts, by name."""

    @cached_property
    def documents(self) -> Mapping[str, Document]:
        """Those that are written, by name."""
        return {document.name: document for document in written(self.site)}

    @cached_property
    def _held(self) -> tuple[type[Control], ...]:
        waived = self.site.waived(ANY_DAY)
        case = case_of(self.site, self.mail, ANY_DAY)
        return tuple(
            c
            for c in CATALOGUE.values()
            if c.documents
            and c.id not in waived
            and not c.applies(case)
            and all(claim.holds for claim in claims(c, case))
        )

    def held(self, name: str) -> tuple[type[Control], ...]:
        """The controls a document carries out. What the site does not promise (an answer within a day, say) is not
        among them."""
        return tuple(c for c in self._held if name in c.documents)

    @cached_property
    def home(self) -> Domain:
        """The domain that stands for all in examples: the postmaster's if it is hosted here, else the first."""
        name = self.site.organisation.postmaster.rpartition("@")[2]
        return next((d for d in self.mail.hosted if d.name == name), self.mail.hosted[0])

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The place of each domain in the site."""
        return {d.name: n for n, d in enumerate(self.site.domains)}

    def hosts(self, *roles: Role) -> tuple[Host, ...]:
        """Hosts with one of these roles, by name."""
        return tuple(e.host for e in self.exposures if set(roles) & set(e.host.roles))

    def reaches(self, port: int) -> tuple[Host, ...]:
        """Hosts on which everybody may reach a port, by name."""
        return self._open.get(port, ())

    @cached_property
    def _open(self) -> dict[int, tuple[Host, ...]]:
        # Asked for every domain.
        ports = {p.number for e in self.exposures for _, p in e.ports}
        return {port: tuple(e.host for e in self.exposures if e.open(port)) for port in ports}


def told(
    c: Settings, desk: Desk, key: str, path: str, *controls: str, words: Callable[..., Value] | None = None
) -> None:
    """Set a fact of the site, in words if it needs any; empty when the site does not have it."""
    value = fact(desk.site, path)
    shown: Value = "" if value is None else words(value) if words else cast("Value", value)
    c.set(key, shown, desk.why(path), *map(control, controls))


def contacts(c: Settings, desk: Desk, key: str, path: str, *controls: str) -> None:
    """Rows of people: name, how to reach them, when."""
    found = fact(desk.site, path)
    because = (desk.why(path), *map(control, controls))
    people = found if isinstance(found, tuple) else (found,) if isinstance(found, Contact) else ()
    c.rows(
        key,
        [
            {
                "name": (person.name, because),
                "reach": (_reach(person), because),
                "hours": (person.hours or "always", because),
            }
            for person in people
        ],
    )


def _reach(person: Contact) -> Value:
    return [*([phone(person.phone)] if person.phone else []), *([mail(person.email)] if person.email else [])]


def names(c: Settings, desk: Desk, key: str, hosts: Iterable[Host], *controls: str) -> None:
    """Set the names of hosts."""
    c.set(key, [host.name for host in hosts], desk.why("hosts"), *map(control, controls))


def links(c: Settings, desk: Desk, *pages: str, because: Reason) -> None:
    """Set ``links.NAME`` for documents that are written ("runbooks#block-a-sender" for a part of one); empty for
    others."""
    for page in pages:
        name, _, part = page.partition("#")
        there = name in desk.documents
        target = f"{name}.md" + (f"#{part}" if part else "")
        c.set(f"links.{name.replace('-', '_')}", Link(TITLES[name], target) if there else "", because)
