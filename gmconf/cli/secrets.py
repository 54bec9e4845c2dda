"""Keys and passwords: keys, passwd. Nothing secret is printed."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from gmconf.cli.app import SitePath, VaultFile, app, load_site
from gmconf.errors import GmconfError


@app.command(epilog="Example: gmconf keys site.yml --vault-password-file ~/.vault-password")
def keys(
    site: SitePath,
    vault_password_file: VaultFile = None,
    renew: Annotated[bool, typer.Option("--renew", help="Reissue certificates of the internal CA that end within 30 days.")] = False,
) -> None:
    """Create what is missing: DKIM keys, and with tls.source internal-ca the CA and the hosts' certificates.

    Public halves lie readable beside the site; private halves are encrypted with Ansible Vault.
    """
    from datetime import UTC, datetime

    from gmconf.keys import create_missing
    from gmconf.vault import read_password

    loaded = load_site(site, keys=False)
    created = create_missing(
        loaded.site, site.parent, read_password(vault_password_file), now=datetime.now(UTC), renew=renew
    )
    for name in created:
        print(f"created {name}")


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
