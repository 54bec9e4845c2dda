"""How zone files spell values (RFC 1035 section 5.1): numbers, names with their final dot, types,
and rdata of records.
"""

from __future__ import annotations

import re

from gmconf.errors import GmconfError
from gmconf.settings import Value

_NAME = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\Z")


class Rdata(str):
    """What a record spelled itself (``Record.text``)."""

    __slots__ = ()


class Type(str):
    """A record's type."""

    __slots__ = ()


def spell(value: Value) -> str:
    """A number, or a name; what a record spells itself stays."""
    if isinstance(value, Rdata | Type):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and _NAME.match(value) and len(value) < 254:
        return f"{value}."
    raise GmconfError(f"a name or a number is needed in a zone file: {value!r}")
