"""The web server: MTA-STS policies, and nothing else."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import socket
import ssl
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import dns.message
import dns.query
import lab
import pytest

POLICY = "/.well-known/mta-sts.txt"
AUTOCONFIG = "/mail/config-v1.1.xml"


@contextlib.contextmanager
def fetch(address: str, name: str, path: str, roots: str, port: int = 443) -> Iterator[http.client.HTTPResponse]:
    """The answer to one request, as an MTA that reads policies asks: by name, with a certificate for it, over a given
    address."""
    plain = socket.create_connection((address, port), 15)
    try:
        wire = (
            ssl.create_default_context(cafile=roots).wrap_socket(plain, server_hostname=name) if port == 443 else plain
        )
        client = http.client.HTTPConnection(name, port)
        client.sock = wire
        client.request("GET", path)
        yield client.getresponse()
    finally:
        plain.close()


def sts_names(mx) -> list[str]:
    return [f"mta-sts.{d}" for d in (mx.domain, f"a.{mx.domain}", f"all.{mx.domain}", f"alias.{mx.domain}")]


def published(name: str, kind: str) -> list[str]:
    """Rdata in the lab's DNS."""
    answer = dns.query.tcp(dns.message.make_query(name, kind), lab.NS.addresses[0], timeout=10)
    return [str(record) for rrset in answer.answer for record in rrset if rrset.rdtype == dns.rdatatype.from_text(kind)]


@pytest.mark.control("sts.in")
@pytest.mark.control("sts.enforce")
@pytest.mark.control("net.ipv6")
@pytest.mark.case("TR-03108-I-01", "TR-03108-I-02", "TR-03108-I-03")
def test_policy_of_every_domain(mx) -> None:
    """Served under both families with a certificate for its name; it names the MX that DNS has, and its record has its
    id."""
    for name in sts_names(mx):
        assert set(published(name, "A") + published(name, "AAAA")) == {mx.ip4, mx.ip6}
        for address in (mx.ip4, mx.ip6):
            with fetch(address, name, POLICY, mx.ca) as answer:
                assert answer.status == 200
                assert answer.getheader("Content-Type") == "text/plain"
                assert answer.getheader("Server") == "nginx"
                text = answer.read().decode()
        lines = [line.split(": ") for line in text.splitlines()]
        assert lines[:2] == [["version", "STSv1"], ["mode", "enforce"]]
        domain = name.removeprefix("mta-sts.")
        assert [f"{value}." for key, value in lines if key == "mx"] == [
            mx_.split()[1] for mx_ in published(domain, "MX")
        ]
        assert int(dict(lines)["max_age"]) >= 7 * 86400
        digest = hashlib.sha256("\n".join(text.splitlines()).encode()).hexdigest()[:20]
        assert published(f"_mta-sts.{domain}", "TXT") == [f'"v=STSv1; id={digest}"']


@pytest.mark.control("mua.autoconfig")
@pytest.mark.case("TR-03108-E-17", "TR-03108-E-18", "TR-03108-E-19", "TR-03108-E-20")
def test_mail_programs_are_told_their_servers(mx) -> None:
    """As Thunderbird asks: the first choice of each kind is TLS from the first byte, and every choice has TLS."""
    for domain, login in ((mx.domain, "%EMAILADDRESS%"), (f"alias.{mx.domain}", f"%EMAILLOCALPART%@{mx.domain}")):
        name = f"autoconfig.{domain}"
        assert set(published(name, "A") + published(name, "AAAA")) == {mx.ip4, mx.ip6}
        with fetch(mx.ip6, name, f"{AUTOCONFIG}?emailaddress=alice%40{domain}", mx.ca) as answer:
            assert (answer.status, answer.getheader("Content-Type")) == (200, "text/xml")
            told = ET.fromstring(answer.read())
        assert told.findtext("emailProvider/domain") == domain
        for kind, first in (("imap", "993"), ("pop3", "995"), ("smtp", "465")):
            servers = [s for s in told.findall("emailProvider/*") if s.get("type") == kind]
            assert [(s.findtext("hostname"), s.findtext("port"), s.findtext("socketType")) for s in servers][0] == (
                mx.name,
                first,
                "SSL",
            )
            assert {s.findtext("socketType") for s in servers} <= {"SSL", "STARTTLS"}
            assert {s.findtext("username") for s in servers} == {login}
    with fetch(mx.ip4, f"autoconfig.{mx.domain}", POLICY, mx.ca) as answer:
        assert answer.status == 404


@pytest.mark.control("sts.in")
@pytest.mark.control("gov.minimal")
def test_nothing_else_is_served(mx) -> None:
    name = sts_names(mx)[0]
    for path in ("/", "/.well-known/", "/index.html", "/../nginx.conf", "/.well-known/mta-sts.txt/x"):
        with fetch(mx.ip4, name, path, mx.ca) as answer:
            assert answer.status in (400, 404), path
    with fetch(mx.ip4, name, "/x", "", port=80) as answer:
        assert answer.status == 301
        assert answer.getheader("Location") == f"https://{name}/x"
    for stranger in (f"mta-sts.parked.{mx.domain}", f"www.{mx.domain}"):
        with pytest.raises(ssl.SSLError, match="unrecognized name"), fetch(mx.ip4, stranger, "/", mx.ca):
            pass


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.control("tls.versions")
@pytest.mark.control("tls.ciphers")
def test_old_tls_is_refused(mx) -> None:
    for most in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = ssl._create_unverified_context()
        context.minimum_version = context.maximum_version = most
        context.set_ciphers("ALL:@SECLEVEL=0")
        with socket.create_connection((mx.ip4, 443), 15) as plain, pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(plain, server_hostname=sts_names(mx)[0])
