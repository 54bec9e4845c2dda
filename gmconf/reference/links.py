"""Names of pages and places in them, and text that Markdown leaves as it is."""

from __future__ import annotations

import re

from gmconf.controls.catalogue import CATALOGUE

_WORD = re.compile(r"`[^`]+`")


def text(words: str) -> str:
    """A sentence of the code as one line of Markdown, safe in a table: code keeps its marks, nothing else is markup."""
    one = " ".join(words.split()).replace("``", "`")
    parts, last = [], 0
    for found in _WORD.finditer(one):
        parts += [_plain(one[last : found.start()]), found.group().replace("|", "\\|")]
        last = found.end()
    return "".join([*parts, _plain(one[last:])])


def _plain(words: str) -> str:
    return re.sub(r"([\\*_<>\[\]|`])", r"\\\1", words)


def code(value: str) -> str:
    """A value as code, in a table too; nothing for nothing."""
    if not value:
        return "(empty)"
    fence = "``" if "`" in value else "`"
    return f"{fence}{value}{fence}".replace("|", "\\|")


def heading(name: str) -> str:
    """The anchor that a heading gets: small letters, digits, ``-`` and ``_``."""
    return re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-")


def spot(*names: str) -> str:
    """The anchor of a row of a table."""
    return re.sub(r"[^a-z0-9_-]+", "-", "-".join(names).lower()).strip("-")


def control(id_: str, up: str) -> str:
    """A link to a control; ``up`` leads from the page to docs/reference ("" or "../")."""
    return f"[{id_}]({up}controls/{CATALOGUE[id_].id.partition('.')[0]}.md#{heading(id_)})"


def probe(name: str, up: str) -> str:
    """A link to a probe."""
    return f"[{name}]({up}probes.md#{heading(name)})"
