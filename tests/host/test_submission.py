"""Ports 465 and 587: the same for both, and nothing without TLS and login."""

from __future__ import annotations

import io
import smtplib
import socket
import time
import uuid
import zipfile

import pytest
import sites
from clients import EICAR, GTUBE, authenticate, find, imap, message, submission
from test_dialogue import ENDS

PORTS = pytest.mark.parametrize("port", [465, 587])


@pytest.mark.control("tls.implicit")
def test_465_speaks_tls_only(mx) -> None:
    with socket.create_connection((mx.ip4, 465), 5) as client:
        client.settimeout(3)
        client.sendall(b"EHLO laptop.example\r\n")
        try:
            seen = client.recv(100)
        except (TimeoutError, ConnectionError):
            seen = b""
        assert not seen.startswith((b"220", b"250"))


@pytest.mark.control("msa.auth-required")
@PORTS
def test_nothing_without_login(mx, port: int) -> None:
    for sender in ("", f"alice@{mx.domain}", "x@sender.example"):
        for recipient in (f"bob@{mx.domain}", f"someone@{mx.out}", f"postmaster@{mx.domain}", "postmaster"):
            with submission(mx, port=port) as smtp:
                smtp.ehlo()
                assert "auth" in smtp.esmtp_features
                smtp.docmd(f"MAIL FROM:<{sender}>")
                code = smtp.docmd(f"RCPT TO:<{recipient}>")[0]
                # Postfix asks no list about the bare name, which a host must know; DATA is the end of it then.
                assert code >= 500 or recipient == "postmaster", (sender, recipient)
                assert smtp.docmd("DATA")[0] >= 500, (sender, recipient)


@pytest.mark.control("msa.auth-required")
def test_587_without_tls_does_nothing(mx) -> None:
    with smtplib.SMTP(mx.ip4, 587, timeout=30) as smtp:
        smtp.ehlo()
        for command in ("AUTH PLAIN AGFsaWNlAHBhc3N3b3Jk", "MAIL FROM:<>", f"VRFY alice@{mx.domain}", "ETRN x.example"):
            code, text = smtp.docmd(command)
            assert 500 <= code < 600, (command, code, text)


@pytest.mark.control("auth.bruteforce")
@PORTS
def test_wrong_password_and_unknown_login_look_alike(mx, port: int) -> None:
    seen = []
    for login, password in (
        (f"alice@{mx.domain}", "wrong-password-9"),
        (f"nobody@{mx.domain}", mx.password),
        ("alice", mx.password),
    ):
        with submission(mx, port=port) as smtp:
            start = time.monotonic()
            seen.append(authenticate(smtp, login, password))
            # Dovecot counts its two seconds in whole ones of the clock: more than one is what it promises.
            assert time.monotonic() - start > 1, login
    assert seen == [seen[0]] * 3
    assert seen[0][0] == 535


@pytest.mark.control("auth.no-lockout")
def test_guesses_of_a_neighbour_lock_nobody_out(mx) -> None:
    """Behind one address somebody guesses: the right password still opens both services, soon."""
    for number in range(4):
        with submission(mx) as smtp, pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.login(f"bob@{mx.domain}", f"wrong-password-{number}")
    # The first may have to wait for the other tests' logins, which are counted by the minute.
    for _ in range(2):
        start = time.monotonic()
        with submission(mx, f"alice@{mx.domain}"):
            pass
    with imap(mx, f"alice@{mx.domain}"):
        assert time.monotonic() - start < 4


@pytest.mark.control("mta.size-limit")
@PORTS
def test_size_is_told_before_the_message(mx, port: int) -> None:
    login = f"alice@{mx.domain}"
    with submission(mx, login, port) as smtp:
        assert smtp.docmd(f"MAIL FROM:<{login}> SIZE=2000000")[0] == 552


def bad(form: str, sender: str, to: str):
    """A message that must not leave."""
    if form == "gtube":
        return message(sender, to, GTUBE + "\n")
    built = message(sender, to)
    if form == "plain":
        built.set_content(EICAR.decode())
        return built
    data = EICAR
    if form == "zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("eicar.txt", EICAR)
        data = packed.getvalue()
    built.add_attachment(data, maintype="application", subtype="octet-stream", filename=f"a.{form}")
    return built


