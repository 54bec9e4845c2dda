"""internet.nl's mail test of our own: against real name servers and a real server with TLS, whole, and spoiled one by
one."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest
from commands import gmconf
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from dnssite import SITE, made
from internetnl import HOST, TODAY, lines, own_pair, pair, serving
from junitparser import Failure, JUnitXml
from nameserver import free_port
from sarif_pydantic import Sarif
from test_levels import base, patched
from tlsserver import SUITES, Kind, TlsServer

from gmconf.dns.live.ask import Asker, Server
from gmconf.profiles.internetnl import live, rendered
from gmconf.profiles.score import Found, Score, bad, good, score, untested, warned
from gmconf.profiles.table import CATEGORIES, RULES
from gmconf.site.load import Loaded, load

__all__ = ["base"]
DOMAIN = "example.org"


class Spoiled(NamedTuple):
    """Lines that match are taken out, others put in; then a subtest has this status and points, its category and the
    whole these percents."""

    name: str
    out: str
    into: tuple[str, ...]
    key: str
    status: str
    points: int
    category: int
    total: int
    says: str
    more: dict[str, object] = {}
    domain: str = DOMAIN


SPF, DMARC, MX = r"^example\.org\. \d+ TXT", r"^_dmarc\.example\.org", r"^example\.org\. \d+ MX"
BELOW, BELOW_SPF = (
    rf"_domainkey\.a\.example\.org|^_dmarc\.a\.|^a\.example\.org\. \d+ TXT|{DMARC}",
    'a.example.org. 60 TXT "v=spf1 -all"',
)
TO_STRANGER = '_dmarc.example.org. 60 TXT "v=DMARC1; p=reject; rua=mailto:x@reports.example"'
AGREED = 'example.org._report._dmarc.reports.example. 60 TXT "{}"'
AAAA, TLSA = r"^mail\.example\.org\. \d+ AAAA", r" TLSA "
ZONES = (
    Spoiled(
        "zone of domain and host not signed",
        "",
        (),
        "dnssec_valid",
        "not tested",
        2,
        20,
        78,
        "not signed",
        {"unsigned": "example.org"},
    ),
    Spoiled(
        "TLSA not signed",
        "",
        (),
        "dane_exists",
        "bad",
        0,
        92,
        78,
        "the record is not signed",
        {"unsigned": "example.org"},
    ),
    Spoiled(
        "zone of the domain alone not signed",
        "",
        (),
        "dnssec_exists",
        "bad",
        0,
        20,
        80,
        "example.net is not signed",
        {"unsigned": "example.net"},
        "example.net",
    ),
    Spoiled(
        "chain of trust broken",
        "",
        (),
        "dnssec_valid",
        "bad",
        0,
        0,
        75,
        "SERVFAIL",
        {"bogus": "example.net"},
        "example.net",
    ),
    Spoiled(
        "chain of trust of the host broken",
        "",
        (),
        "dnssec_mx_valid",
        "bad",
        0,
        0,
        50,
        "mail.example.org: SERVFAIL",
        {"bogus": "mail.example.org"},
    ),
    Spoiled(
        "chain of trust broken, and so signed",
        "",
        (),
        "dnssec_exists",
        "good",
        0,
        0,
        75,
        "",
        {"bogus": "example.net"},
        "example.net",
    ),
    Spoiled(
        "MX that does not exist",
        MX,
        ("example.org. 60 MX 10 none.example.org.",),
        "dnssec_mx_exists",
        "bad",
        0,
        0,
        37,
        "there is no such name",
    ),
    Spoiled(
        "a domain that does not exist",
        r"^(\S+\.)?example\.net\.",
        (),
        "dnssec_exists",
        "bad",
        0,
        0,
        33,
        "there is no such name",
        {},
        "example.net",
    ),
    Spoiled(
        "SPF for everybody",
        SPF,
        ('example.org. 60 TXT "v=spf1 ip4:192.0.2.1 +all"',),
        "spf_policy",
        "bad",
        2,
        84,
        96,
        "ends in +all",
    ),
    Spoiled(
        "SPF neutral",
        SPF,
        ('example.org. 60 TXT "v=spf1 ip4:192.0.2.1 ?all"',),
        "spf_policy",
        "bad",
        2,
        84,
        96,
        "ends in ?all",
    ),
    Spoiled(
        "SPF without an end",
        SPF,
        ('example.org. 60 TXT "v=spf1 ip4:192.0.2.1"',),
        "spf_policy",
        "bad",
        2,
        84,
        96,
        "has no end",
    ),
    Spoiled(
        "SPF with a slip",
        SPF,
        ('example.org. 60 TXT "v=spf1 ipv6:2001:db8::1 -all"',),
        "spf_policy",
        "bad",
        0,
        80,
        95,
        "cannot read it",
    ),
    Spoiled(
        "SPF with twelve look-ups",
        SPF,
        (f'example.org. 60 TXT "v=spf1 {"mx " * 11}include:i.example.org -all"', 'i.example.org. 60 TXT "v=spf1 -all"'),
        "spf_policy",
        "bad",
        2,
        84,
        96,
        "more than 10 look-ups",
    ),
    Spoiled(
        "SPF that includes nothing",
        SPF,
        ('example.org. 60 TXT "v=spf1 include:none.example.org -all"',),
        "spf_policy",
        "bad",
        2,
        84,
        96,
        "include:none.example.org: no answer",
    ),
    Spoiled(
        "SPF that includes everybody",
        SPF,
        ('example.org. 60 TXT "v=spf1 include:i.example.org -all"', 'i.example.org. 60 TXT "v=spf1 +all"'),
        "spf_policy",
        "bad",
        2,
        84,
        96,
        "ends in +all",
    ),
    Spoiled(
        "SPF that goes in circles",
        SPF,
        ('example.org. 60 TXT "v=spf1 redirect=example.org"',),
        "spf_policy",
        "bad",
        2,
        84,
        96,
        "more than 10 look-ups",
    ),
    Spoiled(
        "SPF that includes what is no name",
        SPF,
        ('example.org. 60 TXT "v=spf1 include:a..b -all"',),
        "spf_policy",
        "bad",
        2,
        84,
        96,
        "include:a..b: no answer",
    ),
    Spoiled(
        "SPF with a name of strange letters",
        SPF,
        ('example.org. 60 TXT "v=spf1 include:\\195\\188.example -all"',),
        "spf_policy",
        "bad",
        2,
        84,
        96,
        "no answer",
    ),
    Spoiled(
        "reports to what is no name",
        DMARC,
        ('_dmarc.example.org. 60 TXT "v=DMARC1; p=reject; rua=mailto:x@a..b"',),
        "dmarc_policy",
        "warning",
        10,
        100,
        100,
        "a..b has not agreed",
    ),
    Spoiled(
        "SPF that includes two records",
        SPF,
        (
            'example.org. 60 TXT "v=spf1 include:i.example.org -all"',
            'i.example.org. 60 TXT "v=spf1 -all"',
            'i.example.org. 60 TXT "v=spf1 mx -all"',
        ),
        "spf_policy",
        "bad",
        0,
        80,
        95,
        "2 records",
    ),
    Spoiled(
        "SPF that includes what has no terms",
        SPF,
        ('example.org. 60 TXT "v=spf1 include:i.example.org -all"', 'i.example.org. 60 TXT "v=spf1"'),
        "spf_policy",
        "bad",
        2,
        84,
        96,
        "has no end",
    ),
    Spoiled(
        "SPF that includes a redirection to neutral",
        SPF,
        (
            'example.org. 60 TXT "v=spf1 include:i.example.org -all"',
            'i.example.org. 60 TXT "v=spf1 redirect=j.example.org"',
            'j.example.org. 60 TXT "v=spf1 ?all"',
        ),
        "spf_policy",
        "bad",
        2,
        84,
        96,
        "ends in ?all",
    ),
    Spoiled(
        "SPF with look-ups by their names",
        SPF,
        (
            f'example.org. 60 TXT "v=spf1 {"a:mx1.example.org " * 11}include:i.example.org -all"',
            'i.example.org. 60 TXT "v=spf1 -all"',
        ),
        "spf_policy",
        "bad",
        2,
        84,
        96,
        "more than 10 look-ups",
    ),
    Spoiled(
        "SPF of another version beside",
        "",
        ('example.org. 60 TXT "v=spf10 mx -all"',),
        "spf",
        "bad",
        0,
        60,
        90,
        "2 records",
    ),
    Spoiled(
        "SPF with a bare include",
        SPF,
        ('example.org. 60 TXT "v=spf1 include -all"',),
        "spf_policy",
        "bad",
        0,
        80,
        95,
        "cannot read it",
    ),
    Spoiled(
        "SPF that includes a bare include",
        SPF,
        ('example.org. 60 TXT "v=spf1 include:i.example.org -all"', 'i.example.org. 60 TXT "v=spf1 include -all"'),
        "spf_policy",
        "bad",
        0,
        80,
        95,
        "cannot read it",
    ),
    Spoiled("two SPF records", "", ('example.org. 60 TXT "v=spf1 mx -all"',), "spf", "bad", 0, 60, 90, "2 records"),
    Spoiled("no SPF", SPF, (), "spf", "bad", 0, 60, 90, "no record"),
    Spoiled(
        "DMARC none",
        DMARC,
        ('_dmarc.example.org. 60 TXT "v=DMARC1; p=none"',),
        "dmarc_policy",
        "bad",
        2,
        84,
        96,
        "nothing is quarantined",
    ),
    Spoiled(
        "DMARC quarantine being tested",
        DMARC,
        ('_dmarc.example.org. 60 TXT "v=DMARC1; p=quarantine; t=y"',),
        "dmarc_policy",
        "bad",
        2,
        84,
        96,
        "nothing is quarantined",
    ),
    Spoiled(
        "DMARC reject being tested",
        DMARC,
        ('_dmarc.example.org. 60 TXT "v=DMARC1; p=reject; t=y"',),
        "dmarc_policy",
        "good",
        10,
        100,
        100,
        "p=reject",
    ),
    Spoiled(
        "DMARC without policy",
        DMARC,
        ('_dmarc.example.org. 60 TXT "v=DMARC1; rua=mailto:reports@example.org"',),
        "dmarc_policy",
        "bad",
        0,
        80,
        95,
        "cannot read it",
    ),
    Spoiled(
        "DMARC with nothing but its version",
        DMARC,
        ('_dmarc.example.org. 60 TXT "v=DMARC1;"',),
        "dmarc_policy",
        "bad",
        2,
        84,
        96,
        "no policy",
    ),
    Spoiled(
        "DMARC in another order",
        DMARC,
        ('_dmarc.example.org. 60 TXT "v=DMARC1; rua=mailto:reports@example.org; p=reject"',),
        "dmarc_policy",
        "bad",
        0,
        80,
        95,
        "cannot read it",
    ),
    Spoiled(
        "DMARC with an unknown policy",
        DMARC,
        ('_dmarc.example.org. 60 TXT "v=DMARC1; p=discard"',),
        "dmarc_policy",
        "bad",
        0,
        80,
        95,
        "cannot read it",
    ),
    Spoiled("no DMARC", DMARC, (), "dmarc", "bad", 0, 60, 90, "no record at _dmarc.example.org"),
    Spoiled(
        "two DMARC records",
        "",
        ('_dmarc.example.org. 60 TXT "v=DMARC1; p=reject"',),
        "dmarc",
        "bad",
        0,
        60,
        90,
        "2 records",
    ),
    Spoiled(
        "DMARC of the domain above",
        r"^_dmarc\.a\.example\.org",
        (),
        "dmarc_policy",
        "good",
        10,
        100,
        100,
        "p=reject of example.org",
        {},
        "a.example.org",
    ),
    Spoiled(
        "reports to a stranger",
        DMARC,
        ('_dmarc.example.org. 60 TXT "v=DMARC1; p=reject; rua=mailto:x@reports.example"',),
        "dmarc_policy",
        "warning",
        10,
        100,
        100,
        "reports.example has not agreed",
    ),
    Spoiled(
        "reports to a stranger who agreed",
        DMARC,
        (TO_STRANGER, AGREED.format("v=DMARC1;")),
        "dmarc_policy",
        "good",
        10,
        100,
        100,
        "p=reject",
    ),
    Spoiled(
        "reports to a stranger who agreed without semicolon",
        DMARC,
        (TO_STRANGER, AGREED.format("v=DMARC1")),
        "dmarc_policy",
        "warning",
        10,
        100,
        100,
        "reports.example has not agreed",
    ),
    Spoiled(
        "no DKIM keys",
        r"_domainkey\.example\.org",
        (),
        "dkim",
        "bad",
        0,
        80,
        95,
        "nothing below _domainkey.example.org",
    ),
    Spoiled(
        "no DKIM keys where nobody sends",
        rf"_domainkey\.example\.org|{SPF}|{DMARC}",
        ('example.org. 60 TXT "v=spf1 -all"', '_dmarc.example.org. 60 TXT "v=DMARC1; p=reject"'),
        "dkim",
        "not tested",
        0,
        100,
        100,
        "sends nothing",
    ),
    Spoiled(
        "no DKIM keys, SPF in capitals",
        rf"_domainkey\.example\.org|{SPF}|{DMARC}",
        ('example.org. 60 TXT "v=spf1 -ALL"', '_dmarc.example.org. 60 TXT "v=DMARC1; p=reject"'),
        "dkim",
        "bad",
        0,
        80,
        95,
        "nothing below",
    ),
    Spoiled(
        "no DKIM keys, SPF that goes on",
        rf"_domainkey\.example\.org|{SPF}|{DMARC}",
        ('example.org. 60 TXT "v=spf1 -all ip4:192.0.2.1"', '_dmarc.example.org. 60 TXT "v=DMARC1; p=reject"'),
        "dkim",
        "bad",
        0,
        80,
        95,
        "nothing below",
    ),
    Spoiled(
        "no DKIM keys, rejected by sp above",
        BELOW,
        (BELOW_SPF, '_dmarc.example.org. 60 TXT "v=DMARC1; p=quarantine; sp=reject"'),
        "dkim",
        "not tested",
        0,
        100,
        100,
        "sends nothing",
        {},
        "a.example.org",
    ),
    Spoiled(
        "no DKIM keys, quarantined by sp above",
        BELOW,
        (BELOW_SPF, '_dmarc.example.org. 60 TXT "v=DMARC1; p=reject; sp=quarantine"'),
        "dkim",
        "bad",
        0,
        80,
        95,
        "nothing below",
        {},
        "a.example.org",
    ),
    Spoiled(
        "DKIM keys that do not validate", "", (), "dkim", "good", 10, 100, 100, "", {"bogus": "_domainkey.example.org"}
    ),
    Spoiled("no TLSA", TLSA, (), "dane_exists", "bad", 0, 92, 98, "no record"),
    Spoiled(
        "TLSA of another key",
        TLSA,
        (f"_25._tcp.{HOST}. 60 TLSA 3 1 1 {'ab' * 32}",),
        "dane_valid",
        "bad",
        0,
        85,
        96,
        "another certificate",
    ),
    Spoiled(
        "TLSA of another key is there",
        TLSA,
        (f"_25._tcp.{HOST}. 60 TLSA 3 1 1 {'ab' * 32}",),
        "dane_exists",
        "good",
        0,
        85,
        96,
        "3 1 1",
    ),
    Spoiled(
        "TLSA of a usage that mail does not know",
        TLSA,
        (f"_25._tcp.{HOST}. 60 TLSA 1 1 1 {'ab' * 32}",),
        "dane_exists",
        "bad",
        0,
        92,
        98,
        "usages 0 and 1",
    ),
    Spoiled(
        "TLSA of a usage that nobody knows",
        TLSA,
        (f"_25._tcp.{HOST}. 60 TLSA 255 1 1 {'ab' * 32}",),
        "dane_valid",
        "bad",
        0,
        85,
        96,
        "another certificate",
    ),
    Spoiled(
        "TLSA for the next key",
        "",
        (f"_25._tcp.{HOST}. 60 TLSA 3 1 1 {'ab' * 32}",),
        "dane_rollover",
        "good",
        0,
        100,
        100,
        "",
    ),
    Spoiled("no CAA", r" CAA ", (), "mail_caa", "warning", 0, 100, 100, "none at mail.example.org or above"),
    Spoiled("CAA without issue", r" CAA 0 issue ", (), "mail_caa", "warning", 0, 100, 100, "no issue at"),
    *(
        Spoiled(
            f"CAA {text}",
            r" CAA ",
            (f"{HOST}. 60 CAA {text}", f'{HOST}. 60 CAA 0 issue "ca.example"'),
            "mail_caa",
            "warning",
            0,
            100,
            100,
            says,
        )
        for text, says in (
            ('1 issue "ca.example"', "flags 1"),
            ('0 unheard "x"', "unheard is no property"),
            ('0 issue "ca.example; validationmethods=by-hand"', "by-hand: no such method"),
            ('0 iodef "reports@example.org"', "neither https:// nor mailto:"),
            ('0 issue "ca example"', "cannot be read"),
        )
    ),
    Spoiled(
        "CAA ISSUE",
        r" CAA ",
        (f'{HOST}. 60 CAA 0 ISSUE "ca.example"',),
        "mail_caa",
        "warning",
        0,
        100,
        100,
        "no issue at",
    ),
    Spoiled("no IPv6", AAAA, (), "mx_aaaa", "bad", 0, 50, 87, "no IPv6: mail.example.org"),
    Spoiled(
        "IPv4 in disguise",
        AAAA,
        (f"{HOST}. 60 AAAA ::ffff:127.0.0.1",),
        "mx_aaaa",
        "bad",
        0,
        50,
        87,
        "no IPv6: mail.example.org",
    ),
    Spoiled(
        "IPv4 dead, IPv6 alive",
        r"^mail\.example\.org\. \d+ A ",
        (f"{HOST}. 60 A 127.0.0.77",),
        "starttls_exists",
        "error",
        0,
        0,
        75,
        "127.0.0.77",
    ),
    Spoiled(
        "IPv4 that is nobody's, IPv6 alive",
        r"^mail\.example\.org\. \d+ A ",
        (f"{HOST}. 60 A 0.0.0.0",),
        "starttls_exists",
        "error",
        0,
        0,
        75,
        "0.0.0.0 is nobody's",
    ),
    Spoiled(
        "IPv6 that is nobody's",
        AAAA,
        (f"{HOST}. 60 AAAA ::",),
        "mx_reach",
        "bad",
        0,
        50,
        87,
        "no answer on port 25 of mail.example.org ::",
    ),
    Spoiled(
        "one of two IPv6 addresses dead",
        "",
        (f"{HOST}. 60 AAAA ::2",),
        "mx_reach",
        "bad",
        2,
        60,
        90,
        "no answer on port 25 of mail.example.org ::2",
    ),
    Spoiled(
        "name servers without IPv6", r"^ns\d\.lab\.test\. \d+ AAAA", (), "ns_aaaa", "bad", 0, 50, 87, "without IPv6"
    ),
    Spoiled("name servers that refuse", "", (), "ns_reach", "good", 10, 100, 100, "", {"refusing": True}),
    Spoiled(
        "no zone below a top level domain",
        "",
        (),
        "ns_aaaa",
        "bad",
        0,
        50,
        87,
        "no name servers of example.org",
        {"nameservers": ""},
    ),
    Spoiled("one name server", "", (), "ns_reach", "good", 5, 75, 93, "", {"nameservers": "ns1.lab.test."}),
    Spoiled(
        "null MX beside another",
        "",
        ("example.org. 60 MX 0 .",),
        "mx_aaaa",
        "warning",
        0,
        100,
        100,
        "a null MX beside other MX",
    ),
    Spoiled(
        "null MX alone",
        MX,
        ("example.org. 60 MX 0 .", "example.org. 60 A 192.0.2.80"),
        "starttls_exists",
        "not tested",
        0,
        0,
        100,
        "a null MX",
    ),
    Spoiled("no MX", MX, (), "starttls_exists", "not tested", 0, 0, 100, "no MX"),
    Spoiled(
        "no MX, an address, and no sender",
        rf"{MX}|{SPF}",
        ('example.org. 60 TXT "v=spf1 -all"', "example.org. 60 A 192.0.2.80"),
        "mx_aaaa",
        "not tested",
        0,
        100,
        100,
        "no MX",
    ),
    Spoiled(
        "MX of somebody else",
        MX,
        ("example.org. 60 MX 10 mx.elsewhere.example.", "mx.elsewhere.example. 60 A 127.0.0.1"),
        "starttls_exists",
        "error",
        0,
        0,
        62,
        "no host of this site",
    ),
    Spoiled(
        "a second MX of somebody else",
        "",
        ("example.org. 60 MX 20 mx.elsewhere.example.",),
        "starttls_exists",
        "error",
        0,
        0,
        43,
        "mx.elsewhere.example: no host",
    ),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Loaded:
    return made(
        tmp_path_factory.mktemp("site"),
        SITE.replace("alias_of: example.org}", "alias_of: example.org, dkim: {selector: gm4}}"),
    )


@pytest.fixture(scope="module")
def host(site, tmp_path_factory) -> Iterator[int]:
    """The mail host as it should be: its port."""
    folder = tmp_path_factory.mktemp("host")
    port = free_port()
    server = TlsServer(folder, port, *own_pair(site, folder), Kind())
    yield port
    server.stop()


def asked(site: Loaded, where: tuple[str, int], smtp: int, *names: str) -> dict[str, Score]:
    domains = [d for d in site.site.domains if not names or d.name in names]
    return {s.domain: s for s in live(site, Server(*where), TODAY, domains, smtp=smtp, port=where[1])}


def row(found: Score, key: str) -> tuple[Found, int]:
    """A subtest, and the percent of its category."""
    return next((one, part.percent) for part in found.parts for one in part.found if one.key == key)


def told(found: Score) -> dict[str, tuple[str, str]]:
    return {
        one.key: (one.status, one.note)
        for part in found.parts
        for one in part.found
        if one.status not in ("good", "not tested")
    }


def test_what_is_published_and_served_has_everything(site, host, tmp_path) -> None:
    with serving(tmp_path, lines(site)) as where:
        found = asked(site, where, host)
    for domain in ("example.org", "a.example.org", "example.net"):
        assert {part.category: (part.points, part.most) for part in found[domain].parts} == {
            "IPv6": (20, 20),
            "DNSSEC": (10, 10),
            "auth": (50, 50),
            "TLS": (140, 140),
            "RPKI": (0, 0),
        }
        # Its certificate is of an authority of its own, and there is one key.
        assert set(told(found[domain])) == {"cert_trust", "dane_rollover"}
        assert (found[domain].total, found[domain].worst) == (100, "notice")
    assert (found["parked.example"].total, found["parked.example"].worst) == (100, "notice")


@pytest.mark.parametrize("case", ZONES, ids=lambda c: c.name)
def test_spoiled_zone(site, host, tmp_path, case) -> None:
    with serving(tmp_path, lines(site, case.out, case.into), **case.more) as where:
        found = asked(site, where, host, case.domain)[case.domain]
    one, percent = row(found, case.key)
    assert (one.status, one.points, percent, found.total) == (
        case.status,
        case.points,
        case.category,
        case.total,
    ), told(found)
    assert case.says in one.note


class Served(NamedTuple):
    """A host that speaks TLS otherwise; then these subtests stand so, TLS and the whole have these percents."""

    name: str
    kind: Kind
    tls: int
    total: int
    findings: dict[str, tuple[str, str]]


ALL = "ALL:@SECLEVEL=0"
OLD = "ECDHE-ECDSA-AES128-SHA"
HOSTS = (
    Served(
        "TLS 1.0 and 1.1 as well",
        Kind(ciphers=f"{SUITES}:{OLD}", least="1.0"),
        85,
        96,
        {"tls_version": ("bad", "TLSv1, TLSv1.1"), "tls_ciphers": ("bad", OLD)},
    ),
    Served(
        "TLS 1.1 as well",
        Kind(ciphers=f"{SUITES}:{OLD}", least="1.1"),
        85,
        96,
        {"tls_version": ("bad", "TLSv1.1"), "tls_ciphers": ("bad", OLD)},
    ),
    Served(
        "TLS 1.0 alone",
        Kind(ciphers=ALL, least="1.0", most="1.0"),
        84,
        96,
        {"tls_version": ("bad", "TLSv1"), "tls_ciphers": ("bad", "insufficient")},
    ),
    Served("TLS 1.3 alone", Kind(least="1.3"), 100, 100, {}),
    Served("TLS 1.2 alone", Kind(most="1.2"), 100, 100, {}),
    Served(
        "every cipher, the server's order",
        Kind(ciphers=ALL),
        85,
        96,
        {"tls_ciphers": ("bad", "insufficient"), "tls_cipher_order": ("bad", "before sufficient ones")},
    ),
    Served(
        "every cipher, the client's order",
        Kind(ciphers=ALL, prefer=False),
        85,
        96,
        {"tls_ciphers": ("bad", "insufficient"), "tls_cipher_order": ("bad", "before sufficient ones")},
    ),
    Served("CBC with SHA-1", Kind(ciphers=f"{OLD}:{SUITES}", prefer=False), 92, 98, {"tls_ciphers": ("bad", OLD)}),
    Served("CBC with SHA-1 first", Kind(ciphers=f"{OLD}:{SUITES}"), 92, 98, {"tls_ciphers": ("bad", OLD)}),
    Served(
        "CBC with SHA-256 before a sufficient one",
        Kind(ciphers=f"ECDHE+AESGCM:ECDHE-ECDSA-AES128-SHA256:ECDHE+CHACHA20{ALL[3:]}"),
        92,
        98,
        {
            "tls_ciphers": ("warning", "ECDHE-ECDSA-AES128-SHA256"),
            "tls_cipher_order": ("bad", "before sufficient ones"),
        },
    ),
    Served(
        "CBC with SHA-256, the server's order",
        Kind(ciphers=f"ECDHE+AESGCM:ECDHE-ECDSA-AES128-SHA256:{ALL[3:]}"),
        100,
        100,
        {"tls_ciphers": ("warning", "to be phased out: ECDHE-ECDSA-AES128-SHA256")},
    ),
    Served(
        "CCM with a short tag",
        Kind(ciphers=f"ECDHE+AESGCM:ECDHE-ECDSA-AES128-CCM8{ALL[3:]}"),
        92,
        98,
        {"tls_ciphers": ("bad", "ECDHE-ECDSA-AES128-CCM8")},
    ),
    Served(
        "a short tag in TLS 1.3",
        Kind(suites="TLS_AES_128_GCM_SHA256:TLS_AES_128_CCM_8_SHA256"),
        92,
        98,
        {"tls_ciphers": ("bad", "TLS_AES_128_CCM_8_SHA256")},
    ),
    Served(
        "a Diffie-Hellman group in nobody's name only",
        Kind(ciphers=f"ECDHE+AESGCM:ADH-AES256-GCM-SHA384{ALL[3:]}", dh="ffdhe2048"),
        85,
        96,
        {"tls_ciphers": ("bad", "ADH-AES256-GCM-SHA384"), "fs_params": ("bad", "DH 2048")},
    ),
    *(
        Served(
            f"the curve {curve} alone",
            Kind(curve=curve, most="1.2"),
            0,
            75,
            {"starttls_exists": ("error", "no handshake")},
        )
        for curve in ("secp256k1", "secp224r1", "brainpoolP256r1")
    ),
    Served(
        "refused at once",
        Kind(greeting="554 no service"),
        0,
        75,
        {"starttls_exists": ("error", "greets with 554 no service")},
    ),
    Served("put off at once", Kind(greeting="421 busy"), 0, 75, {"starttls_exists": ("error", "greets with 421 busy")}),
    Served(
        "clients renegotiate",
        Kind(renegotiation=True, options="ExtendedMasterSecret,ClientRenegotiation"),
        100,
        100,
        {"renegotiation_client": ("notice", "clients can renegotiate")},
    ),
    Served(
        "SHA-1 in the key exchange",
        Kind(signatures="ECDSA+SHA1:ECDSA+SHA256"),
        92,
        98,
        {"kex_hash_func": ("bad", "SHA-1")},
    ),
    Served(
        "SHA-224 in the key exchange",
        Kind(signatures="ECDSA+SHA224:ECDSA+SHA256"),
        100,
        100,
        {"kex_hash_func": ("warning", "SHA-224")},
    ),
    Served(
        "no extended master secret",
        Kind(options="-ExtendedMasterSecret"),
        92,
        98,
        {"extended_master_secret": ("bad", "not used")},
    ),
    Served("no STARTTLS", Kind(starttls=False), 0, 75, {"starttls_exists": ("error", "no STARTTLS")}),
)
RSA_HOSTS = (
    Served(
        "Diffie-Hellman of 2048 bits",
        Kind(ciphers=f"DHE+AESGCM:{SUITES}", dh="ffdhe2048"),
        85,
        96,
        {
            "fs_params": ("bad", "DH 2048"),
            "tls_ciphers": ("warning", "DHE-RSA"),
            "tls_cipher_order": ("bad", "before sufficient ones"),
        },
    ),
    Served(
        "Diffie-Hellman of 3072 bits",
        Kind(ciphers=f"{SUITES[:-12]}:DHE+AESGCM{ALL[3:]}", dh="ffdhe3072"),
        100,
        100,
        {"fs_params": ("warning", "DH 3072"), "tls_ciphers": ("warning", "DHE-RSA")},
    ),
    Served(
        "no forward secrecy",
        Kind(ciphers=f"AES256-GCM-SHA384{ALL[3:]}", most="1.2"),
        92,
        98,
        {"tls_ciphers": ("bad", "AES256-GCM-SHA384")},
    ),
)
EXPECTED = {"cert_trust", "dane_rollover"}
"""What even a good host of these tests shows."""


@pytest.fixture(scope="module")
def names(site, tmp_path_factory) -> Iterator[tuple[str, int]]:
    """The zones as they should be."""
    with serving(tmp_path_factory.mktemp("names"), lines(site)) as where:
        yield where


def compared(found: Score, case: Served) -> None:
    seen = {key: value for key, value in told(found).items() if key not in EXPECTED - set(case.findings)}
    assert "trusted" not in case.name or "cert_trust" not in told(found)
    assert set(seen) == set(case.findings), seen
    for key, (status, says) in case.findings.items():
        assert seen[key][0] == status, seen
        assert says in seen[key][1], seen
    assert (next(part.percent for part in found.parts if part.category == "TLS"), found.total) == (
        case.tls,
        case.total,
    ), seen


@pytest.mark.parametrize("case", HOSTS, ids=lambda c: c.name)
def test_host_that_speaks_otherwise(site, names, tmp_path, case) -> None:
    port = free_port()
    server = TlsServer(tmp_path / "host", port, *own_pair(site, tmp_path), case.kind)
    try:
        compared(asked(site, names, port, DOMAIN)[DOMAIN], case)
    finally:
        server.stop()


@pytest.mark.parametrize("case", RSA_HOSTS, ids=lambda c: c.name)
def test_host_with_rsa_that_speaks_otherwise(site, tmp_path, case) -> None:
    with_pair(site, tmp_path, {"key": rsa.generate_private_key(65537, 3072)}, case)


def with_pair(site: Loaded, folder: Path, how: dict, case: Served, into: tuple[str, ...] = ()) -> None:
    """A host with another certificate, whose key TLSA names unless other records are given."""
    chain, key, tlsa = pair(folder / "pair", **how)
    port = free_port()
    server = TlsServer(folder / "host", port, chain, key, case.kind)
    try:
        with serving(folder / "names", lines(site, TLSA, into or (f"_25._tcp.{HOST}. 60 TLSA {tlsa}",))) as where:
            compared(asked(site, where, port, DOMAIN)[DOMAIN], case)
    finally:
        server.stop()


P256 = ec.generate_private_key(ec.SECP256R1())
CERTIFICATES = (
    (
        Served("good", Kind(), 100, 100, {"cert_trust": ("notice", "self-signed certificate in certificate chain")}),
        {"key": P256},
    ),
    (
        Served("expired", Kind(), 100, 100, {"cert_trust": ("notice", "expired")}),
        {"key": P256, "days": -3, "trusted": True},
    ),
    (Served("of an authority that is trusted", Kind(), 100, 100, {}), {"key": P256, "trusted": True}),
    (
        Served(
            "of another name",
            Kind(),
            100,
            100,
            {
                "cert_hostmatch": ("notice", "is for other.example, not for mail.example.org"),
                "cert_trust": ("notice", "is for other.example"),
            },
        ),
        {"key": P256, "name": "other.example", "trusted": True},
    ),
    (
        Served("self-signed", Kind(), 100, 100, {"cert_trust": ("notice", "self-signed certificate")}),
        {"key": P256, "alone": True},
    ),
    (
        Served(
            "RSA of 1024 bits",
            Kind(),
            78,
            94,
            {"cert_pubkey": ("bad", "RSA 1024"), "dane_valid": ("bad", "RSA 1024 is too weak")},
        ),
        {"key": rsa.generate_private_key(65537, 1024)},
    ),
    (
        Served("RSA of 2048 bits", Kind(), 100, 100, {"cert_pubkey": ("warning", "RSA 2048")}),
        {"key": rsa.generate_private_key(65537, 2048)},
    ),
    (Served("RSA of 3072 bits", Kind(), 100, 100, {}), {"key": rsa.generate_private_key(65537, 3072)}),
    *(
        (
            Served(
                f"of the curve {curve.name}", Kind(most="1.2"), 0, 75, {"starttls_exists": ("error", "no handshake")}
            ),
            {"key": ec.generate_private_key(curve)},
        )
        for curve in (ec.SECP256K1(), ec.SECP224R1(), ec.BrainpoolP256R1())
    ),
    (
        Served(
            "signed with SHA-1",
            Kind(),
            78,
            94,
            {"cert_signature": ("bad", "SHA1"), "dane_valid": ("bad", "SHA1 is too weak")},
        ),
        {"key": P256, "digest": "sha1"},
    ),
    (
        Served(
            "signed with SHA-224",
            Kind(),
            100,
            100,
            {"cert_signature": ("warning", "SHA224"), "cert_trust": ("notice", "signed with SHA224")},
        ),
        {"key": P256, "digest": hashes.SHA224(), "trusted": True},
    ),
    (Served("Ed25519", Kind(), 100, 100, {}), {"key": ed25519.Ed25519PrivateKey.generate()}),
)


@pytest.mark.parametrize(("case", "how"), CERTIFICATES, ids=[c.name for c, _ in CERTIFICATES])
def test_certificate(site, tmp_path, monkeypatch, case, how) -> None:
    if how.get("trusted"):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "pair/authority.crt"))
    with_pair(site, tmp_path, {k: v for k, v in how.items() if k != "trusted"}, case)


def authority_tlsa(authority: ec.EllipticCurvePrivateKey) -> str:
    der = authority.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return f"_25._tcp.{HOST}. 60 TLSA 2 1 1 {sha256(der).hexdigest()}"


@pytest.mark.parametrize(
    ("case", "name", "of"),
    [
        (Served("of the authority above", Kind(), 100, 100, {}), HOST, "authority"),
        (
            Served("of an authority elsewhere", Kind(), 85, 96, {"dane_valid": ("bad", "another certificate")}),
            HOST,
            "other",
        ),
        (
            Served(
                "of the authority, for another name",
                Kind(),
                85,
                96,
                {"dane_valid": ("bad", "another"), "cert_hostmatch": ("bad", "is for")},
            ),
            "other.example",
            "authority",
        ),
    ],
    ids=lambda v: getattr(v, "name", None),
)
def test_tlsa_of_an_authority(site, tmp_path, case, name, of) -> None:
    authority, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    line = authority_tlsa(authority if of == "authority" else other)
    with_pair(site, tmp_path, {"key": P256, "name": name, "authority": authority}, case, (line,))


def test_host_that_is_away_is_an_error(site, names) -> None:
    found = asked(site, names, free_port(), DOMAIN)[DOMAIN]
    assert told(found)["starttls_exists"][0] == "error"
    assert told(found)["mx_reach"][0] == "bad"
    assert {part.category: part.percent for part in found.parts}["TLS"] == 0
    assert (found.total, found.worst) == (62, "error")


SIGNED = {"rpki": {"where": "https://wiki.example.org/rpki", "by": "Alice Archer", "day": "2026-11-02"}}
NAMED = {
    "nameservers": [
        {"name": f"ns{n}.example.org", "addresses": [f"198.51.100.{n}", f"2001:db8:1::{n}"]} for n in (1, 2)
    ]
}


def total(found: Score) -> tuple[int, str, dict[str, int]]:
    return found.total, found.worst, {part.category: part.percent for part in found.parts if part.most}


def test_silver_site_has_everything_and_no_warning(base) -> None:
    """Of what is rendered and published: each domain, parked ones too."""
    loaded = load(patched(base, {"network": SIGNED, "dns": NAMED}))
    assert loaded.site.level == "silver"
    found = {s.domain: s for s in rendered(loaded, TODAY)}
    whole = dict.fromkeys(CATEGORIES, 100)
    assert total(found["example.org"]) == total(found["example.net"]) == (100, "notice", whole)
    assert total(found["example.com"]) == (100, "notice", {"DNSSEC": 100, "auth": 100, "RPKI": 100})
    for one in found.values():
        assert not {f.key for part in one.parts for f in part.found if f.status in ("warning", "bad", "error")}
    # Name servers, and what the CA will have issued, are not ours to promise: they are asked on the spot.
    asked_later = {f.key for part in found["example.org"].parts for f in part.found if f.status == "not tested"}
    assert asked_later == {"ns_reach", "cert_trust"}


CHANGES = (
    ("TLS 1.1", {"overrides": {"postfix": {"smtpd_tls_protocols": ">=TLSv1.1"}}}, "tls_version", "good", 100),
    (
        "TLS 1.1 at no level, which OpenSSL's file forbids still",
        {"overrides": {"postfix": {"smtpd_tls_protocols": ">=TLSv1.1", "tls_high_cipherlist": "ECDHE+AESGCM"}}},
        "tls_version",
        "good",
        100,
    ),
    (
        "TLS 1.1 that nothing forbids",
        {
            "overrides": {
                "postfix": {
                    "smtpd_tls_protocols": ">=TLSv1.1",
                    "tls_high_cipherlist": "ECDHE+AESGCM",
                    "tls_config_file": "default",
                }
            }
        },
        "tls_version",
        "bad",
        85,
    ),
    (
        "versions by exclusion",
        {"overrides": {"postfix": {"smtpd_tls_protocols": "!SSLv2, !SSLv3, !TLSv1"}}},
        "tls_version",
        "good",
        100,
    ),
    (
        "TLS 1.3 alone",
        {"overrides": {"postfix": {"smtpd_tls_protocols": ">=TLSv1.3"}}},
        "extended_master_secret",
        "not tested",
        100,
    ),
    ("medium ciphers", {"overrides": {"postfix": {"smtpd_tls_ciphers": "medium"}}}, "tls_ciphers", "bad", 78),
    ("groups of medium ciphers", {"overrides": {"postfix": {"smtpd_tls_ciphers": "medium"}}}, "fs_params", "bad", 78),
    (
        "CBC ciphers",
        {"overrides": {"postfix": {"tls_high_cipherlist": "ECDHE+AESGCM:ECDHE-ECDSA-AES128-SHA256:@SECLEVEL=2"}}},
        "tls_ciphers",
        "warning",
        100,
    ),
    (
        "the client's order",
        {"overrides": {"postfix": {"tls_preempt_cipherlist": "no", "tls_high_cipherlist": "ALL:@SECLEVEL=2"}}},
        "tls_cipher_order",
        "bad",
        85,
    ),
    (
        "the server's order of every cipher",
        {"overrides": {"postfix": {"tls_high_cipherlist": "ALL:@SECLEVEL=2"}}},
        "tls_cipher_order",
        "bad",
        85,
    ),
    (
        "groups of ciphers that the key does not serve",
        {"overrides": {"postfix": {"tls_high_cipherlist": "ALL:@SECLEVEL=2"}}},
        "fs_params",
        "good",
        85,
    ),
    (
        "no file for OpenSSL",
        {"overrides": {"postfix": {"tls_config_file": "default"}}},
        "kex_hash_func",
        "warning",
        100,
    ),
    (
        "nor a security level",
        {"overrides": {"postfix": {"tls_config_file": "default", "tls_high_cipherlist": "ECDHE+AESGCM"}}},
        "kex_hash_func",
        "bad",
        92,
    ),
    ("no STARTTLS", {"overrides": {"postfix": {"smtpd_tls_security_level": "none"}}}, "starttls_exists", "error", 0),
)


@pytest.mark.parametrize(("patch", "key", "status", "percent"), [c[1:] for c in CHANGES], ids=[c[0] for c in CHANGES])
def test_what_the_site_overrides(base, patch, key, status, percent) -> None:
    found = next(iter(rendered(load(patched(base, patch)), TODAY)))
    one, seen = row(found, key)
    assert (one.status, seen) == (status, percent), told(found)


SITES = (
    ("no TLSA", {"dns": {"tlsa": False}, "level": "bronze"}, "dane_exists", "bad", 92),
    (
        "a provider that cannot sign",
        {"dns": {"provider": {"capabilities": ["caa", "srv", "long-txt", "wildcard", "null-mx"]}}, "level": "basic"},
        "dnssec_valid",
        "not tested",
        20,
    ),
    ("DMARC of basic", {"level": "basic"}, "dmarc_policy", "bad", 84),
    (
        "evidence of a year ago",
        {"network": {"rpki": {**SIGNED["rpki"], "day": "2025-11-02"}}},
        "mail_rpki_valid",
        "not tested",
        0,
    ),
    (
        "a certificate that has ended",
        {"tls": {"source": "internal-ca", "acme": None}, "web": {"mta_sts": "testing"}},
        "cert_trust",
        "notice",
        100,
    ),
)


@pytest.mark.parametrize(("patch", "key", "status", "percent"), [c[1:] for c in SITES], ids=[c[0] for c in SITES])
def test_what_the_site_chooses(base, patch, key, status, percent) -> None:
    day = date(2030, 1, 1) if key == "cert_trust" else TODAY
    found = next(iter(rendered(load(patched(base, patch)), day)))
    one, seen = row(found, key)
    assert (one.status, seen) == (status, percent), told(found)


def test_zones_that_nobody_shows_to_be_signed(base) -> None:
    """Neither evidence nor TLSA: it is not known, and not counted."""
    loaded = load(patched(base, {"level": "basic", "dns": {"tlsa": False}, "evidence": {"dns.dnssec": None}}))
    found = next(iter(rendered(loaded, TODAY)))
    assert row(found, "dnssec_valid")[0].status == row(found, "dane_exists")[0].status == "not tested"
    assert "DNSSEC" not in total(found)[2]


def test_rules_are_those_that_were_read() -> None:
    """The most of each category, and of TLS what a plain Debian has: 64 % (CONTROLS 3.2 and 3.5)."""
    most = {c: sum(r.points for r in RULES if r.category == c and r.worst == "bad") for c in CATEGORIES}
    assert most == {"IPv6": 20, "DNSSEC": 10, "auth": 50, "TLS": 140, "RPKI": 45}
    failing = {"tls_version", "tls_ciphers", "tls_cipher_order", "fs_params", "kex_hash_func"}
    found = [bad(r.key, "") if r.key in failing else good(r.key) for r in RULES if r.category == "TLS"]
    assert score("d", {"TLS": [found]}).total == 64
    assert all(not r.points for r in RULES if r.worst != "bad")
    assert len({r.key for r in RULES}) == len(RULES)


def test_points() -> None:
    spf = [good("spf"), bad("spf_policy", "x", 2)]
    assert score("d", {"auth": [spf]}).total == 60
    # The host with the fewest points decides; what is a warning costs nothing; what was not tested is no part of it.
    one, other = (
        [good("starttls_exists"), warned("tls_ciphers", "x")],
        [
            good("starttls_exists"),
            bad("tls_ciphers", "y"),
        ],
    )
    found = score("d", {"TLS": [one, other], "auth": [[good("spf")]], "RPKI": [[untested("mail_rpki_exists", "x")]]})
    assert [(p.category, p.points, p.most) for p in found.parts] == [
        ("IPv6", 0, 0),
        ("DNSSEC", 0, 0),
        ("auth", 10, 10),
        ("TLS", 10, 20),
        ("RPKI", 0, 0),
    ]
    assert (found.total, found.worst) == (75, "bad")
    # Nothing is worse than its rule lets it be.
    assert bad("cert_trust", "x").status == "notice"
    assert bad("mail_caa", "x").status == "warning"
    assert score("d", {}).total == 0


def without_vault(folder: Path, to: Path) -> Path:
    """The site as who has no part in its secrets has it."""
    shutil.copytree(folder, to)
    for file in to.rglob("*.vault"):
        file.unlink()
    return to


def test_what_is_rendered_needs_no_vault(base, tmp_path) -> None:
    path = patched(base, {"network": SIGNED, "dns": NAMED})
    done = gmconf("check", path.name, "--profile", "internet.nl", cwd=without_vault(path.parent, tmp_path / "site"))
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "ns_reach: not tested (not counted): check connects to nobody; gmconf verify --profile internet.nl asks the"
        " name servers" in done.stdout
    )


def test_commands(base) -> None:
    path = patched(base, {"network": SIGNED, "dns": NAMED})
    done = gmconf("check", path.name, "--profile", "internet.nl", cwd=path.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "example.org: 100 %, worst: notice\n    IPv6 100 % (10 of 10), DNSSEC 100 % (10 of 10), auth 100 % (50 of 50),"
        " TLS 100 % (140 of 140), RPKI 100 % (45 of 45)\n" in done.stdout
    )
    assert done.stdout.endswith("3 domains: 100 % at least, worst: notice\n")
    found = json.loads(
        gmconf("check", path.name, "--profile", "internet.nl", "--format", "json", cwd=path.parent).stdout
    )
    assert (found["least"], found["worst"], [d["domain"] for d in found["domains"]]) == (
        100,
        "notice",
        ["example.org", "example.net", "example.com"],
    )
    assert all(s["source"].startswith("3.2 ") for d in found["domains"] for c in d["categories"] for s in c["subtests"])
    worse = patched(
        base, {"overrides": {"postfix": {"tls_high_cipherlist": "ECDHE+AESGCM:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=2"}}}
    )
    done = gmconf("check", worse.name, "--profile", "internet.nl", cwd=path.parent)
    assert done.returncode == 1
    assert "    TLS tls_ciphers: bad (0 of 10): mx1.example.org: insufficient: ECDHE-ECDSA-AES128-SHA" in done.stdout
    (suite,) = JUnitXml.fromstring(
        gmconf("check", worse.name, "--profile", "internet.nl", "--format", "junit", cwd=path.parent).stdout.encode()
    )
    failing = {
        (case.classname, case.name): case.result[0].message
        for case in suite
        if any(isinstance(r, Failure) for r in case.result)
    }
    assert {name for _, name in failing} == {"tls_ciphers"}
    assert (
        "bad (0 of 10 points): mx1.example.org: insufficient: ECDHE-ECDSA-AES128-SHA"
        in failing["example.org", "tls_ciphers"]
    )
    assert (suite.failures, suite.errors, suite.tests) == (
        len(failing),
        0,
        len({s["key"] for c in found["domains"][0]["categories"] for s in c["subtests"]}) * 3,
    )
    (run,) = Sarif.model_validate_json(
        gmconf("check", worse.name, "--profile", "internet.nl", "--format", "sarif", cwd=path.parent).stdout
    ).runs
    assert [(r.rule_id, r.level.value) for r in run.results] == [("tls_ciphers", "error")] * len(failing)
    assert [rule.id for rule in run.tool.driver.rules] == ["tls_ciphers"]
    for more, says in (
        (["--format", "html"], "text, json, junit or sarif"),
        (["--level", "basic"], "--level"),
        (["--profile", "x"], ""),
    ):
        done = gmconf("check", path.name, "--profile", "internet.nl", *more, cwd=path.parent)
        assert (done.returncode, done.stdout) == (2, "")
        assert says in done.stderr


def test_live_command(site, tmp_path) -> None:
    """Port 25 of loopback is nobody's here: DNS is what is seen, and a host that is away."""
    folder = without_vault(site.path.parent, tmp_path / "site")
    with serving(tmp_path, lines(site, r"^ns\d\.lab\.test\. \d+ AAAA")) as (address, port):
        done = gmconf(
            "verify",
            "site.yml",
            "--profile",
            "internet.nl",
            "--resolver",
            f"{address}:{port}",
            "--output",
            "found.txt",
            cwd=folder,
        )
        assert (done.returncode, done.stdout) == (1, "")
        text = (folder / "found.txt").read_text()
        assert "    TLS starttls_exists: error (0 of 10): mail.example.org: " in text
        assert "auth 100 % (50 of 50), TLS 0 % (0 of 10), RPKI not tested" in text
    done = gmconf("verify", "site.yml", "--profile", "internet.nl", "--resolver", f"{address}:{port}", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not answer" in done.stderr
    done = gmconf("verify", "site.yml", "--profile", "internet.nl", "--only", "mx", cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")


def test_resolver_that_does_not_validate(site, host, tmp_path) -> None:
    """It cannot tell signed from unsigned, so neither DNSSEC nor DANE is counted."""
    with serving(tmp_path, lines(site)) as (_, port):
        assert not asyncio.run(Asker(Server("127.0.0.2", port)).ask("example.org", "SOA")).secure
        found = asked(site, ("127.0.0.2", port), host, DOMAIN)[DOMAIN]
    assert row(found, "dnssec_valid")[0].status == row(found, "dane_valid")[0].status == "not tested"
    assert "DNSSEC" not in total(found)[2]
