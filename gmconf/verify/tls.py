"""TLS as an auditor sees it. Handshakes only; what Python's ssl cannot do is done by openssl s_client."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

from gmconf.controls.result import Observation
from gmconf.derived import policies as published
from gmconf.dns.tlsa import of_mail
from gmconf.model import Role
from gmconf.verify import openssl
from gmconf.verify.alive import session
from gmconf.verify.connection import neutral
from gmconf.verify.dane import REMEDY, judged, shown
from gmconf.verify.mta import REPLAY, said
from gmconf.verify.probe import Looks, NothingToSayError, on_host
from gmconf.verify.run import At
from gmconf.verify.smtp import mta
from gmconf.verify.starttls import Port, named_ports, ports, secured

SMTP = 25
DAYS = 14
"""A certificate must last longer: who renews at 30 days has had two weeks to notice a failure."""
BY_ACME = "journalctl -u gmconf-acme.service on the host says why it has no better one"
WEAK = "ALL:COMPLEMENTOFALL:-ECDHE+AESGCM:-ECDHE+CHACHA20:@SECLEVEL=0"
"""Everything a client could ask for but what RFC 9325 section 4.2 recommends."""
CURVE_BITS, RSA_BITS = 224, 2048
REFUSALS = ("no renegotiation", "unexpected eof", "alert", "unsafe legacy")
_OURS = (
    "NO_PROTOCOLS_AVAILABLE",
    "NO_CIPHERS_AVAILABLE",
    "NO_SHARED_SIGNATURE_ALGORITHMS",
    "NO_SUITABLE_SIGNATURE_ALGORITHM",
)
"""Reasons that lie in this machine's OpenSSL: they say nothing about the host."""


def handshake(at: At, port: Port, context: ssl.SSLContext) -> str:
    """Version and cipher that were agreed on, or "" when the host refused. Raises OSError when it cannot be told."""
    try:
        with secured(at, port, context) as wire:
            agreed = wire.socket
            assert isinstance(agreed, ssl.SSLSocket)
            cipher = agreed.cipher()
            return f"{agreed.version()} {cipher[0] if cipher else ''}".strip()
    except (ssl.SSLEOFError, ConnectionResetError):
        return ""
    except ssl.SSLError as error:
        if "ALERT" in (error.reason or ""):
            return ""
        if error.reason in _OURS:
            raise OSError(f"OpenSSL on this machine cannot ask for it ({error.reason}); run verify elsewhere") from None
        raise OSError(f"no TLS on {port}: {error.reason or error}") from None


@on_host("smtp-tls", Role.MTA)
def smtp_tls(at: At) -> Looks:
    """STARTTLS works on port 25 and is not required, unless the site says so.

    Connects; without TLS the dialogue ends at MAIL.
    """
    with mta(at) as smtp:
        smtp.ehlo()
        offered = "STARTTLS" in smtp.extensions
        yield Observation("STARTTLS on port 25", ", ".join(smtp.extensions), offered, remedy="" if offered else REPLAY)
        if offered:
            reply = smtp.starttls(neutral(), at.host.name)
            yield said("220 to STARTTLS, and a handshake", reply, reply.code == 220)
    required = at.run.loaded.site.tls.inbound == "encrypt"
    with mta(at) as smtp:
        smtp.ehlo()
        reply = smtp.say("MAIL FROM:<>")
        yield said(
            "530 to MAIL without TLS" if required else "250 to MAIL without TLS (RFC 3207 section 4)",
            reply,
            (reply.code == 530) is required,
        )


@on_host("tls-versions", Role.MTA, Role.MSA, Role.STORE)
def versions(at: At) -> Looks:
    """TLS 1.2 and 1.3 are spoken on every port, 1.0 and 1.1 nowhere.

    Three handshakes a port.
    """
    for port in ports(at):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = neutral()
            context.minimum_version = context.maximum_version = version
            found = handshake(at, port, context)
            yield Observation(
                f"{version.name} on {port}", found or "refused", bool(found), remedy="" if found else REPLAY
            )
        context = neutral()
        context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
        _oldest(context)
        found = handshake(at, port, context)
        yield Observation(
            f"TLS 1.0 and 1.1 refused on {port}", found or "refused", not found, remedy=REPLAY if found else ""
        )


