"""Aliases (CNAME) as resolvers follow them, asked of the authorities themselves."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from gmconf.derived.zones import parents
from gmconf.dns import Contract
from gmconf.dns.live.ask import Answer, Asker, Server
from gmconf.dns.live.name_servers import keepers

LONGEST = 8
"""Aliases one after the other that are followed."""
NOBODY = "gmconf-nobody-is-here"
"""A label that no zone has, so that only a wildcard answers."""


async def answer(asker: Asker, contract: Contract, name: str, type_: str, server: Server | None, port: int) -> Answer:
    """An authority's answer about a name; where all it has is an alias, what the servers of the alias's target have to
    say."""
    found = await asker.ask(name, type_, server)
    chain, ttl = list(found.targets), found.ttl
    while server is not None and found.status in ("nothing", "no-name") and found.targets:
        if len(chain) > LONGEST:
            return replace(
                found, status="failed", note=f"more than {LONGEST} aliases one after the other: {' '.join(chain)}"
            )
        found = await _target(asker, contract, chain[-1], type_, port)
        chain += found.targets
        ttl = max(ttl, found.ttl)
    return replace(found, alias=bool(chain), targets=tuple(chain), ttl=ttl) if chain else found


async def covering(asker: Asker, name: str, type_: str, answer: Answer, server: Server | None) -> str:
    """The wildcard by which a name has this answer; empty where it has it itself, or is a wildcard.

    A name that nobody can have made has the same answer then, below the wildcard and whatever lies between.
    """
    found = ""
    if "*" in name or answer.status == "failed":
        return found
    for above in parents(name):
        other = await asker.ask(f"{NOBODY}.{above}", type_, server)
        same = (
            other.targets[:1] == answer.targets[:1]
            if answer.targets
            else other.values == answer.values and not other.targets
        )
        if other.status == "failed" or not same:
            break
        found = f"*.{above}"
    return found


async def _target(asker: Asker, contract: Contract, name: str, type_: str, port: int) -> Answer:
    keeping = await keepers(asker, contract, name, port)
    answers = [
        a for a in await asyncio.gather(*(asker.ask(name, type_, server) for server in keeping.servers)) if a.reached
    ]
    if not answers:
        return await asker.ask(name, type_)
    if len({(a.status, a.values, a.targets) for a in answers}) > 1:
        return Answer(
            "failed",
            note=f"the name servers of {keeping.zone} do not say the same about {name}, which the name is an alias of",
        )
    return replace(answers[0], ttl=max(a.ttl for a in answers))