@pytest.mark.control("flt.spam-out")
@pytest.mark.control("flt.virus-reject")
@PORTS
@pytest.mark.parametrize("form", ["gtube", "plain", "base64", "zip"])
def test_bad_mail_is_refused_never_held(mx, port: int, form: str) -> None:
    sender, inside, beyond = f"alice@{mx.domain}", f"bob@{mx.domain}", f"someone@{mx.out}"
    built = bad(form, sender, inside)
    with submission(mx, sender, port) as smtp, pytest.raises(smtplib.SMTPDataError) as error:
        smtp.sendmail(sender, [inside, beyond], built.as_bytes())
    assert 500 <= error.value.smtp_code < 600
    assert built["Message-ID"] not in mx.ssh("postqueue -j; mailq")
    mx.queue_empties()
    assert not mx.ssh("find /var/spool/postfix/hold /var/spool/postfix/deferred -type f").strip()
    for folder in ("INBOX", "Junk"):
        assert not find(mx, inside, built, folder, within=0)
    assert not [t for t in mx.sink.taken if built["Subject"].encode() in t.data]


@pytest.mark.control("mta.smuggling")
@PORTS
def test_whole_dialogue_hidden_in_a_message(mx, port: int) -> None:
    """A user hides a second message behind every wrong end of data: one message goes out or none, never two."""
    login, to = f"alice@{mx.domain}", f"someone@{mx.out}"
    sent = {}
    for name, end in ENDS.items():
        outer, inner = f"outer {uuid.uuid4().hex}", f"inner {uuid.uuid4().hex}"
        head = f"From: {login}\r\nTo: {to}\r\nSubject: {outer}\r\n\r\nseen".encode()
        hidden = (
            f"MAIL FROM:<{login}>\r\nRCPT TO:<{to}>\r\nDATA\r\nFrom: {login}\r\nSubject: {inner}\r\n\r\nhidden\r\n.\r\n"
        ).encode()
        with submission(mx, login, port) as smtp:
            smtp.docmd(f"MAIL FROM:<{login}>")
            smtp.docmd(f"RCPT TO:<{to}>")
            assert smtp.docmd("DATA")[0] == 354
            smtp.send(head + end + hidden)
            sent[name] = (smtp.getreply()[0], outer, inner)
    mx.queue_empties()
    assert sum(code == 250 for code, _, _ in sent.values()) >= 5
    for name, (code, outer, inner) in sent.items():
        assert len([t for t in mx.sink.taken if outer.encode() in t.data]) == (1 if code == 250 else 0), name
        assert not [t for t in mx.sink.taken if f"Subject: {inner}".encode() in t.data.partition(b"\r\n\r\n")[0]], name


@pytest.mark.control("msa.privacy")
@PORTS
def test_where_and_with_what_a_user_writes_stays_here(mx, port: int) -> None:
    login, to = f"alice@{mx.domain}", f"someone@{mx.out}"
    built = message(login, to, User_Agent="Agent/2", X_Mailer="Mailer 1.0", X_Originating_IP="[192.0.2.7]")
    with submission(mx, login, port) as smtp:
        smtp.sendmail(login, [to], built.as_bytes())
    data = mx.sink.wait(built).data
    for hidden in (sites.CLIENT, "laptop.example", "client.sender.example", "Agent/2", "Mailer 1.0", "192.0.2.7"):
        assert hidden.encode() not in data.partition(b"\r\n\r\n")[0], hidden


@pytest.mark.control("msa.service-accounts")
def test_machine_is_bound_to_its_network(mx) -> None:
    """An account that may be used from 10.0.0.0/8 only is refused here, for its own address and for ours alike."""
    login = f"scanner@{mx.domain}"
    built = message(login, f"alice@{mx.domain}")
    with submission(mx, login) as smtp, pytest.raises(smtplib.SMTPResponseException) as error:
        smtp.sendmail(login, [f"alice@{mx.domain}"], built.as_bytes())
    assert 500 <= error.value.smtp_code < 600
    assert not find(mx, f"alice@{mx.domain}", built, within=0)


