"""Versions, ciphers and renegotiation as a client sees them, on every port that speaks TLS."""

from __future__ import annotations

import pytest
import sites
from clients import openssl

WAYS = {
    "25": ("-starttls", "smtp", "-connect", "{ip}:25"),
    "587": ("-starttls", "smtp", "-connect", "{ip}:587"),
    "465": ("-connect", "{ip}:465"),
    "993": ("-connect", "{ip}:993"),
    "995": ("-connect", "{ip}:995"),
    "143": ("-starttls", "imap", "-connect", "{ip}:143"),
    "4190": ("-starttls", "sieve", "-connect", "{ip}:4190"),
}
if sites.TALKS:
    WAYS |= {
        "5222": ("-starttls", "xmpp", "-name", "{domain}", "-verify_hostname", "{domain}", "-connect", "{ip}:5222"),
        "5223": ("-servername", "{domain}", "-verify_hostname", "{domain}", "-connect", "{ip}:5223"),
        "5269": (
            "-starttls",
            "xmpp-server",
            "-name",
            "{domain}",
            "-verify_hostname",
            "{domain}",
            "-connect",
            "{ip}:5269",
        ),
        "5270": (
            "-servername",
            "{domain}",
            "-verify_hostname",
            "{domain}",
            "-alpn",
            "xmpp-server",
            "-connect",
            "{ip}:5270",
        ),
        "119": ("-starttls", "nntp", "-connect", "{ip}:119"),
        "563": ("-connect", "{ip}:563"),
    }
# The client of the tests must be willing to do what the host must refuse.
LAX = ("-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")


def way(mx, port: str) -> tuple[str, ...]:
    return tuple(word.format(ip=mx.ip4, domain=mx.domain) for word in WAYS[port])


@pytest.mark.control("tls.implicit")
@pytest.mark.control("tls.cert")
@pytest.mark.control("tls.versions")
@pytest.mark.parametrize("port", WAYS)
@pytest.mark.case("TR-03108-E-01", "TR-03108-E-05", "TR-03108-E-11", "TR-03108-E-12")
def test_versions(mx, port: str) -> None:
    for version, name in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
        seen = openssl(mx, *way(mx, port), version)
        assert f"New, {name}, Cipher is" in seen or f"Protocol  : {name}" in seen, seen
        assert "Verify return code: 0 (ok)" in seen, seen
    for version in ("-tls1", "-tls1_1"):
        seen = openssl(mx, *way(mx, port), version, *LAX)
        assert "Cipher is (NONE)" in seen, seen


@pytest.mark.control("tls.ciphers")
@pytest.mark.parametrize("port", WAYS)
@pytest.mark.case("TR-03108-E-02", "TR-03108-E-08")
def test_aead_only(mx, port: str) -> None:
    for cipher in (
        "AES128-SHA",
        "ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA384",
        "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA",
        "AES256-GCM-SHA384",
        "NULL",
        "aNULL",
    ):
        seen = openssl(mx, *way(mx, port), "-tls1_2", "-cipher", f"{cipher}:@SECLEVEL=0")
        assert "Cipher is (NONE)" in seen, (cipher, seen)
    seen = openssl(mx, *way(mx, port), "-tls1_2")
    assert any(word in seen for word in ("GCM", "CHACHA20")), seen


@pytest.mark.control("tls.no-reneg-compress")
@pytest.mark.parametrize("port", [port for port in WAYS if port in ("25", "465", "993", "5222", "5223", "563")])
def test_no_renegotiation(mx, port: str) -> None:
    seen = openssl(mx, *way(mx, port), "-tls1_2", stdin="R\n", after=1)
    assert "RENEGOTIATING" in seen
    assert "no renegotiation" in seen, seen
    assert "Compression: NONE" in seen


@pytest.mark.control("tls.ems")
@pytest.mark.parametrize("port", WAYS)
@pytest.mark.case("TR-03108-E-07")
def test_keys_are_bound_to_the_handshake(mx, port: str) -> None:
    seen = openssl(mx, *way(mx, port), "-tls1_2")
    assert "Extended master secret: yes" in seen, seen


@pytest.mark.control("tls.sigalgs")
@pytest.mark.parametrize("port", WAYS)
@pytest.mark.case("TR-03108-E-09")
def test_no_sha1_signatures(mx, port: str) -> None:
    seen = openssl(mx, *way(mx, port), "-tls1_2", "-sigalgs", "ECDSA+SHA1:RSA+SHA1", *LAX)
    assert "Cipher is (NONE)" in seen, seen
    seen = openssl(mx, *way(mx, port), "-tls1_2", "-sigalgs", "ECDSA+SHA256:RSA+SHA256", *LAX)
    assert "Cipher is (NONE)" not in seen, seen


@pytest.mark.control("tls.ciphers")
@pytest.mark.case("TR-03108-E-10")
@pytest.mark.parametrize("port", WAYS)
def test_other_curves_are_refused(mx, port: str) -> None:
    for curve in ("secp224r1", "brainpoolP256r1", "secp256k1"):
        seen = openssl(mx, *way(mx, port), "-tls1_2", "-groups", curve, *LAX)
        assert "Cipher is (NONE)" in seen, (curve, seen)
