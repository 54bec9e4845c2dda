"""What receivers ask about whoever sends: SPF, and blocklists."""

from __future__ import annotations

import asyncio

from gmconf.derived import policies as published
from gmconf.derived import spf
from gmconf.derived.records import Record
from gmconf.derived.zones import reverse_name
from gmconf.dns.live.ask import Answer, Asker
from gmconf.dns.live.compare import Difference, differences, spf_records
from gmconf.dns.live.finding import Finding
from gmconf.dns.live.passing import compare, few, too_wide
from gmconf.model import Site


async def judged(asker: Asker, site: Site, wanted: Record, answer: Answer, name: str) -> list[Difference]:
    """An SPF record as receivers evaluate it, for every address of the site and for all that either record tells apart.

    ``name`` is what was asked about: for a wildcard, a name that it stands for.
    """
    found = differences([wanted], answer)
    records = spf_records(answer.values)
    text = "".join(wanted.rdata)
    if found or wanted.need == "forbidden" or not spf.is_spf(text) or len(records) != 1:
        return found
    hosts = [h for h in site.hosts if h.name == wanted.owner] or published.senders(site)
    ours = [a for h in hosts for a in h.outside] if spf.parse(text).mechanisms[:-1] else []
    if not ours and (asks := spf.parse(records[0]).asking):  # whoever sends nothing has nothing to ask for
        return [
            Difference(
                text,
                f"{records[0]} (asks for {' '.join(a.qualifier + a.text.lstrip('+-~?') for a in asks)})",
                remove=(records[0],),
            )
        ]
    seen = await compare(asker, name, hosts[0].name if hosts else name, text, records[0], ours)
    if seen.unknown:
        return [Difference(text, f"{records[0]}: {seen.unknown}", publish=False, error=True)]
    if seen.limit:
        limits = f"SPF with {spf.LOOKUPS} look-ups at most, {spf.VOID} of them without an answer"
        return [
            Difference(
                limits,
                f"{seen.limit}: {records[0]}",
                remove=() if records[0] == text else (records[0],),
                publish=records[0] != text,
            )
        ]
    if seen.reasons:
        same = records[0] == text
        return [
            Difference(
                text,
                f"{records[0]} ({'; '.join(seen.reasons)})",
                remove=() if same else (records[0],),
                publish=not same,
            )
        ]
    helo = hosts[0].name if hosts else name
    open_ = [
        (term.spec, await too_wide(asker, name, helo, term.spec))
        for term in spf.parse(text).asking
        if term.kind == "include"
    ]
    return [
        Difference(
            "services that let nobody but themselves send",
            f"include:{spec} lets {few(networks)} send: remove it from domains[].senders",
            publish=False,
        )
        for spec, networks in open_
        if networks
    ]


async def listed(asker: Asker, site: Site) -> list[Finding]:
    """Every sending address in every blocklist that the site names (RFC 5782); the list itself is tested first."""
    findings = []
    for zone in site.dns.blocklists:
        test, clean = await asyncio.gather(asker.ask(f"2.0.0.127.{zone}", "A"), asker.ask(f"1.0.0.127.{zone}", "A"))
        if not _entries(test.values) or _entries(clean.values):
            seen = test.note or ", ".join(test.values) or "nothing"
            findings.append(
                Finding(
                    "rep.rbl-monitor",
                    zone,
                    f"2.0.0.127.{zone}. A",
                    "the list's own test entries (RFC 5782 section 5)",
                    seen,
                    good=False,
                    error=True,
                )
            )
            continue
        addresses = [(h.name, a) for h in published.senders(site) for a in h.outside]
        names = [
            f"{reverse_name(a).removesuffix('.in-addr.arpa').removesuffix('.ip6.arpa')}.{zone}" for _, a in addresses
        ]
        answers = await asyncio.gather(*(asker.ask(name, "A") for name in names))
        for (host, address), name, answer in zip(addresses, names, answers, strict=True):
            failed = answer.status == "failed"
            bad = _entries(answer.values)
            findings.append(
                Finding(
                    "rep.rbl-monitor",
                    host,
                    f"{name}. A",
                    f"{address} is not listed",
                    answer.note or ", ".join(bad) or "not listed",
                    good=not bad and not failed,
                    error=failed,
                )
            )
    return findings


def _entries(values: tuple[str, ...]) -> list[str]:
    """Codes that mean "listed"; 127.255.255.0/24 is how lists say that they refuse to answer."""
    return [v for v in values if v.startswith("127.") and not v.startswith("127.255.255.")]
