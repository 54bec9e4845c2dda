"""The live half of the verdict: verify, probes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gmconf.cli import completion
from gmconf.cli.app import Format, Formatted, OutputFormat, SitePath, app, load_site, print_json
from gmconf.cli.check import Report, live_page
from gmconf.cli.profiles import Chosen, Profile, clauses, needed, no_pages, scores
from gmconf.errors import GmconfError
from gmconf.printable import form, line, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from gmconf.controls.result import Result
    from gmconf.site.load import Loaded
    from gmconf.verify.engine import Outcome
    from gmconf.verify.probe import Probe
    from gmconf.verify.run import Login

PASSWORD = "GMCONF_PASSWORD"  # the name of a variable


@app.command(
    cls=Formatted,
    epilog=(
        "Examples: gmconf verify site.yml; gmconf verify site.yml --login probe@example.org --format json --output"
        " results.json; gmconf verify site.yml --only relay --only drift"
    ),
)
def verify(
    site: SitePath,
    host: Annotated[
        list[str] | None,
        typer.Option("--host", help="Only this host (may be repeated).", autocompletion=completion.hosts),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="PROBE",
            autocompletion=completion.probes,
            help="Only this probe (may be repeated); list: gmconf probes.",
        ),
    ] = None,
    output: Annotated[Report, typer.Option("--format", help="How to print the result.")] = Report.text,
    file: Annotated[Path | None, typer.Option("--output", help="Write the result to this file.")] = None,
    login: Annotated[
        str | None,
        typer.Option(
            "--login",
            metavar="ADDRESS",
            help=f"The probe account: a mailbox kept for tests. Its password is read from {PASSWORD}, or asked for.",
        ),
    ] = None,
    drift: Annotated[bool, typer.Option("--drift/--no-drift", help="Look at the hosts over ssh too.")] = True,
    ssh_option: Annotated[
        list[str] | None,
        typer.Option("--ssh-option", metavar="KEY=VALUE", help="Passed to ssh as -o (may be repeated)."),
    ] = None,
    resolver: Annotated[
        str | None,
        typer.Option("--resolver", metavar="IP[:PORT]", help="The resolver to ask about DNS; default: this machine's."),
    ] = None,
    profile: Chosen = None,
) -> None:
    """Probe the running hosts of a site.

    Real dialogues, bounded and harmless, and drift over ssh. Exit code 1 when a probe fails or a host differs from what
    the site renders; with --profile, when a domain has less than 100 % or a clause is not met.
    """
    import secrets
    import time
    from datetime import UTC, datetime

    from gmconf.verify.engine import chosen, results
    from gmconf.verify.engine import verify as look
    from gmconf.verify.run import Run, Ssh

    loaded = load_site(site, keys=needed(profile))
    _known(loaded, host or [], resolver)
    if profile:
        no_pages(output)
    if profile is Profile.internet_nl:
        _internet_nl(loaded, output, file, resolver, refused=bool(host or only or login))
        return
    probes = chosen(only or []) if profile is None or only else _of_guidelines()
    run = Run(
        loaded,
        secrets.token_hex(6),
        tuple(host or ()),
        _login(loaded, login),
        ssh=Ssh(tuple(ssh_option or ())) if drift else None,
        resolver=resolver,
    )
    if drift and any(p.inside for p in probes):
        _ = run.tree  # rendered once, before the clock runs
    started, clock = datetime.now(UTC), time.monotonic()
    found = results(run, look(run, probes, _progress()), started.date())
    if profile:
        from gmconf.assess.check import check as judge
        from gmconf.report.status import counted

        if not clauses(counted(judge(loaded, started.date()), found), output, _writer(file), site):
            raise typer.Exit(1)
        return
    seconds = time.monotonic() - clock
    text = (
        live_page(loaded, site, started, seconds, found)
        if output is Report.html
        else _spelled(found, output, site, f"{started:%Y-%m-%dT%H:%M:%SZ}", seconds)
    )
    _writer(file)(text)
    if any(row.status in ("fail", "error") for row in found):
        raise typer.Exit(1)


def _writer(file: Path | None) -> Callable[[str], object]:
    """Where the result goes."""
    if file is None:
        return print
    file.write_text("", "utf-8")

    def put(text: str) -> None:
        with file.open("a", encoding="utf-8") as out:
            out.write(words(text) + "\n")

    return put


def _internet_nl(loaded: Loaded, output: Report, file: Path | None, resolver: str | None, *, refused: bool) -> None:
    from datetime import UTC, datetime

    from gmconf.dns.live.ask import parse_server, system_resolver
    from gmconf.profiles.internetnl import live
    from gmconf.verify.run import sample

    if refused:
        raise GmconfError(
            "--profile internet.nl looks at domains as that test does; leave --host, --only and --login away"
        )
    server = parse_server(resolver) if resolver else system_resolver()
    found = live(loaded, server, datetime.now(UTC).date(), sample(loaded.site.domains))
    if not scores(found, output, _writer(file), loaded.path):
        raise typer.Exit(1)


def _of_guidelines() -> list[Probe]:
    """Probes of the controls that name the BSI's guidelines."""
    from gmconf.controls import CATALOGUE
    from gmconf.verify.engine import PROBES

    names = {name for c in CATALOGUE.values() if any(s.startswith("BSI TR-") for s in c.sources) for name in c.live}
    return [probe for probe in PROBES.values() if probe.name in names]


