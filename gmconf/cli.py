"""The command line. Imports are made where they are needed, so that --help and --version stay quick."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gmconf import __version__
from gmconf.errors import GmconfError, SiteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from gmconf.check import Result, Verdict
    from gmconf.controls import Control
    from gmconf.diff import Change
    from gmconf.load import Loaded
    from gmconf.model.site import Level

app = typer.Typer(
    help="Mail-as-code: one site.yml becomes the configuration of Postfix, Dovecot, rspamd and ClamAV on Debian hosts.",
    epilog="Exit codes: 0 fine, 1 a check failed, 2 the site or the call is wrong.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class Report(StrEnum):
    """How verdicts are printed."""

    text = "text"
    json = "json"
    junit = "junit"
    sarif = "sarif"


class Format(StrEnum):
    """How results are printed."""

    text = "text"
    json = "json"


SitePath = Annotated[Path, typer.Argument(metavar="SITE", help="The site file, usually site.yml.")]
OutputFormat = Annotated[Format, typer.Option("--format", help="How to print the result.")]
VaultFile = Annotated[
    Path | None,
    typer.Option(envvar="ANSIBLE_VAULT_PASSWORD_FILE", help="File (or program) with the Ansible Vault password."),
]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"gmconf {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    del version


def _load(path: Path, *, keys: bool = True, lenient: bool = False) -> Loaded:
    from gmconf.load import load

    return load(path, keys=keys, lenient=lenient)


@app.command(epilog="Example: gmconf validate site.yml")
def validate(site: SitePath, output: OutputFormat = Format.text) -> None:
    """Check a site: types, names, and the rules between its fields. Prints nothing when it is fine."""
    try:
        _load(site)
    except SiteError as error:
        if output is Format.json:
            _json(
                [
                    {"file": p.mark.file, "line": p.mark.line, "column": p.mark.column, "path": p.path, "message": p.message}
                    for p in error.problems
                ]
            )
            raise typer.Exit(2) from None
        raise
    if output is Format.json:
        _json([])


@app.command(epilog="Examples: gmconf render site.yml -o build; gmconf render site.yml -o build --check")
def render(
    site: SitePath,
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to write.")] = Path("build"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when the directory is out of date.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print the whole unified diff, not only its summary.")] = False,
    output: OutputFormat = Format.text,
) -> None:
    """Render a site into a self-contained Ansible project and say what changed since the last time."""
    loaded = _load(site)

    from gmconf import output as build_folder
    from gmconf.diff import changes
    from gmconf.tree import build

    build_folder.check(out)
    tree = build(loaded)
    if not check and not diff and output is Format.text and not out.exists():
        build_folder.replace(tree.files, out)
        print(f"{out}: {len(tree.files)} files written")
        return
    found = list(changes(out, tree.files))
    if found and not check:
        build_folder.replace(tree.files, out)
    if output is Format.json:
        _json([{"path": c.path, "kind": c.kind, "added": c.counts[0], "removed": c.counts[1]} for c in found])
    else:
        _print_changes(found, diff=diff or check)
    if check and found:
        raise typer.Exit(1)


def _print_changes(found: list[Change], *, diff: bool) -> None:
    for change in found:
        added, removed = change.counts
        print(f"{change.kind:8} {change.path}  +{added} -{removed}")
        if diff:
            for line in change.lines:
                print(f"    {line}")


@app.command(
    epilog="Examples: gmconf explain main.cf:smtpd_tls_security_level; gmconf explain /etc/postfix/main.cf:12; "
    "gmconf explain limits.message_size"
)
def explain(
    what: Annotated[str, typer.Argument(help="PATH, PATH:LINE, FILE:KEY, or a field of the site.")],
    build: Annotated[Path, typer.Option("--build", "-b", help="The rendered tree.")] = Path("build"),
    host: Annotated[str | None, typer.Option("--host", help="One host only.")] = None,
    output: OutputFormat = Format.text,
) -> None:
    """Say why a rendered line is there and where it can be changed."""
    from gmconf.explain import explain as ask

    answers = ask(build, what, host)
    if output is Format.json:
        _json([answer.json() for answer in answers])
        return
    for answer in answers:
        place = f"{answer.path}:{answer.line}" if answer.line else answer.path
        print(f"{answer.host} {place}" + (f"  {answer.text.strip()}" if answer.text else ""))
        for reason in answer.because:
            print(f"    {_sentence(reason)}")


@app.command(epilog="Examples: gmconf controls; gmconf controls --level bronze; gmconf controls mta.smuggling --build build")
def controls(
    name: Annotated[str | None, typer.Argument(metavar="[ID]", help="One control in full.")] = None,
    level: Annotated[str | None, typer.Option("--level", help="Only what this level asks for: basic, bronze or silver.")] = None,
    build: Annotated[Path, typer.Option("--build", "-b", help="The rendered tree whose lines are shown.")] = Path("build"),
    output: OutputFormat = Format.text,
) -> None:
    """List the controls; or show one: its level, its sources, and every line that is rendered because of it."""
    from gmconf.controls import listed

    found = listed(name, level)
    lines = []
    if name and (build / "trace.json").exists():
        from gmconf.explain import rendered_by

        lines = rendered_by(build, found[0].id)
    if output is Format.json:
        rows = [
            {"id": c.id, "level": c.level, "area": c.area(), "title": c.title, "why": c.why, "sources": list(c.quoted()),
             "live": list(c.live), "documents": list(c.documents), "evidence": c.evidence.what if c.evidence else None}
            for c in found
        ]  # fmt: skip
        _json({**rows[0], "renders": [line.json() for line in lines]} if name else rows)
        return
    if not name:
        wide = max(len(c.id) for c in found)
        for control in found:
            print(f"{control.id:{wide}}  {control.level:6}  {control.title}")
        return
    only = found[0]
    for text in _in_full(only):
        print(text)
    for line in lines:
        place = f"{line.path}:{line.line}" if line.line else line.path
        print(f"{line.host} {place}" + (f"  {line.text.strip()}" if line.text else ""))


def _in_full(control: type[Control]) -> Iterator[str]:
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
        yield f"    evidence: {control.evidence.what} (every {control.evidence.days} days; evidence.{control.id} in site.yml)"
    if control.live:
        yield f"    live: {', '.join(control.live)}"


@app.command(epilog="Examples: gmconf check site.yml; gmconf check site.yml --level silver; gmconf check site.yml --format sarif")
def check(
    site: SitePath,
    level: Annotated[str | None, typer.Option("--level", help="Ask for this level instead of the declared one.")] = None,
    output: Annotated[Report, typer.Option("--format", help="How to print the result.")] = Report.text,
    annotate: Annotated[bool, typer.Option("--annotate", help="Print the site file with marks at the lines responsible.")] = False,
    day: Annotated[str | None, typer.Option("--date", help="The day to judge waivers and evidence on (YYYY-MM-DD); default: today.")] = None,
) -> None:
    """Judge a site without asking its hosts: every control, for the site, each host and each domain.

    Exit code 1 when the declared level, or the one asked for, does not hold.
    """
    from gmconf.check import check as judge
    from gmconf.check import verdict

    today = _day(day)
    wanted = _level(level)
    loaded = _load(site, lenient=True)
    results = judge(loaded, today)
    found = verdict(results, wanted or loaded.site.level)
    if annotate:
        from gmconf.verdicts import annotated, marks

        print(annotated(site.read_text("utf-8"), marks(results, found.declared, site.name)), end="")
    else:
        _print_results(results, found, output, site)
    if not found.holds:
        raise typer.Exit(1)


def _print_results(results: list[Result], found: Verdict, output: Report, site: Path) -> None:
    if output is Report.json:
        _json({"verdict": found.json(), "results": [r.json() for r in results]})
    elif output is Report.junit:
        from gmconf.formats import junit

        print(junit(results, f"gmconf {site}"))
    elif output is Report.sarif:
        from gmconf.formats import sarif

        print(sarif(results, site.name))
    else:
        from gmconf.verdicts import lines

        for line in lines(results, found, found.declared):
            print(line)


def _day(text: str | None) -> date:
    from datetime import UTC, date, datetime

    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise GmconfError(f"--date {text}: a day is written YYYY-MM-DD") from None


def _level(text: str | None) -> Level | None:
    from gmconf.controls import LEVELS

    found = next((level for level in LEVELS if level == text), None)
    if text is not None and found is None:
        raise GmconfError(f"no level {text}; there are {', '.join(LEVELS)}")
    return found


def _sentence(reason: dict[str, str]) -> str:
    if reason["kind"] == "site":
        return f"set by the site: {reason['text']} at {reason['ref']}; change it there"
    if reason["kind"] == "control":
        return f"control {reason['ref']}: {reason['text']}"
    return f"{reason['ref']} needs it: {reason['text']}"


@app.command(epilog="Example: gmconf schema > site.schema.json")
def schema() -> None:
    """Print the JSON schema of site.yml, so that editors complete and check it."""
    from gmconf.model import Site

    described = Site.model_json_schema()
    _json({"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "gmconf site", **described})


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

    loaded = _load(site, keys=False)
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

    loaded = _load(site, keys=False)
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


def _json(data: object) -> None:
    import json

    print(json.dumps(data, indent=2, ensure_ascii=False))


def _die(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(2)


def main() -> None:
    """Entry point: errors of the user end in a message and exit code 2, never in a traceback."""
    try:
        app()
    except SiteError as error:
        _die(str(error))
    except GmconfError as error:
        _die(f"gmconf: {error}")
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        _die(f"gmconf: {error.filename or ''}: {error.strerror}")
