"""What a host offers on port 25, found by handshakes: some sixteen, one after the other, and no message."""

from __future__ import annotations

import re
import ssl
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gmconf.profiles.offer import PHASE_OUT, SUFFICIENT, Hash, Offer
from gmconf.verify import openssl
from gmconf.verify.secure import StarttlsError
from gmconf.verify.smtp import Smtp
from gmconf.verify.tls import OURS, REFUSALS
from gmconf.verify.wire import connected, neutral

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

SECONDS, EACH = 120, 20
"""For one host, and for one handshake."""
_VERSIONS = (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
_TWELVE = [c for c in SUFFICIENT if not c.startswith("TLS_")]
_INSUFFICIENT = ":".join(["ALL:COMPLEMENTOFALL", *(f"!{name}" for name in (*_TWELVE, *PHASE_OUT)), "@SECLEVEL=0"])
_GROUPS = "X25519:P-256:X448:P-521:P-384:brainpoolP512r1:brainpoolP384r1:brainpoolP256r1:P-224:secp256k1"
"""In the order in which a client of today prefers them; those behind are taken by who has no other."""
_KEY = re.compile(r"(?:Server|Peer) Temp Key: (?:(DH), (\d+)|ECDH, ([\w-]+)|([\w-]+))")


@dataclass(frozen=True)
class Peer:
    """Where a host is asked, under which name, and until when."""

    name: str
    address: str
    port: int
    until: float

    def shake(self, context: ssl.SSLContext) -> tuple[str, str] | None:
        """(version, cipher) that are agreed on, None when the host refuses. Raises OSError when it cannot be told."""
        try:
            with connected(self.address, self.port, self._until()) as wire:
                smtp = Smtp(wire)
                smtp.ehlo()
                reply = smtp.say("STARTTLS")
                if reply.code != 220:
                    raise StarttlsError(f"STARTTLS was answered {reply}")
                wire.secure(context, self.name)
                agreed = wire.socket
                assert isinstance(agreed, ssl.SSLSocket)
                cipher = agreed.cipher()
                return agreed.version() or "", cipher[0] if cipher else ""
        except (ssl.SSLEOFError, ConnectionResetError):
            return None
        except ssl.SSLCertVerificationError:
            raise
        except ssl.SSLError as error:
            if error.reason in OURS:
                raise OSError(f"OpenSSL on this machine cannot ask for it ({error.reason})") from None
            if "ALERT" in (error.reason or "") or error.reason in ("UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION"):
                return None
            raise OSError(f"no TLS: {error.reason or error}") from None

    def openssl(self, *words: str, ask: str = "") -> str:
        """What openssl s_client prints."""
        return openssl.client(self.address, self.port, self.name, "smtp", self._until(), *words, ask=ask)

    def _until(self) -> float:
        return min(self.until, time.monotonic() + EACH)


def offered(name: str, addresses: Sequence[str], port: int = 25) -> Offer:
    """The offer of a host, at the first of its addresses that answers."""
    problem = "it has no address"
    for address in addresses:
        peer = Peer(name, address, port, time.monotonic() + SECONDS)
        try:
            with connected(address, port, peer.until) as wire:
                smtp = Smtp(wire)
                smtp.ehlo()
                there = "STARTTLS" in smtp.extensions
        except OSError as error:
            problem = str(error)
            continue
        try:
            return _asked(peer) if there else Offer(name)
        except OSError as error:
            return Offer(name, problem=f"{address}: {error}")
    return Offer(name, problem=problem)


def _asked(peer: Peer) -> Offer:
    versions = tuple(_spoken(v) for v in _VERSIONS if peer.shake(_context("ALL:COMPLEMENTOFALL:@SECLEVEL=0", v, v)))
    if not versions:
        return Offer(peer.name, problem=f"{peer.address}: no handshake of any version")
    insufficient, phase_out = _weak(peer, _INSUFFICIENT), _weak(peer, f"{':'.join(PHASE_OUT)}:@SECLEVEL=0")
    found = Offer(
        peer.name, starttls=True, versions=versions, insufficient=insufficient, phase_out=phase_out,
        ordered=_ordered(peer, (*insufficient, *phase_out)), groups=_groups(peer, versions), chain=_chain(peer), trusted=_trusted(peer),
    )  # fmt: skip
    if "TLSv1.2" not in versions:
        return replace(found, master_secret=None, hashes="unknown")
    text = peer.openssl("-tls1_2", "-cipher", "ALL:@SECLEVEL=0", ask="R\n")
    answer = text.partition("RENEGOTIATING")[2]
    return replace(
        found, compression="Compression: NONE" not in text, secure_renegotiation="Secure Renegotiation IS supported" in text,
        client_renegotiation=not any(word in answer for word in REFUSALS), master_secret="Extended master secret: yes" in text, hashes=_hashes(peer),
    )  # fmt: skip


def _spoken(version: ssl.TLSVersion) -> str:
    return {ssl.TLSVersion.TLSv1: "TLSv1"}.get(version, version.name.replace("_", "."))


def _context(ciphers: str, least: ssl.TLSVersion, most: ssl.TLSVersion) -> ssl.SSLContext:
    context = neutral()
    context.set_ciphers(ciphers)
    with warnings.catch_warnings():
        # Python calls old versions deprecated, which is what the host is to say too.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = least, most
    return context


def _weak(peer: Peer, ciphers: str) -> tuple[str, ...]:
    agreed = peer.shake(_context(ciphers, ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2))
    return (agreed[1],) if agreed else ()


def _ordered(peer: Peer, weak: Sequence[str]) -> bool:
    """Whether a client that prefers something weak gets something better, as far as the host has it."""
    if not weak:
        return True
    agreed = peer.shake(_context(":".join((*weak, *_TWELVE, "@SECLEVEL=0")), ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2))
    return agreed is None or agreed[1] not in weak


def _groups(peer: Peer, versions: Sequence[str]) -> tuple[str, ...]:
    asks = [["-tls1_3", "-cipher", "ALL:@SECLEVEL=0", "-groups", _GROUPS]] if "TLSv1.3" in versions else []
    if "TLSv1.2" in versions:
        asks += [["-tls1_2", "-cipher", f"{kind}:@SECLEVEL=0", "-groups", _GROUPS] for kind in ("ECDHE", "DHE")]
    elif "TLSv1.3" not in versions:
        asks += [["-cipher", f"{kind}:@SECLEVEL=0", "-no_tls1_2"] for kind in ("ECDHE", "DHE")]
    found = []
    for words in asks:
        if key := _KEY.search(peer.openssl(*words)):
            found.append(f"DH {key[2]}" if key[1] else key[3] or key[4])
    return tuple(dict.fromkeys(found))


def _hashes(peer: Peer) -> Hash:
    kinds: tuple[tuple[Hash, str], ...] = (("sha1", "SHA1"), ("sha224", "SHA224"))
    for hash_, name in kinds:
        text = peer.openssl("-tls1_2", "-sigalgs", f"ECDSA+{name}:RSA+{name}", "-cipher", "ALL:@SECLEVEL=0")
        if "Cipher is (NONE)" not in text:
            return hash_
        if not any(word in text for word in ("alert", "unexpected eof", "errno=")):
            raise OSError(f"no TLS: {text.strip()[-200:]}")
    return "good"


def _chain(peer: Peer) -> tuple[Certificate, ...]:
    from cryptography import x509

    text = peer.openssl("-showcerts", "-cipher", "ALL:@SECLEVEL=0")
    parts = re.findall(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", text, re.DOTALL)
    try:
        return tuple(x509.load_pem_x509_certificate(part.encode()) for part in dict.fromkeys(parts))
    except ValueError as error:
        raise OSError(f"a certificate that cannot be read: {error}") from None


def _trusted(peer: Peer) -> str | None:
    """By the authorities that this machine trusts, which are the public ones unless somebody has added others; the name is judged elsewhere."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        return None if peer.shake(context) is None else ""
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
