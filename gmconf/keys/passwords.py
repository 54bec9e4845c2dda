"""Passwords of mailboxes and service accounts: strength, hash, new ones, and hashes that come from elsewhere."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from itertools import pairwise

from gmconf.errors import Mark, Problem, SiteError
from gmconf.keys import schemes

MINIMUM = 12
"""Characters; NIST SP 800-63B asks for length, not for classes of characters."""
_COMMON = (
    "password",
    "passwort",
    "qwertz",
    "qwerty",
    "letmein",
    "welcome",
    "admin",
    "iloveyou",
    "123456",
    "abc123",
    "monkey",
    "dragon",
    "secret",
    "changeme",
    "football",
    "sunshine",
    "master",
    "hello",
)
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without signs that look like others."""


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


def new_password() -> str:
    """A random one that can be read out and typed: 25 signs of 31, 123 bits."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(5))


def imported(text: str, name: str, logins: Collection[str]) -> dict[str, str]:
    """Login -> hash of a passwd-file: login:{SCHEME}hash, further fields are left out; crypt(3) hashes may come without
    a scheme.

    Raises SiteError with every line that cannot be taken, by its number in the file ``name``.
    """
    found: dict[str, str] = {}
    problems = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        login, colon, rest = line.strip().partition(":")
        login, hashed = login.lower(), schemes.named(rest.partition(":")[0])
        wrong = schemes.complaint(hashed)
        if not colon:
            said = "login:{SCHEME}hash is needed"
        elif login not in logins:
            said = f"{login or 'nothing'} is no login of the site; add the mailbox first, or remove the line"
        elif login in found:
            said = f"{login} stands here twice; keep one"
        elif wrong and schemes.scheme(hashed) in (None, *schemes.PLAIN):
            said = f"{login}: {wrong}"
        else:
            found[login] = hashed
            continue
        problems.append(Problem(Mark(name, number, 1), "", said))
    if problems:
        raise SiteError(problems)
    return found
