"""What receivers ask about whoever sends: how many look-ups SPF costs, and blocklists."""

from __future__ import annotations

import asyncio

from gmconf import published, spf
from gmconf.lookup.ask import Asker
from gmconf.lookup.finding import Finding
from gmconf.model import Site
from gmconf.zones import reverse_name

VOID = 2
"""The most look-ups without an answer (RFC 7208 section 4.6.4)."""


async def spf_cost(asker: Asker, domain: str) -> Finding | None:
    """Whether evaluating a domain's record stays within ten look-ups; None where there is no record, or more than one."""
    cost = [0, 0]
    if not await _count(asker, domain, cost, frozenset()):
        return None
    where = f"{domain}. TXT"
    seen = f"{cost[0]} look-ups, {cost[1]} without an answer"
    return Finding("auth.spf-publish", domain, where, f"SPF with {spf.LOOKUPS} look-ups at most, {VOID} of them without an answer", seen,
                   good=cost[0] <= spf.LOOKUPS and cost[1] <= VOID)  # fmt: skip


async def _count(asker: Asker, name: str, cost: list[int], above: frozenset[str]) -> bool:
    """Add up what a record costs with all that it includes. Stops where it is too much already, or goes in circles."""
    answer = await asker.ask(name, "TXT")
    found = [text for text in answer.values if spf.is_spf(text)]
    if len(found) != 1:
        cost[1] += bool(above)
        return False
    read = spf.parse(found[0])
    for term in (*read.others, *([read.end] if read.end.startswith("redirect=") else [])):
        cost[0] += 1
        if cost[0] > spf.LOOKUPS * 2:
            return True
        kind, _, target = term.lstrip("+-~?").replace("=", ":", 1).partition(":")
        if kind in ("include", "redirect") and "%" not in target:
            inner, seen = target.rstrip("."), above | {name}
            cost[0] += spf.LOOKUPS * (inner in seen)  # a circle never ends
            if inner not in seen:
                await _count(asker, inner, cost, seen)
    return True


async def listed(asker: Asker, site: Site) -> list[Finding]:
    """Every sending address in every blocklist that the site names (RFC 5782); the list itself is tested first."""
    findings = []
    for zone in site.dns.blocklists:
        test, clean = await asyncio.gather(asker.ask(f"2.0.0.127.{zone}", "A"), asker.ask(f"1.0.0.127.{zone}", "A"))
        if not _entries(test.values) or _entries(clean.values):
            seen = test.note or ", ".join(test.values) or "nothing"
            findings.append(Finding("rep.rbl-monitor", zone, f"2.0.0.127.{zone}. A", "the list's own test entries (RFC 5782 section 5)", seen, good=False, error=True))
            continue
        addresses = [(h.name, a) for h in published.senders(site) for a in h.addresses]
        names = [f"{reverse_name(a).removesuffix('.in-addr.arpa').removesuffix('.ip6.arpa')}.{zone}" for _, a in addresses]
        answers = await asyncio.gather(*(asker.ask(name, "A") for name in names))
        for (host, address), name, answer in zip(addresses, names, answers, strict=True):
            failed = answer.status == "failed"
            bad = _entries(answer.values)
            findings.append(Finding("rep.rbl-monitor", host, f"{name}. A", f"{address} is not listed", answer.note or ", ".join(bad) or "not listed", good=not bad and not failed,
                                    error=failed))  # fmt: skip
    return findings


def _entries(values: tuple[str, ...]) -> list[str]:
    """Codes that mean "listed"; 127.255.255.0/24 is how lists say that they refuse to answer."""
    return [v for v in values if v.startswith("127.") and not v.startswith("127.255.255.")]
