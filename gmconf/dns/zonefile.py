"""Records as the lines of a zone file (RFC 1035 section 5.1): whole zones where the site names its name servers, else
parts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from gmconf.derived.records import Record, spelled
from gmconf.dns.contract import Contract
from gmconf.dns.domains import Row

NAME = "\0"
"""In place of a domain's name; nothing of a zone file holds it."""
REFRESH, RETRY, EXPIRE, NEGATIVE = 3600, 900, 1209600, 300
"""Seconds: secondaries ask hourly, serve for two weeks alone; that something is not there is remembered for five
minutes."""


def line(record: Record) -> str:
    """One record. Names are absolute, so that it can be pasted anywhere."""
    return f"{record.owner}. {record.ttl} {record.type} {record.text}"


class ZoneFiles:
    """The zone files of a contract. Domains that share their rows have them spelled once: ten thousand zones are mostly
    the same text."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._texts: dict[int, tuple[list[Row], list[tuple[str, str]]]] = {}

    def zone(self, name: str, serial: int) -> Iterator[str]:
        """The lines of one zone. Raises GmconfError where a record of the operator's is one that the site publishes."""
        yield f"; {name}: managed by gmconf, do not edit; change site.yml and run: gmconf dns"
        if foreign := self.contract.foreign(name):
            yield f"; {foreign}"
        else:
            yield from _apex(self.contract, name, serial)
        domain = self.contract.lone(name)
        if domain is not None:
            yield from self._shared(domain.name, self.contract.rows(domain)).split("\n")
            return
        yield from map(_spelled, self.contract.of_zone(name))

    def _shared(self, name: str, rows: list[Row]) -> str:
        """The text of a zone that holds one domain and nothing else."""
        if id(rows) not in self._texts:
            self._texts[id(rows)] = rows, list(self._parts(rows))  # rows beside it: whoever is kept keeps its identity
        found = []
        for text, key in self._texts[id(rows)][1]:
            if not key:
                found.append(text)
            elif rdata := self.contract.key(name, key):
                found.append(text + spelled(rdata))
        return "\n".join(found).replace(NAME, name)

    def _parts(self, rows: list[Row]) -> Iterator[tuple[str, str]]:
        """Lines of all domains with these rows, the domain's name left open; where a key's stem is beside them, one
        line that its rdata ends."""
        for key, group in groupby(rows, key=lambda r: r.key):
            found = (self.contract.of_row(row._replace(rdata="", key="") if key else row, NAME, NAME) for row in group)
            lines = [_spelled(record) for record in found if record]
            if key:
                yield from ((text, key) for text in lines)
            else:
                yield "\n".join(lines), ""


def _spelled(record: Record) -> str:
    return f"; must not exist: {record.owner}. {record.type}" if record.need == "forbidden" else line(record)


def _apex(contract: Contract, name: str, serial: int) -> Iterator[str]:
    site = contract.site
    servers = [s.name for s in site.dns.nameservers]
    if not servers:
        return
    ttl = site.dns.ttl
    yield (
        f"{name}. {ttl} SOA {servers[0]}. {_mailbox(site.organisation.postmaster)} {serial} {REFRESH} {RETRY} {EXPIRE}"
        f" {NEGATIVE}"
    )
    for server in servers:
        yield f"{name}. {ttl} NS {server}."
    for cut in contract.delegations.get(name, ()):
        for server in servers:
            yield f"{cut}. {ttl} NS {server}."


def _mailbox(address: str) -> str:
    """An address as a domain name: dots of the local part are escaped (RFC 1035 section 5.3)."""
    local, _, domain = address.rpartition("@")
    return f"{local.replace('.', chr(92) + '.')}.{domain}."
