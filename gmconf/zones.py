"""In which zone a name of the site lies."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from ipaddress import ip_address

from gmconf.model import Site


class Zones:
    """The zone cuts of a site: its domains without an ancestor among them, and what ``dns.zones`` adds."""

    def __init__(self, site: Site) -> None:
        self.site = site

    @cached_property
    def cuts(self) -> frozenset[str]:
        """Apexes that the site knows of."""
        names = {d.name for d in self.site.domains}
        return frozenset(n for n in names if names.isdisjoint(parents(n))) | set(self.site.dns.zones)

    def of(self, name: str) -> str:
        """The zone of a name of a domain or host: the longest known ancestor, or itself; else the name's parent."""
        return self.known(name) or name.partition(".")[2]

    def known(self, name: str) -> str | None:
        """The longest ancestor among the known zones, or the name itself."""
        if name in self.cuts:
            return name
        return next((n for n in parents(name) if n in self.cuts), None)

    def reverse(self, address: str) -> tuple[str, str]:
        """(zone, owner) of an address's PTR: in-addr.arpa by /24 and ip6.arpa by /64 unless a known zone holds it."""
        owner = reverse_name(address)
        labels = owner.split(".")
        return self.known(owner) or ".".join(labels[1:] if ":" not in address else labels[16:]), owner


def parents(name: str) -> Iterator[str]:
    """All ancestors, the nearest first."""
    while name := name.partition(".")[2]:
        yield name


def reverse_name(address: str) -> str:
    """The owner of an address's PTR record."""
    return ip_address(address).reverse_pointer
