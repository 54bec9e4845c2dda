"""Mail as clients on the network see it, on both releases."""

from __future__ import annotations

import base64
import io
import smtplib
import socket
import time
import zipfile
from email.message import EmailMessage

import mail
import pytest
import sites
from clients import EICAR, GTUBE, Raw, find, message, outside, submission, trust


@pytest.mark.control("mta.banner-min")
def test_banner(mx) -> None:
    with socket.create_connection((mx.ip4, 25), 10) as client:
        lines = set(client.makefile("r").readline().splitlines())
        assert lines <= {f"220 {mx.name} ESMTP", f"220-{mx.name} ESMTP"}


@pytest.mark.control("net.ipv6")
@pytest.mark.parametrize("port", [25, 465, 587, 143, 993, 995, 4190])
def test_ipv6_equals_ipv4(mx, port: int) -> None:
    for address in (mx.ip4, mx.ip6):
        socket.create_connection((address, port), 10).close()


@pytest.mark.control("mta.local-only")
@pytest.mark.control("tls.mta-in")
def test_no_auth_on_25_with_or_without_tls(mx) -> None:
    with outside(mx) as smtp:
        smtp.ehlo()
        assert "starttls" in smtp.esmtp_features
        assert "auth" not in smtp.esmtp_features
        smtp.starttls()
        smtp.ehlo()
        assert "auth" not in smtp.esmtp_features


@pytest.mark.control("mta.no-probing")
def test_no_probing(mx) -> None:
    with outside(mx) as smtp:
        smtp.ehlo()
        for command in ("VRFY alice", f"VRFY alice@{mx.domain}", "EXPN info", f"ETRN {mx.domain}"):
            assert smtp.docmd(command)[0] >= 500, command


@pytest.mark.control("mta.local-only")
def test_no_relay(mx) -> None:
    d, target = mx.domain, "victim@elsewhere.example"
    forms = [
        f"<{target}>",
        f"<victim%elsewhere.example@{d}>",
        f"<victim%elsewhere.example@[{mx.ip4}]>",
        f"<elsewhere.example!victim@{d}>",
        f"<@{d}:{target}>",
        f'<"{target}">',
        f'<"{target}"@{d}>',
        f"<{target}@{d}>",
        f"<{target}@[{mx.ip4}]>",
        '<"victim%elsewhere.example">',
        "<victim@[192.0.2.99]>",
        "<elsewhere.example!victim>",
        f"<@{mx.name}:{target}>",
        f'<"victim%elsewhere.example"@{d}>',
        f"<elsewhere.example!victim@[{mx.ip4}]>",
    ]
    for form in forms:
        with outside(mx) as smtp:
            smtp.ehlo()
            smtp.docmd("MAIL FROM:<>")
            code, text = smtp.docmd(f"RCPT TO:{form}")
            assert 500 <= code < 600, (form, code, text)


@pytest.mark.control("mta.recipient-validation")
def test_recipients(mx) -> None:
    good = [
        f"alice@{mx.domain}",
        f"ALICE@{mx.domain}",
        f"alice+lists@{mx.domain}",
        f"info@{mx.domain}",
        f"alice@alias.{mx.domain}",
        f"whoever@all.{mx.domain}",
        f"joe@a.{mx.domain}",
    ]
    bad = [f"nobody@{mx.domain}", f"nobody@alias.{mx.domain}", f"alice@a.{mx.domain}", f"x@parked.{mx.domain}"]
    with outside(mx) as smtp:
        smtp.ehlo()
        smtp.docmd("MAIL FROM:<>")
        assert {r: smtp.docmd(f"RCPT TO:<{r}>")[0] for r in good} == dict.fromkeys(good, 250)
    for recipient in bad:
        with outside(mx) as smtp:
            smtp.ehlo()
            smtp.docmd("MAIL FROM:<>")
            assert smtp.docmd(f"RCPT TO:<{recipient}>")[0] in (550, 554), recipient


@pytest.mark.control("role.postmaster")
@pytest.mark.control("role.abuse")
def test_role_addresses_take_mail_from_anyone(mx) -> None:
    for recipient in (
        "postmaster",
        "Postmaster",
        f"POSTMASTER@{mx.domain}",
        f"postmaster@{mx.name}",
        f"abuse@{mx.domain}",
    ):
        with outside(mx) as smtp:
            smtp.ehlo()
            smtp.docmd("MAIL FROM:<someone@does-not-exist.invalid>")
            assert smtp.docmd(f"RCPT TO:<{recipient}>")[0] == 250, recipient


