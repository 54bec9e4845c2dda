#!/usr/bin/python3
"""TLS policies for Postfix: what the MTA-STS resolver says, unless the domain has DANE, which goes first (RFC 8461).

    tls-policy LISTEN MTA-STS-RESOLVER DNS-RESOLVER       each ADDRESS:PORT; the last one validates

Runs on hosts, with Debian's Python and dnspython; gmconf never imports it. Speaks Postfix's socketmap protocol
(socketmap_table(5)) on both sides. A domain without an enforced policy is left to Postfix's own level, dane. One with a
policy whose MX hosts have usable TLSA records gets "dane-only": mail then goes to those hosts alone, and a host that
shows another key does not get it by way of MTA-STS. When DNS does not answer, or what it says is bogus, the message
waits.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterable

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.resolver

LONGEST = 4096
"""Bytes of a question or an answer."""
SECONDS = 20.0
"""That an answer may take; Postfix itself waits for 100."""


async def tell(upstream: tuple[str, int], resolver: dns.asyncresolver.Resolver, question: bytes) -> bytes:
    """The reply to one question, "MAP DOMAIN"."""
    domain = question.partition(b" ")[2].decode("ascii", "replace").rstrip(".")
    if domain.startswith("[") or ":" in domain:  # a host of the operator's choice, not a receiver's MX
        return b"NOTFOUND "
    reply = await ask(upstream, question)
    return b"OK dane-only" if reply.startswith(b"OK ") and await has_dane(resolver, domain) else reply


async def ask(upstream: tuple[str, int], question: bytes) -> bytes:
    """What the MTA-STS resolver says. Raises OSError, asyncio.IncompleteReadError and ValueError."""
    reader, writer = await asyncio.open_connection(*upstream)
    try:
        writer.write(netstring(question))
        await writer.drain()
        return await read(reader)
    finally:
        writer.close()


async def has_dane(resolver: dns.asyncresolver.Resolver, domain: str) -> bool:
    """Whether Postfix would find TLSA records that count: MX, address and TLSA all proved by DNSSEC (RFC 7672 section
    2.2).

    Raises dns.exception.DNSException when that cannot be told.
    """
    exchanges = await lookup(resolver, domain, "MX")
    if exchanges is None:
        return False
    names = [str(record.exchange) for record in exchanges.rrset or ()] or [domain]
    return any([await usable(resolver, name) for name in names]) if secure(exchanges) else False


async def usable(resolver: dns.asyncresolver.Resolver, name: str) -> bool:
    """Whether an MX host has TLSA records that mail can use, under its own name or the one it is an alias of."""
    answers = [a for kind in ("A", "AAAA") if (a := await lookup(resolver, name, kind)) and a.rrset]
    if not answers or not all(map(secure, answers)):
        return False
    for owner in dict.fromkeys((str(answers[0].canonical_name), name)):
        found = await lookup(resolver, f"_25._tcp.{owner}", "TLSA")
        if found and secure(found) and any(counts(r.usage, r.selector, r.mtype) for r in found.rrset or ()):
            return True
    return False


def counts(usage: int, selector: int, matching: int) -> bool:
    """DANE-TA and DANE-EE, the only usages of mail (RFC 7672 section 3.1), with what Postfix knows."""
    return usage in (2, 3) and selector in (0, 1) and matching in (0, 1, 2)


async def lookup(resolver: dns.asyncresolver.Resolver, name: str, kind: str) -> dns.resolver.Answer | None:
    """An answer, empty or not; None: no such name."""
    try:
        return await resolver.resolve(name, kind, raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN:
        return None


def secure(answer: dns.resolver.Answer) -> bool:
    """Whether the resolver validated it."""
    return bool(answer.response.flags & dns.flags.AD)


def netstring(text: bytes) -> bytes:
    """LENGTH:TEXT,"""
    return b"%d:%b," % (len(text), text)


async def read(reader: asyncio.StreamReader) -> bytes:
    """One netstring. Raises asyncio.IncompleteReadError at the end, ValueError for anything else."""
    length = int((await reader.readuntil(b":"))[:-1])
    if not 0 <= length <= LONGEST:
        raise ValueError(length)
    text = await reader.readexactly(length + 1)
    if text[-1:] != b",":
        raise ValueError(text)
    return text[:-1]


async def serve(listen: tuple[str, int], upstream: tuple[str, int], servers: Iterable[tuple[str, int]]) -> None:
    """Answer until the end."""
    resolver = dns.asyncresolver.Resolver(configure=False)
    (address, resolver.port), *_ = servers
    resolver.nameservers = [address]
    resolver.flags = dns.flags.RD | dns.flags.AD
    resolver.lifetime = SECONDS / 2
    resolver.use_edns(0, 0, 1232)

    async def session(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                question = await read(reader)
                try:
                    reply = await asyncio.wait_for(tell(upstream, resolver, question), SECONDS)
                except (OSError, ValueError, EOFError, asyncio.LimitOverrunError, dns.exception.DNSException) as error:
                    print(f"{question.decode('ascii', 'replace')!r}: {error!r}", file=sys.stderr, flush=True)
                    reply = f"TEMP {type(error).__name__}".encode()
                writer.write(netstring(reply))
                await writer.drain()
        except (ConnectionError, EOFError, ValueError, asyncio.LimitOverrunError):
            writer.close()

    async with await asyncio.start_server(session, *listen) as server:
        ready()
        await server.serve_forever()


def ready() -> None:
    """Tells systemd, which starts Postfix after it (sd_notify(3))."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
            systemd.sendto(b"READY=1", "\0" + path[1:] if path.startswith("@") else path)


def endpoint(text: str) -> tuple[str, int]:
    """ADDRESS:PORT."""
    address, _, port = text.rpartition(":")
    return address, int(port)


if __name__ == "__main__":
    asyncio.run(serve(endpoint(sys.argv[1]), endpoint(sys.argv[2]), [endpoint(sys.argv[3])]))
