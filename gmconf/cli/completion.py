"""What a shell may offer at a word: names of controls, probes, hosts and files. Looked up only when it asks."""

from __future__ import annotations

from pathlib import Path

import typer


def controls(incomplete: str) -> list[tuple[str, str]]:
    """Ids of controls with their titles."""
    from gmconf.controls import CATALOGUE

    return [(c.id, c.title) for c in CATALOGUE.values() if c.id.startswith(incomplete)]


def probes(incomplete: str) -> list[tuple[str, str]]:
    """Names of the probes of gmconf verify."""
    from gmconf.verify.engine import PROBES

    return [(p.name, p.title) for p in PROBES.values() if p.name.startswith(incomplete)]


def levels(incomplete: str) -> list[str]:
    """Levels, the lowest first."""
    from gmconf.model.levels import LEVELS

    return [level for level in LEVELS if level.startswith(incomplete)]


def hosts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Hosts of the site that the call names; none while it cannot be read."""
    from gmconf.errors import GmconfError, SiteError
    from gmconf.site.load import load

    # The word before an option that still has no value is not taken as the argument yet.
    named = ctx.params.get("site") or next((word for word in ctx.args if not word.startswith("-")), "site.yml")
    try:
        site = load(Path(str(named)), keys=False).site
    except (GmconfError, SiteError, OSError):
        return []
    return [host.name for host in site.hosts if host.name.startswith(incomplete)]


def rendered_hosts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Hosts of a rendered tree."""
    return sorted(folder.name for folder in _rendered(ctx) if folder.name.startswith(incomplete))


def rendered_files(ctx: typer.Context, incomplete: str) -> list[str]:
    """Files of a rendered tree, as they are called on the hosts."""
    trees = [folder / "tree" for folder in _rendered(ctx)]
    found = {f"/{file.relative_to(tree)}" for tree in trees for file in tree.rglob("*") if file.is_file()}
    return sorted(path for path in found if path.startswith(incomplete))


def _rendered(ctx: typer.Context) -> list[Path]:
    build = Path(str(ctx.params.get("build") or "build"))
    return [folder for folder in build.glob("hosts/*") if folder.is_dir()]
