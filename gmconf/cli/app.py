"""The command itself, and what its parts have in common: options, printing, loading."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand, TyperGroup

from gmconf import __version__
from gmconf.errors import GmconfError, Mark, Problem, SiteError
from gmconf.printable import form

if TYPE_CHECKING:
    from gmconf.site.load import Loaded

app = typer.Typer(
    help="Mail-as-code: one site.yml becomes the configuration of Postfix, Dovecot, rspamd and ClamAV on Debian hosts.",
    epilog="Exit codes: 0 fine, 1 a check failed, 2 the site or the call is wrong.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


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


def spoken(default: str) -> type[TyperGroup]:
    """A group of commands that means ``default`` where no further word is said: gmconf dns SITE."""

    class Spoken(TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            if args and args[0] not in (*self.commands, "--help"):
                args = [default, *args]
            return super().parse_args(ctx, args)

    return Spoken


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


def load_site(path: Path, *, keys: bool | Literal["public"] = True) -> Loaded:
    """The site of a command. Imports are made where they are needed, so that --help and --version stay quick.

    What one command refuses all refuse: whoever loads with keys also sees whether everything can be made of the site.
    """
    from gmconf.site.load import load

    loaded = load(path, keys=keys)
    if keys and (loaded.site.dns.records or any(loaded.site.overridden())):
        from gmconf.build.soundness import sound

        sound(loaded)
    return loaded


def say_notices(loaded: Loaded) -> None:
    """What deserves a second look, on the error output: nothing is wrong."""
    import sys

    from gmconf.site.notices import notices

    for text in notices(loaded):
        print(f"note: {text}", file=sys.stderr)


def print_json(data: Mapping[str, object]) -> None:
    """What a script reads."""
    print(form(data))


class Formatted(TyperCommand):
    """A command with --format: what is wrong with the site or the call comes in that format too, so that a pipeline has
    something to read."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (SiteError, GmconfError) as error:
            from gmconf.assess.formats import mistakes

            site = str(ctx.params.get("site") or self.name)
            problems = error.problems if isinstance(error, SiteError) else [Problem(Mark(site), "", str(error))]
            text, file = (
                mistakes(
                    problems, str(ctx.params.get("output")), f"gmconf {ctx.command_path.partition(' ')[2]} {site}"
                ),
                ctx.params.get("file"),
            )
            if text is None:
                raise
            if isinstance(file, Path):
                file.write_text(text + "\n", "utf-8")
                raise
            print(text)
            raise typer.Exit(2) from None
