"""A TLSA record of usage 2 names a chain that leads to the host and is within its dates (RFC 7671 section 5.2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gmconf.dns.associated import associated, unnamed

HOST = "mail.example.org"
ROOT, LEAF = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def certificate(name: str, key: ec.EllipticCurvePrivateKey, *, ca: bool, begins: int, ends: int) -> x509.Certificate:
    """One that the root signs, valid from and until so many days from now."""
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .public_key(key.public_key())
    )
    made = made.issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])).serial_number(
        x509.random_serial_number()
    )
    made = made.not_valid_before(now + timedelta(days=begins)).not_valid_after(now + timedelta(days=ends))
    made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).sign(
        ROOT, hashes.SHA256()
    )


@pytest.mark.parametrize(
    ("root", "leaf", "good"),
    [
        ((-9, 9), (-9, 9), True),
        ((-9, -1), (-9, 9), False),
        ((-9, 9), (-9, -1), False),
        ((-9, 9), (1, 9), False),
        ((1, 9), (-9, 9), False),
    ],
)
def test_dates_count_for_usage_2_and_not_for_usage_3(root, leaf, good) -> None:
    chain = [
        certificate(HOST, LEAF, ca=False, begins=leaf[0], ends=leaf[1]),
        certificate("root", ROOT, ca=True, begins=root[0], ends=root[1]),
    ]
    anchor, own = (sha256(c.public_bytes(Encoding.DER)).hexdigest() for c in chain[::-1])
    assert associated(chain, f"2 0 1 {anchor}", HOST) == good
    assert associated(chain, f"3 0 1 {own}", HOST)


def chained(*, ca: bool = True) -> list[x509.Certificate]:
    """Three, of whom the second may be no authority: it is the root's key under another name."""
    return [
        certificate(HOST, LEAF, ca=False, begins=-9, ends=9),
        certificate("root", ROOT, ca=ca, begins=-9, ends=9),
        certificate("root", ROOT, ca=True, begins=-8, ends=8),
    ]


def of(one: x509.Certificate) -> str:
    return f"2 0 1 {sha256(one.public_bytes(Encoding.DER)).hexdigest()}"


def test_only_authorities_are_anchors() -> None:
    own, other, root = chained(ca=False)
    assert not associated([own, other], of(other), HOST)
    assert not associated([own, other, root], of(other), HOST)
    assert associated([own, other, root], of(root), HOST)


def test_the_order_in_which_they_are_sent_does_not_matter() -> None:
    own, stranger = chained()[0], certificate("stranger", LEAF, ca=True, begins=-9, ends=9)
    root = chained()[1]
    assert associated([own, stranger, root], of(root), HOST)
    assert not associated([own, stranger], of(stranger), HOST)


@pytest.mark.parametrize("record", ["2 1 1", "3 1 1", "2 1 0", "255 1 1 00", "3 9 1 00", "3 1 9 00"])
def test_a_record_that_names_nothing_names_no_chain(record) -> None:
    assert not associated(chained(), record, HOST)
    assert not associated([], record, HOST)


def test_a_certificate_that_says_a_thing_twice_names_nobody() -> None:
    """Whoever stands between may show it; the library reads it and raises at a closer look."""
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(LEAF.public_key())
        .serial_number(1)
    )
    made = made.not_valid_before(datetime.now(UTC)).not_valid_after(datetime.now(UTC) + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False).add_extension(
        x509.IssuerAlternativeName([x509.DNSName(HOST)]), critical=False
    )
    san, issuer = bytes.fromhex("0603551d11"), bytes.fromhex("0603551d12")
    twice = x509.load_der_x509_certificate(
        made.sign(LEAF, hashes.SHA256()).public_bytes(Encoding.DER).replace(issuer, san)
    )
    assert unnamed([twice], HOST)
    assert not associated([chained()[0], twice], of(twice), HOST)
