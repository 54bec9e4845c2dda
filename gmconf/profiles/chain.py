"""Certificates as internet.nl judges them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

Judgement = tuple[Literal["good", "warning", "bad"], str]
RSA_GOOD, RSA_LEAST = 3072, 2048
CURVES = ("secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1")
OLD_CURVES = ("secp224r1",)
HASHES = {"sha256": "good", "sha384": "good", "sha512": "good", "sha224": "warning"}


def _looked_at(chain: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """The host's own, and those above it but for roots: nobody checks what a root signs of itself."""
    return [c for n, c in enumerate(chain) if n == 0 or c.issuer != c.subject]


def _worst(seen: Sequence[Judgement]) -> Judgement:
    order = ("good", "warning", "bad")
    worst = max((status for status, _ in seen), key=order.index)
    return worst, ", ".join(dict.fromkeys(note for status, note in seen if status == worst))


def keys(chain: Sequence[x509.Certificate]) -> Judgement:
    """The public keys."""
    return _worst([_key(c) for c in _looked_at(chain)])


def _key(certificate: x509.Certificate) -> Judgement:
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        return "bad", f"a key that cannot be read: {error}"
    if isinstance(key, rsa.RSAPublicKey):
        return (
            "good" if key.key_size >= RSA_GOOD else "warning" if key.key_size >= RSA_LEAST else "bad"
        ), f"RSA {key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        name = key.curve.name
        return "good" if name in CURVES else "warning" if name in OLD_CURVES else "bad", name
    if isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        return "good", type(key).__name__.removesuffix("PublicKey")
    return "bad", type(key).__name__.removesuffix("PublicKey")


def signatures(chain: Sequence[x509.Certificate]) -> Judgement:
    """How they are signed."""
    return _worst([_signature(c) for c in _looked_at(chain)])


def _signature(certificate: x509.Certificate) -> Judgement:
    try:
        digest = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm as error:
        return "bad", str(error)
    if digest is None:  # Ed25519 and Ed448
        return "good", "EdDSA"
    status = HASHES.get(digest.name, "bad")
    return ("good" if status == "good" else "warning" if status == "warning" else "bad"), digest.name.upper()


def too_weak(chain: Sequence[x509.Certificate]) -> str:
    """Why OpenSSL at its second security level takes no such chain: that test's program for TLSA rests on it. Empty
    where it does."""
    for one in chain:
        for (status, said), matters in ((_key(one), True), (_signature(one), one.issuer != one.subject)):
            if status == "bad" and matters and said.startswith(("RSA", "SHA1", "MD5")):
                return f"the record matches, but {said} is too weak for that test"
    return ""


def unsupported(chain: Sequence[x509.Certificate]) -> str:
    """A signature by which nobody is trusted there, whoever made it."""
    status, said = signatures(chain)
    return "" if status == "good" else f"signed with {said}"
