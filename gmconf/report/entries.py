"""One control as the page shows it: what is asked, what is done for it, how that is proved, what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from gmconf.check import Result
from gmconf.controls.control import Control
from gmconf.controls.proofs import automated, judged, proofs
from gmconf.controls.statements import STATEMENTS
from gmconf.documents import DOCUMENTS, written
from gmconf.model.operation import Shown
from gmconf.report.rendered import Line
from gmconf.report.standing import WORDS, Standing, Standings

NAMED = 4
"""Hosts or domains named in a row; of more, the number is given."""
FAILURES = 20
"""Findings listed for one control; ``gmconf check --format json`` has all of them."""
LETTERS = 240
"""Of one value."""
_METHODS = {"static": "site and rendered files", "live": "running hosts", "evidence": "evidence"}


@dataclass(frozen=True, slots=True)
class Source:
    """Where it is asked for; ``quote`` is empty for standards, which are only named."""

    name: str
    quote: str


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A value on hosts."""

    place: str
    value: str
    hosts: str
    origin: str


@dataclass(frozen=True, slots=True)
class Proof:
    """Evidence that a person gave, or what would be needed."""

    control: str
    what: str
    where: str
    link: str
    by: str
    day: str
    until: str
    kind: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Results of one kind, put together."""

    subjects: str
    method: str
    kind: str
    word: str
    expected: str
    observed: str
    where: str
    remedy: str


@dataclass(frozen=True, slots=True)
class WaiverRow:
    """A waiver, and how long it still runs."""

    control: str
    title: str
    level: str
    reason: str
    owner: str
    until: str
    left: str
    kind: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One control."""

    id: str
    title: str
    level: str
    kind: str
    word: str
    automated: bool
    why: tuple[str, ...]
    sources: tuple[Source, ...]
    settings: tuple[SettingRow, ...]
    facts: str
    documents: tuple[str, ...]
    evidence: Proof | None
    proved: tuple[str, ...]
    tests: str
    findings: tuple[Finding, ...]
    more: str
    waiver: WaiverRow | None


def entry(row: Standing, found: Standings, lines: Sequence[Line]) -> Entry:
    """One control, ready to be printed."""
    control, hosts = row.control, [h.name for h in found.loaded.site.hosts]
    failing = [r for r in row.results if r.status in ("fail", "error")]
    more = f"{len(failing) - FAILURES} more findings are in gmconf check --format json." if len(failing) > FAILURES else ""
    return Entry(
        control.id, control.title, control.level, row.kind, WORDS[row.kind], automated(control),
        tuple(part.replace("\n", " ") for part in control.why.split("\n\n")), tuple(_sources(control)),
        tuple(SettingRow(f"{line.file}:{line.key}" if line.key else line.file, short(line.value), named(line.hosts, hosts), line.origin) for line in lines),
        ", ".join(fact.path for fact in control.facts), tuple(_documents(control, found)), proof(row, found), tuple(_proved(control, found)),
        ", ".join(proofs().get(control.id, ())), tuple(_findings(row, failing, hosts)), more, waiver(row, found),
    )  # fmt: skip


def short(text: str) -> str:
    """A value that fits; the whole is in the rendered file."""
    return text if len(text) <= LETTERS else f"{text[:LETTERS]} \u2026 ({len(text)} characters)"


def named(some: Sequence[str], all_: Sequence[str]) -> str:
    """Names, or how many there are."""
    if len(all_) > 1 and len(some) == len(all_):
        return "all hosts"
    rest = f" and {len(some) - NAMED} more" if len(some) > NAMED else ""
    return ", ".join(some[:NAMED]) + rest


def _sources(control: type[Control]) -> Iterable[Source]:
    for source in control.sources:
        if source in STATEMENTS:
            statement = STATEMENTS[source]
            yield Source(statement.cited.partition(": \u201c")[0], statement.quote)
        else:
            yield Source(source, "")


def _documents(control: type[Control], found: Standings) -> Iterable[str]:
    there = {d.name for d in written(found.loaded.site)}
    titles = {d.name: d.title for d in DOCUMENTS}
    for name in control.documents:
        yield f"{titles.get(name, name)} (build/documents/{name}.md)" if name in there else f"{titles.get(name, name)} (not written: facts are missing)"


def proof(row: Standing, found: Standings) -> Proof | None:
    """The evidence that a control asks for."""
    wanted = row.control.evidence
    if wanted is None:
        return None
    shown: Shown | None = found.loaded.site.evidence.get(row.control.id)
    if shown is None:
        return Proof(row.control.id, wanted.what, "none named", "", "", "", "", row.status if row.status in ("na", "waived") else "fail")
    until = shown.day + timedelta(days=wanted.days)
    link = shown.where if shown.where.startswith("https://") else ""
    fresh = shown.day <= found.day <= until
    return Proof(row.control.id, wanted.what, shown.where, link, shown.by, str(shown.day), str(until), "pass" if fresh else "fail")


def _proved(control: type[Control], found: Standings) -> Iterable[str]:
    """How it is proved, in sentences."""
    if judged(control):
        count = sum(map(len, control.settings.values()))
        what = f"{count} settings" if count > 1 else "one setting" if count else "the site"
        yield f"Checked before roll-out: {what}{' and files' if control.files else ''}."
    if control.live:
        asked = set(control.live) & (found.live.probes() if found.live else set())
        yield f"Probes of running hosts: {', '.join(control.live)}{'' if asked else ' (not asked for this report)'}."
    tests = len(proofs().get(control.id, ()))
    if tests:
        yield f"Shown on real hosts of both Debian releases by {tests} test{'s' if tests > 1 else ''} of gmconf."
    if control.evidence:
        yield f"Evidence by a person, every {control.evidence.days} days."


def _findings(row: Standing, failing: Sequence[Result], hosts: Sequence[str]) -> Iterable[Finding]:
    for result in failing[:FAILURES]:
        remedy = result.remedy or (f"see {result.origin}" if result.origin else "")
        kind = result.status if row.asked or row.kind == "waived" else "open"
        yield Finding(result.subject, _METHODS[result.method], kind, WORDS[kind], short(result.expected),
                      short(result.observed), result.where, remedy)  # fmt: skip
    alike: dict[tuple[str, ...], list[str]] = {}
    for result in row.results:
        if result not in failing:
            key = (_METHODS[result.method], result.status, WORDS[result.status], short(result.expected), short(result.observed), result.where)
            alike.setdefault(key, []).append(result.subject)
    for (method, kind, word, expected, observed, where), subjects in alike.items():
        yield Finding(named(subjects, hosts if subjects == list(hosts) else ()), method, kind, word, expected, observed, where, "")


def waiver(row: Standing, found: Standings) -> WaiverRow | None:
    """The waiver of a control."""
    if row.waiver is None:
        return None
    days = (row.waiver.until - found.day).days
    left = f"expired {-days} days ago" if days < 0 else "the last day" if days == 0 else f"{days} days left"
    return WaiverRow(row.control.id, row.control.title, row.control.level, row.waiver.reason, row.waiver.owner, str(row.waiver.until), left,
                     "fail" if days < 0 else "waived")  # fmt: skip


def by_area(entries: Mapping[str, Entry], found: Standings) -> dict[str, tuple[Entry, ...]]:
    """Entries under the areas of their controls."""
    areas: dict[str, list[Entry]] = {}
    for row in found.rows:
        areas.setdefault(row.control.area(), []).append(entries[row.control.id])
    return {name: tuple(members) for name, members in areas.items()}
