"""SPF (RFC 7208): made of addresses, read back by meaning."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import NamedTuple

VERSION = "v=spf1"
LOOKUPS = 10
"""The most terms of one evaluation that ask DNS (section 4.6.4)."""
LENGTH = 400
"""Characters of one record; longer ones are split, so that an answer fits into one UDP packet (section 3.4)."""
_ASKS = ("include", "a", "mx", "ptr", "exists", "redirect")


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


def split(mechanisms: list[str], end: str, home: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The mechanisms of a domain's record, and (name, record) of the records it includes.

    Short lists stay as they are; longer ones become _spf1.HOME and so on.
    """
    if len(policy(mechanisms, end)) <= LENGTH:
        return mechanisms, []
    parts: list[list[str]] = [[]]
    for mechanism in mechanisms:
        if len(policy((*parts[-1], mechanism), end)) > LENGTH:
            parts.append([])
        parts[-1].append(mechanism)
    included = [(f"_spf{number}.{home}", policy(part, end)) for number, part in enumerate(parts, 1)]
    return [f"include:{name}" for name, _ in included], included


class Spf(NamedTuple):
    """A record by its meaning: two that let the same clients send are equal."""

    networks: frozenset[tuple[str, str]]
    """(qualifier, network), collapsed."""
    others: tuple[str, ...]
    """Mechanisms that ask DNS, in order, with qualifier."""
    end: str
    """The qualifier of ``all`` ("-", "~", "?", "+"), or "redirect=NAME", or "" for none."""
    wrong: tuple[str, ...] = ()
    """Terms that are none: the whole record is a permanent error."""

    @property
    def lookups(self) -> int:
        """Terms of this record that ask DNS; those of included records come on top."""
        return len(self.others) + self.end.startswith("redirect=")


def is_spf(text: str) -> bool:
    """Whether a TXT record is an SPF record (section 4.5)."""
    return text.lower() == VERSION or text.lower().startswith(f"{VERSION} ")


def parse(text: str) -> Spf:
    """A record as found."""
    four: dict[str, list[IPv4Network]] = {}
    six: dict[str, list[IPv6Network]] = {}
    others: list[str] = []
    wrong: list[str] = []
    end = redirect = ""
    for term in text.lower().split()[1:]:
        qualifier, body = (term[0], term[1:]) if term[0] in "+-~?" else ("+", term)
        name = body.replace("/", ":", 1).partition(":")[0]
        if body == "all":
            end = end or qualifier
        elif name in ("ip4", "ip6"):
            try:
                network = ip_network(body[4:], strict=False)
            except ValueError:
                wrong.append(term)
                continue
            if isinstance(network, IPv4Network) and name == "ip4":
                four.setdefault(qualifier, []).append(network)
            elif isinstance(network, IPv6Network) and name == "ip6":
                six.setdefault(qualifier, []).append(network)
            else:
                wrong.append(term)
        elif name in _ASKS[:-1]:
            others.append(f"{qualifier}{body}")
        elif body.startswith("redirect="):
            redirect = body
        elif "=" not in body:
            wrong.append(term)
    found = {(q, str(n)) for q, nets in four.items() for n in collapse_addresses(nets)}
    found |= {(q, str(n)) for q, nets in six.items() for n in collapse_addresses(nets)}
    return Spf(frozenset(found), tuple(others), end or redirect, tuple(wrong))
