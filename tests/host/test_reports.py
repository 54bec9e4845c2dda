"""Aggregate reports: what other domains learn about mail in their name."""

from __future__ import annotations

import contextlib
import email
import gzip
import io
import json
import smtplib
import subprocess
import sys
import time
import uuid
import xml.etree.ElementTree as ET
import zipfile
from email.message import EmailMessage

import lab
import pytest
import sites
from clients import message, outside
from test_outgoing import signatures
from test_verify import options

DROP_IN = "/run/systemd/system/gmconf-dmarc-report.service.d"


def unpacked(data: bytes) -> ET.Element:
    """The report in a message."""
    for part in email.message_from_bytes(data).walk():
        packed = part.get_payload(decode=True)
        if part.get_content_type() in {"application/gzip", "application/x-gzip"}:
            return ET.fromstring(gzip.decompress(packed))
        if part.get_content_type() == "application/zip":
            with zipfile.ZipFile(io.BytesIO(packed)) as found:
                return ET.fromstring(found.read(found.namelist()[0]))
    raise AssertionError("no report inside")


@pytest.mark.control("auth.dmarc-send-rua")
@pytest.mark.case("TR-03182-J-01", "TR-03182-J-02")
def test_others_learn_how_mail_in_their_name_fared(mx) -> None:
    # rspamd takes no name for one whose top-level domain does not exist. Of those that do, nobody registers names under
    # .arpa.
    elsewhere = f"reports.{sites.domain(sites.partner(mx.machine))}"
    asks, forgot = (f"{uuid.uuid4().hex[:8]}.arpa" for _ in range(2))
    lab.zone(
        f"reports-{mx.machine.name}",
        f'{elsewhere}. 5 MX 10 mx.{mx.out}.\n{asks}._report._dmarc.{elsewhere}. 5 TXT "v=DMARC1"\n'
        + "".join(
            f'{name}. 5 MX 10 client.sender.example.\n{name}. 5 TXT "v=spf1 ip4:{sites.CLIENT} -all"\n_dmarc.{name}. 5'
            f' TXT "v=DMARC1; p=reject; rua=mailto:{name}@{elsewhere}; ruf=mailto:failures@{elsewhere}"\n'
            for name in (asks, forgot)
        ),
    )
    # The resolver may still know for sure that nothing lies between the names around these.
    mx.ssh("unbound-control -q flush_zone .; unbound-control -q flush_negative")
    for name, envelope in ((asks, asks), (asks, asks), (asks, "sender.example"), (forgot, forgot)):
        with outside(mx) as smtp, contextlib.suppress(smtplib.SMTPDataError):
            smtp.sendmail(
                f"x@{envelope}", [f"alice@{mx.domain}"], message(f"x@{name}", f"alice@{mx.domain}").as_bytes()
            )
    # The service reports on yesterday, and this is today's mail.
    mx.ssh(
        f"mkdir -p {DROP_IN}; printf '[Service]\\nExecStart=\\nExecStart=/usr/bin/rspamadm dmarc_report %s\\n' $(date"
        f" +%Y%m%d) > {DROP_IN}/today.conf; systemctl daemon-reload"
    )
    try:
        mx.ssh("systemctl start gmconf-dmarc-report.service")
    finally:
        mx.ssh(f"rm -r {DROP_IN}; systemctl daemon-reload")
    received = mx.sink.wait(f"Report Domain: {asks}")
    assert received.recipients == (f"{asks}@{elsewhere}",)
    assert received.sender.endswith(f"@{mx.domain}")
    assert signatures(received.data) == {"rsa-sha256": True, "ed25519-sha256": True}
    report = unpacked(received.data)
    assert report.findtext("report_metadata/org_name") == "Test"
    assert report.findtext("policy_published/domain") == asks
    rows = {row.findtext("policy_evaluated/spf"): row for row in report.iterfind("record/row")}
    assert {
        spf: (row.findtext("count"), row.findtext("policy_evaluated/disposition"), row.findtext("source_ip"))
        for spf, row in rows.items()
    } == {"pass": ("2", "none", sites.CLIENT), "fail": ("1", "reject", sites.CLIENT)}
    # Reports with whole messages are nobody's business.
    assert not [taken for taken in mx.sink.taken if f"failures@{elsewhere}" in taken.recipients]
    # Who names another's mailbox that never agreed to it gets nothing sent there (RFC 9990).
    assert not [taken for taken in mx.sink.taken if forgot.encode() in taken.data]