@pytest.mark.control("msg.conform-msa")
def test_missing_date_and_message_id_are_added_and_present_ones_stay(mx) -> None:
    login, to = f"alice@{mx.domain}", f"someone@{mx.out}"
    built = message(login, to)
    with submission(mx, login) as smtp:
        smtp.sendmail(login, [to], built.as_bytes())
    head = mx.sink.wait(built).data.partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert [line for line in head if line.startswith("Message-ID:")] == [f"Message-ID: {built['Message-ID']}"]
    assert [line for line in head if line.startswith("Date:")] == [f"Date: {built['Date']}"]


@pytest.mark.control("msa.sender-rights")
def test_users_of_two_domains_with_one_name_send_as_themselves(mx) -> None:
    for login, other in ((f"joe@{mx.domain}", f"joe@a.{mx.domain}"), (f"joe@a.{mx.domain}", f"joe@{mx.domain}")):
        with submission(mx, login) as smtp:
            smtp.docmd(f"MAIL FROM:<{other}>")
            assert smtp.docmd(f"RCPT TO:<alice@{mx.domain}>")[0] >= 500
        with imap(mx, login) as client:
            assert client.select("INBOX")[0] == "OK"


@pytest.mark.control("msa.sender-rights")
def test_owner_of_a_domain_writes_as_any_address_but_those_of_others(mx) -> None:
    """``senders: ["@domain"]``, in the envelope and in From:; an account that is suspended keeps its addresses too."""
    d, to = f"all.{mx.domain}", f"alice@{mx.domain}"
    login = f"main@{d}"
    for mine in (login, f"shop-17@{d}", f"shop+tag@{d}", f"Info@{d}"):
        built = message(mine, to)
        with submission(mx, login) as smtp:
            smtp.sendmail(mine, [to], built.as_bytes())
        assert find(mx, to, built)
    for theirs in (
        f"other@{d}",
        f"OTHER+tag@{d}",
        f"shut@{d}",
        f"shut+tag@{d}",
        f'"other"@{d}',
        f"alice@{mx.domain}",
        f"any@{mx.domain}",
    ):
        with submission(mx, login) as smtp:
            smtp.docmd(f"MAIL FROM:<{theirs}>")
            assert smtp.docmd(f"RCPT TO:<{to}>")[0] >= 500, theirs
        with submission(mx, login) as smtp, pytest.raises(smtplib.SMTPDataError):
            smtp.sendmail(login, [to], message(theirs, to).as_bytes())


@pytest.mark.control("prc.abuse-stop")
def test_filter_refuses_logins_that_are_shut(mx) -> None:
    """In a session that began before: one that is suspended, and one that exists no more, hence may use no address. For
    good, so that nothing is sent later."""
    login, maps = f"carol@{mx.domain}", "/etc/rspamd/local.d/maps.d"
    for change, words in (
        (f"sed -i '1i {login}' {maps}/suspended.map", b"5.7.1 this account is suspended"),
        (f"sed -i '/^{login} /d' {maps}/senders.map", b"5.7.1 From: is not an address of the login"),
    ):
        mx.ssh(f"cp -pr {maps} /root/maps; {change}; systemctl reload rspamd; sleep 2")
        try:
            with submission(mx, login) as smtp, pytest.raises(smtplib.SMTPDataError) as error:
                smtp.sendmail(login, [f"alice@{mx.domain}"], message(login, f"alice@{mx.domain}").as_bytes())
            assert (error.value.smtp_code, error.value.smtp_error) == (554, words)
        finally:
            mx.ssh(f"cp -p /root/maps/* {maps}/; rm -r /root/maps; systemctl reload rspamd; sleep 2")
    with submission(mx, login) as smtp:
        smtp.sendmail(login, [f"alice@{mx.domain}"], message(login, f"alice@{mx.domain}").as_bytes())
