"""Which hosts answer for the site's zones themselves, and for which zones."""

from __future__ import annotations

from gmconf.derived.records import order
from gmconf.derived.zones import Zones
from gmconf.model import Host, Role, Site


def keepers(site: Site) -> tuple[Host, ...]:
    """Hosts with role nameserver; the first of them is the primary, which signs."""
    return tuple(host for host in site.hosts if Role.NAMESERVER in host.roles)


def kept(site: Site) -> list[str]:
    """Zones that these hosts answer for: every one that the site knows of, in DNSSEC's order.
    None without such a host.
    """
    return sorted(Zones(site).cuts, key=order) if keepers(site) else []