@pytest.mark.control("role.postmaster")
@pytest.mark.control("role.abuse")
@pytest.mark.parametrize(
    "recipient", ["postmaster", "postmaster@{host}", "postmaster@{domain}", "abuse@{domain}", "abuse+x@{domain}"]
)
def test_complaints_may_quote_spam(mx, recipient: str) -> None:
    """A complaint is longer than the test string alone, which rspamd of Debian 12 refuses by itself."""
    to = recipient.format(host=mx.name, domain=mx.domain)
    built = message("x@sender.example", to, GTUBE + "\n" + "This is about the spam above.\n" * 400)
    with outside(mx) as smtp:
        smtp.docmd("EHLO client.sender.example")
        smtp.docmd("MAIL FROM:<x@sender.example>")
        smtp.docmd(f"RCPT TO:<{to}>")
        assert smtp.data(built.as_bytes())[0] == 250


@pytest.mark.control("mta.size-limit")
def test_size_at_mail(mx) -> None:
    with outside(mx) as smtp:
        smtp.ehlo()
        assert smtp.docmd("MAIL FROM:<> SIZE=2000000")[0] == 552


@pytest.mark.control("auth.no-spoof")
def test_own_sender_from_outside(mx) -> None:
    with outside(mx) as smtp:
        smtp.ehlo()
        smtp.docmd(f"MAIL FROM:<alice@{mx.domain}>")
        assert smtp.docmd(f"RCPT TO:<bob@{mx.domain}>")[0] == 550


def refused(mx, built: EmailMessage, recipient: str) -> tuple[int, bytes]:
    with outside(mx) as smtp, pytest.raises(smtplib.SMTPDataError) as error:
        smtp.sendmail("", [recipient], built.as_bytes())
    return error.value.smtp_code, error.value.smtp_error


def zipped(data: bytes, name: str = "eicar.txt") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return packed.getvalue()


@pytest.mark.control("flt.spam-in")
@pytest.mark.control("mta.spam-reject")
def test_gtube(mx) -> None:
    to = f"alice@{mx.domain}"
    assert refused(mx, message("x@sender.example", to, GTUBE + "\n"), to)[0] == 554


@pytest.mark.control("flt.virus-reject")
@pytest.mark.parametrize("form", ["plain", "base64", "zip"])
def test_eicar(mx, form: str) -> None:
    to = f"alice@{mx.domain}"
    built = message("x@sender.example", to)
    if form == "plain":
        built.set_content(EICAR.decode())
    else:
        data = EICAR if form == "base64" else zipped(EICAR)
        built.add_attachment(data, maintype="application", subtype="octet-stream", filename=f"a.{form}")
        assert base64.b64encode(data)[:20] in built.as_bytes()
    code, text = refused(mx, built, to)
    assert (code, b"virus found" in text) == (554, True), text  # not for another reason, such as the name of the file


@pytest.mark.control("msa.port-587")
@pytest.mark.control("auth.mech")
@pytest.mark.control("msa.auth-required")
def test_submission_needs_tls_and_auth(mx) -> None:
    with smtplib.SMTP(mx.ip4, 587, timeout=30) as smtp:
        smtp.ehlo()
        assert "auth" not in smtp.esmtp_features
        assert smtp.docmd(f"MAIL FROM:<alice@{mx.domain}>")[0] == 530
    with submission(mx) as smtp:
        smtp.ehlo()
        smtp.docmd(f"MAIL FROM:<alice@{mx.domain}>")
        assert smtp.docmd(f"RCPT TO:<bob@{mx.domain}>")[0] >= 500


@pytest.mark.control("auth.bruteforce")
def test_wrong_password_is_slow(mx) -> None:
    with submission(mx) as smtp:
        start = time.monotonic()
        with pytest.raises(smtplib.SMTPAuthenticationError) as error:
            smtp.login(f"alice@{mx.domain}", "wrong-password-9")
        assert error.value.smtp_code == 535
        assert time.monotonic() - start > 1


