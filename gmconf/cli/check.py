"""What the levels ask for, and whether a site holds it: controls, check."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gmconf.cli import completion
from gmconf.cli.app import Format, Formatted, OutputFormat, SitePath, VaultFile, app, load_site, print_json
from gmconf.cli.profiles import Chosen, needed
from gmconf.cli.profiles import check as check_profile
from gmconf.errors import GmconfError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from gmconf.assess.check import Verdict
    from gmconf.controls import Control
    from gmconf.controls.choices import Choice
    from gmconf.controls.result import Result
    from gmconf.model.levels import Level
    from gmconf.site.load import Loaded


class Report(StrEnum):
    """How verdicts are printed."""

    text = "text"
    json = "json"
    junit = "junit"
    sarif = "sarif"
    html = "html"


@app.command(
    cls=Formatted,
    epilog="Examples: gmconf controls; gmconf controls --level bronze; gmconf controls mta.smuggling --site site.yml",
)
def controls(
    name: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="One control in full.", autocompletion=completion.controls)
    ] = None,
    level: Annotated[
        str | None,
        typer.Option(
            "--level", help="Only what this level asks for: basic, bronze or silver.", autocompletion=completion.levels
        ),
    ] = None,
    build: Annotated[Path, typer.Option("--build", "-b", help="The rendered tree whose lines are shown.")] = Path(
        "build"
    ),
    site: Annotated[
        Path | None, typer.Option("--site", "-s", help="The site whose state is shown, of one control.")
    ] = None,
    day: Annotated[
        str | None,
        typer.Option("--date", help="The day to judge waivers and evidence on (YYYY-MM-DD); default: today."),
    ] = None,
    output: OutputFormat = Format.text,
) -> None:
    """List the controls, or show one in full.

    In full: its level, its sources, every line that is rendered because of it, and its state for a site.
    """
    from gmconf.controls import listed
    from gmconf.controls.proofs import automated, proofs

    found = listed(name, level)
    lines = []
    if name and (build / "trace.json").exists():
        from gmconf.build.explain import rendered_by

        lines = rendered_by(build, found[0].id)
    state: list[Result] = []
    if site and not name:
        raise GmconfError("--site shows the state of one control; name it, or ask for all: gmconf check SITE")
    if site:
        from gmconf.assess.check import check as judge

        state = [r for r in judge(load_site(site), day_of(day)) if r.control == found[0].id]
    if output is Format.json:
        rows = [
            {
                "id": c.id,
                "level": c.level,
                "area": c.area(),
                "title": c.title,
                "why": c.why,
                "sources": list(c.quoted()),
                "live": list(c.live),
                "documents": list(c.documents),
                "evidence": c.evidence.what if c.evidence else None,
                "tests": list(proofs().get(c.id, ())),
                "automated": automated(c),
            }
            for c in found
        ]
        about = {"renders": [line.json() for line in lines], "state": [r.json() for r in state]} if name else {}
        print_json({"controls": rows, **about})
        return
    if not name:
        wide = max(len(c.id) for c in found)
        for control in found:
            print(f"{control.id:{wide}}  {control.level:6}  {control.title}")
        return
    only = found[0]
    for text in _in_full(only):
        print(text)
    # A line with several values is there once.
    for host, place, text in dict.fromkeys(
        (a.host, f"{a.path}:{a.line}" if a.line else a.path, a.text.strip()) for a in lines
    ):
        print(f"{host} {place}  {text}".rstrip())
    if site:
        from gmconf.assess.text import standing

        print(f"state for {site}:")
        for text in standing(state):
            print(f"    {text}")


def _in_full(control: type[Control]) -> Iterator[str]:
    from gmconf.controls.proofs import proofs

    yield f"{control.id}  ({control.level}, {control.area()})"
    yield f"    {control.title}"
    for line in control.why.split("\n"):
        yield f"    {line}"
    for source in control.quoted():
        yield f"    source: {source}"
    if control.settings or control.files:
        yield f"    static: {sum(map(len, control.settings.values()))} settings, {len(control.files)} files"
    for fact in control.facts:
        yield f"    asks the site for: {fact.path}"
    for name in control.documents:
        yield f"    document: build/documents/{name}.md"
    if control.evidence:
        yield (
            f"    evidence: {control.evidence.what} (every {control.evidence.days} days; evidence.{control.id} in"
            " site.yml)"
        )
    for release, what in control.lacking.items():
        yield f"    not on {release}: {what}"
    if control.live:
        yield f"    live: {', '.join(control.live)}"
    tests = proofs().get(control.id, ())
    yield f"    proved by: {', '.join(tests)}" if tests else "    no test on real hosts carries it"


@app.command(
    cls=Formatted,
    epilog=(
        "Examples: gmconf check site.yml; gmconf check site.yml --level silver; gmconf check site.yml --format sarif; "
        "gmconf check site.yml --profile internet.nl"
    ),
)
def check(
    site: SitePath,
    level: Annotated[
        str | None,
        typer.Option(
            "--level", help="Ask for this level instead of the declared one.", autocompletion=completion.levels
        ),
    ] = None,
    output: Annotated[Report, typer.Option("--format", help="How to print the result.")] = Report.text,
    annotate: Annotated[
        bool, typer.Option("--annotate", help="Print the site file with marks at the lines responsible.")
    ] = False,
    day: Annotated[
        str | None,
        typer.Option("--date", help="The day to judge waivers and evidence on (YYYY-MM-DD); default: today."),
    ] = None,
    profile: Chosen = None,
    vault_password_file: VaultFile = None,
) -> None:
    """Judge a site by its controls; asks no host.

    Every control, for the site, each host and each domain; with the vault password also the hashes of passwords. Exit
    code 1 when the declared level, or the one asked for, does not hold; with --profile, when a domain has less than 100
    % or a clause is not met.
    """
    from gmconf.assess.check import check as judge
    from gmconf.assess.check import verdict
    from gmconf.controls.choices import choices

    today = day_of(day)
    wanted = _level(level)
    loaded = load_site(site, keys=needed(profile))
    if profile:
        if wanted or annotate:
            raise GmconfError("--profile goes with neither --level nor --annotate")
        if not check_profile(loaded, profile, output, today):
            raise typer.Exit(1)
        return
    hashes = hashes_of(loaded, vault_password_file)
    results = judge(loaded, today, hashes)
    found = verdict(results, wanted or loaded.site.level)
    if annotate:
        from gmconf.assess.text import annotated, marks

        print(annotated(site.read_text("utf-8"), marks(results, found.declared, site.name)), end="")
    elif output is Report.html:
        from gmconf.report.page import page
        from gmconf.report.status import standings

        print(page(standings(loaded, today, level=wanted, hashes=hashes)), end="")
    else:
        _print_results(results, found, output, site, choices(loaded.site, today))
    if not found.holds:
        raise typer.Exit(1)


def hashes_of(loaded: Loaded, vault_password_file: Path | None) -> dict[str, str] | None:
    """The password hashes by login, with the vault password; None without it."""
    if vault_password_file is None:
        return None
    from gmconf.keys.credentials import hashes
    from gmconf.keys.vault import read_password

    return hashes(loaded.secrets, read_password(vault_password_file))


def _print_results(
    results: list[Result], found: Verdict, output: Report, site: Path, chosen: tuple[Choice, ...]
) -> None:
    if output is Report.json:
        from dataclasses import asdict

        print_json(
            {"verdict": found.json(), "results": [r.json() for r in results], "choices": [asdict(c) for c in chosen]}
        )
    elif output is Report.junit:
        from gmconf.assess.formats import junit

        print(junit(results, f"gmconf {site}"))
    elif output is Report.sarif:
        from gmconf.assess.formats import sarif

        print(sarif(results, site.name))
    else:
        from gmconf.assess.text import lines

        for line in lines(results, found, found.declared, chosen):
            print(line)


def live_page(loaded: Loaded, site: Path, started: datetime, seconds: float, results: Sequence[Result]) -> str:
    """The report of ``gmconf check`` with what was seen live in it, without the last line feed."""
    from gmconf.report.live import Live
    from gmconf.report.page import page
    from gmconf.report.status import standings

    return page(standings(loaded, started.date(), Live(str(site), started, seconds, tuple(results)))).rstrip("\n")


def day_of(text: str | None) -> date:
    """The day of --date; today in UTC without it."""
    from datetime import UTC, date, datetime

    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise GmconfError(f"--date {text}: a day is written YYYY-MM-DD") from None


def _level(text: str | None) -> Level | None:
    from gmconf.model.levels import LEVELS

    found = next((level for level in LEVELS if level == text), None)
    if text is not None and found is None:
        raise GmconfError(f"no level {text}; there are {', '.join(LEVELS)}")
    return found
