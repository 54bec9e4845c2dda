"""Results for people: what does not hold, why, and what to do; and the user's site.yml with marks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gmconf.check import Result, Verdict
from gmconf.controls.choices import Choice
from gmconf.controls.control import CATALOGUE, LEVELS


def lines(results: Sequence[Result], verdict: Verdict, wanted: str | None, chosen: Iterable[Choice] = ()) -> Iterator[str]:
    """Findings up to the wanted level, waivers, choices that are looser than recommended, areas by level, and one line of verdict."""
    reach = LEVELS.index(wanted) if wanted in LEVELS else -1
    last = ""
    for row in sorted(results, key=lambda r: (LEVELS.index(r.level), list(CATALOGUE).index(r.control))):
        if row.status not in ("fail", "error") or (wanted and LEVELS.index(row.level) > reach):
            continue
        if row.control != last:
            yield f"{row.control} ({row.level}): {CATALOGUE[row.control].title}"
            last = row.control
        place = f"{row.subject} {row.where}".strip()
        yield f"    {place}: expected {row.expected}; found {row.observed}"
        if row.remedy:
            yield f"        {row.remedy}"
    for row in results:
        if row.status == "waived":
            yield f"waived: {row.control}: {row.observed}"
    for choice in chosen:
        if choice.loose:
            yield f"looser than recommended: {choice.field} ({choice.id}): {choice.chosen}"
    yield by_area(verdict)
    yield summary(verdict)


def by_area(verdict: Verdict) -> str:
    """What is reached in each area, the lowest level first."""
    places: dict[str, list[str]] = {}
    for area, reached in verdict.areas.items():
        places.setdefault(reached or "no level", []).append(area)
    return "; ".join(f"{level}: {', '.join(places[level])}" for level in ("no level", *LEVELS) if level in places)


def standing(results: Iterable[Result]) -> Iterator[str]:
    """The state of one control: what was looked at, and what came of it."""
    for row in results:
        place = f"{row.subject} {row.where}".strip()
        said = f"expected {row.expected}; found {row.observed}" if row.expected else row.observed
        yield f"{row.status} {place}: {said}"
        if row.remedy:
            yield f"    {row.remedy}"


def summary(verdict: Verdict) -> str:
    """The verdict in one line."""
    counts = verdict.counts
    held = f"{counts['pass']} controls held, {counts['fail'] + counts['error']} not, {counts['waived']} waived, {counts['na']} not applicable"
    reached = verdict.reached or "no level"
    waivers = len(verdict.waived)
    if verdict.declared is None:
        return f"{reached} holds; none is declared ({held})"
    if not verdict.holds:
        return f"{verdict.declared} does not hold; {reached} does ({held})"
    if waivers:
        return f"{verdict.declared} holds with {waivers} waiver{'s' if waivers > 1 else ''}; without: {reached} ({held})"
    return f"{verdict.declared} holds ({held})"


def annotated(text: str, marks: Iterable[tuple[int, str]]) -> str:
    """A file with a comment below each line that a finding points to; findings without a line stand at the top."""
    below: dict[int, list[str]] = {}
    for line, note in marks:
        below.setdefault(line, []).append(note)
    out = [f"# ^ {note}" for note in below.get(0, [])]
    for number, written in enumerate(text.split("\n"), 1):
        out.append(written)
        indent = written[: len(written) - len(written.lstrip())]
        out += [f"{indent}# ^ {note}" for note in below.get(number, [])]
    return "\n".join(out)


def marks(results: Iterable[Result], wanted: str | None, name: str) -> Iterator[tuple[int, str]]:
    """(line, note) of every finding up to a level; line 0 when it belongs to no line of the file ``name``."""
    reach = LEVELS.index(wanted) if wanted in LEVELS else len(LEVELS) - 1
    for row in results:
        if row.status in ("fail", "error", "waived") and LEVELS.index(row.level) <= reach:
            file, *numbers = row.origin.split(":")
            line = int(numbers[0]) if file == name and numbers else 0
            text = row.observed if row.status == "waived" else f"expected {row.expected}; found {row.observed}"
            yield line, f"{row.control} ({row.status}): {text}"


def live(results: Sequence[Result]) -> Iterator[str]:
    """What probes found, once for all controls they prove; what could not be looked at and why; and one line of summary."""
    proves: dict[tuple[str, str, str, str, str, str], list[str]] = {}
    for row in results:
        proves.setdefault((row.status, row.subject, row.where, row.expected, row.observed, row.remedy), []).append(row.control)
    for wanted in ("error", "fail", "waived"):
        for (status, subject, where, expected, observed, remedy), controls in proves.items():
            if status == wanted:
                yield f"{status.upper()} {subject} {where} ({', '.join(controls)})"
                first, *more = observed.split("\n")
                yield f"    expected {expected}; found {first}"
                yield from (f"        {line}" for line in more)
                if remedy:
                    yield f"    {remedy}"
    reasons: dict[str, list[str]] = {}
    for status, _, where, _, observed, _ in proves:
        if status == "na" and where not in reasons.setdefault(observed, []):
            reasons[observed].append(where)
    for reason, names in reasons.items():
        yield f"not looked at: {', '.join(names)}: {reason}"
    probes = {(subject, where): status for status, subject, where, *_ in sorted(proves, key=lambda k: _WORST.index(k[0]), reverse=True)}
    counts = {status: sum(s == status for s in probes.values()) for status in _WORST}
    yield (f"{counts['pass']} probes passed, {counts['fail']} failed, {counts['error']} without a result, {counts['waived']} waived, "
           f"{counts['na']} not applicable")  # fmt: skip


_WORST = ("error", "fail", "waived", "pass", "na")
