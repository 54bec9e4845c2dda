"""Reference pages of gmconf itself: docs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gmconf.cli.app import app


@app.command(epilog="Example: gmconf docs -o docs/reference")
def docs(
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory to write; old pages in it are replaced.")] = Path(
        "docs/reference"
    ),
) -> None:
    """Write the reference as Markdown pages.

    Fields of site.yml, controls, probes, commands and every rendered key, made from the code.
    """
    from gmconf.reference.pages import pages, write

    made = pages(typer.main.get_command(app))
    write(made, out)
    print(f"{out}: {len(made)} pages written")
