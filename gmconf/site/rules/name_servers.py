"""What must hold about role nameserver: each rule is a function that yields (path, sentence)."""

from __future__ import annotations

from collections.abc import Iterator

from gmconf.derived.accounts import Directory
from gmconf.derived.name_servers import keepers, kept
from gmconf.derived.records import order
from gmconf.derived.zones import Zones, parents
from gmconf.model import Role, Site

Finding = tuple[str, str]


def servers_are_named(site: Site, _: Directory) -> Iterator[Finding]:
    """NS records name the hosts that answer, and nobody else; the primary alone may stay hidden."""
    ours = [host.name for host in keepers(site)]
    if not ours:
        return
    named = [server.name for server in site.dns.nameservers]
    numbers = {host.name: number for number, host in enumerate(site.hosts)}
    if not set(named) & set(ours):
        yield (
            f"hosts[{numbers[ours[0]]}].roles",
            f"NS records would not name {ours[0]}: name it in dns.nameservers, or remove the role nameserver",
        )
        return
    for name in ours[1:]:
        if name not in named:
            yield (
                f"hosts[{numbers[name]}].roles",
                (
                    f"{name} would be a secondary that nobody asks; name it in dns.nameservers, or remove the role"
                    " nameserver"
                ),
            )
    for number, server in enumerate(site.dns.nameservers):
        if server.name not in ours:
            what = (
                f"{server.name} would get the zones from nobody; give a host of that name the role nameserver, or"
                " remove it here"
            )
            yield f"dns.nameservers[{number}].name", what


def zones_are_whole(site: Site, _: Directory) -> Iterator[Finding]:
    """A zone below another one would need its DS record there, which nobody puts there in this version."""
    zones = kept(site)
    for number, name in enumerate(site.dns.zones):
        above = next((parent for parent in parents(name) if parent in zones), None)
        if above:
            yield (
                f"dns.zones[{number}]",
                (
                    f"{name} lies in {above}, which would not vouch for its keys (DS) in this version; remove it here,"
                    f" and it is a part of {above}"
                ),
            )
    for number, host in enumerate(site.hosts):
        if Role.NAMESERVER in host.roles and not zones:
            yield (
                f"hosts[{number}].roles",
                "there is no zone to serve: the site has no domain; remove the role nameserver",
            )


def updates_go_elsewhere(site: Site, _: Directory) -> Iterator[Finding]:
    """Zones that are rendered take no updates from others."""
    update = site.tls.acme.update if site.tls.acme else None
    for host in keepers(site) if update else ():
        if update and update.server in (*host.addresses, *host.public_addresses):
            yield (
                "tls.acme.update.server",
                (
                    f"{host.name} serves what is rendered and takes no updates (RFC 2136); use challenge: http-01 with"
                    " a host of role web"
                ),
            )


def others_fit(site: Site, _: Directory) -> Iterator[Finding]:
    """Records besides those of the mail service lie in zones of the site, once, and a CNAME alone (RFC 2181)."""
    zones, seen = Zones(site), set()
    types: dict[str, set[str]] = {}
    for record in site.dns.records:
        types.setdefault(record.name, set()).add(record.type)
    for number, record in enumerate(site.dns.records):
        path = f"dns.records[{number}]"
        zone = zones.ours(record.name.removeprefix("*."))
        if zone is None:
            yield (
                f"{path}.name",
                f"{record.name} lies in no zone of this site: {', '.join(sorted(zones.cuts, key=order))}",
            )
        if record.type == "CNAME" and (len(types[record.name]) > 1 or record.name == zone):
            yield f"{path}.type", f"{record.name} has other records, so it cannot be an alias (RFC 2181)"
        if (record.name, record.type, record.value) in seen:
            yield path, "this record stands here twice; keep one"
        seen.add((record.name, record.type, record.value))


NAMESERVER_RULES = (others_fit, servers_are_named, zones_are_whole, updates_go_elsewhere)
