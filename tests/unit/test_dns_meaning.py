"""What published records mean to receivers: SPF evaluated, DKIM, DMARC and the like by their grammar. Names are asked
of a table."""

from __future__ import annotations

import asyncio
import re

import pytest
from dnssite import made

from gmconf.dns import records
from gmconf.dns.live.ask import Answer
from gmconf.dns.live.spf_and_lists import judged

SIX = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6"
NAMES = {
    ("example.org", "MX"): ("10 mail.example.org.",),
    ("mail.example.org", "A"): ("192.0.2.1",),
    ("mail.example.org", "AAAA"): ("2001:db8::1",),
    ("192.0.2.1._ok.example.org", "A"): ("127.0.0.2",),
    ("1.2.0.192.in-addr._ok.example.org", "A"): ("127.0.0.2",),
    (f"{SIX}._ok.example.org", "A"): ("127.0.0.2",),
    ("1.2.0.192.in-addr.arpa", "PTR"): ("mail.example.org.",),
    (f"{SIX}.arpa", "PTR"): ("mail.example.org.",),
    ("other.example.org", "TXT"): ("proof", "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"),
    ("many.example.org", "MX"): tuple(f"10 mx{n}.example.org." for n in range(11)),
    ("newsletter.example", "TXT"): ("v=spf1 ip4:203.0.113.0/24 ~all",),
    ("two.example.org", "TXT"): ("v=spf1 -all", "v=spf1 mx -all"),
    ("loop.example.org", "TXT"): ("v=spf1 include:loop.example.org -all",),
    ("wide.example.org", "TXT"): (f"v=spf1 {' '.join(f'exists:%{{i}}.l{n}.example' for n in range(9))} -all",),
    ("open.example.org", "TXT"): ("v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 ?all",),
}


