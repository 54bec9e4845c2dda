"""Answers "why is this line there?" and "what does this field do?" from a rendered tree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gmconf.errors import GmconfError
from gmconf.render.trace import FORMAT, SITE

_COMMENTS = ("#", ";", "//", "--", "/*", "<!--")
"""How comments begin in the languages that are rendered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One line of one host with its reasons: dicts of kind, ref, text."""

    host: str
    path: str
    line: int
    text: str
    key: str
    because: tuple[dict[str, str], ...]

    def json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


class NothingFitsError(GmconfError):
    """No rendered line or file is what was asked for, or has the field of the site among its reasons."""


def explain(build: Path, what: str, host: str | None = None) -> list[Answer]:
    """Answers for PATH, PATH:LINE, FILE:KEY or a site field, on all hosts or one. Raises NothingFitsError if there are
    none.

    PATH is that on the host, the end of it, or that of the file in ``build``.
    """
    if not what.strip():
        raise GmconfError("name a path, a line, a key or a field of site.yml, such as main.cf:message_size_limit")
    trace = read_trace(build)
    hosts = {name: files for name, files in trace["hosts"].items() if host in (None, name)}
    if not hosts:
        raise GmconfError(f"no host {host}; known: {', '.join(trace['hosts'])}")
    name, _, rest = what.partition(":")
    name = _below(build, name)
    found = [
        answer
        for place, files in hosts.items()
        for path, entry in files.items()
        if _fits(path, name, place)
        for answer in _of_file(build, trace["reasons"], place, path, entry, rest)
    ] or list(_of_field(build, trace["reasons"], hosts, what))
    if not found:
        raise NothingFitsError(
            f"nothing rendered fits {what!r}; ask for a path (/etc/postfix/main.cf), a line (main.cf:12), "
            "a key (main.cf:smtpd_tls_security_level) or a field of site.yml (limits.message_size)"
        )
    return found


def rendered_by(build: Path, control: str) -> list[Answer]:
    """Every line, and every whole file, of a rendered tree that is there because of a control."""
    trace = read_trace(build)
    reasons = trace["reasons"]
    wanted = {n for n, r in enumerate(reasons) if r["kind"] == "control" and r["ref"] == control}
    return list(_because(build, reasons, trace["hosts"], wanted))


def read_trace(build: Path) -> dict[str, Any]:
    """{"reasons": [...], "hosts": {host: {path: file}}} of a rendered tree; trace.py says what a file is."""
    try:
        trace = json.loads((build / "trace.json").read_text())
    except OSError:
        raise GmconfError(f"{build} holds no trace.json; render first: gmconf render site.yml -o {build}") from None
    if trace["format"] != FORMAT:
        raise GmconfError(
            f"{build} was rendered by another version of gmconf; render again: gmconf render site.yml -o {build}"
        )
    return unfolded(trace)


def unfolded(trace: dict[str, Any]) -> dict[str, Any]:
    """trace.json with the files of every host under its name."""
    parts = trace.pop("parts")
    whole = {
        host: dict(sorted((path, file) for n in numbers for path, file in parts[n].items()))
        for host, numbers in trace["hosts"].items()
    }
    return {**trace, "hosts": whole}


def _below(build: Path, name: str) -> str:
    """A path into the rendered tree, however it is written, as it stands in the tree; any other name as it is."""
    place, root = Path(name).resolve(), build.resolve()
    return str(place.relative_to(root)) if place.is_relative_to(root) and place != root else name


def _fits(path: str, name: str, host: str) -> bool:
    plain = name.removeprefix("build/").removeprefix(f"hosts/{host}/tree")
    return path == plain or path.endswith("/" + plain.lstrip("/"))


def _of_file(
    build: Path, reasons: list[dict[str, str]], host: str, path: str, entry: dict[str, Any], rest: str
) -> Iterator[Answer]:
    because = (reasons[entry["because"]],)
    if not rest:
        yield Answer(host, path, 0, "", "", because)
        return
    lines = _lines(build, host, path)
    traced = entry.get("lines", {})
    if rest.isascii() and rest.isdigit():
        number = int(rest[:10])
        if not 1 <= number <= len(lines):
            raise GmconfError(f"{path} has {len(lines)} lines")
        number = number if rest in traced else _meant(lines, number)
        settings = traced.get(str(number), [])
        for key, numbers in settings:
            yield Answer(host, path, number, lines[number - 1], key, tuple(reasons[n] for n in numbers))
        if not settings:
            yield Answer(host, path, number, lines[number - 1], "", because)
        return
    for line, settings in traced.items():
        for key, numbers in settings:
            if key == rest or key.endswith("." + rest):
                yield Answer(host, path, int(line), lines[int(line) - 1], key, tuple(reasons[n] for n in numbers))


def _meant(lines: list[str], number: int) -> int:
    """The line that a comment speaks of, which is the next one that is no comment; any other line is meant itself."""
    following = number
    while following <= len(lines) and (
        lines[following - 1].lstrip().startswith(_COMMENTS) or (following > number and not lines[following - 1].strip())
    ):
        following += 1
    return following if following <= len(lines) else number


def _of_field(build: Path, reasons: list[dict[str, str]], hosts: dict[str, Any], field: str) -> Iterator[Answer]:
    wanted = {
        n
        for n, r in enumerate(reasons)
        if r["kind"] == "site" and _same_field(r["text"].removesuffix(" (default)"), field)
    }
    return _because(build, reasons, hosts, wanted)


def _because(build: Path, reasons: list[dict[str, str]], hosts: dict[str, Any], wanted: set[int]) -> Iterator[Answer]:
    for host, files in hosts.items():
        for path, entry in files.items():
            if entry["because"] in wanted:
                yield Answer(host, path, 0, "", "", (reasons[entry["because"]],))
            rows = [(int(n), s) for n, s in entry.get("lines", {}).items()]
            hits = [(n, k, ns) for n, settings in rows for k, ns in settings if wanted.intersection(ns)]
            lines = _lines(build, host, path) if hits else []
            for number, key, numbers in sorted(hits):
                yield Answer(host, path, number, lines[number - 1], key, tuple(reasons[n] for n in numbers))


def _same_field(path: str, field: str) -> bool:
    return path == field or path.startswith((f"{field}.", f"{field}["))


def _lines(build: Path, host: str, path: str) -> list[str]:
    return (build / (path if host == SITE else f"hosts/{host}/tree{path}")).read_text().split("\n")
