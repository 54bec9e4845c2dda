"""Records as the lines of a zone file (RFC 1035 section 5.1): whole zones where the site names its name servers, else parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gmconf import spf
from gmconf.dns.contract import Contract
from gmconf.errors import GmconfError
from gmconf.model.dns import Other
from gmconf.records import Record, quoted, strings

REFRESH, RETRY, EXPIRE, NEGATIVE = 3600, 900, 1209600, 300
"""Seconds: secondaries ask hourly, serve for two weeks alone; that something is not there is remembered for five minutes."""


def line(record: Record) -> str:
    """One record. Names are absolute, so that it can be pasted anywhere."""
    return f"{record.owner}. {record.ttl} {record.type} {record.text}"


def zone(contract: Contract, name: str, found: Iterable[Record], serial: int) -> Iterator[str]:
    """The lines of one zone."""
    yield f"; {name}: managed by gmconf, do not edit; change site.yml and run: gmconf dns"
    yield from _apex(contract, name, serial)
    published = {(name, "NS")}
    others = [(number, other) for number, other in enumerate(contract.site.dns.records) if contract.zones.known(other.name.removeprefix("*.")) == name]
    for record in found:
        if others:
            published.add((record.owner, record.type))
        if record.need == "forbidden":
            yield f"; must not exist: {record.owner}. {record.type}"
        else:
            yield line(record)
    for number, other in others:
        yield _other(contract, f"dns.records[{number}]", other, published)


def _other(contract: Contract, path: str, other: Other, published: set[tuple[str, str]]) -> str:
    """A record of the operator's. Raises GmconfError where the site publishes the same name and type itself."""
    mine = {type_ for owner, type_ in published if owner == other.name}
    # Proofs of ownership stand beside the SPF record of a domain; nothing else is shared.
    shared = other.type == "TXT" and any(d.name == other.name for d in contract.site.domains) and not spf.is_spf(other.value)
    if (mine and "CNAME" in {other.type, *mine}) or (other.type in mine and not shared):
        raise GmconfError(f"{contract.why(path).ref}: {path}: {other.name} {other.type} follows from other fields of the site (gmconf dns); remove it here")
    return f"{other.name}. {contract.site.dns.ttl} {other.type} {_rdata(other)}"


def _rdata(other: Other) -> str:
    if other.type == "TXT":
        return " ".join(map(quoted, strings(other.value)))

    from dns.rdata import from_text

    return str(from_text("IN", other.type, other.value, relativize=False).to_text())


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
