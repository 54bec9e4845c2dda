"""Reports of others: read whatever way they come, counted once, and never trusted further than they go."""

from __future__ import annotations

import base64
import gzip
import io
import json
import mailbox
import os
import random
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest
from conftest import ROOT
from typer.testing import CliRunner

from gmconf.cli import app
from gmconf.errors import GmconfError
from gmconf.feedback import store
from gmconf.feedback.count import count
from gmconf.feedback.parsed import read
from gmconf.feedback.unpacked import Item
from gmconf.site.load import load

SITE = ROOT / "examples/single/site.yml"
OURS, ELSEWHERE = "198.51.100.13", "203.0.113.77"
BEGIN, END = 1795132800, 1795219199  # 2026-11-20, seconds


def record(source: str, count: int, dkim: str, spf: str, disposition: str = "none", sender: str = "example.org") -> str:
    return (
        f"<record><row><source_ip>{source}</source_ip><count>{count}</count><policy_evaluated><disposition>{disposition}</disposition><dkim>{dkim}</dkim>"
        f"<spf>{spf}</spf></policy_evaluated></row><identifiers><header_from>{sender}</header_from></identifiers><auth_results><dkim><domain>{sender}</domain>"
        f"<selector>s1</selector><result>{dkim}</result></dkim><spf><domain>{sender}</domain><result>{spf}</result></spf></auth_results></record>"
    )


def aggregate(*records: str, id_: str = "1", org: str = "receiver.example") -> str:
    return (
        '<?xml version="1.0"?><feedback>'
        f"<report_metadata><org_name>{org}</org_name><email>dmarc@receiver.example</email><report_id>{id_}</report_id>"
        f"<date_range><begin>{BEGIN}</begin><end>{END}</end></date_range></report_metadata>"
        "<policy_published><domain>example.org</domain><adkim>s</adkim>"
        f"<aspf>s</aspf><p>reject</p><sp>reject</sp><pct>100</pct></policy_published>{''.join(records)}</feedback>"
    )


def tls(failed: int = 0, domain: str = "example.org", **more: object) -> dict[str, object]:
    details = (
        [
            {
                "result-type": "certificate-expired",
                "receiving-mx-hostname": "mail.example.org",
                "failed-session-count": failed,
            }
        ]
        if failed
        else []
    )
    return {
        "organization-name": "Sender Inc.",
        "date-range": {"start-datetime": "2026-11-20T00:00:00Z", "end-datetime": "2026-11-20T23:59:59Z"},
        "contact-info": "tls@sender.example",
        "report-id": "t1",
        "policies": [
            {
                "policy": {"policy-type": "sts", "policy-domain": domain},
                "summary": {"total-successful-session-count": 90, "total-failure-session-count": failed},
                "failure-details": details,
            }
        ],
        **more,
    }


def mail(
    data: bytes, kind: str = "application/gzip", results: str = "", sender: str = "dmarc@receiver.example"
) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = (
        sender,
        "postmaster@example.org",
        "Report Domain: example.org Submitter: receiver.example Report-ID: 1",
    )
    message["Date"] = "Sat, 21 Nov 2026 01:00:00 +0000"
    if results:
        message["Authentication-Results"] = results
    message.set_content("A report.\n")
    main, _, sub = kind.partition("/")
    message.add_attachment(data, main, sub, filename="receiver.example!example.org!1!2.xml.gz")
    return message.as_bytes()


