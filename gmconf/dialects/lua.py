"""How Lua spells values (Prosody, rspamd's rules): true/false, numbers, strings in double quotes, lists in braces."""

from __future__ import annotations

from gmconf.errors import GmconfError
from gmconf.settings import Value


def spell(value: Value) -> str:
    """One value of one line (Lua 5.4 manual section 3.1). Raises GmconfError for text with control characters."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        if not value.isprintable():
            raise GmconfError(f"Lua cannot hold {value!r} in one line")
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "{ " + ", ".join(spell(item) for item in value) + " }" if value else "{ }"