def _oldest(context: ssl.SSLContext) -> None:
    """Nothing newer than TLS 1.1. Python calls that deprecated, which is what the host is to say too."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1


@on_host("tls-ciphers", Role.MTA, Role.MSA, Role.STORE)
def ciphers(at: At) -> Looks:
    """No cipher without forward secrecy and authenticated encryption is accepted on any port.

    One handshake a port, which asks for all the others at once.
    """
    for port in ports(at):
        context = neutral()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(WEAK)
        found = handshake(at, port, context)
        yield Observation(
            f"no TLS 1.2 cipher but ECDHE with AES-GCM or ChaCha20 on {port}",
            found or "refused",
            not found,
            remedy=REPLAY if found else "",
        )


@on_host("tls-sigalgs", Role.MTA, Role.MSA, Role.STORE)
def sigalgs(at: At) -> Looks:
    """No key exchange is signed with SHA-1 on any port.

    One handshake a port, by openssl s_client.
    """
    for port in ports(at):
        text = s_client(at, port, "-tls1_2", "-sigalgs", "ECDSA+SHA1:RSA+SHA1", "-cipher", "ALL:@SECLEVEL=0")
        found = "Cipher is (NONE)" not in text
        if not found and not any(word in text for word in ("alert", "unexpected eof", "errno=")):
            raise OSError(f"no TLS on {port}: {text.strip()[-200:]}")
        yield Observation(
            f"a handshake with SHA-1 signatures refused on {port}",
            "accepted" if found else "refused",
            not found,
            remedy=REPLAY if found else "",
        )


@on_host("tls-renegotiation", Role.MTA, Role.MSA, Role.STORE)
def renegotiation(at: At) -> Looks:
    """Clients cannot renegotiate, nothing is compressed, and the extended master secret is used (RFC 7627).

    One TLS 1.2 handshake a port and one request to renegotiate, by openssl s_client.
    """
    for port in ports(at):
        text = s_client(at, port, "-tls1_2", ask="R\n")
        answer = text.partition("RENEGOTIATING")[2]
        refused = any(word in answer for word in REFUSALS)
        if not refused and "verify return" not in answer:
            raise OSError(f"{port}: openssl could not ask for renegotiation: {text.strip()[-200:]}")
        yield Observation(
            f"renegotiation refused on {port}",
            "refused" if refused else "accepted",
            refused,
            remedy="" if refused else REPLAY,
        )
        plain = "Compression: NONE" in text
        yield Observation(f"no compression on {port}", "none" if plain else "compressed", plain, remedy=REPLAY)
        ems = "Extended master secret: yes" in text
        yield Observation(
            f"extended master secret on {port}",
            "yes" if ems else "no",
            ems,
            remedy="" if ems else "the host's OpenSSL is too old",
        )


@on_host("certificates", Role.MTA, Role.MSA, Role.STORE)
def certificates(at: At) -> Looks:
    """On every port the certificate is trusted, for the name that was asked for, strong, and lasts two more weeks.

    Two handshakes a port; as many for some of the names that domains have for the host themselves.
    """
    for port in (*ports(at), *named_ports(at)):
        found = ""
        try:
            with secured(at, port, at.run.trust()):
                pass
        except ssl.SSLCertVerificationError as error:
            found = error.verify_message
        acme = at.run.loaded.site.tls.source == "acme"
        remedy = (
            BY_ACME
            if acme
            else "gmconf keys --renew, or put the right certificate below the secrets folder; then roll out"
        )
        fix = remedy if found else ""
        yield Observation(
            f"a certificate for {port.name or at.host.name} from an authority we trust on {port}",
            found or "it is",
            not found,
            remedy=fix,
        )
        yield from _judged(at, port, BY_ACME if acme else "renew it: gmconf keys --renew, render, roll out")


def _judged(at: At, port: Port, renewal: str) -> Looks:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    with secured(at, port, neutral()) as wire:
        assert isinstance(wire.socket, ssl.SSLSocket)
        der = wire.socket.getpeercert(binary_form=True)
    if der is None:
        yield Observation(f"a certificate on {port}", "none", holds=False, remedy=REPLAY)
        return
    leaf = x509.load_der_x509_certificate(der)
    days = (leaf.not_valid_after_utc - datetime.now(UTC)).days
    yield Observation(
        f"{DAYS} more days on {port}",
        f"until {leaf.not_valid_after_utc:%Y-%m-%d} ({days} days)",
        days >= DAYS,
        remedy=renewal,
    )
    key = leaf.public_key()
    bits = getattr(key, "key_size", 0)
    strong = bits >= (
        CURVE_BITS
        if isinstance(key, ec.EllipticCurvePublicKey)
        else RSA_BITS
        if isinstance(key, rsa.RSAPublicKey)
        else 0
    )
    try:
        digest = leaf.signature_hash_algorithm
    except UnsupportedAlgorithm as error:
        yield Observation(
            f"a certificate signed with SHA-256 or better on {port}",
            str(error),
            holds=False,
            remedy="have a new certificate made",
        )
        return
    good = digest is None or digest.digest_size >= 32
    kind = type(key).__name__.removesuffix("PublicKey").lstrip("_")
    yield Observation(
        f"a strong key signed with SHA-256 or better on {port}",
        f"{kind} {bits} bits, {digest.name if digest else 'no digest of its own'}",
        strong and good,
        remedy="have a new certificate made",
    )


@on_host("dane", Role.MTA)
def dane(at: At) -> Looks:
    """What TLSA records say is true of the certificate that port 25 shows, under every name that MX records have for
    the host.

    Asks DNS, and one handshake for each name.
    """
    if not published.tlsa(at.run.loaded.site):
        raise NothingToSayError("the site publishes no TLSA")
    for port in (p for p in (*ports(at), *named_ports(at)) if p.number == SMTP):
        name = port.name or at.host.name
        records = of_mail(at.run.ask(f"_25._tcp.{name}", "TLSA"))
        with session(at) as until:
            chain = shown(at.address, port.number, name, until)
        if not chain:
            raise OSError(f"no certificate of {name} on {port}")
        good, seen = judged(chain, records, name)
        yield Observation(
            f"a TLSA record of {name} that names the certificate on {port}", seen, good, remedy="" if good else REMEDY
        )


def s_client(at: At, port: Port, *words: str, ask: str = "") -> str:
    """What openssl s_client prints; ``ask`` is typed once the host has greeted. Raises OSError when there is no openssl
    or no end."""
    with session(at) as until:
        return openssl.client(at.address, port.number, port.name or at.host.name, port.starttls, until, *words, ask=ask)
