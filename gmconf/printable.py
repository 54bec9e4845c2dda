"""Texts of others (hosts, DNS, reports, error messages) made safe to print.

What a terminal obeys, what turns the direction of writing, and what XML forbids is spelled ``\\u001b``, as JSON does:
so a text that holds JSON stays the same JSON.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import TextIOWrapper

FORM = 1
"""Of the JSON that commands print: counted up when something in it gets another name, place or meaning."""
_OBEYED = ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")
"""Unicode's categories: control, format, half a character, none at all, separators of lines and paragraphs."""
_HARMLESS = "\u200c\u200d"
"""Join and part letters in several scripts."""


def words(text: str) -> str:
    """A text of several lines; line ends and tabs stay."""
    return _made(text, "\n\t", _json)


def form(data: Mapping[str, object]) -> str:
    """Plain data as the JSON that a command prints: it begins with the number of its form."""
    import json

    return words(json.dumps({"form": FORM, **data}, indent=2, ensure_ascii=False))


def line(text: str, most: int | None = None) -> str:
    """A text that has to stay on one line, cut to ``most`` characters."""
    return _made(text, "", _json)[:most]


def record(text: str) -> str:
    """What somebody published in DNS, on one line and spelled as in a zone file: ``\\027``."""
    return _made(text, "", _zone)


def _made(text: str, kept: str, spell: Callable[[str], str]) -> str:
    return text if text.isprintable() else "".join(spell(c) if _obeyed(c) and c not in kept else c for c in text)


def _obeyed(sign: str) -> bool:
    return not sign.isprintable() and unicodedata.category(sign) in _OBEYED and sign not in _HARMLESS


def _json(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))


def _zone(sign: str) -> str:
    return "".join(f"\\{byte:03}" for byte in sign.encode("utf-8", "surrogatepass"))


class NobodyReadsError(Exception):
    """Whoever read the output has gone (``gmconf schema | head -1``); no OSError, since those are told to the user."""


class Output(TextIOWrapper):
    """Standard output or error of a command: all that it prints goes through here."""

    def write(self, text: str) -> int:
        try:
            return super().write(words(text))
        except BrokenPipeError:
            raise NobodyReadsError from None

    def flush(self) -> None:
        try:
            super().flush()
        except BrokenPipeError:
            raise NobodyReadsError from None


@contextmanager
def printing() -> Iterator[None]:
    """Standard output and error, safe and in UTF-8 whatever the terminal's locale; a reader that has gone ends all,
    with exit code 0."""
    before = sys.stdout, sys.stderr
    outputs = [
        Output(s.buffer, "utf-8", "backslashreplace", line_buffering=s.line_buffering)
        for s in before
        if isinstance(s, TextIOWrapper)
    ]
    if len(outputs) == len(before):
        sys.stdout, sys.stderr = outputs
    try:
        yield
        sys.stdout.flush()
    except NobodyReadsError:
        raise SystemExit(0) from None
    finally:
        sys.stdout, sys.stderr = before
        for output in outputs:
            _ended(output)


def _ended(output: Output) -> None:
    """Write what is left; what nobody reads goes nowhere, so that Python does not complain of it at its end."""
    try:
        output.flush()
    except NobodyReadsError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, output.fileno())
        os.close(nowhere)
    output.detach()
