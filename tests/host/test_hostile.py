"""Mail and clients made to break things: an answer in time, nothing unscanned, the others are served meanwhile."""

from __future__ import annotations

import base64
import contextlib
import io
import smtplib
import socket
import time
import zipfile

import pytest
from clients import EICAR, Raw, arrives, find, message, outside, submission
from test_mail import zipped


def answer(mx, data: bytes, to: str) -> tuple[int, str]:
    """The reply to a message given as bytes, sent as they are."""
    with outside(mx) as smtp:
        smtp.ehlo()
        smtp.docmd("MAIL FROM:<x@sender.example>")
        assert smtp.docmd(f"RCPT TO:<{to}>")[0] == 250
        try:
            code, text = smtp.data(data)
        except smtplib.SMTPServerDisconnected:
            return 421, ""
    return code, text.decode()


def head(to: str, *more: str) -> bytes:
    built = message("x@sender.example", to)
    lines = [f"{name}: {built[name]}" for name in ("From", "To", "Subject", "Date", "Message-ID")]
    return "\r\n".join([*lines, *more, "", ""]).encode("latin-1")


def deep(levels: int) -> bytes:
    """The test virus in an archive in an archive in an archive ..."""
    data = zipped(EICAR)
    for _ in range(levels - 1):
        data = zipped(data, "inner.zip")
    return data