def zipped(text: str | bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("report.xml", text)
    return out.getvalue()


def ask(*argv: str | Path) -> tuple[int, dict]:
    done = CliRunner().invoke(app, ["reports", str(SITE), *map(str, argv), "--format", "json"])
    assert done.exit_code in (0, 1), done.output
    return done.exit_code, json.loads(done.stdout)


GOOD = aggregate(
    record(OURS, 7, "pass", "pass"),
    record(ELSEWHERE, 2, "pass", "fail"),
    record(ELSEWHERE, 5, "fail", "fail", "reject"),
)


@pytest.mark.parametrize(
    "data",
    [
        GOOD.encode(),
        gzip.compress(GOOD.encode()),
        zipped(GOOD),
        mail(gzip.compress(GOOD.encode())),
        mail(zipped(GOOD), "application/zip"),
    ],
    ids=["xml", "gzip", "zip", "message with gzip", "message with zip"],
)
def test_one_report_in_every_wrapping(tmp_path, data) -> None:
    (tmp_path / "report").write_bytes(data)
    code, found = ask(tmp_path / "report")
    assert code == 0
    assert found["dmarc"] == [
        {
            "domain": "example.org",
            "reporters": ["receiver.example"],
            "messages": 14,
            "ours": {"passed": 7, "failed": 0},
            "senders": [],
            "others": {"passed": 2, "failed": {"reject": 5}},
        }
    ]
    assert (found["begin"], found["end"], found["problems"]) == ("2026-11-20T00:00:00Z", "2026-11-20T23:59:59Z", [])


def test_reports_are_counted_once_wherever_they_lie(tmp_path) -> None:
    box = mailbox.Maildir(tmp_path / "Maildir")
    box.add(mail(gzip.compress(GOOD.encode())))
    box.add(mail(gzip.compress(aggregate(record(OURS, 1, "pass", "pass"), id_="2").encode())))
    box.add(b"From: bob@example.net\nSubject: Report Domain\n\nNo report at all.\n")
    kept = mailbox.mbox(tmp_path / "reports.mbox")
    kept.add(mail(gzip.compress(GOOD.encode())))
    kept.flush()
    code, found = ask(tmp_path)
    assert code == 0
    assert found["reports"] == {"dmarc": 2, "tls": 0}
    assert found["dmarc"][0]["ours"]["passed"] == 8
    assert len(found["left"]) == 1
    assert "not a valid report" in found["left"][0]["why"]


def test_own_mail_that_fails_is_a_failure(tmp_path) -> None:
    (tmp_path / "r.xml").write_text(
        aggregate(
            record(OURS, 3, "fail", "fail", "reject"),
            record(OURS, 2, "pass", "fail"),
            record(ELSEWHERE, 4, "fail", "fail"),
        )
    )
    code, found = ask(tmp_path / "r.xml")
    assert code == 1
    assert [(p["status"], p["subject"]) for p in found["problems"]] == [
        ("fail", "example.org"),
        ("warn", "example.org"),
        ("warn", "example.org"),
    ]
    said = CliRunner().invoke(app, ["reports", str(SITE), str(tmp_path / "r.xml")])
    assert said.exit_code == 1
    assert (
        "FAIL example.org: 3 messages of mail.example.org failed DMARC at receiver.example: DKIM example.org/s1 fail;"
        " SPF example.org fail" in said.stdout
    )
    assert "from our hosts 2 passed, 3 failed; from elsewhere 0 passed, 4 failed (4 delivered)" in said.stdout
    assert (
        said.stdout.splitlines()[-1]
        == "1 report on DMARC, 0 on TLS, 2026-11-20 00:00 to 2026-11-20 23:59 UTC: 1 failure, 2 warnings"
    )


SENDERS = """
    senders:
      - {reason: newsletter, include: _spf.letters.example, selectors: [NL1]}
      - {reason: invoices, networks: [203.0.113.64/28, "2001:db8:9::/64"]}
"""


def test_services_that_the_site_names_are_counted_by_themselves(tmp_path) -> None:
    site = tmp_path / "site.yml"
    text = SITE.read_text()
    assert text.count("  - name: example.org\n") == 1
    site.write_text(text.replace("  - name: example.org\n", "  - name: example.org" + SENDERS))
    signed = ((3, "pass", "none", "nl1"), (2, "fail", "reject", "nl1"), (1, "pass", "none", "nl11"))
    letters = [
        record("192.0.2.9", number, dkim, "fail", did).replace("s1</selector>", f"{selector}</selector>")
        for number, dkim, did, selector in signed
    ]
    (tmp_path / "r.xml").write_text(
        aggregate(
            *letters,
            record(OURS, 7, "pass", "pass"),
            record(ELSEWHERE, 4, "fail", "pass"),
            record("2001:db8:9::7", 5, "fail", "fail", "none"),
            record("203.0.113.80", 6, "fail", "fail", "quarantine"),
        )
    )
    done = CliRunner().invoke(app, ["reports", str(site), str(tmp_path / "r.xml"), "--format", "json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["dmarc"] == [
        {
            "domain": "example.org",
            "reporters": ["receiver.example"],
            "messages": 28,
            "ours": {"passed": 7, "failed": 0},
            "senders": [
                {"reason": "newsletter", "passed": 3, "failed": {}},
                {"reason": "invoices", "passed": 4, "failed": {"none": 5}},
            ],
            "others": {"passed": 1, "failed": {"quarantine": 6, "reject": 2}},
        }
    ]
    assert [(p["status"], p["what"]) for p in found["problems"]] == [
        (
            "warn",
            (
                '5 messages of the sender "invoices" failed DMARC at receiver.example: '
                "DKIM example.org/s1 fail; SPF example.org fail"
            ),
        ),
    ]
    said = CliRunner().invoke(app, ["reports", str(site), str(tmp_path / "r.xml")]).stdout
    assert (
        'from our hosts 7 passed, 0 failed; from "newsletter" 3 passed, 0 failed; '
        'from "invoices" 4 passed, 5 failed (5 delivered); '
        "from elsewhere 1 passed, 8 failed (6 quarantined, 2 rejected)" in said
    )


@pytest.mark.parametrize("wrapped", [False, True], ids=["json", "message"])
@pytest.mark.parametrize("failed", [0, 10])
def test_tls(tmp_path, wrapped, failed) -> None:
    text = json.dumps(tls(failed)).encode()
    (tmp_path / "r").write_bytes(mail(gzip.compress(text), "application/tlsrpt+gzip") if wrapped else text)
    code, found = ask(tmp_path / "r")
    assert code == (1 if failed else 0)
    assert found["tls"] == [
        {
            "domain": "example.org",
            "reporters": ["Sender Inc."],
            "succeeded": {"sts": 90},
            "failed": failed,
            "failures": [{"kind": "certificate-expired", "mx": "mail.example.org", "sessions": 10}] if failed else [],
        }
    ]
    assert [p["what"] for p in found["problems"]] == (
        ["10 of 100 sessions failed, seen by Sender Inc.: certificate-expired at mail.example.org (10)"]
        if failed
        else []
    )


def test_reports_of_others_than_they_say_do_not_count(tmp_path) -> None:
    bad = gzip.compress(aggregate(record(OURS, 9, "fail", "fail", "reject")).encode())
    us = "mail.example.org; "
    for name, results in {
        "failed": us + 'dmarc=fail reason="none" header.from=receiver.example (policy=reject); dkim=none; spf=fail',
        "nobody": us + "dkim=none; spf=pass smtp.mailfrom=x@receiver.example; dmarc=none",
        "other": us + "dkim=pass header.d=stranger.example header.s=s; dmarc=none",
    }.items():
        (tmp_path / name).write_bytes(mail(bad, results=results))
    code, found = ask(tmp_path)
    assert (code, found["dmarc"]) == (0, [])
    assert [row["why"] for row in found["left"]] == [
        "sent in the name of receiver.example, which this site's own check did not confirm"
    ] * 3
    for number, results in enumerate(
        (
            us
            + "dkim=pass header.d=receiver.example header.s=s; dmarc=pass (policy=none) header.from=receiver.example",
            us + "dkim=pass header.d=example header.s=s; dmarc=none",
            "elsewhere.example; dmarc=fail",
        )
    ):
        (tmp_path / "good").write_bytes(
            mail(gzip.compress(aggregate(record(OURS, 1, "pass", "pass"), id_=str(number)).encode()), results=results)
        )
        assert ask(tmp_path / "good")[1]["reports"]["dmarc"] == 1


HOSTILE = {
    "entity": (
        '<?xml version="1.0"?><!DOCTYPE f [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        + GOOD.split("?>", 1)[1].replace("receiver.example", "&b;")
    ),
    "negative": aggregate(record(OURS, -4, "pass", "pass")),
    "no number": aggregate(record(OURS, 1, "pass", "pass")).replace("<count>1<", "<count>many<"),
    "no address": aggregate(record("mail.example.org", 1, "pass", "pass")),
    "late": aggregate(record(OURS, 1, "pass", "pass")).replace(str(BEGIN), "9" * 30),
    "sessions": json.dumps(
        tls(
            policies=[
                {
                    "policy": {"policy-type": "sts", "policy-domain": ["x"]},
                    "summary": {"total-successful-session-count": "x", "total-failure-session-count": None},
                }
            ]
        )
    ),
    "times": json.dumps(tls(**{"date-range": {"start-datetime": "yesterday", "end-datetime": 5}})),
    "half": GOOD[:400],
    "empty": "",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nonsense_is_named_and_counts_nothing(tmp_path, name) -> None:
    (tmp_path / "r").write_text(HOSTILE[name])
    code, found = ask(tmp_path / "r")
    assert (code, found["dmarc"], found["tls"]) == (0, [], [])
    assert [row["where"] for row in found["left"]] == [str(tmp_path / "r")]
    assert found["left"][0]["why"]


def test_a_bomb_is_not_unpacked(tmp_path) -> None:
    (tmp_path / "r.gz").write_bytes(gzip.compress(b"<feedback>" + b" " * (200 * 1024**2)))
    _, found = ask(tmp_path / "r.gz")
    assert "limit" in found["left"][0]["why"] or "exceed" in found["left"][0]["why"]


def test_no_words_of_strangers_reach_the_terminal_as_commands(tmp_path) -> None:
    (tmp_path / "r").write_text(json.dumps(tls(3, **{"organization-name": "\x1b[2JEvil\u202e"})))
    said = CliRunner().invoke(app, ["reports", str(SITE), str(tmp_path / "r")])
    assert "Evil" in said.stdout
    assert not {"\x1b", "\u202e"} & set(said.stdout)


def message(head: str, *parts: tuple[str, str, bytes]) -> bytes:
    """A message with any header and attachments (type, name, bytes)."""
    lines = [head, "Subject: Report Domain: example.org", 'Content-Type: multipart/mixed; boundary="b"', ""]
    for kind, name, data in parts:
        lines += [
            "--b",
            f'Content-Type: {kind}; name="{name}"',
            "Content-Transfer-Encoding: base64",
            "",
            base64.encodebytes(data).decode(),
        ]
    return "\n".join([*lines, "--b--", ""]).encode("utf-8", "surrogateescape")


def nested(depth: int, kind: str = "multipart/mixed") -> bytes:
    return b"From: a@sender.example\nSubject: report domain: x\n" + b"".join(
        b'Content-Type: %s; boundary="b%d"\n\n--b%d\n' % (kind.encode(), n, n) for n in range(depth)
    )


GZ = ("application/gzip", "r!example.org!1!2.xml.gz", gzip.compress(GOOD.encode()))
STRANGE = {
    "line break in an encoded word": message("From: =?utf-8?q?x=0A?= <a@sender.example>"),
    "bracket": message("From: a@[ "),
    "comments": message("From: " + "(" * 5000 + "a@sender.example"),
    "unknown charset": message("From: =?nothing?q?x?= <a@sender.example>\nSubject: =?nothing?b?????="),
    "no word": b"\xff\xfe\xfd\x00\x01",
    "3,000 parts": nested(3000),
    "40 parts": nested(40),
    "messages in messages": nested(3000, "message/rfc822"),
    "broken date": message("From: a@sender.example\nDate: =?utf-8?q?=00?="),
    "signed by us": message("From: =?utf-8?q?x=0A?= <a@[\nAuthentication-Results: mail.example.org; dmarc=fail"),
    "no base64": b"From: a@sender.example\nContent-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n!!!!\n",
    "deep JSON": b'{"policies": ' + b"[" * 100000,
    "long numbers": (
        GOOD.replace("<count>7<", f"<count>{'7' * 6000}<")
        .replace("<count>2<", "<count>x<")
        .replace("<count>5<", "<count><")
        .encode()
    ),
    "no zip": b"PK\x03\x04" + b"\0" * 100,
    "no gzip": b"\x1f\x8b" + b"\0" * 100,
    "another page": b"<html><body>Not found</body></html>",
}


@pytest.mark.parametrize("name", STRANGE)
def test_nothing_of_strangers_stops_the_reports_of_others(tmp_path, name) -> None:
    (tmp_path / "a").write_bytes(STRANGE[name])
    (tmp_path / "b").write_bytes(mail(GZ[2]))
    code, found = ask(tmp_path)
    assert (code, found["dmarc"][0]["messages"]) == (0, 14)
    assert [row["where"].partition(",")[0] for row in found["left"]] == [str(tmp_path / "a")]


def test_a_strange_header_does_not_lose_the_report(tmp_path) -> None:
    for number, head in enumerate(("From: =?utf-8?q?x=0A?= <a@receiver.example>", "From: a@[ ", "X: y")):
        (tmp_path / "r").write_bytes(message(head, GZ))
        assert ask(tmp_path / "r")[1]["dmarc"][0]["messages"] == 14, number


@pytest.mark.parametrize("mark", ["\ufeff", "\n \n", ""], ids=["BOM", "blank lines", "bare"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_byte_order_marks_and_encodings(tmp_path, mark, encoding) -> None:
    (tmp_path / "r").write_bytes((mark + GOOD).encode(encoding))
    assert ask(tmp_path / "r")[1]["reports"] == {"dmarc": 1, "tls": 0}
    (tmp_path / "r").write_bytes((mark + json.dumps(tls())).encode(encoding))
    assert ask(tmp_path / "r")[1]["reports"] == {"dmarc": 0, "tls": 1}


FORMS = {
    "a byte that is no UTF-8": GOOD.encode().replace(b"receiver.example</org", b"re\x91ceiver</org"),
    "declared encoding": (
        ('<?xml version="1.0" encoding="windows-1252"?>' + GOOD.split("?>")[1])
        .replace("receiver.example</org", "Empf\u00e4nger</org")
        .encode("cp1252")
    ),
    "namespace": GOOD.replace("<feedback>", '<feedback xmlns="urn:ietf:params:xml:ns:dmarc-2.0">').encode(),
    "prefix": GOOD.replace("</", "\0").replace("<", "<ns0:").replace("\0", "</ns0:").replace("<ns0:?", "<?").encode(),
    "stray schema": (
        GOOD.replace(
            "<feedback>", '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="x"><feedback>'
        ).encode()
    ),
    "address in brackets": GOOD.replace("<email>dmarc@receiver.example", "<email><dmarc@receiver.example>").encode(),
    "words in capitals": GOOD.replace(">pass<", ">Pass<").replace("<disposition>none", "<disposition>None").encode(),
    "no disposition": GOOD.replace("<disposition>none</disposition>", "").encode(),
    "comments and CDATA": (
        GOOD.replace("<record>", "<!-- a > b --><record>")
        .replace("example.org</header_from", "<![CDATA[example.org]]></header_from")
        .encode()
    ),
    "bare ampersand": GOOD.replace("receiver.example</org", "Smith & Sons</org").encode(),
    "no author": GOOD.replace("<header_from>example.org</header_from>", "").encode(),
    "identities": GOOD.replace("identifiers>", "identities>").encode(),
    "seconds with a point": GOOD.replace(f"{BEGIN}<", f"{BEGIN}.0<").encode(),
    "zip in zip": zipped(zipped(GOOD)),
    "gzip in gzip": gzip.compress(gzip.compress(GOOD.encode())),
    "wrong type": message("From: a@sender.example", ("text/plain", "r.xml.gz", GZ[2])),
    "plain XML": b"From: a@sender.example\nContent-Type: text/xml\n\n" + GOOD.encode(),
    "plain XML as text": b"From: a@sender.example\n\n" + GOOD.encode(),
    "base64 that nobody declared": (
        b"From: a@sender.example\nContent-Type: application/gzip\n\n" + base64.encodebytes(GZ[2])
    ),
    "forwarded": b"From: bob@example.org\nContent-Type: message/rfc822\n\n" + mail(GZ[2]),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms_of_real_producers(tmp_path, name) -> None:
    (tmp_path / "r").write_bytes(FORMS[name])
    code, found = ask(tmp_path / "r")
    assert (code, found["left"]) == (0, [])
    assert found["dmarc"][0] | {"reporters": []} == {
        "domain": "example.org",
        "reporters": [],
        "messages": 14,
        "ours": {"passed": 7, "failed": 0},
        "senders": [],
        "others": {"passed": 2, "failed": {"reject": 5}},
    }


def test_parsedmarc_reads_the_same() -> None:
    """Another reader, which many run: what is well formed means the same to both."""
    import parsedmarc

    told = read([Item("r", GOOD.encode(), message=False, names=())], frozenset(), None)
    theirs = parsedmarc.parse_aggregate_report_xml(
        GOOD, offline=True, always_use_local_files=True, normalize_timespan_threshold_hours=1e6
    )
    rows = [(r.source, r.sender, r.messages, r.disposition, r.dkim, r.spf) for r in told.aggregates[0].rows]
    assert rows == [
        (
            r["source"]["ip_address"],
            r["identifiers"]["header_from"],
            r["count"],
            r["policy_evaluated"]["disposition"],
            r["policy_evaluated"]["dkim"] == "pass",
            r["policy_evaluated"]["spf"] == "pass",
        )
        for r in theirs["records"]
    ]
    ours = (
        read([Item("r", json.dumps(tls(3)).encode(), message=False, names=())], frozenset(), None)
        .sessions[0]
        .policies[0]
    )
    other = parsedmarc.parse_smtp_tls_report_json(json.dumps(tls(3)))["policies"][0]
    assert (ours.domain, ours.kind, ours.succeeded, ours.failed) == (
        other["policy_domain"],
        other["policy_type"],
        other["successful_session_count"],
        other["failed_session_count"],
    )


def test_all_files_of_an_archive(tmp_path) -> None:
    bad = aggregate(record(OURS, 3, "fail", "fail"), id_="2")
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as archive:
        archive.writestr("a.xml", GOOD)
        archive.writestr("b.xml", bad)
        archive.writestr("c.json", json.dumps(tls(4)))
        archive.writestr("readme.txt", "Hello")
    code, found = ask(tmp_path / "r.zip")
    assert (code, found["reports"]) == (1, {"dmarc": 2, "tls": 1})
    assert [row["where"] for row in found["left"]] == [f"{tmp_path / 'r.zip'}: readme.txt"]
    (tmp_path / "r.gz").write_bytes(gzip.compress(GOOD.encode()) + gzip.compress(bad.encode()))
    assert ask(tmp_path / "r.gz")[1]["reports"]["dmarc"] == 2
    (tmp_path / "r.eml").write_bytes(
        message(
            "From: a@sender.example",
            GZ,
            ("application/zip", "b.zip", zipped(bad)),
            ("application/gzip", "c.gz", b"broken"),
            ("image/png", "logo.png", b"x"),
        )
    )
    code, found = ask(tmp_path / "r.eml")
    assert (code, found["reports"]["dmarc"]) == (1, 2)
    assert [row["where"] for row in found["left"]] == [f"{tmp_path / 'r.eml'}, c.gz"]


def test_two_texts_in_one_file_are_two_reports(tmp_path) -> None:
    (tmp_path / "r.xml").write_text(GOOD + aggregate(record(OURS, 1, "pass", "pass"), id_="2"))
    assert ask(tmp_path / "r.xml")[1]["reports"]["dmarc"] == 2
    (tmp_path / "r.json").write_text("\n".join(json.dumps(tls(**{"report-id": name})) for name in "ab"))
    assert ask(tmp_path / "r.json")[1]["reports"]["tls"] == 2


@pytest.mark.parametrize("address", ["::ffff:198.51.100.13", "::FFFF:C633:640D", " 198.51.100.13 ", "[198.51.100.13]"])
def test_one_address_in_several_spellings(tmp_path, address) -> None:
    (tmp_path / "r.xml").write_text(aggregate(record(address, 3, "fail", "fail")))
    code, found = ask(tmp_path / "r.xml")
    assert (code, found["dmarc"][0]["ours"]["failed"]) == (1, 3)


def test_what_makes_a_report_another_one(tmp_path) -> None:
    """Reporter, id, domain and period; the very same report counts once."""
    first = aggregate(record(OURS, 1, "pass", "pass"))
    for name, text in {
        "first": first,
        "again": first,
        "reporter": aggregate(record(OURS, 1, "pass", "pass"), org="other.example"),
        "contact": first.replace("dmarc@receiver.example", "dmarc@other.example"),
        "period": first.replace(str(BEGIN), str(BEGIN - 86400)),
        "domain": first.replace("<domain>example.org</domain><adkim>", "<domain>lists.example.org</domain><adkim>"),
        "id": aggregate(record(OURS, 1, "pass", "pass"), id_="1@x"),
        "id as well": aggregate(record(OURS, 1, "pass", "pass"), id_="1@y"),
        "contradiction": first.replace("<count>1<", "<count>50<"),
    }.items():
        (tmp_path / f"{name}.xml").write_text(text)
    found = ask(tmp_path)[1]
    assert found["reports"]["dmarc"] == 7
    assert found["dmarc"][0]["messages"] == 7  # of two that contradict each other the first counts
    assert len(found["left"]) == 1
    assert "for the same days" in found["left"][0]["why"]


def test_a_half_report_counts_until_the_whole_one_comes(tmp_path) -> None:
    (tmp_path / "a").write_text(GOOD[: GOOD.rindex("<record>")])
    found = ask(tmp_path)[1]
    assert found["dmarc"][0]["messages"] == 9
    assert [row["why"] for row in found["left"]] == [
        "part of the report 1 of receiver.example: it is cut off; what came after that is missing"
    ]
    (tmp_path / "a").write_bytes(gzip.compress(GOOD.encode())[:-60])
    assert "cut off" in ask(tmp_path)[1]["left"][0]["why"]
    (tmp_path / "a").write_text(GOOD[: GOOD.rindex("<record>")])
    (tmp_path / "b").write_text(GOOD)
    found = ask(tmp_path)[1]
    assert (found["dmarc"][0]["messages"], found["left"]) == (14, [])


def test_records_that_cannot_be_counted_are_named(tmp_path) -> None:
    (tmp_path / "r").write_text(
        aggregate(
            record(OURS, 3, "pass", "pass"),
            record("nowhere", 1, "pass", "pass"),
            record("nowhere", 1, "pass", "pass"),
            record(OURS, -1, "pass", "pass"),
        )
    )
    found = ask(tmp_path)[1]
    assert found["dmarc"][0]["messages"] == 3
    assert [row["why"].partition(": ")[2] for row in found["left"]] == [
        "2 of 4 records: no IP address: nowhere",
        "1 of 4 records: no number of messages: -1",
    ]


def test_policies_without_a_domain(tmp_path) -> None:
    """RFC 8460 has the domain in the subject and the file's name too; what is about no domain takes no other policy
    with it."""

    def policy(domain: str | None, failed: object) -> dict[str, object]:
        return {
            "policy": {"policy-type": "no-policy-found"} | ({"policy-domain": domain} if domain else {}),
            "summary": {"total-successful-session-count": 1, "total-failure-session-count": failed},
        }

    mixed = json.dumps(tls(policies=[policy(None, 0), policy("example.org", 7)]))
    (tmp_path / "mixed.json").write_text(mixed)
    code, found = ask(tmp_path)
    assert (code, found["tls"][0]["failed"]) == (1, 7)
    assert "policy 1 of 2: no policy-domain" in found["left"][0]["why"]
    (tmp_path / "mixed.json").rename(tmp_path / "sender.example!example.org!1795132800!1795219199!1.json")
    assert ask(tmp_path)[1]["tls"][0]["succeeded"] == {"no-policy-found": 2}
    for place in tmp_path.iterdir():
        place.unlink()
    (tmp_path / "r").write_bytes(mail(gzip.compress(mixed.encode()), "application/tlsrpt+gzip"))
    assert ask(tmp_path)[1]["tls"][0]["succeeded"] == {"no-policy-found": 2}
    (tmp_path / "r").write_text(json.dumps(tls(policies=[policy("example.org", None), policy("example.org", 2), 5])))
    code, found = ask(tmp_path)
    assert (code, found["tls"][0]["failed"], found["tls"][0]["succeeded"]) == (1, 2, {"no-policy-found": 2})
    assert len(found["left"]) == 2


def test_what_lies_in_a_directory_is_counted_or_named(tmp_path) -> None:
    (tmp_path / "good.xml").write_text(GOOD)
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(33 * 1024**2)
    (tmp_path / "itself").symlink_to(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "gone").symlink_to("nothing")
    (tmp_path / "box").write_bytes(
        b"From a\n"
        + mail(GZ[2])
        + b"\n\nFrom b\nSubject: dmarc\n\n"
        + (b"x" * 999 + b"\n") * (34 * 1024)
        + b"\nFrom c\nSubject: no\n\nMay\nFrom there\n"
    )
    code, found = ask(tmp_path)
    assert (code, found["dmarc"][0]["messages"]) == (0, 14)
    assert {row["where"].removeprefix(f"{tmp_path}/"): row["why"].partition(";")[0] for row in found["left"]} == {
        "pipe": "a pipe, socket or device, no file",
        "large": "larger than 32 MiB",
        "itself": "a link to a directory that is read already",
        "loop": "Too many levels of symbolic links",
        "gone": "No such file or directory",
        "box: message 2": "larger than 32 MiB",
        "box: message 3": (
            'a message with the subject "no", which is not a valid report: no XML, JSON, zip or gzip is attached'
        ),
    }


@pytest.mark.skipif(
    os.geteuid() == 0 and not Path("/proc/self/mem").exists(), reason="needs a file that not even root can read"
)
def test_an_unreadable_file_is_named(tmp_path) -> None:
    (tmp_path / "good.xml").write_text(GOOD)
    if os.geteuid():
        (tmp_path / "bad").write_text(GOOD)
        (tmp_path / "bad").chmod(0)
    else:
        (tmp_path / "bad").symlink_to("/proc/self/mem")
    found = ask(tmp_path)[1]
    assert found["dmarc"][0]["messages"] == 14
    assert [row["where"] for row in found["left"]] == [str(tmp_path / "bad")]


def test_folders_of_a_maildir(tmp_path) -> None:
    for name in ("cur", "new", "tmp", ".Reports/cur", ".Reports/new"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".Reports/new/1").write_bytes(mail(GZ[2]))
    assert ask(tmp_path)[1]["reports"]["dmarc"] == 1


def test_two_thousand_mutants_stop_nothing_and_vanish_nowhere() -> None:
    """Forms of real producers, spoiled by a seeded hand: each is counted or named, and the good report beside it is
    always counted."""
    forms = [
        GOOD.encode(),
        json.dumps(tls(3)).encode(),
        zipped(GOOD),
        *(data for name, data in sorted((FORMS | STRANGE).items()) if len(data) < 20000),
    ]
    hand, site = random.Random(15), load(SITE, keys=False).site
    good = Item("good", aggregate(record(OURS, 1, "pass", "pass"), id_="good").encode(), message=False, names=())
    for number in range(2000):
        data = bytearray(hand.choice(forms))
        for _ in range(hand.choice((1, 1, 3, 20))):
            at, more = hand.randrange(len(data) + 1), hand.randrange(1, 40)
            match hand.randrange(5):
                case 0:
                    data[at : at + 1] = bytes([hand.randrange(256)])
                case 1:
                    del data[at : at + more]
                case 2:
                    data[at:at] = data[at : at + more]
                case 3:
                    data[at:at] = hand.choice(
                        (
                            b"\0",
                            b"\x1b[2J",
                            b"<",
                            b">",
                            b"</record>",
                            b"--b\n",
                            b"\xff",
                            b"=?",
                            b'"',
                            b"{",
                            b"]",
                            b"&#x0;",
                            b"\r\n",
                            b"9" * 30,
                        )
                    )
                case 4:
                    del data[at:]
        bad = Item("bad", bytes(data), message=hand.random() < 0.5, names=(bytes(data[:30]).decode("latin-1"),))
        told = read([bad, good], frozenset({"mail.example.org"}), None)
        assert "good" in {r.id for r in told.aggregates}, (number, bytes(data))
        assert len(told.aggregates) + len(told.sessions) > 1 or any(row.where.startswith("bad") for row in told.left), (
            number,
            bytes(data),
        )
        assert not any(row.why.startswith("cannot be read: ") for row in told.left), (number, told.left)
        count(told, site)


def test_subdomains_and_strangers(tmp_path) -> None:
    (tmp_path / "r.xml").write_text(
        aggregate(
            record(OURS, 1, "pass", "pass", sender="lists.example.org"),
            record(OURS, 1, "fail", "fail", sender="other.example"),
        )
    )
    code, found = ask(tmp_path / "r.xml")
    assert (code, found["strangers"], found["dmarc"][0]["messages"]) == (0, ["other.example"], 1)


def test_days(tmp_path) -> None:
    (tmp_path / "r.xml").write_text(
        GOOD.replace(str(BEGIN), str(BEGIN - 400 * 86400)).replace(str(END), str(END - 400 * 86400))
    )
    assert ask(tmp_path / "r.xml")[1]["reports"]["dmarc"] == 1
    assert ask(tmp_path / "r.xml", "--days", "30")[1]["reports"]["dmarc"] == 0


def test_what_cannot_be_read_is_an_error(tmp_path, capfd) -> None:
    done = CliRunner().invoke(app, ["reports", str(SITE), str(tmp_path / "none")])
    assert isinstance(done.exception, GmconfError)
    assert str(done.exception) == f"{tmp_path / 'none'}: No such file or directory"


def test_ssh_that_fails_is_told_as_such(tmp_path) -> None:
    done = CliRunner().invoke(
        app,
        [
            "reports",
            str(SITE),
            "--ssh-option",
            "HostName=127.0.0.1",
            "--ssh-option",
            "Port=9",
            "--ssh-option",
            "UserKnownHostsFile=/dev/null",
        ],
    )
    assert isinstance(done.exception, GmconfError)
    text = str(done.exception)
    assert text.startswith(
        "ssh mail.example.org, mailbox alice@example.org: ssh: connect to host 127.0.0.1 port 9: Connection refused;"
        " give what ssh needs"
    )


def test_mailboxes_of_reports(tmp_path) -> None:
    def of(dns: str, aliases: str = "") -> dict[str, str]:
        text = SITE.read_text()
        assert "\ndns:" not in text
        (tmp_path / "site.yml").write_text(text + f"\ndns: {dns}\n")
        return store.mailboxes(load(tmp_path / "site.yml", keys=False).mail)

    postmaster = load(SITE, keys=False).site.organisation.postmaster
    assert set(of("{}").values()) == {postmaster}
    assert of("{tls_reports: alice@example.org}")["alice@example.org"] == "alice@example.org"
    with pytest.raises(
        GmconfError, match=r"reports go to dmarc@example\.com, where this site has no mailbox; name the files"
    ):
        of("{reports: dmarc@example.com}")
