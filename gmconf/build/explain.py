"""Answers "why is this line there?" and "what does this field do?" from a rendered tree."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gmconf.errors import GmconfError
from gmconf.render.trace import FORMAT, SITE

if TYPE_CHECKING:
    from gmconf.build.sources import Sources
    from gmconf.services.plan import Source

    Site = Callable[[], Sources | None]

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


def explain(build: Path, what: str, host: str | None = None, site: Site | None = None) -> list[Answer]:
    """Answers for PATH, PATH:LINE, FILE:KEY, master.cf:SERVICE, an address or a site field, on all hosts or one.

    PATH is that on the host, the end of it, or that of the file in ``build``. ``site`` gives the sources of a site
    when they are needed, None when there is no site. Raises NothingFitsError if nothing fits.
    """
    if not what.strip():
        raise GmconfError("name a path, a line, a key, an address or a field, such as main.cf:message_size_limit")
    tree = _Tree(build, host, site or (lambda: None))
    if _is_address(what):
        return list(_of_address(tree, what))
    name, _, rest = what.partition(":")
    name = _below(build, name)
    found = [
        answer
        for place, files in tree.hosts.items()
        for path, entry in files.items()
        if _fits(path, name, place)
        for answer in _of_file(tree, place, path, entry, rest)
    ] or list(_of_field(tree, what))
    if not found:
        raise NothingFitsError(
            f"nothing rendered fits {what!r}; ask for a path (/etc/postfix/main.cf), a line (main.cf:12), "
            "a key (main.cf:smtpd_tls_security_level), a service (master.cf:submission), an address "
            "(alice@example.org) or a field of site.yml (limits.message_size)"
        )
    return found


class _Tree:
    """A rendered tree, its trace, and its site, which is read only when a table is asked about."""

    def __init__(self, build: Path, host: str | None, site: Site) -> None:
        trace = read_trace(build)
        self.build, self.reasons, self._site = build, trace["reasons"], site
        self.hosts = {name: files for name, files in trace["hosts"].items() if host in (None, name)}
        if not self.hosts:
            raise GmconfError(f"no host {host}; known: {', '.join(trace['hosts'])}")

    @cached_property
    def sources(self) -> Sources | None:
        return self._site()

    def rows(self, host: str, path: str, lines: list[str]) -> Iterator[tuple[int, str, Source]]:
        """(line number, text, source) of a table as the site makes it now; none where it is none, or there is no site.

        Raises GmconfError when the table was rendered of another site than the one that is there.
        """
        table = self.sources.tables(host).get(path) if self.sources and host != SITE else None
        if table is None:
            return
        from gmconf.render.render import header
        from gmconf.services.plan import Rows

        assert isinstance(table.lines, Rows)  # as ``tables`` says
        number = header(table).count("\n")
        for text, source in table.lines.pairs():
            number += 1
            if number > len(lines) or lines[number - 1] != text:
                raise self._stale(path)
            yield number, text, source
        if any(lines[number:]):
            raise self._stale(path)

    def _stale(self, path: str) -> GmconfError:
        return GmconfError(
            f"{path} in {self.build} is not what the site renders now; render again: gmconf render site.yml -o"
            f" {self.build}"
        )


def _is_address(what: str) -> bool:
    return "@" in what and not any(c in what for c in "/:[ ")


def _of_address(tree: _Tree, what: str) -> Iterator[Answer]:
    """The fields that define an address, then every rendered line that names it."""
    sources = tree.sources
    if sources is None:
        raise GmconfError(f"{what}: there is no site.yml here to look it up in; name the site: --site PATH")
    address, fields = sources.address(what)
    for field in fields:
        (reason,) = sources.reasons(field)
        kind = sources.kind(address, field)
        yield Answer(SITE, reason.ref, 0, f"{address}: {kind}", reason.text, (reason._asdict(),))
    # An address of someone else may end in this one, or begin with it.
    named = re.compile(rf"(?<![\w.!#$%&'*+/=?^`{{|}}~-]){re.escape(address)}(?![\w-]|\.\w)", re.IGNORECASE)
    for host, files in tree.hosts.items():
        for path, entry in files.items():
            if "secret" in entry:
                continue
            lines = _lines(tree.build, host, path)
            hits = [number for number, line in enumerate(lines, 1) if named.search(line)]
            if hits:
                yield from _of_lines(tree, host, path, entry, lines, hits)


def _of_lines(
    tree: _Tree, host: str, path: str, entry: dict[str, Any], lines: list[str], numbers: list[int]
) -> Iterator[Answer]:
    """Answers for lines of a file: by their settings, by the rows' sources, else by the file's reason."""
    because, traced, reasons = (tree.reasons[entry["because"]],), entry.get("lines", {}), tree.reasons
    asked = set(numbers)
    rows = {n: source for n, _, source in tree.rows(host, path, lines) if n in asked} if not traced else {}
    for number in numbers:
        text, settings = lines[number - 1], traced.get(str(number), [])
        for key, found in settings:
            yield Answer(host, path, number, text, key, tuple(reasons[n] for n in found))
        if not settings:
            own = tree.sources.reasons(rows[number]) if number in rows and tree.sources else ()
            yield Answer(host, path, number, text, "", (*(r._asdict() for r in own), *because))


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


def _of_file(tree: _Tree, host: str, path: str, entry: dict[str, Any], rest: str) -> Iterator[Answer]:
    reasons = tree.reasons
    if not rest:
        yield Answer(host, path, 0, "", "", (reasons[entry["because"]],))
        return
    if "secret" in entry:
        raise GmconfError(f"{path} is encrypted, so its lines are not shown; it is made of {entry['secret']}")
    lines = _lines(tree.build, host, path)
    traced = entry.get("lines", {})
    if rest.isascii() and rest.isdigit():
        number, last = int(rest[:10]), len(lines) - (not lines[-1])
        if not 1 <= number <= last:
            raise GmconfError(f"{path} has {last} lines, so there is no line {rest}")
        number = number if rest in traced else _meant(lines, number)
        yield from _of_lines(tree, host, path, entry, lines, [number])
        return
    if path.endswith("/master.cf") and (numbers := list(_of_service(lines, rest))):
        yield from _of_lines(tree, host, path, entry, lines, numbers)
        return
    for line, settings in traced.items():
        for key, numbers in settings:
            if key == rest or key.endswith("." + rest):
                yield Answer(host, path, int(line), lines[int(line) - 1], key, tuple(reasons[n] for n in numbers))


def _of_service(lines: list[str], name: str) -> Iterator[int]:
    """Lines of master.cf: of SERVICE, of SERVICE/TYPE, or those that set SERVICE/TYPE/PARAMETER, as postconf -P names
    them."""
    parts, inside = name.split("/"), False
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        if not line[0].isspace():
            inside = line.split()[: len(parts[:2])] == parts[:2]
        setting = line.split("-o", 1)[1].strip() if line[0].isspace() and "-o" in line else ""
        if inside and (len(parts) < 3 or setting.startswith(f"{parts[2]}=")):
            yield number


def _meant(lines: list[str], number: int) -> int:
    """The line that a comment speaks of, which is the next one that is no comment; any other line is meant itself."""
    following = number
    while following <= len(lines) and (
        lines[following - 1].lstrip().startswith(_COMMENTS) or (following > number and not lines[following - 1].strip())
    ):
        following += 1
    return following if following <= len(lines) else number


def _of_field(tree: _Tree, field: str) -> Iterator[Answer]:
    """Lines whose reasons name a field of the site or a part of it, and rows that come from it; else those that name
    what the field is a part of."""
    if any(sign in field for sign in ":/"):
        return
    answers = [*_by_reason(tree, lambda path: _same_field(path, field)), *_by_source(tree, field)]
    if not answers and tree.sources and tree.sources.knows(field):
        answers += _by_reason(tree, lambda path: _same_field(field, path))
    yield from answers


def _by_reason(tree: _Tree, fits: Callable[[str], bool]) -> Iterator[Answer]:
    """Lines with a reason of the site whose path fits."""
    wanted = {
        n for n, r in enumerate(tree.reasons) if r["kind"] == "site" and fits(r["text"].removesuffix(" (default)"))
    }
    return _because(tree.build, tree.reasons, tree.hosts, wanted)


_WHOLE = re.compile(r"(domains|hosts)\[\d+\]")
"""Rows of these speak of a domain or a host, not of a field in it."""


def _by_source(tree: _Tree, field: str) -> Iterator[Answer]:
    """Rows that come from a field, from a part of it, or from the entry of a list that it belongs to."""
    if tree.sources is None or not tree.sources.knows(field):
        return
    for host, files in tree.hosts.items():
        for path in tree.sources.tables(host) if host != SITE else ():
            if path not in files:
                continue
            for number, text, source in tree.rows(host, path, _lines(tree.build, host, path)):
                named = tree.sources.fields(source)
                if any(_same_field(p, field) or (_same_field(field, p) and not _WHOLE.fullmatch(p)) for p in named):
                    because = tree.sources.reasons(source)
                    yield Answer(host, path, number, text, "", tuple(r._asdict() for r in because))


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
