"""The contract in each of its spellings, zone by zone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from gmconf.derived.records import Record, order
from gmconf.dns import nsupdate, octodns
from gmconf.dns.contract import contract
from gmconf.dns.zonefile import ZoneFiles
from gmconf.errors import GmconfError
from gmconf.printable import FORM
from gmconf.site.load import Loaded

ENDINGS = {"zone": "zone", "json": "json", "octodns": "yaml", "nsupdate": "nsupdate"}
"""Spelling: how its files end."""
HEADS = {
    "zone": "; {zone}: managed by gmconf",
    "octodns": "# {zone}: managed by gmconf",
    "nsupdate": "; {zone}: written by gmconf",
    "json": f'{{{{"form": {FORM}, "records": [\n{{{{"zone": "{{zone}}", "owner": ',
}
"""Spelling: how files of a zone begin."""


def zones(
    loaded: Loaded, spelling: str, only: str | None = None, serial: int = 1
) -> Iterator[tuple[str, Iterator[str]]]:
    """(zone, lines) of every zone, or of one.

    Raises GmconfError for a zone that is not the site's.
    """
    whole = contract(loaded)
    whole.refuse()  # before anything is printed or written
    only = None if only is None else only.lower().rstrip(".")
    if only is not None and only not in whole.all:
        raise GmconfError(f"no zone {only} in this site; there are {', '.join(sorted(whole.all)[:20])}")
    apexes = frozenset(d.name for d in loaded.site.domains)
    files = ZoneFiles(whole)
    return (
        (name, _spelled(files, spelling, name, serial, apexes))
        for name in sorted(whole.all if only is None else [only], key=order)
    )


def _spelled(files: ZoneFiles, spelling: str, name: str, serial: int, apexes: frozenset[str]) -> Iterator[str]:
    if spelling == "zone":
        return files.zone(name, serial)
    found = files.contract.of_zone(name)
    if spelling == "nsupdate":
        return nsupdate.zone(apexes, name, found, files.contract.foreign(name))
    if spelling == "octodns":
        return octodns.zone(name, found, files.contract.foreign(name))
    return map(plain, found)


def array(rows: Iterable[str]) -> Iterator[str]:
    """Lines of JSON as one JSON document, without holding them."""
    before = ""
    yield f'{{"form": {FORM}, "records": ['
    for row in rows:
        if before:
            yield f"{before},"
        before = row
    if before:
        yield before
    yield "]}"


def plain(record: Record) -> str:
    """One record as a line of JSON."""
    rdata = record.rdata if isinstance(record.rdata, str) else list(record.rdata)
    because = [{"kind": r.kind, "ref": r.ref, "text": r.text} for r in record.because]
    return json.dumps(
        {
            "zone": record.zone,
            "owner": record.owner,
            "type": record.type,
            "rdata": rdata,
            "ttl": record.ttl,
            "need": record.need,
            "because": because,
        },
        ensure_ascii=False,
    )
