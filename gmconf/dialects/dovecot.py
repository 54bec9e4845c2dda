"""How Dovecot spells values, in both configuration languages."""

from __future__ import annotations

import re

from gmconf.errors import GmconfError
from gmconf.settings import Value

_PLAIN = re.compile(r"[A-Za-z0-9_./:@+*,!=%~<>-]+( [A-Za-z0-9_./:@+*,!=%~<>-]+)*\Z")


def spell(value: Value) -> str:
    """yes/no, lists separated by blanks, text quoted where the language would read it otherwise."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        if not value.isprintable():
            raise GmconfError(f"Dovecot cannot hold {value!r} in one line")
        if _PLAIN.match(value) and not value.startswith("<"):
            return value
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return " ".join(spell(item) for item in value)
