"""What users have: folders, sub-addresses, quota, filing and learning."""

from __future__ import annotations

import contextlib
import imaplib
import poplib
import smtplib
import socket
import ssl
import time
import uuid

import mail
import pytest
from clients import arrives, find, imap, message, outside, trust

MEDIUM, STRONG = "gmconf-test-of-medium-spam", "gmconf-test-of-strong-spam"


@pytest.mark.control("auth.mech")
@pytest.mark.control("tls.mua-required")
@pytest.mark.control("maa.auth")
def test_no_login_without_tls(mx) -> None:
    with imaplib.IMAP4(mx.ip4, 143, 10) as client:
        assert "LOGINDISABLED" in client.capabilities
        assert "STARTTLS" in client.capabilities
        assert not [c for c in client.capabilities if c.startswith("AUTH=")]
        with pytest.raises(imaplib.IMAP4.error):
            client.login(f"alice@{mx.domain}", mx.password)
    with socket.create_connection((mx.ip4, 4190), 10) as client:
        seen = client.recv(2000).decode()
        assert '"STARTTLS"' in seen
        assert '"SASL" ""' in seen
    with pytest.raises(OSError):
        socket.create_connection((mx.ip4, 110), 3)


@pytest.mark.control("tls.starttls-all")
def test_imap_starttls(mx) -> None:
    with mail._At(mx.ip4):
        client = imaplib.IMAP4(mx.name, 143, 10)
    client.starttls(trust(mx))
    assert client.login(f"alice@{mx.domain}", mx.password)[0] == "OK"
    client.logout()


@pytest.mark.control("tls.implicit")
def test_pop3s(mx) -> None:
    with mail._At(mx.ip4):
        client = poplib.POP3_SSL(mx.name, 995, context=trust(mx), timeout=10)
    client.user(f"carol@{mx.domain}")
    assert client.pass_(mx.password).startswith(b"+OK")
    client.quit()


def sieve(mx, login: str, *commands: bytes) -> list[str]:
    """A ManageSieve session after STARTTLS and login; the answers."""
    import base64

    plain = socket.create_connection((mx.ip4, 4190), 10)
    file = plain.makefile("rb")

    def answer(reader) -> str:
        text = ""
        while True:
            line = reader.readline().decode()
            text += line
            if line.startswith(("OK", "NO", "BYE")) or not line:
                return text

    answer(file)
    plain.sendall(b"STARTTLS\r\n")
    answer(file)
    with trust(mx).wrap_socket(plain, server_hostname=mx.name) as client:
        reader = client.makefile("rb")
        answer(reader)
        token = base64.b64encode(f"\0{login}\0{mx.password}".encode())
        found = []
        for command in (b'AUTHENTICATE "PLAIN" "' + token + b'"', *commands):
            client.sendall(command + b"\r\n")
            found.append(answer(reader))
        return found


@pytest.mark.control("maa.present")
def test_managesieve_script_is_used(mx) -> None:
    login = f"carol@{mx.domain}"
    script = (
        b'require ["fileinto","mailbox"];\r\nif header :contains "subject" "test" { fileinto :create "Tests"; }\r\n'
    )
    seen = sieve(mx, login, b'PUTSCRIPT "mine" {%d+}\r\n' % len(script) + script, b'SETACTIVE "mine"')
    assert all(text.splitlines()[-1].startswith("OK") for text in seen), seen
    try:
        built = message("x@sender.example", login)
        arrives(mx, built, login, "Tests")
        assert not find(mx, login, built, within=0)
    finally:
        sieve(mx, login, b'SETACTIVE ""')


@pytest.mark.control("maa.virtual-domains")
def test_same_name_in_two_domains_is_two_people(mx) -> None:
    here, there = f"joe@{mx.domain}", f"joe@a.{mx.domain}"
    built = message("x@sender.example", here)
    arrives(mx, built, here)
    assert not find(mx, there, built, within=1)
    with pytest.raises(imaplib.IMAP4.error):
        imap(mx, "joe")


@pytest.mark.control("mda.present")
def test_subaddress_alias_catch_all(mx) -> None:
    d = mx.domain
    for recipient, owners in (
        (f"alice+lists@{d}", (f"alice@{d}",)),
        (f"info@{d}", (f"alice@{d}", f"bob@{d}")),
        (f"anything@all.{d}", (f"main@all.{d}",)),
        (f"bob@alias.{d}", (f"bob@{d}",)),
        (f"postmaster@{d}", (f"alice@{d}",)),
    ):
        built = message("x@sender.example", recipient)
        with outside(mx) as smtp:
            smtp.sendmail("x@sender.example", [recipient], built.as_bytes())
        for owner in owners:
            assert len(find(mx, owner, built)) == 1, (recipient, owner)


