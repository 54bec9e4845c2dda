"""Where a host speaks TLS, and how each protocol gets there."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from gmconf.model import Role
from gmconf.verify.connection import Wire, dial
from gmconf.verify.run import At
from gmconf.verify.smtp import Smtp

CHAT, NEWS = "chat", "news"
_NAMESPACES = "xmlns:stream='http://etherx.jabber.org/streams'"


@dataclass(frozen=True, slots=True)
class Port:
    """A port with TLS; ``starttls`` is the protocol as openssl calls it, empty for TLS from the first byte."""

    number: int
    starttls: str = ""
    name: str = ""
    """The name asked for, where it is not the host's (a chat domain, a domain's own name for the host)."""

    def __str__(self) -> str:
        return f"port {self.number}" + (f" ({self.name})" if self.name else "")


def ports(at: At) -> list[Port]:
    """Every port of a host that speaks TLS."""
    found = []
    if at.has(Role.MTA):
        found.append(Port(25, "smtp"))
    if at.has(Role.MSA):
        found += [Port(465), Port(587, "smtp")]
    if at.has(Role.STORE):
        found += [Port(143, "imap"), Port(993), Port(4190, "sieve")]
    if at.pop3:
        found.append(Port(995))
    if at.has(NEWS):
        found += [Port(119, "nntp"), Port(563)]
    return found


NAMES = 5
"""Of how many domains' own names each port is asked."""


def named_ports(at: At) -> list[Port]:
    """The ports that show certificates by name, each with some of the names that domains have for them,
    evenly taken.
    """
    clients, mx = (
        [n for n in dict.fromkeys(getattr(d, own) for d in at.run.loaded.site.domains) if n]
        for own in ("own_clients", "own_mx")
    )
    found = []
    for port in ports(at):
        names = () if port.starttls == "nntp" or port.number == 563 else mx if port.number == 25 else clients
        found += [replace(port, name=name) for name in names[:: -(-len(names) // NAMES) or 1]]
    return found


def upgrade(wire: Wire, port: Port, at: At, context: ssl.SSLContext) -> None:
    """Bring a fresh connection to TLS. Raises OSError;
    ssl.SSLError and ConnectionError of the handshake pass through.
    """
    before = _BEFORE.get(port.starttls)
    if before:
        try:
            before(wire, at)
        except StarttlsError as error:
            raise StarttlsError(f"{port}: {error}") from None
    wire.secure(context, port.name or at.host.name)


class StarttlsError(OSError):
    """STARTTLS was asked for and not granted."""


def _smtp(wire: Wire, _: At) -> None:
    smtp = Smtp(wire)
    smtp.ehlo()
    reply = smtp.say("STARTTLS")
    if reply.code != 220:
        raise StarttlsError(f"STARTTLS was answered {reply}")


def _imap(wire: Wire, _: At) -> None:
    wire.line()
    wire.send(b"g1 STARTTLS\r\n")
    _wait(wire, "g1 OK", "g1 ")


def _sieve(wire: Wire, _: At) -> None:
    capabilities(wire)
    wire.send(b"STARTTLS\r\n")
    _wait(wire, "OK", "NO", "BYE")


def _nntp(wire: Wire, _: At) -> None:
    wire.line()
    wire.send(b"STARTTLS\r\n")
    _wait(wire, "382", "4", "5")


def _wait(wire: Wire, good: str, *ends: str) -> None:
    while True:
        line = wire.line()
        if line.startswith(good):
            return
        if line.startswith(ends):
            raise StarttlsError(f"STARTTLS was answered {line}")


def capabilities(wire: Wire) -> list[str]:
    """What ManageSieve says at the start and after STARTTLS (RFC 5804 section 1.7)."""
    found: list[str] = []
    while True:
        line = wire.line()
        if line.startswith(("OK", "NO", "BYE")):
            return found
        found.append(line)


def stream(wire: Wire, domain: str, kind: str) -> str:
    """Open an XMPP stream (RFC 6120 section 4); the features the server offers."""
    wire.send(f"<?xml version='1.0'?><stream:stream to='{domain}' version='1.0' xmlns='{kind}' {_NAMESPACES}>".encode())
    return wire.until_seen("</stream:features>", "<stream:features/>", "</stream:stream>", "<stream:error>")


_BEFORE = {"smtp": _smtp, "imap": _imap, "sieve": _sieve, "nntp": _nntp}


@contextmanager
def secured(at: At, port: Port, context: ssl.SSLContext) -> Iterator[Wire]:
    """A connection with TLS."""
    with dial(at, port.number) as wire:
        upgrade(wire, port, at, context)
        yield wire
