"""How Markdown (CommonMark with tables, as GitHub reads it too) spells values: what a person wrote is text, never
markup."""

from __future__ import annotations

import re

from gmconf.errors import GmconfError
from gmconf.settings import Value

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>&|~$]")
_START = re.compile(r"[#=-]|\+(?=\s|$)|:(?=-)")
_NUMBER = re.compile(r"([0-9]+)([.)])(?=\s|$)")
# At the end of a heading these are taken for its closing (CommonMark 4.2).
_CLOSING = re.compile(r"(?<=\s)#+$")
# GitHub makes links of bare addresses, and mentions of @names.
_BARE = re.compile(r"(?i)(https?|ftp|xmpp|mailto|www)([:.])")
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ue000-\uf8ff]")
_TARGET = re.compile(r"(https://|mailto:|tel:)?([A-Za-z0-9._~/?=&+#@-]|%[0-9A-Fa-f]{2})+\Z")


class _Marked(str):
    """Text that is spelled in its own way, so it is no other text's equal: rendering remembers spellings by value."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return (
            type(self) is type(other)
            and str.__eq__(self, str(other))
            and getattr(self, "target", "") == getattr(other, "target", "")
        )

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((type(self), str(self), getattr(self, "target", "")))


class Code(_Marked):
    """A code span: a command, a setting, a file's name."""

    __slots__ = ()


class Verbatim(_Marked):
    """Part of a line in a fenced block, where nothing is markup."""

    __slots__ = ()


class Link(_Marked):
    """Words that lead somewhere: a page of these documents, a web page, an address, a telephone."""

    __slots__ = ("target",)
    target: str

    def __new__(cls, words: str, target: str) -> Link:
        """``target`` is https:, mailto:, tel:, or a path relative to the page."""
        made = super().__new__(cls, words)
        made.target = target
        return made


def spell(value: Value) -> str:
    """Yes/no, numbers, text with every sign of markup escaped; a list is separated by commas.

    Raises GmconfError for what would end the line or change the order of its signs.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if not isinstance(value, str):
        return ", ".join(spell(item) for item in value)
    if _UNSEEN.search(value):
        raise GmconfError(f"a document cannot hold {value!r} in one line")
    if isinstance(value, Link):
        if not _TARGET.match(value.target):
            raise GmconfError(f"a document cannot link to {value.target!r}")
        # An address as its own words (CommonMark 6.5): the targets allowed above hold nothing that would end it.
        return (
            f"<{value.target}>" if str(value) == value.target and ":" in value else f"[{_inner(value)}]({value.target})"
        )
    if isinstance(value, Code):
        return _code(value)
    if isinstance(value, Verbatim):
        if "`" in value:
            raise GmconfError(f"a block of commands cannot hold {value!r}")
        return str(value)
    return _text(value)


def _text(value: str) -> str:
    bare = value.strip()
    text = _inner(bare)
    # Only at the start of a line do these open a heading, a list or a table; a value may stand there.
    if _START.match(bare):
        return f"\\{text}"
    return _NUMBER.sub(r"\1\\\2", text, count=1) if _NUMBER.match(bare) else text


def _inner(value: str) -> str:
    text = _CLOSING.sub(r"\\\g<0>", _SPECIAL.sub(r"\\\g<0>", value.strip()))
    return _BARE.sub(lambda m: f"{m[1]}\\{m[2]}" if m[2] == ":" or m[1].lower() == "www" else m[0], text)


def _code(value: str) -> str:
    if "|" in value or not value.strip():
        raise GmconfError(f"a code span cannot hold {value!r}")
    longest = max((len(run) for run in re.findall("`+", value)), default=0)
    fence = "`" * (longest + 1)
    blank = " " if value[0] in "` " or value[-1] in "` " else ""
    return f"{fence}{blank}{value}{blank}{fence}"
