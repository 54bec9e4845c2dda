"""Keys, vault files and passwords."""

from __future__ import annotations

import base64
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import PASSWORD
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_private_key

from gmconf.errors import GmconfError
from gmconf.keys import make as keys
from gmconf.keys import passwords, vault
from gmconf.model import Site

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SITE = Site.model_validate(
    {
        "organisation": {"name": "Example", "postmaster": "alice@example.org"},
        "domains": [{"name": "example.org", "mailboxes": [{"name": "alice"}]}],
        "hosts": [{"name": "mail.example.org", "release": "trixie", "addresses": ["192.0.2.1", "2001:db8::1"]}],
    }
)


def make(folder: Path, now: datetime = NOW, *, renew: bool = False) -> list[str]:
    return keys.create_missing(SITE, folder, PASSWORD, now=now, renew=renew)


def test_pairs_belong_together(tmp_path) -> None:
    made = make(tmp_path)
    assert made == [
        "dkim/example.org/gm1-rsa.pub",
        "dkim/example.org/gm1-ed25519.pub",
        "ca/ca.crt",
        "tls/mail.example.org.crt",
    ]
    folder = tmp_path / "keys/dkim/example.org"
    private = load_pem_private_key(vault.decrypt((folder / "gm1-rsa.key.vault").read_bytes(), PASSWORD, "x"), None)
    public = load_der_public_key(base64.b64decode((folder / "gm1-rsa.pub").read_text().split()[0]))
    assert private.key_size == 2048
    assert private.public_key().public_numbers() == public.public_numbers()
    both = base64.b64decode(vault.decrypt((folder / "gm1-ed25519.key.vault").read_bytes(), PASSWORD, "x"))
    assert both[32:] == base64.b64decode((folder / "gm1-ed25519.pub").read_text().split()[0])
    assert len(both) == 64


def test_nothing_is_made_twice(tmp_path) -> None:
    make(tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert make(tmp_path) == []
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_half_a_pair_is_an_error(tmp_path) -> None:
    make(tmp_path)
    (tmp_path / "keys/dkim/example.org/gm1-rsa.key.vault").unlink()
    with pytest.raises(GmconfError, match=r"gm1-rsa\.pub is there, but .*gm1-rsa\.key\.vault is missing"):
        make(tmp_path)


def test_certificate_is_for_the_host_and_signed_by_the_ca(tmp_path) -> None:
    make(tmp_path)
    ca = x509.load_pem_x509_certificate((tmp_path / "keys/ca/ca.crt").read_bytes())
    host = x509.load_pem_x509_certificate((tmp_path / "keys/tls/mail.example.org.crt").read_bytes())
    host.verify_directly_issued_by(ca)
    names = host.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    assert names == ["mail.example.org"]
    assert not host.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_certificates_are_renewed_before_they_end(tmp_path) -> None:
    make(tmp_path)
    file = tmp_path / "keys/tls/mail.example.org.crt"
    first = file.read_bytes()
    ends = x509.load_pem_x509_certificate(first).not_valid_after_utc
    assert make(tmp_path, ends - timedelta(days=60), renew=True) == []
    assert make(tmp_path, ends - timedelta(days=20), renew=True) == ["tls/mail.example.org.crt"]
    assert file.read_bytes() != first


def test_private_files_are_closed_and_encrypted(tmp_path) -> None:
    make(tmp_path)
    for path in tmp_path.rglob("*.vault"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_bytes().startswith(b"$ANSIBLE_VAULT;1.1;AES256")


def test_ansible_vault_reads_our_files(tmp_path, vault_password) -> None:
    make(tmp_path)
    argv = [
        str(Path(sys.executable).with_name("ansible-vault")),
        "view",
        "--vault-password-file",
        str(vault_password),
        str(tmp_path / "keys/ca/ca.key.vault"),
    ]
    assert "BEGIN PRIVATE KEY" in subprocess.run(argv, text=True, capture_output=True, check=True).stdout


def test_wrong_vault_password_says_which_file(tmp_path) -> None:
    make(tmp_path)
    data = (tmp_path / "keys/ca/ca.key.vault").read_bytes()
    with pytest.raises(GmconfError, match="the file"):
        vault.decrypt(data, b"another", "the file")


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("short", "shorter"),
        ("aaaaaaaaaaaaaaa", "different"),
        ("abcdefghijklmnop", "row"),
        ("password12345", "common"),
        ("alice-and-wonderland", "alice"),
        ("x" * 600 + "abcde", "longer"),
        ("tab\there-is-bad", "control"),
    ],
)
def test_weak_passwords(password: str, word: str) -> None:
    assert any(word in reason for reason in passwords.check_strength(password, "alice@example.org"))


def test_good_password_hash_is_verified_by_another_library() -> None:
    import argon2

    assert passwords.check_strength("correct-horse-7-battery", "alice@example.org") == []
    hashed = passwords.hash_password("correct-horse-7-battery")
    assert hashed.startswith("{ARGON2ID}$argon2id$")
    argon2.PasswordHasher().verify(hashed.removeprefix("{ARGON2ID}"), "correct-horse-7-battery")
