"""Why every line is there: build/trace.json, collected while a site is rendered. explain.py reads it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from gmconf import __version__
from gmconf.settings import Reason, Setting

FORMAT = 2
SITE = "site"
"""Stands where a host's name would, for files that belong to no host: the documents. No host can have this name."""
Entry = tuple[int, str, tuple[tuple[int, str, tuple[int, ...]], ...]]
"""One file: its reason, the secret it is made of, and (line, key of the setting, its reasons) for what is printed in
it."""
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Trace:
    """Reasons are listed once, and so are the files of a service when they are alike on several hosts: a part."""

    def __init__(self) -> None:
        self._reasons: dict[Reason, int] = {}
        self._numbers: dict[tuple[Reason, ...], tuple[int, ...]] = {}
        self._parts: dict[tuple[tuple[str, Entry], ...], int] = {}
        self._hosts: dict[str, list[int]] = {}

    def entry(self, because: Reason, lines: Mapping[int, Iterable[Setting]], secret: str = "") -> Entry:
        """What is kept of one file; ``lines`` are the settings printed in each line, from 1."""
        (reason,) = self._numbered((because,))
        if not lines:
            return reason, secret, ()
        return (
            reason,
            secret,
            tuple([(n, s.key, self._numbered(s.because)) for n, settings in lines.items() for s in settings]),
        )

    def _numbered(self, reasons: tuple[Reason, ...]) -> tuple[int, ...]:
        found = self._numbers.get(reasons)
        if found is None:
            found = tuple(self._reasons.setdefault(r, len(self._reasons)) for r in reasons)
            self._numbers[reasons] = found
        return found

    def add(self, host: str, files: Iterable[tuple[str, Entry]]) -> None:
        """Add the files of one service of a host, or of ``SITE``, by path."""
        part = tuple(files)
        if part:
            self._hosts.setdefault(host, []).append(self._parts.setdefault(part, len(self._parts)))

    def dump(self) -> str:
        """JSON: {"reasons": [...], "parts": [{path: file, ...}, ...], "hosts": {host: [part, ...]}}.

        A file is {"because": n, "secret": name, "lines": {line: [[key, [n, ...]], ...]}}, n counts reasons, and parts,
        from 0.
        """
        return "".join(
            [
                f'{{"format": {FORMAT}, "gmconf": "{__version__}",\n"reasons": [',
                _listed({"kind": r.kind, "ref": r.ref, "text": r.text} for r in self._reasons),
                '],\n"parts": [',
                _listed({path: _file(*entry) for path, entry in part} for part in self._parts),
                '],\n"hosts": ',
                _encode(self._hosts),
                "}\n",
            ]
        )


def _listed(rows: Iterable[object]) -> str:
    return ",\n".join(map(_encode, rows))


def _file(because: int, secret: str, printed: Iterable[tuple[int, str, tuple[int, ...]]]) -> dict[str, object]:
    found: dict[str, object] = {"because": because}
    if secret:
        found["secret"] = secret
    lines: dict[int, list[tuple[str, tuple[int, ...]]]] = {}
    for number, key, reasons in printed:
        lines.setdefault(number, []).append((key, reasons))
    return found | {"lines": lines} if lines else found
