"""Passwords of mailboxes and service accounts: strength, hash, and the vault file that holds the hashes."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from gmconf import vault
from gmconf.errors import GmconfError
from gmconf.model.names import address

MINIMUM = 12
"""Characters; NIST SP 800-63B asks for length, not for classes of characters."""
_COMMON = ("password", "passwort", "qwertz", "qwerty", "letmein", "welcome", "admin", "iloveyou", "123456", "abc123", "monkey",
           "dragon", "secret", "changeme", "football", "sunshine", "master", "hello")  # fmt: skip
_LINE = re.compile(r"([^:\s]+):(\{[A-Z0-9-]+\}[\x21-\x39\x3b-\x7e]+)\Z")


def check_strength(password: str, login: str) -> list[str]:
    """Why a password is refused, in sentences; empty when it is good enough."""
    low = password.lower()
    found = []
    if len(password) < MINIMUM:
        found.append(f"shorter than {MINIMUM} characters; four random words are long and easy to remember")
    if len(password) > 512:
        found.append("longer than 512 characters")
    if any(ord(c) < 32 or ord(c) == 127 for c in password):
        found.append("it holds a control character that mail programs cannot send")
    if len(set(low)) < 5:
        found.append("fewer than five different characters")
    names = [part for part in re.split(r"[@.]", login.lower()) if len(part) > 3]
    inside = [name for name in names if name in low]
    if inside:
        found.append(f'it contains "{inside[0]}", which is part of the login')
    rest = low
    for word in _COMMON:
        rest = rest.replace(word, "")
    if len(rest) < len(low) and len(rest) < 8:
        found.append("little more than one of the most common passwords")
    if _is_run(low):
        found.append("it is a row of neighbouring characters")
    return found


def _is_run(text: str) -> bool:
    steps = {ord(b) - ord(a) for a, b in pairwise(text)}
    return len(steps) == 1 and steps <= {-1, 0, 1}


def hash_password(password: str) -> str:
    """An Argon2id hash with Dovecot's scheme prefix (RFC 9106; 19 MiB, two passes, one lane)."""
    from argon2 import PasswordHasher, Type

    hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)
    return "{ARGON2ID}" + hasher.hash(password)


def read_hashes(file: Path, password: bytes) -> dict[str, str]:
    """Login -> hash of a vault file; empty when there is none yet."""
    if not file.exists():
        return {}
    found = {}
    for number, line in enumerate(vault.decrypt(file.read_bytes(), password, file.name).decode().splitlines(), 1):
        match = _LINE.match(line)
        if not match:
            raise GmconfError(f"{file.name}: line {number} is not login:{{SCHEME}}hash")
        found[match[1]] = match[2]
    return found


def set_password(file: Path, login: str, hashed: str, password: bytes) -> None:
    """Add or replace the hash of one login."""
    try:
        login = address(login)
    except ValueError as error:
        raise GmconfError(f"{login}: {error}") from None
    if not _LINE.match(f"{login}:{hashed}"):
        raise GmconfError("that is no hash with a scheme such as {ARGON2ID}")
    hashes = {**read_hashes(file, password), login: hashed}
    text = "".join(f"{name}:{value}\n" for name, value in sorted(hashes.items()))
    vault.write_file(file, vault.encrypt(text.encode(), password))
