"""What our users send as it reaches the Internet."""

from __future__ import annotations

import smtplib
import time
import uuid

import dkim
import pytest
import sites
from clients import find, message, outside, submission, txt


def send(mx, built, login: str, to: str) -> None:
    with submission(mx, login) as smtp:
        smtp.sendmail(login, [to], built.as_bytes())


def signatures(data: bytes) -> dict[str, bool]:
    """Algorithm of each signature: whether an independent library finds it good."""
    found = {}
    mail = dkim.DKIM(data)
    for index, (name, value) in enumerate(h for h in mail.headers if h[0].lower() == b"dkim-signature"):
        del name
        algorithm = value.split(b"a=")[1].split(b";")[0].decode()
        found[algorithm] = mail.verify(index, dnsfunc=txt)
    return found


@pytest.mark.control("mta.8bit-eai")
@pytest.mark.control("msa.spam-reject-nomodify")
@pytest.mark.control("auth.dkim-sign")
@pytest.mark.control("msa.rfc6409")
@pytest.mark.control("msa.privacy")
@pytest.mark.control("out.abuse-header")
@pytest.mark.case("TR-03182-F-03", "TR-03182-F-04")
def test_clean_mail_is_signed_and_otherwise_left_alone(mx) -> None:
    login, to = f"alice@{mx.domain}", f"someone@{mx.out}"
    text = "First.\r\n\r\n  spaces \t at the end  \r\n..dots\r\n.\tone\r\nM\u00fcller\r\n\r\n\r\n"
    built = (
        f"From: Alice <{login}>\r\nTo: <{to}>\r\nSubject: outgoing {uuid.uuid4().hex}\r\nX-Mailer: Mailer 1.0\r\n"
        "User-Agent: Agent/2\r\nX-Originating-IP: 192.0.2.7\r\nX-Custom:  kept   as it is\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    with submission(mx, login) as smtp:
        smtp.sendmail(login, [to], (built + text).encode(), mail_options=["BODY=8BITMIME"])
    data = mx.sink.wait(built.split("Subject: ")[1].split("\r\n", maxsplit=1)[0]).data
    head, _, body = data.partition(b"\r\n\r\n")
    assert body == text.encode()
    names = [line.split(b":")[0].lower().decode() for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    assert sorted(names) == sorted(
        [
            "received",
            "dkim-signature",
            "dkim-signature",
            "date",
            "message-id",
            "x-report-abuse",
            "from",
            "to",
            "subject",
            "x-custom",
            "mime-version",
            "content-type",
            "content-transfer-encoding",
        ]
    )
    assert b"X-Custom:  kept   as it is\r\n" in head
    for hidden in (f"{sites.CLIENT}]".encode(), b"laptop.example", b"Mailer 1.0", b"Agent/2", b"192.0.2.7"):
        assert hidden not in head, hidden
    assert signatures(data) == {"rsa-sha256": True, "ed25519-sha256": True}
    assert f"X-Report-Abuse: https://www.{mx.domain}/abuse".encode() in head


@pytest.mark.control("msa.sender-rights")
def test_from_header_belongs_to_login(mx) -> None:
    login = f"alice@{mx.domain}"
    for author in (
        f"bob@{mx.domain}",
        "ceo@victim.example",
        f"{login}, bob@{mx.domain}",
        f'"{login}" <bob@{mx.domain}>',
    ):
        built = message(author, f"someone@{mx.out}")
        with pytest.raises(smtplib.SMTPDataError) as error:
            send(mx, built, login, f"someone@{mx.out}")
        assert 500 <= error.value.smtp_code < 600, author
    built = message(login, f"someone@{mx.out}")
    send(mx, built, login, f"someone@{mx.out}")
    assert mx.sink.wait(built).sender == login


@pytest.mark.control("out.ratelimit")
def test_limit_of_a_user(mx) -> None:
    login = f"limited@{mx.domain}"
    mx.ssh("redis-cli -s /run/redis/redis-server.sock flushall")
    codes = []
    for _ in range(8):
        try:
            send(mx, message(login, f"alice@{mx.domain}"), login, f"alice@{mx.domain}")
            codes.append(250)
        except smtplib.SMTPDataError as error:
            codes.append(error.smtp_code)
    assert codes[:5] == [250] * 5, codes
    assert set(codes[5:]) <= {450, 451, 452}, codes
    assert codes[-1] != 250


@pytest.mark.control("msa.service-accounts")
def test_service_account_sends_as_itself_only(mx) -> None:
    login = f"printer@{mx.domain}"
    built = message(login, f"someone@{mx.out}")
    send(mx, built, login, f"someone@{mx.out}")
    assert mx.sink.wait(built).sender == login
    with pytest.raises(smtplib.SMTPDataError):
        send(mx, message(f"alice@{mx.domain}", f"someone@{mx.out}"), login, f"someone@{mx.out}")


def notice(mx, login: str, built) -> bytes:
    """The notice about a message that could not be delivered."""
    head = {"Subject": "Undelivered Mail Returned to Sender"}
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for raw in find(mx, login, head):
            if built["Subject"].encode() in raw:
                return raw
        time.sleep(0.5)
    raise AssertionError("no notice")


@pytest.mark.control("auth.dkim-sign")
@pytest.mark.control("mta.null-sender")
def test_bounce_to_our_user_is_signed_and_has_the_null_sender(mx) -> None:
    login = f"alice@{mx.domain}"
    built = message(login, f"refused@{mx.out}")
    send(mx, built, login, f"refused@{mx.out}")
    stored = notice(mx, login, built)
    assert b"Return-Path: <>" in stored or b"Return-Path: <MAILER-DAEMON>" in stored
    assert signatures(stored) == {"rsa-sha256": True, "ed25519-sha256": True}


@pytest.mark.control("mta.no-backscatter")
def test_forward_that_fails_tells_no_stranger(mx) -> None:
    """An alias leads outside and is refused there: who was named as sender hears nothing of us, our postmaster does."""
    built = message(f"x@{mx.out}", f"gone@{mx.domain}")
    with outside(mx) as smtp:
        smtp.sendmail(f"victim@{mx.out}", [f"gone@{mx.domain}"], built.as_bytes())
    notice(mx, f"alice@{mx.domain}", built)
    assert not [taken for taken in mx.sink.taken if f"victim@{mx.out}" in taken.recipients]


@pytest.mark.control("mta.present")
def test_forward(mx) -> None:
    built = message(f"x@{mx.out}", f"away@{mx.domain}")
    with outside(mx) as smtp:
        smtp.sendmail(f"x@{mx.out}", [f"away@{mx.domain}"], built.as_bytes())
    assert mx.sink.wait(built).recipients == (f"moved@{mx.out}",)
