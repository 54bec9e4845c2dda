"""What a host will offer on port 25, read off what is rendered for it."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from gmconf.controls.case import HostCase
from gmconf.controls.files import MAIN, OPENSSL
from gmconf.profiles.tls_offer import CURVES, GROUPS, PHASE_OUT, SUFFICIENT, Hash, Offer
from gmconf.site.load import Loaded

MEDIUM = "aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH"
"""postconf -d tls_medium_cipherlist."""
_ALL = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")


def rendered(loaded: Loaded, case: HostCase, today: date, name: str) -> Offer:
    """The offer of one host with role mta to who asks for a name: its own, or one that a domain has for it.

    OpenSSL 3, which both releases have, neither compresses nor lets clients renegotiate unless it is told to.
    """
    from cryptography import x509

    if _text(case, "smtpd_tls_security_level") not in ("may", "encrypt"):
        return Offer(name)
    chain = tuple(x509.load_pem_x509_certificates(loaded.public[f"tls/{name}.crt"].encode()))
    key = chain[0].public_key()
    curve = str(getattr(getattr(key, "curve", None), "name", CURVES[0]))
    if curve not in CURVES:
        return Offer(name, problem=f"its key is of the curve {curve}, which that test does not offer")
    # Ciphers go with the kind of the host's key; Postfix has one here.
    found = _ciphers(case, "rsa" if type(key).__name__.startswith("RSA") else "ecdsa")
    versions = _versions(case, found.level)
    names = found.names if versions != ("TLSv1.3",) else ()
    phase_out = tuple(n for n in names if n in PHASE_OUT)
    twelve = "TLSv1.2" in versions
    return Offer(
        name,
        starttls=True,
        versions=versions,
        insufficient=tuple(n for n in names if n not in SUFFICIENT and n not in PHASE_OUT),
        phase_out=phase_out,
        ordered=_ordered(names, server=_text(case, "tls_preempt_cipherlist") == "yes"),
        groups=(*GROUPS, *(["DH 2048"] if names and found.finite else [])),
        master_secret=True if twelve else None,
        hashes=_hashes(case, found.level) if twelve else "good",
        chain=chain,
        trusted=_trusted(loaded, chain[0].not_valid_after_utc, today),
    )


def _ordered(names: Sequence[str], *, server: bool) -> bool:
    """Whether sufficient ciphers are taken before those to be phased out, by the server's order or by that of whatever
    client."""
    first = next((place for place, name in enumerate(names) if name in PHASE_OUT), len(names))
    behind = names[first:] if server else names
    return first == len(names) or not any(name in SUFFICIENT and not name.startswith("TLS_") for name in behind)


def _text(case: HostCase, key: str, file: str = MAIN) -> str:
    """A value as Postfix has it: overrides that replace no printed line stand at the end of main.cf."""
    setting = case.value(file, key)
    value = (
        setting.value
        if setting
        else case.site.overriding(case.host, "postfix").get(key, ("", ""))[0]
        if file == MAIN
        else ""
    )
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, Iterable) and not isinstance(value, str) else str(value)


def _versions(case: HostCase, level: int) -> tuple[str, ...]:
    """Those that Postfix lets in and OpenSSL too: its own configuration has a least version, and below level 1 only are
    there any before 1.2."""
    allowed = _spoken(f">={_text(case, 'min_protocol', OPENSSL)}") if _configured(case) else _ALL
    return tuple(
        v for v in _spoken(_text(case, "smtpd_tls_protocols")) if v in allowed and (level == 0 or v in _ALL[2:])
    )


def _spoken(text: str) -> tuple[str, ...]:
    """``>=TLSv1.2``, or the older ``!SSLv2, !SSLv3``: what is not excluded is spoken."""
    least = re.match(r">=\s*(\S+)", text)
    if least and least[1] in _ALL:
        return _ALL[_ALL.index(least[1]) :]
    excluded = {word[1:] for word in re.split(r"[\s,:]+", text) if word.startswith("!")}
    named = [word for word in re.split(r"[\s,:]+", text) if word in _ALL]
    return tuple(v for v in _ALL if (v in named if named else v not in excluded))


class _Ciphers(NamedTuple):
    names: tuple[str, ...]
    """In the host's order."""
    level: int
    """OpenSSL's security level."""
    finite: bool
    """Whether one of them exchanges keys by Diffie-Hellman over a prime."""


def _ciphers(case: HostCase, key: str) -> _Ciphers:
    """What a host with one kind of key can agree on."""
    grade = _text(case, "smtpd_tls_ciphers")
    text = _text(case, f"tls_{grade}_cipherlist") or MEDIUM
    without = [w for w in re.split(r"[\s,:]+", _text(case, "smtpd_tls_exclude_ciphers")) if w]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Postfix itself takes off OpenSSL's level; a list may put one on.
        context.set_ciphers(":".join(("@SECLEVEL=0", text, *(f"!{word}" for word in without))))
    except ssl.SSLError:
        return _Ciphers((f"unreadable list {text}",), 2, finite=False)
    # Nobody's key serves only where there is no level; pre-shared keys and passwords Postfix has none of.
    auth = ("auth-any", f"auth-{key}", *(("auth-null",) if context.security_level == 0 else ()))
    found = [
        c for c in context.get_ciphers() if c["auth"] in auth and c["kea"] in ("kx-any", "kx-rsa", "kx-dhe", "kx-ecdhe")
    ]
    return _Ciphers(
        tuple(str(c["name"]) for c in found), context.security_level, any(c["kea"] == "kx-dhe" for c in found)
    )


def _configured(case: HostCase) -> bool:
    """Whether Postfix reads a configuration of OpenSSL that is rendered for it."""
    return _text(case, "tls_config_file") == OPENSSL and bool(_text(case, "tls_config_name"))


def _hashes(case: HostCase, level: int) -> Hash:
    if _configured(case):
        text = _text(case, "signatures", OPENSSL).upper()
        if text:
            return "sha1" if re.search(r"SHA1\b", text) else "sha224" if "SHA224" in text else "good"
    # SHA-1 is refused from the first level on, which Postfix takes off (CONTROLS 3.5).
    return "sha224" if level else "sha1"


def _trusted(loaded: Loaded, ends: datetime, today: date) -> str | None:
    tls = loaded.site.tls
    if tls.acme:
        return f"{tls.acme.authority}, an authority that systems do not know" if tls.acme.authority else None
    if ends < datetime.combine(today, time(), UTC):
        return f"certificate has expired ({ends:%Y-%m-%d})"
    return "an authority of the site's own" if loaded.site.tls.source == "internal-ca" else None
