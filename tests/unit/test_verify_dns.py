"""The probes of gmconf verify that ask DNS, against a real name server: each passes, and each fails on a record spoiled
for it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from commands import gmconf
from dnssite import SITE, made, whole, zones
from nameserver import Knot, free_port

from gmconf.dns import records
from gmconf.site.load import Loaded
from gmconf.verify import dns as naming
from gmconf.verify import engine, run
from gmconf.verify.run import Run

# The name servers of the zones are nobody's host here.
NS = ["ns1.lab.test. 60 A 127.0.0.2", "ns2.lab.test. 60 A 127.0.0.2"]
PROBES = [p for p in engine.PROBES.values() if p.harmless == naming.HARMLESS]
SPOILS = (
    ("fcrdns", r" PTR ", "", {("fcrdns", "mail.example.org")}),
    ("helo-spf", r"^mail\S+ \d+ TXT", 'mail.example.org. 60 TXT "v=spf1 +all"', {("helo-spf", "mail.example.org")}),
    ("caa", r"^mail\S+ \d+ CAA 0 issue ", "", {("caa", "mail.example.org")}),
    ("tlsa", r"^_25\._tcp\.mail\S+ \d+ TLSA ", "", {("tlsa", "mail.example.org")}),
    ("mx", r"^example\.net\. \d+ MX", "", {("mx", "example.net")}),
    ("tlsa", r"^_25\._tcp\.mx\S+ \d+ TLSA ", "", {("tlsa", "mail.example.org")}),
    ("caa", r"^imap\S+ \d+ CAA 0 issue ", "", {("caa", "mail.example.org")}),
    ("null-mx", "", "parked.example. 60 MX 10 mail.example.org.", {("null-mx", "parked.example")}),
    ("parked", r"^_dmarc\.parked", "", {("parked", "parked.example")}),
    ("spf", r"^a\.example\.org\. \d+ TXT", 'a.example.org. 60 TXT "v=spf1 mx ~all"', {("spf", "a.example.org")}),
    ("dkim-records", r"^gm4-rsa\._domainkey\.example\.net", "", {("dkim-records", "example.net")}),
    ("dmarc", "", '_dmarc.example.org. 60 TXT "v=DMARC1; p=none"', {("dmarc", "example.org")}),
    (
        "dmarc-reports",
        r"\._report\._dmarc\.",
        "",
        {("dmarc-reports", "example.net"), ("dmarc-reports", "parked.example")},
    ),
    ("tls-reports", r"^_smtp\._tls\.example\.net", "", {("tls-reports", "example.net")}),
    ("srv", r"^_imaps\._tcp\.example\.org", "", {("srv", "example.org")}),
    ("stale", "", 'old-rsa._domainkey.example.org. 60 TXT "v=DKIM1; k=rsa; p=AAAA"', {("stale", "site")}),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Loaded:
    return made(
        tmp_path_factory.mktemp("site"),
        SITE.replace(
            "alias_of: example.org}",
            "alias_of: example.org, dkim: {selector: gm4}, server_names: {clients: imap.example.net, mx:"
            " mx.example.net}}",
        ),
    )


@contextmanager
def serving(folder: Path, loaded: Loaded, out: str = "", into: str = "") -> Iterator[str]:
    """All zones of a site as one, some lines taken out or put in; yields where to ask."""
    lines = [text for part in zones(records(loaded)).values() for text in part if not (out and re.search(out, text))]
    port = free_port()
    knot = Knot(folder / "knot", ["127.0.0.2"], port, {".": whole(".", [*NS, *lines, *filter(None, [into])])})
    try:
        yield f"127.0.0.2:{port}"
    finally:
        knot.stop()


def outcomes(loaded: Loaded, resolver: str) -> dict[tuple[str, str], engine.Outcome]:
    return {
        (o.task.probe.name, o.task.subject): o for o in engine.verify(Run(loaded, "mark", resolver=resolver), PROBES)
    }


def test_what_is_published_passes_every_probe(site, tmp_path) -> None:
    with serving(tmp_path, site) as resolver:
        found = outcomes(site, resolver)
    # Reports about these two go to an address in their own zone.
    own = {("dmarc-reports", "example.org"), ("dmarc-reports", "a.example.org")}
    assert {key for key, o in found.items() if o.status == "na"} == own
    assert {key: o for key, o in found.items() if o.status != "pass" and key not in own} == {}
    assert {name for name, _ in found} == {p.name for p in PROBES} == {row[0] for row in SPOILS}


@pytest.mark.parametrize(("out", "into", "failing"), [row[1:] for row in SPOILS], ids=[row[0] for row in SPOILS])
def test_spoiled_record_fails_its_probe_and_no_other(site, tmp_path, out, into, failing) -> None:
    with serving(tmp_path, site, out, into) as resolver:
        found = outcomes(site, resolver)
    assert {key for key, o in found.items() if o.status not in ("pass", "na")} == failing
    bad = [seen for key in failing for seen in found[key].seen if not seen.holds]
    assert bad
    assert all(seen.remedy.startswith(("publish ", "remove ")) for seen in bad)


def test_tlsa_left_behind_at_a_host(tmp_path) -> None:
    """A site that publishes none: senders that know DANE would hold their mail back."""
    loaded = made(tmp_path / "site", SITE.replace("  tlsa: true\n", ""))
    with serving(tmp_path, loaded, "", f"_25._tcp.mail.example.org. 60 TLSA 3 1 1 {'ab' * 32}") as resolver:
        found = outcomes(loaded, resolver)
    assert {key for key, o in found.items() if o.status not in ("pass", "na")} == {("stale", "site")}
    assert found["tlsa", "mail.example.org"].status == "na"


def test_who_gets_reports_outside_the_site_is_asked(tmp_path) -> None:
    """What allows them lies in a zone in which no host and no domain of the site is."""
    loaded = made(tmp_path / "site", SITE.replace("reports: reports@example.org", "reports: dmarc@reports.example"))
    domains = {("dmarc-reports", d.name) for d in loaded.site.domains}
    with serving(tmp_path / "whole", loaded) as resolver:
        whole_ = outcomes(loaded, resolver)
    with serving(tmp_path / "spoiled", loaded, r"\._report\._dmarc\.reports\.example") as resolver:
        spoiled = outcomes(loaded, resolver)
    assert {whole_[key].status for key in domains} == {"pass"}
    assert {key for key, o in spoiled.items() if o.status not in ("pass", "na")} == domains


def test_asked_once_for_all_probes(site, tmp_path) -> None:
    with serving(tmp_path, site) as resolver:
        looked = Run(site, "mark", resolver=resolver)
        assert list(engine.verify(looked, PROBES))
        first = looked.dns()
    # The name server is gone: what is said now was found before.
    assert looked.dns() is first


def test_resolver_that_is_away_is_waited_for_once(site) -> None:
    started = time.monotonic()
    found = outcomes(site, f"127.0.0.2:{free_port()}")
    assert {o.status for o in found.values()} == {"error"}
    assert {o.text for o in found.values()} == {next(iter(found.values())).text}
    assert "does not answer" in next(iter(found.values())).text
    assert time.monotonic() - started < 30


def test_large_sites_are_sampled(site, tmp_path, monkeypatch) -> None:
    """Domains that are passed over are not asked about, even where one zone holds what concerns them all."""
    monkeypatch.setattr(run, "MANY", 2)
    with serving(tmp_path, site) as resolver:
        sampled = Run(site, "mark", resolver=resolver)
        found = sampled.dns()
    some = [d.name for d in sampled.domains]
    assert some == ["example.org", "example.net"]
    domains = {d.name for d in site.site.domains}
    assert {r.subject for r in found.results if r.control != "dns.dnssec"} & domains == set(some)
    assert {"mail.example.org"} <= {r.subject for r in found.results}


def test_page_of_a_run(site, tmp_path) -> None:
    """--format html is the report with what the probes saw."""
    pages = []
    for name, out in (("whole", ""), ("spoiled", r"^_imaps\._tcp\.example\.org")):
        with serving(tmp_path / name, site, out) as resolver:
            done = gmconf(
                "verify",
                "site.yml",
                "--no-drift",
                "--only",
                "srv",
                "--resolver",
                resolver,
                "--format",
                "html",
                cwd=site.path.parent,
            )
        assert done.stderr == ""
        assert done.stdout.lower().startswith("<!doctype html>")
        pages.append((done.returncode, "_imaps._tcp.example.org. SRV: " in done.stdout))
    assert pages == [(0, False), (1, True)]
