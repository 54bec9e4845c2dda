"""Files that come with mail: no program gets in under another name, nothing that cannot be scanned, and what people
send every day does."""

from __future__ import annotations

import re
import smtplib
import uuid

import attachments
import pytest
from clients import EICAR, message, outside, stored, submission
from test_authors import MINE, deliver

RUN = "X-File-Run"


def sent(mx, bodies: list[bytes], to: str) -> tuple[dict[int, str], int]:
    """The answer to each message, and how many are in the mailbox afterwards."""
    run = uuid.uuid4().hex
    head = f"From: {MINE}\r\nTo: {to}\r\nSubject: file\r\nDate: Mon, 23 Nov 2026 12:00:00 +0000\r\n{RUN}: {run}\r\n"
    answers = deliver(
        mx,
        {n: f"{head}Message-ID: <{run}-{n}@sender.example>\r\n".encode() + body for n, body in enumerate(bodies)},
        to,
    )
    mx.queue_empties()
    return answers, len(stored(mx, to, RUN, run, ("INBOX",), 1)) + len(stored(mx, to, RUN, run, ("Junk",), 1))


@pytest.mark.control("flt.risky-attachments")
def test_no_spelling_hides_a_program(mx) -> None:
    """Names of programs, spelled in ways in which mail programs differ, in places where some look for them."""
    bodies = attachments.programs(160)
    answers, there = sent(mx, bodies, f"joe@a.{mx.domain}")
    wrong = {bodies[n]: answer for n, answer in answers.items() if not answer.startswith("554")}
    assert (len(answers), wrong, there) == (len(bodies), {}, 0)


@pytest.mark.control("flt.risky-attachments")
def test_no_archive_hides_a_program(mx) -> None:
    """On every level that is unpacked, under the first name and the last."""
    bodies = attachments.packed()
    answers, there = sent(mx, list(bodies.values()), f"joe@a.{mx.domain}")
    taken = {name: answers[n] for n, name in enumerate(bodies) if not re.match(r"554 .*programs", answers[n])}
    assert (taken, there) == ({}, 0)


@pytest.mark.control("flt.encrypted-policy")
def test_what_cannot_be_scanned_is_refused(mx) -> None:
    bodies = attachments.unread()
    answers, there = sent(mx, list(bodies.values()), f"joe@a.{mx.domain}")
    taken = {name: answers[n] for n, name in enumerate(bodies) if not re.match(r"554 .*cannot be scanned", answers[n])}
    assert (taken, there) == ({}, 0)


@pytest.mark.control("flt.risky-attachments")
def test_ordinary_files_arrive(mx) -> None:
    bodies = attachments.harmless()
    answers, there = sent(mx, bodies, f"joe@a.{mx.domain}")
    refused = {bodies[n]: answer for n, answer in answers.items() if not answer.startswith("250")}
    assert (refused, there) == ({}, len(bodies))


PLAIN = {
    "an unknown header first": b"X-Foo: 1\r\n",
    "a known header first": b"From: x@sender.example\r\n",
    "an empty header": b"X-Foo:\r\n",
}
WRITTEN = {
    "plain": EICAR + b"\r\n",
    "uuencoded": attachments.uuencoded(EICAR, "a.txt").replace(b"\n", b"\r\n"),
    "uuencoded late": b"Hello\r\n\r\n" + attachments.uuencoded(EICAR, "a.txt").replace(b"\n", b"\r\n"),
}


@pytest.mark.control("flt.virus-reject")
@pytest.mark.parametrize("form", WRITTEN)
def test_virus_in_mail_without_mime_is_refused(mx, form: str) -> None:
    """Whatever its header begins with; Postfix puts one of its own before submitted mail."""
    login, to = f"alice@{mx.domain}", f"joe@a.{mx.domain}"
    built = message("x@sender.example", to)
    rest = "".join(f"{name}: {built[name]}\r\n" for name in ("To", "Subject", "Date", "Message-ID"))
    for first in PLAIN.values():
        author = b"" if first.startswith(b"From") else b"From: x@sender.example\r\n"
        with outside(mx) as smtp, pytest.raises(smtplib.SMTPDataError, match="virus found"):
            smtp.sendmail(MINE, [to], first + author + rest.encode() + b"\r\n" + WRITTEN[form])
    with submission(mx, login) as smtp, pytest.raises(smtplib.SMTPDataError, match="virus found"):
        smtp.sendmail(login, [to], f"From: {login}\r\n{rest}\r\n".encode() + WRITTEN[form])
    assert stored(mx, to, "Subject", f'"{built["Subject"]}"', ("INBOX",), 1) == []
