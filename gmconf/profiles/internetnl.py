"""internet.nl's mail test of a site's domains: of what is rendered and published, or of what is there."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import date
from ipaddress import ip_address

from gmconf.assess.check import views
from gmconf.dns import contract
from gmconf.dns.live.ask import Answer, Asker, Server
from gmconf.errors import GmconfError
from gmconf.model import Domain, Role
from gmconf.profiles.addresses import DNS, SMTP, Reach, dnssec, ipv6, receivers
from gmconf.profiles.auth import auth
from gmconf.profiles.score import Found, Score, good, score, untested
from gmconf.profiles.source import Published, Source
from gmconf.profiles.table import CATEGORIES, RULES, Category
from gmconf.profiles.tls_offer import Offer
from gmconf.profiles.transport import nowhere, transport
from gmconf.services.effective import host_case
from gmconf.services.registry import plans
from gmconf.site.load import Loaded

NAME = "internet.nl"
SHOWN_DAYS = 366
"""How old evidence about route origins may be."""
PATIENCE = 4.0
"""Seconds for a connection, as that test has it."""
Offers = Callable[[str], Awaitable[Offer]]


async def _judged(source: Source, domain: str, reach: Reach, offers: Offers, rpki: list[Found]) -> Score:
    found = await receivers(source, domain)
    hosts = [await transport(source, await offers(name)) for name in found.names]
    parts: dict[Category, Sequence[Sequence[Found]]] = {
        "IPv6": [await ipv6(source, domain, found, reach)],
        "DNSSEC": await dnssec(source, domain, found),
        "auth": [await auth(source, domain)],
        "TLS": hosts or [nowhere(found)],
        "RPKI": [rpki],
    }
    assert set(parts) == set(CATEGORIES)
    return score(domain, parts)


def _rpki(loaded: Loaded, today: date) -> list[Found]:
    """Route origins are seen from the Internet's routing alone: the site shows who looked."""
    shown = loaded.site.network.rpki
    keys = [rule.key for rule in RULES if rule.category == "RPKI"]
    if shown is None:
        return [untested(key, "the site shows nothing: network.rpki") for key in keys]
    if not 0 <= (today - shown.day).days <= SHOWN_DAYS:
        return [
            untested(key, f"{shown.where} ({shown.by}, {shown.day}) is older than a year, or of a day to come")
            for key in keys
        ]
    return [good(key, f"{shown.where} ({shown.by}, {shown.day})") for key in keys]


def rendered(loaded: Loaded, today: date) -> Iterator[Score]:
    """What the test will say once everything is rolled out and published, one domain after the other."""
    from gmconf.profiles.rendered import rendered as offer_of

    source = Published(contract(loaded))
    hosts = {v.host.name: v for v in views(loaded) if Role.MTA in v.host.roles}
    addresses = {n: set(v.host.outside) for n, v in hosts.items()}
    for name in loaded.mail.mx_names:
        # Every host that it leads to shows the same certificate; hosts differ in their release only.
        addresses[name] = {a for v in hosts.values() for a in v.host.outside}
        hosts[name] = next(v for v in hosts.values())
    known: dict[str, Offer] = {}

    async def offers(name: str) -> Offer:
        if name not in known:
            view = hosts.get(name)
            known[name] = (
                offer_of(loaded, host_case(view, plans(view)), today, name)
                if view
                else Offer(name, problem="no host of this site takes mail under this name")
            )
        return known[name]

    async def reach(name: str, address: str, port: int, zone: str) -> bool | str:
        del zone
        if port != SMTP:
            return "check connects to nobody; gmconf verify --profile internet.nl asks the name servers"
        # The firewall that is rendered opens port 25 to everybody.
        return address in addresses.get(name, ()) or f"{name} {address} is no host of this site"

    rpki = _rpki(loaded, today)
    with asyncio.Runner() as runner:
        for domain in loaded.site.domains:
            source.about(domain)
            yield runner.run(_judged(source, domain.name, reach, offers, rpki))


class _Resolver:
    """Answers of a resolver."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker
        self.signs = ""

    def foreign(self, name: str) -> bool:
        del name
        return False

    async def ask(self, name: str, type_: str, *, validated: bool = False) -> Answer:
        return await self.asker.ask(name, type_, unchecked=not validated)


def live(
    loaded: Loaded, resolver: Server, today: date, domains: Sequence[Domain], *, smtp: int = SMTP, port: int = DNS
) -> list[Score]:
    """What the test would say now. Only hosts of the site are connected to, at port ``smtp``; ``port`` is that of all
    name servers.

    Raises GmconfError when the resolver does not answer.
    """
    return asyncio.run(_live(loaded, resolver, today, domains, smtp, port))


async def _live(
    loaded: Loaded, resolver: Server, today: date, domains: Sequence[Domain], smtp: int, dns_port: int
) -> list[Score]:
    from gmconf.profiles.handshakes import offered

    asker = Asker(resolver)
    source = _Resolver(asker)
    root = await asker.ask(".", "SOA")
    if root.status == "failed" and root.note == "no answer":
        raise GmconfError(
            f"{resolver.address} port {resolver.port} does not answer; name a resolver that does: --resolver IP"
        )
    if not root.secure:
        source.signs = "the resolver does not validate; name one that does: --resolver IP"
    ours = {h.name for h in loaded.site.hosts} | loaded.mail.mx_names
    known: dict[str, asyncio.Task[Offer]] = {}

    async def asked(name: str) -> Offer:
        if name not in ours:
            return Offer(name, problem="no host of this site; it is not connected to")
        # It leaves this question to its system, whose resolver validates.
        addresses = [a for type_ in ("A", "AAAA") for a in (await source.ask(name, type_, validated=True)).values]
        return await asyncio.to_thread(offered, name, addresses, smtp)

    async def offers(name: str) -> Offer:
        if name not in known:
            known[name] = asyncio.create_task(asked(name))
        return await known[name]

    async def reach(name: str, address: str, port: int, zone: str) -> bool | str:
        if port == SMTP and name not in ours:
            return f"{name} is no host of this site; it is not connected to"
        if not _routed(address):
            return "this machine has no way to IPv6"
        if port == DNS:
            return (await asker.ask(zone, "NS", Server(address, dns_port, name))).reached  # a refusal is an answer
        return await _connects(address, smtp)

    rpki = _rpki(loaded, today)
    return list(await asyncio.gather(*(_judged(source, d.name, reach, offers, rpki) for d in domains)))


def _routed(address: str) -> bool:
    """Whether this machine has a way there at all; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.connect((address, DNS))
    except OSError:
        return False
    return True


async def _connects(address: str, port: int) -> bool:
    if ip_address(address).is_unspecified:  # that would be this machine
        return False
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(address, port)
    except OSError:  # TimeoutError is one
        return False
    writer.close()
    return True
