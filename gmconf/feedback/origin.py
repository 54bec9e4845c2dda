"""Whose mail a report tells of: that of a host of the site, of a service that it names, or of anybody."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import NamedTuple

from gmconf.feedback.model import Aggregate, Row
from gmconf.model import Site


class Counted(NamedTuple):
    """A row of a report on one of the site's domains, and whose mail it is."""

    domain: str
    report: Aggregate
    row: Row
    host: str
    """The host of the site that sent it; empty for others."""
    sender: str
    """The reason of the service of others that did (``domains[].senders``); empty for everybody else."""


class Origin:
    """A site's domains, hosts and other senders, to look rows up in."""

    def __init__(self, site: Site) -> None:
        self._names = [d.name for d in site.domains]
        self._hosts = {
            str(ip_address(a)): host.name for host in site.hosts for a in (*host.addresses, *host.public_addresses)
        }
        self._senders = {
            d.name: [
                (one.reason, [*map(ip_network, one.networks)], {f"{d.name}/{name} pass" for name in one.selectors})
                for one in d.senders
            ]
            for d in site.domains
        }

    def domain(self, name: str) -> str:
        """The site's domain that a name is, or lies below; the longest. Empty when there is none."""
        return max((n for n in self._names if f".{name}".endswith(f".{n}")), key=len, default="")

    def reasons(self, domain: str) -> list[str]:
        """What the services of others are for that send in the domain's name, as site.yml lists them."""
        return [reason for reason, _, _ in self._senders[domain]]

    def counted(self, domain: str, report: Aggregate, row: Row) -> Counted:
        """A row with its origin. ``include`` says nothing here: only DNS knows its addresses."""
        return Counted(domain, report, row, self._hosts.get(row.source, ""), self._sender(domain, row))

    def _sender(self, domain: str, row: Row) -> str:
        source, signed = ip_address(row.source), {text.lower() for text in row.signatures}
        for reason, networks, keys in self._senders[domain]:
            # A signature that failed may be anybody's.
            if keys & signed or any(source in net for net in networks):
                return reason
        return ""
