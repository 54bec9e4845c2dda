"""Whoever publishes exactly what gmconf dns prints has published it right: every golden site, in every spelling, on
Knot."""

from __future__ import annotations

import json
import subprocess
from datetime import date

import dns.rdata
import pytest
from dnssite import whole
from nameserver import Knot, free_port, tool
from octodns.provider.yaml import YamlProvider
from octodns.zone import Zone
from test_golden_sites import NAMES, prepared

from gmconf.derived.records import quoted, spelled, strings
from gmconf.dns.live import survey
from gmconf.dns.live.ask import Server
from gmconf.dns.spelling import ENDINGS, zones
from gmconf.site.load import load

BEYOND = {"dns.dnssec", "dns.two-ns", "rep.rbl-monitor"}
"""What no record of the site decides here."""
TODAY = date(2026, 11, 23)
NS = ["ns1.lab.test. 60 A 127.0.0.2", "ns2.lab.test. 60 A 127.0.0.3"]


@pytest.fixture(scope="module", params=NAMES)
def golden(request, tmp_path_factory):
    return load(prepared(request.param, tmp_path_factory.mktemp(request.param)) / "site.yml")


def apex(loaded, name: str, lines: list[str]) -> str:
    """A zone around records that come without SOA and NS."""
    named = (
        [s.name for s in loaded.site.dns.nameservers]
        if name in {d.name for d in loaded.site.domains} | set(loaded.site.dns.zones)
        else []
    )
    text = whole(name, lines)
    return (
        text if not named else "\n".join([text.splitlines()[0], *(f"{name}. 60 NS {n}." for n in named), *lines]) + "\n"
    )


def plain(text: str) -> list[str]:
    """The lines of a zone from its JSON."""
    rows = [json.loads(line) for line in text.splitlines()]
    return [
        f"{r['owner']}. {r['ttl']} {r['type']}"
        f" {spelled(r['rdata'] if isinstance(r['rdata'], str) else tuple(r['rdata']))}"
        for r in rows
        if r["need"] != "forbidden"
    ]


def populated(folder, name: str) -> list[str]:
    """The lines of a zone as octoDNS reads its file."""
    zone = Zone(f"{name}.", [])
    YamlProvider("gmconf", str(folder), enforce_order=True, escaped_semicolons=True).populate(zone)
    return [f"{record.fqdn} {record.ttl} {record._type} {text}" for record in zone.records for text in values(record)]


def values(record):
    for value in getattr(record, "values", None) or [record.value]:
        if record._type == "TXT":
            yield " ".join(map(quoted, strings(value.replace("\\;", ";"))))
        else:
            yield dns.rdata.from_text(
                "IN", record._type, value.to_rdata_text() if hasattr(value, "to_rdata_text") else str(value)
            ).to_text()


@pytest.mark.parametrize("spelling", ENDINGS)
def test_published_as_printed_is_right(golden, tmp_path, spelling) -> None:
    texts = {name: "".join(f"{line}\n" for line in lines) for name, lines in zones(golden, spelling)}
    if spelling == "zone":
        published = {
            name: text if " SOA " in text else apex(golden, name, text.splitlines()) for name, text in texts.items()
        }
    elif spelling == "json":
        published = {name: apex(golden, name, plain(text)) for name, text in texts.items()}
    elif spelling == "octodns":
        for name, text in texts.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        published = {name: apex(golden, name, populated(tmp_path, name)) for name in texts}
    else:
        published = {name: apex(golden, name, []) for name in texts}
    published.setdefault("lab.test", whole("lab.test", NS))
    # Another service that sends for the site publishes what it includes.
    published.setdefault(
        "newsletter.example",
        whole("newsletter.example", ['_spf.newsletter.example. 60 TXT "v=spf1 ip4:203.0.113.7 -all"']),
    )
    port = free_port()
    knot = Knot(tmp_path / "knot", ["127.0.0.2"], port, published, updates=spelling == "nsupdate")
    try:
        if spelling == "nsupdate":
            for text in texts.values():
                subprocess.run(
                    [tool("nsupdate"), "-v"],
                    input=f"server 127.0.0.2 {port}\n{text}",
                    capture_output=True,
                    text=True,
                    check=True,
                )
        found = survey(golden, Server("127.0.0.2", port), TODAY)
    finally:
        knot.stop()
    assert [r for r in found.results if r.status not in ("pass", "waived") and r.control not in BEYOND] == []
    assert found.publish == found.remove == []
