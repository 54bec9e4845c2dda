"""How each control stands: results from the site and from its running hosts, put together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from gmconf.assess.check import BROKEN, Verdict, check, resting, states, verdict
from gmconf.controls.catalogue import CATALOGUE, Control
from gmconf.controls.result import Result, Status
from gmconf.model.levels import Level, up_to
from gmconf.model.operation import ANY_DAY, Waiver
from gmconf.report.live import Live
from gmconf.site.load import Loaded

Kind = Literal[Status, "open"]
"""A status, or "open" for what is not held because no declared level asks for it."""
WORDS: dict[Kind, str] = {
    "pass": "held",
    "fail": "missing",
    "open": "not held",
    "error": "error",
    "waived": "waived",
    "unseen": "not looked at",
    "na": "does not apply",
}
"""What a reader sees."""


@dataclass(frozen=True)
class Standing:
    """One control: the worst of its results. What is waived stays waived, whatever a probe sees: it is known not to be
    held."""

    control: type[Control]
    status: Status
    results: tuple[Result, ...]
    waiver: Waiver | None
    asked: bool
    """Whether the declared level asks for it."""
    rests: str = ""
    """The basis of what is held: hosts that answered, files, paper."""

    @property
    def missing(self) -> bool:
        """Whether it is not held, nor waived."""
        return self.status in BROKEN

    @property
    def kind(self) -> Kind:
        """The status as a reader is to see it."""
        return "open" if self.missing and not self.asked else self.status


@dataclass(frozen=True)
class Standings:
    """All controls of a site on a day, in the order of the catalogue."""

    loaded: Loaded
    day: date
    live: Live | None
    verdict: Verdict
    rows: tuple[Standing, ...]

    def results(self) -> Iterator[Result]:
        """Every result, control by control."""
        for row in self.rows:
            yield from row.results


def standings(
    loaded: Loaded,
    day: date,
    live: Live | None = None,
    level: Level | None = None,
    hashes: Mapping[str, str] | None = None,
) -> Standings:
    """Judge a site on a day, and add what its hosts were seen to do; ``level`` is asked for instead of the declared
    one.

    ``hashes`` are the password hashes by login, as for ``check``.
    """
    static = check(loaded, day, hashes)
    seen = live.results if live else ()
    found = verdict(counted(static, seen), level or loaded.site.level)
    return Standings(loaded, day, live, found, _rows(loaded, static, seen, found.declared))


def counted(static: Sequence[Result], live: Iterable[Result]) -> list[Result]:
    """The results that decide: a probe cannot make a waived control better or worse."""
    waived = {r.control for r in static if r.status == "waived"}
    return [*static, *(r for r in live if r.control not in waived)]


def _rows(
    loaded: Loaded, static: Sequence[Result], live: Sequence[Result], declared: Level | None
) -> tuple[Standing, ...]:
    reach = up_to(declared)
    status = states(counted(static, live))
    grouped: dict[str, list[Result]] = {name: [] for name in CATALOGUE}
    for result in (*static, *live):
        grouped[result.control].append(result)
    waivers = loaded.site.waived(ANY_DAY)  # expired ones are shown, as expired
    bases = resting((*static, *live))
    return tuple(
        Standing(
            CATALOGUE[name],
            status[name],
            tuple(found),
            waivers.get(name),
            CATALOGUE[name].level in reach,
            bases.get(name, "") if status[name] == "pass" else "",
        )
        for name, found in grouped.items()
    )