@pytest.mark.control("maa.quota")
def test_full_mailbox_is_refused_before_the_queue(mx) -> None:
    login = f"tiny@{mx.domain}"
    with imap(mx, login) as client:
        for _ in range(4):
            client.append(
                "INBOX", None, None, b"Subject: filler\r\n\r\n" + b"x" * 78 + b"\r\n" + (b"y" * 78 + b"\r\n") * 3200
            )
        assert client.getquotaroot("INBOX")[0] == "OK"
    try:
        last = message("x@sender.example", login, ("z" * 70 + "\n") * 2000)
        arrives(mx, last, login)  # 140 kB where 23 KiB were left: the last message may be as large as messages can be
        with outside(mx) as smtp:
            smtp.ehlo()
            smtp.docmd("MAIL FROM:<>")
            code, text = smtp.docmd(f"RCPT TO:<{login}>")
            assert code in (452, 552), (code, text)
    finally:
        with imap(mx, login) as client:
            client.select("INBOX")
            client.store("1:*", "+FLAGS", r"\Deleted")
            client.expunge()


@pytest.mark.control("mda.junk-folder")
def test_special_folders(mx) -> None:
    with imap(mx, f"alice@{mx.domain}") as client:
        folders = b"\n".join(client.list()[1])
    for name in (b"Junk", b"Sent", b"Drafts", b"Trash"):
        assert any(b"\\" + name in line and line.endswith(name) for line in folders.splitlines()), folders


@pytest.fixture(scope="module")
def rules(mx):
    """Rules as an administrator would write them: one between marking and refusing, one far above."""
    lines = (
        f'config["regexp"]["TEST_{score}"] = {{ re = "/{words}/{{sa_raw_body}}", score = {score} }}'
        for words, score in ((MEDIUM, 9), (STRONG, 99))
    )
    text = "\n".join(lines)
    mx.ssh(f"echo '{text}' > /etc/rspamd/rspamd.local.lua; systemctl reload rspamd")
    deadline = time.monotonic() + 120
    while True:  # until the filter that has read them answers
        with outside(mx) as smtp:
            try:
                smtp.sendmail(
                    "x@sender.example",
                    [f"alice@{mx.domain}"],
                    message("x@sender.example", f"alice@{mx.domain}", f"{STRONG}\n").as_bytes(),
                )
            except smtplib.SMTPDataError as error:
                if error.smtp_code == 554:
                    break
        assert time.monotonic() < deadline
        time.sleep(1)
    yield
    mx.ssh("rm -f /etc/rspamd/rspamd.local.lua; systemctl reload rspamd")
    mx.accepts()


@pytest.mark.control("mta.spam-reject")
@pytest.mark.control("role.abuse")
@pytest.mark.control("role.postmaster")
def test_spam_is_refused_but_for_complaints(mx, rules) -> None:
    """Who complains about mail in our name is heard, spam quoted and all; one more recipient ends the exemption."""
    d = mx.domain
    roles = [f"abuse@{d}", f"postmaster@{d}"]
    built = message("x@sender.example", roles[0], f"You sent this: {STRONG}\n")
    with outside(mx) as smtp, pytest.raises(smtplib.SMTPDataError) as error:
        smtp.sendmail("x@sender.example", [f"alice@{d}"], built.as_bytes())
    assert error.value.smtp_code == 554
    with outside(mx) as smtp:
        assert not smtp.sendmail("x@sender.example", roles, built.as_bytes())
    with outside(mx) as smtp, pytest.raises(smtplib.SMTPDataError):
        smtp.sendmail("x@sender.example", [*roles, f"bob@{d}"], built.as_bytes())


@pytest.mark.control("mda.junk-folder")
@pytest.mark.control("mda.spam-mark")
def test_marked_mail_is_filed_unless_the_user_says_no(mx, rules) -> None:
    login = f"carol@{mx.domain}"
    built = message("x@sender.example", login, f"{MEDIUM}\n", X_Spam_Flag="NO")
    stored = arrives(mx, built, login, "Junk")
    assert b"X-Spam-Flag: YES" in stored
    assert b"X-Spam-Flag: NO" not in stored
    with imap(mx, login) as client:
        client.create("Junk/Off")
    try:
        arrives(mx, message("x@sender.example", login, f"{MEDIUM}\n"), login)
    finally:
        with imap(mx, login) as client:
            client.delete("Junk/Off")


