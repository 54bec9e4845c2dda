"""Tag lists (RFC 6376 section 3.2), the form of the records of DKIM and DMARC, read strictly."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_VALUE = re.compile(r"[!-:<-~]*(?:[ \t\r\n]+[!-:<-~]+)*")
_BLANK = " \t\r\n"


@dataclass(frozen=True, slots=True)
class TagList:
    """A record as pairs, in order; names are told apart by case."""

    tags: dict[str, str]
    wrong: str = ""
    """Why the whole list counts for nothing; empty when it is one."""

    @property
    def names(self) -> list[str]:
        """Tags in the order in which they stand there."""
        return list(self.tags)


def parse(text: str) -> TagList:
    """A record as found."""
    found: dict[str, str] = {}
    parts = text.split(";")
    if not parts[-1].strip(_BLANK) and len(parts) > 1:
        parts.pop()
    wrong = ""
    for part in parts:
        name, equals, value = (piece.strip(_BLANK) for piece in part.partition("="))
        if not name and not equals:
            wrong = wrong or "an empty tag"
        elif not equals or not _NAME.fullmatch(name):
            wrong = wrong or f"{part.strip(_BLANK)} is no tag"
        elif not _VALUE.fullmatch(value):
            wrong = wrong or f"{name} holds what no value may hold"
        elif name in found:
            wrong = wrong or f"{name} stands there twice"
        else:
            found[name] = value
    return TagList(found, wrong)
