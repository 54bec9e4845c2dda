"""One control as the page shows it: what is asked, what is done for it, how that is proved, what was found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from gmconf.assess.check import BROKEN
from gmconf.controls.control import Control
from gmconf.controls.proofs import automated, judged, proofs
from gmconf.controls.result import Result
from gmconf.derived.documents import DOCUMENTS, written
from gmconf.model.operation import Shown
from gmconf.report.rendered import Line
from gmconf.report.status import WORDS, Kind, Standing, Standings

NAMED = 4
"""Hosts or domains named in a row; of more, the number is given."""
FAILURES = 20
"""Results listed for one control, that do not hold and that do; ``gmconf check --format json`` has all of them."""
VALUES = 4
"""Different values of one key that are listed."""
LETTERS = 240
"""Of one value."""
_METHODS = {
    "static": "site and rendered files",
    "live": "running hosts",
    "evidence": "evidence",
    "declared": "site.yml says so",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A line of text, with a link where it is one; ``kind`` is its style class."""

    text: str
    link: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """Lines under one heading."""

    name: str
    lines: tuple[Item, ...]


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
    """A row of the page: results of one kind, of several subjects, put together in words."""

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
    why: tuple[str, ...]
    parts: tuple[Part, ...]
    settings: tuple[SettingRow, ...]
    evidence: Proof | None
    findings: tuple[Finding, ...]
    more: str
    waiver: WaiverRow | None
    tone: str
    """The style of its tag: what is held by files, hosts and paper does not look alike."""


def entry(row: Standing, found: Standings, lines: Sequence[Line]) -> Entry:
    """One control, ready to be printed."""
    control, hosts = row.control, [h.name for h in found.loaded.site.hosts]
    failing = [r for r in row.results if r.status in BROKEN]
    findings, left = _findings(row, failing, hosts)
    more = f"{left} more results are in gmconf check --format json." if left else ""
    return Entry(
        control.id,
        control.title,
        control.level,
        row.kind,
        f"{WORDS[row.kind]}: {row.rests}" if row.rests else WORDS[row.kind],
        tuple(part.replace("\n", " ") for part in control.why.split("\n\n")),
        tuple(_parts(row, found)),
        tuple(_settings(lines, hosts)),
        proof(row, found),
        findings,
        more,
        waiver(row, found),
        {"hosts": "pass", "": row.kind}.get(row.rests, row.rests),
    )


def short(text: str) -> str:
    """A value that fits; the whole is in the rendered file."""
    return text if len(text) <= LETTERS else f"{text[:LETTERS]} \u2026 ({len(text)} characters)"


def named(some: Sequence[str], all_: Sequence[str]) -> str:
    """Names, or how many there are."""
    if len(all_) > 1 and len(some) == len(all_):
        return "all hosts"
    rest = f" and {len(some) - NAMED} more" if len(some) > NAMED else ""
    return ", ".join(some[:NAMED]) + rest


def _settings(lines: Sequence[Line], hosts: Sequence[str]) -> Iterable[SettingRow]:
    """Each value with its hosts; of a key that differs nearly everywhere,
    the first values and how many more there are.
    """
    places: dict[str, list[Line]] = {}
    for line in lines:
        places.setdefault(f"{line.file}:{line.key}" if line.key else line.file, []).append(line)
    for place, found in places.items():
        for line in found[:VALUES]:
            yield SettingRow(place, short(line.value), named(line.hosts, hosts), line.origin)
        if found[VALUES:]:
            rest = sum(len(line.hosts) for line in found[VALUES:])
            yield SettingRow(place, f"{len(found) - VALUES} other values", f"{rest} other hosts", "")


def _parts(row: Standing, found: Standings) -> Iterable[Part]:
    control, given = row.control, waiver(row, found)
    if given:
        yield Part("Waived", (Item(f"Until {given.until} ({given.left}), by {given.owner}: {given.reason}"),))
    yield Part("Sources", tuple(map(Item, control.quoted())))
    yield Part("Proof", tuple(_proved(control, found)))
    if control.facts:
        yield Part("Asks site.yml for", (Item(", ".join(fact.path for fact in control.facts), kind="code"),))
    if control.documents:
        yield Part("Documents", tuple(map(Item, _documents(control, found))))
    shown = proof(row, found)
    if shown:
        seen = (Item(f"{shown.by}, {shown.day}; to be looked at again by {shown.until}"),) if shown.by else ()
        yield Part("Evidence", (Item(f"{shown.what}:"), Item(shown.where, shown.link), *seen))


