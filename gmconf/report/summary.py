"""The first screen: which level is declared, whether it holds, what is missing, what is waived until when, by area."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gmconf.assess.check import PROOFS
from gmconf.controls.control import AREAS
from gmconf.controls.result import Status
from gmconf.model.levels import LEVELS, Level, up_to
from gmconf.report.status import Standing, Standings

ORDER: tuple[Status, ...] = ("pass", "waived", "unseen", "fail", "error", "na")


@dataclass(frozen=True, slots=True)
class Headline:
    """The verdict in a sentence; ``kind`` is pass, waived or fail."""

    text: str
    more: str
    kind: str


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a bar: how many controls, of which state."""

    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class LevelRow:
    """How one level's own controls stand."""

    name: str
    declared: bool
    word: str
    kind: str
    total: int
    held: int
    missing: int
    waived: int
    unseen: int
    na: int
    files: int
    """Held by what is rendered."""
    hosts: int
    """Held by what running hosts answered."""
    paper: int
    """Held, wholly or in part, by what people say."""
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """Held and asked for, of one area and level."""

    level: str
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class AreaRow:
    """One area: the level it reaches, and its numbers."""

    name: str
    anchor: str
    reached: str
    kind: str
    cells: tuple[Cell, ...]
    missing: str
    waived: str


def headline(found: Standings) -> Headline:
    """The answer to "does it hold?"."""
    verdict, declared = found.verdict, found.verdict.declared
    rows = [r for r in found.rows if r.asked]
    missing, waived = [r for r in rows if r.missing], [r for r in rows if r.status == "waived"]
    asked = (
        f"The running hosts were asked on {found.live.when}."
        if found.live
        else ("Judged from the site and what is rendered from it; neither the running hosts nor DNS were asked.")
    )
    proved = verdict.proved
    asked += (
        f" {proved['files']} controls are held by what is rendered, {proved['hosts']} by what hosts answered,"
        f" {proved['paper']} by what people say."
    )
    if verdict.unseen:
        asked += f" Not looked at: {', '.join(verdict.unseen)}."
    paper = "" if found.live else " on paper"
    reached = f"{_title(verdict.reached)} holds{paper}." if verdict.reached else "No level holds."
    but = f"{_number(waived, 'control')} waived {_until(waived)}" if waived else ""
    if declared is None:
        return Headline("No level is declared.", f"{reached} {asked}", "waived")
    if not verdict.holds:
        more = f"{reached} {but[:1].upper()}{but[1:]}{'. ' if but else ''}{asked}"
        return Headline(
            f"{_title(declared)} is declared and does not hold: {_number(missing, 'control')} missing.", more, "fail"
        )
    if waived:
        without = (
            f"What is waived is not met: without its waivers the site holds {verdict.reached or 'no level'}. {asked}"
        )
        return Headline(f"{_title(declared)} is declared and holds{paper}, with {but}.", without, "waived")
    return Headline(f"{_title(declared)} is declared and holds{paper}.", asked, "pass" if found.live else "paper")


def levels(found: Standings) -> tuple[LevelRow, ...]:
    """One row for each level."""
    return tuple(_level(found, level) for level in LEVELS)


def _level(found: Standings, level: Level) -> LevelRow:
    rows = [r for r in found.rows if r.control.level == level]
    count = {status: sum(r.status == status for r in rows) for status in ORDER}
    missing = count["fail"] + count["error"]
    asked = any(r.asked for r in rows)
    word, kind = "does not hold", "fail" if asked else "na"
    if _within(level, found.verdict.reached):
        word, kind = ("holds", "pass") if found.live else ("holds on paper", "paper")
    elif _within(level, found.verdict.granted):
        word, kind = "holds with waivers", "waived"
    rests = {kind: sum(r.rests == kind for r in rows) for kind in PROOFS}
    shares = (
        ("pass", count["pass"] - rests["paper"]),
        ("paper", rests["paper"]),
        ("na", count["unseen"]),
        ("waived", count["waived"]),
        ("fail" if asked else "open", missing),
        ("na", count["na"]),
    )
    return LevelRow(
        level,
        found.verdict.declared == level,
        word,
        kind,
        len(rows),
        count["pass"],
        missing,
        count["waived"],
        count["unseen"],
        count["na"],
        rests["files"],
        rests["hosts"],
        rests["paper"],
        tuple(Share(k, n) for k, n in shares if n),
    )


def _within(level: Level, reached: Level | None) -> bool:
    return level in up_to(reached)


def areas(found: Standings) -> tuple[AreaRow, ...]:
    """One row for each area that has controls, in the order of the catalogue."""
    return tuple(_areas(found))


def _areas(found: Standings) -> Iterator[AreaRow]:
    for name in dict.fromkeys(AREAS.values()):
        rows = [r for r in found.rows if r.control.area() == name]
        if not rows:
            continue
        cells = tuple(_cell(level, [r for r in rows if r.control.level == level]) for level in LEVELS)
        declared = found.verdict.declared
        missing = [r for r in rows if r.missing and (r.asked or declared is None)]
        waived = [r for r in rows if r.status == "waived"]
        kind = (
            "na"
            if declared is None
            else "fail"
            if missing
            else "waived"
            if waived
            else "pass"
            if found.live
            else "paper"
        )
        yield AreaRow(
            name,
            anchor(name),
            found.verdict.areas[name] or "none",
            kind,
            cells,
            str(len(missing) or "none"),
            f"{len(waived)}, {_until(waived)}" if waived else "none",
        )


def _cell(level: Level, rows: Sequence[Standing]) -> Cell:
    apply = [r for r in rows if r.status != "na"]
    if not apply:
        return Cell(level, "\u2013", "na")
    held = sum(r.status == "pass" for r in apply)
    missing = [r for r in apply if r.missing]
    kind = "pass" if held == len(apply) else "waived" if not missing else "fail" if missing[0].asked else "na"
    return Cell(level, f"{held} of {len(apply)}", kind)


def anchor(area: str) -> str:
    """The id of an area's section."""
    return f"area-{area.replace(' ', '-')}"


def _until(rows: Sequence[Standing]) -> str:
    days = sorted(r.waiver.until for r in rows if r.waiver)
    return f"until {days[0]}" if len(set(days)) == 1 else f"the first until {days[0]}, the last until {days[-1]}"


def _number(rows: Sequence[Standing], what: str) -> str:
    return f"{len(rows)} {what}" if len(rows) == 1 else f"{len(rows)} {what}s"


def _title(level: str) -> str:
    return level.capitalize()
