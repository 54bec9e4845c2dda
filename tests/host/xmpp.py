"""Users of chat, as their programs behave: slixmpp, and a stream written by hand for what no program would do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import clients
import demo
import sites
import slixmpp

WITHIN = 40
"""Seconds that something may take to arrive. Dovecot makes an address wait that has guessed before."""


class Refused(Exception):
    """A login that failed; the text is the condition of RFC 6120 section 6.5."""


@dataclass(frozen=True)
class Server:
    """A host with chat and what its users must know."""

    ip4: str
    ca: str
    domain: str
    password: str


def partner(mx) -> Server:
    """The other host of the lab, which belongs to somebody else. Both must have been rolled out."""
    machine = sites.partner(mx.machine)
    folder = sites.folder(machine)
    return Server(machine.addresses[0], str(folder / "keys/ca/ca.crt"), sites.domain(machine), demo.password())


class User(slixmpp.ClientXMPP):
    """One program of one user, with what it has received."""

    def __init__(self, server, login: str, password: str | None, *, direct: bool) -> None:
        super().__init__(login, password or server.password, ssl_context=ssl.create_default_context(cafile=server.ca))
        self.enable_direct_tls, self.enable_starttls, self.enable_plaintext = direct, not direct, False
        self.whitespace_keepalive = False
        self.received: asyncio.Queue[slixmpp.Message] = asyncio.Queue()
        self.state = asyncio.get_running_loop().create_future()
        self.add_event_handler("session_start", lambda _: self._is(""))
        self.add_event_handler("failed_all_auth", lambda _: self._is("failed"))
        self.add_event_handler("failed_auth", lambda failure: self._is(failure["condition"]))
        self.add_event_handler("connection_failed", lambda error: self._is(str(error)))
        self.add_event_handler("message", self.received.put_nowait)
        self.add_event_handler("message_error", self.received.put_nowait)

    def _is(self, state: str) -> None:
        if not self.state.done():
            self.state.set_result(state)

    def say(self, to: str, text: str) -> None:
        self.send_message(mto=to, mbody=text, mtype="chat")

    async def hears(self, text: str, within: float = WITHIN) -> slixmpp.Message:
        """The message with this text."""
        async with asyncio.timeout(within):
            while True:
                message = await self.received.get()
                if message["body"] == text:
                    return message

    async def gets_back(self, address: str, within: float = WITHIN) -> str:
        """The condition with which a message to an address is returned; the text need not come with it (RFC 6120
        section 8.3.1)."""
        async with asyncio.timeout(within):
            while True:
                message = await self.received.get()
                if message["type"] == "error" and message["from"].bare == address:
                    return message["error"]["condition"]


@contextlib.asynccontextmanager
async def session(server, login: str, *, password: str | None = None, direct: bool = False) -> AsyncIterator[User]:
    """A user who is logged in and available; raises Refused."""
    user = User(server, login, password, direct=direct)
    user.connect(server.ip4, 5223 if direct else 5222)
    try:
        state = await asyncio.wait_for(user.state, WITHIN)
        if state:
            raise Refused(state)
        user.send_presence()
        yield user
    finally:
        user.cancel_connection_attempt()
        await asyncio.wait_for(asyncio.shield(user.disconnect(wait=1)), 5)


class Stream:
    """A client's stream in clear, RFC 6120 by hand."""

    def __init__(self, mx, to: str | None = None) -> None:
        self.socket = socket.create_connection((mx.ip4, 5222), 15)
        self.say(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
            f" to='{to or mx.domain}' version='1.0'>"
        )

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, text: str) -> None:
        self.socket.sendall(text.encode())

    def until(self, *ends: str) -> str:
        """What the server says until one of these words, or until it hangs up."""
        text = ""
        while not any(end in text for end in ends):
            part = self.socket.recv(4096).decode()
            if not part:
                return text
            text += part
        return text


def certificate(mx, port: int, domain: str) -> bytes:
    """What is shown to a client that wants this domain (DER)."""
    words = ("-connect", f"{mx.ip4}:{port}", "-servername", domain)
    seen = clients.openssl(mx, *words, *(("-starttls", "xmpp", "-name", domain) if port == 5222 else ()))
    return ssl.PEM_cert_to_DER_cert(seen[seen.index("-----BEGIN") : seen.index("-----END CERTIFICATE-----") + 25])
