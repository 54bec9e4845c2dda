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

    @cached_property
    def _homes(self) -> frozenset[str]:
        """Zones of hosts that lie in no zone of the site: the parent of the host's name, or that name itself where the
        parent is a registry's."""
        found: set[str] = set()
        for name in sorted((h.name for h in self.site.hosts), key=lambda n: n.count(".")):
            if self.cuts.isdisjoint((name, *parents(name))) and found.isdisjoint((name, *parents(name))):
                above = name.partition(".")[2]
                found.add(name if registry(above) else above)
        return frozenset(found)

    def of(self, name: str) -> str:
        """The zone of a name: its longest ancestor among the zones of the site and of its hosts, or itself."""
        return self.known(name) or name

    def known(self, name: str) -> str | None:
        """The longest ancestor among the zones of the site, else of its hosts, or the name itself; None for a name
        elsewhere."""
        return self.ours(name) or next((n for n in (name, *parents(name)) if n in self._homes), None)

    def ours(self, name: str) -> str | None:
        """The longest ancestor among the zones of the site, or the name itself."""
        return next((n for n in (name, *parents(name)) if n in self.cuts), None)

    def reverse(self, address: str) -> tuple[str, str]:
        """(zone, owner) of an address's PTR: in-addr.arpa by /24 and ip6.arpa by /64 unless a known zone holds it."""
        owner = reverse_name(address)
        labels = owner.split(".")
        return self.known(owner) or ".".join(labels[1:] if ":" not in address else labels[16:]), owner


_SECOND = frozenset(
    ("ac", "co", "com", "edu", "ed", "gob", "gov", "gv", "ltd", "me", "mil", "ne", "net", "nom", "or", "org", "plc")
)
"""Below the top level domains of many countries names are registered under these."""


def registry(name: str) -> bool:
    """Whether names right below are registered by others: a top level domain, or one such as co.uk."""
    first, _, top = name.partition(".")
    return not top or (len(top) == 2 and first in _SECOND)


def parents(name: str) -> Iterator[str]:
    """All ancestors, the nearest first."""
    while name := name.partition(".")[2]:
        yield name


def reverse_name(address: str) -> str:
    """The owner of an address's PTR record."""
    return ip_address(address).reverse_pointer
