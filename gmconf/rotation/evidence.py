"""What all authoritative name servers show of keys that are next, asked at each server itself, past all caches."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import groupby

from gmconf.derived.records import Record
from gmconf.dns import Contract, contract
from gmconf.dns.live import aliases
from gmconf.dns.live.ask import Answer, Asker, Server
from gmconf.dns.live.compare import differences
from gmconf.dns.live.name_servers import keepers
from gmconf.errors import GmconfError
from gmconf.keys.names import mx_of_domains
from gmconf.printable import record
from gmconf.rotation.steps import Evidence
from gmconf.rotation.subjects import Subject
from gmconf.site.load import Loaded

SHOWN = 4
"""Complaints about one key that a message holds."""


def gather(loaded: Loaded, subjects: Iterable[Subject], resolver: Server, port: int) -> dict[str, Evidence]:
    """Evidence by subject, for those that have a key that is next. Raises GmconfError when the resolver does not
    answer."""
    wanted = [s for s in subjects if s.key("next")]
    return asyncio.run(_all(contract(loaded), wanted, Asker(resolver), port)) if wanted else {}


async def _all(whole: Contract, subjects: list[Subject], asker: Asker, port: int) -> dict[str, Evidence]:
    root = await asker.ask(".", "SOA")
    if root.status == "failed" and root.note == "no answer":
        raise GmconfError(
            f"{asker.resolver.address} port {asker.resolver.port} does not answer; name a resolver that does:"
            " --resolver IP"
        )
    found = await asyncio.gather(*(_one(whole, s, asker, port) for s in subjects))
    return {subject.name: evidence for subject, evidence in zip(subjects, found, strict=True)}


def wanted(whole: Contract, subject: Subject) -> list[list[Record]]:
    """The record sets that the key that is next needs."""
    key = subject.key("next")
    if subject.kind == "dkim":
        domain = next(d for d in whole.site.domains if d.name == subject.name)
        heads = tuple(f"{key.name}-{kind}._domainkey." for kind in ("rsa", "ed25519")) if key else ()
        records = [r for r in whole.of_domain(domain) if r.owner.startswith(heads)]
    else:
        owner = next((d for name, d in mx_of_domains(whole.site) if name == subject.name), None)
        found = (
            whole.of_domain(owner)
            if owner
            else whole.of_host(next(h for h in whole.site.hosts if h.name == subject.name))
        )
        records = [r for r in found if r.type == "TLSA" and r.need != "forbidden"]
    return [list(group) for _, group in groupby(records, key=lambda r: (r.owner, r.type))]


async def _one(whole: Contract, subject: Subject, asker: Asker, port: int) -> Evidence:
    groups = wanted(whole, subject)
    lacking: list[str] = []
    longest = 0
    keeping = await keepers(asker, whole, groups[0][0].zone, port)
    if not keeping.servers:
        return Evidence((f"{groups[0][0].zone} has no name server with an address",))
    # A server with two addresses may be out of reach over one of them; each name has to answer, and every answer has to
    # be right.
    silent: dict[str, str] = {}
    heard: set[str] = set()
    for server in keeping.servers:
        asks = [
            asker.ask(keeping.zone, "SOA", server),
            *(aliases.answer(asker, whole, g[0].owner, g[0].type, server, port) for g in groups),
        ]
        apex, *answers = await asyncio.gather(*asks)
        if lost := next((a.note for a in (apex, *answers) if not a.reached), ""):
            silent[str(server)] = lost
            continue
        heard.add(str(server))
        if apex.status != "found":
            lacking.append(f"{server} ({server.address}) does not know {keeping.zone}")
            continue
        longest = max(longest, negative(apex), *(a.ttl for a in answers))
        for group, answer in zip(groups, answers, strict=True):
            for wrong in differences(group, answer):
                lacking.append(
                    f"{server} ({server.address}) shows {wrong.observed} at {group[0].owner} {group[0].type}"
                )
    lacking += [f"{name} does not answer ({note})" for name, note in sorted(silent.items()) if name not in heard]
    lacking += [f"{name} has no address" for name in keeping.names if name not in {str(s) for s in keeping.servers}]
    if len(lacking) > SHOWN:
        lacking[SHOWN:] = [f"and {len(lacking) - SHOWN} more"]
    return Evidence(tuple(map(record, lacking)), longest)


def negative(apex: Answer) -> int:
    """Seconds that resolvers remember that something is not there (RFC 2308 section 5)."""
    return min(apex.ttl, int(apex.values[0].split()[-1]))
