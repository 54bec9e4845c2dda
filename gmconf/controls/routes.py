"""Where hosts hand mail on: filter, next MTA; and what stops when a host is away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from gmconf.controls.case import HostCase
from gmconf.controls.files import MAIN
from gmconf.model import Role

_INET = re.compile(r"inet:\[?([0-9A-Fa-f:.]+?|[\w.-]+)\]?:\d+$")


READ = frozenset({(MAIN, "relayhost"), (MAIN, "smtpd_milters")})
"""(file, key) of the settings that are read here, besides those that controls name."""


def milter(case: HostCase) -> str:
    """Where a host has its mail judged, as the site has it and Postfix spells it; empty where none passes."""
    if not case.has(Role.MTA, Role.MSA):
        return ""
    if case.has(Role.FILTER):
        return "unix:/run/rspamd/milter.sock"
    address = next(h for h in case.site.hosts if Role.FILTER in h.roles).addresses[0]
    return f"inet:{f'[{address}]' if ':' in address else address}:11332"


class Route(NamedTuple):
    """What one host needs of others to take mail, and to pass it on."""

    host: str
    takes: bool
    """Strangers' mail, as an MX."""
    submits: bool
    """Users' mail."""
    stores: bool
    filters: frozenset[str]
    """Other hosts that its milters run on; Postfix asks each of them, and puts mail off when one is silent."""
    relays: frozenset[str]
    """Hosts of which one must take its mail; empty: it sends by itself."""


def route(case: HostCase) -> Route:
    """Read off the rendered settings of a host."""
    relays = frozenset(_owner(case, name.strip("[]").partition("]")[0]) for name in _listed(case, "relayhost"))
    return Route(
        case.host.name, case.has(Role.MTA), case.has(Role.MSA), case.has(Role.STORE), frozenset(filters(case)), relays
    )


def filters(case: HostCase) -> Iterator[str]:
    """Names of the hosts that the milters of this one run on, over TCP; an address as it is where no host of the site
    has it."""
    for place in _listed(case, "smtpd_milters"):
        found = _INET.match(place)
        if found:
            yield _owner(case, found[1])


def _listed(case: HostCase, key: str) -> list[str]:
    setting = case.value(MAIN, key)
    value = setting.value if setting else ""
    return (
        [str(v) for v in value] if isinstance(value, list | tuple) else re.split(r"[,\s]+", str(value)) if value else []
    )


def _owner(case: HostCase, address: str) -> str:
    try:
        wanted = ip_address(address)
    except ValueError:
        return address
    return next((h.name for h in case.site.hosts if any(ip_address(a) == wanted for a in h.addresses)), address)


def needed(routes: Sequence[Route]) -> Iterator[tuple[str, list[str]]]:
    """(service, hosts that it cannot do without) for each service of a site;
    a service that nobody offers is left out.
    """
    chains = {
        "mail for the domains is taken": [{r.host, *r.filters} for r in routes if r.takes],
        "users hand in mail": [{r.host, *r.filters} for r in routes if r.submits],
        "mail leaves the site": [
            {r.host, *r.filters, *(r.relays if len(r.relays) == 1 else ())} for r in routes if r.submits
        ],
        "users read their mail": [{r.host} for r in routes if r.stores],
    }
    for service, ways in chains.items():
        if ways:
            yield service, sorted(set.intersection(*map(set, ways)))
