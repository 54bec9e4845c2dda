"""Aggregate reports: what other domains learn about mail in their name."""

from __future__ import annotations

import contextlib
import email
import gzip
import io
import smtplib
import uuid
import xml.etree.ElementTree as ET
import zipfile

import lab
import pytest
import sites
from clients import message, outside
from test_outgoing import signatures

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
def test_others_learn_how_mail_in_their_name_fared(mx) -> None:
    # rspamd takes no name for one whose top-level domain does not exist. Of those that do, nobody registers names under .arpa.
    elsewhere = f"reports.{sites.domain(sites.partner(mx.machine))}"
    asks, forgot = (f"{uuid.uuid4().hex[:8]}.arpa" for _ in range(2))
    lab.zone(f"reports-{mx.machine.name}", f'{elsewhere}. 5 MX 10 mx.{mx.out}.\n{asks}._report._dmarc.{elsewhere}. 5 TXT "v=DMARC1"\n' + "".join(
        f'{name}. 5 MX 10 client.sender.example.\n{name}. 5 TXT "v=spf1 ip4:{sites.CLIENT} -all"\n'
        f'_dmarc.{name}. 5 TXT "v=DMARC1; p=reject; rua=mailto:{name}@{elsewhere}"\n' for name in (asks, forgot)
    ))  # fmt: skip
    # The resolver may still know for sure that nothing lies between the names around these.
    mx.ssh("unbound-control -q flush_zone .; unbound-control -q flush_negative")
    for name, envelope in ((asks, asks), (asks, asks), (asks, "sender.example"), (forgot, forgot)):
        with outside(mx) as smtp, contextlib.suppress(smtplib.SMTPDataError):
            smtp.sendmail(f"x@{envelope}", [f"alice@{mx.domain}"], message(f"x@{name}", f"alice@{mx.domain}").as_bytes())
    # The service reports on yesterday, and this is today's mail.
    mx.ssh(f"mkdir -p {DROP_IN}; printf '[Service]\\nExecStart=\\nExecStart=/usr/bin/rspamadm dmarc_report %s\\n' $(date +%Y%m%d) > {DROP_IN}/today.conf; "
           "systemctl daemon-reload")  # fmt: skip
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
    assert {spf: (row.findtext("count"), row.findtext("policy_evaluated/disposition"), row.findtext("source_ip")) for spf, row in rows.items()} == {
        "pass": ("2", "none", sites.CLIENT), "fail": ("1", "reject", sites.CLIENT)}  # fmt: skip
    # Who names another's mailbox that never agreed to it gets nothing sent there (RFC 9990).
    assert not [taken for taken in mx.sink.taken if forgot.encode() in taken.data]
