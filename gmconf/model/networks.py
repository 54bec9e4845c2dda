"""IP addresses and networks, as types: each accepts only what the field it stands in can mean.

Python's own parsers take an IPv6 address with a zone index of any text behind ``%``; none of these does.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated

from pydantic import AfterValidator, Field

Address = IPv4Address | IPv6Address
_LOCAL = "cannot be reached from elsewhere; a unicast address of the host is needed"
_NOBODYS = {
    "255.255.255.255/32": "is the broadcast address",
    "240.0.0.0/4": "is reserved (RFC 1112)",
    "0.0.0.0/8": 'means "this network" (RFC 1122)',
    "192.0.0.0/24": "is reserved for protocols (RFC 6890)",
    "192.88.99.0/24": "is a relay of 6to4, which is given up (RFC 7526)",
    "64:ff9b::/96": "stands for an IPv4 address behind NAT64; write that one",
    "64:ff9b:1::/48": "stands for an IPv4 address behind NAT64; write that one",
    "100::/64": "throws everything away (RFC 6666)",
    "2001::/32": "is a Teredo tunnel (RFC 4380)",
    "2001:10::/28": "is no address but a hash (ORCHID)",
    "2001:20::/28": "is no address but a hash (ORCHID)",
    "2002::/16": "is a 6to4 tunnel, which is given up (RFC 7526)",
    "fec0::/10": "is site-local, which is given up (RFC 3879); fd00::/8 took its place",
}
"""Ranges that no host has its address in (the registries of special-purpose addresses, RFC 6890). Private ones and
those of examples may."""
_NOT_OURS = tuple((ip_network(text), why) for text, why in _NOBODYS.items())
_MAPPED = IPv6Network("::ffff:0:0/96")
_UNICAST = (ip_network("2000::/3"), ip_network("fc00::/7"))


_EXAMPLES = tuple(
    map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "198.18.0.0/15"))
)
"""They stand for real ones in examples and laboratories."""


def example(address: Address) -> bool:
    """Whether the address stands for one of the Internet in documents."""
    return any(address in network for network in _EXAMPLES)


def private(address: str) -> bool:
    """Whether the address means something within one network only (RFC 1918, RFC 6598, RFC 4193)."""
    found = ip_address(address)
    return not (found.is_global or example(found))


def _parsed(value: str) -> Address:
    if "%" in value:
        raise ValueError(f'no zone index after the address; write "{value.partition("%")[0]}"')
    try:
        return ip_address(value)
    except ValueError:
        raise ValueError("not an IP address, such as 192.0.2.1 or 2001:db8::1") from None


def _host(found: Address) -> str:
    """An address that one host may have; where it can be reached from is the caller's question. Raises ValueError."""
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        raise ValueError(f'{found} is an IPv4 address in disguise; write "{found.ipv4_mapped}"')
    for network, why in _NOT_OURS:
        if found in network:
            raise ValueError(f"{found} {why}; an address of one host is needed")
    if isinstance(found, IPv6Address) and not found.is_link_local and not any(found in network for network in _UNICAST):
        raise ValueError(f"{found} is not in a range that hosts get addresses from (2000::/3, fd00::/8)")
    return str(found)


def ip(value: str) -> str:
    """The unicast address of a host, in its canonical form: reached from elsewhere,
    if only within a private network.
    """
    found = _parsed(value)
    if found.is_unspecified or found.is_multicast or found.is_loopback or found.is_link_local:
        raise ValueError(f"{found} {_LOCAL}")
    return _host(found)


def peer(value: str) -> str:
    """The address of a server that hosts of the site ask: clouds have theirs at link-local IPv4 addresses."""
    found = _parsed(value)
    if found.is_unspecified or found.is_multicast:
        raise ValueError(f"{found} is no address of a server")
    if found.is_loopback:
        raise ValueError(f"{found} is the asking host itself; name a server elsewhere")
    if found.is_link_local and found.version == 6:
        raise ValueError(f"{found} means nothing without an interface; name another address of that server")
    return _host(found)


def network(value: str) -> str:
    """A network in CIDR notation, without host bits."""
    if "%" in value:
        raise ValueError("no zone index in a network; write the network alone, such as 2001:db8::/32")
    try:
        found = ip_network(value)
    except ValueError:
        try:
            hint = f'; write "{ip_network(value, strict=False)}"'
        except ValueError:
            hint = ", such as 192.0.2.0/24 or 2001:db8::/32"
        raise ValueError(f"not a network in CIDR notation{hint}") from None
    if isinstance(found, IPv6Network) and found.subnet_of(_MAPPED):
        inside = found.network_address.ipv4_mapped
        raise ValueError(f'{found} is an IPv4 network in disguise; write "{inside}/{found.prefixlen - 96}"')
    if found.is_multicast:
        raise ValueError(f"nobody connects from {found}: it is multicast")
    return str(found)


Ip = Annotated[str, AfterValidator(ip), Field(max_length=100)]
Peer = Annotated[str, AfterValidator(peer), Field(max_length=100)]
Network = Annotated[str, AfterValidator(network), Field(max_length=100)]
