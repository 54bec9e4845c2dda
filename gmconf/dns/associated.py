"""Chains of certificates as DANE names them (RFC 7671)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import new

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from gmconf.keys.certificates import wrong

MATCHING = {1: "sha256", 2: "sha512"}


def unnamed(chain: Sequence[x509.Certificate], host: str) -> str:
    """Empty when the host's own certificate names it, else what it is for."""
    found = wrong(chain[0].public_bytes(serialization.Encoding.PEM).decode(), host)
    return (found or "").partition(";")[0]


def dated(chain: Sequence[x509.Certificate], now: datetime) -> bool:
    """Whether every certificate of a chain is within its dates."""
    return all(c.not_valid_before_utc <= now <= c.not_valid_after_utc for c in chain)


def associated(chain: Sequence[x509.Certificate], record: str, host: str) -> bool:
    """Whether a TLSA record, as a zone file has it, is about this chain.

    Usage 3 is about the host's own certificate and asks neither for a name nor for a date (RFC 7671 section 5.1); usage
    2 about one above it, whose signatures lead to the host's own, which has to name the host; all of them have to be
    within their dates (RFC 7671 section 5.2).
    """
    words = record.split()
    usage, selector, matching = map(int, words[:3])
    digest = "".join(words[3:])
    if usage == 3:
        return bool(chain) and _data(chain[0], selector, matching) == digest
    for anchor in chain[1:] if usage == 2 else ():
        if _data(anchor, selector, matching) == digest:
            way = _way(chain, anchor)
            return bool(way) and not unnamed(chain, host) and dated(way, datetime.now(UTC))
    return False


def _way(chain: Sequence[x509.Certificate], anchor: x509.Certificate) -> list[x509.Certificate]:
    """From the host's own certificate up to the anchor, in whatever order they were sent;
    empty where none leads there.
    """
    way = [chain[0]]
    while way[-1] != anchor:
        above = next((c for c in chain[1:] if c not in way and _is_authority(c) and _issued(way[-1], c)), None)
        if above is None:
            return []
        way.append(above)
    return way


def _issued(lower: x509.Certificate, upper: x509.Certificate) -> bool:
    try:
        lower.verify_directly_issued_by(upper)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may sign others at all (RFC 5280 section 4.2.1.9); those of the first version, which cannot say so,
    only where they are roots."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return certificate.version == x509.Version.v1 and certificate.issuer == certificate.subject
    except (ValueError, x509.DuplicateExtension):
        return False


def _data(certificate: x509.Certificate, selector: int, matching: int) -> str | None:
    if selector == 0:
        data = certificate.public_bytes(serialization.Encoding.DER)
    elif selector == 1:
        try:
            data = certificate.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        except (ValueError, UnsupportedAlgorithm):
            return None
    else:
        return None
    if matching == 0:
        return data.hex()
    return new(MATCHING[matching], data).hexdigest() if matching in MATCHING else None
