"""How redis.conf spells values: yes/no, numbers, words, and strings in double quotes with escapes."""

from __future__ import annotations

import re

from gmconf.errors import GmconfError
from gmconf.settings import Value

_WORD = re.compile(r"[A-Za-z0-9_./:-]+")


def spell(value: Value) -> str:
    """One value, or several separated by blanks."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        raise GmconfError(f"redis.conf has no fractions: {value!r}")
    if isinstance(value, str):
        if _WORD.fullmatch(value):
            return value
        if not value.isprintable():
            raise GmconfError(f"redis.conf cannot hold {value!r} in one line")
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return " ".join(spell(item) for item in value)