@pytest.mark.control("flt.spam-in")
def test_moving_teaches(mx) -> None:
    login = f"carol@{mx.domain}"
    built = message("x@sender.example", login, " ".join(f"word{n} pill{n * 7} offer{n * 13}" for n in range(60)) + "\n")
    arrives(mx, built, login)
    number = built["Message-ID"].strip("<>")
    move(mx, login, built, "INBOX", "Junk")
    mx.until(f"journalctl -u rspamd --no-pager | grep -q 'learned message as spam: {number}'", 20)
    move(mx, login, built, "Junk", "INBOX")
    mx.until(f"journalctl -u rspamd --no-pager | grep -q 'learned message as ham: {number}'", 20)


@pytest.mark.control("flt.spam-in")
def test_one_account_teaches_little_in_an_hour(mx) -> None:
    """All share what is learned: of 60 messages put into Junk within an hour half is learned at most."""
    login, mark = f"probe@{mx.domain}", mx.ssh("date +%s").strip()
    # An hour that ends meanwhile begins another count.
    mx.until("test $(date +%M) -lt 55", 360)
    mx.ssh(f"rm -f /var/vmail/{mx.domain}/probe/learned")
    # What was learned once is not learned again.
    names, run = [], uuid.uuid4().hex
    with imap(mx, login) as client:
        for number in range(60):
            built = message("x@sender.example", login, " ".join(f"{run}{number}x{n}" for n in range(60)) + "\n")
            names.append(built["Message-ID"].strip("<>"))
            assert client.append("Junk", None, None, built.as_bytes())[0] == "OK"
    mx.until("! pgrep -x rspamc-learn", 60)
    log = mx.ssh(f"journalctl -u rspamd --since @{mark} --no-pager | grep 'learned message as spam' || true")
    assert 20 <= sum(name in log for name in names) <= 30
    assert "no more is learned" in mx.ssh(f"journalctl -t rspamc-learn --since @{mark} --no-pager")
    with imap(mx, login) as client:
        client.select("Junk")
        client.store("1:*", "+FLAGS", r"\Deleted")
        client.expunge()


def move(mx, login: str, built, source: str, target: str) -> None:
    with imap(mx, login) as client:
        client.select(source)
        _, found = client.search(None, "HEADER", "Subject", f'"{built["Subject"]}"')
        assert client._simple_command("MOVE", found[0].decode(), target)[0] == "OK"


@pytest.mark.control("msa.service-accounts")
def test_service_account_cannot_read_mail(mx) -> None:
    with pytest.raises(imaplib.IMAP4.error):
        imap(mx, f"printer@{mx.domain}")


@pytest.mark.control("mta.banner-min")
def test_login_banner_names_no_product(mx) -> None:
    with ssl.create_default_context(cafile=mx.ca).wrap_socket(
        socket.create_connection((mx.ip4, 993), 10), server_hostname=mx.name
    ) as client:
        assert b"dovecot" not in client.recv(1000).lower()


@pytest.mark.control("mda.present")
def test_one_session_with_many_recipients(mx) -> None:
    d = mx.domain
    built = message("x@sender.example", f"alice@{d}")
    with outside(mx) as smtp:
        refused = smtp.sendmail(
            "x@sender.example", [f"alice@{d}", f"bob@{d}", f"nobody@{d}", f"joe@{d}"], built.as_bytes()
        )
    assert list(refused) == [f"nobody@{d}"]
    for name in ("alice", "bob", "joe"):
        assert len(find(mx, f"{name}@{d}", built)) == 1


@pytest.mark.control("mta.size-limit")
def test_message_that_is_too_big_is_refused(mx) -> None:
    with outside(mx) as smtp:
        built = message("x@sender.example", f"alice@{mx.domain}", ("x" * 70 + "\n") * 20000)
        with pytest.raises(smtplib.SMTPException):
            smtp.sendmail("x@sender.example", [f"alice@{mx.domain}"], built.as_bytes())


@pytest.mark.control("maa.session-limits")
def test_one_user_cannot_take_all_sessions(mx) -> None:
    login = f"joe@a.{mx.domain}"
    with contextlib.ExitStack() as open_:
        for _ in range(30):
            open_.enter_context(imap(mx, login))
        with pytest.raises(imaplib.IMAP4.error):
            open_.enter_context(imap(mx, login))
        open_.enter_context(imap(mx, f"carol@{mx.domain}"))
