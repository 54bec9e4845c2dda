"""Macros of SPF (RFC 7208 section 7)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple
from urllib.parse import quote

_MACRO = re.compile(r"%(?:\{([a-z])([0-9]*)(r?)([-.+,/_=]*)\}|([%_-]))", re.IGNORECASE)
_PLAIN = {"%": "%", "_": " ", "-": "%20"}
NAME, LABEL = 253, 63


class Client(NamedTuple):
    """A client as receivers see it."""

    address: IPv4Address | IPv6Address
    sender: str
    """What it gives in MAIL FROM, or postmaster@ its HELO name."""
    helo: str


async def expanded(text: str, client: Client, domain: str, validated: Callable[[], Awaitable[str]]) -> str:
    """A domain-spec as a name, cut from the left to what a name may be long; ``validated`` gives the client's own
    proven name."""
    parts: list[str] = []
    at = 0
    for found in _MACRO.finditer(text):
        parts.append(text[at : found.start()])
        at = found.end()
        if found[5]:
            parts.append(_PLAIN[found[5]])
            continue
        letter = found[1].lower()
        value = await validated() if letter == "p" else _value(letter, client, domain)
        labels = re.split(f"[{re.escape(found[4] or '.')}]", value)
        if found[3]:
            labels.reverse()
        value = ".".join(labels[-int(found[2]) :] if found[2] else labels)
        parts.append(quote(value, safe="") if found[1].isupper() else value)
    name = ("".join(parts) + text[at:]).rstrip(".")
    while len(name) > NAME and "." in name:
        name = name.partition(".")[2]
    return name


def _value(letter: str, client: Client, domain: str) -> str:
    local, _, of = client.sender.rpartition("@")
    address = client.address
    dotted = str(address) if isinstance(address, IPv4Address) else ".".join(address.exploded.replace(":", ""))
    return {
        "s": client.sender,
        "l": local or "postmaster",
        "o": of,
        "d": domain,
        "i": dotted,
        "h": client.helo,
        "v": "in-addr" if address.version == 4 else "ip6",
    }.get(letter, "")


def is_name(name: str) -> bool:
    """Whether it can be asked about (RFC 7208 section 4.3): labels of a length that they may have, more than one of
    them."""
    labels = name.split(".")
    return len(labels) > 1 and all(0 < len(label) <= LABEL for label in labels) and len(name) <= NAME and name.isascii()
