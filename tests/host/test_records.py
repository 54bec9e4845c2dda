"""What the site publishes, as strangers find it: each record is there, says what it has to, and is signed."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from functools import cache

import dns.dnssec
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.rrset
import lab
import pytest
from clients import trust
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate

from gmconf.site.load import load

ROOT = dns.name.root


def ask(name: str, kind: str) -> tuple[dns.rrset.RRset, dns.rrset.RRset]:
    """Records and their signatures."""
    answer = dns.query.tcp(dns.message.make_query(name, kind, want_dnssec=True), lab.NS.addresses[0], timeout=10)
    rdtype, owner = dns.rdatatype.from_text(kind), dns.name.from_text(name)
    return tuple(
        answer.find_rrset(answer.answer, owner, dns.rdataclass.IN, *what)
        for what in ((rdtype,), (dns.rdatatype.RRSIG, rdtype))
    )


@cache
def keys() -> dict[dns.name.Name, dns.rrset.RRset]:
    """The root's keys, if the trust anchor is one of theirs."""
    found, signatures = ask(".", "DNSKEY")
    anchor = lab.trust_anchor().split("DS ")[1]
    known = dns.rrset.from_text(".", 5, "IN", "DS", anchor)
    assert any(dns.dnssec.make_ds(ROOT, key, "SHA256") in known for key in found)
    dns.dnssec.validate(found, signatures, {ROOT: found})
    return {ROOT: found}


def proved(name: str, kind: str) -> list[str]:
    """Rdata that the root's keys vouch for."""
    found, signatures = ask(name, kind)
    dns.dnssec.validate(found, signatures, keys())
    return sorted(str(record) for record in found)


def text(name: str) -> list[str]:
    """Strings of TXT records, joined."""
    return ["".join(part.strip('"') for part in record.split('" "')) for record in proved(name, "TXT")]


def tags(record: str) -> dict[str, str]:
    return dict(part.strip().split("=", 1) for part in record.split(";") if "=" in part)


def sending(mx) -> list[str]:
    return [mx.domain, f"a.{mx.domain}", f"all.{mx.domain}", f"alias.{mx.domain}"]


@pytest.mark.control("dns.dnssec")
@pytest.mark.case("TR-03108-D-01")
def test_addresses_are_proved(mx) -> None:
    for domain in sending(mx):
        assert proved(domain, "MX") == [f"10 {mx.name}."]
    assert (proved(mx.name, "A"), proved(mx.name, "AAAA")) == ([mx.ip4], [mx.ip6])


@pytest.mark.control("dane.in")
@pytest.mark.case("TR-03108-D-02")
def test_tlsa_is_that_of_the_certificate(mx) -> None:
    with smtplib.SMTP(mx.ip4, 25, timeout=30) as smtp:
        smtp._host = mx.name
        smtp.starttls(context=trust(mx))
        assert isinstance(smtp.sock, ssl.SSLSocket)
        shown = load_der_x509_certificate(smtp.sock.getpeercert(binary_form=True) or b"")
    digest = hashlib.sha256(
        shown.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()
    assert f"3 1 1 {digest}" in proved(f"_25._tcp.{mx.name}", "TLSA")


@pytest.mark.control("dns.srv")
@pytest.mark.parametrize(
    ("service", "port"),
    [("submissions", 465), ("imaps", 993), ("pop3s", 995)],
    ids=["TR-03108-E-21", "TR-03108-E-22", "TR-03108-E-23"],
)
def test_services_with_tls_are_named(mx, service: str, port: int) -> None:
    for domain in (mx.domain, f"a.{mx.domain}"):
        (record,) = proved(f"_{service}._tcp.{domain}", "SRV")
        assert record.split()[2:] == [str(port), f"{mx.name}."]


@pytest.mark.control("tls.rpt")
@pytest.mark.case("TR-03108-G-01", "TR-03108-G-02", "TR-03108-G-03")
def test_reports_about_tls_are_asked_for_by_mail(mx) -> None:
    for domain in sending(mx):
        (record,) = text(f"_smtp._tls.{domain}")
        assert record.startswith("v=TLSRPTv1;")
        assert [uri.partition(":")[0] for uri in tags(record)["rua"].split(",")] == ["mailto"]


@pytest.mark.control("auth.spf-publish")
@pytest.mark.case("TR-03182-D-01", "TR-03182-D-02", "TR-03182-D-03")
def test_spf_allows_the_host_and_nobody_else(mx) -> None:
    for name in (*sending(mx), mx.name):
        (record,) = (t for t in text(name) if t.startswith("v=spf1"))
        words = record.split()
        assert {f"ip4:{mx.ip4}", f"ip6:{mx.ip6}"} <= set(words)
        assert words[-1] == "-all"
        assert len(words) == 4


@pytest.mark.control("auth.dkim-key")
@pytest.mark.case("TR-03182-F-01", "TR-03182-F-02")
def test_keys_of_both_kinds_are_published(mx) -> None:
    loaded = load(mx.folder / "site.yml")
    for domain in loaded.site.domains:
        if domain.kind != "parked":
            for kind in ("rsa", "ed25519"):
                (record,) = text(f"{domain.dkim.selector}-{kind}._domainkey.{domain.name}")
                assert tags(record) == {
                    "v": "DKIM1",
                    "k": kind,
                    "p": loaded.public[f"dkim/{domain.name}/{domain.dkim.selector}-{kind}.pub"].strip(),
                }


@pytest.mark.control("auth.dmarc-publish")
@pytest.mark.control("auth.dmarc-reject")
@pytest.mark.case("TR-03182-H-01", "TR-03182-H-02", "TR-03182-H-03")
def test_dmarc_has_a_policy_and_asks_for_reports(mx) -> None:
    for domain in sending(mx):
        (record,) = text(f"_dmarc.{domain}")
        found = tags(record)
        assert (found["v"], found["p"], found.get("sp", "reject")) == ("DMARC1", "reject", "reject")
        assert found["rua"].startswith("mailto:")


@pytest.mark.control("dns.null-mx")
@pytest.mark.control("dns.parked")
@pytest.mark.case("TR-03182-L-01", "TR-03182-L-02", "TR-03182-L-03", "TR-03182-L-04", "TR-03182-L-05")
def test_a_parked_domain_says_that_it_sends_and_receives_nothing(mx) -> None:
    name = f"parked.{mx.domain}"
    assert proved(name, "MX") == ["0 ."]
    assert text(name) == ["v=spf1 -all"]
    (record,) = text(f"_dmarc.{name}")
    assert tags(record)["p"] == "reject"
    assert tags(record)["rua"].startswith("mailto:")