def bomb() -> bytes:
    """200 MB of nothing, and the test virus behind it, in an archive of 200 kB."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("a.txt", bytes(200_000_000))
        archive.writestr("eicar.txt", EICAR)
    return packed.getvalue()


def attached(to: str, data: bytes, name: str = "a.zip") -> bytes:
    built = message("x@sender.example", to)
    built.add_attachment(data, maintype="application", subtype="zip", filename=name)
    return built.as_bytes()


@pytest.mark.control("flt.virus-reject")
@pytest.mark.control("flt.fail-closed")
@pytest.mark.parametrize(
    "kind", ["deep", "bomb", "behind a megabyte", "many parts", "wrong type", "no MIME-Version", "encoded message"]
)
def test_hidden_virus_is_not_let_in(mx, kind: str) -> None:
    to = f"alice@{mx.domain}"
    virus = base64.encodebytes(EICAR)
    if kind == "deep":
        data = attached(to, deep(40))
    elif kind == "bomb":
        data = attached(to, bomb())
    elif kind == "behind a megabyte":
        built = message("x@sender.example", to)
        for size in (700_000, 0):
            built.add_attachment(
                bytes(range(256)) * (size // 256) or EICAR,
                maintype="application",
                subtype="octet-stream",
                filename="x.bin",
            )
        data = built.as_bytes()
        assert len(data) < 1024 * 1024
    elif kind == "many parts":
        part = b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"
        data = head(to, "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b") + part * 5000
        data += (
            b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + virus
            + b"\r\n--b--\r\n"
        )
    elif kind == "wrong type":
        data = head(to, "MIME-Version: 1.0", "Content-Type: image/png", "Content-Transfer-Encoding: base64") + virus
    elif kind == "no MIME-Version":
        data = (
            head(to, "Content-Type: multipart/mixed; boundary=b")
            + b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + virus
            + b"\r\n--b--\r\n"
        )
    else:
        inner = head(to, "MIME-Version: 1.0", "Content-Transfer-Encoding: base64") + virus
        data = head(to, "MIME-Version: 1.0", "Content-Type: message/rfc822") + inner
    start = time.monotonic()
    code, text = answer(mx, data, to)
    if kind in ("deep", "bomb"):
        assert code >= 400, text
        assert "virus found" in text or "too deeply packed" in text, text
    else:
        assert (code, "virus found" in text) == (554, True), text
    assert time.monotonic() - start < 30


MONSTERS = {
    "header of a megabyte": lambda to: head(to, "X-Long: " + "\r\n ".join(["x" * 900] * 1000)) + b"text\r\n",
    "header line of 300 kB": lambda to: head(to, "X-Long: " + "x" * 300_000) + b"text\r\n",
    "10,000 headers": lambda to: head(to, *[f"X-{n}: {n}" for n in range(10_000)]) + b"text\r\n",
    "5,000 parts": (
        lambda to: (
            head(to, "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b")
            + b"--b\r\n\r\nx\r\n" * 5000
            + b"--b--\r\n"
        )
    ),
    "300 levels": lambda to: b"".join(
        [
            head(to, "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b0"),
            *(f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n".encode() for n in range(300)),
        ]
    ),
    "loop": (
        lambda to: (
            b"".join(b"Received: from a.example by b.example; Mon, 23 Nov 2026 12:00:00 +0000\r\n" for _ in range(60))
            + head(to)
            + b"text\r\n"
        )
    ),
    "NUL": lambda to: head(to) + b"a\0b\r\n",
    "8-bit header": lambda to: head(to, "X-Name: M\xfcller") + b"text\r\n",
    "no header": lambda to: b"\r\njust text\r\n",
    "empty": lambda to: b"\r\n",
    "bad encodings": (
        lambda to: (
            head(
                to,
                "MIME-Version: 1.0",
                "Content-Transfer-Encoding: base64",
                "Content-Type: text/plain; charset=nonsense",
            )
            + b"=?=?!!!\r\n" * 100
        )
    ),
}


@pytest.mark.control("flt.fail-closed")
@pytest.mark.parametrize("name", MONSTERS)
def test_monsters_get_an_answer_and_kill_nobody(mx, name: str) -> None:
    to = f"joe@a.{mx.domain}"
    alive = "pgrep -x -d, 'rspamd|clamd|dovecot|master' ; systemctl show -p NRestarts rspamd clamav-daemon dovecot"
    before = mx.ssh(alive)
    start = time.monotonic()
    code, _ = answer(mx, MONSTERS[name](to), to)
    assert time.monotonic() - start < 30
    assert code == 250 or 400 <= code < 600
    if name == "loop":
        mx.queue_empties()  # too many hops: not taken, or told to our postmaster, never carried on
        assert not [t for t in mx.sink.taken if t.data.count(b"Received: from a.example") > 50]
    built = message("x@sender.example", to)
    arrives(mx, built, to)
    after = mx.ssh(alive)
    assert before.splitlines()[1:] == after.splitlines()[1:]
    mx.queue_empties()


@pytest.mark.control("mta.flood-control")
def test_those_who_occupy_port_25_keep_no_user_from_sending(mx) -> None:
    """One client holds all the sessions it can get and says nothing: users send and read mail, and others reach port
    25."""
    with contextlib.ExitStack() as held:
        for number in range(150):
            with contextlib.suppress(OSError):
                client = socket.socket()
                client.settimeout(1)
                client.bind((mx.sink.address, 0))
                client.connect((mx.ip4, 25))
                held.callback(client.close)
                if number % 2:
                    client.send(b"E")
        assert 15 <= int(mx.ssh(f"ss -Htn state established '( sport = :25 )' dst {mx.sink.address} | wc -l")) <= 20
        login, to = f"alice@{mx.domain}", f"bob@{mx.domain}"
        start = time.monotonic()
        built = message(login, to)
        with submission(mx, login) as smtp:
            smtp.sendmail(login, [to], built.as_bytes())
        assert time.monotonic() - start < 5
        assert len(find(mx, to, built)) == 1
        again = message("x@sender.example", to)
        arrives(mx, again, to)
        assert time.monotonic() - start < 20


@pytest.mark.control("mta.flood-control")
def test_who_only_makes_mistakes_is_thrown_out(mx) -> None:
    with Raw(mx.ip4) as client:
        client.reply()
        client.say("EHLO client.sender.example")
        codes = []
        client.socket.settimeout(30)
        for _ in range(15):
            codes.append(client.say("NONSENSE")[:3])
            if codes[-1] == "421":
                break
        assert codes[-1] == "421", codes
