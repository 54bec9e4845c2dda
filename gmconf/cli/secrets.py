"""Passwords: passwd. Nothing secret is printed."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gmconf.cli.app import SitePath, VaultFile, app, load_site
from gmconf.errors import GmconfError


@app.command(epilog="Example: gmconf passwd site.yml alice@example.org --vault-password-file ~/.vault-password")
def passwd(
    site: SitePath,
    login: Annotated[str | None, typer.Argument(help="A login of the site; without it the hash is only printed.")] = None,
    vault_password_file: VaultFile = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the password from standard input, one line.")] = False,
) -> None:
    """Ask for a password, refuse a weak one, and store its hash in the vault file of the site."""
    import getpass

    from gmconf.passwords import check_strength, hash_password, set_password
    from gmconf.vault import read_password

    loaded = load_site(site, keys=False)
    if login is not None and login.lower() not in {a.login for a in loaded.mail.accounts}:
        raise GmconfError(f"{login} is not a mailbox or service account of {site}; add it there first")
    password = sys.stdin.readline().rstrip("\n") if stdin else getpass.getpass(f"Password for {login or 'hash'}: ")
    weak = check_strength(password, login or "")
    if weak:
        raise GmconfError("\n".join(f"password refused: {reason}" for reason in weak))
    if not stdin and getpass.getpass("Again: ") != password:
        raise GmconfError("the two passwords differ; nothing was changed")
    hashed = hash_password(password)
    if login is None:
        print(hashed)
        return
    set_password(loaded.secrets / "passwords.vault", login.lower(), hashed, read_password(vault_password_file))
