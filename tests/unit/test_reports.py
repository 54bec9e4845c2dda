"""Reports of others: read whatever way they come, counted once, and never trusted further than they go."""

from __future__ import annotations

import gzip
import io
import json
import mailbox
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest
from conftest import ROOT
from typer.testing import CliRunner

from gmconf.cli import app
from gmconf.errors import GmconfError
from gmconf.load import load
from gmconf.reports import store

SITE = ROOT / "examples/single/site.yml"
OURS, ELSEWHERE = "198.51.100.13", "203.0.113.77"
BEGIN, END = 1795132800, 1795219199  # 2026-11-20, seconds


def record(source: str, count: int, dkim: str, spf: str, disposition: str = "none", sender: str = "example.org") -> str:
    return (f"<record><row><source_ip>{source}</source_ip><count>{count}</count><policy_evaluated><disposition>{disposition}</disposition><dkim>{dkim}</dkim>"
            f"<spf>{spf}</spf></policy_evaluated></row><identifiers><header_from>{sender}</header_from></identifiers><auth_results><dkim><domain>{sender}</domain>"
            f"<selector>s1</selector><result>{dkim}</result></dkim><spf><domain>{sender}</domain><result>{spf}</result></spf></auth_results></record>")  # fmt: skip


def aggregate(*records: str, id_: str = "1", org: str = "receiver.example") -> str:
    return (f'<?xml version="1.0"?><feedback><report_metadata><org_name>{org}</org_name><email>dmarc@receiver.example</email><report_id>{id_}</report_id>'
            f"<date_range><begin>{BEGIN}</begin><end>{END}</end></date_range></report_metadata><policy_published><domain>example.org</domain><adkim>s</adkim>"
            f"<aspf>s</aspf><p>reject</p><sp>reject</sp><pct>100</pct></policy_published>{''.join(records)}</feedback>")  # fmt: skip


def tls(failed: int = 0, domain: str = "example.org", **more: object) -> dict[str, object]:
    details = [{"result-type": "certificate-expired", "receiving-mx-hostname": "mail.example.org", "failed-session-count": failed}] if failed else []
    return {"organization-name": "Sender Inc.", "date-range": {"start-datetime": "2026-11-20T00:00:00Z", "end-datetime": "2026-11-20T23:59:59Z"},
            "contact-info": "tls@sender.example", "report-id": "t1", "policies": [{"policy": {"policy-type": "sts", "policy-domain": domain},
            "summary": {"total-successful-session-count": 90, "total-failure-session-count": failed}, "failure-details": details}], **more}  # fmt: skip


def mail(data: bytes, kind: str = "application/gzip", results: str = "", sender: str = "dmarc@receiver.example") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "postmaster@example.org", "Report Domain: example.org Submitter: receiver.example Report-ID: 1"
    message["Date"] = "Sat, 21 Nov 2026 01:00:00 +0000"
    if results:
        message["Authentication-Results"] = results
    message.set_content("A report.\n")
    main, _, sub = kind.partition("/")
    message.add_attachment(data, main, sub, filename="receiver.example!example.org!1!2.xml.gz")
    return message.as_bytes()


