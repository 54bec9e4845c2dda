"""How each control stands: results from the site and from its running hosts, put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from gmconf.check import Result, Status, Verdict, check, verdict, worst
from gmconf.controls.catalogue import CATALOGUE, LEVELS, Control
from gmconf.load import Loaded
from gmconf.model.operation import Waiver
from gmconf.model.site import Level
from gmconf.report.live import Live

WORDS: dict[Status, str] = {"pass": "held", "fail": "missing", "error": "error", "waived": "waived", "na": "does not apply"}
"""What a reader sees for a status."""


@dataclass(frozen=True)
class Standing:
    """One control: the worst of its results. What is waived stays waived, whatever a probe sees: it is known not to be held."""

    control: type[Control]
    status: Status
    results: tuple[Result, ...]
    waiver: Waiver | None

    @property
    def missing(self) -> bool:
        """Whether it ought to be held and is not."""
        return self.status in ("fail", "error")


@dataclass(frozen=True)
class Standings:
    """All controls of a site on a day, in the order of the catalogue."""

    loaded: Loaded
    day: date
    live: Live | None
    verdict: Verdict
    rows: tuple[Standing, ...]

    def upto(self, level: Level | None) -> Iterator[Standing]:
        """Controls that a level asks for; all of them without a level."""
        reach = LEVELS[: LEVELS.index(level) + 1] if level else LEVELS
        yield from (row for row in self.rows if row.control.level in reach)

    def results(self) -> Iterator[Result]:
        """Every result, control by control."""
        for row in self.rows:
            yield from row.results


def standings(loaded: Loaded, day: date, live: Live | None = None, level: Level | None = None) -> Standings:
    """Judge a site on a day, and add what its hosts were seen to do; ``level`` is asked for instead of the declared one."""
    static = check(loaded, day)
    seen = live.results if live else ()
    return Standings(loaded, day, live, verdict(counted(static, seen), level or loaded.site.level), _rows(loaded, static, seen))


def counted(static: Sequence[Result], live: Iterable[Result]) -> list[Result]:
    """The results that decide: a probe cannot make a waived control better or worse."""
    waived = {r.control for r in static if r.status == "waived"}
    return [*static, *(r for r in live if r.control not in waived)]


def _rows(loaded: Loaded, static: Sequence[Result], live: Sequence[Result]) -> tuple[Standing, ...]:
    status = worst(counted(static, live))
    grouped: dict[str, list[Result]] = {name: [] for name in CATALOGUE}
    for result in (*static, *live):
        grouped[result.control].append(result)
    waivers = {w.control: w for w in loaded.site.waivers}
    return tuple(Standing(CATALOGUE[name], status[name], tuple(found), waivers.get(name)) for name, found in grouped.items())