def counted(mx, *files: object) -> tuple[int, dict]:
    """What gmconf reports says of a site."""
    words = [word for option in options(mx) for word in ("--ssh-option", option)]
    command = [
        sys.executable,
        "-m",
        "gmconf",
        "reports",
        str(mx.folder / "site.yml"),
        *map(str, files),
        "--format",
        "json",
        *words,
    ]
    done = subprocess.run(command, cwd=lab.ROOT, text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def report(mx, sender: str, about: str, kind: str, data: bytes) -> EmailMessage:
    built = message(f"reports@{sender}", f"alice@{mx.domain}", "A report.\n")
    del built["Subject"], built["Date"]
    built["Subject"] = f"Report Domain: {about} Submitter: {sender} Report-ID: <{uuid.uuid4().hex}>"
    built["Date"] = email.utils.formatdate()
    main, _, sub = kind.partition("/")
    built.add_attachment(gzip.compress(data), main, sub, filename=f"{sender}!{about}!1!2.gz")
    return built


@pytest.mark.control("auth.dmarc-receive-eval")
@pytest.mark.control("tls.rpt-eval")
@pytest.mark.case("TR-03182-I-01", "TR-03182-K-01")
def test_reports_that_arrive_become_numbers(mx) -> None:
    """As strangers mail them, past the filter and into the mailbox, from where they are read without a mark left
    behind."""
    honest, forger = (f"{uuid.uuid4().hex[:8]}.arpa" for _ in range(2))
    lab.zone(
        f"reporters-{mx.machine.name}",
        "".join(
            f'{name}. 5 MX 10 client.sender.example.\n{name}. 5 TXT "v=spf1 {terms} -all"\n_dmarc.{name}. 5 TXT'
            ' "v=DMARC1; p=none"\n'
            for name, terms in ((honest, f"ip4:{sites.CLIENT}"), (forger, ""))
        ),
    )
    mx.ssh("unbound-control -q flush_zone .; unbound-control -q flush_negative")
    today = int(time.time()) // 86400 * 86400
    rows = "".join(
        f"<record><row><source_ip>{ip}</source_ip><count>{count}</count><policy_evaluated><disposition>{did}</disposition><dkim>{result}</dkim><spf>{result}</spf>"
        f"</policy_evaluated></row><identifiers><header_from>{mx.domain}</header_from></identifiers><auth_results><dkim><domain>{mx.domain}</domain><selector>s"
        f"</selector><result>{result}</result></dkim><spf><domain>{mx.domain}</domain><result>{result}</result></spf></auth_results></record>"
        for ip, count, result, did in (
            (mx.ip4, 40, "pass", "none"),
            (mx.ip6, 1, "fail", "reject"),
            ("203.0.113.5", 9, "fail", "reject"),
        )
    )
    dmarc = (
        "<?xml version='1.0'?>"
        f"<feedback><report_metadata><org_name>{honest}</org_name><email>reports@{honest}</email><report_id>1</report_id>"
        f"<date_range><begin>{today - 86400}</begin><end>{today}</end></date_range></report_metadata>"
        f"<policy_published><domain>{mx.domain}</domain><p>reject</p></policy_published>{rows}</feedback>"
    ).encode()
    day = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(today))
    tls = json.dumps(
        {
            "organization-name": honest,
            "date-range": {"start-datetime": day, "end-datetime": day},
            "contact-info": f"tls@{honest}",
            "report-id": "2",
            "policies": [
                {
                    "policy": {"policy-type": "tlsa", "policy-domain": mx.domain},
                    "summary": {"total-successful-session-count": 8, "total-failure-session-count": 0},
                }
            ],
        }
    ).encode()
    _, before = counted(mx)
    for sender, kind, data in (
        (honest, "application/gzip", dmarc),
        (honest, "application/tlsrpt+gzip", tls),
        (forger, "application/gzip", dmarc.replace(b">1</rep", b">3</rep")),
    ):
        with outside(mx) as smtp:
            smtp.sendmail(
                f"reports@{sender}", [f"alice@{mx.domain}"], report(mx, sender, mx.domain, kind, data).as_bytes()
            )
    deadline = time.monotonic() + 60
    while True:
        code, found = counted(mx)
        if str(found["dmarc"]).count(honest) and str(found["tls"]).count(honest) and str(found["left"]).count(forger):
            break
        assert time.monotonic() < deadline, found
        time.sleep(1)
    unseen = f"doveadm search -u alice@{mx.domain} mailbox '*' unseen"
    before_reading = set(mx.ssh(unseen).splitlines())
    assert counted(mx) == (code, found)
    # Late mail of other tests may have come in meanwhile.
    assert set() < before_reading <= set(mx.ssh(unseen).splitlines())
    assert code == 1
    assert ours(found)["failed"] - ours(before)["failed"] == 1
    # The other host of the lab may have reported in between.
    assert 40 <= ours(found)["passed"] - ours(before)["passed"] < 60
    assert sum(t["succeeded"]["tlsa"] for t in found["tls"]) - sum(t["succeeded"]["tlsa"] for t in before["tls"]) == 8
    assert [
        p["subject"]
        for p in found["problems"]
        if p["status"] == "fail" and f"of {mx.name} failed DMARC at " in p["what"]
    ] == [mx.domain]
    assert [row["why"] for row in found["left"] if forger in row["why"]] == [
        f"sent in the name of {forger}, which this site's own check did not confirm"
    ]


def ours(found: dict) -> dict[str, int]:
    return found["dmarc"][0]["ours"] if found["dmarc"] else {"passed": 0, "failed": 0}
