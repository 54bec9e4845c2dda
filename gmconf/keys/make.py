"""Creates missing key pairs: DKIM keys, and a closed network's own CA with a certificate per host.

Where there is a chat server, each hosted domain gets a certificate too. The public half lies readable beside the site,
so that rendering stays a pure function; the private half is an Ansible Vault file.
"""

from __future__ import annotations

import base64
import secrets
from datetime import date, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gmconf.errors import GmconfError
from gmconf.keys import vault
from gmconf.keys.names import MADE, TRANSFER, TRANSFER_KEY, dkim_names, served, tsig_file, vault_files
from gmconf.keys.rollover import NOTHING, Rollover
from gmconf.model import Site

Private = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
CA_YEARS, HOST_DAYS, RENEW_DAYS = 10, 825, 30


def create_missing(
    site: Site, base: Path, password: bytes, *, now: datetime, renew: bool = False, rollover: Rollover = NOTHING
) -> list[str]:
    """Create what the site needs below its secrets folder and does not have; returns the names of what was made.

    Nothing that exists is overwritten, except certificates about to end when ``renew`` is set: they keep their key, so
    that TLSA records stay true. Raises GmconfError when only one half of a pair is there.
    """
    folder = base / site.secrets.folder
    made: list[str] = []
    for _, selector, stem, _ in dkim_names(site):
        if not _whole(folder, f"{stem}.pub", f"{stem}.key.vault"):
            made.append(make_dkim(folder, stem, selector.rpartition("-")[2], password, now.date()))
    if site.tls.own_ca:
        made += _certificates(site, folder, password, now, renew=renew, rollover=rollover)
    if site.tls.acme and site.tls.acme.update:
        name = tsig_file(site.tls.acme.update.key)
        if not (folder / name).exists():
            # As long as the longest digest (RFC 8945).
            vault.write_file(folder / name, vault.encrypt(base64.b64encode(secrets.token_bytes(64)) + b"\n", password))
            made.append(name)
    if any(name == TRANSFER for name, _ in vault_files(site)) and not (folder / TRANSFER).exists():
        vault.write_file(folder / TRANSFER, vault.encrypt(_transfer(), password))
        made.append(TRANSFER)
    return made


def _transfer() -> bytes:
    """What ``keymgr -t gmconf-transfer hmac-sha256`` prints."""
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    return f"key:\n  - id: {TRANSFER_KEY}\n    algorithm: hmac-sha256\n    secret: {secret}\n".encode()


def make_dkim(folder: Path, stem: str, kind: str, password: bytes, day: date | None = None) -> str:
    """A DKIM key of a kind (rsa, ed25519) below the secrets folder; returns the name of its public half.

    ``day`` is kept in the public half, where the selector does not tell how old the key is.
    """
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ed25519.Ed25519PrivateKey.generate()
    lines = [_dkim_public(key), *([f"{MADE}{day}"] if day else ())]
    _write_pair(folder, stem, "".join(f"{line}\n" for line in lines).encode(), ".pub", key, password)
    return f"{stem}.pub"


def make_tls(folder: Path, stem: str, host: str, password: bytes, *, request: bool) -> list[str]:
    """A host's next TLS key, with ``request`` also what a CA wants (PKCS #10); returns the names of what was made."""
    key = ec.generate_private_key(ec.SECP256R1())
    made = [f"{stem}.pub"]
    _write_pair(folder, stem, public_pem(key.public_key()), ".pub", key, password)
    if request:
        builder = x509.CertificateSigningRequestBuilder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])]))
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        vault.write_file(
            folder / f"{stem}.csr", builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), 0o644
        )
        made.append(f"{stem}.csr")
    return made


def public_pem(key: CertificatePublicKeyTypes) -> bytes:
    """A public key as PEM."""
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def issue(folder: Path, stem: str, name: str, password: bytes, now: datetime) -> None:
    """Let the internal CA certify the key that lies there for a name. Raises GmconfError when one of the keys is not
    its own."""
    _issue(folder, stem, name, _load_key(folder, stem, password), _load_ca(folder, password), now)


