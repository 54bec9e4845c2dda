"""The operator's own records (``dns.records``): they stand beside what the site publishes, never in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby

from gmconf.derived import spf
from gmconf.derived.records import Record, order, strings
from gmconf.derived.zones import Zones
from gmconf.errors import GmconfError
from gmconf.model import Site
from gmconf.model.dns import Other
from gmconf.settings import Reason


def by_zone(site: Site, zones: Zones, why: Callable[[str], Reason]) -> dict[str, list[Record]]:
    """The operator's records, sorted; the rules refuse those outside every zone."""
    found: dict[str, list[Record]] = {}
    for number, other in enumerate(site.dns.records):
        if zone := zones.ours(other.name.removeprefix("*.")):
            record = Record(
                zone, other.name, other.type, _rdata(other), site.dns.ttl, "required", (why(f"dns.records[{number}]"),)
            )
            found.setdefault(zone, []).append(record)
    for rows in found.values():
        rows.sort(key=_place)
    return found


def beside(site: Site, published: Iterable[Record], added: Sequence[Record]) -> Iterator[Record]:
    """The records of a zone with the operator's among them. Raises GmconfError where one of these is what the site
    publishes itself."""
    owners = {r.owner for r in added}
    theirs = set(map(id, added))
    for owner, group in groupby(merge(published, added, key=_place), key=lambda r: r.owner):
        if owner not in owners:
            yield from group
            continue
        rows = list(group)
        mine = {r.type for r in rows if id(r) not in theirs} | ({"NS"} if owner == rows[0].zone else set())
        for record in (r for r in rows if id(r) in theirs):
            _refuse(site, record, mine)
        yield from rows


def _refuse(site: Site, record: Record, mine: set[str]) -> None:
    # Proofs of ownership stand beside the SPF record of a domain; nothing else is shared.
    shared = (
        record.type == "TXT"
        and any(d.name == record.owner for d in site.domains)
        and not spf.is_spf("".join(record.rdata))
    )
    if (mine and "CNAME" in {record.type, *mine}) or (record.type in mine and not shared):
        where, way = record.because[0], "remove it here"
        if record.type == "TXT" and spf.is_spf("".join(record.rdata)):
            way = "name services of others in domains[].senders, and remove it here"
        raise GmconfError(
            f"{where.ref}: {where.text}: {record.owner} {record.type} follows from other fields of the site (gmconf"
            f" dns); {way}"
        )


def _place(record: Record) -> tuple[list[str], str]:
    return order(record.owner), record.type


def _rdata(other: Other) -> str | tuple[str, ...]:
    if other.type == "TXT":
        return strings(other.value)

    from dns.rdata import from_text

    return str(from_text("IN", other.type, other.value, relativize=False).to_text())
