"""What a site holds, written down for others: report."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gmconf.cli.app import SitePath, VaultFile, app, load_site
from gmconf.cli.check import day_of, hashes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gmconf.report.status import Standings


class Kind(StrEnum):
    """What is written."""

    html = "html"
    oscal = "oscal"


@app.command(
    epilog="Examples: gmconf report site.yml; gmconf report site.yml --verify results.json --format oscal -o audit"
)
def report(
    site: SitePath,
    verify: Annotated[
        Path | None,
        typer.Option("--verify", metavar="RESULTS", help="What gmconf verify wrote about the running hosts."),
    ] = None,
    kind: Annotated[Kind, typer.Option("--format", help="A page for people, or OSCAL for other programs.")] = Kind.html,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File (html) or directory (oscal); default: report.html, oscal.")
    ] = None,
    day: Annotated[
        str | None,
        typer.Option("--date", help="The day to judge waivers and evidence on (YYYY-MM-DD); default: today."),
    ] = None,
    vault_password_file: VaultFile = None,
) -> None:
    """Write a report about a site, for auditors.

    Levels, every control with its proof, waivers, hosts and ports. With the vault password also the hashes of
    passwords. The page is one file of HTML that needs nothing else. OSCAL is two files: component-definition.json and
    assessment-results.json.
    """
    from gmconf.assess.text import summary
    from gmconf.report.live import read_live
    from gmconf.report.status import standings

    today = day_of(day)
    live = read_live(verify) if verify else None
    loaded = load_site(site)
    found = standings(loaded, today, live, hashes=hashes_of(loaded, vault_password_file))
    for path, text in _written(found, kind, out):
        _replace(path, text)
        print(path)
    print(summary(found.verdict))


def _written(found: Standings, kind: Kind, out: Path | None) -> Iterator[tuple[Path, str]]:
    if kind is Kind.html:
        from gmconf.report.page import page

        target = out or Path("report.html")
        yield target / "report.html" if target.is_dir() else target, page(found)
        return
    from gmconf.report.assessment import assessment
    from gmconf.report.components import components

    folder = out or Path("oscal")
    folder.mkdir(parents=True, exist_ok=True)
    yield folder / "component-definition.json", components(found)
    yield folder / "assessment-results.json", assessment(found)


def _replace(path: Path, text: str) -> None:
    import tempfile

    from gmconf.build.output import put

    with tempfile.TemporaryDirectory(prefix="gmconf-") as work:
        made = Path(work) / "made"
        made.write_text(text, "utf-8")
        put(path, made)
