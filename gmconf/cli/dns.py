"""DNS: what the site publishes, and whether it is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from gmconf.cli.app import Formatted, SitePath, app, load_site, print_json, spoken
from gmconf.cli.check import Report, live_page
from gmconf.errors import GmconfError


class Spelling(StrEnum):
    """How the records are written."""

    zone = "zone"
    json = "json"
    octodns = "octodns"
    nsupdate = "nsupdate"


group = typer.Typer(
    cls=spoken("records"),
    no_args_is_help=True,
    help="Print the DNS records of a site, or check them.",
    epilog="Examples: gmconf dns site.yml; gmconf dns site.yml --format octodns -o zones; gmconf dns check site.yml",
)
app.add_typer(group, name="dns")
LINES = 10000
"""Written at once."""
Zone = Annotated[str | None, typer.Option("--zone", help="Only this zone.")]


@group.command(
    cls=Formatted,
    epilog="Examples: gmconf dns site.yml; gmconf dns site.yml --format nsupdate --zone example.org | nsupdate -k key",
)
def records(
    site: SitePath,
    output: Annotated[Spelling, typer.Option("--format", help="How to write the records.")] = Spelling.zone,
    zone: Zone = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Directory to write a file for each zone into.")
    ] = None,
    serial: Annotated[int, typer.Option("--serial", min=0, max=2**32 - 1, help="Serial number of whole zones.")] = 1,
) -> None:
    """Print every DNS record that the site needs.

    The word "records" may be left out: gmconf dns SITE.
    """
    loaded = load_site(site, keys="public")

    from gmconf.dns.spelling import ENDINGS, array, zones
    from gmconf.folder import Folder

    found = zones(loaded, output, zone, serial)
    wrap = array if output is Spelling.json else iter
    if out is None:
        _write(wrap(line for _, lines in found for line in lines))
        return
    if out.exists() and not out.is_dir():
        raise GmconfError(f"{out} is not a directory")
    out.mkdir(parents=True, exist_ok=True)
    written: set[str] = set()
    with Folder(out) as folder:
        for name, lines in found:
            written.add(name)
            folder.write(f"{name}.{ENDINGS[output]}", _parts(wrap(lines)))
    gone = list(_stale(out, output, written)) if zone is None else []
    for file in gone:
        file.unlink()
    print(f"{out}: {len(written)} zones written" + (f", {len(gone)} of zones that are no more removed" if gone else ""))


def _stale(out: Path, spelling: Spelling, kept: Collection[str]) -> Iterator[Path]:
    """Files that this command wrote for zones that the site has no more; each begins with its zone's name as only this
    command writes it."""
    from gmconf.dns.spelling import ENDINGS, HEADS

    for file in sorted(out.glob(f"*.{ENDINGS[spelling]}")):
        name = file.name.removesuffix(f".{ENDINGS[spelling]}")
        if name in kept or file.is_symlink() or not file.is_file():
            continue
        with file.open("rb") as opened:
            if opened.read(1024).startswith(HEADS[spelling].format(zone=name).encode()):
                yield file


def _parts(lines: Iterable[str]) -> Iterator[bytes]:
    rest = iter(lines)
    while part := list(islice(rest, LINES)):
        yield ("\n".join(part) + "\n").encode()


def _write(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


@group.command(
    cls=Formatted,
    epilog=(
        "Examples: gmconf dns check site.yml; gmconf dns check site.yml --authoritative; gmconf dns check site.yml"
        " --served --format junit"
    ),
)
def check(
    site: SitePath,
    resolver: Annotated[
        str | None,
        typer.Option("--resolver", metavar="IP[:PORT]", help="The resolver to ask; default: this machine's."),
    ] = None,
    authoritative: Annotated[
        bool, typer.Option("--authoritative", help="Ask every published name server itself, past all caches.")
    ] = False,
    served: Annotated[
        bool,
        typer.Option(
            "--served", help="Compare also with what servers show: certificates on port 25, MTA-STS policies."
        ),
    ] = False,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the authoritative servers.")] = 53,
    output: Annotated[Report, typer.Option("--format", help="How to print the result.")] = Report.text,
    zone: Zone = None,
) -> None:
    """Compare live DNS with what the site needs.

    By meaning, as receivers read it; prints what is missing, ready to paste. Exit code 1 when something is missing or
    wrong that the declared level asks for (basic without one).
    """
    loaded = load_site(site, keys="public")

    import time
    from datetime import UTC, datetime

    from gmconf.dns.live import survey
    from gmconf.dns.live.ask import parse_server, system_resolver

    server = parse_server(resolver) if resolver else system_resolver()
    only = (zone,) if zone else ()
    then = None
    if served:
        from functools import partial

        from gmconf.verify.tlsa_and_policy import served as look

        then = partial(look, loaded, only)
    started, clock = datetime.now(UTC), time.monotonic()
    found = survey(loaded, server, started.date(), authoritative=authoritative, zones=only, port=port, then=then)
    holds = found.holds(loaded.site.level)
    if output is Report.json:
        results = [r.json() for r in found.results]
        print_json(
            {
                "holds": holds,
                "results": results,
                "publish": found.publish,
                "remove": found.remove,
                "sets": found.sets,
                "questions": found.asked,
                "shown": found.shown,
            }
        )
    elif output is Report.junit:
        from gmconf.assess.formats import junit

        print(junit(found.results, f"gmconf dns {site}"))
    elif output is Report.sarif:
        from gmconf.assess.formats import sarif

        print(sarif(found.results, site.name))
    elif output is Report.html:
        print(live_page(loaded, site, started, time.monotonic() - clock, found.results))
    else:
        from gmconf.dns.live.text import lines

        _write(lines(found, loaded.site.level))
    if not holds:
        raise typer.Exit(1)
