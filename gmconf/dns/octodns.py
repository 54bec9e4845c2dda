"""Records as a zone file of octoDNS's YAML provider."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from gmconf.derived.records import Record

Parameters = dict[str, str | list[str] | None]
Value = str | dict[str, str | int | Parameters]


def zone(name: str, found: Iterable[Record], foreign: str = "") -> Iterator[str]:
    """The lines of one zone's file. Values are JSON, which is YAML, so nothing in them can end them; ``foreign`` is
    said of a zone that is not the site's."""
    yield f"# {name}: managed by gmconf, do not edit; change site.yml and run: gmconf dns"
    if foreign:
        yield f"# {foreign}"
    yield (
        "# Semicolons are escaped: set escaped_semicolons of octoDNS's YAML provider to true, its default before"
        " version 2."
    )
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
            values = [_value(r) for r in rows]
            # An alias has one value.
            yield (
                f"    value: {json.dumps(values[0])}"
                if type_ == "CNAME"
                else f"    values: {json.dumps(values, sort_keys=True)}"
            )


def _natural(text: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]


def _value(record: Record) -> Value:
    if not isinstance(record.rdata, str):
        # Strings are joined and split again by octoDNS; it wants semicolons escaped.
        return "".join(record.rdata).replace("\\", "\\\\").replace(";", "\\;")
    words = record.rdata.split(" ", 3 if record.type in ("DS", "SRV", "TLSA") else 2)
    if record.type == "MX":
        return {"preference": int(words[0]), "exchange": words[1]}
    if record.type == "SRV":
        return {"priority": int(words[0]), "weight": int(words[1]), "port": int(words[2]), "target": words[3]}
    if record.type == "TLSA":
        return {
            "certificate_usage": int(words[0]),
            "selector": int(words[1]),
            "matching_type": int(words[2]),
            "certificate_association_data": words[3],
        }
    if record.type == "CAA":
        return {"flags": int(words[0]), "tag": words[1], "value": words[2][1:-1]}
    if record.type == "DS":
        return {"key_tag": int(words[0]), "algorithm": int(words[1]), "digest_type": int(words[2]), "digest": words[3]}
    if record.type == "SSHFP":
        return {"algorithm": int(words[0]), "fingerprint_type": int(words[1]), "fingerprint": words[2]}
    if record.type in ("HTTPS", "SVCB"):
        return {
            "svcpriority": int(words[0]),
            "targetname": words[1],
            "svcparams": dict(map(_parameter, words[2].split())) if words[2:] else {},
        }
    return record.rdata


def _parameter(text: str) -> tuple[str, str | list[str] | None]:
    """A parameter of an HTTPS record (RFC 9460 section 2.1) by its key: what may be a list is one."""
    key, given, value = text.partition("=")
    value = value.strip('"')
    return key, value.split(",") if key in ("alpn", "ipv4hint", "ipv6hint", "mandatory") else value if given else None
