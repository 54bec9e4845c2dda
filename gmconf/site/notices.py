"""Sentences about a site that is valid and still deserves a second look: choices that nobody made."""

from __future__ import annotations

from collections.abc import Iterator

from gmconf.model import Role
from gmconf.model.document import parse_path
from gmconf.site.load import Loaded


def notices(loaded: Loaded) -> Iterator[str]:
    """One sentence each, with the file it is about."""
    if not loaded.document.has(parse_path("network.admin")):
        everybody = 'admin: [0.0.0.0/0, "::/0"]'
        yield (
            f"{loaded.path.name}: network.admin is not set, so the whole Internet may reach SSH; "
            f"name the networks you administer from, or write {everybody} if that is meant"
        )
    first = next(h.name for h in loaded.site.hosts if Role.FILTER in h.roles)
    for host in loaded.site.hosts:
        if Role.FILTER in host.roles and host.name != first and not {Role.MTA, Role.MSA} & set(host.roles):
            yield (
                f"{loaded.path.name}: {host.name} has the role filter, and no host asks it: mail is judged on the host"
                f" that takes it, or by {first}; give it mta or msa too, or take it away"
            )
    yield from _gone(loaded)


def _gone(loaded: Loaded) -> Iterator[str]:
    """Domains that had keys and stand in the site no more: renamed or removed, their mail stays on disk under the old
    name."""
    ours, folder = {d.name for d in loaded.site.domains}, loaded.secrets / "dkim"
    for name in sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else ():
        if name not in ours:
            yield (
                f"{loaded.path.name}: {name} has keys in {loaded.site.secrets.folder}/dkim and is no domain of this"
                f" site any more; mail of its mailboxes stays in /var/vmail/{name} on the store. If it was renamed,"
                f" move that folder to the new name after the roll-out, correct addresses in {name} elsewhere in"
                " site.yml, and set passwords for the new logins (gmconf passwd). Then remove the keys"
            )
