"""How unbound.conf spells values: numbers, yes/no, and strings in quotes (unbound.conf(5) knows no escapes)."""

from __future__ import annotations

import re

from gmconf.errors import GmconfError
from gmconf.settings import Value

_OPTION = re.compile(r"[a-z0-9-]+:")


def spell(value: Value) -> str:
    """One argument; a list is several of them. A list that starts with ``option:`` is a whole line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        raise GmconfError(f"unbound.conf has no fractions: {value!r}")
    if isinstance(value, str):
        return _quoted(value)
    first, *rest = value
    option = isinstance(first, str) and _OPTION.fullmatch(first) and rest
    return " ".join([str(first) if option else spell(first), *(spell(item) for item in rest)])


def _quoted(value: str) -> str:
    # A backslash would hide the closing quote from Unbound's lexer, and nothing can take it back.
    if not all(c.isprintable() for c in value) or "\\" in value:
        raise GmconfError(f"unbound.conf cannot hold {value!r}")
    if '"' not in value:
        return f'"{value}"'
    if "'" not in value:
        return f"'{value}'"
    raise GmconfError(f"unbound.conf cannot hold both kinds of quotes in {value!r}")
