"""How a control is written down: one class, once, with its sources, what it asks for and how that is proved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple

from gmconf.controls.case import DomainCase, HostCase, SiteCase
from gmconf.controls.expect import Wanted
from gmconf.controls.result import Observation
from gmconf.controls.statements import STATEMENTS
from gmconf.errors import GmconfError
from gmconf.model import Role
from gmconf.model.levels import LEVELS, Level

BY_MTA, BY_MSA, BY_STORE, BY_FILTER = ((role,) for role in (Role.MTA, Role.MSA, Role.STORE, Role.FILTER))
SENDING = (Role.MTA, Role.MSA)
"""Hosts that controls look at (``on``)."""
AREAS = {
    "mta": "transfer",
    "msg": "transfer",
    "out": "transfer",
    "role": "transfer",
    "list": "transfer",
    "rep": "reputation",
    "msa": "submission",
    "auth": "authentication",
    "maa": "access",
    "mda": "access",
    "mua": "clients",
    "flt": "content",
    "tls": "transport",
    "dane": "transport",
    "sts": "transport",
    "dns": "naming",
    "net": "network",
    "ops": "operation",
    "log": "operation",
    "ha": "operation",
    "mon": "monitoring",
    "sup": "support",
    "prc": "procedures",
    "doc": "documents",
    "gov": "governance",
    "nntp": "news and chat",
    "xmpp": "news and chat",
}
_DOCUMENT = re.compile(
    r"(RFC \d+|BSI |NCSC-NL |internet\.nl|NIST |CVE-|GoodMessaging |Google |large mailbox providers|M3AAWG |ISO )"
)


CHECKS = ("of_site", "of_host", "of_hosts", "of_domain")
"""Methods with which a control judges more than its settings and files."""


class Fact(NamedTuple):
    """A field of site.yml that must be filled; with ``most``/``least`` a number or a count within bounds."""

    path: str
    most: float | None = None
    least: float | None = None


class Evidence(NamedTuple):
    """What a person must show because no machine can see it; site.yml names it under ``evidence.<control>``."""

    what: str
    days: int = 366
    """How old it may be."""


class Control:
    """A requirement. Subclasses declare it; a docstring's first line is the title, the rest says why and notes
    oddities."""

    id: ClassVar[str]
    level: ClassVar[Level]
    sources: ClassVar[tuple[str, ...]]
    """Statements of the founding documents ("G:6", see statements.py), standards, guidelines."""
    on: ClassVar[tuple[Role, ...]] = ()
    """Hosts it concerns; empty: all that have the files."""
    settings: ClassVar[Mapping[str, Mapping[str, Wanted]]] = {}
    """file: key: what its value must be; ``rows[*].name`` is the list of that name in all rows."""
    files: ClassVar[tuple[str, ...]] = ()
    """Files that must be on the host; may hold ``*``."""
    facts: ClassVar[tuple[Fact, ...]] = ()
    documents: ClassVar[tuple[str, ...]] = ()
    """Operator's documents that carry it out."""
    evidence: ClassVar[Evidence | None] = None
    lacking: ClassVar[Mapping[str, str]] = {}
    """release: what it has not; a site with such a host cannot hold the control, nor the level that asks for it."""
    live: ClassVar[tuple[str, ...]] = ()
    """Probes of ``gmconf verify``."""
    title: ClassVar[str]
    why: ClassVar[str]

    def __init_subclass__(cls) -> None:
        """Refuse, at import, a control that is not whole."""
        text = (cls.__doc__ or "").strip()
        title, _, why = text.partition("\n")
        cls.title, cls.why = title.rstrip("."), "\n".join(line.strip() for line in why.strip().splitlines())
        lacking = [name for name in ("id", "level", "sources") if not getattr(cls, name, None)]
        if not title or not why.strip():
            lacking.append("a docstring with a title and a why")
        if not cls._proofs():
            lacking.append("settings, files, facts, documents, evidence or a check")
        if lacking:
            raise GmconfError(f"control {getattr(cls, 'id', cls.__name__)} lacks {', '.join(lacking)}")
        if cls.level not in LEVELS:
            raise GmconfError(f"control {cls.id}: no level {cls.level}")
        unknown = [s for s in cls.sources if not (s in STATEMENTS or _DOCUMENT.match(s))]
        if unknown:
            raise GmconfError(f"control {cls.id}: no such source {', '.join(unknown)}")
        idle = [s for s in cls.sources if s in STATEMENTS and STATEMENTS[s].reason]
        if idle:
            raise GmconfError(f"control {cls.id}: {idle[0]} asks for nothing: {STATEMENTS[idle[0]].reason}")
        if cls.id.partition(".")[0] not in AREAS:
            raise GmconfError(f"control {cls.id}: no such area")
        if cls.id in CATALOGUE:
            raise GmconfError(f"control {cls.id} is declared twice")
        CATALOGUE[cls.id] = cls

    @classmethod
    def _proofs(cls) -> bool:
        own = (cls.settings, cls.files, cls.facts, cls.documents, cls.evidence)
        return any(own) or any(name in vars(cls) for name in CHECKS)

    @classmethod
    def area(cls) -> str:
        """The area its level counts for."""
        return AREAS[cls.id.partition(".")[0]]

    @classmethod
    def applies(cls, case: SiteCase) -> str:
        """Empty: it applies to the site; else the reason why it does not."""
        del case
        return ""

    @classmethod
    def asks(cls, case: SiteCase) -> bool:
        """Whether a person has to show evidence; not where the site tells as much."""
        del case
        return cls.evidence is not None

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """What must hold of the site as a whole, besides facts, documents and evidence."""
        del case
        return ()

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """What must hold on a host, besides settings and files."""
        del case
        return ()

    @classmethod
    def of_hosts(cls, cases: Sequence[HostCase]) -> Iterable[Observation]:
        """What must hold of all hosts together."""
        del cases
        return ()

    @classmethod
    def unseen(cls, case: SiteCase, hosts: Sequence[HostCase]) -> str:
        """Empty: all of it could be looked at; else a sentence that names what could not, and how it can be."""
        del case, hosts
        return ""

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """What must hold for each domain."""
        del case
        return ()

    @classmethod
    def sees_domains(cls) -> bool:
        """Whether it looks at domains at all: there may be very many of them."""
        return any("of_domain" in vars(kind) for kind in cls.__mro__ if kind is not Control)

    @classmethod
    def quoted(cls) -> Iterator[str]:
        """Its sources as a reader finds them."""
        for source in cls.sources:
            yield STATEMENTS[source].cited if source in STATEMENTS else source


CATALOGUE: dict[str, type[Control]] = {}
"""Every control by id, filled by the modules that declare them."""
