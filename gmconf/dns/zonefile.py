"""Records as the lines of a zone file (RFC 1035 section 5.1): whole zones where the site names its name servers, else parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gmconf.dns.contract import Contract
from gmconf.records import Record

REFRESH, RETRY, EXPIRE, NEGATIVE = 3600, 900, 1209600, 300
"""Seconds: secondaries ask hourly, serve for two weeks alone; that something is not there is remembered for five minutes."""


def line(record: Record) -> str:
    """One record. Names are absolute, so that it can be pasted anywhere."""
    return f"{record.owner}. {record.ttl} {record.type} {record.text}"


def zone(contract: Contract, name: str, found: Iterable[Record], serial: int) -> Iterator[str]:
    """The lines of one zone."""
    yield f"; {name}: managed by gmconf, do not edit; change site.yml and run: gmconf dns"
    yield from _apex(contract, name, serial)
    for record in found:
        if record.need == "forbidden":
            yield f"; must not exist: {record.owner}. {record.type}"
        else:
            yield line(record)


def _apex(contract: Contract, name: str, serial: int) -> Iterator[str]:
    site = contract.site
    servers = [s.name for s in site.dns.nameservers]
    if not servers:
        return
    ttl = site.dns.ttl
    yield f"{name}. {ttl} SOA {servers[0]}. {_mailbox(site.organisation.postmaster)} {serial} {REFRESH} {RETRY} {EXPIRE} {NEGATIVE}"
    for server in servers:
        yield f"{name}. {ttl} NS {server}."
    for cut in contract.delegations.get(name, ()):
        for server in servers:
            yield f"{cut}. {ttl} NS {server}."


def _mailbox(address: str) -> str:
    """An address as a domain name: dots of the local part are escaped (RFC 1035 section 5.3)."""
    local, _, domain = address.rpartition("@")
    return f"{local.replace('.', chr(92) + '.')}.{domain}."
