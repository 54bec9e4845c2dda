"""Mailboxes as programs reach them: IMAP, POP3, ManageSieve."""

from __future__ import annotations

import imaplib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gmconf.controls.result import Observation
from gmconf.model import Role
from gmconf.verify.connection import Wire, dial, neutral
from gmconf.verify.mta import REPLAY
from gmconf.verify.probe import Looks, NothingToSayError, on_host
from gmconf.verify.run import At
from gmconf.verify.starttls import Port, capabilities, secured, upgrade

IMAP, IMAPS, POP3S, SIEVE = 143, 993, 995, 4190
REGISTERED = frozenset(
    [
        "ACL",
        "APPENDLIMIT",
        "BINARY",
        "CATENATE",
        "CHILDREN",
        "CONDSTORE",
        "CONTEXT=SEARCH",
        "CONTEXT=SORT",
        "CONVERT",
        "CREATE-SPECIAL-USE",
        "ENABLE",
        "ESEARCH",
        "ESORT",
        "FILTERS",
        "I18NLEVEL=1",
        "I18NLEVEL=2",
        "ID",
        "IDLE",
        "IMAP4REV1",
        "IMAP4REV2",
        "INPROGRESS",
        "JMAPACCESS",
        "LANGUAGE",
        "LIST-EXTENDED",
        "LIST-METADATA",
        "LIST-MYRIGHTS",
        "LIST-STATUS",
        "LITERAL+",
        "LITERAL-",
        "LOGIN-REFERRALS",
        "LOGINDISABLED",
        "MAILBOX-REFERRALS",
        "METADATA",
        "METADATA-SERVER",
        "MOVE",
        "MULTIAPPEND",
        "MULTISEARCH",
        "NAMESPACE",
        "NOTIFY",
        "OBJECTID",
        "PARTIAL",
        "PREVIEW",
        "QRESYNC",
        "QUOTA",
        "QUOTASET",
        "REPLACE",
        "SASL-IR",
        "SAVEDATE",
        "SEARCH=FUZZY",
        "SEARCHRES",
        "SORT",
        "SORT=DISPLAY",
        "SPECIAL-USE",
        "STARTTLS",
        "STATUS=SIZE",
        "UIDONLY",
        "UIDPLUS",
        "UNAUTHENTICATE",
        "UNSELECT",
        "URL-PARTIAL",
        "URLAUTH",
        "UTF8=ACCEPT",
        "UTF8=ONLY",
        "WITHIN",
    ]
)
"""IANA's registry of IMAP capabilities, as far as servers announce them."""
FAMILIES = (
    "AUTH=",
    "THREAD=",
    "RIGHTS=",
    "COMPRESS=",
    "IMAPSIEVE=",
    "MESSAGELIMIT=",
    "SAVELIMIT=",
    "QUOTA=RES-",
    "URLAUTH=",
    "URLFETCH=",
    "ANNOTATE-",
)
ESMTP = frozenset(
    [
        "8BITMIME",
        "AUTH",
        "BINARYMIME",
        "BURL",
        "CHUNKING",
        "DELIVERBY",
        "DSN",
        "ENHANCEDSTATUSCODES",
        "ETRN",
        "EXPN",
        "HELP",
        "LIMITS",
        "MT-PRIORITY",
        "PIPELINING",
        "REQUIRETLS",
        "RRVS",
        "SIZE",
        "SMTPUTF8",
        "STARTTLS",
        "VRFY",
    ]
)
"""IANA's registry of SMTP service extensions."""


def _ask(wire: Wire, command: str) -> list[str]:
    """An IMAP command and the lines of its answer."""
    wire.send(f"g2 {command}\r\n".encode())
    lines = []
    while True:
        lines.append(wire.line())
        if lines[-1].startswith("g2 "):
            return lines


def announced(wire: Wire) -> set[str]:
    """IMAP capabilities at this point of the dialogue."""
    lines = _ask(wire, "CAPABILITY")
    return {word.upper() for line in lines if line.startswith("* CAPABILITY ") for word in line.split()[2:]}


@on_host("imap", Role.STORE)
def imap(at: At) -> Looks:
    """IMAP over TLS greets on every address, without product or version; POP3 too where the site has it.

    Connects and reads the greeting.
    """
    for address in at.host.outside:
        for port, good in ((IMAPS, "* OK"), *(((POP3S, "+OK"),) if at.pop3 else ())):
            with dial(at, port, address) as wire:
                wire.secure(neutral(), at.host.name)
                line = wire.line()
            yield Observation(f"{good} from {address} port {port}", line[:100], line.startswith(good), remedy=REPLAY)
            named = "dovecot" in line.lower()
            yield Observation(
                f"no product in the greeting of port {port}", line[:100], not named, remedy=REPLAY if named else ""
            )


@on_host("imap-starttls", Role.STORE)
def imap_starttls(at: At) -> Looks:
    """Port 143 offers STARTTLS and gets to TLS.

    Connects; no login is tried.
    """
    with dial(at, IMAP) as wire:
        wire.line()
        offered = announced(wire)
        yield Observation("STARTTLS on port 143", " ".join(sorted(offered)), "STARTTLS" in offered, remedy=REPLAY)
    with secured(at, Port(IMAP, "imap"), neutral()) as wire:
        after = announced(wire)
        yield Observation(
            "IMAP4rev1 over TLS on port 143", " ".join(sorted(after)), "IMAP4REV1" in after, remedy=REPLAY
        )


