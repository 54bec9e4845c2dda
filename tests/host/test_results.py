"""SPF, DKIM and DMARC: judged, written down, and not to be forged."""

from __future__ import annotations

import smtplib

import pytest
from clients import arrives, find, message, outside


def results(stored: bytes) -> str:
    """The Authentication-Results header, unfolded."""
    head = stored.partition(b"\r\n\r\n")[0].replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ").decode()
    found = [line for line in head.split("\r\n") if line.lower().startswith("authentication-results:")]
    assert len(found) == 1, found
    return found[0]


def deliver(mx, data: bytes, sender: str, to: str) -> bytes:
    subject = data.split(b"Subject: ")[1].split(b"\n")[0].strip().decode()
    with outside(mx) as smtp:
        smtp.sendmail(sender, [to], data)
    (stored,) = find(mx, to, {"Subject": subject})
    return stored


@pytest.mark.control("auth.spf-verify")
@pytest.mark.control("auth.dkim-verify")
@pytest.mark.control("auth.dmarc-verify")
@pytest.mark.control("auth.ar-header")
def test_results_of_a_good_sender(mx, signed) -> None:
    to = f"alice@{mx.domain}"
    data = message("x@sender.example", to).as_bytes().replace(b"\n", b"\r\n")
    seen = results(deliver(mx, signed(data), "x@sender.example", to))
    assert seen.lower().startswith(f"authentication-results: {mx.name};"), seen
    for word in ("dkim=pass", "header.d=sender.example", "spf=pass", "smtp.mailfrom=x@sender.example", "dmarc=pass"):
        assert word in seen, (word, seen)


@pytest.mark.control("auth.dkim-verify")
def test_broken_signature_is_told(mx, signed) -> None:
    to = f"alice@{mx.domain}"
    data = signed(message("x@sender.example", to).as_bytes().replace(b"\n", b"\r\n")).replace(
        b"Good morning", b"Bad morning"
    )
    seen = results(deliver(mx, data, "x@sender.example", to))
    assert "dkim=fail" in seen, seen


@pytest.mark.control("auth.ar-header")
def test_forged_results_are_removed(mx) -> None:
    to = f"alice@{mx.domain}"
    built = message("x@nodmarc.example", to)
    built["Authentication-Results"] = (
        f"{mx.name}; spf=pass smtp.mailfrom=ceo@bank.example; dmarc=pass header.from=bank.example"
    )
    built["Authentication-Results"] = f" {mx.name.upper()} 1; dkim=pass header.d=bank.example"
    assert "bank.example" not in results(arrives(mx, built, to, sender="x@nodmarc.example"))


@pytest.mark.control("auth.ar-header")
def test_forged_results_are_removed_in_all_spellings(mx) -> None:
    """RFC 8601: comments, quotation, a version, a trailing dot; and as the first of an ARC set."""
    to = f"alice@{mx.domain}"
    forms = ("(x) {n};", "{n}(x);", '"{n}";', "{n}.;", "{n}. 1;", " (a (b) \\) c) {n} (x) 1;", "{d};")
    for form in (*forms, *(f"i = (x) 1 ; {form}" for form in forms)):
        built = message("x@nodmarc.example", to)
        kind = "ARC-Authentication-Results" if form.startswith("i") else "Authentication-Results"
        built[kind] = f"{form.format(n=mx.name, d=mx.domain)} dmarc=pass header.from=bank.example"
        assert b"bank.example" not in arrives(mx, built, to, sender="x@nodmarc.example"), form


@pytest.mark.control("auth.dmarc-verify")
def test_policy_of_the_sender_is_followed(mx) -> None:
    to = f"alice@{mx.domain}"
    with outside(mx) as smtp, pytest.raises(smtplib.SMTPDataError) as error:
        smtp.sendmail("x@strict.example", [to], message("x@strict.example", to).as_bytes())
    assert 500 <= error.value.smtp_code < 600


@pytest.mark.control("auth.no-spoof")
def test_our_own_name_in_from_header_is_refused(mx) -> None:
    to = f"alice@{mx.domain}"
    for author in (f"bob@{mx.domain}", f"Boss <boss@a.{mx.domain}>"):
        with outside(mx) as smtp, pytest.raises(smtplib.SMTPDataError) as error:
            smtp.sendmail("x@sender.example", [to], message(author, to).as_bytes())
        assert 500 <= error.value.smtp_code < 600, author