def _certificates(
    site: Site, folder: Path, password: bytes, now: datetime, *, renew: bool, rollover: Rollover
) -> list[str]:
    made = []
    if not _whole(folder, "ca/ca.crt", "ca/ca.key.vault"):
        ca_key = ec.generate_private_key(ec.SECP256R1())
        issuer_name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, site.organisation.name[:64]),
                x509.NameAttribute(NameOID.COMMON_NAME, "Internal mail CA"),
            ]
        )
        ca = _builder(issuer_name, issuer_name, ca_key, now, timedelta(days=365 * CA_YEARS))
        ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        ca = ca.add_extension(_usage(ca=True), critical=True)
        signed = ca.sign(ca_key, hashes.SHA256())
        _write_pair(folder, "ca/ca", signed.public_bytes(serialization.Encoding.PEM), ".crt", ca_key, password)
        made.append("ca/ca.crt")
    loaded: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None
    for name in (*(host.name for host in site.hosts), *(name for name, _ in served(site))):
        stem = rollover.place(f"tls/{name}.crt").removesuffix(".crt")
        there = _whole(folder, f"{stem}.crt", f"{stem}.key.vault")
        if there:
            ends = x509.load_pem_x509_certificate((folder / f"{stem}.crt").read_bytes()).not_valid_after_utc
            if not (renew and ends - now < timedelta(days=RENEW_DAYS)):
                continue
        loaded = loaded or _load_ca(folder, password)
        if there:
            key = _load_key(folder, stem, password)
        else:
            key = ec.generate_private_key(ec.SECP256R1())
            # The private half first, as with every pair.
            vault.write_file(folder / f"{stem}.key.vault", vault.encrypt(_private(key), password))
        _issue(folder, stem, name, key, loaded, now)
        made.append(f"{stem}.crt")
    return made


def _issue(
    folder: Path,
    stem: str,
    name: str,
    key: ec.EllipticCurvePrivateKey,
    ca: tuple[x509.Certificate, ec.EllipticCurvePrivateKey],
    now: datetime,
) -> None:
    authority, ca_key = ca
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    leaf = _builder(subject, authority.subject, key, now, timedelta(days=HOST_DAYS))
    leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    leaf = leaf.add_extension(_usage(ca=False), critical=True)
    leaf = leaf.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    leaf = leaf.add_extension(x509.ExtendedKeyUsage(both), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    signed = leaf.add_extension(issuer, critical=False).sign(ca_key, hashes.SHA256())
    vault.write_file(
        folder / f"{stem}.crt", b"".join(c.public_bytes(serialization.Encoding.PEM) for c in (signed, authority)), 0o644
    )


def _load_ca(folder: Path, password: bytes) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    return x509.load_pem_x509_certificate((folder / "ca/ca.crt").read_bytes()), _load_key(folder, "ca/ca", password)


def _load_key(folder: Path, stem: str, password: bytes) -> ec.EllipticCurvePrivateKey:
    plain = vault.decrypt((folder / f"{stem}.key.vault").read_bytes(), password, f"{stem}.key.vault")
    key = serialization.load_pem_private_key(plain, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise GmconfError(f"{stem}.key.vault is not an elliptic curve key; it was not made by gmconf keys")
    return key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    # An hour back: clocks of hosts differ.
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + life)
    builder = builder.serial_number(x509.random_serial_number())
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _dkim_public(key: Private) -> str:
    """The p= value: SubjectPublicKeyInfo for RSA (RFC 6376 section 3.6.1), the bare key for Ed25519 (RFC 8463)."""
    public = key.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        return base64.b64encode(public.public_bytes_raw()).decode()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def _write_pair(folder: Path, stem: str, public: bytes, ending: str, key: Private, password: bytes) -> None:
    # The private half first: a public half alone would be published without anybody able to sign.
    vault.write_file(folder / f"{stem}.key.vault", vault.encrypt(_private(key), password))
    vault.write_file(folder / f"{stem}{ending}", public, 0o644)


def _private(key: Private) -> bytes:
    """PEM; for Ed25519 what rspamd reads: seed and public part in base64 (rspamadm dkim_keygen -t ed25519)."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return base64.b64encode(key.private_bytes_raw() + key.public_key().public_bytes_raw()) + b"\n"
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _whole(folder: Path, public: str, private: str) -> bool:
    there = [(folder / name).exists() for name in (public, private)]
    if any(there) and not all(there):
        lone, lost = (public, private) if there[0] else (private, public)
        raise GmconfError(f"{lone} is there, but {lost} is missing; restore it, or remove both to make a new pair")
    return all(there)