@on_host("sieve", Role.STORE)
def sieve(at: At) -> Looks:
    """ManageSieve offers STARTTLS, and logins after it.

    Connects; no login is tried.
    """
    with dial(at, SIEVE) as wire:
        before = capabilities(wire)
        yield Observation("STARTTLS on port 4190", "; ".join(before)[:300], '"STARTTLS"' in before, remedy=REPLAY)
    with dial(at, SIEVE) as wire:
        upgrade(wire, Port(SIEVE, "sieve"), at, neutral())
        after = capabilities(wire)
        yield Observation(
            "SASL PLAIN on port 4190 over TLS",
            "; ".join(after)[:300],
            any(line.startswith('"SASL"') and "PLAIN" in line for line in after),
            remedy=REPLAY,
        )


@on_host("auth-needs-tls", Role.MSA, Role.STORE)
def needs_tls(at: At) -> Looks:
    """No login is offered before TLS: on 587, 143, 4190.

    Connects and reads what is offered; no login is tried.
    """
    from gmconf.verify.smtp import Smtp

    if at.has(Role.MSA):
        with dial(at, 587) as wire:
            smtp = Smtp(wire)
            smtp.ehlo()
            offered = smtp.extensions
        yield Observation(
            "no AUTH before STARTTLS on port 587", ", ".join(offered), "AUTH" not in offered, remedy=REPLAY
        )
    if at.has(Role.STORE):
        with dial(at, IMAP) as wire:
            wire.line()
            words = announced(wire)
        closed = "LOGINDISABLED" in words and not any(word.startswith("AUTH=") for word in words)
        yield Observation(
            "LOGINDISABLED and no AUTH= before STARTTLS on port 143", " ".join(sorted(words)), closed, remedy=REPLAY
        )
        with dial(at, SIEVE) as wire:
            lines = capabilities(wire)
        yield Observation(
            'SASL "" before STARTTLS on port 4190', "; ".join(lines)[:300], '"SASL" ""' in lines, remedy=REPLAY
        )


@on_host("imap-auth", Role.STORE)
def needs_login(at: At) -> Looks:
    """Without login no folder opens, and nobody may log in as nobody.

    One SELECT without login, which is refused; no login is tried.
    """
    with secured(at, Port(IMAPS), neutral()) as wire:
        wire.line()
        words = announced(wire)
        yield Observation(
            "no AUTH=ANONYMOUS",
            " ".join(sorted(w for w in words if w.startswith("AUTH="))),
            "AUTH=ANONYMOUS" not in words,
            remedy=REPLAY,
        )
        answer = _ask(wire, "SELECT INBOX")[-1]
        yield Observation("SELECT refused without login", answer, not answer.startswith("g2 OK"), remedy=REPLAY)


@on_host("capabilities", Role.MTA, Role.STORE)
def registered(at: At) -> Looks:
    """What SMTP and IMAP announce to strangers stands in IANA's registries.

    Connects and reads what is offered.
    """
    from gmconf.verify.smtp import mta

    if at.has(Role.MTA):
        with mta(at) as smtp:
            smtp.ehlo()
            strange = sorted(set(smtp.extensions) - ESMTP)
        yield Observation(
            "registered SMTP extensions only", ", ".join(strange) or "nothing else", not strange, remedy=REPLAY
        )
    if at.has(Role.STORE):
        with secured(at, Port(IMAPS), neutral()) as wire:
            wire.line()
            strange = sorted(w for w in announced(wire) if w not in REGISTERED and not w.startswith(FAMILIES))
        yield Observation(
            "registered IMAP capabilities only", ", ".join(strange) or "nothing else", not strange, remedy=REPLAY
        )


class Imap(imaplib.IMAP4):
    """Python's client over a connection of ours: to the model's address, with the name checked, within its time."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        super().__init__(timeout=max(1.0, wire.until - time.monotonic()))

    def open(self, host: str = "", port: int = IMAPS, timeout: float | None = None) -> None:
        """Take the connection that is there."""
        del host, port
        self.sock = self._wire.socket
        self.sock.settimeout(timeout)
        self.file = self.sock.makefile("rb")


@contextmanager
def mailbox(at: At) -> Iterator[Imap]:
    """An IMAP session of the probe account on its store. Raises OSError."""
    login = at.run.login
    assert login is not None  # probes that need it are not run without
    with secured(at, Port(IMAPS), at.run.trust()) as wire:
        try:
            client = Imap(wire)
            client.login(login.address, login.password)
            yield client
            client.logout()
        except imaplib.IMAP4.error as error:
            raise OSError(f"IMAP as the probe account: {error}") from None


@on_host("imap-login", Role.STORE, login=True)
def login(at: At) -> Looks:
    """The probe account logs in over IMAP and finds its folders, Junk among them.

    One login; nothing is changed.
    """
    with mailbox(at) as client:
        _, lines = client.list()
        junk = [str(line) for line in lines if rb"\Junk" in (line if isinstance(line, bytes) else b"")]
        yield Observation(
            "a folder marked \\Junk",
            junk[0] if junk else f"{len(lines)} folders, none of them",
            bool(junk),
            remedy=REPLAY,
        )


@on_host("quota", Role.STORE, login=True)
def quota(at: At) -> Looks:
    """The mailbox has the quota that the site gives it.

    One login; reads the quota of the probe account.
    """
    me = at.run.login.address if at.run.login else ""
    wanted = next(a.quota for a in at.run.loaded.mail.accounts if a.login == me)
    if not wanted:
        raise NothingToSayError("the probe account has no quota")
    with mailbox(at) as client:
        _, found = client.getquotaroot("INBOX")
    words = " ".join(str(part, "utf-8", "replace") for group in found for part in group if isinstance(part, bytes))
    storage = re.search(r"STORAGE \d+ (\d+)", words)
    limit = int(storage[1]) if storage else 0
    holds = limit * 1024 == wanted // 1024 * 1024
    yield Observation(f"STORAGE limit {wanted // 1024} KiB", words or "no quota", holds, remedy="" if holds else REPLAY)
