"""Clients that do not keep to the order of SMTP, and those who try to hide one message in another."""

from __future__ import annotations

import time
import uuid

import pytest
from clients import Raw, arrives, find, imap, message, outside, submission

ENDS = {
    "LF.LF": b"\n.\n",
    "LF.CRLF": b"\n.\r\n",
    "CRLF.LF": b"\r\n.\n",
    "CR.CR": b"\r.\r",
    "CR.CRLF": b"\r.\r\n",
    "CRLF.CR": b"\r\n.\r",
    "LF.CR": b"\n.\r",
    "CR.LF": b"\r.\n",
    "CRLF NUL.CRLF": b"\r\n\0.\r\n",
    "CRLF.NUL CRLF": b"\r\n.\0\r\n",
}


@pytest.mark.control("mta.flood-control")
def test_who_talks_before_the_banner_is_refused(mx) -> None:
    # A client that has passed this test once is not asked again for a day: this one comes from another address, which
    # is forgotten.
    mx.ssh(f"postmap -d {mx.sink.address} lmdb:/var/lib/postfix/postscreen_cache || true")
    with Raw(mx.ip4, source=mx.sink.address) as client:
        client.send(b"EHLO eager.example\r\n")
        client.reply()
        client.say("MAIL FROM:<>")
        seen = client.say(f"RCPT TO:<alice@{mx.domain}>")
        assert seen.startswith("550 5.5.1"), seen


@pytest.mark.control("mta.smuggling")
def test_unauthorised_pipelining(mx) -> None:
    with Raw(mx.ip4) as client:
        client.reply()
        client.send(b"EHLO client.sender.example\r\nMAIL FROM:<>\r\n")
        seen = client.reply()
        assert seen.startswith("554"), seen


def smuggled(mx, end: bytes) -> tuple[bytes, str, str]:
    """Data of one message in which a second one hides, with both subjects."""
    outer, inner = f"outer {uuid.uuid4().hex}", f"inner {uuid.uuid4().hex}"
    to = f"alice@{mx.domain}"
    hidden = f"MAIL FROM:<x@sender.example>\r\nRCPT TO:<{to}>\r\nDATA\r\nSubject: {inner}\r\n\r\nhidden\r\n"
    head = (
        f"From: x@sender.example\r\nTo: {to}\r\nSubject: {outer}\r\nDate: Mon, 23 Nov 2026 12:00:00 +0000\r\n\r\nseen"
    )
    return head.encode() + end + hidden.encode() + b".\r\n", outer, inner


def subjects(mx, login: str) -> str:
    with imap(mx, login) as client:
        client.select("INBOX", readonly=True)
        _, found = client.search(None, "ALL")
        return str(
            client.fetch(",".join(n.decode() for n in found[0].split()) or "1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
        )


@pytest.mark.control("mta.smuggling")
def test_smuggling_in(mx) -> None:
    """Every wrong end of data yields one message or none, never two."""
    sent = {}
    for name, end in ENDS.items():
        data, outer, inner = smuggled(mx, end)
        with Raw(mx.ip4) as client:
            client.reply()
            client.say("EHLO client.sender.example")
            client.say("MAIL FROM:<x@sender.example>")
            assert client.say(f"RCPT TO:<alice@{mx.domain}>").startswith("250")
            assert client.say("DATA").startswith("354")
            client.send(data)
            sent[name] = (client.reply()[:3], outer, inner)
    last = message("x@sender.example", f"alice@{mx.domain}")
    arrives(mx, last, f"alice@{mx.domain}")
    time.sleep(2)
    seen = subjects(mx, f"alice@{mx.domain}")
    for name, (code, outer, inner) in sent.items():
        assert inner not in seen, name
        assert seen.count(outer) == (1 if code == "250" else 0), (name, code)


@pytest.mark.control("mta.smuggling")
def test_smuggling_out(mx) -> None:
    """What our users hide in a message goes out as that one message, in lines that all end with CR LF."""
    login = f"alice@{mx.domain}"
    sent = {}
    for name, end in ENDS.items():
        outer = f"outgoing {uuid.uuid4().hex}"
        with submission(mx, login) as smtp:
            smtp.docmd(f"MAIL FROM:<{login}>")
            smtp.docmd(f"RCPT TO:<someone@{mx.out}>")
            smtp.docmd("DATA")
            smtp.send(
                f"From: {login}\r\nTo: someone@{mx.out}\r\nSubject: {outer}\r\n\r\nseen".encode()
                + end
                + b"MAIL FROM:<ceo@victim.example>\r\n.\r\n"
            )
            sent[name] = (smtp.getreply()[0], outer)
    for name, (code, outer) in sent.items():
        if code != 250:
            continue
        taken = mx.sink.wait(outer)
        assert b"\n" not in taken.data.replace(b"\r\n", b""), name
        assert b"\r" not in taken.data.replace(b"\r\n", b""), name
    assert sum(code == 250 for code, _ in sent.values()) >= 5
    assert not [t for t in mx.sink.taken if t.sender == "ceo@victim.example"]


@pytest.mark.control("msg.conform-in")
def test_line_longer_than_the_standard_survives_whole(mx) -> None:
    """RFC 5321 allows 1,000 octets; what comes longer is stored without loss or a change of its words."""
    built = message("x@sender.example", f"alice@{mx.domain}", "word " * 700 + "\n")
    with outside(mx) as smtp:
        smtp.sendmail("", [f"alice@{mx.domain}"], built.as_bytes())
    (stored,) = find(mx, f"alice@{mx.domain}", built)
    assert stored.count(b"word") == built.as_bytes().count(b"word")
