"""A message from submission to mailbox, and the probe account swept clean afterwards."""

from __future__ import annotations

import email
import time
from email.message import Message

from gmconf.controls.result import Observation
from gmconf.model import Role
from gmconf.verify import messages
from gmconf.verify.access import Imap, mailbox
from gmconf.verify.mta import REPLAY, said
from gmconf.verify.probe import Looks, on_host
from gmconf.verify.run import HEADER, At, Run
from gmconf.verify.smtp import logged_in

ARRIVES = 10.0
"""Seconds."""
FOLDERS = ("INBOX", "Junk")


@on_host("roundtrip", Role.MSA, login=True)
def roundtrip(at: At) -> Looks:
    """A submitted message is signed, completed, and in the mailbox within ten seconds.

    One message from the probe account to itself, without Date and Message-ID, deleted afterwards.
    """
    assert at.run.login is not None  # probes that need it are not run without
    me = at.run.login.address
    built = messages.message(at.run, me, f"round trip by {at.host.name}")
    del built["Date"], built["Message-ID"]
    start = time.monotonic()
    with logged_in(at) as smtp:
        reply = smtp.envelope(me, me)
        if reply.taken:
            reply = smtp.data(built.as_bytes())
    yield said(
        "250 to a message from the probe account to itself",
        reply,
        reply.taken,
        "the reason is in the answer; see journalctl -u postfix@-",
    )
    if not reply.taken:
        return
    store = at.run.first(Role.STORE)
    with mailbox(store) as client:
        found = _wait(client, str(built["Subject"]), start + ARRIVES)
    took = time.monotonic() - start
    yield Observation(
        f"in the mailbox within {ARRIVES:g} s",
        f"after {took:.1f} s" if found else f"not after {took:.0f} s",
        found is not None,
        remedy="" if found else "look at the queue: postqueue -p; journalctl -u postfix@- -u dovecot",
    )
    if found:
        yield from _arrived(found, me)


def _arrived(found: Message, me: str) -> Looks:
    missing = [name for name in ("Date", "Message-ID") if name not in found]
    yield Observation(
        "Date and Message-ID added (RFC 6409 section 8)",
        f"without {' and '.join(missing)}" if missing else "added",
        not missing,
        remedy=REPLAY if missing else "",
    )
    domain = me.rpartition("@")[2]
    signed = sorted(
        _tag(str(value), "a") for value in found.get_all("DKIM-Signature", []) if _tag(str(value), "d") == domain
    )
    both = signed == ["ed25519-sha256", "rsa-sha256"]
    yield Observation(
        f"signatures of {domain} with both keys",
        ", ".join(signed) or "none",
        both,
        remedy="" if both else "rspamd's dkim_signing: are the keys on the filter host? roll out again",
    )


def _tag(value: str, name: str) -> str:
    """One tag of a DKIM-Signature header (RFC 6376 section 3.2)."""
    tags = (part.strip().partition("=") for part in value.replace("\r\n", "").split(";"))
    return next((content.strip() for key, _, content in tags if key.strip() == name), "")


def _wait(client: Imap, subject: str, until: float) -> Message | None:
    while True:
        client.select("INBOX", readonly=True)
        _, found = client.uid("SEARCH", "HEADER", "Subject", f'"{subject}"')
        numbers = found[0].split() if found and found[0] else []
        if numbers:
            _, parts = client.uid("FETCH", numbers[0].decode(), "(BODY.PEEK[HEADER])")
            if parts and isinstance(parts[0], tuple):
                return email.message_from_bytes(parts[0][1])
        if time.monotonic() > until:
            return None
        time.sleep(0.2)


def sweep(run: Run, wait: float = 0) -> int:
    """Delete every test message, of earlier runs too, from the probe account; how many. ``wait`` seconds for some to
    arrive.

    Raises OSError.
    """
    until = time.monotonic() + wait
    store = run.first(Role.STORE)
    with mailbox(store) as client:
        while True:
            gone = sum(_sweep(client, folder) for folder in FOLDERS)
            if gone or time.monotonic() >= until:
                return gone
            time.sleep(0.5)


def _sweep(client: Imap, folder: str) -> int:
    if client.select(folder)[0] != "OK":
        return 0
    _, found = client.uid("SEARCH", "HEADER", HEADER, '""')
    numbers = found[0].split() if found and found[0] else []
    if numbers:
        chosen = b",".join(numbers).decode()
        client.uid("STORE", chosen, "+FLAGS.SILENT", r"(\Deleted)")
        client.uid("EXPUNGE", chosen)
    return len(numbers)
