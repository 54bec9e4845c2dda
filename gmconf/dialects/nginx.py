"""How nginx.conf spells values."""

from __future__ import annotations

import re

from gmconf.errors import GmconfError
from gmconf.settings import Value

_WORD = re.compile(r"[A-Za-z0-9_.:/@*=+\[\]-]+")


def spell(value: Value) -> str:
    """on/off, numbers, plain words and lists of them. Raises GmconfError for anything that would have to be quoted."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        if not _WORD.fullmatch(value):
            raise GmconfError(f"nginx.conf: a plain word is needed, not {value!r}")
        return value
    if isinstance(value, float):
        raise GmconfError(f"nginx.conf has no fractions: {value!r}")
    return " ".join(map(spell, value))
