"""TLSA records (RFC 6698, RFC 7671): of the certificate's key, of the key that comes next, and of one that hosts may
still show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from gmconf.errors import GmconfError

PARAMETERS = "3 1 1"
"""DANE-EE, public key, SHA-256: true for every certificate of the same key (RFC 7671 section 5.1)."""


def associations(public: Mapping[str, str], host: str) -> Iterator[str]:
    """The rdata for a host, sorted. Raises GmconfError when one of its public files cannot be read."""
    found = {_digest(f"tls/{host}.crt", public[f"tls/{host}.crt"])}
    found |= {
        _digest(name, public[name]) for name in (f"tls/{host}.next.pub", f"tls/{host}.previous.pub") if name in public
    }
    for digest in sorted(found):
        yield f"{PARAMETERS} {digest}"


def of_mail(values: Iterable[str]) -> list[str]:
    """Those of TLSA records' data that are of the usages mail knows (RFC 7672 section 3.1)."""
    return [v for v in values if v.split()[0] in ("2", "3")]


def _digest(name: str, text: str) -> str:
    """SHA-256 of the SubjectPublicKeyInfo of a certificate (the first of a chain) or of a public key, PEM both."""
    from hashlib import sha256

    from cryptography.hazmat.primitives import serialization
    from cryptography.x509 import load_pem_x509_certificate

    try:
        data = text.encode()
        key = (
            load_pem_x509_certificate(data).public_key()
            if "BEGIN CERTIFICATE" in text
            else serialization.load_pem_public_key(data)
        )
        der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    except ValueError:
        raise GmconfError(f"{name} is neither a certificate nor a public key in PEM; TLSA needs it") from None
    return sha256(der).hexdigest()
