"""The controls: a page for each prefix of their ids."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from gmconf.controls.catalogue import CATALOGUE, listed
from gmconf.controls.control import CHECKS, Control
from gmconf.controls.expect import spelled
from gmconf.controls.proofs import proofs
from gmconf.model.levels import LEVELS
from gmconf.reference.links import code, control, probe, text


def _prefix(found: type[Control]) -> str:
    return found.id.partition(".")[0]


def asked() -> dict[str, list[str]]:
    """Field of site.yml: the controls that ask for it."""
    found: dict[str, list[str]] = {}
    for one in listed():
        for fact in one.facts:
            found.setdefault(fact.path, []).append(one.id)
    return found


def pages(keys: Mapping[str, Sequence[str]], anchors: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(name, text) of each page; ``keys`` are links to rendered keys by control, ``anchors`` those of fields."""
    for prefix, own in groupby(listed(), key=_prefix):
        lines = [f"# Controls {prefix}", ""]
        for one in own:
            lines += [*_control(one, keys.get(one.id, ()), anchors), ""]
        yield f"controls/{prefix}.md", "\n".join(lines)


def _control(one: type[Control], keys: Sequence[str], anchors: Mapping[str, str]) -> Iterator[str]:
    yield f"## {one.id}"
    yield ""
    yield f"**{text(one.title)}.** Level {one.level}, area {one.area()}."
    yield ""
    yield text(one.why)
    yield ""
    for source in one.quoted():
        yield f"- Source: {text(source)}"
    if one.on:
        yield f"- Concerns hosts with role {', '.join(one.on)}"
    for path, settings in one.settings.items():
        for key, value in settings.items():
            yield f"- Compared: {code(key)} of {path} is {code(spelled(value))}"
    for path in one.files:
        yield f"- Compared: {code(path)} is on the host"
    for fact in one.facts:
        bounds = [f"at least {fact.least:g}"] if fact.least is not None else []
        bounds += [f"at most {fact.most:g}"] if fact.most is not None else []
        place = anchors.get(fact.path)
        name = f"[{fact.path}](../site.md#{place})" if place else code(fact.path)
        yield f"- Asks site.yml for: {name}{', ' + ', '.join(bounds) if bounds else ''}"
    whose = [name.removeprefix("of_") for name in CHECKS if any(name in vars(kind) for kind in one.__mro__[:-2])]
    if whose:
        yield f"- Checked besides by code of its own, of the {', '.join(whose)}"
    for name in one.documents:
        yield f"- Document: {code(f'build/documents/{name}.md')}"
    if one.evidence:
        place = code(f"evidence.{one.id}")
        yield f"- Evidence, every {one.evidence.days} days under {place}: {text(one.evidence.what)}"
    for release, lack in one.lacking.items():
        yield f"- Not on {release}: {text(lack)}"
    if keys:
        yield f"- Renders: {', '.join(keys)}"
    if one.live:
        yield f"- Probes: {', '.join(probe(name, '../') for name in one.live)}"
    tests = proofs().get(one.id, ())
    yield (
        f"- Tests on real hosts: {', '.join(code(test) for test in tests)}"
        if tests
        else "- No test on real hosts carries it"
    )


def index() -> str:
    """The list of controls, by level."""
    counts = {level: sum(c.level == level for c in CATALOGUE.values()) for level in LEVELS}
    lines = [
        "# Controls",
        "",
        f"{len(CATALOGUE)} controls: " + ", ".join(f"{n} {level}" for level, n in counts.items()) + ".",
        "",
    ]
    lines += ["| control | level | it asks |", "|---|---|---|"]
    for one in listed():
        lines.append(f"| {control(one.id, '../')} | {one.level} | {text(one.title)} |")
    return "\n".join([*lines, ""])
