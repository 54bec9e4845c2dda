"""How INN's files spell values: inn.conf and readers.conf with strings in double quotes,
the others with plain words.
"""

from __future__ import annotations

import re

from gmconf.errors import GmconfError
from gmconf.settings import Value

_WORD = re.compile(r"[A-Za-z0-9_.:/@*!+-]+")


def spell(value: Value) -> str:
    """One value of inn.conf(5) or readers.conf(5): true/false, numbers, quoted strings, lists in brackets.

    Raises GmconfError for text that cannot stand in quotes: neither file has an escape that both read alike.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        if not value.isprintable() or not value or set(value) & set('"\\#'):
            raise GmconfError(f"INN cannot hold {value!r}")
        return f'"{value}"'
    if isinstance(value, float):
        raise GmconfError(f"INN has no fractions: {value!r}")
    return f"[ {' '.join(spell(item) for item in value)} ]"


def word(value: Value) -> str:
    """expire.ctl(5) and its like, which are made of fields between colons."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    raise GmconfError(f"a plain word is needed: {value!r}")
