"""Names under our own prefixes that this site may once have used."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from gmconf.derived import policies as published
from gmconf.derived import spf
from gmconf.derived.records import Record
from gmconf.derived.zones import Zones
from gmconf.dns import Contract
from gmconf.keys.names import DKIM_KINDS
from gmconf.model import Domain

NEAR = 3
"""Selectors are counted up; this many steps back and one ahead are looked at."""


def selectors(secrets: Path, domain: Domain, published: Collection[str] = ()) -> Iterator[str]:
    """Bases of selectors that are ours by their pattern, and in use no more: key files beside the site, and numbers
    nearby; not those that are ``published``."""
    folder = secrets / "dkim" / domain.name
    on_disk = {file.stem.rpartition("-")[0] for file in folder.glob("*.pub")} if folder.is_dir() else set()
    found = {"gm1", *(base for base in on_disk if base)}
    current = re.fullmatch(r"(.*?)(\d{1,9})", domain.dkim.selector)
    if current:
        number = int(current[2])
        found |= {f"{current[1]}{n:0{len(current[2])}}" for n in range(max(0, number - NEAR), number + 2)}
    yield from sorted(found - {domain.dkim.selector, *domain.dkim.retired, *published})


def forbidden(contract: Contract, secrets: Path, domain: Domain) -> Iterator[Record]:
    """Record sets that must not be there besides those of the contract itself."""
    zone, ttl = contract.zones.of(domain.name), contract.site.dns.ttl
    theirs = {selector for other in domain.senders for selector in other.selectors}
    if domain.kind != "parked":
        for base in selectors(secrets, domain, contract.rollover.published(domain.name)):
            for kind in (k for k in DKIM_KINDS if f"{base}-{k}" not in theirs):
                yield Record(zone, f"{base}-{kind}._domainkey.{domain.name}", "TXT", (), ttl, "forbidden", ())
    if domain.senders:
        for number in range(len(published.spf_of(contract.site, domain)[1]) + 1, spf.LOOKUPS + 1):
            yield Record(zone, f"{published.SENDERS}{number}.{domain.name}", "TXT", (), ttl, "forbidden", ())


def includes(contract: Contract) -> Iterator[Record]:
    """Parts of the SPF record of all domains that no record includes any more."""
    used = {name for name, _ in published.spf_parts(contract.site)[1]}
    for host in published.senders(contract.site)[:1]:
        zone = Zones(contract.site).of(host.name)
        for number in range(1, spf.LOOKUPS + 1):
            name = f"_spf{number}.{zone}"
            if name not in used:
                yield Record(zone, name, "TXT", (), contract.site.dns.ttl, "forbidden", ())
