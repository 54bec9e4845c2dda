"""All that the page shows, worked out; the template only prints it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from gmconf import __version__
from gmconf.assess.check import BROKEN
from gmconf.controls.choices import Choice, choices
from gmconf.controls.control import Control
from gmconf.controls.proofs import automated, judged, proofs
from gmconf.controls.statements import STATEMENTS, Statement
from gmconf.derived.documents import DOCUMENTS, written
from gmconf.model.levels import rank
from gmconf.report import ports as site_ports
from gmconf.report import summary
from gmconf.report.control_entry import Entry, Proof, WaiverRow, by_area, entry
from gmconf.report.deviations import Looser, Override, looser, overrides
from gmconf.report.picture import Picture, picture
from gmconf.report.rendered import lines, sides
from gmconf.report.revision import revision
from gmconf.report.status import Standing, Standings


@dataclass(frozen=True, slots=True)
class Pair:
    """Something named and what is said about it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """The controls of an area."""

    area: str
    anchor: str
    count: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Sheet:
    """The page."""

    title: str
    about: tuple[Pair, ...]
    headline: summary.Headline
    levels: tuple[summary.LevelRow, ...]
    areas: tuple[summary.AreaRow, ...]
    gaps: tuple[Entry, ...]
    gapless: str
    """A sentence where no gap is listed: all is held, or no level says what could be missing."""
    further: int
    """Controls of levels above the declared one that are not held."""
    waivers: tuple[WaiverRow, ...]
    choices: tuple[Choice, ...]
    looser: tuple[Looser, ...]
    overrides: tuple[Override, ...]
    picture: Picture
    ports: tuple[site_ports.Row, ...]
    sections: tuple[Section, ...]
    proofs: tuple[Proof, ...]
    documents: tuple[Pair, ...]
    proved: tuple[Pair, ...]
    unproved: tuple[Pair, ...]
    unasking: tuple[Statement, ...]


def sheet(found: Standings) -> Sheet:
    """Work out the page of a site."""
    hosts = list(sides(found.loaded))
    rendered = lines(hosts)
    entries = {row.control.id: entry(row, found, rendered.get(row.control.id, ())) for row in found.rows}
    missing = [row for row in found.rows if row.missing]
    admins = found.loaded.site.network.admin
    return Sheet(
        title=found.loaded.site.organisation.name,
        about=tuple(_about(found)),
        headline=summary.headline(found),
        levels=summary.levels(found),
        areas=summary.areas(found),
        gaps=tuple(_gap(entries[row.control.id]) for row in sorted(missing, key=_rank) if row.asked),
        gapless=_gapless(found),
        further=sum(not row.asked for row in missing),
        waivers=tuple(e.waiver for e in entries.values() if e.waiver),
        choices=choices(found.loaded.site, found.day),
        looser=looser(found.loaded, found.day),
        overrides=overrides(found.loaded),
        picture=picture(site_ports.groups(hosts), _networks(admins)),
        ports=site_ports.matrix(hosts),
        sections=tuple(
            Section(area, summary.anchor(area), len(rows), rows) for area, rows in _in_order(entries, found)
        ),
        proofs=tuple(e.evidence for e in entries.values() if e.evidence),
        documents=tuple(_documents(found)),
        proved=tuple(_proved([row.control for row in found.rows])),
        unproved=tuple(
            Pair(c.id, c.title) for c in (row.control for row in found.rows) if judged(c) and c.id not in proofs()
        ),
        unasking=tuple(s for s in STATEMENTS.values() if s.reason),
    )


def _gapless(found: Standings) -> str:
    if found.verdict.declared is None:
        return (
            "The site declares no level, so nothing is asked for. The tables above count what each level would ask for"
            " and does not find."
        )
    return (
        ""
        if any(row.missing and row.asked for row in found.rows)
        else "Nothing: every control of the declared level is held, waived, or not looked at."
    )


def _rank(row: Standing) -> int:
    return rank(row.control.level)


def _gap(whole: Entry) -> Entry:
    """A control with what is wrong, and nothing else."""
    return replace(whole, findings=tuple(f for f in whole.findings if f.kind in BROKEN))


def _in_order(entries: dict[str, Entry], found: Standings) -> Iterator[tuple[str, tuple[Entry, ...]]]:
    grouped = by_area(entries, found)
    for area in summary.areas(found):
        yield area.name, grouped[area.name]


def _about(found: Standings) -> Iterator[Pair]:
    site = found.loaded.site
    yield Pair("Day", str(found.day))
    yield Pair("Site", f"{found.loaded.path.name}, {revision(found.loaded).words}")
    yield Pair("Service", f"{len(site.hosts)} {'host' if len(site.hosts) == 1 else 'hosts'}, {_domains(found)}")
    if found.live:
        yield Pair("Hosts asked", f"{found.live.when}, {len(found.live.results)} results in {found.live.seconds:.0f} s")
    else:
        yield Pair("Hosts asked", "no: gmconf verify has not been given to this report")
    yield Pair("Made by", f"gmconf {__version__}")


def _domains(found: Standings) -> str:
    kinds: dict[str, int] = {}
    for domain in found.loaded.site.domains:
        kinds[domain.kind] = kinds.get(domain.kind, 0) + 1
    total = len(found.loaded.site.domains)
    return f"{total} {'domain' if total == 1 else 'domains'} ({', '.join(f'{n} {kind}' for kind, n in kinds.items())})"


def _networks(networks: Sequence[str]) -> str:
    everybody = {"0.0.0.0/0", "::/0"} & set(networks)
    return (
        "from everywhere"
        if everybody
        else f"from {', '.join(networks[:4])}{f' and {len(networks) - 4} more' if len(networks) > 4 else ''}"
    )


def _documents(found: Standings) -> Iterator[Pair]:
    there = {d.name for d in written(found.loaded.site)}
    for document in DOCUMENTS:
        lacks = "not written: the site does not say " + ", ".join(document.needs)
        yield Pair(document.title, f"build/documents/{document.name}.md" if document.name in there else lacks)


def _proved(controls: Sequence[type[Control]]) -> Iterator[Pair]:
    yield Pair(
        "a machine judges it, and a test on real hosts shows that the daemons do it", str(sum(map(automated, controls)))
    )
    yield Pair(
        "a machine judges it, and no test on real hosts carries it",
        str(sum(judged(c) and not automated(c) for c in controls)),
    )
    yield Pair("a person shows it: documents and evidence", str(sum(not judged(c) for c in controls)))
    yield Pair("gmconf verify asks the running hosts", str(sum(bool(c.live) for c in controls)))
