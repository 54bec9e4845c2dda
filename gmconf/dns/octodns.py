"""Records as a zone file of octoDNS's YAML provider."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from gmconf.records import Record

Value = str | dict[str, str | int]


def zone(name: str, found: Iterable[Record]) -> Iterator[str]:
    """The lines of one zone's file. Values are JSON, which is YAML, so nothing in them can end them."""
    yield f"# {name}: managed by gmconf, do not edit; change site.yml and run: gmconf dns"
    yield "# Semicolons are escaped: set escaped_semicolons of octoDNS's YAML provider to true, its default before version 2."
    yield "---"
    published = (r for r in found if r.need != "forbidden")
    # octoDNS wants its keys sorted, numbers by their size.
    owners: dict[str, list[Record]] = {}
    for record in published:
        owners.setdefault(record.owner.removesuffix(name).removesuffix("."), []).append(record)
    for owner in sorted(owners, key=_natural):
        yield f"{json.dumps(owner)}:"
        for type_, group in groupby(owners[owner], key=lambda r: r.type):
            rows = list(group)
            yield f"  - ttl: {rows[0].ttl}"
            yield f"    type: {type_}"
            yield f"    values: {json.dumps([_value(r) for r in rows], sort_keys=True)}"


def _natural(text: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]


def _value(record: Record) -> Value:
    if not isinstance(record.rdata, str):
        # Strings are joined and split again by octoDNS; it wants semicolons escaped.
        return "".join(record.rdata).replace("\\", "\\\\").replace(";", "\\;")
    words = record.rdata.split(" ", 3 if record.type in ("SRV", "TLSA") else 2)
    if record.type == "MX":
        return {"preference": int(words[0]), "exchange": words[1]}
    if record.type == "SRV":
        return {"priority": int(words[0]), "weight": int(words[1]), "port": int(words[2]), "target": words[3]}
    if record.type == "TLSA":
        return {"certificate_usage": int(words[0]), "selector": int(words[1]), "matching_type": int(words[2]), "certificate_association_data": words[3]}
    if record.type == "CAA":
        return {"flags": int(words[0]), "tag": words[1], "value": words[2][1:-1]}
    return record.rdata
