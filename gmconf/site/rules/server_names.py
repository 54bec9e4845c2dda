"""What must hold about names that domains have for the servers: each rule is a function that yields (path,
sentence).
"""

from __future__ import annotations

from collections.abc import Iterator

from gmconf.derived.accounts import Directory
from gmconf.derived.zones import Zones
from gmconf.keys.names import server_names, web_names
from gmconf.model import Role, Site

Finding = tuple[str, str]
MOST_ON_BOOKWORM = 1000
"""Tried out: 1,000 are well, 1,500 are not."""


def names_are_free(site: Site, _: Directory) -> Iterator[Finding]:
    """A name is one domain's own, lies below it, and means nothing else."""
    if not any(domain.server_names for domain in site.domains):
        return
    zones, first = Zones(site), dict[str, str]()
    taken = {h.name: "is a host's own name; leave it out, and the host is called by it" for h in site.hosts}
    taken |= {d.name: "is a mail domain, whose name leads to its web site; take one below it" for d in site.domains}
    taken |= {name: "is a name of the web server; take another name" for name, _ in web_names(site)}
    for name, field in server_names(site):
        place = field.rpartition(".server_names")[0]
        domain = site.domains[int(place.removeprefix("domains[").removesuffix("]"))]
        if first.setdefault(name, place) != place:
            yield field, f"{name} is already a name of {first[name]}; each domain needs a name of its own"
        if name in taken:
            yield field, f"{name} {taken[name]}"
        elif not name.endswith(f".{domain.name}"):
            yield (
                field,
                f"{name} does not lie below {domain.name}; its certificate and its records would be somebody else's",
            )
        elif zones.of(name) != zones.of(domain.name):
            yield (
                field,
                (
                    f"{name} lies in the zone {zones.of(name)} (dns.zones), not in that of {domain.name}; take a name"
                    " outside it"
                ),
            )


def names_are_useful(site: Site, _: Directory) -> Iterator[Finding]:
    """There is something to reach under them."""
    for number, domain in enumerate(site.domains):
        if domain.server_names is None:
            continue
        path = f"domains[{number}].server_names"
        if domain.kind == "parked":
            yield path, "a parked domain neither sends nor receives; remove it"
        elif not domain.own_names:
            yield path, "says nothing; give clients, mx or both"


def names_lead_to_hosts(site: Site, _: Directory) -> Iterator[Finding]:
    """A name has the addresses of all hosts that it is for, so each of them has to offer what is looked for."""
    msa, store = ({h.name for h in site.hosts if role in h.roles} for role in (Role.MSA, Role.STORE))
    receiving = [h for h in site.hosts if Role.MTA in h.roles]
    proof = site.tls.acme.challenge if site.tls.source == "acme" and site.tls.acme else ""
    for number, domain in enumerate(site.domains):
        own, path = domain.server_names, f"domains[{number}].server_names"
        if own and own.clients and msa != store:
            apart = ", ".join(sorted(msa ^ store))
            yield (
                f"{path}.clients",
                (
                    f"programs look for submission and mailboxes at one place, and of these not both are at {apart};"
                    " leave clients out, or give hosts both roles"
                ),
            )
        if own and own.mx and len(receiving) > 1 and proof == "http-01":
            yield (
                f"{path}.mx",
                (
                    "leads to several hosts, so the CA may ask one that has not asked it: tls.acme.challenge has to be"
                    " dns-01"
                ),
            )
        if own and own.mx and own.mx == own.clients and {h.name for h in receiving} != msa:
            yield (
                f"{path}.mx",
                "is the name for programs too, but other hosts receive mail than take it from users; take two names",
            )


def names_fit_in_memory(site: Site, _: Directory) -> Iterator[Finding]:
    """Dovecot 2.3 takes 140 KiB for each: with more its configuration process ends, and a reload does nothing without
    saying so."""
    old = next((h.name for h in site.hosts if Role.STORE in h.roles and h.release == "bookworm"), None)
    fields = [field for _, field in server_names(site, (Role.STORE,))] if old else []
    if len(fields) > MOST_ON_BOOKWORM:
        yield (
            fields[MOST_ON_BOOKWORM],
            (
                f"Dovecot of Debian 12 on {old} has room for {MOST_ON_BOOKWORM} names of {len(fields)}; move the host"
                " to trixie, or leave clients out"
            ),
        )


NAME_RULES = (names_are_free, names_are_useful, names_lead_to_hosts, names_fit_in_memory)
