"""Records as internet.nl's test reads them; and no record that a stranger publishes ends a run."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address
from zlib import crc32

import dns.exception
import dns.rdata
import dns.rdatatype
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_associated import LEAF, ROOT, certificate

from gmconf.dns.live.ask import Answer, _text
from gmconf.dns.live.evaluation import Evaluation
from gmconf.dns.live.macros import Client
from gmconf.dns.live.textrecords import kind_at
from gmconf.profiles import readings
from gmconf.profiles.addresses import dnssec, ipv6, receivers
from gmconf.profiles.auth import auth
from gmconf.profiles.score import score
from gmconf.profiles.tls_offer import Offer
from gmconf.profiles.transport import nowhere, transport

DMARC = (
    ("v=DMARC1; p=reject", True),
    ("V = DMARC1 ; P=Reject ;", True),
    ("v=DMARC1;", True),
    ("v=DMARC1;;rua=mailto:a@b", True),
    ("v=DMARC1; p=reject; fo=1:d : s", True),
    ("v=DMARC1; p=reject; rua=mailto:a@b , mailto:c@d!10m", True),
    ("v=DMARC1; p=none; pct=100; rf=afrf; ri=86400; adkim=s; aspf=R; np=none; psd=n", True),
    ("v=DMARC1", False),
    ("v=dmarc1; p=reject", False),
    ("v=DMARC1; rua=mailto:a@b", False),
    ("v=DMARC1; rua=mailto:a@b; p=reject", False),
    ("v=DMARC1; sp=reject", False),
    ("v=DMARC1; p=reject; x=y", False),
    ("v=DMARC1; p=reject; t=y; t=n", False),
    ("v=DMARC1; p=reject; adkim=relaxed", False),
    ("v=DMARC1; p=reject; pct=all", False),
    ("v=DMARC1; p=reject; fo=2", False),
    ("v=DMARC1; p=reject; ri=1d", False),
    ("v=DMARC1; p=reject; t=x", False),
    ("v=DMARC1; p=reject; psd=yes", False),
    ("v=DMARC1; p=reject;;", False),
    ("v=DMARC1; p=reject;; t=n", False),
    ("v=DMARC1; p=reject; rua=mailto:a@b;mailto:c@d", False),
    ("v=DMARC1; p=reject; rua=a@b", False),
    ("v=DMARC1; p=reject; rua=mailto:a@b!x", False),
    ("v=DMARC1; p=reject ", False),
    ("v=DMARC1; p=reject\\009", False),
)
SPF = (
    ("v=spf1", True),
    ("v=spf1 -all", True),
    ("V=SPF1  a MX -ALL ", True),
    ("v=spf1 exists:%{ir}.%{l1r+-}.%{d} redirect=%{d}", True),
    ("v=spf1 a:h.example/24 mx//64 ~all", True),
    ("v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 exp=why.example -all", True),
    ("v=spf1 x-tra=a.example -all", True),
    ("v=spf10 -all", False),
    ("v=spf1; -all", False),
    ("v=spf1 include -all", False),
    ("v=spf1 include: -all", False),
    ("v=spf1 redirect=", False),
    ("v=spf1 exists:%x.y -all", False),
    ("v=spf1 exists:a%.y -all", False),
    ("v=spf1 exists:%{x}.y -all", False),
    ("v=spf1\\009-all", False),
    ("v=spf1 ip4:192.0.2.0/255.255.255.0 -all", False),
    ("v=spf1 ipv6:2001:db8::1 -all", False),
    ("v=spf1 ip4:192.0.2.256 -all", False),
    ("v=spf1 ip6:2001:db8::/129 -all", False),
    ("v=spf1 a:192.0.2.1 -all", False),
    ("v=spf1 a/33 -all", False),
    ("v=spf1 aspf=r -all", False),
)
CAA = (
    (0, "issue", "ca.example", True),
    (128, "issue", ";", True),
    (0, "issue", "ca.example; accounturi=https://ca.example/1; validationmethods=dns-01,ca-own", True),
    (0, "issuemail", ";", True),
    (0, "iodef", "mailto:a@example.org", True),
    (0, "iodef", "https://example.org/", True),
    (0, "contactemail", "a@example.org", True),
    (0, "contactphone", "+49-30(1).2", True),
    (1, "issue", "ca.example", False),
    (0, "issue", "ca_example", False),
    (0, "issuewild", "ca.example; a", False),
    (0, "issue", "ca.example; validationmethods=by-hand", False),
    (0, "iodef", "a@example.org", False),
    (0, "iodef", "https:x", False),
    (0, "iodef", "https://[", False),
    (0, "contactemail", "nobody", False),
    (0, "contactphone", "030", False),
    (0, "policy", "x", False),
    (0, "unheard", "x", False),
)


@pytest.mark.parametrize(("text", "read"), DMARC)
def test_dmarc_as_that_test_reads_it(text, read) -> None:
    assert (readings.dmarc(text) is not None) == read


@pytest.mark.parametrize(("text", "read"), SPF)
def test_spf_as_that_test_reads_it(text, read) -> None:
    assert (readings.spf(text) is not None) == read


@pytest.mark.parametrize(("flags", "tag", "value", "read"), CAA)
def test_caa_as_that_test_reads_it(flags, tag, value, read) -> None:
    assert (readings.caa(flags, tag, value) == "") == read


def test_octets_are_seen_as_in_a_zone_file() -> None:
    assert readings.printed('a\t"\\\xc3') == 'a\\009\\"\\\\\\195'


PIECES = (
    "v=spf1",
    "v=DMARC1",
    "v=DKIM1",
    "v=TLSRPTv1",
    "v=STSv1",
    " ",
    "  ",
    ";",
    "; ",
    ",",
    "=",
    ":",
    "/",
    "!",
    "%",
    "%{",
    "}",
    "@",
    ".",
    "..",
    "\\",
    '"',
    "\t",
    "\0",
    "\xff",
    "-all",
    "~all",
    "?all",
    "include",
    "include:",
    "include:d.example",
    "redirect=",
    "redirect=d.example",
    "a",
    "a:",
    "a/",
    "mx",
    "mx//",
    "ptr",
    "exists:%{i}.%{d}",
    "ip4:",
    "ip4:192.0.2.1/",
    "ip6:",
    "ip6:::/0",
    "exp=",
    "p=",
    "p=reject",
    "sp=",
    "none",
    "rua=",
    "ruf=",
    "mailto:",
    "mailto:a@d.example",
    "https://[",
    "https://x",
    "t=y",
    "k=rsa",
    "h=sha256",
    "id=",
    "1",
    "9" * 5000,
    "[",
    "]",
    "::",
    "d.example",
)
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.text(alphabet=st.characters(max_codepoint=255), max_size=40),
)
WIRES = st.one_of(
    st.binary(max_size=40),
    st.builds(lambda start, rest: bytes(start) + rest, st.tuples(*[st.integers(0, 4)] * 3), st.binary(max_size=64)),
)


def wired(type_: str, wires: list[bytes]) -> list[str]:
    """Those that are records of a type, as answers have them; what is none no library hands on."""
    found = []
    for wire in wires:
        try:
            found.append(_text(dns.rdata.from_wire("IN", dns.rdatatype.from_text(type_), wire, 0, len(wire)), type_))
        except (dns.exception.DNSException, ValueError):
            continue
    return found


CHAIN = (
    certificate("mx.d.example", LEAF, ca=False, begins=-9, ends=9),
    certificate("root", ROOT, ca=True, begins=-9, ends=9),
)


class Strangers:
    """Every name has some of the records that are drawn, the same at each question."""

    signs = ""

    def __init__(self, texts: list[str], wires: list[bytes]) -> None:
        self.known = {
            "TXT": texts,
            "A": ["192.0.2.1"],
            "AAAA": ["2001:db8::1"],
            **{type_: wired(type_, wires) for type_ in ("CAA", "TLSA", "MX", "NS")},
        }

    def foreign(self, name: str) -> bool:
        del name
        return False

    async def ask(self, name: str, type_: str, *, validated: bool = False) -> Answer:
        here = [
            value
            for number, value in enumerate(self.known.get(type_, ()))
            if crc32(f"{name} {type_} {number}".encode()) % 3 or number == 0
        ]
        return Answer("found" if here else "nothing", tuple(here), secure=validated)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(TEXTS, max_size=4), st.lists(WIRES, max_size=4))
def test_no_record_of_others_ends_a_run(texts: list[str], wires: list[bytes]) -> None:
    async def reach(name: str, address: str, port: int, zone: str) -> bool | str:
        return bool(crc32(f"{name} {address} {port} {zone}".encode()) % 2)

    async def judged() -> None:
        source = Strangers(texts, wires)
        found = await receivers(source, "d.example")
        hosts = [await transport(source, Offer(name, starttls=True, chain=CHAIN)) for name in found.names] or [
            nowhere(found)
        ]
        parts = {
            "IPv6": [await ipv6(source, "d.example", found, reach)],
            "DNSSEC": await dnssec(source, "d.example", found),
            "auth": [await auth(source, "d.example")],
            "TLS": hosts,
        }
        assert 0 <= score("d.example", parts).total <= 100

    asyncio.run(judged())


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(TEXTS, TEXTS)
def test_no_record_of_others_ends_a_look_at_dns(text: str, other: str) -> None:
    for owner in (
        "s._domainkey.d.example",
        "e.example._report._dmarc.d.example",
        "_dmarc.d.example",
        "_smtp._tls.d.example",
        "_mta-sts.d.example",
    ):
        kind = kind_at(owner)
        assert kind is not None
        kind.attempts(text)
        kind.counts(text)
        assert isinstance(kind.unlike(other, text), str)
    client = Client(ip_address("192.0.2.1"), "postmaster@d.example", "d.example")
    assert asyncio.run(
        Evaluation(Strangers([f"v=spf1 {text}", other], []), client).of("d.example", f"v=spf1 {text} {other}")
    ).result
