"""A certificate that was put beside the site must be the one of its host."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from conftest import gmconf
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gmconf.certificates import wrong


def issued(*names: str) -> str:
    """A self-signed certificate whose subject is always the host: clients do not look at it."""
    key, day = ec.generate_private_key(ec.SECP256R1()), datetime(2026, 1, 1, tzinfo=UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example.org")])
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(day).not_valid_after(day + timedelta(days=90))
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("names", "complaint"),
    [(("mail.example.org",), None), (("www.example.org", "MAIL.example.org"), None), (("*.example.org",), None),
     (("*.mail.example.org", "example.org"), "is for *.mail.example.org, example.org, not for mail.example.org"),
     ((), "has no subjectAltName")],
)  # fmt: skip
def test_names(names: tuple[str, ...], complaint: str | None) -> None:
    found = wrong(issued(*names), "mail.example.org")
    assert (found is None) is (complaint is None)
    assert (found or "").startswith(complaint or "")


def test_site_with_files_of_its_own(site) -> None:
    text = (site / "site.yml").read_text() + "tls: {source: files}\n"
    (site / "site.yml").write_text(text)
    line = next(n for n, words in enumerate(text.split("\n"), 1) if "release: trixie" in words)
    file = site / "keys/tls/mail.example.org.crt"
    for pem, words in ((issued("mx.example.org"), "is for mx.example.org, not for mail.example.org"), ("not PEM\n", "is not a certificate in PEM")):
        file.write_text(pem)
        done = gmconf("render", "site.yml", "-o", "build", cwd=site)
        assert done.returncode == 2
        assert done.stderr.startswith(f"site.yml:{line}:12: hosts[0].name: keys/tls/mail.example.org.crt {words}"), done.stderr
        assert not (site / "build").exists()
    file.write_text(issued("mail.example.org"))
    assert gmconf("render", "site.yml", "-o", "build", cwd=site).returncode == 0
