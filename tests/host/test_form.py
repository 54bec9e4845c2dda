"""Messages that break the standard, and what becomes of each: tests/corpus says which, and in which direction."""

from __future__ import annotations

import re
import smtplib
import tomllib
import uuid
from pathlib import Path

import dkim
import pytest
from clients import outside, stored, submission, txt

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
INDEX = tomllib.loads((CORPUS / "corpus.toml").read_text("utf-8"))
OURS = {
    b"return-path",
    b"delivered-to",
    b"received",
    b"x-report-abuse",
    b"dkim-signature",
    b"authentication-results",
    b"x-spam-status",
    b"x-spam-level",
    b"x-spamd-bar",
    b"x-spam",
    b"x-spam-flag",
    b"x-auto-response-suppress",
}
"""Header fields that a host adds to every message."""


def cases(direction: str) -> list[str]:
    return [name for name, case in INDEX.items() if direction in case]


def named(case: str):
    """Puts the number of a case of the BSI's before the message that is its example."""
    return lambda name: f"{case}-{name}" if name == "two-from" else name


def fields(head: bytes) -> list[bytes]:
    """Header fields, folded as they are."""
    return re.findall(rb"(?:^|(?<=\r\n))([^\r\n \t][^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", head)


def name_of(field: bytes) -> bytes:
    return field.partition(b":")[0].strip().lower()


def parted(data: bytes, early: bool = False) -> tuple[list[bytes], bytes]:
    """Header fields and body; ``early``: the header ends at the first line that is none."""
    head, _, body = data.partition(b"\r\n\r\n") if not data.startswith(b"\r\n") else (b"", b"", data[2:])
    if early:
        lines = head.split(b"\r\n")
        end = next(n for n, line in enumerate(lines) if b":" not in line and line[:1] not in b" \t")
        return fields(b"\r\n".join(lines[:end])), b"\r\n".join(lines[end:]) + b"\r\n\r\n" + body
    return fields(head), body


def sent(name: str, login: str, domain: str) -> tuple[bytes, str]:
    """What is written after DATA, and the id by which it is found again."""
    id_ = uuid.uuid4().hex
    data = (CORPUS / f"{name}.msg").read_bytes()
    for key, value in ((b"@LOGIN@", login), (b"@DOMAIN@", domain), (b"@ID@", id_)):
        data = data.replace(key, value.encode())
    return data, id_


def refusal(case: dict, smtp: smtplib.SMTP, sender: str, to: str, data: bytes) -> str:
    """Code and words with which a message is refused; one that asks for SMTPUTF8, at MAIL already."""
    if case.get("smtputf8"):
        smtp.ehlo_or_helo_if_needed()
        code, words = smtp.docmd(f"MAIL FROM:<{sender}> BODY=8BITMIME SMTPUTF8")
        return f"{code} {words.decode()}"
    with pytest.raises(smtplib.SMTPDataError) as error:
        smtp.sendmail(sender, [to], data, mail_options=["BODY=8BITMIME"])
    return f"{error.value.smtp_code} {error.value.smtp_error.decode()}"


_SESSIONS: dict[tuple[str, str], smtplib.SMTP] = {}


def session(mx, login: str) -> smtplib.SMTP:
    """One session as long as nothing is refused: logins are counted (smtpd_client_auth_rate_limit)."""
    if (mx.name, login) not in _SESSIONS:
        _SESSIONS[mx.name, login] = submission(mx, login)
    return _SESSIONS[mx.name, login]


def judge(mx, case: dict, smtp: smtplib.SMTP, sender: str, to: str, data: bytes, id_: str) -> bytes | None:
    """Sends and compares with what is expected; returns what was stored."""
    if case["expect"] == "refused":
        _SESSIONS.clear()
        with smtp:
            answer = refusal(case, smtp, sender, to, data)
        assert re.match(r"5\d\d ", answer), answer
        assert re.search(case["words"], answer), answer
        return None
    smtp.sendmail(sender, [to], data, mail_options=["BODY=8BITMIME"])
    # What was doubled or missing may look like spam as well.
    (found,) = stored(mx, to, "X-Corpus", id_, ("INBOX", "Junk"))
    compare(case, data, found)
    return found


def compare(case: dict, data: bytes, found: bytes) -> None:
    """Whether a stored message is what was sent, but for the fields that may be changed."""
    if case.get("body") == "lines":
        data = re.sub(rb"\r?\n", b"\r\n", data)
    if case.get("body") == "spaces":
        data = re.sub(rb"\r(?!\n)", b" ", data)
    changed = {field.lower().encode() for field in case.get("fields", ())}
    before, body = parted(data, case.get("split", False))
    after, kept = parted(found)
    assert kept == body
    for field in changed:
        assert [name_of(f) for f in after].count(field) == 1, (field, after)
        first = next((f.partition(b":")[2] for f in before if name_of(f) == field), b"")
        now = next(f.partition(b":")[2] for f in after if name_of(f) == field)
        assert now.strip(), field
        assert now.split()[: len(first.split())] == first.split() or case["expect"] == "completed", (first, now)
    wanted = [f for f in before if name_of(f) not in changed]
    left = [f for f in after if name_of(f) not in changed]
    place = iter(left)
    for field in wanted:
        assert field in place, (field, left)  # in this order
    names = [name_of(f) for f in wanted]
    more = [f for f in left if name_of(f) not in OURS and name_of(f) not in names]
    assert more == []


@pytest.mark.control("msg.conform-msa")
@pytest.mark.control("msa.rfc6409")
@pytest.mark.parametrize("name", cases("submission"), ids=named("TR-03182-F-05"))
def test_submitted(mx, name: str) -> None:
    login, to = f"bob@{mx.domain}", f"carol@{mx.domain}"
    data, id_ = sent(name, login, mx.domain)
    judge(mx, INDEX[name]["submission"], session(mx, login), login, to, data, id_)


@pytest.mark.control("msg.conform-in")
@pytest.mark.parametrize("name", cases("inbound"), ids=named("TR-03182-E-05"))
def test_received(mx, signed, name: str) -> None:
    case = INDEX[name]["inbound"]
    data, id_ = sent(name, "x@sender.example", mx.domain)
    if case.get("signed"):
        there = tuple(dict.fromkeys(name_of(f) for f in parted(data)[0]))
        data = signed(data, there)
    with outside(mx) as smtp:
        found = judge(mx, case, smtp, case.get("sender", "x@sender.example"), f"carol@{mx.domain}", data, id_)
    if case.get("signed"):
        assert dkim.verify(found, dnsfunc=txt)


@pytest.mark.control("auth.dkim-sign")
@pytest.mark.control("msg.conform-msa")
def test_what_was_completed_is_signed(mx) -> None:
    """Date and Message-ID are added before the signature, which covers them on their way out."""
    login = f"bob@{mx.domain}"
    data, id_ = sent("no-date-no-id", login, mx.domain)
    with submission(mx, login) as smtp:
        smtp.sendmail(login, [f"someone@{mx.out}"], data)
    taken = mx.sink.wait(id_).data
    names = [name_of(f) for f in parted(taken)[0]]
    assert names.count(b"date") == names.count(b"message-id") == 1
    covered = [re.search(rb"\bh=([^;]+)", f)[1].lower() for f in parted(taken)[0] if name_of(f) == b"dkim-signature"]
    assert len(covered) == 2
    for list_ in covered:
        assert {b"date", b"message-id"} <= set(re.split(rb"[:\s]+", list_))
    mail = dkim.DKIM(taken)
    assert [mail.verify(n, dnsfunc=txt) for n in range(2)] == [True, True]
