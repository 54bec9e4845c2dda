"""SMTP as a client speaks it, with the answer to every command."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gmconf.verify.connection import Wire, dial, neutral
from gmconf.verify.run import At

SUBMISSIONS = 465


@dataclass(frozen=True, slots=True)
class Reply:
    """Code and text of an answer."""

    code: int
    lines: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.code} {' / '.join(self.lines)}".strip()

    @property
    def taken(self) -> bool:
        """Accepted."""
        return 200 <= self.code < 400

    @property
    def refused(self) -> bool:
        """Refused for good."""
        return 500 <= self.code < 600


class Smtp:
    """A session. ``greeting`` is what the host said first."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.extensions: dict[str, str] = {}
        self.greeting = self.reply()

    def reply(self) -> Reply:
        """One whole answer (RFC 5321 section 4.2.1). Raises OSError when it is none."""
        lines = []
        while True:
            line = self.wire.line()
            if not line[:3].isdigit():
                raise OSError(f"not an SMTP answer: {line[:80]!r}")
            lines.append(line[4:])
            if line[3:4] != "-":
                return Reply(int(line[:3]), tuple(lines))

    def say(self, command: str) -> Reply:
        """A command and its answer."""
        self.wire.send(command.encode() + b"\r\n")
        return self.reply()

    def ehlo(self, name: str | None = None) -> Reply:
        """EHLO; by default with our address in brackets, which is true everywhere (RFC 5321 section 4.1.3)."""
        here = self.wire.socket.getsockname()[0]
        reply = self.say(f"EHLO {name or (f'[IPv6:{here}]' if ':' in here else f'[{here}]')}")
        if reply.taken:
            words = [line.partition(" ") for line in reply.lines[1:]]
            self.extensions = {word.upper(): rest for word, _, rest in words}
        return reply

    def starttls(self, context: ssl.SSLContext, name: str) -> Reply:
        """STARTTLS and a new EHLO. The answer is that to STARTTLS."""
        reply = self.say("STARTTLS")
        if reply.code == 220:
            self.wire.secure(context, name)
            self.ehlo()
        return reply

    def login(self, address: str, password: str) -> Reply:
        """AUTH PLAIN (RFC 4616)."""
        return self.say("AUTH PLAIN " + base64.b64encode(f"\0{address}\0{password}".encode()).decode())

    def envelope(self, sender: str, *recipients: str) -> Reply:
        """MAIL and RCPT; the first answer that is no acceptance, else the last."""
        reply = self.say(f"MAIL FROM:<{sender}>")
        for recipient in recipients if reply.taken else ():
            reply = self.say(f"RCPT TO:<{recipient}>")
            if not reply.taken:
                break
        return reply

    def data(self, message: bytes) -> Reply:
        """DATA; lines end with CR LF, dots are doubled."""
        reply = self.say("DATA")
        if reply.code != 354:
            return reply
        lines = message.replace(b"\r\n", b"\n").split(b"\n")
        self.wire.send(b"\r\n".join(b"." + line if line[:1] == b"." else line for line in lines) + b"\r\n.\r\n")
        return self.reply()


@contextmanager
def mta(at: At, address: str | None = None) -> Iterator[Smtp]:
    """A session on port 25."""
    with dial(at, 25, address) as wire:
        yield Smtp(wire)


@contextmanager
def msa(at: At, port: int = SUBMISSIONS, context: ssl.SSLContext | None = None) -> Iterator[Smtp]:
    """A session on 465 or 587 after EHLO, with TLS; what the certificate is worth is judged by its own probe."""
    with dial(at, port) as wire:
        context = context or neutral()
        if port == SUBMISSIONS:
            wire.secure(context, at.host.name)
        smtp = Smtp(wire)
        smtp.ehlo()
        if port != SUBMISSIONS:
            smtp.starttls(context, at.host.name)
        yield smtp


@contextmanager
def logged_in(at: At) -> Iterator[Smtp]:
    """A session on 465 as the probe account; the certificate is checked before the password is sent. Raises OSError."""
    login = at.run.login
    assert login is not None  # probes that need it are not run without
    with msa(at, SUBMISSIONS, at.run.trust()) as smtp:
        reply = smtp.login(login.address, login.password)
        if reply.code != 235:
            raise OSError(f"the probe account cannot log in on port 465: {reply}")
        yield smtp
