"""Questions to name servers: many at once, not too many, none twice."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import dns.asyncquery
import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.rdtypes.txtbase

from gmconf.errors import GmconfError

TOTAL, PER_SERVER = 128, 32
"""Questions under way: in all, and to one server."""
TIMEOUT, TRIES = 2.0, 3
PAYLOAD = 1232
"""Octets of a UDP answer that no path has to split (DNS flag day 2020)."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where to ask: an address and a port; ``name`` is for messages."""

    address: str
    port: int = 53
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.address


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. ``values`` are as in a zone file, in lower case; TXT with its strings joined, as written."""

    status: Literal["found", "nothing", "no-name", "failed"]
    values: tuple[str, ...] = ()
    alias: bool = False
    """The name is an alias (CNAME), and the values are those of its target."""
    secure: bool = False
    """The resolver has validated it (AD)."""
    note: str = ""
    """Why it failed."""
    ttl: int = 0
    """Seconds that the answer may be kept; the largest of its records."""
    reached: bool = True
    """False: it failed since nobody answered, or nothing that can be read."""
    targets: tuple[str, ...] = ()
    """Where its aliases lead, one after the other, no final dot."""


class Asker:
    """Asks one resolver, or a server directly. Every question is put once."""

    def __init__(self, resolver: Server) -> None:
        self.resolver = resolver
        self.asked = 0
        self._total = asyncio.Semaphore(TOTAL)
        self._of: dict[Server, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PER_SERVER))
        self._known: dict[tuple[str, str, Server, bool], asyncio.Future[Answer]] = {}

    async def ask(self, name: str, type_: str, server: Server | None = None, *, unchecked: bool = False) -> Answer:
        """The answer about a name (no final dot); ``server`` is asked as an authority, without one the resolver as
        such.

        ``unchecked``: the resolver is not to hold back what fails its validation (CD).
        """
        where = server or self.resolver
        key = (name, type_, where, unchecked)
        if key not in self._known:
            self._known[key] = asyncio.ensure_future(
                self._put(name, type_, where, recurse=server is None, unchecked=unchecked)
            )
        return await self._known[key]

    def forget(self) -> None:
        """Drop what is answered, so that memory stays bounded."""
        self._known = {key: future for key, future in self._known.items() if not future.done()}

    async def _put(self, name: str, type_: str, where: Server, *, recurse: bool, unchecked: bool) -> Answer:
        try:
            query = dns.message.make_query(f"{name}." if name != "." else ".", type_, use_edns=0, payload=PAYLOAD)
        except dns.exception.DNSException as error:  # what strangers call a name in their records
            return Answer("failed", note=f"no name: {error}")
        query.flags = (query.flags | dns.flags.AD) if recurse else query.flags & ~dns.flags.RD
        query.flags |= dns.flags.CD if unchecked else 0
        note = ""
        async with self._of[where], self._total:
            for attempt in range(TRIES):
                self.asked += 1
                try:
                    answer, _ = await dns.asyncquery.udp_with_fallback(
                        query,
                        where.address,
                        timeout=TIMEOUT * (attempt + 1),
                        port=where.port,
                        ignore_unexpected=True,
                        ignore_errors=True,
                    )
                except dns.exception.Timeout:
                    note = "no answer"
                except (dns.exception.DNSException, OSError, EOFError) as error:
                    note = str(error) or type(error).__name__
                else:
                    return _read(answer, type_)
        return Answer("failed", note=note, reached=False)


def _read(message: dns.message.Message, type_: str) -> Answer:
    code = message.rcode()
    secure = bool(message.flags & dns.flags.AD)
    targets = tuple(_aliases(message))
    if code == dns.rcode.NXDOMAIN:
        return Answer("no-name", alias=bool(targets), secure=secure, targets=targets)
    if code != dns.rcode.NOERROR:
        told = [option.to_text() for option in message.options if isinstance(option, dns.edns.EDEOption)]
        return Answer("failed", note=" ".join((dns.rcode.to_text(code), *told)))
    wanted = dns.rdatatype.from_text(type_)
    # Who keeps the zone above refers to the servers of the one below, and that is what it has to say about them.
    referred = wanted == dns.rdatatype.NS and not message.answer and not message.flags & dns.flags.AA
    values: list[str] = []
    ttl = 0
    for rrset in (s for s in message.authority if s.name == message.question[0].name) if referred else message.answer:
        if rrset.rdtype == wanted:
            values += [_text(r, type_) for r in rrset]
        if rrset.rdtype in (wanted, dns.rdatatype.CNAME):
            ttl = max(ttl, rrset.ttl)
    if wanted == dns.rdatatype.CNAME:
        targets = ()
    return Answer(
        "found" if values else "nothing", tuple(sorted(values)), bool(targets), secure, ttl=ttl, targets=targets
    )


def _aliases(message: dns.message.Message) -> Iterator[str]:
    """Targets of the aliases that lead on from the name that was asked about."""
    leads = {rrset.name: rrset[0].target for rrset in message.answer if rrset.rdtype == dns.rdatatype.CNAME}
    name = message.question[0].name
    while name in leads:
        name = leads.pop(name)
        yield name.to_text(omit_final_dot=True).lower()


def _text(rdata: dns.rdata.Rdata, type_: str) -> str:
    if isinstance(rdata, dns.rdtypes.txtbase.TXTBase):
        return b"".join(rdata.strings).decode("latin-1")
    return rdata.to_text() if type_ == "CAA" else rdata.to_text().lower()


def parse_server(text: str) -> Server:
    """IP, IP:PORT or [IP]:PORT. Raises GmconfError."""
    from ipaddress import ip_address

    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not text.startswith("[")):
        host, port = text, "53"
    try:
        address = str(ip_address(host.strip("[]")))
        number = int(port)
    except ValueError:
        raise GmconfError(f"{text}: a server is written 192.0.2.53, 192.0.2.53:5300 or [2001:db8::53]:5300") from None
    if not 0 < number < 65536:
        raise GmconfError(f"{text}: {number} is no port")
    return Server(address, number)


def system_resolver() -> Server:
    """The first resolver of /etc/resolv.conf. Raises GmconfError when there is none."""
    import dns.resolver

    try:
        return Server(str(dns.resolver.get_default_resolver().nameservers[0]))
    except (dns.resolver.NoResolverConfiguration, IndexError):
        raise GmconfError("this machine has no resolver; name one: --resolver IP") from None
