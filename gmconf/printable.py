"""Texts of others (hosts, DNS, reports, error messages) made safe to print.

What a terminal obeys, what turns the direction of writing, and what XML forbids is spelled ``\\u001b``, as JSON does: so a text that
holds JSON stays the same JSON.
"""

from __future__ import annotations

import unicodedata
from io import TextIOWrapper

_OBEYED = ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")
"""Unicode's categories: control, format, half a character, none at all, separators of lines and paragraphs."""
_HARMLESS = "\u200c\u200d"
"""Join and part letters in several scripts."""


def words(text: str) -> str:
    """A text of several lines; line ends and tabs stay."""
    return text if text.isprintable() else "".join(_sign(c, "\n\t" + _HARMLESS) for c in text)


def line(text: str, most: int | None = None) -> str:
    """A text that has to stay on one line, cut to ``most`` characters."""
    return (text if text.isprintable() else "".join(_sign(c, _HARMLESS) for c in text))[:most]


def _sign(sign: str, kept: str) -> str:
    if sign in kept or sign.isprintable() or unicodedata.category(sign) not in _OBEYED:
        return sign
    units = sign.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[n : n + 4]}" for n in range(0, len(units), 4))


class Output(TextIOWrapper):
    """Standard output or error of a command, through which nothing else passes either."""

    def write(self, text: str) -> int:
        return super().write(words(text))