def _documents(control: type[Control], found: Standings) -> Iterable[str]:
    there = {d.name for d in written(found.loaded.site)}
    titles = {d.name: d.title for d in DOCUMENTS}
    for name in control.documents:
        yield (
            f"{titles.get(name, name)} (build/documents/{name}.md)"
            if name in there
            else f"{titles.get(name, name)} (not written: facts are missing)"
        )


def proof(row: Standing, found: Standings) -> Proof | None:
    """The evidence that a control asks for; None where it asks for none, or for none of this site."""
    wanted = row.control.evidence
    if wanted is None:
        return None
    if row.results and all(r.method != "evidence" and r.status not in ("na", "waived", "unseen") for r in row.results):
        return None  # the site tells as much
    shown: Shown | None = found.loaded.site.evidence.get(row.control.id)
    if shown is None:
        return Proof(
            row.control.id,
            wanted.what,
            "none named",
            "",
            "",
            "",
            "",
            row.status if row.status in ("na", "waived") else "fail",
        )
    until = shown.day + timedelta(days=wanted.days)
    link = shown.where if shown.where.startswith("https://") else ""
    fresh = shown.day <= found.day <= until
    return Proof(
        row.control.id,
        wanted.what,
        shown.where,
        link,
        shown.by,
        str(shown.day),
        str(until),
        "pass" if fresh else "fail",
    )


def _proved(control: type[Control], found: Standings) -> Iterable[Item]:
    """How it is proved, in sentences."""
    if automated(control):
        yield Item("automated", kind="tag")
    if judged(control):
        count = sum(map(len, control.settings.values()))
        what = f"{count} settings" if count > 1 else "one setting" if count else "the site"
        yield Item(f"Checked before roll-out: {what}{' and files' if control.files else ''}.")
    if control.live:
        asked = set(control.live) & (found.live.probes() if found.live else set())
        yield Item(
            f"Probes of running hosts: {', '.join(control.live)}{'' if asked else ' (not asked for this report)'}."
        )
    tests = proofs().get(control.id, ())
    if tests:
        yield Item(
            f"Shown on real hosts of both Debian releases by {len(tests)} test{'s' if len(tests) > 1 else ''} of"
            " gmconf:"
        )
        yield Item(", ".join(tests), kind="code")
    if control.documents:
        yield Item("Carried out by documents that gmconf writes when the site has the facts for them.")
    if control.evidence:
        yield Item(f"Evidence by a person, every {control.evidence.days} days.")


def _findings(row: Standing, failing: Sequence[Result], hosts: Sequence[str]) -> tuple[tuple[Finding, ...], int]:
    """What does not hold, one by one, then what does, put together; and how many results are left out."""
    found, left = [], max(0, len(failing) - FAILURES)
    for result in failing[:FAILURES]:
        remedy = result.remedy or (f"see {result.origin}" if result.origin else "")
        kind: Kind = result.status if row.asked and row.missing else "open"
        found.append(
            Finding(
                result.subject,
                _METHODS[result.method],
                kind,
                WORDS[kind],
                short(result.expected),
                short(result.observed),
                result.where,
                remedy,
            )
        )
    alike: dict[tuple[str, ...], list[str]] = {}
    for result in row.results:
        if result.status not in BROKEN:
            key = (
                _METHODS[result.method],
                result.status,
                WORDS[result.status],
                short(result.expected),
                short(result.observed),
                result.where,
            )
            alike.setdefault(key, []).append(result.subject)
    for number, ((method, status, word, expected, observed, where), subjects) in enumerate(alike.items()):
        if number < FAILURES:
            found.append(
                Finding(
                    named(subjects, hosts if subjects == list(hosts) else ()),
                    method,
                    status,
                    word,
                    expected,
                    observed,
                    where,
                    "",
                )
            )
        else:
            left += len(subjects)
    return tuple(found), left


def waiver(row: Standing, found: Standings) -> WaiverRow | None:
    """The waiver of a control."""
    if row.waiver is None:
        return None
    days = (row.waiver.until - found.day).days
    left = f"expired {-days} days ago" if days < 0 else "the last day" if days == 0 else f"{days} days left"
    return WaiverRow(
        row.control.id,
        row.control.title,
        row.control.level,
        row.waiver.reason,
        row.waiver.owner,
        str(row.waiver.until),
        left,
        "fail" if days < 0 else "waived",
    )


def by_area(entries: Mapping[str, Entry], found: Standings) -> dict[str, tuple[Entry, ...]]:
    """Entries under the areas of their controls."""
    areas: dict[str, list[Entry]] = {}
    for row in found.rows:
        areas.setdefault(row.control.area(), []).append(entries[row.control.id])
    return {name: tuple(members) for name, members in areas.items()}
