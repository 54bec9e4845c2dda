"""Nobody is shown as the author of a message who is not proved to be:
what is let in is read as mail programs read it.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import re
import smtplib
import uuid

import pytest
import readers
import spellings
from clients import message, outside, stored, submission

MINE = "x@sender.example"


def block(field: str, run: str, number: int, to: str) -> bytes:
    """A message that begins with a header as it is, and has a number."""
    rest = (
        f"X-Spelling: {run}-{number}\r\nTo: {to}\r\nSubject: spelling {number}\r\nDate: Mon, 23 Nov 2026 12:00:00"
        f" +0000\r\nMessage-ID: <{run}-{number}@sender.example>\r\n\r\nGood morning.\r\n"
    )
    return (f"X-Spelling: {run}-{number}\r\n" + field + rest).encode()


def deliver(mx, messages: dict[int, bytes], to: str) -> dict[int, str]:
    """What is answered to each; a client that was refused three times comes anew, so that nobody makes it wait."""
    numbers, answers = iter(list(messages)), {}

    def client() -> None:
        for number in numbers:
            smtp = outside(mx)
            with contextlib.closing(smtp):
                smtp.ehlo()
                errors = 0
                while errors < 3:
                    smtp.docmd(f"MAIL FROM:<{MINE}>")
                    smtp.docmd(f"RCPT TO:<{to}>")
                    code, words = smtp.data(messages[number])
                    answers[number] = f"{code} {words.decode('utf-8', 'replace')}"
                    errors += code != 250
                    number = next(numbers, None) if errors < 3 else None  # noqa: PLW2901
                    if number is None:
                        break

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(client) for _ in range(6)]:
            done.result()
    return answers


def judged(mx, answers: dict[int, str], fields: list[str], run: str, to: str, protected: set[str]) -> None:
    """Whether no reader shows an address of a protected domain in what was taken."""
    assert sorted(answers) == list(range(len(fields)))
    assert all(re.match(r"(250|5\d\d) ", answer) for answer in answers.values()), {
        n: a for n, a in answers.items() if a[0] == "4"
    }
    mx.queue_empties()
    seen = readers.stored(mx, to, "X-Spelling", run)
    assert {n for n, answer in answers.items() if answer.startswith("250")} == {int(n) for n in seen}
    wrong = {
        fields[int(n)]: both
        for n, both in seen.items()
        if any(re.split("[@ ]+", address)[-1].strip(".<>") in protected for part in both for address in part)
    }
    assert not wrong, wrong


@pytest.mark.control("auth.no-spoof")
@pytest.mark.control("auth.dmarc-verify")
@pytest.mark.parametrize("count", [300, pytest.param(1500, marks=pytest.mark.long)])
def test_no_reader_shows_an_author_who_is_not_proved(mx, count: int) -> None:
    """Our addresses and those of a domain with p=reject, spelled in ways in which readers differ,
    from somebody else.
    """
    to, run = f"joe@a.{mx.domain}", uuid.uuid4().hex
    fields = spellings.fields(f"alice@{mx.domain}", "boss@strict.example", MINE, count)
    assert len(fields) == count
    answers = deliver(mx, {n: block(field, run, n, to) for n, field in enumerate(fields)}, to)
    judged(mx, answers, fields, run, to, {mx.domain, "strict.example"})


@pytest.mark.control("msg.conform-in")
def test_plain_authors_are_taken(mx) -> None:
    to, run = f"joe@a.{mx.domain}", uuid.uuid4().hex
    names = list(spellings.PLAIN)
    answers = deliver(mx, {n: block(f"From: {name}\r\n", run, n, to) for n, name in enumerate(names)}, to)
    assert {names[n]: answer for n, answer in answers.items() if not answer.startswith("250")} == {}
    mx.queue_empties()
    seen = readers.stored(mx, to, "X-Spelling", run)
    for number, name in enumerate(names):
        wanted = set(spellings.PLAIN[name])
        envelope, parsed = seen[str(number)]
        assert envelope == wanted, name
        # A name that shows an address is one for who decodes first.
        assert wanted <= parsed, name


FORGED = (
    "From: alice@{d}; <bob@{d}>\r\n",
    "From: alice@{d} <bob@{d}>\r\n",
    "From: <bob@{d}>, alice @ {d}\r\n",
    "From: bob@{d}\r\nSender: alice@{d}\r\n",
    "From: bob@{d}\r\nSender: alice @ {d}\r\n",
    "From: bob@{d}\r\nResent-From: alice@{d}\r\n",
    "From: bob@{d} (x)), alice@{d}\r\n",
    'From: "alice@{d}" <bob@{d}>\r\n',
    "From: =?utf-8?q?alice=40{d}=2C?= <bob@{d}>\r\n",
    "From : alice@{d}\r\nFrom: bob@{d}\r\n",
    "From: x: alice@{d}, bob@{d};\r\n",
    'From: "x\\" <alice@{d}> "\\" <bob@{d}>\r\n',
)


@pytest.mark.control("msa.sender-rights")
def test_users_are_shown_as_themselves(mx) -> None:
    """Postfix completes and mends what users write; then readers show addresses of the login only, or it is refused."""
    login, to, run = f"bob@{mx.domain}", f"joe@a.{mx.domain}", uuid.uuid4().hex
    fields = [field.format(d=mx.domain) for field in FORGED]
    answers = {}
    for first in range(0, len(fields), 3):
        with submission(mx, login) as smtp:
            for number in range(first, first + 3):
                smtp.docmd(f"MAIL FROM:<{login}>")
                smtp.docmd(f"RCPT TO:<{to}>")
                code, words = smtp.data(block(fields[number], run, number, to))
                answers[number] = f"{code} {words.decode()}"
    judged(mx, answers, fields, run, to, set())
    for number, both in readers.stored(mx, to, "X-Spelling", run).items():
        assert both == ({login}, {login}), fields[int(number)]


@pytest.mark.control("auth.dmarc-verify")
@pytest.mark.parametrize("other", ["boss@strict.example", "y@sender.example"])
def test_each_of_several_authors_is_proved(mx, other: str) -> None:
    """DMARC of every one is asked, whichever comes first."""
    to = f"alice@{mx.domain}"
    for authors in (f"{MINE}, {other}", f"{other}, {MINE}"):
        built = message(authors, to, Sender=MINE)
        with outside(mx) as smtp:
            if "strict" in other:
                with pytest.raises(smtplib.SMTPDataError) as error:
                    smtp.sendmail(MINE, [to], built.as_bytes())
                assert error.value.smtp_code == 554
            else:
                smtp.sendmail(MINE, [to], built.as_bytes())
                assert len(stored(mx, to, "Subject", f'"{built["Subject"]}"', ("INBOX", "Junk"))) == 1


WITHOUT_KEYS = {
    "no answer": "unbound-control -q forward_add +i . 127.0.0.1@9",
    "all denied": "unbound-control -q local_zone . always_nxdomain",
}


@pytest.mark.control("auth.no-spoof")
@pytest.mark.parametrize("how", WITHOUT_KEYS)
def test_forwarded_mail_of_ours_waits_while_its_key_is_not_found(mx, how: str) -> None:
    """A list sends a user's message back: nobody can say whether the signature is ours. What bears none is forged all
    the same."""
    login, to = f"bob@{mx.domain}", f"alice@{mx.domain}"
    built = message(login, f"someone@{mx.out}")
    with submission(mx, login) as smtp:
        smtp.sendmail(login, [f"someone@{mx.out}"], built.as_bytes())
    taken = mx.sink.wait(built).data
    mx.ssh(f"{WITHOUT_KEYS[how]}; unbound-control -q flush_zone .; systemctl restart rspamd")
    try:
        mx.until("rspamc -h /run/rspamd/controller.sock stat >/dev/null 2>&1 || test -S /run/rspamd/milter.sock")
        for data, codes in ((taken, range(400, 500)), (message(login, to).as_bytes(), (554,))):
            with outside(mx) as smtp, pytest.raises(smtplib.SMTPDataError) as error:
                smtp.sendmail("", [to], data)
            assert error.value.smtp_code in codes, error.value
    finally:
        mx.ssh("systemctl restart unbound")
    mx.accepts()
    with outside(mx) as smtp:
        smtp.sendmail("", [to], taken)


@pytest.mark.control("auth.no-spoof")
@pytest.mark.parametrize("selector", ["never", "gm1-rsa"])
def test_a_signature_in_our_name_that_cannot_be_read_proves_nothing(mx, selector: str) -> None:
    """Of a key that was never there, or of one of ours but without a body hash: refused for good, while DNS answers."""
    to, built = f"alice@{mx.domain}", message(f"bob@{mx.domain}", f"alice@{mx.domain}")
    signature = (
        f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={mx.domain}; s={selector}; h=from;"
        f" {'bh=AAAA; ' if selector == 'never' else ''}b=AAAA"
    )
    with outside(mx) as smtp, pytest.raises(smtplib.SMTPDataError) as error:
        smtp.sendmail("", [to], f"DKIM-Signature: {signature}\r\n".encode() + built.as_bytes())
    assert error.value.smtp_code == 554, error.value
