"""How knot.conf spells values: a YAML of its own, in which everything is a plain word or a list of them."""

from __future__ import annotations

import re

from gmconf.errors import GmconfError
from gmconf.settings import Value

_WORD = re.compile(r"[A-Za-z0-9_.:/@%+=-]+")


def spell(value: Value) -> str:
    """on/off, numbers, plain words, "" and lists. Raises GmconfError for anything that would have to be quoted."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        if value and not _WORD.fullmatch(value):
            raise GmconfError(f"knot.conf: a plain word is needed, not {value!r}")
        return value or '""'
    if isinstance(value, float):
        raise GmconfError(f"knot.conf has no fractions: {value!r}")
    return f"[ {', '.join(map(spell, value))} ]"
