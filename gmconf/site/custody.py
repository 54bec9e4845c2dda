"""What is to be done about the secrets of a site: passwords that are missing or weak,
keys that do not belong together.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from gmconf.errors import Problem
from gmconf.keys import schemes, vault
from gmconf.keys.certificates import alone, outdated
from gmconf.keys.credentials import entries, file_of, hashes
from gmconf.keys.names import dkim_names, served
from gmconf.site.load import Loaded

Forms = Callable[[bytes, str], bool]
"""Whether a private key and what is published of it belong together."""


class Custody(NamedTuple):
    """What is wrong, and what is only to be known: a mailbox that nobody can log in to is no mistake."""

    wrong: list[Problem]
    notes: list[Problem]


def look(loaded: Loaded, password: bytes | None) -> Custody:
    """Passwords against logins, and private keys against public ones; without the vault password only what names tell.

    Raises GmconfError when the vault password is not the right one.
    """
    found = Custody([], [])
    _passwords(loaded, password, found)
    if password is not None:
        found.wrong.extend(_pairs(loaded, password))
    _chains(loaded, datetime.now(UTC), found)
    return found


def _chains(loaded: Loaded, now: datetime, found: Custody) -> None:
    """Dates of certificates, which a rendered tree does not depend on; and chains of one."""
    for owner, field in _owners(loaded):
        name = f"tls/{owner}.crt"
        text, shown = loaded.public.get(name, ""), f"{loaded.secrets.name}/{loaded.rollover.place(name)}"
        if complaint := outdated(text, now):
            found.wrong.append(_at(loaded, field, f"{shown} {complaint}"))
        if issuer := alone(text):
            found.notes.append(
                _at(
                    loaded,
                    field,
                    f"{shown} holds no certificate of {issuer}, which signed it; unless that is a root that clients"
                    " know, put its chain there",
                )
            )


def _owners(loaded: Loaded) -> Iterator[tuple[str, str]]:
    """(name, field) of all that have a certificate."""
    yield from ((host.name, f"hosts[{number}]") for number, host in enumerate(loaded.site.hosts))
    yield from served(loaded.site)


def _passwords(loaded: Loaded, password: bytes | None, found: Custody) -> None:
    accounts = {account.login: account for account in loaded.mail.accounts}
    known = hashes(loaded.secrets, password) if password is not None else dict.fromkeys(entries(loaded.secrets), "")
    for login in accounts.keys() - known.keys() if known else ():
        origin = accounts[login].origin
        found.notes.append(
            _at(loaded, origin, f"{login} has no password, so nobody can log in; set one: gmconf passwd SITE {login}")
        )
    for login in known.keys() - accounts.keys():
        found.notes.append(
            _at(
                loaded,
                "domains",
                f"{login} has a password, but is no login of the site; remove {loaded.secrets.name}/{file_of(login)}",
            )
        )
    if password is None:
        return
    for login, hashed in known.items():
        if complaint := schemes.complaint(hashed):
            origin = accounts[login].origin if login in accounts else "domains"
            worse = schemes.scheme(hashed) in (None, *schemes.PLAIN)
            what = _at(loaded, origin, f"{login} has {complaint}; set a new one: gmconf passwd SITE {login}")
            (found.wrong if worse else found.notes).append(what)


def _at(loaded: Loaded, origin: str, message: str) -> Problem:
    return loaded.problem(origin, message)


def _pairs(loaded: Loaded, password: bytes) -> Iterator[Problem]:
    """Halves of one name that are of two keys: each signature, each handshake would fail."""
    site, place = loaded.site, loaded.rollover.place
    for _, _, stem, field in dkim_names(site):
        wanted = loaded.public.get(f"{stem}.pub", "")
        yield from _pair(loaded, f"{stem}.key.vault", field, password, wanted, _dkim)
    for name, field in _owners(loaded):
        wanted = loaded.public.get(f"tls/{name}.crt", "")
        yield from _pair(loaded, place(f"tls/{name}.key.vault"), field, password, wanted, _certificate)


def _pair(loaded: Loaded, private: str, field: str, password: bytes, public: str, forms: Forms) -> Iterator[Problem]:
    path = loaded.secrets / private
    if not path.exists() or not public:
        return
    shown = f"{loaded.secrets.name}/{private}"
    plain = vault.decrypt(path.read_bytes(), password, shown)
    try:
        fits = forms(plain, public)
    except ValueError as error:
        yield _at(loaded, field, f"{shown} is no private key: {error}")
        return
    if not fits:
        yield _at(
            loaded,
            field,
            f"{shown} is not the private half of the public key beside it; restore the pair, or remove both and make a"
            " new one",
        )


def _dkim(plain: bytes, public: str) -> bool:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    wanted = "".join(public.split())
    if plain.startswith(b"-----"):
        der = (
            load_pem_private_key(plain, None).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
        return base64.b64encode(der).decode() == wanted
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    both = base64.b64decode(plain)
    own = Ed25519PrivateKey.from_private_bytes(both[:32]).public_key().public_bytes_raw()
    return own == both[32:] and base64.b64encode(own).decode() == wanted


def _certificate(plain: bytes, public: str) -> bool:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return (
        load_pem_private_key(plain, None).public_key() == x509.load_pem_x509_certificate(public.encode()).public_key()
    )
