"""The name servers of a zone: who they are, whether they answer, and whether alike."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from gmconf.derived.zones import parents
from gmconf.dns import Contract
from gmconf.dns.live.ask import Asker, Server
from gmconf.dns.live.finding import Finding


@dataclass(frozen=True)
class Keepers:
    """Who keeps a zone."""

    zone: str
    """The zone that the resolver finds there: a zone of ours may lie in a larger one, such as a provider's reverse
    zone."""
    names: tuple[str, ...]
    servers: tuple[Server, ...]
    without_ipv6: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    """Name servers whose name is an alias, with what it leads to."""


async def keepers(asker: Asker, contract: Contract, name: str, port: int) -> Keepers:
    """The published NS set and its addresses, asked of the resolver. A hidden primary is not among them, and is not
    asked.

    Where nothing is published (yet) the site's own name servers are asked.
    """
    for zone in (name, *parents(name), "."):
        found = await asker.ask(zone, "NS")
        if found.status == "found" and not found.alias:
            names = tuple(value.rstrip(".") for value in found.values)
            answers = await asyncio.gather(*(asker.ask(n, t) for n in names for t in ("A", "AAAA")))
            servers = [
                Server(value, port, names[n // 2]) for n, answer in enumerate(answers) for value in answer.values
            ]
            bare = tuple(names[n // 2] for n, answer in enumerate(answers) if n % 2 and not answer.values)
            led = {names[n // 2]: answer.targets[-1] for n, answer in enumerate(answers) if answer.targets}
            return Keepers(
                zone, names, tuple(servers), bare, tuple(f"{name} -> {target}" for name, target in led.items())
            )
    hosts = {h.name: h.outside for h in contract.site.hosts}
    named = [
        Server(address, port, s.name)
        for s in contract.site.dns.nameservers
        for address in s.addresses or hosts.get(s.name, ())
    ]
    return Keepers(name, (), tuple(named), ())


def of_set(contract: Contract, found: Keepers) -> list[Finding]:
    """The NS set is what the site names, and large enough."""
    seen = ", ".join(found.names) or "nothing"
    wanted = {s.name for s in contract.site.dns.nameservers}
    where = f"{found.zone}. NS"
    findings = [
        Finding(
            "dns.two-ns",
            found.zone,
            where,
            "two name servers at least, each with"
            f" IPv6{' (without: ' + ', '.join(found.without_ipv6) + ')' if found.without_ipv6 else ''}",
            seen,
            good=len(found.names) >= 2 and not found.without_ipv6,
        )
    ]
    if found.aliases:
        findings.append(
            Finding(
                "dns.two-ns",
                found.zone,
                where,
                "name servers whose names have addresses themselves (RFC 2181 section 10.3)",
                f"aliases: {', '.join(found.aliases)}; name what they lead to, or give them A and AAAA",
                good=False,
            )
        )
    if wanted:
        findings.append(
            Finding("dns.sync", found.zone, where, ", ".join(sorted(wanted)), seen, good=wanted == set(found.names))
        )
    return findings


async def agree(asker: Asker, found: Keepers) -> list[Finding]:
    """Every server of the zone has it, with the same serial number."""
    answers = await asyncio.gather(*(asker.ask(found.zone, "SOA", server) for server in found.servers))
    findings = []
    serials: dict[str, list[str]] = {}
    for server, answer in zip(found.servers, answers, strict=True):
        where = f"{server} ({server.address})"
        if answer.status == "found":
            serials.setdefault(answer.values[0].split()[2], []).append(where)
        else:
            findings.append(
                Finding(
                    "dns.sync",
                    found.zone,
                    f"{found.zone}. SOA",
                    f"an answer of {where}",
                    answer.note or "it does not know the zone",
                    good=False,
                )
            )
    text = "; ".join(f"{serial}: {', '.join(who)}" for serial, who in sorted(serials.items()))
    if serials:
        findings.append(
            Finding(
                "dns.sync",
                found.zone,
                f"{found.zone}. SOA",
                "one serial number on all name servers",
                text,
                good=len(serials) == 1,
            )
        )
    return findings
