"""Whether a chain that somebody put beside the site is the one of its host, whole and in order."""

from __future__ import annotations

import itertools
import re
import ssl
import warnings
from contextlib import suppress
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_BLOCK = re.compile(
    r"^-----BEGIN CERTIFICATE-----[ \t]*\n([A-Za-z0-9+/=\s]+?)^-----END CERTIFICATE-----[ \t]*$", re.MULTILINE
)
RSA_BITS, CURVE_BITS = 2048, 224
"""What keys have at least (NCSC-NL TLS guidelines)."""
_NO_PEM = "is not a certificate in PEM; put the chain there, the host's own certificate first"


def leaks(text: str) -> str | None:
    """What is wrong with a public file that holds a private key; None where it does not."""
    if "PRIVATE KEY" in text.upper():
        return (
            "holds a private key, which would be readable to everybody; take it out, it belongs into the encrypted file"
            " beside (ansible-vault encrypt)"
        )
    return None


def chain(pem: str) -> list[Certificate] | str:
    """The certificates of a file, or what is wrong with it. Nothing may be lost on the way: each block is one that
    OpenSSL reads too."""
    # Loading it takes longer than rendering a small site.
    from cryptography import x509

    text = pem.replace("\r\n", "\n")
    blocks = [found[0] for found in _BLOCK.finditer(text)]
    if not blocks and "-----BEGIN CERTIFICATE-----" not in text:
        return _NO_PEM
    if text.count("-----BEGIN ") != len(blocks):
        return (
            "holds a block that is cut, joined to another line, or no certificate; put only whole certificates there,"
            " each line on its own"
        )
    try:
        return [x509.load_pem_x509_certificate(block.encode()) for block in blocks]
    except ValueError:
        return (
            f"holds {len(blocks)} certificates, one of which cannot be read; have them sent again"
            if blocks[1:]
            else _NO_PEM
        )


def wrong(pem: str, host: str) -> str | None:
    """What is wrong with a chain (PEM, the host's own certificate first), as a sentence; None when it fits.

    Names are compared as clients do (RFC 9525 section 6.3): subjectAltName only, a wildcard for one whole label. Dates
    are not looked at.
    """
    if leaked := leaks(pem):
        return leaked
    found = chain(pem)
    if isinstance(found, str):
        return found
    names = _names(found[0])
    if not _fits(names, host):
        place = next((number for number, one in enumerate(found) if _fits(_names(one), host)), None)
        if place:
            return (
                f"begins with another certificate; the one of {host} is number {place + 1} and has to come first, then"
                " each the one that signed it"
            )
        if names is None:
            return "has no subjectAltName, and clients look at nothing else; have it issued again"
        return (
            f"is for {', '.join(names) or 'no name'}, not for {host}; rename the host, or have it issued for this name"
        )
    for number, (one, issuer) in enumerate(itertools.pairwise(found), 1):
        if not _signed(one, issuer):
            where = next((n for n, other in enumerate(found) if other is not one and _signed(one, other)), None)
            hint = (
                f"number {where + 1} did; put them in order"
                if where is not None
                else f"{one.issuer.rfc4514_string()} did; put that one there"
            )
            return f"is in no chain: certificate {number} was not signed by the one after it; {hint}"
    return None


def weak(pem: str) -> str | None:
    """What is weak about keys and signatures of a chain, roots' signatures of themselves left out; None when nothing
    is, or nothing can be read."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    found = chain(pem)
    for one in found if isinstance(found, list) else ():
        key, digest = one.public_key(), one.signature_hash_algorithm
        if isinstance(key, rsa.RSAPublicKey) and key.key_size < RSA_BITS:
            return f"an RSA key of {key.key_size} bits"
        if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < CURVE_BITS:
            return f"a key on the curve {key.curve.name}"
        if digest and digest.name in ("md5", "sha1") and one.issuer != one.subject:
            return f"a signature with {digest.name.upper()}"
    return None


def outdated(pem: str, now: datetime) -> str | None:
    """What is wrong with the dates of a chain; None where all are valid, or nothing can be read."""
    found = chain(pem)
    for number, one in enumerate(found if isinstance(found, list) else (), 1):
        which = f"(certificate {number} of the chain) " if number > 1 else ""
        if one.not_valid_after_utc <= now:
            return f"{which}ended on {one.not_valid_after_utc:%Y-%m-%d}; renew it"
        if one.not_valid_before_utc > now:
            return f"{which}is not valid before {one.not_valid_before_utc:%Y-%m-%d}; put one there that is"
    return None


def distrusted(pem: str, day: date) -> str | None:
    """Why programs would refuse a chain (PEM, the host's own certificate first) on a day; None when they would not.

    The authorities that systems know are those that this machine knows (SSL_CERT_FILE names another file of them).
    """
    if late := outdated(pem, datetime.combine(day, time(12), UTC)):
        return late
    found = chain(pem)
    if isinstance(found, str):
        return found
    if not all(_signed(one, issuer) for one, issuer in itertools.pairwise(found)):
        return "the certificates do not sign each other in this order"
    bundle = Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt")
    if not bundle.is_file():
        return f"nobody can tell here: this machine has no list of authorities ({bundle}); install ca-certificates"
    top = found[-1]
    if any(root == top or (root.subject == top.issuer and _signed(top, root)) for root in _authorities(bundle)):
        return None
    return f"{top.issuer.rfc4514_string()} is no authority that systems know, or the chain lacks what lies between"


@cache
def _authorities(bundle: Path) -> tuple[Certificate, ...]:
    """Those of a file that can be read: lists of systems hold old ones that libraries take less and less."""
    from cryptography import x509

    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for block in _BLOCK.finditer(bundle.read_text("ascii", "replace")):
            with suppress(ValueError):
                found.append(x509.load_pem_x509_certificate(block[0].encode()))
    return tuple(found)


def alone(pem: str) -> str | None:
    """The issuer of a single certificate that brings no chain along; None where there is a chain, or it is its own
    issuer."""
    found = chain(pem)
    if isinstance(found, list) and len(found) == 1 and found[0].issuer != found[0].subject:
        return found[0].issuer.rfc4514_string()
    return None


def _names(certificate: Certificate) -> list[str] | None:
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return None
    return sorted(name.lower() for name in found.get_values_for_type(x509.DNSName))


def _fits(names: list[str] | None, host: str) -> bool:
    return names is not None and (host in names or f"*.{host.partition('.')[2]}" in names)


def _signed(one: Certificate, issuer: Certificate) -> bool:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        one.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