class Table:
    """Answers as the table says."""

    async def ask(self, name: str, type_: str) -> Answer:
        if name.endswith("down.example"):
            return Answer("failed", note="SERVFAIL")
        values = NAMES.get((name, type_), ())
        return Answer("found" if values else "no-name", values)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return made(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def published(site):
    return {(r.owner, r.type): r for r in records(site)}


def said(site, published, owner: str, *texts: str) -> str:
    """What is wrong with TXT records at a name; empty when nothing is."""
    record = published[owner, "TXT"]
    found = asyncio.run(judged(Table(), site.site, record, Answer("found", texts), owner))
    return "; ".join(f"error: {d.observed}" if d.error else d.observed for d in found)


@pytest.mark.parametrize(
    "text",
    [
        "v=spf1 ip6:2001:DB8::1/128 +ip4:192.0.2.1/32 -ALL",
        "V=SPF1 mx -all",
        "v=spf1 MX:example.org. -ALL",
        "v=spf1 a:mail.example.org -all",
        "v=spf1 include:other.example.org -all",
        "v=spf1 redirect=other.example.org",
        "v=spf1 mx -all redirect=no.example.org",
        "v=spf1 ip4:192.0.2.1/32  mx x-own=%{i} exp=why.%{d} -all ",
        "v=spf1 exists:%{ir}.%{v}._ok.%{d2} -all",
        "v=spf1 ptr -all",
        "v=spf1 ptr:example.org -all",
        "v=spf1 exists:%{i}._ok.%{o} exists:%{Ir}.%{v}._ok.example.org -all",
        "v=spf1 -ip4:203.0.113.0/24 mx -ip4:192.0.2.0/24 -ip6:2001:db8::/32 -all",
        "v=spf1 a:mail.%{d} -all",
        "v=spf1 mx/32//128 -all",
        "v=spf1 mx -all +all ip4:0.0.0.0/0",
        "v=spf1 include:open.example.org -all",
        "v=spf1 mx a:x1.example.org a:x2.example.org -all",
        "v=spf1 mx -all include:no.example.org",
    ],
)
def test_spf_that_lets_the_same_send(site, published, text) -> None:
    assert said(site, published, "example.org", text, "proof=1", "v=spf10 +all") == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v=spf1 a:mail.example.org/24//64 -all", "lets 192.0.2.0/24, 2001:db8::/64 send"),
        ("v=spf1 mx include:newsletter.example -all", "lets 203.0.113.0/24 send"),
        ("v=spf1 -ip4:192.0.2.0/24 ip4:192.0.2.1 ip6:2001:db8::1 -all", "does not let 192.0.2.1/32 send"),
        ("v=spf1 ?mx -all", "does not let 192.0.2.1/32, 2001:db8::1/128 send"),
        ("v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 ~all", "ends in ~all"),
        ("v=spf1 mx ?all", "ends in ?all"),
        ("v=spf1 mx", "ends in nothing"),
        ("v=spf1 mx ~ip4:203.0.113.0/24 -all", "means softfail for 203.0.113.0/24"),
        ("v=spf1 redirect=open.example.org", "ends in redirect=open.example.org"),
        ("v=spf1 mx 0.0.0.0/0 -all", "cannot be read"),
        ("v=spf1 mx ip4:0.0.0.0/1 -all", "lets 0.0.0.0/1 send"),
        ("v=spf1 ip4:192.0.2.1/255.255.255.255 ip6:2001:db8::1 -all", "cannot be read: ip4:192.0.2.1/255"),
        ("v=spf1 mx\t-all", "cannot be read"),
        ("v=spf1 mx exists:%x.example.org -all", "cannot be read"),
        ("v=spf1 mx include -all", "cannot be read: include"),
        ("v=spf1 mx include: -all", "cannot be read"),
        ("v=spf1 mx redirect=", "cannot be read"),
        ("v=spf1 mx redirect=a.org redirect=a.org", "cannot be read"),
        ("v=spf1 mx exp=a.org exp=b.org -all", "cannot be read"),
        ("v=spf1 mx -redirect=a.org", "cannot be read"),
        ("v=spf1 mx all. ", "cannot be read"),
        ("v=spf1 mx -all:x", "cannot be read"),
        ("v=spf1 mx/33 -all", "cannot be read"),
        ("v=spf1 mx/032 -all", "cannot be read"),
        ("v=spf1 ip4:2001:db8::1 -all", "cannot be read"),
        ("v=spf1 ip4:192.0.2.01 -all", "cannot be read"),
        ("v=spf1 mx -all; ", "cannot be read"),
        ("v=spf1 mx a:123 -all", "cannot be read"),
        ("v=spf1 mx exists:%{c}.x.org -all", "cannot be read"),
        ("v=spf1 mx exists:%{i0}.x.org -all", "cannot be read"),
        ("v=spf1 mx, -all", "cannot be read"),
        ("v=spf1 mx ipv4:192.0.2.1 -all", "cannot be read"),
        ("v=spf1 mx redirect=no.example.org", "redirect=no.example.org: no.example.org has no SPF record"),
        ("v=spf1 mx include:two.example.org -all", "two.example.org has 2 SPF records"),
        ("v=spf1 include:no.example.org mx -all", "has no SPF record"),
        ("v=spf1 mx a:x1.org a:x2.org a:x3.org -all", "3 without an answer"),
        ("v=spf1 include:loop.example.org -all", "11 look-ups"),
        ("v=spf1 mx mx:many.example.org -all", "more than 10 MX"),
        ("v=spf1 mx a:mail.example.org include:wide.example.org -all", "11 look-ups"),
        ("v=spf1 mx include:a..b -all", "a..b is no name"),
        ("v=spf1 include:down.example -all", "error: v=spf1 include:down.example -all: down.example TXT: SERVFAIL"),
    ],
)
def test_spf_that_does_not(site, published, text, says) -> None:
    assert says in said(site, published, "example.org", text)


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ("@", ""),
        ("v=DKIM1; t=s; @", ""),
        ("v = DKIM1 ; h=sha1:sha256; s=*; n=of 2026; @;", ""),
        ("v=DKIM1; s=tlsrpt:email; x_1=; @", ""),
        ("k=rsa; @", ""),
        ("v=DKIM1;\r\n @", ""),
        ("v=DKIM1; t=y; @", "t=y"),
        ("v=DKIM1; t=s:y; @", "t=y"),
        ("v=DKIM1; h=sha1; @", "excludes sha256"),
        ("v=DKIM1; s=tlsrpt; @", "excludes mail"),
        ("v=DKIM2; @", "v is DKIM1"),
        ("v=dkim1; @", "v is DKIM1"),
        ("@; v=DKIM1", "v is DKIM1"),
        ("k=rsa; v=DKIM1; @", "v is DKIM1"),
        ("v=DKIM1; p=; @", "p stands there twice"),
        ("v=DKIM1; k=rsa; k=rsa; @", "k stands there twice"),
        ("v=DKIM1;; @", "an empty tag"),
        ("v=DKIM1; K; @", "K is no tag"),
        ("v=DKIM1; k=RSA; @", "type differs"),
        ("v=DKIM1; k=ed25519; @", "type differs"),
        ("v=DKIM1; x-y=1; @", "x-y=1 is no tag"),
        ("v=DKIM1; p=", "revoked"),
        ("v=DKIM1; p=AAAA", "the key differs"),
        ("v=DKIM1", "there is no p"),
        ("proof", "no tag"),
        ("v=DKIM1; P=x; n=\u00e4; @", "n holds"),
    ],
)
def test_dkim(site, published, tags, says) -> None:
    name = "gm4-rsa._domainkey.example.org"
    key = "".join(published[name, "TXT"].rdata).partition("k=rsa; ")[2]
    found = said(site, published, name, tags.replace("@", key))
    assert says in found
    assert bool(says) == bool(found)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v=DMARC1; p=reject#;", ""),
        ("v = DMARC1;p = REJECT#;fo=1:d;ri=3600;rf=afrf;psd=n;pct=100;x=1;np=reject", ""),
        ("v=DMARC1; p=reject; sp=reject; np=reject; t=n; psd=u#", ""),  # codespell:ignore fo
        ("v=dmarc1; p=reject#", "pass over it"),
        ("V=DMARC1; p=reject#", "pass over it"),
        (" v=DMARC1; p=reject#", "pass over it"),
        ("p=reject; v=DMARC1#", "pass over it"),
        ("v=DMARC1 p=reject#", "pass over it"),
        ("v=DMARC1.0; p=reject#", "pass over it"),
        ("v=DMARC1; p=reject; p=none#", "p stands there twice"),
        ("v=DMARC1; p=none; p=none#", "p stands there twice"),
        ("v=DMARC1; p=reject; x=1; x=2#", "x stands there twice"),
        ("v=DMARC1;; p=reject#", "an empty tag"),
        ("v=DMARC1; p=reject; x#", "x is no tag"),
        ("v=DMARC1; P=reject#", "p must stand"),
        ("v=DMARC1; x=1; p=reject#", "p must stand"),
        ("v=DMARC1; p=discard#", "is none of none, quarantine, reject"),
        ("v=DMARC1; p=reject; fo=2#", "fo=2"),
        ("v=DMARC1; p=reject; psd=yes#", "psd=yes"),  # codespell:ignore fo
        ("v=DMARC1; p=reject; psd=y#", "differs in psd"),
        ("v=DMARC1; p=reject; pct=all#", "pct=all"),
        ("v=DMARC1; p=reject; sp=none#", "differs in np, sp"),
        ("v=DMARC1; p=reject; t=y#", "differs in t"),
        ("v=DMARC1; p=reject; adkim=s; aspf=s; rua=reports@example.org", "rua is no list"),
        ("v=DMARC1; p=reject; adkim=s; aspf=s; rua=mailto:reports@example.org,,mailto:a@b.example", "rua is no list"),
        ("v=DMARC1; p=reject; adkim=s; aspf=s; rua=mailto:reports@example.org,mailto:a@b.example", "differs in rua"),
        ("v=DMARC1; p=reject; adkim=relaxed; aspf=s; rua=mailto:reports@example.org", "adkim=relaxed"),
    ],
)
def test_dmarc(site, published, text, says) -> None:
    found = said(
        site, published, "_dmarc.example.org", text.replace("#", "; adkim=s; aspf=s; rua=mailto:reports@example.org")
    )
    assert says in found
    assert bool(says) == bool(found)


