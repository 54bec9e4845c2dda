"""How Postfix spells values (postconf(5))."""

from __future__ import annotations

from gmconf.errors import GmconfError
from gmconf.settings import Value


def spell(value: Value) -> str:
    """yes/no, comma-separated lists, text on one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        if not value.isprintable():
            raise GmconfError(f"Postfix cannot hold {value!r} in one line")
        return value
    if isinstance(value, int | float):
        return str(value)
    return ", ".join(spell(item) for item in value)
