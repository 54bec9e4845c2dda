"""How zone files spell values (RFC 1035 section 5.1): numbers, and names with their final dot."""

from __future__ import annotations

import re

from gmconf.errors import GmconfError
from gmconf.settings import Value

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\Z")


def spell(value: Value) -> str:
    """A number, a name, or "." for "not offered" (RFC 2782)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if value == ".":
        return "."
    if isinstance(value, str) and _NAME.match(value) and len(value) < 254:
        return f"{value}."
    raise GmconfError(f"a name or a number is needed in a zone file: {value!r}")