def zipped(text: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("report.xml", text)
    return out.getvalue()


def ask(*argv: str | Path) -> tuple[int, dict]:
    done = CliRunner().invoke(app, ["reports", str(SITE), *map(str, argv), "--format", "json"])
    assert done.exit_code in (0, 1), done.output
    return done.exit_code, json.loads(done.stdout)


GOOD = aggregate(record(OURS, 7, "pass", "pass"), record(ELSEWHERE, 2, "pass", "fail"), record(ELSEWHERE, 5, "fail", "fail", "reject"))


@pytest.mark.parametrize("data", [GOOD.encode(), gzip.compress(GOOD.encode()), zipped(GOOD), mail(gzip.compress(GOOD.encode())), mail(zipped(GOOD), "application/zip")],
                         ids=["xml", "gzip", "zip", "message with gzip", "message with zip"])  # fmt: skip
def test_one_report_in_every_wrapping(tmp_path, data) -> None:
    (tmp_path / "report").write_bytes(data)
    code, found = ask(tmp_path / "report")
    assert code == 0
    assert found["dmarc"] == [{"domain": "example.org", "reporters": ["receiver.example"], "messages": 14, "ours": {"passed": 7, "failed": 0},
                               "others": {"passed": 2, "failed": {"reject": 5}}}]  # fmt: skip
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
    (tmp_path / "r.xml").write_text(aggregate(record(OURS, 3, "fail", "fail", "reject"), record(OURS, 2, "pass", "fail"), record(ELSEWHERE, 4, "fail", "fail")))
    code, found = ask(tmp_path / "r.xml")
    assert code == 1
    assert [(p["status"], p["subject"]) for p in found["problems"]] == [("fail", "example.org"), ("warn", "example.org"), ("warn", "example.org")]
    said = CliRunner().invoke(app, ["reports", str(SITE), str(tmp_path / "r.xml")])
    assert said.exit_code == 1
    assert "FAIL example.org: 3 messages of mail.example.org failed DMARC at receiver.example: DKIM example.org/s1 fail; SPF example.org fail" in said.stdout
    assert "from our hosts 2 passed, 3 failed; from elsewhere 0 passed, 4 failed (4 delivered)" in said.stdout
    assert said.stdout.splitlines()[-1] == "1 report on DMARC, 0 on TLS, 2026-11-20 00:00 to 2026-11-20 23:59 UTC: 1 failure, 2 warnings"


@pytest.mark.parametrize("wrapped", [False, True], ids=["json", "message"])
@pytest.mark.parametrize("failed", [0, 10])
def test_tls(tmp_path, wrapped, failed) -> None:
    text = json.dumps(tls(failed)).encode()
    (tmp_path / "r").write_bytes(mail(gzip.compress(text), "application/tlsrpt+gzip") if wrapped else text)
    code, found = ask(tmp_path / "r")
    assert code == (1 if failed else 0)
    assert found["tls"] == [{"domain": "example.org", "reporters": ["Sender Inc."], "succeeded": {"sts": 90}, "failed": failed,
                             "failures": [{"kind": "certificate-expired", "mx": "mail.example.org", "sessions": 10}] if failed else []}]  # fmt: skip
    assert [p["what"] for p in found["problems"]] == (["10 of 100 sessions failed, seen by Sender Inc.: certificate-expired at mail.example.org (10)"] if failed else [])


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
    assert [row["why"] for row in found["left"]] == ["sent in the name of receiver.example, which this site's own check did not confirm"] * 3
    for number, results in enumerate((us + "dkim=pass header.d=receiver.example header.s=s; dmarc=pass (policy=none) header.from=receiver.example",
                                      us + "dkim=pass header.d=example header.s=s; dmarc=none", "elsewhere.example; dmarc=fail")):  # fmt: skip
        (tmp_path / "good").write_bytes(mail(gzip.compress(aggregate(record(OURS, 1, "pass", "pass"), id_=str(number)).encode()), results=results))
        assert ask(tmp_path / "good")[1]["reports"]["dmarc"] == 1


HOSTILE = {
    "entity": '<?xml version="1.0"?><!DOCTYPE f [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>' + GOOD.split("?>", 1)[1].replace("receiver.example", "&b;"),
    "negative": aggregate(record(OURS, -4, "pass", "pass")),
    "no number": aggregate(record(OURS, 1, "pass", "pass")).replace("<count>1<", "<count>many<"),
    "no address": aggregate(record("mail.example.org", 1, "pass", "pass")),
    "late": aggregate(record(OURS, 1, "pass", "pass")).replace(str(BEGIN), "9" * 30),
    "sessions": json.dumps(tls(policies=[{"policy": {"policy-type": "sts", "policy-domain": ["x"]}, "summary": {"total-successful-session-count": "x", "total-failure-session-count": None}}])),
    "times": json.dumps(tls(**{"date-range": {"start-datetime": "yesterday", "end-datetime": 5}})),
    "half": GOOD[:400],
    "empty": "",
}  # fmt: skip


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


def test_subdomains_and_strangers(tmp_path) -> None:
    (tmp_path / "r.xml").write_text(aggregate(record(OURS, 1, "pass", "pass", sender="lists.example.org"), record(OURS, 1, "fail", "fail", sender="other.example")))
    code, found = ask(tmp_path / "r.xml")
    assert (code, found["strangers"], found["dmarc"][0]["messages"]) == (0, ["other.example"], 1)


def test_days(tmp_path) -> None:
    (tmp_path / "r.xml").write_text(GOOD.replace(str(BEGIN), str(BEGIN - 400 * 86400)).replace(str(END), str(END - 400 * 86400)))
    assert ask(tmp_path / "r.xml")[1]["reports"]["dmarc"] == 1
    assert ask(tmp_path / "r.xml", "--days", "30")[1]["reports"]["dmarc"] == 0


def test_what_cannot_be_read_is_an_error(tmp_path, capfd) -> None:
    done = CliRunner().invoke(app, ["reports", str(SITE), str(tmp_path / "none")])
    assert isinstance(done.exception, GmconfError)
    assert str(done.exception) == f"{tmp_path / 'none'}: No such file or directory"


def test_mailboxes_of_reports(tmp_path) -> None:
    def of(dns: str, aliases: str = "") -> dict[str, str]:
        text = SITE.read_text()
        assert "\ndns:" not in text
        (tmp_path / "site.yml").write_text(text + f"\ndns: {dns}\n")
        return store.mailboxes(load(tmp_path / "site.yml", keys=False).mail)

    postmaster = load(SITE, keys=False).site.organisation.postmaster
    assert set(of("{}").values()) == {postmaster}
    assert of("{tls_reports: alice@example.org}")["alice@example.org"] == "alice@example.org"
    with pytest.raises(GmconfError, match=r"reports go to dmarc@example\.com, which is no mailbox of this site; name the files"):
        of("{reports: dmarc@example.com}")
