"""Results for people: what does not hold, why, and what to do; and the user's site.yml with marks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from gmconf.assess.check import Verdict
from gmconf.controls.choices import Choice
from gmconf.controls.control import CATALOGUE
from gmconf.controls.result import Result
from gmconf.model.levels import LEVELS, Level, rank, up_to


def lines(
    results: Sequence[Result], verdict: Verdict, wanted: str | None, chosen: Iterable[Choice] = ()
) -> Iterator[str]:
    """Findings up to the wanted level, waivers, choices that are looser than recommended, areas by level, and one line
    of verdict.

    Without a level: the verdict first, and each level with the names of what it would ask for.
    """
    if wanted is None:
        yield from overview(results, verdict, chosen)
        return
    yield from findings(results, wanted)
    for row in results:
        if row.status == "waived":
            yield f"waived: {row.control}: {row.observed}"
        if row.status == "unseen" and row.level in up_to(verdict.declared or LEVELS[-1]):
            yield f"not looked at: {row.control}: {row.observed}"
    yield from loose(chosen)
    yield by_area(verdict)
    yield summary(verdict)


def findings(results: Iterable[Result], wanted: str) -> Iterator[str]:
    """What a level asks for and does not find, control by control, the lowest level first, with what to do."""
    reach, order = up_to(wanted), list(CATALOGUE)
    last = ""
    for row in sorted(results, key=lambda r: (rank(r.level), order.index(r.control))):
        if row.status not in ("fail", "error") or row.level not in reach:
            continue
        if row.control != last:
            yield f"{row.control} ({row.level}): {CATALOGUE[row.control].title}"
            last = row.control
        yield f"    {row.subject} {row.where}".rstrip() + f": {told(row)}"
        if row.remedy:
            yield f"        {row.remedy}"


def todo(results: Iterable[Result], level: Level, name: str) -> Iterator[str]:
    """What is still to be done for the declared level: a headline with the count, and a line for each thing. Nothing
    when it holds."""
    reach = up_to(level)
    rows = [r for r in results if r.status in ("fail", "error") and r.level in reach]
    if not rows:
        return
    yield (
        f"{name}: level {level} does not hold yet; {len({r.control for r in rows})} controls are missing (all about"
        f" them: gmconf check {name}):"
    )
    for row in sorted(rows, key=lambda r: rank(r.level)):
        remedy = f"; {row.remedy}" if row.remedy else ""
        yield f"  {row.control} ({row.level}): {row.subject} {row.where}".rstrip() + f": {told(row)}{remedy}"


def told(row: Result) -> str:
    """What was wanted and what was seen, as a sentence."""
    observed = row.observed.replace("\n", "\n        ")
    if row.where.startswith("build/documents/") and row.status in ("fail", "error"):
        return f"not written: {observed}"
    if row.method == "evidence" and observed == "none":
        return f"no {row.expected}"
    return f"expected {row.expected}; found {observed}" if row.expected else observed


def loose(chosen: Iterable[Choice]) -> Iterator[str]:
    """Choices that are looser than recommended."""
    for choice in chosen:
        if choice.loose:
            yield f"looser than recommended: {choice.field} ({choice.id}): {choice.chosen}"


def overview(results: Iterable[Result], verdict: Verdict, chosen: Iterable[Choice]) -> Iterator[str]:
    """The verdict of a site that declares no level, and what each level would ask for besides."""
    yield summary(verdict)
    yield by_area(verdict)
    yield from loose(chosen)
    lacking: dict[str, dict[str, None]] = {level: {} for level in LEVELS}
    for row in results:
        if row.status in ("fail", "error"):
            lacking[row.level][row.control] = None
    for level in LEVELS:
        names = list(lacking[level])
        if names:
            yield (
                f"{level} asks for {len(names)} more:"
                f" {', '.join(names[:SHOWN])}{f' and {len(names) - SHOWN} others' if len(names) > SHOWN else ''}"
            )
            yield f"    all of them, with what to do: gmconf check SITE --level {level}"


SHOWN = 8
"""Controls named in a line."""


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
        yield f"{row.status} {place}: {told(row)}"
        if row.remedy:
            yield f"    {row.remedy}"


def summary(verdict: Verdict) -> str:
    """The verdict in one line. It says what it rests on: nobody who reads "holds" is to think that hosts were asked
    when they were not."""
    counts, proved = verdict.counts, verdict.proved
    hosts = f", {proved['hosts']} on running hosts" if verdict.asked else ""
    held = (
        f"{counts['pass']} controls held: {proved['files']} seen in the files{hosts}, {proved['paper']} by what people"
        f" say; {counts['fail'] + counts['error']} not held, {counts['waived']} waived, {counts['unseen']} not looked"
        f" at, {counts['na']} not applicable"
    )
    holds, asked = ("holds", "") if verdict.asked else ("holds on paper", "; hosts not asked")
    reached = verdict.reached or "no level"
    waivers = len(verdict.waived)
    if verdict.declared is None:
        return f"{reached} {holds}; none is declared{asked} ({held})"
    if not verdict.holds:
        return (
            f"{verdict.declared} does not hold; {reached}"
            f" {'does on paper' if verdict.reached and not verdict.asked else 'does'}{asked} ({held})"
        )
    if waivers:
        return (
            f"{verdict.declared} {holds} with {waivers} waiver{'s' if waivers > 1 else ''}; without: {reached}{asked}"
            f" ({held})"
        )
    return f"{verdict.declared} {holds}{asked} ({held})"


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
    reach = up_to(wanted or LEVELS[-1])
    for row in results:
        if row.status in ("fail", "error", "waived") and row.level in reach:
            file, *numbers = row.origin.split(":")
            line = int(numbers[0]) if file == name and numbers else 0
            text = row.observed if row.status == "waived" else told(row)
            yield line, f"{row.control} ({row.status}): {text}"


def live(results: Sequence[Result]) -> Iterator[str]:
    """What probes found, once for all controls they prove; what could not be looked at and why; and one line of
    summary."""
    proves: dict[tuple[str, str, str, str, str, str], list[str]] = {}
    for row in results:
        proves.setdefault((row.status, row.subject, row.where, row.expected, row.observed, row.remedy), []).append(
            row.control
        )
    yield from _without_result(proves)
    for wanted in ("fail", "waived"):
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
    probes = {
        (subject, where): status
        for status, subject, where, *_ in sorted(proves, key=lambda k: _WORST.index(k[0]), reverse=True)
    }
    counts = {status: sum(s == status for s in probes.values()) for status in _WORST}
    yield (
        f"{counts['pass']} probes passed, {counts['fail']} failed, {counts['error']} without a result,"
        f" {counts['waived']} waived, {counts['na']} not applicable"
    )


def _without_result(proves: Mapping[tuple[str, str, str, str, str, str], Sequence[str]]) -> Iterator[str]:
    """Probes without a result; those of one subject that ended alike, as all do when a host is down, are one line."""
    alike: dict[tuple[str, str], list[tuple[str, str, str, Sequence[str]]]] = {}
    for (status, subject, where, expected, observed, remedy), controls in proves.items():
        if status == "error":
            alike.setdefault((subject, observed), []).append((where, expected, remedy, controls))
    for (subject, observed), rows in alike.items():
        if len(rows) > 1:
            first = "; ".join(dict.fromkeys(remedy.partition(";")[0] for _, _, remedy, _ in rows if remedy))
            yield (
                f"ERROR {subject}: {observed.replace(chr(10), ' ')}; {len(rows)} probes have no"
                f" result{f'; {first}' if first else ''}"
            )
            continue
        ((where, expected, remedy, controls),) = rows
        yield f"ERROR {subject} {where} ({', '.join(controls)})"
        yield f"    expected {expected}; found {observed.replace(chr(10), chr(10) + ' ' * 8)}"
        if remedy:
            yield f"    {remedy}"


_WORST = ("error", "fail", "waived", "pass", "na")
