"""What hosts check of a certificate by ACME before they show it, and what a site must say about it."""

from __future__ import annotations

import configparser
import hashlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from commands import gmconf
from conftest import ROOT, program
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID

NAME = "mail.example.org"
acme = program("acme")


class World:
    """A CA, a key that a host was given, and certificates for it as they should and should not be."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca_key, self.key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        self.ca = self.certificate("Test CA", self.ca_key, ca=True)
        (folder / "ca.crt").write_text(self.ca)
        (folder / "given.key").write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        parser = configparser.ConfigParser(interpolation=None)
        parser.read_dict(
            {
                "acme": {"authority": str(folder / "ca.crt")},
                NAME: {"given": str(folder / "given"), "shown": str(folder / "shown")},
            }
        )
        self.common, self.pair = parser["acme"], parser[NAME]

    def certificate(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        *,
        ca: bool = False,
        signer: ec.EllipticCurvePrivateKey | None = None,
        begins: timedelta = timedelta(hours=-1),
        lasts: timedelta = timedelta(days=90),
    ) -> str:
        subject, issuer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, "Test CA"))
        start = datetime.now(UTC) + begins
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        builder = (
            builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(start + lasts)
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if not ca:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        return builder.sign(signer or self.ca_key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def check(self, chain: str) -> None:
        acme.check(self.common, NAME, self.pair, chain, str(self.folder), time.time())

    def show(self, chain: str, key: ec.EllipticCurvePrivateKey) -> None:
        (self.folder / "shown.crt").write_text(chain)
        (self.folder / "shown.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def test_what_fits_is_shown(world) -> None:
    world.check(world.certificate(NAME, world.key) + world.ca)


def test_what_does_not_fit_is_refused(world) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    for chain, words in (
        (world.certificate(NAME, stranger), "another key"),
        (world.certificate("mail.example.net", world.key), "another name"),
        (world.certificate(NAME, world.key, begins=timedelta(days=-100)), "which is not now"),
        (world.certificate(NAME, world.key, begins=timedelta(days=1)), "which is not now"),
        (world.certificate(NAME, world.key, signer=stranger), "leads to no CA"),
        ("", "another key"),
    ):
        with pytest.raises(acme.Refused, match=words):
            world.check(chain)


@pytest.mark.parametrize(
    ("usage", "selector", "matching"), [(u, s, m) for u in (2, 3) for s in (0, 1) for m in (0, 1, 2)]
)
def test_records_that_fit(world, usage: int, selector: int, matching: int) -> None:
    chain = [world.certificate(NAME, world.key), world.ca]
    found = x509.load_pem_x509_certificate(chain[usage == 2].encode())
    data = (
        found.public_bytes(Encoding.DER)
        if selector == 0
        else found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
    digest = data.hex() if matching == 0 else hashlib.new("sha256" if matching == 1 else "sha512", data).hexdigest()
    acme.against("_25._tcp.x", [[3, 1, 1, "00"], [usage, selector, matching, digest]], chain)
    with pytest.raises(acme.Refused, match="publish first: 3 1 1 [0-9a-f]{64}"):
        acme.against(
            "_25._tcp.x", [[usage, selector, matching, digest[:-2] + ("00" if digest[-2:] != "00" else "01")]], chain
        )


def test_records_that_nobody_can_use_do_not_count(world) -> None:
    chain = [world.certificate(NAME, world.key)]
    acme.against("_25._tcp.x", [], chain)
    acme.against("_25._tcp.x", [[1, 1, 1, "00"], [3, 2, 1, "00"], [3, 1, 9, "00"]], chain)


def test_when_one_is_asked_for(world) -> None:
    now = time.time()
    stand_in = world.certificate(NAME, world.key)
    (world.folder / "given.crt").write_text(stand_in)
    assert "No such file" in acme.wanted(NAME, world.pair, now)
    for chain, key, words in (
        (stand_in, world.key, "stands in"),
        (world.certificate(NAME, world.ca_key), world.ca_key, "key has changed"),
        (world.certificate("mail.example.net", world.key), world.key, "another name"),
        (world.certificate(NAME, world.key, begins=timedelta(days=-61)), world.key, "29 days are left"),
    ):
        world.show(chain, key)
        assert words in acme.wanted(NAME, world.pair, now), words
    world.show(world.certificate(NAME, world.key, begins=timedelta(days=-59)), world.key)
    assert acme.wanted(NAME, world.pair, now) is None
    acme.alarm(world.pair, now)
    world.show(world.certificate(NAME, world.key, begins=timedelta(days=-70)), world.key)
    with pytest.raises(acme.Refused, match="ends in 20.0 days"):
        acme.alarm(world.pair, now)


ACCOUNT = "directory: https://ca.example/dir, email: a@example.org, terms_agreed: true"
TLS = {
    "tls: {source: acme}": "tls.source: acme needs tls.acme",
    "tls: {acme: {directory: https://ca.example/dir, email: a@example.org, terms_agreed: true}}": (
        "is not used with source internal-ca"
    ),
    "tls: {source: acme, acme: {directory: https://ca.example/dir, email: a@example.org, terms_agreed: false}}": (
        "has not accepted its terms"
    ),
    f"tls: {{source: acme, acme: {{{ACCOUNT}, challenge: dns-01}}}}": ("dns-01 needs update"),
    f"tls: {{source: acme, acme: {{{ACCOUNT}, update: {{server: 192.0.2.5, key: k.example.org}}}}}}": (
        "only dns-01 publishes something"
    ),
    "tls: {source: acme, acme: {directory: http://ca.example/dir, email: a@example.org, terms_agreed: true}}": (
        "tls.acme.directory"
    ),
}


@pytest.mark.parametrize(("text", "words"), TLS.items(), ids=range(len(TLS)))
def test_sites_that_cannot_work(tmp_path, text: str, words: str) -> None:
    site = (ROOT / "examples/single/site.yml").read_text()
    (tmp_path / "site.yml").write_text(f"{site}{text}\n")
    done = gmconf("validate", "site.yml", cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "site.yml:" in done.stderr


def test_chat_needs_proofs_in_dns(tmp_path) -> None:
    text = (ROOT / "examples/bronze/site.yml").read_text()
    (tmp_path / "site.yml").write_text(
        text.replace(
            "challenge: dns-01\n    update: {server: 198.51.100.53, key: acme-update.example.org}", "challenge: http-01"
        )
    )
    done = gmconf("validate", "site.yml", cwd=tmp_path)
    assert done.returncode == 2
    assert "tls.acme.challenge has to be dns-01" in done.stderr
    assert "no issuer may accept http-01" in done.stderr
