"""Passwords: passwd. Nothing secret is printed, but new passwords when they are asked for, once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gmconf.cli.app import SitePath, VaultFile, app, load_site
from gmconf.errors import GmconfError

if TYPE_CHECKING:
    from gmconf.site.load import Loaded


@app.command(
    epilog=(
        "Examples: gmconf passwd site.yml alice@example.org; gmconf passwd site.yml --generate; gmconf passwd site.yml"
        " --import old-passwd-file"
    )
)
def passwd(
    site: SitePath,
    login: Annotated[
        str | None, typer.Argument(help="A login of the site; without it the hash is only printed.")
    ] = None,
    vault_password_file: VaultFile = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the password from standard input, one line.")] = False,
    generate: Annotated[
        bool,
        typer.Option(
            "--generate", help="Make a password for every login without one (or for LOGIN), and print it, once."
        ),
    ] = False,
    file: Annotated[
        str | None,
        typer.Option(
            "--import", metavar="FILE", help="Take over hashes: lines login:{SCHEME}hash; - is standard input."
        ),
    ] = None,
    join: Annotated[
        bool,
        typer.Option("--join", help="Make one file for each login of the passwords.vault that older versions kept."),
    ] = False,
) -> None:
    """Set passwords of logins.

    Asks for a password, refuses a weak one, and stores its hash: one encrypted file for each login. Or makes or imports
    many.
    """
    if sum((stdin, generate, file is not None, join)) > 1 or (login and (file is not None or join)):
        raise GmconfError(
            "one at a time: LOGIN with or without --stdin, --generate with or without LOGIN, --import, or --join"
        )
    loaded = load_site(site, keys=False)
    if login is not None and login.lower() not in {a.login for a in loaded.mail.accounts}:
        raise GmconfError(f"{login} is not a mailbox or service account of {site}; add it there first")
    login = login.lower() if login else None
    if login is None and not (generate or join or file is not None):
        from gmconf.keys.passwords import hash_password

        print(hash_password(_asked(None, stdin=stdin)))
        return

    from gmconf.keys.credentials import file_of, store
    from gmconf.keys.vault import agree, read_password

    key = read_password(vault_password_file)
    agree(loaded.secrets, key)
    if generate:
        _generate(loaded, login, key)
    elif file is not None:
        _import(loaded, file, key)
    elif join or login is None:
        store(loaded.secrets, {}, key)
        print(f"{loaded.secrets}/passwords holds one file for each login; commit it")
    else:
        from gmconf.keys.passwords import hash_password

        store(loaded.secrets, {login: hash_password(_asked(login, stdin=stdin))}, key)
        print(f"the password of {login} is stored in {loaded.secrets}/{file_of(login)}; render and roll out")


def _asked(login: str | None, *, stdin: bool) -> str:
    """A password that is strong enough, asked for twice or read from standard input. Raises GmconfError."""
    from gmconf.keys.passwords import check_strength

    if stdin:
        try:
            password = sys.stdin.buffer.readline().decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise GmconfError("the password on standard input is not UTF-8; mail programs could not send it") from None
    else:
        password = _typed(f"Password for {login or 'hash'}: ")
    weak = check_strength(password, login or "")
    if weak:
        raise GmconfError("\n".join(f"password refused: {reason}" for reason in weak))
    if not stdin and _typed("Again: ") != password:
        raise GmconfError("the two passwords differ; nothing was changed")
    return password


def _typed(prompt: str) -> str:
    import getpass

    try:
        return getpass.getpass(prompt)
    except EOFError:
        raise GmconfError("no password was given; nothing was changed") from None


def _generate(loaded: Loaded, login: str | None, key: bytes) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from gmconf.keys.credentials import hashes, store
    from gmconf.keys.passwords import hash_password, new_password

    there = hashes(loaded.secrets, key)
    wanted = [login] if login else [account.login for account in loaded.mail.accounts if account.login not in there]
    made = {name: new_password() for name in wanted}
    with ThreadPoolExecutor() as pool:
        hashed = dict(zip(made, pool.map(hash_password, made.values()), strict=True))
    # Printed first: a password that is stored and was never seen would be lost, the other way round one only asks
    # again.
    for name, password in made.items():
        print(f"{name}\t{password}")
    sys.stdout.flush()
    store(loaded.secrets, hashed, key)
    print(f"{len(made)} passwords made; they are not shown again; render and roll out", file=sys.stderr)


def _import(loaded: Loaded, file: str, key: bytes) -> None:
    from gmconf.keys.credentials import store
    from gmconf.keys.passwords import imported
    from gmconf.keys.schemes import complaint
    from gmconf.model.document import read_text

    path, name = (Path("/dev/stdin"), "standard input") if file == "-" else (Path(file), file)
    found = imported(
        read_text(path, name, instead="divide it into several files").replace("\r\n", "\n"),
        name,
        {a.login for a in loaded.mail.accounts},
    )
    store(loaded.secrets, found, key)
    print(f"{len(found)} hashes are stored in {loaded.secrets}/passwords; render and roll out")
    for login, hashed in sorted(found.items()):
        if said := complaint(hashed):
            print(f"{login} has {said}; set a new password", file=sys.stderr)
