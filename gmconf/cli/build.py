"""From a site to build/, and questions about both: validate, render, explain, schema."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gmconf.cli import completion
from gmconf.cli.app import Format, Formatted, OutputFormat, SitePath, VaultFile, app, load_site, print_json, say_notices
from gmconf.errors import GmconfError, SiteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gmconf.build.diff import Change
    from gmconf.build.explain import Answer
    from gmconf.build.sources import Sources
    from gmconf.site.load import Loaded


@app.command(cls=Formatted, epilog="Examples: gmconf validate site.yml; gmconf validate site.yml --strict")
def validate(
    site: SitePath,
    output: OutputFormat = Format.text,
    vault_password_file: VaultFile = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 1 while keys are to be made or the declared level lacks something.")
    ] = False,
) -> None:
    """Check a site and say where it is wrong.

    Types, names, the rules between fields, and key files; with the vault password also passwords (missing, weak) and
    whether private keys belong to public ones. Prints nothing when all is fine. What is still to be done is listed on
    standard error and is no mistake: keys of a new site, logins without a password, and what the declared level lacks.
    """
    try:
        loaded = load_site(site, keys=False)
        if loaded.secrets.exists():
            loaded = load_site(site)
            _custody(loaded, vault_password_file)
            undone = _undone(loaded, site)
        else:
            from gmconf.build.soundness import refuse_records

            refuse_records(loaded)
            undone = _unmade(site)
    except SiteError as error:
        if output is Format.json:
            print_json({"errors": [problem.json() for problem in error.problems]})
            raise typer.Exit(2) from None
        raise
    if output is Format.json:
        print_json({"errors": []})
    say_notices(loaded)
    _tell(undone)
    if strict and undone:
        raise typer.Exit(1)


VAULT_PASSWORD = (
    "  a vault password: (umask 077; openssl rand -base64 32 > ~/.vault-password); export"
    " ANSIBLE_VAULT_PASSWORD_FILE=~/.vault-password"
)


def _unmade(site: Path) -> list[str]:
    """What a draft still needs before it can be rendered: a site beside which nothing was made yet."""
    return [
        f"{site} is right. Still to make, before it can be rendered:",
        *([] if os.environ.get("ANSIBLE_VAULT_PASSWORD_FILE") else [VAULT_PASSWORD]),
        f"  keys: gmconf keys {site}",
        f"  first passwords, printed once: gmconf passwd {site} --generate",
    ]


def _undone(loaded: Loaded, site: Path) -> list[str]:
    """The to-do list of the declared level; judged as ``gmconf check`` does."""
    if loaded.site.level is None:
        return []
    from datetime import UTC, datetime

    from gmconf.assess.check import check
    from gmconf.assess.text import todo

    return list(todo(check(loaded, datetime.now(UTC).date()), loaded.site.level, str(site)))


def _tell(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)


def _custody(loaded: Loaded, vault_password_file: Path | None) -> None:
    """Name what is to be done about secrets. Raises SiteError for what is wrong."""
    from gmconf.keys.vault import read_password
    from gmconf.site.custody import look

    found = look(loaded, read_password(vault_password_file) if vault_password_file else None)
    for note in sorted(found.notes):
        print(f"note: {note}", file=sys.stderr)
    if found.wrong:
        raise SiteError(found.wrong)


@app.command(cls=Formatted, epilog="Examples: gmconf render site.yml -o build; gmconf render site.yml -o build --check")
def render(
    site: SitePath,
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to write.")] = Path("build"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 when the directory is out of date.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print the whole unified diff, not only its summary.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Write nothing and exit 1 while the declared level lacks something.")
    ] = False,
    output: OutputFormat = Format.text,
) -> None:
    """Render a site into an Ansible project.

    Prints what changed since the last time. A site that does not hold its declared level yet is rendered all the same,
    with the list of what is missing on standard error; --strict refuses it.
    """
    loaded = load_site(site)
    undone = _undone(loaded, site)
    _tell(undone)
    if strict and undone:
        raise typer.Exit(1)
    say_notices(loaded)

    from gmconf.build import output as build_folder
    from gmconf.build.diff import changes
    from gmconf.build.tree import build

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
        rows = [{"path": c.path, "kind": c.kind, "added": c.counts[0], "removed": c.counts[1]} for c in found]
        print_json({"changes": rows})
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
    cls=Formatted,
    epilog=(
        "Examples: gmconf explain main.cf:smtpd_tls_security_level; gmconf explain /etc/dovecot/users:4; "
        "gmconf explain master.cf:submission; gmconf explain alice@example.org; "
        "gmconf explain limits.message_size --what-if"
    ),
)
def explain(
    what: Annotated[
        str,
        typer.Argument(
            help="PATH, PATH:LINE, FILE:KEY, master.cf:SERVICE, an address, or a field of the site.",
            autocompletion=completion.rendered_files,
        ),
    ],
    build: Annotated[Path, typer.Option("--build", "-b", help="The rendered tree.")] = Path("build"),
    site: Annotated[
        Path, typer.Option("--site", "-s", help="The site; read for rows of tables, addresses and fields.")
    ] = Path("site.yml"),
    host: Annotated[
        str | None, typer.Option("--host", help="One host only.", autocompletion=completion.rendered_hosts)
    ] = None,
    what_if: Annotated[
        bool, typer.Option("--what-if", help="Try another value of a field, and show which lines would change.")
    ] = False,
    output: OutputFormat = Format.text,
) -> None:
    """Explain why a rendered line is there, and where to change it.

    A row of a table is traced to its line in site.yml or in a user file, an address to its account and to every line
    that names it, a field to the lines that come from it. For a comment the line that follows is explained.
    """
    from gmconf.build.explain import NothingFitsError
    from gmconf.build.explain import explain as ask

    quiet = output is Format.json
    if what_if:
        answers = list(_tried(site, what, quiet=quiet))
    else:
        try:
            answers = ask(build, what, host, lambda: _sources(site))
        except NothingFitsError:
            if not site.is_file() or ":" in what or "/" in what:
                raise
            answers = []
        if not quiet and site.is_file():
            _introduce(site, what, answered=bool(answers))
    if quiet:
        print_json({"answers": [answer.json() for answer in answers]})
        return
    for answer in answers:
        place = f"{answer.path}:{answer.line}" if answer.line else answer.path
        print(f"{answer.host} {place}" + (f"  {answer.text.strip()}" if answer.text else ""))
        for reason in answer.because:
            print(f"    {_sentence(reason)}")


def _sources(site: Path) -> Sources | None:
    """Where rows and addresses come from; None where the site is not at hand."""
    if not site.is_file():
        return None
    from gmconf.build.sources import Sources
    from gmconf.site.load import load

    return Sources(load(site, keys="public"))


def _introduce(site: Path, what: str, *, answered: bool) -> None:
    """Say where a field stands and what it is for. Raises GmconfError when nothing was answered and it is no field."""
    from gmconf.build.variants import field_of
    from gmconf.site.load import load

    if any(sign in what for sign in "@:/"):
        return
    loaded = load(site, keys=False)
    try:
        field = field_of(loaded.site, what)
    except GmconfError:
        if answered:  # the name of a rendered file
            return
        raise
    print(f"{field.name} at {loaded.why(field.name).ref}" + (f": {field.about}" if field.about else ""))
    if not answered:
        print(f"No rendered line names it. To try other values: gmconf explain {field.name!r} --what-if")


def _tried(site: Path, what: str, *, quiet: bool) -> Sequence[Answer]:
    """What would be otherwise if a field of the site were; prints what was tried."""
    from datetime import UTC, datetime

    from gmconf.build.whatif import influence

    found = influence(load_site(site), what, datetime.now(UTC).date())
    if not quiet:
        print(f"{found.field} at {found.place}" + (f": {found.about}" if found.about else ""))
        print(
            f"{found.tried} these would change:"
            if found.answers
            else "No other value that was tried changes a rendered line or a control."
        )
    return found.answers


def _sentence(reason: dict[str, str]) -> str:
    if reason["kind"] == "site":
        return f"set by {reason['text']} at {reason['ref']}; change it there"
    if reason["kind"] == "control":
        return f"control {reason['ref']}: {reason['text']}"
    return f"{reason['ref']} needs it: {reason['text']}"


@app.command(epilog="Example: gmconf schema > site.schema.json")
def schema() -> None:
    """Print the JSON schema of site.yml.

    With it editors complete and check the file.
    """
    from gmconf.model import Site

    described = Site.model_json_schema()
    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "gmconf site", **described})
