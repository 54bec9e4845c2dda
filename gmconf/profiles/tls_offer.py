"""What a host offers on port 25, however that was found out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

Hash = Literal["good", "sha224", "sha1"]


@dataclass(frozen=True)
class Offer:
    """One host. Without ``starttls`` nothing else is known."""

    host: str
    problem: str = ""
    """Why it could not be asked."""
    starttls: bool = False
    versions: tuple[str, ...] = ()
    """As OpenSSL calls them: TLSv1.2."""
    insufficient: tuple[str, ...] = ()
    """Ciphers, by OpenSSL's names, that are accepted and on no list of that test; one is enough."""
    phase_out: tuple[str, ...] = ()
    """The same for those that are to be phased out."""
    ordered: bool = True
    """Whether sufficient ciphers are taken before those to be phased out, whatever the client prefers."""
    groups: tuple[str, ...] = ()
    """Of the key exchange, as OpenSSL prints them: "X25519", "P-256", "DH 2048"."""
    compression: bool = False
    secure_renegotiation: bool = True
    client_renegotiation: bool = False
    master_secret: bool | None = True
    """Extended master secret; None without TLS 1.2."""
    hashes: Hash = "good"
    """The weakest hash taken in the signature of a key exchange of TLS 1.2."""
    chain: tuple[Certificate, ...] = field(default=(), repr=False)
    """Certificates that are shown, the host's own first."""
    trusted: str | None = None
    """Empty: a public authority vouches for it; else why not; None: not known."""


SUFFICIENT = (
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES256-CCM",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES128-CCM",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_128_CCM_SHA256",
)
"""Good and sufficient (CONTROLS 3.4), by OpenSSL's names."""
_GCM = [
    f"{kind}-{cipher}"
    for kind in ("ECDHE-ECDSA", "ECDHE-RSA", "DHE-RSA")
    for cipher in ("CAMELLIA256-SHA384", "CAMELLIA128-SHA256")
]
PHASE_OUT = (
    *_GCM,
    *(f"{kind}-ARIA{size}" for kind in ("ECDHE", "DHE-RSA") for size in ("256-GCM-SHA384", "128-GCM-SHA256")),
    "ECDHE-ECDSA-ARIA256-GCM-SHA384",
    "ECDHE-ECDSA-ARIA128-GCM-SHA256",
    *(f"ECDHE-{kind}-AES{size}" for kind in ("ECDSA", "RSA") for size in ("256-SHA384", "128-SHA256")),
    "DHE-RSA-CHACHA20-POLY1305",
    "DHE-RSA-CAMELLIA256-SHA256",
    *(
        f"DHE-RSA-AES{size}"
        for size in ("256-GCM-SHA384", "256-CCM", "256-SHA256", "128-GCM-SHA256", "128-CCM", "128-SHA256")
    ),
)
"""To be phased out: a warning. Everything else is insufficient."""
GROUPS = ("X25519", "P-256", "X448", "P-521", "P-384")
"""What that test's scanner offers, as OpenSSL names it: a host that needs another curve, for its certificate too,
cannot be spoken with there. Postfix has the same (postconf -d tls_eecdh_auto_curves)."""
CURVES = ("secp256r1", "secp521r1", "secp384r1")
"""Those of them that a certificate's key can have, by the names that certificates give them."""
DH_BITS = 3072
"""Diffie-Hellman groups of this size are to be phased out. That test compares the primes with RFC 7919 as well."""
