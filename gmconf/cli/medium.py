"""What is handed to users: medium."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gmconf.cli.app import SitePath, app, load_site


@app.command(epilog="Example: gmconf medium site.yml -o medium.iso")
def medium(
    site: SitePath,
    out: Annotated[Path, typer.Option("--out", "-o", help="Image file to write.")] = Path("medium.iso"),
) -> None:
    """Make an ISO image for users: client set-up.

    The portable medium: client set-up of all domains, support page, installers and checksums. The same site makes the
    same bytes; SOURCE_DATE_EPOCH sets the date of the files. Needs xorriso.
    """
    loaded = load_site(site)

    from gmconf.build.medium import contents, image
    from gmconf.build.tree import build

    files = contents(loaded, build(loaded).files)
    image(files, out)
    print(f"{out}: {len(files)} files" + (f", {out.stat().st_size} bytes" if out.is_file() else ""))