@pytest.mark.control("msa.sender-rights")
def test_sender_belongs_to_login(mx) -> None:
    d = mx.domain
    cases = [
        ("alice", "alice", True),
        ("alice", "bob", False),
        ("bob", "info", True),
        ("alice", "info", False),
        ("printer", "printer", True),
        ("printer", "alice", False),
        ("silent", "silent", False),
    ]
    for login, sender, allowed in cases:
        with submission(mx, f"{login}@{d}") as smtp:
            smtp.docmd(f"MAIL FROM:<{sender}@{d}>")
            code = smtp.docmd(f"RCPT TO:<alice@{d}>")[0]
            assert (code == 250) is allowed, (login, sender, code)


@pytest.mark.control("flt.spam-out")
@pytest.mark.parametrize("bad", ["gtube", "eicar"])
def test_submission_refuses(mx, bad: str) -> None:
    sender, to = f"alice@{mx.domain}", f"bob@{mx.domain}"
    built = message(sender, to, GTUBE if bad == "gtube" else EICAR.decode())
    with submission(mx, sender) as smtp, pytest.raises(smtplib.SMTPDataError) as error:
        smtp.send_message(built)
    assert 500 <= error.value.smtp_code < 600


@pytest.mark.control("maa.auth")
def test_submitted_mail_arrives(mx) -> None:
    mail.exchange(mx.name, mx.ip4, mx.ca, f"alice@{mx.domain}", f"bob@{mx.domain}", mx.password)


@pytest.mark.control("mta.helo")
def test_helo_is_needed_and_well_formed_but_need_not_match_dns(mx) -> None:
    with Raw(mx.ip4) as client:
        client.reply()
        assert client.say("MAIL FROM:<>").startswith("503")
    for name, code in (
        ("not_a_name!", "5"),
        ("nodots", "5"),
        ("made.up.name.example", "2"),
        (f"[{sites.CLIENT}]", "2"),
    ):
        with Raw(mx.ip4) as client:
            client.reply()
            client.say(f"EHLO {name}")
            client.say("MAIL FROM:<x@sender.example>")
            seen = client.say(f"RCPT TO:<alice@{mx.domain}>")
            assert seen.startswith(code), (name, seen)


@pytest.mark.control("mta.refuse-lists")
def test_sender_whose_domain_does_not_exist_is_refused(mx) -> None:
    with outside(mx) as smtp:
        smtp.ehlo()
        smtp.docmd("MAIL FROM:<x@does-not-exist.sender.example>")
        assert smtp.docmd(f"RCPT TO:<alice@{mx.domain}>")[0] == 450


@pytest.mark.control("mta.8bit-eai")
def test_extensions_are_offered(mx) -> None:
    with outside(mx) as smtp:
        smtp.ehlo()
        assert {"8bitmime", "pipelining", "size", "enhancedstatuscodes"} <= set(smtp.esmtp_features)
        # What the store does not take must not be promised.
        assert "smtputf8" not in smtp.esmtp_features
        assert not {"dsn", "etrn", "vrfy"} & set(smtp.esmtp_features)


@pytest.mark.control("mta.trace")
@pytest.mark.control("tls.received")
@pytest.mark.control("log.correlate")
def test_a_message_can_be_followed(mx) -> None:
    """Its Received line says who gave it, how it was encrypted and under which id the log has it, filter and store
    included."""
    to = f"alice@{mx.domain}"
    built = message("x@sender.example", to)
    with outside(mx) as smtp:
        smtp._host = mx.name  # the certificate is for the name, not for the address
        smtp.starttls(context=trust(mx))
        smtp.sendmail("x@sender.example", [to], built.as_bytes())
    (stored,) = find(mx, to, built)
    text = " ".join(stored.decode().split())
    assert f"from client.sender.example (client.sender.example [{sites.CLIENT}])" in text
    assert "using TLSv1.3" in text
    number = text.split("(Postfix) with ESMTPS id ")[1].split()[0]
    log = mx.ssh(f"journalctl -o short --no-pager --since -2min | grep -F -e {number} -e '{built['Message-ID']}'")
    for words in ("postfix/smtpd", "postfix/cleanup", "postfix/lmtp", "rspamd", "dovecot", "status=sent"):
        assert words in log, (words, log)


@pytest.mark.control("flt.encrypted-policy")
def test_encrypted_archive_is_refused(mx) -> None:
    """What nobody can look into is not taken; the flag for encryption is all that a scanner sees."""
    data = bytearray(zipped(b"harmless"))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    to = f"alice@{mx.domain}"
    built = message("x@sender.example", to)
    built.add_attachment(bytes(data), maintype="application", subtype="zip", filename="a.zip")
    assert refused(mx, built, to)[0] == 554
