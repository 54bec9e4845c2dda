"""Reports that go to several addresses (dns.reports, dns.tls_reports): published together, compared as a set,
authorised by each zone."""

from __future__ import annotations

from datetime import date

import pytest
from dnssite import SITE, made, whole, zones
from nameserver import Knot, free_port

from gmconf.assess.check import check
from gmconf.build.variants import GONE, alternatives, changed, field_of
from gmconf.derived import policies as published
from gmconf.dns import records, spelling
from gmconf.dns.live import survey
from gmconf.dns.live.ask import Server
from gmconf.feedback.store import mailboxes
from gmconf.site.load import Loaded

TODAY = date(2026, 11, 23)
NS = ["ns1.lab.test. 60 A 127.0.0.2", "ns2.lab.test. 60 A 127.0.0.3"]
SEVERAL = SITE.replace(
    "reports: reports@example.org",
    "reports: [reports@example.org, dmarc@analyser.test]\n  tls_reports: [bob@a.example.org, tls@analyser.test]",
)


def site(folder, text: str = SEVERAL) -> Loaded:
    return made(folder, text)


def found(loaded: Loaded) -> dict[str, str]:
    return {r.owner: "".join(r.rdata) for r in records(loaded) if r.type == "TXT"}


def test_both_are_published(tmp_path) -> None:
    texts = found(site(tmp_path))
    assert texts["_dmarc.example.net"].endswith("; rua=mailto:reports@example.org,mailto:dmarc@analyser.test")
    assert texts["_smtp._tls.example.org"] == "v=TLSRPTv1; rua=mailto:bob@a.example.org,mailto:tls@analyser.test"


def test_one_alone_is_written_as_before(tmp_path) -> None:
    one, many = (
        site(tmp_path / name, SITE.replace("reports: reports@example.org", f"reports: {text}"))
        for name, text in (("one", "reports@example.org"), ("list", "[reports@example.org]"))
    )
    assert (
        published.reports_to(one.site)
        == published.reports_to(many.site)
        == published.tls_reports_to(one.site)
        == ("reports@example.org",)
    )


def test_each_zone_agrees_to_get_them(tmp_path) -> None:
    loaded = site(tmp_path)
    names = {owner for owner in found(loaded) if "._report." in owner}
    everyone = {d.name for d in loaded.site.domains}
    assert names == {f"{n}._report._dmarc.analyser.test" for n in everyone} | {
        f"{n}._report._dmarc.example.org" for n in everyone - {"example.org", "a.example.org"}
    }
    part = "".join(next(lines for name, lines in spelling.zones(loaded, "zone") if name == "analyser.test"))
    assert "give these records to whoever keeps it" in part
    # The zone of others is not looked at here: gmconf dns check asks it.
    assert {r.status for r in check(loaded, today=TODAY) if r.control == "auth.dmarc-extreport"} == {"pass", "unseen"}


@pytest.mark.parametrize(
    ("out", "into", "wrong"),
    [
        ("", (), set()),
        (
            "_dmarc.example.org.",
            (
                (
                    '_dmarc.example.org. 60 TXT "v=DMARC1; p=reject; np=reject; adkim=s; aspf=s;'
                    ' rua=mailto:DMARC@analyser.test , mailto:reports@example.org"'
                ),
            ),
            set(),
        ),
        (
            "_dmarc.example.org.",
            (
                (
                    '_dmarc.example.org. 60 TXT "v=DMARC1; p=reject; np=reject; adkim=s; aspf=s;'
                    ' rua=mailto:reports@example.org"'
                ),
            ),
            {("auth.dmarc-publish", "example.org")},
        ),
        (
            "_smtp._tls.example.org.",
            ('_smtp._tls.example.org. 60 TXT "v=TLSRPTv1; rua=mailto:tls@analyser.test,mailto:bob@a.example.org"',),
            set(),
        ),
        (
            "_smtp._tls.example.org.",
            ('_smtp._tls.example.org. 60 TXT "v=TLSRPTv1; rua=mailto:tls@analyser.test"',),
            {("tls.rpt", "example.org")},
        ),
        ("parked.example._report._dmarc.analyser.test.", (), {("auth.dmarc-extreport", "parked.example")}),
    ],
    ids=["as printed", "another order", "one missing", "TLS in another order", "TLS one missing", "not agreed"],
)
def test_compared_as_a_set(tmp_path, out, into, wrong) -> None:
    loaded = site(tmp_path / "site")
    served = {
        name: [line for line in lines if not (out and line.startswith(f"{out} "))]
        for name, lines in zones(records(loaded)).items()
    } | {"lab.test": NS}
    served["example.org"] += into
    port = free_port()
    knot = Knot(
        tmp_path / "dns", ["127.0.0.2", "127.0.0.3"], port, {name: whole(name, lines) for name, lines in served.items()}
    )
    try:
        results = survey(loaded, Server("127.0.0.2", port), TODAY, port=port).results
    finally:
        knot.stop()
    assert {
        (r.control, r.subject) for r in results if r.status != "pass" and not r.where.endswith((" NS", " SOA"))
    } == wrong


def test_mailboxes_of_all_of_them_are_read(tmp_path) -> None:
    assert mailboxes(site(tmp_path).mail) == {
        "reports@example.org": "reports@example.org",
        "bob@a.example.org": "bob@a.example.org",
    }


def test_one_alone_can_be_explained_by_its_number(tmp_path) -> None:
    """As a list has it: ``gmconf explain 'dns.reports[0]'``."""
    loaded = site(tmp_path, SITE)
    field = field_of(loaded.site, "dns.reports[0]")
    others = dict(alternatives(field, loaded.document.data))
    assert changed(loaded.document.data, field.path, others["Without it"])["dns"]["reports"] == []
    assert others["Without it"] is GONE
    assert changed(loaded.document.data, field.path, "x@example.org")["dns"]["reports"] == ["x@example.org"]
