"""Password hashes of a site, one small file for each login: who changes two logins on two branches changes two files.

    passwords/keys/ID.vault    a random key, as an Ansible Vault file
    passwords/DOMAIN/LOCAL     "ID BASE64": the hash, encrypted with that key and bound to its login
                               (AES-256-GCM, RFC 5116)

Deriving a key from the vault password is slow on purpose; so it is done for each key, not for each login.
``passwords.vault``, one Ansible Vault file with all lines, is what older versions kept: it is read, and the next write
makes files of it.
"""

from __future__ import annotations

import base64
import json
import os
import re
import secrets as randomness
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from gmconf.errors import GmconfError
from gmconf.keys import schemes, vault
from gmconf.lock import alone

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FOLDER, KEYS, OLD = "passwords", "keys", "passwords.vault"
_ENTRY = re.compile(r"([a-z0-9]{16}) ([A-Za-z0-9+/]{40,}={0,2})\n?\Z")
_LINE = re.compile(r"([^:\s]+):(\S+)\Z")
_NONCE = 12
"""Octets."""


def kept(secrets: Path) -> Literal["none", "old", "new", "both"]:
    """In which form there are passwords."""
    old, new = (secrets / OLD).exists(), any(entries(secrets))
    return "both" if old and new else "old" if old else "new" if new else "none"


def file_of(login: str) -> str:
    """Where the hash of a login lies, below the secrets folder."""
    local, _, domain = login.rpartition("@")
    return f"{FOLDER}/{domain}/{local}"


def entries(secrets: Path) -> Iterator[str]:
    """Logins that have a file."""
    top = secrets / FOLDER
    for domain in sorted(os.listdir(top)) if top.is_dir() else ():
        if domain != KEYS and os.path.isdir(top / domain):
            yield from (f"{local}@{domain}" for local in sorted(os.listdir(top / domain)) if not local.startswith("."))


def bundle(secrets: Path, logins: Collection[str]) -> bytes:
    """What a roll-out needs to decrypt the hashes of these logins; made without the vault password.
    Raises GmconfError.
    """
    if kept(secrets) == "old":
        return (secrets / OLD).read_bytes()
    keys = {name: text.decode("ascii", "replace") for name, text in _keys(secrets).items()}
    found = {login: _entry(secrets, login) for login in entries(secrets) if login in logins}
    data = {
        "keys": keys,
        "logins": {login: f"{one.key} {base64.b64encode(one.sealed).decode()}" for login, one in sorted(found.items())},
    }
    return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode()


def hashes(secrets: Path, password: bytes) -> dict[str, str]:
    """Login -> hash of all that is kept. Raises GmconfError: a wrong vault password, a file that cannot be read."""
    found = _old(secrets, password) if (secrets / OLD).exists() else {}
    ciphers = {name: _cipher(name, data, password) for name, data in _keys(secrets).items()}
    for login in entries(secrets):
        found[login] = _opened(secrets, login, ciphers)
    return found


def store(secrets: Path, changes: Mapping[str, str], password: bytes) -> None:
    """Add or replace hashes by login, and make files of what an older version kept. Raises GmconfError; nothing is
    changed then."""
    for login, hashed in changes.items():
        if schemes.scheme(hashed) is None or schemes.scheme(hashed) in schemes.PLAIN:
            raise GmconfError(f"{login}: that is {schemes.complaint(hashed)}")
    with alone(secrets):
        old = _old(secrets, password) if (secrets / OLD).exists() else {}
        keys = _keys(secrets)
        if keys:
            name = min(keys)
            seal = _cipher(name, keys[name], password)
        else:
            name, raw = randomness.token_hex(8), base64.b64encode(randomness.token_bytes(32)) + b"\n"
            vaulted = vault.encrypt(raw, password)
            vault.write_file(secrets / FOLDER / KEYS / f"{name}.vault", vaulted)
            seal = _cipher(name, vaulted, password)
        there = set(entries(secrets))
        wanted = {login: hashed for login, hashed in old.items() if login not in there} | dict(changes)
        for login, hashed in sorted(wanted.items()):
            nonce = randomness.token_bytes(_NONCE)
            sealed = nonce + seal.encrypt(nonce, hashed.encode(), login.encode())
            text = f"{name} {base64.b64encode(sealed).decode()}\n"
            vault.write_file(secrets / file_of(login), text.encode(), durable=len(wanted) < 20)
        if len(wanted) >= 20:
            os.sync()
        (secrets / OLD).unlink(missing_ok=True)


class _Entry(NamedTuple):
    key: str
    sealed: bytes


def _keys(secrets: Path) -> dict[str, bytes]:
    """Key files by name."""
    return {path.stem: path.read_bytes() for path in sorted((secrets / FOLDER / KEYS).glob("*.vault"))}


def _cipher(name: str, vaulted: bytes, password: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    shown = f"{FOLDER}/{KEYS}/{name}.vault"
    try:
        return AESGCM(base64.b64decode(vault.decrypt(vaulted, password, shown)))
    except ValueError:
        raise GmconfError(f"{shown} holds no key; restore it") from None


def _entry(secrets: Path, login: str) -> _Entry:
    name = file_of(login)
    try:
        found = _ENTRY.match((secrets / name).read_text("ascii"))
    except UnicodeDecodeError:
        found = None
    if not found:
        raise GmconfError(
            f"{secrets.name}/{name} is not what gmconf passwd writes; restore it, or remove it and set the password"
            " again"
        )
    return _Entry(found[1], base64.b64decode(found[2]))


def _opened(secrets: Path, login: str, ciphers: Mapping[str, AESGCM]) -> str:
    from cryptography.exceptions import InvalidTag

    one = _entry(secrets, login)
    try:
        return ciphers[one.key].decrypt(one.sealed[:_NONCE], one.sealed[_NONCE:], login.encode()).decode()
    except KeyError:
        raise GmconfError(
            f"{secrets.name}/{file_of(login)} needs {FOLDER}/{KEYS}/{one.key}.vault, which is missing; restore it"
        ) from None
    except (InvalidTag, ValueError):
        raise GmconfError(
            f"{secrets.name}/{file_of(login)} was changed, or written for another login; set the password again"
        ) from None


def _old(secrets: Path, password: bytes) -> dict[str, str]:
    found = {}
    for number, line in enumerate(
        vault.decrypt((secrets / OLD).read_bytes(), password, OLD).decode("utf-8", "replace").splitlines(), 1
    ):
        match = _LINE.match(line)
        if not match:
            raise GmconfError(f"{OLD}: line {number} is not login:{{SCHEME}}hash")
        found[match[1]] = match[2]
    return found
