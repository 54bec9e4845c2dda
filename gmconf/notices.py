"""Sentences about a site that is valid and still deserves a second look: choices that nobody made."""

from __future__ import annotations

from collections.abc import Iterator

from gmconf.document import parse_path
from gmconf.load import Loaded
from gmconf.model import Role


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
                f"{loaded.path.name}: {host.name} has the role filter, and no host asks it: mail is judged on the host that takes it, or by {first}; "
                "give it mta or msa too, or take it away"
            )
