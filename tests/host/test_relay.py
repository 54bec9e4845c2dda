"""Nobody outside gets anything carried elsewhere, told who exists here, or past a refusal; watched where it would
arrive."""

from __future__ import annotations

import smtplib
import time
import uuid

import pytest
from clients import Raw, arrives, find, message, outside, trust


@pytest.mark.control("mta.local-only")
def test_a_domain_that_takes_everything_relays_nothing(mx) -> None:
    """A catch-all accepts any local part, also one that old systems would read as a route: it stays here, or is
    refused."""
    d, out = f"all.{mx.domain}", mx.out
    forms = [
        f"<victim%{out}@{d}>",
        f"<{out}!victim@{d}>",
        f'<"victim@{out}"@{d}>',
        f'<"victim%{out}"@{d}>',
        f'<"{out}!victim"@{d}>',
        f"<victim@{out}@{d}>",
        f"<@{d}:victim@{out}>",
        f"<@{d},@{mx.name}:victim@{out}>",
        f"<victim%{out}%{d}@{d}>",
        f"<victim%{out}@[{mx.ip4}]>",
        f"<victim%{out}@[IPv6:{mx.ip6}]>",
        f"<victim@[{mx.sink.address}]>",
        f"<victim@{out}>",
        f'<"victim@{out}">',
        f"<victim%{out}>",
        f"<{out}!victim>",
        f"<victim@{out}.>",
        f"<postmaster@{out}>",
        f"<postmaster%{out}@{d}>",
    ]
    taken = []
    for form in forms:
        with outside(mx) as smtp:
            smtp.ehlo()
            smtp.docmd("MAIL FROM:<x@sender.example>")
            code, text = smtp.docmd(f"RCPT TO:{form}")
            assert code == 250 or 500 <= code < 600, (form, code, text)
            if code != 250:
                continue
            built = message("x@sender.example", f"main@{d}")
            assert smtp.data(built.as_bytes())[0] == 250
            taken.append((form, built))
    assert all(form.startswith("<") and form.endswith(f"@{d}>") for form, _ in taken), taken
    last = message("x@sender.example", f"away@{mx.domain}")
    with outside(mx) as smtp:  # a forward of the site's own: what the relayed ones would have looked like
        smtp.sendmail("x@sender.example", [f"away@{mx.domain}"], last.as_bytes())
    mx.sink.wait(last)
    mx.queue_empties()
    for form, built in taken:
        assert len(find(mx, f"main@{d}", built)) == 1, form
        assert not [t for t in mx.sink.taken if built["Subject"].encode() in t.data], form
    assert not [t for t in mx.sink.taken if any(r.startswith(("victim", "postmaster")) for r in t.recipients)]


@pytest.mark.control("mta.no-probing")
def test_who_exists_is_not_told(mx) -> None:
    """VRFY, EXPN and ETRN answer the same for those who exist and those who do not."""
    d = mx.domain
    for command, known, unknown in (
        ("VRFY", f"alice@{d}", f"nobody@{d}"),
        ("EXPN", "info", "nobody"),
        ("ETRN", d, "nowhere.example"),
    ):
        with outside(mx) as smtp:
            smtp.ehlo()
            there, not_there = (smtp.docmd(command, word) for word in (known, unknown))
        assert there[0] == not_there[0] >= 500, command
        assert there[1].replace(known.encode(), b"") == not_there[1].replace(unknown.encode(), b""), command


@pytest.mark.control("mta.local-only")
def test_auth_as_a_command_on_25(mx) -> None:
    with outside(mx) as smtp:
        smtp._host = mx.name
        smtp.starttls(context=trust(mx))
        smtp.ehlo()
        code, _ = smtp.docmd("AUTH", "PLAIN AGFsaWNlAHBhc3N3b3Jk")
        assert 500 <= code < 535, code


