"""Chat (XMPP) and news (NNTP), where the site has them."""

from __future__ import annotations

import ssl
import time

from gmconf.controls.result import Observation
from gmconf.verify.connection import Wire, connected, dial, neutral
from gmconf.verify.mta import REPLAY
from gmconf.verify.probe import Looks, NothingToSayError, on_host, on_site
from gmconf.verify.run import At, Run, sample
from gmconf.verify.starttls import CHAT, NEWS, stream

CLIENTS, SERVERS = 5222, 5269
NNTPS = 563


def _starttls(wire: Wire, domain: str, kind: str) -> tuple[bool, bool, str]:
    """(offered, required, features after TLS)."""
    features = stream(wire, domain, kind)
    offered = "urn:ietf:params:xml:ns:xmpp-tls" in features
    required = offered and "<required" in features
    if not offered:
        return False, False, features
    wire.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    if "<proceed" not in wire.until_seen("<proceed", "<failure"):
        return True, required, "STARTTLS was refused"
    wire.secure(neutral(), domain)
    return True, required, stream(wire, domain, kind)


@on_host("chat", CHAT)
def chat(at: At) -> Looks:
    """Chat asks for TLS, from users and from other servers, in every mail domain; users log in after it.

    Opens streams and reads what is offered; no login is tried. At most eight domains.
    """
    for domain in sample(at.run.loaded.mail.hosted)[:8]:
        for port, kind in ((CLIENTS, "jabber:client"), (SERVERS, "jabber:server")):
            with dial(at, port) as wire:
                offered, required, after = _starttls(wire, domain.name, kind)
            where = f"for {domain.name} on port {port}"
            seen = "required" if required else "offered only" if offered else after[:200]
            yield Observation(f"TLS required {where}", seen, required, remedy="" if required else REPLAY)
            if kind == "jabber:client":
                mechanisms = "urn:ietf:params:xml:ns:xmpp-sasl" in after and ">PLAIN<" in after
                yield Observation(f"SASL PLAIN over TLS {where}", after[-300:], mechanisms, remedy=REPLAY)


def _news(wire: Wire, where: str) -> Looks:
    greeting = wire.line()
    yield Observation(
        f"200, 201 or 480 from {where}",
        greeting,
        greeting[:3] in ("200", "201", "480"),
        remedy="is the news server running?",
    )
    wire.send(b"CAPABILITIES\r\n")
    lines = [wire.line()]
    while lines[0].startswith("101") and lines[-1] != ".":
        lines.append(wire.line())
    listed = ", ".join(lines[1:-1])
    yield Observation(
        f"CAPABILITIES with VERSION 2 from {where} (RFC 3977)",
        listed or lines[0],
        any(line.startswith("VERSION") for line in lines),
        remedy="",
    )
    wire.send(b"QUIT\r\n")


@on_site("news")
def news_server(run: Run) -> Looks:
    """Users reach news over TLS: on the site's own hosts, or at the server named in news.

    Connects and reads what is offered; no login is tried.
    """
    hosts = [at for at in run.hosts if at.has(NEWS)]
    news = run.loaded.site.news
    outside = news.host if news else None
    if not hosts and not outside:
        raise NothingToSayError("the site has no news")
    for at in hosts:
        with dial(at, NNTPS) as wire:
            wire.secure(run.trust(), at.host.name)
            yield from _news(wire, f"{at.host.name} port {NNTPS}")
    if news and outside:
        with connected(outside, news.port, time.monotonic() + run.bounds.dialogue) as wire:
            wire.secure(ssl.create_default_context(), outside)
            yield from _news(wire, f"{outside} port {news.port}")
