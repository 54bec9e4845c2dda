"""What a host offers on port 25, found by handshakes of openssl s_client: some twenty, one after the other, and no
message."""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

from gmconf.profiles.tls_offer import GROUPS, PHASE_OUT, SUFFICIENT, Hash, Offer
from gmconf.verify import openssl
from gmconf.verify.connection import connected
from gmconf.verify.smtp import Smtp
from gmconf.verify.tls import REFUSALS

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

GREETING = 220
SECONDS, EACH = 120, 20
"""For one host, and for one handshake."""
VERSIONS = {"-tls1": "TLSv1", "-tls1_1": "TLSv1.1", "-tls1_2": "TLSv1.2", "-tls1_3": "TLSv1.3"}
_OLD = "-no_tls1_3"
_TWELVE = [c for c in SUFFICIENT if not c.startswith("TLS_")]
_INSUFFICIENT = ":".join(["ALL:COMPLEMENTOFALL", *(f"!{name}" for name in (*_TWELVE, *PHASE_OUT))])
_SHORT = "TLS_AES_128_CCM_8_SHA256"
"""Of TLS 1.3, the only cipher that is insufficient."""
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
        """What openssl s_client prints, this machine's own ideas of what is secure put aside. Raises OSError when it is
        no TLS."""
        text = openssl.client(
            self.address,
            self.port,
            self.name,
            "smtp",
            min(self.until, time.monotonic() + EACH),
            "-cipher",
            f"{ciphers}:@SECLEVEL=0",
            "-groups",
            ":".join(GROUPS),
            "-legacy_server_connect",
            *words,
            ask=typed,
        )
        if not cipher(text) and not any(word in text for word in _REFUSED):
            raise OSError(f"no TLS: {text.strip()[-200:]}")
        return text


def cipher(text: str) -> str:
    """The cipher that was agreed on, or "" where the host refused."""
    found = _AGREED.search(text)
    return found[1] if found and found[1] != "(NONE)" else ""


def offered(name: str, addresses: Sequence[str], port: int = 25) -> Offer:
    """The offer of a host at the first of its addresses: that test tries no other."""
    if not addresses:
        return Offer(name, problem="it has no address")
    if ip_address(addresses[0]).is_unspecified:  # a connection would end at this machine
        return Offer(name, problem=f"{addresses[0]} is nobody's address")
    peer = Peer(name, addresses[0], port, time.monotonic() + SECONDS)
    try:
        with connected(peer.address, port, min(peer.until, time.monotonic() + EACH)) as wire:
            smtp = Smtp(wire)
            if smtp.greeting.code != GREETING:
                return Offer(name, problem=f"{peer.address}: it greets with {smtp.greeting}")
            smtp.ehlo()
        return _asked(peer) if "STARTTLS" in smtp.extensions else Offer(name)
    except (OSError, ValueError) as error:  # ValueError: a certificate that cannot be read
        return Offer(name, problem=f"{peer.address}: {error}")


def _asked(peer: Peer) -> Offer:
    versions = tuple(name for word, name in VERSIONS.items() if cipher(peer.ask(word)))
    if not versions:
        return Offer(
            peer.name,
            problem=f"{peer.address}: no handshake of any version; that test offers the curves {', '.join(GROUPS)}",
        )
    short = (_SHORT,) if "TLSv1.3" in versions and cipher(peer.ask("-tls1_3", "-ciphersuites", _SHORT)) else ()
    phase_out = _weak(peer, ":".join(PHASE_OUT))
    found = Offer(
        peer.name,
        starttls=True,
        versions=versions,
        insufficient=(*_weak(peer, _INSUFFICIENT), *short),
        phase_out=phase_out,
        ordered=not phase_out or _ordered(peer),
        groups=_groups(peer, versions),
        chain=_chain(peer),
        trusted=_trusted(peer),
    )
    if "TLSv1.2" not in versions:
        return replace(found, master_secret=None)
    text = peer.ask("-tls1_2", typed="R\n")
    answer = text.partition("RENEGOTIATING")[2]
    return replace(
        found,
        compression="Compression: NONE" not in text,
        secure_renegotiation="Secure Renegotiation IS supported" in text,
        client_renegotiation=not any(word in answer for word in REFUSALS),
        master_secret="Extended master secret: yes" in text,
        hashes=_hashes(peer),
    )


def _weak(peer: Peer, ciphers: str) -> tuple[str, ...]:
    agreed = cipher(peer.ask(_OLD, ciphers=ciphers))
    return (agreed,) if agreed else ()


def _ordered(peer: Peer) -> bool:
    """Whether each sufficient cipher that the host has is taken by a client that prefers all those to be phased out."""
    left = list(_TWELVE)
    while left and (better := cipher(peer.ask(_OLD, ciphers=":".join(left)))):
        if cipher(peer.ask(_OLD, ciphers=":".join((*PHASE_OUT, better)))) != better:
            return False
        left.remove(better)
    return True


def _groups(peer: Peer, versions: Sequence[str]) -> tuple[str, ...]:
    texts = [peer.ask("-tls1_3")] if "TLSv1.3" in versions else []
    if versions != ("TLSv1.3",):
        texts += [
            peer.ask(_OLD, ciphers=kind) for kind in ("kECDHE", "kDHE")
        ]  # with those of nobody's key, whose groups count too
    found = [f"DH {key[2]}" if key[1] else key[3] or key[4] for key in map(_KEY.search, texts) if key]
    return tuple(dict.fromkeys(found))


def _hashes(peer: Peer) -> Hash:
    kinds: tuple[tuple[Hash, str], ...] = (("sha1", "SHA1"), ("sha224", "SHA224"))
    return next(
        (hash_ for hash_, name in kinds if cipher(peer.ask("-tls1_2", "-sigalgs", f"ECDSA+{name}:RSA+{name}"))), "good"
    )


def _chain(peer: Peer) -> tuple[Certificate, ...]:
    from cryptography import x509

    parts = re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", peer.ask("-showcerts"), re.DOTALL)
    return tuple(x509.load_pem_x509_certificate(part.encode()) for part in dict.fromkeys(parts))


def _trusted(peer: Peer) -> str | None:
    """By the authorities that this machine trusts: the public ones, unless somebody has added others; the name is
    judged elsewhere."""
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