def _known(loaded: Loaded, hosts: list[str], resolver: str | None) -> None:
    from gmconf.dns.live.ask import parse_server

    names = [h.name for h in loaded.site.hosts]
    for name in hosts:
        if name not in names:
            raise GmconfError(f"no host {name} in {loaded.path.name}; there are {', '.join(names[:20])}")
    if resolver:
        parse_server(resolver)


def _login(loaded: Loaded, address: str | None) -> Login | None:
    """The probe account; its password never stands on the command line,
    where every user of this machine could read it.
    """
    import getpass
    import os

    from gmconf.verify.run import Login, account

    if address is None:
        return None
    found = account(loaded, address)
    password = os.environ.get(PASSWORD, "")
    if not password and sys.stdin.isatty():
        password = getpass.getpass(f"Password of {found.login}: ")
    if not password:
        raise GmconfError(f"--login {address}: no password; set {PASSWORD}, or run it on a terminal")
    return Login(found.login, password)


def _progress() -> Callable[[Outcome, int], None]:
    """One line that tells how far it is, on a terminal only."""
    if not sys.stderr.isatty():
        return lambda _outcome, _left: None

    def told(outcome: Outcome, left: int) -> None:
        end = "\n" if not left else ""
        text = f"{left} probes to go; {outcome.task.probe.name} on {outcome.task.subject}: {outcome.status}"[:110]
        sys.stderr.flush()
        sys.stderr.buffer.write(
            f"\r\033[K{line(text)}{end}".encode()
        )  # nothing else that is printed may tell a terminal what to do
        sys.stderr.buffer.flush()

    return told


def _spelled(found: list[Result], output: Report, site: Path, started: str, seconds: float) -> str:
    if output is Report.json:
        results = [r.json() for r in found]
        return form({"site": str(site), "started": started, "seconds": round(seconds, 1), "results": results})
    if output is Report.junit:
        from gmconf.assess.formats import junit

        return junit(found, f"gmconf verify {site}")
    if output is Report.sarif:
        from gmconf.assess.formats import sarif

        return sarif(found, site.name)
    from gmconf.assess.text import live

    return "\n".join([*live(found), f"{seconds:.0f} s"])


@app.command(epilog="Example: gmconf probes")
def probes(output: OutputFormat = Format.text) -> None:
    """List the probes of gmconf verify.

    What each does, what it leaves behind, and the controls it proves.
    """
    from gmconf.verify.engine import PROBES

    if output is Format.json:
        print_json(
            {
                "probes": [
                    {
                        "name": p.name,
                        "title": p.title,
                        "harmless": p.harmless,
                        "login": p.login,
                        "inside": p.inside,
                        "proves": list(p.proves),
                    }
                    for p in PROBES.values()
                ]
            }
        )
        return
    for probe in PROBES.values():
        needs = " (needs --login)" if probe.login else " (over ssh)" if probe.inside else ""
        print(f"{probe.name}{needs}\n    {probe.title}\n    {probe.harmless}\n    proves: {', '.join(probe.proves)}")
