"""SPF records made of addresses."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from gmconf.derived.spf.grammar import VERSION

LENGTH = 400
"""Characters of one record; longer ones are split, so that an answer fits into one UDP packet (section 3.4)."""


def terms(addresses: Iterable[str]) -> list[str]:
    """ip4: and ip6: mechanisms for exactly these addresses, collapsed and sorted."""
    networks = [ip_network(a) for a in addresses]
    four = collapse_addresses(n for n in networks if isinstance(n, IPv4Network))
    six = collapse_addresses(n for n in networks if isinstance(n, IPv6Network))
    return [f"ip4:{_short(n)}" for n in four] + [f"ip6:{_short(n)}" for n in six]


def _short(network: IPv4Network | IPv6Network) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def policy(mechanisms: Iterable[str], end: str) -> str:
    """A whole record."""
    return " ".join((VERSION, *mechanisms, end))


def split(mechanisms: list[str], end: str, home: str, stem: str = "_spf") -> tuple[list[str], list[tuple[str, str]]]:
    """The mechanisms of a domain's record, and (name, record) of the records it includes.

    Short lists stay as they are; longer ones become STEM1.HOME and so on.
    """
    if len(policy(mechanisms, end)) <= LENGTH:
        return mechanisms, []
    parts: list[list[str]] = [[]]
    for mechanism in mechanisms:
        if len(policy((*parts[-1], mechanism), end)) > LENGTH:
            parts.append([])
        parts[-1].append(mechanism)
    included = [(f"{stem}{number}.{home}", policy(part, end)) for number, part in enumerate(parts, 1)]
    return [f"include:{name}" for name, _ in included], included
