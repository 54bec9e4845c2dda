"""How knot.conf spells values: a YAML of its own."""

from __future__ import annotations

import re

from gmconf.dialects import plain
from gmconf.settings import Value

_WORD = re.compile(r"[A-Za-z0-9_.:/@%+=-]+")


def spell(value: Value) -> str:
    """on/off, numbers, plain words, "" and lists. Raises GmconfError for anything that would have to be quoted."""
    return plain.spell(value, "knot.conf", _WORD, lambda items: f"[ {', '.join(items)} ]", empty='""')
