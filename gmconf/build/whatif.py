"""What a field of the site does, found by trying: the site is rendered and judged again as if the field said something
else.

The reasons of a rendered line name fields as coarsely as people think of them ("hosts"). Whoever asks about one of them
wants the lines that would be others, also those of lists written by code, and the controls that look at it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from gmconf.assess.check import check, states, verdict
from gmconf.build import explain
from gmconf.build.explain import Answer
from gmconf.build.tree import Tree, build
from gmconf.build.variants import Field, alternatives, changed, field_of
from gmconf.controls import control
from gmconf.controls.choices import choices
from gmconf.dns.spelling import zones
from gmconf.errors import GmconfError
from gmconf.render.trace import SITE
from gmconf.site.load import Loaded, otherwise

_UNTOLD = ("trace.json", "README.md", "roles/", "secrets/")
"""Files of build/ that are about the others."""


@dataclass(frozen=True, slots=True)
class Influence:
    """A field of the site: where it stands, what it is for, what was tried, and what would be otherwise then."""

    field: str
    place: str
    """``site.yml:LINE:COLUMN``, or the file's name when the field has its default."""
    about: str
    """Its description, as in the schema; may be empty."""
    tried: str
    """How the field was changed; empty when no change of it changes anything."""
    answers: tuple[Answer, ...]


def influence(loaded: Loaded, name: str, today: date) -> Influence:
    """Ask what a field of the site does. Raises GmconfError when there is no such field.

    Changes that break a rule of the site are tried last: what would be rendered then is still what comes of the field.
    """
    found = field_of(loaded.site, name)
    why = loaded.why(found.name)
    before = _Outcome(loaded, today)
    kept: list[tuple[str, Loaded]] = []
    broken: list[tuple[str, Loaded]] = []
    for tried, value in alternatives(found, loaded.document.data):
        if altered := otherwise(loaded, changed(loaded.document.data, found.path, value)):
            (kept if altered[1] else broken).append((tried, altered[0]))
    for tried, other in (*kept, *broken):
        try:
            answers = _differences(before, other, today, found, why.ref)
        except (GmconfError, LookupError, StopIteration):
            continue  # no key files for it, or rules broken without which nothing can be rendered
        if answers:
            return Influence(found.name, why.ref, found.about, tried, answers)
    return Influence(found.name, why.ref, found.about, "", ())


class _Outcome:
    """All that comes of a site on a day."""

    def __init__(self, loaded: Loaded, today: date) -> None:
        self.loaded = loaded
        self.tree: Tree = build(loaded, secrets=False)
        self.results = check(loaded, today)
        self.verdict = verdict(self.results, loaded.site.level)
        self.choices = choices(loaded.site, today)
        self.records = list(dict.fromkeys(line for _, lines in zones(loaded, "zone") for line in lines))


def _differences(before: _Outcome, altered: Loaded, today: date, field: Field, place: str) -> tuple[Answer, ...]:
    after = _Outcome(altered, today)
    because = {"kind": "site", "ref": place, "text": field.name}
    return (*_of_files(before, after, because), *_of_dns(before, after, because), *_of_check(before, after, because))


def _of_files(before: _Outcome, after: _Outcome, because: dict[str, str]) -> Iterator[Answer]:
    trace = explain.unfolded(json.loads(before.tree.files["trace.json"]))
    names = dict(
        zip((h.name for h in after.loaded.site.hosts), (h.name for h in before.loaded.site.hosts), strict=False)
    )
    new = {_renamed(path, names): data for path, data in after.tree.files.items()}
    old = before.tree.files
    for path in sorted(old.keys() | new.keys()):
        if (
            path.startswith(_UNTOLD)
            or old.get(path) == new.get(path)
            or (path.endswith(".html") and f"{path[:-5]}.md" in old.keys() | new.keys())
        ):
            continue
        host, place = _place(path)
        entry = trace["hosts"].get(host, {}).get(place)
        for number, text in _lines(path, old.get(path, b"").decode(), new.get(path, b"").decode()):
            yield Answer(host, place, number, text, "", (because, *_reasons(trace, entry, number)))


def _renamed(path: str, names: dict[str, str]) -> str:
    """A path of another rendering, below the name that its host has in this one."""
    head, *rest = path.split("/", 2)
    return "/".join((head, names.get(rest[0], rest[0]), *rest[1:])) if head == "hosts" and rest else path


def _place(path: str) -> tuple[str, str]:
    if not path.startswith("hosts/"):
        return SITE, path
    _, host, rest = path.split("/", 2)
    return host, rest.removeprefix("tree")


def _lines(path: str, old: str, new: str) -> Iterator[tuple[int, str]]:
    """(number, text) of lines that are no more; (0, text) where lines are only added, or a whole file comes or goes."""
    if path.endswith("manifest.json"):
        if _manifest(old) != _manifest(new):
            yield 0, ""
        return
    if not (old and new):
        yield 0, "" if old else "would be there"
        return
    left = Counter(new.split("\n"))
    gone = False
    for number, line in enumerate(old.split("\n"), 1):
        if left[line]:
            left[line] -= 1
        else:
            gone = True
            yield number, line
    if not gone:
        yield 0, next((f"would also hold: {line}" for line in left.elements()), "in another order")


def _manifest(text: str) -> Any:
    """A manifest without the digests of the files, which differ wherever a file does."""
    if not text:
        return None
    return json.loads(text, object_hook=lambda found: {k: v for k, v in found.items() if k != "sha256"})


def _reasons(trace: dict[str, Any], entry: dict[str, Any] | None, number: int) -> list[dict[str, str]]:
    if entry is None:
        return []
    rows = entry.get("lines", {}).get(str(number), [])
    numbers = dict.fromkeys(n for _, reasons in rows for n in reasons) or (entry["because"],)
    return [trace["reasons"][n] for n in numbers]


def _of_dns(before: _Outcome, after: _Outcome, because: dict[str, str]) -> Iterator[Answer]:
    """Records that would not be there; those that would be new where none would go."""
    old, new = before.records, after.records
    there, known = set(old), set(new)
    for line in [r for r in old if r not in known] or [f"would also be there: {r}" for r in new if r not in there]:
        yield Answer(SITE, "gmconf dns", 0, line, "", (because,))


def _of_check(before: _Outcome, after: _Outcome, because: dict[str, str]) -> Iterator[Answer]:
    """Controls that would say something else, choices that would be others, and the verdict."""
    old, new = set(before.results), set(after.results)
    for result in [r for r in before.results if r not in new] or [r for r in after.results if r not in old]:
        reason = control(result.control)._asdict()
        said = f"{result.status}: " + (
            f"expected {result.expected}; found {result.observed}" if result.expected else result.observed
        )
        yield Answer(result.subject, "gmconf check", 0, f"{result.control} {said}", result.where, (because, reason))
    for one, other in zip(before.choices, after.choices, strict=True):
        if one != other:
            yield Answer(SITE, "gmconf check", 0, f"{one.id} {one.question} {one.chosen}", one.field, (because,))
    if before.verdict != after.verdict and states(before.results) == states(after.results):
        yield Answer(
            SITE, "gmconf check", 0, f"the level that is asked for: {before.verdict.declared or 'none'}", "", (because,)
        )
