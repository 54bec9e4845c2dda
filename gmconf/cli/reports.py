"""Reports of others: their numbers, and what they find wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gmconf.cli.app import Format, Formatted, OutputFormat, SitePath, app, load_site, print_json

DAYS = 7


@app.command(
    cls=Formatted,
    epilog=(
        "Examples: gmconf reports site.yml; gmconf reports site.yml --days 30 --format json; gmconf reports site.yml"
        " ~/Maildir report.xml.gz"
    ),
)
def reports(
    site: SitePath,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help=(
                "Reports, messages, mbox files, Maildirs or directories of these; without any, the mailbox of the site"
                " that gets reports, over ssh."
            ),
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(
            "--days",
            min=1,
            max=3650,
            help=f"Only reports on the last so many days; default: {DAYS} for a mailbox, all for files.",
        ),
    ] = None,
    output: OutputFormat = Format.text,
    ssh_option: Annotated[
        list[str] | None,
        typer.Option("--ssh-option", metavar="KEY=VALUE", help="Passed to ssh as -o (may be repeated)."),
    ] = None,
) -> None:
    """Count the DMARC and TLS reports of others.

    How mail in the site's name and sessions to it fared, as others saw it. Exit code 1 when mail of the site's own
    hosts failed DMARC or sessions to it failed.
    """
    loaded = load_site(site, keys=False)

    from datetime import UTC, datetime, timedelta
    from itertools import chain

    from gmconf.feedback import files as kept
    from gmconf.feedback import store
    from gmconf.feedback.count import count
    from gmconf.feedback.parsed import read
    from gmconf.feedback.text import lines

    now = datetime.now(UTC)
    since = now - timedelta(days=days or DAYS) if days or not files else None
    items = (
        chain.from_iterable(kept.items(path) for path in files)
        if files
        else store.items(loaded.mail, tuple(ssh_option or ()), since or now)
    )
    found = count(read(items, frozenset(h.name for h in loaded.site.hosts), since), loaded.site)
    if output is Format.json:
        print_json(found.json())
    else:
        for line in lines(found):
            print(line)
    if not found.holds:
        raise typer.Exit(1)
