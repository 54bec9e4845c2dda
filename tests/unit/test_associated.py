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

from gmconf.dns.associated import associated

HOST = "mail.example.org"
ROOT, LEAF = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def certificate(name: str, key: ec.EllipticCurvePrivateKey, *, ca: bool, begins: int, ends: int) -> x509.Certificate:
    """One that the root signs, valid from and until so many days from now."""
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])).public_key(key.public_key())
    made = made.issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])).serial_number(x509.random_serial_number())
    made = made.not_valid_before(now + timedelta(days=begins)).not_valid_after(now + timedelta(days=ends))
    made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    return made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False).sign(ROOT, hashes.SHA256())


@pytest.mark.parametrize(("root", "leaf", "good"), [((-9, 9), (-9, 9), True), ((-9, -1), (-9, 9), False), ((-9, 9), (-9, -1), False), ((-9, 9), (1, 9), False), ((1, 9), (-9, 9), False)])
def test_dates_count_for_usage_2_and_not_for_usage_3(root, leaf, good) -> None:
    chain = [certificate(HOST, LEAF, ca=False, begins=leaf[0], ends=leaf[1]), certificate("root", ROOT, ca=True, begins=root[0], ends=root[1])]
    anchor, own = (sha256(c.public_bytes(Encoding.DER)).hexdigest() for c in chain[::-1])
    assert associated(chain, f"2 0 1 {anchor}", HOST) == good
    assert associated(chain, f"3 0 1 {own}", HOST)
