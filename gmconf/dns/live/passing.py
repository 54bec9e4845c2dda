"""Whom two SPF records let send: compared by evaluating both for one address of every network that either of them tells
apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_network

from gmconf.derived import spf
from gmconf.dns.live.evaluation import Asks, Evaluation, Network, Outcome
from gmconf.dns.live.macros import Client

MOST = 4096
"""Addresses that are tried; records that tell more networks apart are compared that far."""
ENDS = {"fail": "-all", "softfail": "~all", "neutral": "nothing", "pass": "+all", "none": "nothing"}
WIDEST = {4: 12, 6: 24}
"""The shortest prefixes of networks that large providers of mail have."""
NAMED = 8
"""Networks that a sentence names."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a record found differs from the one wanted."""

    reasons: tuple[str, ...] = ()
    limit: str = ""
    """The limits of an evaluation that it breaks."""
    unknown: str = ""
    """Why it could not be found out."""


@dataclass
class _Pair:
    """Both records, evaluated for one address after the other."""

    asker: Asks
    domain: str
    helo: str
    wanted: str
    found: str
    compared: set[Network] = field(default_factory=set)

    async def at(self, address: IPv4Address | IPv6Address) -> tuple[Outcome, Outcome]:
        client = Client(address, f"postmaster@{self.domain}", self.helo)
        outcomes = []
        for text in (self.wanted, self.found) if self.wanted != self.found else (self.found,):
            evaluation = Evaluation(self.asker, client)
            outcomes.append(await evaluation.of(self.domain, text))
            self.compared |= evaluation.compared
        return outcomes[0], outcomes[-1]


async def compare(asker: Asks, domain: str, helo: str, wanted: str, found: str, ours: Iterable[str]) -> Comparison:
    """What a receiver makes of the record found, for every address; ``ours`` are addresses that have to pass."""
    same = wanted == found
    if same and not spf.parse(found).lookups:
        return Comparison()
    pair = _Pair(asker, domain, helo, wanted, found, {ip_network(a) for a in ours})
    lost: dict[str, None] = {}
    more: dict[str, None] = {}
    other: dict[str, None] = {}
    tried: set[IPv4Address | IPv6Address] = set()
    while todo := [a for a in _starts(pair.compared) if a not in tried][: MOST - len(tried)]:
        for address in todo:
            tried.add(address)
            want, have = await pair.at(address)
            for outcome in (have, want):
                if outcome.result == "temperror":
                    return Comparison(unknown=outcome.why)
            if have.result == "permerror":
                return Comparison(limit=have.why) if "look-ups" in have.why else Comparison((have.why,))
            if want.result == have.result:
                continue
            where = _where(pair.compared, address)
            if not where:
                other.setdefault(f"ends in {_end(found, have)}")
            elif want.result == "pass":
                lost.setdefault(where)
            elif have.result == "pass":
                more.setdefault(where)
            else:
                other.setdefault(f"means {have.result} for {where}")
        if same:  # nothing differs; whether it stays within the limits was seen at addresses that lie nowhere
            break
    reasons = [f"does not let {few(lost)} send"] if lost else []
    reasons += [f"lets {few(more)} send"] if more else []
    return Comparison((*reasons, *other))


async def too_wide(asker: Asks, domain: str, helo: str, include: str) -> list[str]:
    """Networks that a record of others lets send and that no service has for itself; "everybody" stands for all that it
    does not name."""
    pair = _Pair(
        asker, domain, helo, spf.policy([f"include:{include}"], "-all"), spf.policy([f"include:{include}"], "-all")
    )
    found: dict[str, None] = {}
    tried: set[IPv4Address | IPv6Address] = set()
    while todo := [a for a in _starts(pair.compared) if a not in tried][: MOST - len(tried)]:
        for address in todo:
            tried.add(address)
            outcome, _ = await pair.at(address)
            where = _where(pair.compared, address)
            if outcome.result == "pass" and (not where or ip_network(where).prefixlen < WIDEST[address.version]):
                found.setdefault(where or "everybody")
    return list(found)


def _starts(networks: Iterable[Network]) -> list[IPv4Address | IPv6Address]:
    """One address of every piece that the networks cut the addresses of both families into."""
    found: list[IPv4Address | IPv6Address] = []
    for kind, bits in ((IPv4Address, 32), (IPv6Address, 128)):
        numbers = {0}
        for network in networks:
            if network.max_prefixlen == bits:
                first = int(network.network_address)
                numbers |= {first, first + network.num_addresses}
        found += [kind(n) for n in sorted(numbers) if n < 2**bits]
    return found


def _where(networks: Iterable[Network], address: IPv4Address | IPv6Address) -> str:
    """The smallest network that an address lies in; empty where it lies in none, and so stands for all others."""
    around = [n for n in networks if n.version == address.version and address in n]
    return str(max(around, key=lambda n: n.prefixlen)) if around else ""


def _end(found: str, outcome: Outcome) -> str:
    end = spf.parse(found).end
    return f"{end}all" if len(end) == 1 else end or ENDS[outcome.result]


def few(names: Iterable[str]) -> str:
    """The first of them, and how many more there are."""
    every = list(names)
    return ", ".join(every[:NAMED]) + (f" and {len(every) - NAMED} more" if len(every) > NAMED else "")