def test_records_that_receivers_pass_over_do_no_harm_beside_the_right_one(site, published) -> None:
    right = "".join(published["_dmarc.example.org", "TXT"].rdata)
    assert said(site, published, "_dmarc.example.org", right, "v=dmarc1; p=none", "V=DMARC1; p=none", "unrelated") == ""
    assert said(site, published, "_dmarc.example.org", right, "v=DMARC1; p=none").startswith("2: ")


@pytest.mark.parametrize(
    "text",
    [
        "v=TLSRPTv1; rua=mailto:reports@example.org;",
        "v=TLSRPTv1 ; rua = mailto:reports@example.org ; x=1;",
        "v=TLSRPTv1;rua=MAILTO:reports@example.org",
    ],
)
def test_tls_reports(site, published, text) -> None:
    assert said(site, published, "_smtp._tls.example.org", text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "v=tlsrptv1; rua=mailto:reports@example.org",
        "rua=mailto:reports@example.org; v=TLSRPTv1",
        "v=TLSRPTv1 rua=mailto:reports@example.org",
        "v=TLSRPTv1; rua=",
        "v=TLSRPTv1; rua=mailto:reports@example.org;;",
        " v=TLSRPTv1; rua=mailto:reports@example.org",
        "v=TLSRPTv1",
        "v=TLSRPTv2; rua=mailto:reports@example.org",
    ],
)
def test_tls_reports_that_nobody_reads(site, published, text) -> None:
    assert re.search("pass over it|found nothing|^nothing", said(site, published, "_smtp._tls.example.org", text))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("v=DMARC1;", ""),
        ("v=DMARC1", ""),
        ("v=DMARC1; ", ""),
        ("v=dmarc1;", "pass over it"),
        ("v=DMARC1; rua=mailto:x@example.com", "differs in rua"),
        ("v=DMARC1;;", "pass over it"),
    ],
)
def test_authorisation(site, published, text, says) -> None:
    found = said(site, published, "example.net._report._dmarc.example.org", text)
    assert says in found
    assert bool(says) == bool(found)


def test_a_parked_domain_asks_for_nothing(site, published) -> None:
    assert "asks for +mx" in said(site, published, "parked.example", "v=spf1 mx -all")
    assert "lets 192.0.2.1/32 send" in said(site, published, "parked.example", "v=spf1 ip4:192.0.2.1 -all")
    assert said(site, published, "parked.example", "v=spf1 -all") == ""
