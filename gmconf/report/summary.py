"""The first screen: which level is declared, whether it holds, what is missing, what is waived until when, by area."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gmconf.check import Status
from gmconf.controls.control import AREAS, LEVELS
from gmconf.model.site import Level
from gmconf.report.standing import Standing, Standings

ORDER: tuple[Status, ...] = ("pass", "waived", "fail", "error", "na")


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
    na: int
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """Held and asked for, of one area and level."""

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
    asked = f"The running hosts were asked on {found.live.when}." if found.live else (
        "Judged from the site and what is rendered from it; the running hosts were not asked.")  # fmt: skip
    reached = f"{_title(verdict.reached)} holds." if verdict.reached else "No level holds."
    but = f"{_number(waived, 'control')} waived {_until(waived)}" if waived else ""
    if declared is None:
        return Headline("No level is declared.", f"{reached} {asked}", "waived")
    if not verdict.holds:
        more = f"{reached} {but[:1].upper()}{but[1:]}{'. ' if but else ''}{asked}"
        return Headline(f"{_title(declared)} is declared and does not hold: {_number(missing, 'control')} missing.", more, "fail")
    if waived:
        without = f"What is waived is not met: without its waivers the site holds {verdict.reached or 'no level'}. {asked}"
        return Headline(f"{_title(declared)} is declared and holds, with {but}.", without, "waived")
    return Headline(f"{_title(declared)} is declared and holds.", asked, "pass")


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
        word, kind = "holds", "pass"
    elif _within(level, found.verdict.granted):
        word, kind = "holds with waivers", "waived"
    shares = (("pass", count["pass"]), ("waived", count["waived"]), ("fail" if asked else "open", missing), ("na", count["na"]))
    return LevelRow(
        level, found.verdict.declared == level, word, kind, len(rows), count["pass"], missing,
        count["waived"], count["na"], tuple(Share(k, n) for k, n in shares if n),
    )  # fmt: skip


def _within(level: Level, reached: Level | None) -> bool:
    return reached is not None and LEVELS.index(reached) >= LEVELS.index(level)


def areas(found: Standings) -> tuple[AreaRow, ...]:
    """One row for each area that has controls, in the order of the catalogue."""
    return tuple(_areas(found))


def _areas(found: Standings) -> Iterator[AreaRow]:
    for name in dict.fromkeys(AREAS.values()):
        rows = [r for r in found.rows if r.control.area() == name]
        if not rows:
            continue
        cells = tuple(_cell([r for r in rows if r.control.level == level]) for level in LEVELS)
        missing = [r for r in rows if r.missing and r.asked]
        waived = [r for r in rows if r.status == "waived"]
        kind = "fail" if missing else "waived" if waived else "pass"
        yield AreaRow(name, anchor(name), found.verdict.areas[name] or "none", kind, cells, str(len(missing) or "none"),
                      f"{len(waived)}, {_until(waived)}" if waived else "none")  # fmt: skip


def _cell(rows: Sequence[Standing]) -> Cell:
    apply = [r for r in rows if r.status != "na"]
    if not apply:
        return Cell("\u2013", "na")
    held = sum(r.status == "pass" for r in apply)
    missing = [r for r in apply if r.missing]
    kind = "pass" if held == len(apply) else "waived" if not missing else "fail" if missing[0].asked else "na"
    return Cell(f"{held} of {len(apply)}", kind)


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
