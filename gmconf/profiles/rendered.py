"""What a host will offer on port 25, read off what is rendered for it."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable
from datetime import UTC, date, datetime, time

from gmconf.controls.case import HostCase
from gmconf.controls.files import MAIN, OPENSSL
from gmconf.load import Loaded
from gmconf.profiles.offer import PHASE_OUT, SUFFICIENT, Hash, Offer

MEDIUM = "aNULL:-aNULL:HIGH:MEDIUM:+RC4:@STRENGTH"
"""postconf -d tls_medium_cipherlist."""
GROUPS = ("X25519", "X448", "P-256", "P-521", "P-384")
"""postconf -d tls_eecdh_auto_curves."""
_ALL = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")


def rendered(loaded: Loaded, case: HostCase, today: date, name: str) -> Offer:
    """The offer of one host with role mta to who asks for a name: its own, or one that a domain has for it.

    OpenSSL 3, which both releases have, neither compresses nor lets clients renegotiate unless it is told to.
    """
    from cryptography import x509

    if _text(case, "smtpd_tls_security_level") not in ("may", "encrypt"):
        return Offer(name)
    chain = tuple(x509.load_pem_x509_certificates(loaded.public[f"tls/{name}.crt"].encode()))
    # Ciphers go with the kind of the host's key; Postfix has one here.
    kind = "RSA" if type(chain[0].public_key()).__name__.startswith("RSA") else "ECDSA"
    names = [n for n in _ciphers(case) if kind in n or ("ECDSA" not in n and "RSA" not in n)]
    insufficient = tuple(n for n in names if n not in SUFFICIENT and n not in PHASE_OUT)
    phase_out = tuple(n for n in names if n in PHASE_OUT)
    return Offer(
        name, starttls=True, versions=_versions(_text(case, "smtpd_tls_protocols")), insufficient=insufficient, phase_out=phase_out,
        ordered=_text(case, "tls_preempt_cipherlist") == "yes" or not (insufficient or phase_out),
        groups=(*GROUPS, *(["DH 2048"] if any(n.startswith("DHE-") for n in names) else [])),
        hashes=_hashes(case), chain=chain, trusted=_trusted(loaded, chain[0].not_valid_after_utc, today),
    )  # fmt: skip


def _text(case: HostCase, key: str, file: str = MAIN) -> str:
    """A value as Postfix has it: overrides that replace no printed line stand at the end of main.cf."""
    setting = case.value(file, key)
    value = setting.value if setting else case.site.overrides.postfix.get(key, "") if file == MAIN else ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, Iterable) and not isinstance(value, str) else str(value)


def _versions(text: str) -> tuple[str, ...]:
    """``>=TLSv1.2``, or the older ``!SSLv2, !SSLv3``: what is not excluded is spoken."""
    least = re.match(r">=\s*(\S+)", text)
    if least and least[1] in _ALL:
        return _ALL[_ALL.index(least[1]) :]
    excluded = {word[1:] for word in re.split(r"[\s,:]+", text) if word.startswith("!")}
    named = [word for word in re.split(r"[\s,:]+", text) if word in _ALL]
    return tuple(v for v in _ALL if (v in named if named else v not in excluded))


def _ciphers(case: HostCase) -> list[str]:
    grade = _text(case, "smtpd_tls_ciphers")
    text = _text(case, f"tls_{grade}_cipherlist") or MEDIUM
    without = [w for key in ("smtpd_tls_exclude_ciphers",) for w in re.split(r"[\s,:]+", _text(case, key)) if w]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.set_ciphers(":".join((text, *(f"!{word}" for word in without))))
    except ssl.SSLError:
        return [f"unreadable list {text}"]
    return [str(cipher["name"]) for cipher in context.get_ciphers()]


def _hashes(case: HostCase) -> Hash:
    if _text(case, "tls_config_file") == OPENSSL and _text(case, "tls_config_name"):
        text = _text(case, "signatures", OPENSSL).upper()
        if text:
            return "sha1" if re.search(r"SHA1\b", text) else "sha224" if "SHA224" in text else "good"
    # Postfix lowers OpenSSL's own level, at which SHA-1 is refused (CONTROLS 3.5).
    return "sha224" if re.search(r"@SECLEVEL=[2-5]", _text(case, "tls_high_cipherlist")) else "sha1"


def _trusted(loaded: Loaded, ends: datetime, today: date) -> str | None:
    tls = loaded.site.tls
    if tls.acme:
        return f"{tls.acme.authority}, an authority that systems do not know" if tls.acme.authority else None
    if ends < datetime.combine(today, time(), UTC):
        return f"certificate has expired ({ends:%Y-%m-%d})"
    return "an authority of the site's own" if loaded.site.tls.source == "internal-ca" else None
