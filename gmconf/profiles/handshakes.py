"""What a host offers on port 25, found by handshakes of openssl s_client: some eighteen, one after the other, and no message."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gmconf.profiles.offer import PHASE_OUT, SUFFICIENT, Hash, Offer
from gmconf.verify import openssl
from gmconf.verify.smtp import Smtp
from gmconf.verify.tls import REFUSALS
from gmconf.verify.wire import connected

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SECONDS, EACH = 120, 20
"""For one host, and for one handshake."""
VERSIONS = {"-tls1": "TLSv1", "-tls1_1": "TLSv1.1", "-tls1_2": "TLSv1.2", "-tls1_3": "TLSv1.3"}
_OLD = "-no_tls1_3"
_TWELVE = [c for c in SUFFICIENT if not c.startswith("TLS_")]
_INSUFFICIENT = ":".join(["ALL:COMPLEMENTOFALL", *(f"!{name}" for name in (*_TWELVE, *PHASE_OUT))])
_GROUPS = "X25519:P-256:X448:P-521:P-384:brainpoolP512r1:brainpoolP384r1:brainpoolP256r1:P-224:secp256k1"
"""In the order in which a client of today prefers them; those behind are taken by who has no other."""
_KEY = re.compile(r"(?:Server|Peer) Temp Key: (?:(DH), (\d+)|ECDH, ([\w-]+)|([\w-]+))")
_AGREED = re.compile(r"^(?:New|Reused), [\w.]+, Cipher is (\S+)$", re.MULTILINE)
_REFUSED = ("alert", "unexpected eof", "errno=", "unsupported protocol", "wrong version number", "no ciphers available")
"""The last is said of a version for which there is no cipher among those asked for."""


@dataclass(frozen=True)
class Peer:
    """Where a host is asked, under which name, and until when."""

    name: str
    address: str
    port: int
    until: float

    def ask(self, *words: str, ciphers: str = "ALL", typed: str = "") -> str:
        """What openssl s_client prints, this machine's own ideas of what is secure put aside. Raises OSError when it is no TLS."""
        text = openssl.client(self.address, self.port, self.name, "smtp", min(self.until, time.monotonic() + EACH),
                              "-cipher", f"{ciphers}:@SECLEVEL=0", "-groups", _GROUPS, "-legacy_server_connect", *words, ask=typed)  # fmt: skip
        if not cipher(text) and not any(word in text for word in _REFUSED):
            raise OSError(f"no TLS: {text.strip()[-200:]}")
        return text


def cipher(text: str) -> str:
    """The cipher that was agreed on, or "" where the host refused."""
    found = _AGREED.search(text)
    return found[1] if found and found[1] != "(NONE)" else ""


def offered(name: str, addresses: Sequence[str], port: int = 25) -> Offer:
    """The offer of a host, at the first of its addresses that answers."""
    problem = "it has no address"
    for address in addresses:
        peer = Peer(name, address, port, time.monotonic() + SECONDS)
        try:
            with connected(address, port, min(peer.until, time.monotonic() + EACH)) as wire:
                smtp = Smtp(wire)
                smtp.ehlo()
                there = "STARTTLS" in smtp.extensions
        except OSError as error:
            problem = str(error)
            continue
        try:
            return _asked(peer) if there else Offer(name)
        except (OSError, ValueError) as error:  # ValueError: a certificate that cannot be read
            return Offer(name, problem=f"{address}: {error}")
    return Offer(name, problem=problem)


def _asked(peer: Peer) -> Offer:
    versions = tuple(name for word, name in VERSIONS.items() if cipher(peer.ask(word)))
    if not versions:
        return Offer(peer.name, problem=f"{peer.address}: no handshake of any version")
    insufficient, phase_out = _weak(peer, _INSUFFICIENT), _weak(peer, ":".join(PHASE_OUT))
    found = Offer(
        peer.name, starttls=True, versions=versions, insufficient=insufficient, phase_out=phase_out,
        ordered=_ordered(peer, (*insufficient, *phase_out)), groups=_groups(peer, versions), chain=_chain(peer), trusted=_trusted(peer),
    )  # fmt: skip
    if "TLSv1.2" not in versions:
        return replace(found, master_secret=None, hashes="unknown")
    text = peer.ask("-tls1_2", typed="R\n")
    answer = text.partition("RENEGOTIATING")[2]
    return replace(
        found, compression="Compression: NONE" not in text, secure_renegotiation="Secure Renegotiation IS supported" in text,
        client_renegotiation=not any(word in answer for word in REFUSALS), master_secret="Extended master secret: yes" in text, hashes=_hashes(peer),
    )  # fmt: skip


def _weak(peer: Peer, ciphers: str) -> tuple[str, ...]:
    agreed = cipher(peer.ask(_OLD, ciphers=ciphers))
    return (agreed,) if agreed else ()


def _ordered(peer: Peer, weak: Sequence[str]) -> bool:
    """Whether a client that prefers something weak gets something better, as far as the host has it."""
    better = ":".join(_TWELVE)
    if not weak or not cipher(peer.ask(_OLD, ciphers=better)):
        return True
    return cipher(peer.ask(_OLD, ciphers=f"{':'.join(weak)}:{better}")) not in weak


def _groups(peer: Peer, versions: Sequence[str]) -> tuple[str, ...]:
    texts = [peer.ask("-tls1_3")] if "TLSv1.3" in versions else []
    if versions != ("TLSv1.3",):
        texts += [peer.ask(_OLD, ciphers=kind) for kind in ("ECDHE", "DHE")]
    found = [f"DH {key[2]}" if key[1] else key[3] or key[4] for key in map(_KEY.search, texts) if key]
    return tuple(dict.fromkeys(found))


def _hashes(peer: Peer) -> Hash:
    kinds: tuple[tuple[Hash, str], ...] = (("sha1", "SHA1"), ("sha224", "SHA224"))
    return next((hash_ for hash_, name in kinds if cipher(peer.ask("-tls1_2", "-sigalgs", f"ECDSA+{name}:RSA+{name}"))), "good")


def _chain(peer: Peer) -> tuple[Certificate, ...]:
    from cryptography import x509

    parts = re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", peer.ask("-showcerts"), re.DOTALL)
    return tuple(x509.load_pem_x509_certificate(part.encode()) for part in dict.fromkeys(parts))


def _trusted(peer: Peer) -> str | None:
    """By the authorities that this machine trusts: the public ones, unless somebody has added others; the name is judged elsewhere."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        with connected(peer.address, peer.port, min(peer.until, time.monotonic() + EACH)) as wire:
            smtp = Smtp(wire)
            smtp.ehlo()
            smtp.starttls(context, peer.name)
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except OSError:  # such as a curve that Python does not offer
        return None
    return ""
