"""How nftables spells values: numbers, ranges, addresses, networks and its own words bare, everything else in quotes
(it knows no escapes)."""

from __future__ import annotations

import re
from functools import cache
from ipaddress import ip_network

from gmconf.errors import GmconfError
from gmconf.settings import Value

WORDS = frozenset({"ip", "ip6", "tcp", "udp", "drop"})
"""Words of the language itself that settings choose between."""
_RANGE = re.compile(r"[0-9]{1,5}-[0-9]{1,5}")


def spell(value: Value) -> str:
    """One element of a set or one operand of a rule; a list is separated by commas."""
    if isinstance(value, (bool, float)):
        raise GmconfError(f"nftables has no such value: {value!r}")
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return value if value in WORDS or _RANGE.fullmatch(value) or _address(value) else _quoted(value)
    if not value:
        raise GmconfError("nftables has no empty list")
    return ", ".join(spell(item) for item in value)


@cache
def _address(value: str) -> bool:
    try:
        ip_network(value)
    except ValueError:
        return False
    return "%" not in value


def _quoted(value: str) -> str:
    if not value or not value.isprintable() or '"' in value or "\\" in value:
        raise GmconfError(f"nftables cannot hold {value!r}")
    return f'"{value}"'
