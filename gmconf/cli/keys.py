"""Keys: making what is missing, and changing them one step after the other. Nothing secret is printed."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Annotated

import typer

from gmconf.cli.app import Format, Formatted, OutputFormat, SitePath, VaultFile, app, load_site, print_json, spoken
from gmconf.errors import GmconfError

group = typer.Typer(
    cls=spoken("make"),
    no_args_is_help=True,
    help="Make keys, and change them without an outage.",
    epilog=(
        "Examples: gmconf keys site.yml --vault-password-file ~/.vault-password; gmconf keys status site.yml; gmconf"
        " keys next site.yml"
    ),
)
app.add_typer(group, name="keys")
Only = Annotated[
    str | None, typer.Option("--only", metavar="DOMAIN|HOST", help="Only the keys of this domain or host.")
]
Now = Annotated[
    str | None,
    typer.Option("--now", hidden=True, help="Another time than the present, for tests: 2026-11-25T10:00:00Z."),
]


def _now(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise GmconfError(f"{text}: a time in UTC is written 2026-11-25T10:00:00Z") from None


@group.command(epilog="Example: gmconf keys site.yml --vault-password-file ~/.vault-password")
def make(
    site: SitePath,
    vault_password_file: VaultFile = None,
    renew: Annotated[
        bool,
        typer.Option(
            "--renew", help="Reissue certificates of the internal CA that end within 30 days; their keys stay."
        ),
    ] = False,
) -> None:
    """Create the keys that are missing.

    DKIM keys, and with tls.source internal-ca the CA and the hosts' certificates; "make" may be left out: gmconf keys
    SITE. Public halves lie readable beside the site; private halves are encrypted with Ansible Vault.
    """
    from gmconf.keys.make import create_missing
    from gmconf.keys.vault import agree, read_password
    from gmconf.lock import alone

    loaded = load_site(site, keys=False)
    password = read_password(vault_password_file)
    with alone(loaded.secrets) as waited:
        agree(loaded.secrets, password)
        # Another one may have gone a step on meanwhile.
        loaded = load_site(site, keys=False) if waited else loaded
        created = create_missing(
            loaded.site, site.parent, password, now=datetime.now(UTC), renew=renew, rollover=loaded.rollover
        )
    for name in created:
        print(f"created {name}")


@group.command(
    cls=Formatted,
    epilog="Examples: gmconf keys plan site.yml; gmconf keys plan site.yml --only example.org --format json",
)
def plan(site: SitePath, only: Only = None, output: OutputFormat = Format.text, now: Now = None) -> None:
    """Print what will happen to which key, and when.

    Step by step, with the earliest times. Writes nothing.
    """
    loaded = load_site(site, keys="public")

    from gmconf.rotation.status import plan as steps

    rows = list(steps(loaded, _now(now), only))
    if output is Format.json:
        print_json({"steps": rows})
        return
    subject = ""
    for row in rows:
        if row["subject"] != subject:
            subject = str(row["subject"])
            print(f"{subject} ({'DKIM' if row['kind'] == 'dkim' else 'TLS'})")
        print(f"    {row['earliest']}  {row['key']} {row['step']}")


@group.command(cls=Formatted, epilog="Examples: gmconf keys status site.yml; gmconf keys status site.yml --format json")
def status(site: SitePath, only: Only = None, output: OutputFormat = Format.text, now: Now = None) -> None:
    """Print the state and age of each key.

    And when its next step is possible. Exit code 1 when a DKIM key is older than six months and the level asks for the
    change (silver).
    """
    loaded = load_site(site, keys="public")

    from gmconf.keys.rollover import instant
    from gmconf.rotation.status import refused
    from gmconf.rotation.status import status as standings

    at = _now(now)
    rows = standings(loaded, at, only)
    late = refused(loaded, rows, at)
    if output is Format.json:
        print_json({"holds": not late, "keys": [r.json() for r in rows]})
    else:
        for row in rows:
            age = f"since {instant(row.since)}, {row.days} days" if row.since else "since an unknown date"
            old = "; replace it now: a key signs six months at most" if row.overdue else ""
            print(f"{row.subject}: {row.key} is {row.state} ({age}){old}")
            if row.next_step:
                print(f"    {row.next_step}{f', possible from {instant(row.possible)} on' if row.possible else ''}")
    if late:
        raise typer.Exit(1)


@group.command(
    "next",
    cls=Formatted,
    epilog=(
        "Examples: gmconf keys next site.yml; gmconf keys next site.yml --only example.org --start; gmconf keys next"
        " site.yml --rolled-out"
    ),
)
def next_(
    site: SitePath,
    vault_password_file: VaultFile = None,
    only: Only = None,
    start: Annotated[
        bool, typer.Option("--start", help="With --only: make the next key although it is not due.")
    ] = False,
    rolled_out: Annotated[
        bool, typer.Option("--rolled-out", help="Say that all hosts have been rolled out since the last switch.")
    ] = False,
    resolver: Annotated[
        str | None,
        typer.Option(
            "--resolver", metavar="IP[:PORT]", help="Asked who the name servers are; default: this machine's."
        ),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the authoritative servers.")] = 53,
    output: OutputFormat = Format.text,
    now: Now = None,
) -> None:
    """Take each key one step further, if it may.

    The steps: make the next key, see it published, switch to it, retire the old one. All authoritative name servers are
    asked themselves. Exit code 1 when a key may not go on yet: what is missing is said, and when to come again. The
    state lies in rollover.yml beside the keys; commit both.
    """
    loaded = load_site(site)

    from gmconf.dns.live.ask import parse_server, system_resolver
    from gmconf.keys.vault import agree, read_password
    from gmconf.rotation.run import Call, take

    def password() -> bytes:
        found = read_password(vault_password_file)
        agree(loaded.secrets, found)
        return found

    done = take(
        loaded,
        Call(
            now=_now(now),
            resolver=lambda: parse_server(resolver) if resolver else system_resolver(),
            password=cache(password),
            port=port,
            only=only,
            start=start,
            rolled_out=rolled_out,
        ),
    )
    if output is Format.json:
        from gmconf.keys.rollover import instant

        print_json(
            {
                "steps": [
                    {
                        "kind": d.subject.kind,
                        "subject": d.subject.name,
                        "key": d.event.key,
                        "action": d.event.action,
                        "text": d.event.text,
                        "possible": instant(d.event.when) if d.event.when else None,
                        "refused": d.refused,
                    }
                    for d in done
                ]
            }
        )
    else:
        for row in done:
            print(f"{row.subject.name}: {row.event.key}: {row.event.text}")
    if any(row.refused for row in done):
        raise typer.Exit(1)
