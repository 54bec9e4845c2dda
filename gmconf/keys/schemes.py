"""How password hashes are written (Dovecot's ``{SCHEME}hash``), and which of them are worth having."""

from __future__ import annotations

import re

STRONG = frozenset({"ARGON2ID", "ARGON2I", "BLF-CRYPT", "SHA512-CRYPT", "SHA256-CRYPT", "PBKDF2", "SCRAM-SHA-256"})
"""Salted, and slow to try."""
PLAIN = frozenset({"PLAIN", "CLEAR", "CLEARTEXT", "PLAIN-TRUNC"})
"""The password itself."""
_HASHED = re.compile(r"\{([A-Za-z0-9-]+)(?:\.(?:b64|base64|hex))?\}([\x21-\x39\x3b-\x7e]+)\Z", re.IGNORECASE)
_CRYPT = {
    "$argon2id$": "ARGON2ID",
    "$argon2i$": "ARGON2I",
    "$2a$": "BLF-CRYPT",
    "$2b$": "BLF-CRYPT",
    "$2y$": "BLF-CRYPT",
    "$5$": "SHA256-CRYPT",
    "$6$": "SHA512-CRYPT",
    "$y$": "CRYPT",
}
"""How crypt(3) says what a hash is."""


def scheme(hashed: str) -> str | None:
    """The scheme of ``{SCHEME}hash`` in capitals; None when it is not written like this."""
    found = _HASHED.match(hashed)
    return found[1].upper() if found else None


def complaint(hashed: str) -> str | None:
    """What is wrong with keeping a hash: no hash, plain, weak; None when nothing is."""
    found = scheme(hashed)
    if found is None:
        return "no hash with a scheme, such as {SHA512-CRYPT}$6$..."
    if found in PLAIN:
        return f"the password itself ({{{found}}}), not a hash"
    if found in STRONG or (found == "CRYPT" and hashed.partition("}")[2].startswith(tuple(_CRYPT))):
        return None
    return f"a weak hash ({{{found}}}): whoever reads it soon knows the password, and Debian 13 refuses it"


def named(hashed: str) -> str:
    """A hash with its scheme: one of crypt(3) says itself what it is."""
    return next((f"{{{name}}}{hashed}" for start, name in _CRYPT.items() if hashed.startswith(start)), hashed)
