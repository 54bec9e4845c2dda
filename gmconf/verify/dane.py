"""Chains of certificates that servers show on their mail port, and whether TLSA records are about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gmconf.verify import openssl

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

REMEDY = "publish what gmconf dns prints, or roll out the certificate that belongs to it"


def shown(address: str, port: int, name: str, until: float) -> list[Certificate]:
    """The certificates that a server shows after STARTTLS to who asks for a name, its own first; none where it shows
    none.

    Raises OSError where openssl cannot ask, and ValueError for what is no certificate.
    """
    from cryptography.x509 import load_pem_x509_certificate

    text = openssl.client(address, port, name, "smtp", until, "-showcerts")
    parts = re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", text, re.DOTALL)
    return [load_pem_x509_certificate(part.encode()) for part in dict.fromkeys(parts)]


def judged(chain: Sequence[Certificate], records: Sequence[str], name: str) -> tuple[bool, str]:
    """Whether one of the TLSA records of a name is about the chain, and what to say of it."""
    from gmconf.dns.associated import associated

    if any(associated(chain, record, name) for record in records):
        return True, "one does"
    return False, f"none of {', '.join(f'{r[:14]}...' for r in records)}" if records else "no record"
