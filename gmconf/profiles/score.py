"""Points: of a subtest, a category, a domain (CONTROLS 3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from gmconf.profiles.table import CATEGORIES, RULE, RULES, STATUSES, Category, Rule, Status


@dataclass(frozen=True, slots=True)
class Found:
    """Points of a subtest. No Observation: the others' table says what is wanted, and how much each answer counts."""

    key: str
    status: Status
    points: int = 0
    note: str = ""
    counts: bool = True
    """Whether its points are part of the category's most; what does not apply or could not be tested is not."""

    @property
    def rule(self) -> Rule:
        """Its row of the table."""
        return RULE[self.key]


def good(key: str, note: str = "") -> Found:
    """All points."""
    return Found(key, "good", RULE[key].points, note)


def bad(key: str, note: str, points: int = 0, status: Status = "bad") -> Found:
    """Not as it should be; no worse than the table lets it be."""
    return Found(key, min(status, RULE[key].worst, key=STATUSES.index), points, note)


def warned(key: str, note: str, status: Status = "warning") -> Found:
    """All points, and something to say."""
    return bad(key, note, RULE[key].points, status)


def untested(key: str, note: str, *, status: Status = "not tested", counts: bool = False) -> Found:
    """Not tested, or nothing to test."""
    return Found(key, status, 0, note, counts)


@dataclass(frozen=True, slots=True)
class Part:
    """A category of one domain. ``most`` 0: nothing of it was tested, and it is no part of the total."""

    category: Category
    points: int
    most: int
    found: tuple[Found, ...]

    @property
    def percent(self) -> int:
        """Rounded down, as that test does."""
        return int(100 * self.points / self.most) if self.most else 0


@dataclass(frozen=True, slots=True)
class Score:
    """What the test says of a domain."""

    domain: str
    parts: tuple[Part, ...]

    @property
    def total(self) -> int:
        """Percent: the mean of the categories that were tested, each of the same weight."""
        counted = [part.percent for part in self.parts if part.most]
        return max(min(int(sum(counted) / len(counted)), 100), 0) if counted else 0

    @property
    def worst(self) -> Status:
        """The worst status of all subtests: 100 % is possible with warnings."""
        return max((f.status for part in self.parts for f in part.found), key=STATUSES.index, default="not tested")

    def json(self) -> dict[str, object]:
        """As plain data."""
        parts = [
            {
                "category": part.category,
                "points": part.points,
                "most": part.most,
                "percent": part.percent if part.most else None,
                "subtests": [
                    {**asdict(f), "most": f.rule.points, "title": f.rule.title, "source": f.rule.source}
                    for f in part.found
                ],
            }
            for part in self.parts
        ]
        return {"domain": self.domain, "total": self.total, "worst": self.worst, "categories": parts}


def score(domain: str, found: Mapping[Category, Sequence[Iterable[Found]]]) -> Score:
    """The score of a domain; where a category has several subjects (hosts, zones) the one with the fewest points
    decides."""
    return Score(
        domain, tuple(_part(category, [tuple(one) for one in found.get(category, ())]) for category in CATEGORIES)
    )


def _part(category: Category, subjects: Sequence[tuple[Found, ...]]) -> Part:
    by_key: dict[str, list[Found]] = {}
    for one in subjects:
        for found in one:
            by_key.setdefault(found.key, []).append(found)
    merged = tuple(_merged(by_key[rule.key]) for rule in RULES if rule.key in by_key)
    counted = {f.key for f in merged if f.counts}
    points = min((sum(f.points for f in one if f.key in counted) for one in subjects), default=0)
    return Part(category, points, sum(f.rule.points for f in merged if f.counts), merged)


def _merged(found: Sequence[Found]) -> Found:
    worst = max(found, key=lambda f: (STATUSES.index(f.status), -f.points))
    notes = dict.fromkeys(f.note for f in found if f.note and f.status == worst.status)
    return Found(worst.key, worst.status, min(f.points for f in found), "; ".join(notes), any(f.counts for f in found))
