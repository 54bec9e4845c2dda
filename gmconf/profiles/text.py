"""Scores and clauses for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gmconf.printable import record
from gmconf.profiles.bsi import Standing
from gmconf.profiles.score import Part, Score
from gmconf.profiles.table import STATUSES


def domain(found: Score) -> Iterator[str]:
    """One domain: its score by category, and every subtest that is not simply good."""
    yield f"{found.domain}: {found.total} %, worst: {found.worst}"
    yield f"    {', '.join(_part(part) for part in found.parts)}"
    for part in found.parts:
        alike: dict[tuple[str, str, str], list[str]] = {}
        for one in part.found:
            if one.status != "good" or one.points < one.rule.points * one.counts:
                points = f"{one.points} of {one.rule.points}" if one.counts and one.rule.points else "not counted"
                alike.setdefault((one.status, points, one.note or one.rule.title), []).append(one.key)
        for (status, points, note), keys in alike.items():
            yield f"    {part.category} {', '.join(keys)}: {status} ({points}): {record(note)}"


def _part(part: Part) -> str:
    return (
        f"{part.category} {part.percent} % ({part.points} of {part.most})"
        if part.most
        else f"{part.category} not tested"
    )


def summary(count: int, least: int, worst: str) -> str:
    """One line about all domains."""
    return f"{count} domain{'' if count == 1 else 's'}: {least} % at least, worst: {worst}"


def worse(one: str, other: str) -> str:
    """The worse of two statuses; empty is none yet."""
    return max((s for s in STATUSES if s in (one, other)), key=STATUSES.index)


def clauses(found: Iterable[Standing]) -> Iterator[str]:
    """Each clause and what it lacks; one line of summary."""
    counts: dict[str, int] = {}
    for one in found:
        counts[one.state] = counts.get(one.state, 0) + 1
        yield f"{one.clause}: {one.state}: {one.title}" + (f" ({', '.join(one.controls)})" if one.controls else "")
        yield from (f"    {text}" for text in one.findings)
    yield ", ".join(f"{count} {state}" for state, count in counts.items())
