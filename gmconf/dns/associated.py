"""Chains of certificates as DANE names them (RFC 7671)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import new
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from gmconf.certificates import wrong

MATCHING = {1: "sha256", 2: "sha512"}


def unnamed(chain: Sequence[x509.Certificate], host: str) -> str:
    """Empty when the host's own certificate names it, else what it is for."""
    found = wrong(chain[0].public_bytes(serialization.Encoding.PEM).decode(), host)
    return (found or "").partition(";")[0]


def dated(chain: Sequence[x509.Certificate], now: datetime) -> bool:
    """Whether every certificate of a chain is within its dates."""
    return all(c.not_valid_before_utc <= now <= c.not_valid_after_utc for c in chain)


def associated(chain: Sequence[x509.Certificate], record: str, host: str = "") -> bool:
    """Whether a TLSA record, as a zone file has it, is about this chain; without ``host`` for whatever name.

    Usage 3 is about the host's own certificate and asks neither for a name nor for a date (RFC 7671 section 5.1); usage 2 about one above
    it, whose signatures lead to the host's own, which has to name the host; all of them have to be within their dates (RFC 7671 section 5.2).
    """
    words = record.split()
    usage, selector, matching = map(int, words[:3])
    digest = "".join(words[3:])
    if usage == 3:
        return bool(chain) and _data(chain[0], selector, matching) == digest
    for number, anchor in enumerate(chain if usage == 2 else ()):
        if number and _data(anchor, selector, matching) == digest:
            return not (host and unnamed(chain, host)) and _leads(chain[: number + 1]) and dated(chain[: number + 1], datetime.now(UTC))
    return False


def _leads(chain: Sequence[x509.Certificate]) -> bool:
    for lower, upper in pairwise(chain):
        try:
            lower.verify_directly_issued_by(upper)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return False
    return True


def _data(certificate: x509.Certificate, selector: int, matching: int) -> str | None:
    if selector == 0:
        data = certificate.public_bytes(serialization.Encoding.DER)
    elif selector == 1:
        try:
            data = certificate.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        except (ValueError, UnsupportedAlgorithm):
            return None
    else:
        return None
    if matching == 0:
        return data.hex()
    return new(MATCHING[matching], data).hexdigest() if matching in MATCHING else None
