"""gmconf dns check against real name servers: the rendered zone is fine, and every spoiled one gives its finding."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest
from dnssite import SITE, made, whole, zones
from nameserver import Knot, Unbound, free_port

from gmconf.dns import contract, records
from gmconf.dns.live import survey
from gmconf.dns.live.ask import Answer, Asker, Server, parse_server
from gmconf.dns.live.compare import differences
from gmconf.dns.live.name_servers import keepers
from gmconf.dns.zonefile import line
from gmconf.errors import GmconfError

TODAY = date(2026, 11, 23)
NS = ["ns1.lab.test. 60 A 127.0.0.2", "ns2.lab.test. 60 A 127.0.0.3"]


class Spoiled(NamedTuple):
    """Lines that match are taken out, others put in; then a control must have a finding that says this."""

    name: str
    out: str
    into: tuple[str, ...]
    control: str
    says: str
    subject: str = "example.org"


SPOILED = (
    Spoiled("no MX", r"^example\.org\. \d+ MX", (), "dns.mx-valid", "found nothing"),
    Spoiled(
        "MX elsewhere",
        r"^example\.org\. \d+ MX",
        ("example.org. 60 MX 10 mx.elsewhere.example.",),
        "dns.mx-valid",
        "found 10 mx.elsewhere.example.",
    ),
    Spoiled(
        "one MX too many",
        "",
        ("example.org. 60 MX 20 mx.elsewhere.example.",),
        "dns.mx-valid",
        "nothing but 10 mail.example.org., found 20 mx.elsewhere.example. as well",
    ),
    Spoiled(
        "MX with another preference",
        r"^example\.org\. \d+ MX",
        ("example.org. 60 MX 20 mail.example.org.",),
        "dns.mx-valid",
        "found 20 mail",
    ),
    Spoiled(
        "MX names an alias",
        r"^mail\.example\.org\.",
        (
            "mail.example.org. 60 CNAME real.example.org.",
            "real.example.org. 60 A 192.0.2.1",
            "real.example.org. 60 AAAA 2001:db8::1",
        ),
        "dns.mx-valid",
        "an alias (CNAME)",
        "mail.example.org",
    ),
    Spoiled(
        "no A",
        r"^mail\.example\.org\. \d+ A ",
        (),
        "dns.fcrdns",
        "expected 192.0.2.1, found nothing",
        "mail.example.org",
    ),
    Spoiled(
        "no AAAA",
        r"^mail\.example\.org\. \d+ AAAA ",
        (),
        "dns.fcrdns",
        "expected 2001:db8::1, found nothing",
        "mail.example.org",
    ),
    Spoiled(
        "one address too many",
        "",
        ("mail.example.org. 60 A 192.0.2.99",),
        "dns.fcrdns",
        "192.0.2.99 as well",
        "mail.example.org",
    ),
    Spoiled("no PTR", r" PTR ", (), "dns.fcrdns", "expected mail.example.org., found nothing", "mail.example.org"),
    Spoiled(
        "PTR of the provider",
        r"^1\.2\.0\.192",
        ("1.2.0.192.in-addr.arpa. 60 PTR customer-1.isp.example.",),
        "dns.fcrdns",
        "customer-1.isp.example.",
        "mail.example.org",
    ),
    Spoiled("no SPF", r'^example\.org\. \d+ TXT "v=spf1', (), "auth.spf-publish", "found nothing"),
    Spoiled("two SPF", "", ('example.org. 60 TXT "v=spf1 mx -all"',), "auth.spf-publish", "one SPF record, found 2"),
    Spoiled(
        "SPF for everybody",
        r"^example\.org\. \d+ TXT",
        ('example.org. 60 TXT "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 +all"',),
        "auth.spf-publish",
        "ends in +all",
    ),
    Spoiled(
        "SPF without an end",
        r"^example\.org\. \d+ TXT",
        ('example.org. 60 TXT "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1"',),
        "auth.spf-publish",
        "ends in nothing",
    ),
    Spoiled(
        "SPF without IPv6",
        r"^example\.org\. \d+ TXT",
        ('example.org. 60 TXT "v=spf1 ip4:192.0.2.1 -all"',),
        "auth.spf-publish",
        "does not let 2001:db8::1/128 send",
    ),
    Spoiled(
        "SPF for a whole network",
        r"^example\.org\. \d+ TXT",
        ('example.org. 60 TXT "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::1 -all"',),
        "auth.spf-publish",
        "lets 192.0.2.0/24 send",
    ),
    Spoiled(
        "SPF with a slip",
        r"^example\.org\. \d+ TXT",
        ('example.org. 60 TXT "v=spf1 ip4:192.0.2.1 ipv6:2001:db8::1 -all"',),
        "auth.spf-publish",
        "cannot be read: ipv6:2001:db8::1",
    ),
    Spoiled(
        "SPF with eleven look-ups",
        r"^example\.org\. \d+ TXT",
        (
            'example.org. 60 TXT "v=spf1 include:i.example.org -all"',
            f'i.example.org. 60 TXT "v=spf1 {" ".join(f"a:h{n}.example.org" for n in range(10))} -all"',
        ),
        "auth.spf-publish",
        "found 11 look-ups",
    ),
    Spoiled(
        "SPF that includes itself",
        r"^example\.org\. \d+ TXT",
        ('example.org. 60 TXT "v=spf1 include:example.org -all"',),
        "auth.spf-publish",
        "found 11 look-ups",
    ),
    Spoiled(
        "SPF that includes what is no name",
        r"^example\.org\. \d+ TXT",
        ('example.org. 60 TXT "v=spf1 include:a..b include:c..d include:\\195.example -all"',),
        "auth.spf-publish",
        "cannot be read: include:",
    ),
    Spoiled(
        "SPF with an order to terminals",
        r"^example\.org\. \d+ TXT",
        ('example.org. 60 TXT "v=spf1 \\027[2J -all"',),
        "auth.spf-publish",
        "v=spf1 \\027[2J -all (cannot be read",
    ),
    Spoiled(
        "no SPF for HELO", r"^mail\.example\.org\. \d+ TXT", (), "auth.spf-publish", "found nothing", "mail.example.org"
    ),
    Spoiled(
        "part of an SPF record left behind",
        "",
        ('_spf1.example.org. 60 TXT "v=spf1 ip4:203.0.113.1 -all"',),
        "dns.no-stale",
        "v=spf1 ip4:203.0.113.1",
    ),
    Spoiled("no DKIM key", r"^gm4-rsa\._domainkey\.example\.org", (), "auth.dkim-key", "found nothing"),
    Spoiled(
        "another DKIM key",
        r"^gm4-ed25519\._domainkey\.example\.org",
        (
            (
                'gm4-ed25519._domainkey.example.org. 60 TXT "v=DKIM1; k=ed25519;'
                ' p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="'
            ),
        ),
        "auth.dkim-key",
        "the key differs",
    ),
    Spoiled(
        "DKIM key of another type",
        r"^gm4-ed25519\._domainkey\.example\.org",
        ('gm4-ed25519._domainkey.example.org. 60 TXT "v=DKIM1; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="',),
        "auth.dkim-key",
        "the key's type differs",
    ),
    Spoiled(
        "DKIM key twice",
        "",
        ('gm4-rsa._domainkey.example.org. 60 TXT "v=DKIM1; k=rsa; p="',),
        "auth.dkim-key",
        "one DKIM record, found 2",
    ),
    Spoiled(
        "retired selector",
        "",
        ('old-rsa._domainkey.example.org. 60 TXT "v=DKIM1; k=rsa; p=AAAA"',),
        "dns.no-stale",
        "v=DKIM1; k=rsa; p=AAAA",
    ),
    Spoiled(
        "selector of a former key",
        "",
        ('gm3-rsa._domainkey.example.org. 60 TXT "v=DKIM1; k=rsa; p=AAAA"',),
        "dns.no-stale",
        "v=DKIM1; k=rsa; p=AAAA",
    ),
    Spoiled("no DMARC", r"^_dmarc\.example\.org", (), "auth.dmarc-publish", "found nothing"),
    Spoiled(
        "two DMARC",
        "",
        ('_dmarc.example.org. 60 TXT "v=DMARC1; p=none"',),
        "auth.dmarc-publish",
        "one DMARC record, found 2",
    ),
    Spoiled(
        "DMARC none",
        r"^_dmarc\.example\.org",
        ('_dmarc.example.org. 60 TXT "v=DMARC1; p=none; rua=mailto:reports@example.org"',),
        "auth.dmarc-publish",
        "differs in adkim, aspf, np, p, sp",
    ),
    Spoiled(
        "DMARC in an order that old parsers refuse",
        r"^_dmarc\.example\.org",
        ('_dmarc.example.org. 60 TXT "v=DMARC1; rua=mailto:reports@example.org; p=reject"',),
        "auth.dmarc-publish",
        "p must stand directly after v",
    ),
    Spoiled(
        "DMARC for half of the mail",
        r"^_dmarc\.example\.org",
        (
            (
                '_dmarc.example.org. 60 TXT "v=DMARC1; p=reject; np=reject; pct=50; adkim=s; aspf=s;'
                ' rua=mailto:reports@example.org"'
            ),
        ),
        "auth.dmarc-publish",
        "differs in pct",
    ),
    Spoiled(
        "DMARC in testing",
        r"^_dmarc\.example\.org",
        (
            (
                '_dmarc.example.org. 60 TXT "v=DMARC1; p=reject; np=reject; adkim=s; aspf=s; t=y;'
                ' rua=mailto:reports@example.org"'
            ),
        ),
        "auth.dmarc-publish",
        "differs in t",
    ),
    Spoiled(
        "reports to somebody else",
        r"^_dmarc\.example\.org",
        ('_dmarc.example.org. 60 TXT "v=DMARC1; p=reject; adkim=s; aspf=s; rua=mailto:x@example.com"',),
        "auth.dmarc-publish",
        "differs in rua",
    ),
    Spoiled(
        "reports not authorised", r"^example\.net\._report", (), "auth.dmarc-extreport", "found nothing", "example.net"
    ),
    Spoiled(
        "TLS reports over the web",
        r"^_smtp\._tls\.example\.org",
        ('_smtp._tls.example.org. 60 TXT "v=TLSRPTv1; rua=https://reports.example.org/"',),
        "tls.rpt",
        "differs in rua",
    ),
    Spoiled(
        "TLSA of another key",
        r" TLSA ",
        (f"_25._tcp.mail.example.org. 60 TLSA 3 1 1 {'ab' * 32}",),
        "dane.in",
        f"found 3 1 1 {'ab' * 32}",
        "mail.example.org",
    ),
    Spoiled(
        "TLSA of a former key",
        "",
        (f"_25._tcp.mail.example.org. 60 TLSA 3 1 1 {'ab' * 32}",),
        "dane.in",
        f"found 3 1 1 {'ab' * 32} as well",
        "mail.example.org",
    ),
    Spoiled(
        "another CA",
        r" CAA 0 issue ",
        ('mail.example.org. 60 CAA 0 issue "other.example"',),
        "dns.caa",
        'found 0 iodef "mailto:alice@example.org", 0 issue "other.example"',
        "mail.example.org",
    ),
    Spoiled(
        "CA without the account",
        r" CAA 0 issue ",
        ('mail.example.org. 60 CAA 0 issue "ca.example"',),
        "dns.caa",
        '0 issue "ca.example"',
        "mail.example.org",
    ),
    Spoiled(
        "SRV with another port",
        r"^_imaps\._tcp\.example\.org",
        ("_imaps._tcp.example.org. 60 SRV 0 1 143 mail.example.org.",),
        "dns.srv",
        "found 0 1 143",
    ),
    Spoiled(
        "SRV for what is not offered",
        r"^_pop3s\._tcp\.example\.org",
        ("_pop3s._tcp.example.org. 60 SRV 0 1 995 mail.example.org.",),
        "dns.srv",
        "expected 0 0 0 ., found 0 1 995",
    ),
    Spoiled("a subdomain's MX", r"^a\.example\.org\. \d+ MX", (), "dns.mx-valid", "found nothing", "a.example.org"),
    Spoiled(
        "no null MX",
        r"^parked\.example\. \d+ MX",
        ("parked.example. 60 MX 10 mail.example.org.",),
        "dns.null-mx",
        "expected 0 ., found 10 mail",
        "parked.example",
    ),
    Spoiled(
        "null MX and another",
        "",
        ("parked.example. 60 MX 10 mail.example.org.",),
        "dns.null-mx",
        "10 mail.example.org. as well",
        "parked.example",
    ),
    Spoiled(
        "parked SPF lets hosts send",
        r"^parked\.example\. \d+ TXT",
        ('parked.example. 60 TXT "v=spf1 mx -all"',),
        "dns.parked",
        "asks for +mx",
        "parked.example",
    ),
    Spoiled("names below a parked domain", r"^\*\.parked", (), "dns.parked", "found nothing", "parked.example"),
    Spoiled(
        "parked DMARC none",
        r"^_dmarc\.parked",
        ('_dmarc.parked.example. 60 TXT "v=DMARC1; p=none"',),
        "dns.parked",
        "differs in",
        "parked.example",
    ),
    Spoiled(
        "key below a parked domain",
        r"^\*\._domainkey",
        ('*._domainkey.parked.example. 60 TXT "v=DKIM1; p=AAAA"',),
        "dns.parked",
        "the key differs",
        "parked.example",
    ),
    Spoiled(
        "TLSA behind an alias, of another key",
        r" TLSA ",
        ("_25._tcp.mail.example.org. 60 CNAME tlsa.example.org.", f"tlsa.example.org. 60 TLSA 3 1 1 {'ab' * 32}"),
        "dane.in",
        f"found 3 1 1 {'ab' * 32}",
        "mail.example.org",
    ),
)
HARMLESS = (
    (
        "a DMARC record of another version",
        "",
        ('_dmarc.example.org. 60 TXT "v=DMARC2; p=none"', '_dmarc.example.org. 60 TXT "v=dmarc1; p=none"'),
    ),
    (
        "reports authorised without a semicolon",
        r"^example\.net\._report",
        ('example.net._report._dmarc.example.org. 60 TXT "v=DMARC1"',),
    ),
    ("reports authorised for all", r"\._report\._dmarc", ('*._report._dmarc.example.org. 60 TXT "v=DMARC1;"',)),
    (
        "CAA that is critical",
        r" CAA 0 issue ",
        (
            (
                'mail.example.org. 60 CAA 128 issue "ca.example; validationmethods=http-01,dns-01;'
                ' accounturi=https://ca.example/acct/1"'
            ),
        ),
    ),
    (
        "a revoked key of a former selector",
        "",
        (
            'gm3-rsa._domainkey.example.org. 60 TXT "v=DKIM1; p="',
            'old-rsa._domainkey.example.org. 60 TXT "v=DKIM1; k=rsa; p="',
        ),
    ),
    ("TLSA behind an alias", r" TLSA ", ("_25._tcp.mail.example.org. 60 CNAME tlsa.example.org.", "@TLSA@")),
    (
        "SPF spelled otherwise",
        r"^example\.org\. \d+ TXT",
        ('example.org. 60 TXT "v=SPF1 " "+ip6:2001:DB8::1/128 ip4:192.0.2.1/32 -ALL"',),
    ),
    (
        "DMARC tags in another order",
        r"^_dmarc\.example\.org",
        (
            (
                '_dmarc.example.org. 60 TXT "v=DMARC1;p=reject;rua=mailto:reports@example.org ;aspf=s;'
                ' adkim=s;x=1;np=reject"'
            ),
        ),
    ),
    (
        "TXT records of others",
        "",
        ('example.org. 60 TXT "some-verification=abc"', '_dmarc.example.org. 60 TXT "unrelated"'),
    ),
    ("names in capitals", r"^example\.org\. \d+ MX", ("EXAMPLE.ORG. 60 MX 10 MAIL.Example.ORG.",)),
    (
        "CAA parameters in another order",
        r" CAA 0 issue ",
        (
            (
                "mail.example.org. 60 CAA 0 issue"
                ' "ca.example;validationmethods=http-01,dns-01;accounturi=https://ca.example/acct/1"'
            ),
        ),
    ),
    (
        "other hosts of the domain",
        "",
        (
            "www.example.org. 60 A 192.0.2.80",
            "example.org. 60 A 192.0.2.80",
            "_xmpp-client._tcp.example.org. 60 SRV 0 0 5222 chat.example.",
        ),
    ),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return made(tmp_path_factory.mktemp("site"))


def served(loaded, out: str = "", into: tuple[str, ...] = ()) -> dict[str, str]:
    """All zones of the site with some lines taken out and others put in where they belong."""
    found = zones(records(loaded)) | {"lab.test": NS}
    for name, lines in found.items():
        found[name] = [text for text in lines if not (out and re.search(out, text))]
    shown = next((f"tlsa.example.org. 60 TLSA {r.text}" for r in records(loaded) if r.type == "TLSA"), "")
    for text in (t.replace("@TLSA@", shown) for t in into):
        owner = text.split()[0].rstrip(".").lower()
        found[max((z for z in found if owner == z or owner.endswith(f".{z}")), key=len)].append(text)
    return {name: whole(name, lines) for name, lines in found.items()}


@pytest.fixture
def asked(tmp_path):
    """Serve zones on both addresses and ask about a site."""
    running = []

    def ask(loaded, all_zones: dict[str, str], second: dict[str, str] | None = None, **more):
        port = free_port()
        running.append(Knot(tmp_path / "one", ["127.0.0.2"] if second else ["127.0.0.2", "127.0.0.3"], port, all_zones))
        if second:
            running.append(Knot(tmp_path / "two", ["127.0.0.3"], port, second))
        return survey(loaded, Server("127.0.0.2", port), TODAY, port=port, **more)

    yield ask
    for daemon in running:
        daemon.stop()


def sentences(found, control: str, subject: str) -> str:
    return "\n".join(
        f"{r.where}: expected {r.expected}, found {r.observed}"
        for r in found.results
        if (r.control, r.subject) == (control, subject) and r.status != "pass"
    )


UNSIGNED = {"dns.dnssec", "dns.two-ns"}


@pytest.mark.parametrize("authoritative", [False, True])
def test_what_is_rendered_is_fine(site, asked, authoritative) -> None:
    found = asked(site, served(site), authoritative=authoritative)
    assert [r for r in found.results if r.status != "pass" and r.control not in UNSIGNED] == []
    assert found.holds(None)
    assert found.publish == found.remove == []
    passed = {(r.control, r.subject) for r in found.results if r.status == "pass"}
    wanted = {
        (r.because[0].ref, r.owner)
        for r in records(site)
        if r.owner in ("example.org", "mail.example.org", "parked.example") and r.need != "forbidden"
    }
    assert wanted <= passed
    assert found.sets > 60


@pytest.mark.parametrize("case", SPOILED, ids=lambda c: c.name)
def test_spoiled(site, asked, case) -> None:
    found = asked(site, served(site, case.out, case.into))
    assert case.says in sentences(found, case.control, case.subject), found.results
    assert all(text.isprintable() for r in found.results for text in r.json().values())
    assert all(text.isprintable() for text in (*found.publish, *found.remove))
    # Nothing that was left alone is blamed.
    touched = {case.subject, "example.org", "mail.example.org"}
    assert {r.subject for r in found.results if r.status != "pass" and r.control not in UNSIGNED} <= touched


@pytest.mark.parametrize("case", HARMLESS, ids=lambda c: c[0])
def test_other_spelling_same_meaning(site, asked, case) -> None:
    _, out, into = case
    found = asked(site, served(site, out, into))
    assert [r for r in found.results if r.status != "pass" and r.control not in UNSIGNED] == []


def test_aliases_are_followed(site, asked) -> None:
    """DKIM, DMARC and others may be published by CNAME into the zone of somebody else, as receivers follow it."""
    names = (
        "gm4-rsa._domainkey.example.org",
        "gm4-ed25519._domainkey.example.org",
        "_dmarc.example.org",
        "_smtp._tls.example.org",
        "_25._tcp.mail.example.org",
        "example.net._report._dmarc.example.org",
    )
    moved = [
        line(r).replace(r.owner, f"{r.owner.replace('example', 'at')}.lab.test", 1)
        for r in records(site)
        if r.owner in names and r.need != "forbidden"
    ]
    heads = tuple(f"{name}. " for name in names)
    zones_ = served(site)
    zones_["lab.test"] += "".join(f"{text}\n" for text in moved)
    zones_["example.org"] = "".join(
        f"{text}\n" for text in zones_["example.org"].splitlines() if not text.startswith(heads)
    )
    zones_["example.org"] += "".join(f"{name}. 60 CNAME {name.replace('example', 'at')}.lab.test.\n" for name in names)
    found = asked(site, zones_, authoritative=True)
    assert [r for r in found.results if r.status != "pass" and r.control not in UNSIGNED] == []


def test_an_alias_that_leads_to_something_else_has_to_go_itself(site, asked) -> None:
    found = asked(
        site,
        served(
            site, r"^gm4-rsa\._domainkey\.example\.org", ("gm4-rsa._domainkey.example.org. 60 CNAME gone.lab.test.",)
        ),
        authoritative=True,
    )
    assert "found nothing" in sentences(found, "auth.dkim-key", "example.org")
    assert found.remove == ["gm4-rsa._domainkey.example.org. CNAME gone.lab.test."]


def test_what_is_printed_mends_the_zone(site, asked, tmp_path) -> None:
    """The lines to remove and to publish, applied to a broken zone, make it whole."""
    broken = served(
        site,
        r"^(example\.org\. \d+ TXT|gm4-rsa\._domainkey\.example\.org|_imaps\._tcp\.example\.org)",
        (
            'example.org. 60 TXT "v=spf1 ?all"',
            'old-rsa._domainkey.example.org. 60 TXT "v=DKIM1; k=rsa; p=AAAA"',
            "example.org. 60 MX 5 other.example.",
        ),
    )
    first = asked(site, broken)
    assert not first.holds(None)
    assert first.publish
    assert first.remove
    gone = [text.partition(" ")[::2] for text in first.remove]
    lines = [
        text
        for text in broken["example.org"].splitlines()
        if not any(text.startswith(owner + " ") and text.endswith(rest) for owner, rest in gone)
    ]
    broken["example.org"] = "\n".join([*lines, *first.publish]) + "\n"
    port = free_port()
    daemon = Knot(tmp_path / "mended", ["127.0.0.4"], port, broken)
    try:
        second = survey(site, Server("127.0.0.4", port), TODAY)
    finally:
        daemon.stop()
    assert second.publish == second.remove == []
    assert second.holds(None)


@pytest.mark.parametrize("authoritative", [False, True])
@pytest.mark.parametrize(
    "wild",
    [
        "*.example.org. 60 CNAME www.lab.test.",
        '*.example.org. 60 TXT "v=DMARC1; p=none"',
        "*._domainkey.example.org. 60 CNAME www.lab.test.",
    ],
)
def test_a_wildcard_that_answers_is_hidden_or_named(site, asked, wild: str, authoritative: bool) -> None:
    """What is published hides a wildcard at its own name, so nothing has to go; a name that must not exist has the
    wildcard itself to go."""
    forbidden = {r.owner for r in records(site) if r.need == "forbidden"}
    found = asked(
        site, served(site, r"^(gm4-rsa\._domainkey|_dmarc)\.example\.org", (wild,)), authoritative=authoritative
    )
    owner, _, type_, rest = wild.split(" ", 3)
    assert set(found.remove) <= {f"{owner} {type_} {rest}"}
    assert any(text.startswith("gm4-rsa._domainkey.example.org. ") for text in found.publish)
    assert not any(text.startswith(tuple(f"{name}." for name in forbidden)) for text in found.remove)


def test_a_name_server_whose_name_is_an_alias(site, asked) -> None:
    zones_ = served(site)
    zones_["lab.test"] = zones_["lab.test"].replace(
        "ns2.lab.test. 60 A 127.0.0.3", "ns2.lab.test. 60 CNAME other.lab.test.\nother.lab.test. 60 A 127.0.0.3"
    )
    assert "CNAME other.lab.test." in zones_["lab.test"]
    assert "aliases: ns2.lab.test -> other.lab.test" in sentences(asked(site, zones_), "dns.two-ns", "example.org")


def test_name_servers_that_disagree(site, asked) -> None:
    lagging = served(site, r"^example\.org\. \d+ MX")
    lagging["example.net"] = lagging["example.net"].replace(". 1 60 60", ". 7 60 60", 1)
    found = asked(site, served(site), lagging, authoritative=True)
    assert "ns1.lab.test: 10 mail.example.org.; ns2.lab.test: nothing" in sentences(found, "dns.sync", "example.org")
    assert "found nothing (at ns2.lab.test)" in sentences(found, "dns.mx-valid", "example.org")
    assert "1: ns1.lab.test (127.0.0.2); 7: ns2.lab.test (127.0.0.3)" in sentences(found, "dns.sync", "example.net")


def test_name_server_that_does_not_know_the_zone(site, asked) -> None:
    lame = {name: text for name, text in served(site).items() if name != "example.net"}
    found = asked(site, served(site), lame, authoritative=True)
    assert "an answer of ns2.lab.test (127.0.0.3), found REFUSED" in sentences(found, "dns.sync", "example.net")
    assert not [
        r for r in found.results if r.control == "dns.sync" and r.subject == "example.org" and r.status != "pass"
    ]


def test_blocklists(tmp_path, asked) -> None:
    loaded = made(tmp_path / "site", more="  blocklists: [bl.example, broken.example]\n")
    lists = {
        "bl.example": whole(
            "bl.example", ["2.0.0.127.bl.example. 60 A 127.0.0.2", "1.2.0.192.bl.example. 60 A 127.0.0.4"]
        ),
        "broken.example": whole("broken.example", ["*.broken.example. 60 A 127.255.255.254"]),
    }
    found = asked(loaded, served(loaded) | lists)
    assert "192.0.2.1 is not listed, found 127.0.0.4" in sentences(found, "rep.rbl-monitor", "mail.example.org")
    assert "2001:db8" not in sentences(found, "rep.rbl-monitor", "mail.example.org")
    assert "own test entries" in sentences(found, "rep.rbl-monitor", "broken.example")


def test_level_decides(tmp_path, asked) -> None:
    """The same zone without TLSA is fine without a level, and not at silver."""
    text = made(tmp_path / "site").path.read_text()
    served_ = served(made(tmp_path / "site"), " TLSA ")
    loaded = made(tmp_path / "site", text, "silver")
    found = asked(loaded, served_)
    assert found.holds(None)
    assert not found.holds("silver")


@pytest.mark.parametrize(("until", "status"), [("2026-11-23", "waived"), ("2026-11-22", "fail")])
def test_waivers_count_until_their_day(tmp_path, asked, until, status) -> None:
    loaded = made(
        tmp_path / "site",
        more=f"waivers: [{{control: auth.dmarc-publish, reason: moving, owner: Alice, until: {until}}}]\n",
    )
    found = asked(loaded, served(loaded, r"^_dmarc\.example\.org"))
    assert [r.status for r in found.results if r.control == "auth.dmarc-publish" and r.subject == "example.org"] == [
        status
    ]
    assert found.holds(None) == (status == "waived")
    assert bool(found.publish) == (status == "fail")


def test_servers_that_nobody_publishes_yet(tmp_path) -> None:
    """Without an NS set the name servers of the site itself are asked, at the addresses that the site gives them."""
    loaded = made(tmp_path / "site", more="  nameservers: [{name: ns1.example.org, addresses: [192.0.2.54]}]\n")
    port = free_port()
    knot = Knot(tmp_path / "one", ["127.0.0.2"], port, {"lab.test": whole("lab.test", NS)})
    try:
        found = asyncio.run(keepers(Asker(Server("127.0.0.2", port)), contract(loaded), "example.net", 53))
    finally:
        knot.stop()
    assert found.servers == (Server("192.0.2.54", 53, "ns1.example.org"),)
    assert found.names == ()


def test_validated_chain(site, tmp_path) -> None:
    """One signed root with everything in it; a resolver that trusts its key, and one that trusts another."""
    port = free_port()
    lines = [text for part in zones(records(site)).values() for text in part]
    cuts = [f"ns{n}.lab.test. 60 A 127.0.0.2" for n in (1, 2)]
    root = Knot(tmp_path / "root", ["127.0.0.2"], port, {".": whole(".", [*lines, *cuts])}, signed=True)
    daemons = [root]
    try:
        anchor = root.anchor(".")
        daemons.append(Unbound(tmp_path / "right", "127.0.0.5", port, root, anchor))
        found = survey(site, Server("127.0.0.5", port), TODAY)
        assert [r for r in found.results if r.status != "pass"] == []
        assert {r.subject for r in found.results if r.control == "dns.dnssec"} == {
            "example.org",
            "example.net",
            "parked.example",
        }
        digest = anchor.split()[-1]
        wrong = anchor.replace(digest, digest[::-1])
        daemons.append(Unbound(tmp_path / "wrong", "127.0.0.6", port, root, wrong))
        bogus = survey(site, Server("127.0.0.6", port), TODAY, zones=("example.net",))
        assert "SERVFAIL" in sentences(bogus, "dns.dnssec", "example.net")
        assert {r.status for r in bogus.results if r.control == "dns.mx-valid"} == {"error"}
        assert bogus.publish == bogus.remove == []
    finally:
        for daemon in daemons:
            daemon.stop()


def run(folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gmconf", "dns", "check", "site.yml", *argv],
        cwd=folder,
        text=True,
        capture_output=True,
        check=False,
    )


def test_command(site, tmp_path) -> None:
    port = free_port()
    daemon = Knot(tmp_path / "one", ["127.0.0.2"], port, served(site, r"^_dmarc\.example\.org"))
    folder, at = site.path.parent, ("--resolver", f"127.0.0.2:{port}")
    try:
        done = run(folder, *at)
        assert (done.returncode, done.stderr) == (1, "")
        assert '; to publish\n_dmarc.example.org. 3600 TXT "v=DMARC1; p=reject;' in done.stdout
        assert run(folder, *at, "--zone", "example.net").returncode == 0
        found = json.loads(run(folder, *at, "--format", "json").stdout)
        assert (found["form"], found["holds"]) == (1, False)
        assert {r["method"] for r in found["results"]} == {"live"}
        assert "<failure" in run(folder, *at, "--format", "junit").stdout
        place = json.loads(run(folder, *at, "--format", "sarif").stdout)["runs"][0]["results"]
        assert (
            next(r for r in place if r["ruleId"] == "auth.dmarc-publish")["locations"][0]["physicalLocation"]["region"][
                "startLine"
            ]
            == 3
        )
        done = run(folder, *at, "--format", "html")
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.lower().startswith("<!doctype html>")
        assert "_dmarc.example.org. TXT" in done.stdout
        assert run(folder, *at, "--zone", "no.example").returncode == 2
    finally:
        daemon.stop()
    done = run(folder, *at)
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not answer" in done.stderr


@pytest.mark.parametrize(
    "text", ["x", "192.0.2.1:x", "192.0.2.1:0", "192.0.2.1:99999", "[2001:db8::1]:", "ns.example.org"]
)
def test_servers_are_addresses(text) -> None:
    with pytest.raises(GmconfError):
        parse_server(text)


def test_servers_with_ports() -> None:
    assert parse_server("192.0.2.1:5300") == Server("192.0.2.1", 5300)
    assert parse_server("2001:db8::1") == Server("2001:db8::1", 53)
    assert parse_server("[2001:db8::1]:5300") == Server("2001:db8::1", 5300)


def test_every_record_of_a_site_with_all_there_is_means_what_it_says(tmp_path) -> None:
    loaded = made(tmp_path / "site", SITE.replace('::1"]}', '::1"], roles: [mta, msa, store, filter, web]}'))
    kinds = set()
    for (owner, type_), group in groupby(records(loaded), key=lambda r: (r.owner, r.type)):
        wanted = list(group)
        if wanted[0].need == "forbidden":
            continue
        kinds.add((owner.split(".")[0] if owner.startswith("_") else "", type_))
        texts = ["".join(r.rdata) for r in wanted] if type_ == "TXT" else [r.text for r in wanted]
        assert differences(wanted, Answer("found", tuple(texts))) == [], (owner, type_)
        if type_ == "TXT":
            assert differences(wanted, Answer("found", ("another",))), owner
    assert {
        ("_mta-sts", "TXT"),
        ("_smtp", "TXT"),
        ("_dmarc", "TXT"),
        ("", "TXT"),
        ("_imaps", "SRV"),
        ("", "CAA"),
        ("_25", "TLSA"),
    } <= kinds
