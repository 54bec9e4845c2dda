"""Ports that the site itself has opened: by ``network.allow``, and by overrides that name a server elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address
from typing import NamedTuple

from gmconf.daemons import SERVICES as DAEMONS
from gmconf.model import Host, Site
from gmconf.model.firewall import Incoming, Outgoing, span
from gmconf.services.plan import View
from gmconf.settings import Reason

USERS = {service.overrides: service.user for service in DAEMONS if service.overrides}
"""The user of the system under which the daemon of each section of overrides connects."""
SERVICES = {
    "smtp": 25,
    "submission": 587,
    "submissions": 465,
    "smtps": 465,
    "lmtp": 24,
    "ldap": 389,
    "ldaps": 636,
    "http": 80,
    "https": 443,
}
"""Ports of services that overrides name by their name (IANA's register)."""
# [host]:587, smtp.example.org:submission, inet:192.0.2.1:8891; a bare [host] has its protocol's port, 25 in Postfix.
_NEXT_HOP = re.compile(
    r"(?:^|[\s,=:])\[(?P<host>[^\]\s]+)\](?::(?P<port>\w+))?|(?:^|[\s,=:])(?P<name>(?:[\w-]+\.)+[\w-]+):(?P<at>\w+)"
)
_ADDRESS = re.compile(r"\b(?P<scheme>ldaps?|https?)://(?P<host>\[[^\]\s]+\]|[^\s:/,]+)(?::(?P<port>\d+))?")
_RELAYS = (
    "relayhost",
    "smtp_fallback_relay",
    "fallback_relay",
    "default_transport",
    "relay_transport",
    "sender_dependent_default_transport_maps",
)
"""Parameters of Postfix whose next hop may be a bare name, reached on port 25."""


class Opening(NamedTuple):
    """One rule: ports of a protocol, for networks of one family, or for everybody."""

    protocol: str
    ports: tuple[int | str, ...]
    family: str
    """"ip" or "ip6"; empty when no networks are named."""
    networks: tuple[str, ...]
    user: str
    """The user of the system that may connect; empty: every user."""
    purpose: str
    """What it is for, in the site's words."""
    because: tuple[Reason, ...]


def incoming(view: View) -> Iterator[Opening]:
    """What may come in besides what gmconf's services listen on, in the order of site.yml."""
    for number, one in enumerate(view.site.network.allow.incoming):
        if _concerns(one, view):
            yield from _families(one, "", view.why(f"network.allow.incoming[{number}]"))


def outgoing(view: View) -> Iterator[Opening]:
    """What may go out besides what gmconf's services need: as ``network.allow`` says, then for overrides."""
    for number, one in enumerate(view.site.network.allow.outgoing):
        if _concerns(one, view):
            yield from _families(one, one.user or "", view.why(f"network.allow.outgoing[{number}]"))
    for section, path, host, port in endpoints(view.site, view.host):
        if port == SERVICES["smtp"] and section == "postfix":
            continue  # the MTA's way out is open anyway
        because = (view.why(path),)
        address = _address(host)
        family, networks = ("ip6" if ":" in address else "ip", (address,)) if address else ("", ())
        for protocol in ("tcp", "udp") if section == "unbound" else ("tcp",):
            yield Opening(protocol, (port,), family, networks, USERS[section], path, because)


def merged(ports: Iterable[int | str]) -> tuple[int | str, ...]:
    """Ports and ranges in order, put together where they overlap: a set of nftables takes each port once."""
    found: list[list[int]] = []
    for first, last in sorted(span(p) for p in ports):
        if found and first <= found[-1][1]:
            found[-1][1] = max(last, found[-1][1])
        else:
            found.append([first, last])
    return tuple(first if first == last else f"{first}-{last}" for first, last in found)


def endpoints(site: Site, host: Host) -> Iterator[tuple[str, str, str, int]]:
    """(section, path, server, port) of every server on another machine that an override names for a host."""
    for section, _ in site.overrides:
        for key, (value, path) in site.overriding(host, section).items():
            for server, port in dict.fromkeys(_endpoints(key, value)):
                if not _is_loopback(server):
                    yield section, path, server, port


def _endpoints(key: str, value: str) -> Iterator[tuple[str, int]]:
    rest = value
    for found in _ADDRESS.finditer(value):
        rest = rest.replace(found[0], " ")
        yield found["host"].strip("[]"), int(found["port"] or SERVICES[found["scheme"]])
    for found in _NEXT_HOP.finditer(rest):
        port = _port(found["port"] or found["at"] or ("lmtp" if "lmtp:" in rest else "smtp"))
        if port:
            yield found["host"] or found["name"], port
    if key == "forward-addr" or key.endswith("/forward-addr"):
        yield value.partition("@")[0], int(value.partition("@")[2].partition("#")[0] or 53)


def _port(word: str) -> int:
    return int(word) if word.isdigit() and int(word) <= 65535 else SERVICES.get(word, 0)


def _address(host: str) -> str:
    try:
        return str(ip_address(host.removeprefix("IPv6:")))
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return ip_address(address).is_loopback if address else host in ("localhost", "localhost.localdomain")


def _concerns(one: Incoming | Outgoing, view: View) -> bool:
    return not one.hosts or view.host.name in one.hosts


def _families(one: Incoming | Outgoing, user: str, why: Reason) -> Iterator[Opening]:
    ports = merged(one.ports)
    if not one.networks:
        yield Opening(one.protocol, ports, "", (), user, one.reason, (why,))
        return
    for family, networks in (
        ("ip", tuple(map(str, collapse_addresses(IPv4Network(n) for n in one.networks if ":" not in n)))),
        ("ip6", tuple(map(str, collapse_addresses(IPv6Network(n) for n in one.networks if ":" in n)))),
    ):
        if networks:
            yield Opening(one.protocol, ports, family, networks, user, one.reason, (why,))