@pytest.mark.control("role.postmaster")
@pytest.mark.control("role.abuse")
@pytest.mark.control("mta.blocklist")
def test_role_addresses_hear_those_who_are_refused(mx) -> None:
    """Blocked senders and clients with a wrong name can write to postmaster@ and abuse@, and to nobody else."""
    d = mx.domain
    roles = (
        "postmaster",
        "PostMaster",
        f"postmaster@{d}",
        f"Abuse@{d}",
        f"postmaster@alias.{d}",
        f"abuse@all.{d}",
        f"abuse@{mx.name}",
    )
    for helo, sender in (
        ("client.sender.example", "x@blocked.sender.example"),
        ("nodots", "x@sender.example"),
        ("client.sender.example", f"bob@{d}"),
    ):
        for recipient, allowed in (*((role, True) for role in roles), (f"alice@{d}", False)):
            with Raw(mx.ip4) as client:
                client.reply()
                client.say(f"EHLO {helo}")
                client.say(f"MAIL FROM:<{sender}>")
                seen = client.say(f"RCPT TO:<{recipient}>")
                assert seen.startswith("250" if allowed else "5"), (helo, sender, recipient, seen)


@pytest.mark.control("tls.mta-in")
def test_starttls_cannot_be_injected(mx) -> None:
    """What was sent in clear behind STARTTLS is not taken for said under TLS (CVE-2011-0411)."""
    for port in (25, 587):
        with Raw(mx.ip4, port) as client:
            client.reply()
            client.say("EHLO client.sender.example")
            client.send(b"STARTTLS\r\nMAIL FROM:<injected@sender.example>\r\n")
            seen = client.reply()
            if not seen.startswith("220"):
                continue  # the whole was refused
            with trust(mx).wrap_socket(client.socket, server_hostname=mx.name) as secure:
                secure.settimeout(3)
                secure.sendall(b"EHLO client.sender.example\r\nQUIT\r\n" if port == 25 else b"QUIT\r\n")
                text = b""
                while part := secure.recv(4000):
                    text += part
            assert b"250 2.1.0" not in text, (port, text)


@pytest.mark.control("mta.smuggling")
def test_pipelining_before_leave_is_refused(mx) -> None:
    """Commands that do not wait for the greeting's end of EHLO, or for 354."""
    with Raw(mx.ip4) as client:
        client.reply()
        client.say("EHLO client.sender.example")
        client.send(f"MAIL FROM:<>\r\nRCPT TO:<alice@{mx.domain}>\r\nDATA\r\nSubject: too early\r\n\r\n.\r\n".encode())
        replies = [client.reply() for _ in range(3)]
        assert replies[2].startswith(("503", "554")), replies


@pytest.mark.control("mta.size-limit")
def test_size_that_lies_is_found_out(mx) -> None:
    built = message("x@sender.example", f"alice@{mx.domain}", ("x" * 70 + "\n") * 16000)
    with outside(mx) as smtp:
        smtp.ehlo()
        assert smtp.docmd("MAIL FROM:<> SIZE=1000")[0] == 250
        smtp.docmd(f"RCPT TO:<alice@{mx.domain}>")
        assert smtp.data(built.as_bytes())[0] == 552


@pytest.mark.control("mta.recipient-validation")
def test_mail_to_many_of_whom_one_is_unknown(mx) -> None:
    """The others get theirs; who is unknown is told at RCPT, not in a notice."""
    built = message("x@sender.example", f"alice@{mx.domain}")
    built.replace_header("Subject", f"many {uuid.uuid4().hex}")
    with outside(mx) as smtp:
        refused = smtp.sendmail("x@sender.example", [f"alice@{mx.domain}", f"nobody@{mx.domain}"], built.as_bytes())
        assert refused[f"nobody@{mx.domain}"][0] == 550
    assert len(find(mx, f"alice@{mx.domain}", built)) == 1


@pytest.mark.control("mta.banner-min")
def test_banner_is_whole(mx) -> None:
    """All lines of the greeting, as a client sees it that has never been here."""
    with Raw(mx.ip4, source=mx.sink.address) as client:
        start = time.monotonic()
        lines = client.reply().splitlines()
        assert time.monotonic() - start < 5
    assert {line[4:] for line in lines} == {f"{mx.name} ESMTP"}


@pytest.mark.control("mta.null-sender")
def test_null_sender_is_heard(mx) -> None:
    built = message(f"MAILER-DAEMON@{mx.out}", f"bob@{mx.domain}")
    arrives(mx, built, f"bob@{mx.domain}")
    with outside(mx) as smtp, pytest.raises(smtplib.SMTPRecipientsRefused):
        smtp.sendmail("", [f"nobody@{mx.domain}"], built.as_bytes())
