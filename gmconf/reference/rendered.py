"""The rendered files: every key with its value and its reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from gmconf.model.levels import LEVELS
from gmconf.reference.links import code, control, heading, spot, text
from gmconf.reference.sample import RELEASES, ROWS, Printed
from gmconf.settings import Reason

_NAMES = {"bookworm": "Debian 12", "trixie": "Debian 13"}
_LONGEST = 160
"""Characters of a value that are shown."""


def key_spot(entry: Printed) -> str:
    """The anchor of a key."""
    return spot("key", entry.path, entry.key)


def link(entry: Printed, up: str) -> str:
    """A link to a key."""
    return f"[{code(entry.key)}]({up}rendered/{entry.service}.md#{key_spot(entry)}) of {entry.path.rpartition('/')[2]}"


def field(reason: Reason) -> str:
    """The field of site.yml that a reason names, as site.md has it; empty for other reasons."""
    return ROWS.sub("[]", reason.text.removesuffix(" (default)")) if reason.kind == "site" else ""


def pages(entries: Sequence[Printed], anchors: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(name, text) of one page for each service; ``anchors`` are those of the fields in site.md."""
    ordered = sorted(entries, key=lambda e: e.service)
    for service, own in groupby(ordered, key=lambda e: e.service):
        lines = [
            f"# Rendered files of {service}",
            "",
            "Keys as `gmconf explain FILE:KEY` takes them, with the values of a small site that has all roles.",
            "Where releases or levels differ, each value says whose it is.",
            "",
        ]
        for path, keys in groupby(own, key=lambda e: e.path):
            lines += [f"## {path}", "", "| key | value | because |", "|---|---|---|"]
            for entry in keys:
                because = "; ".join(_because(reason, anchors) for reason in entry.because)
                lines.append(f'| <a id="{key_spot(entry)}"></a>{code(entry.key)} | {_values(entry)} | {because} |')
            lines.append("")
        yield f"rendered/{service}.md", "\n".join(lines)


def _because(reason: Reason, anchors: Mapping[str, str]) -> str:
    if reason.kind == "control":
        return control(reason.ref, "../")
    if reason.kind == "site":
        name = field(reason)
        place = anchors.get(name)
        return f"[{name}](../site.md#{place})" if place else code(name)
    return text(reason.text)


def _values(entry: Printed) -> str:
    shown = {case: ", ".join(code(_short(value)) for value in values) for case, values in entry.values.items()}
    releases = {r: {shown.get((r, level), "") for level in LEVELS} for r in RELEASES}
    if len(set(shown.values())) == 1:
        (only,) = set(shown.values())
        where = [r for r in RELEASES if releases[r] != {""}]
        return only if len(where) == len(RELEASES) else f"{only} ({_NAMES[where[0]]} only)"
    parts: dict[str, list[str]] = {}
    for (release, level), value in shown.items():
        if len(releases[release]) == 1:
            name = _NAMES[release]
        elif all(shown.get((r, level)) == value for r in RELEASES):
            name = level
        else:
            name = f"{_NAMES[release]} {level}"
        if name not in parts.setdefault(value, []):
            parts[value].append(name)
    return "<br>".join(f"{', '.join(names)}: {value}" for value, names in parts.items())


def _short(value: str) -> str:
    one = " ".join(value.split())
    return one if len(one) <= _LONGEST else f"{one[:_LONGEST]} ..."


def index(entries: Sequence[Printed]) -> str:
    """The list of files."""
    lines = ["# Rendered files", "", "| file | service | keys |", "|---|---|---|"]
    counts: dict[tuple[str, str], int] = {}
    for entry in entries:
        counts[entry.path, entry.service] = counts.get((entry.path, entry.service), 0) + 1
    for (path, service), count in sorted(counts.items()):
        lines.append(f"| [{path}]({service}.md#{heading(path)}) | {service} | {count} |")
    return "\n".join([*lines, ""])
