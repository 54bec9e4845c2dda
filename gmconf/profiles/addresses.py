"""The categories IPv6 and DNSSEC: who receives for a domain, and whether names and addresses can be relied on (CONTROLS 3.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Literal

from gmconf import spf
from gmconf.profiles.score import Found, bad, good, untested
from gmconf.profiles.source import Source
from gmconf.profiles.table import LESS, MOST_HOSTS, RULE
from gmconf.zones import parents

Reach = Callable[[str, str, int, str], Awaitable[bool | None]]
"""(name, address, port, zone): whether it answers there (53: a question about the zone); None where that cannot be tried from here."""
FEW = 2
"""Name servers that a domain needs at least."""
SMTP, DNS = 25, 53


@dataclass(frozen=True, slots=True)
class Receivers:
    """Who receives mail for a domain."""

    kind: Literal["mx", "none", "null", "null with addresses missing", "null and others", "unused"]
    names: tuple[str, ...] = ()


async def receivers(source: Source, domain: str) -> Receivers:
    """The MX of a domain, the first by name; localhost is none."""
    values = (await source.ask(domain, "MX")).values
    pairs = [(value.split()[0], value.split()[1]) for value in values]
    if ("0", ".") in pairs:
        if len(pairs) > 1:
            return Receivers("null and others")
        # A null MX is only needed where an address would be taken for a mail host.
        return Receivers("null" if await _addressed(source, domain) else "null with addresses missing")
    names = sorted({name.rstrip(".") for _, name in pairs if name.rstrip(".") != "localhost"})
    if names:
        return Receivers("mx", tuple(names[:MOST_HOSTS]))
    if await _addressed(source, domain):
        texts = [t for t in (await source.ask(domain, "TXT")).values if spf.is_spf(t)]
        if len(texts) == 1 and texts[0].lower().split()[1:] == ["-all"]:
            return Receivers("unused")
    return Receivers("none")


async def _addressed(source: Source, domain: str) -> bool:
    return bool((await source.ask(domain, "A")).values or (await source.ask(domain, "AAAA")).values)


def nobody(key: str, found: Receivers) -> Found:
    """What a subtest says of a domain without mail hosts: nothing is tested, and the score is the better for it."""
    if found.kind == "null and others":
        return untested(key, "a null MX beside other MX", status="warning")
    if found.kind == "null with addresses missing":
        return untested(key, "a null MX, which a domain without addresses does not need", status="notice")
    if found.kind == "unused":
        return untested(key, "an address and no MX: a null MX would say that no mail is taken", status="notice")
    return untested(key, "a null MX" if found.kind == "null" else "no MX")


async def ipv6(source: Source, domain: str, found: Receivers, reach: Reach) -> list[Found]:
    """Name servers and MX over IPv6."""
    return [*await _name_servers(source, domain, reach), *await _mail_hosts(source, found, reach)]


async def six(source: Source, name: str) -> list[str]:
    """The IPv6 addresses of a name; IPv4 in disguise is none."""
    return [a for a in (await source.ask(name, "AAAA")).values if not IPv6Address(a).ipv4_mapped]


async def _name_servers(source: Source, domain: str, reach: Reach) -> list[Found]:
    names: list[str] = []
    zone = domain
    for zone in (domain, *parents(domain), "."):
        if names := [value.rstrip(".") for value in (await source.ask(zone, "NS")).values]:
            break
    have = {name: await six(source, name) for name in names}
    tried = {name: [await reach(name, a, DNS, zone) for a in have[name]] for name in names}
    if unknown := [name for name in names if source.foreign(name)] or ([] if names else [domain]):
        why = f"the site does not know the name servers' addresses: {', '.join(unknown)}"
        if not names and not source.foreign(domain):
            why = f"no name servers of {domain}"
        return [untested("ns_aaaa", why), untested("ns_reach", why)]
    count = sum(map(bool, have.values()))
    listed = ", ".join(f"{name} {' '.join(have[name]) or 'without IPv6'}" for name in names)
    aaaa = good("ns_aaaa", listed) if count >= FEW else bad("ns_aaaa", listed)
    if any(answer is None for answers in tried.values() for answer in answers):
        return [aaaa, untested("ns_reach", "IPv6 cannot be tried from here")]
    if not count:
        return [aaaa, untested("ns_reach", "no name server has IPv6", counts=True)]
    # Two with IPv6 are enough: what the others have is then of no matter.
    considered = [name for name in names if have[name]] if count >= FEW else names
    each = [_share(tried[name], full=RULE["ns_reach"].points) for name in considered]
    points = min(RULE["ns_reach"].points // 2, sum(each)) if len(considered) == 1 else int(sum(each) / len(considered))
    silent = [f"{name} {a}" for name in considered for a, answers in zip(have[name], tried[name], strict=True) if not answers]
    if silent:
        return [aaaa, bad("ns_reach", f"no answer from {', '.join(silent)}", points)]
    return [aaaa, Found("ns_reach", "good", points, "" if points == RULE["ns_reach"].points else "some name servers have no IPv6")]


async def _mail_hosts(source: Source, found: Receivers, reach: Reach) -> list[Found]:
    if not found.names:
        return [nobody("mx_aaaa", found), untested("mx_reach", "no MX")]
    have = {name: await six(source, name) for name in found.names}
    tried = {name: [await reach(name, a, SMTP, "") for a in have[name]] for name in found.names}
    without = [name for name in found.names if not have[name]]
    aaaa = bad("mx_aaaa", f"no IPv6: {', '.join(without)}") if without else good("mx_aaaa", ", ".join(a for all_ in have.values() for a in all_))
    if len(without) == len(found.names):
        return [aaaa, untested("mx_reach", "no MX has IPv6", counts=True)]
    if any(answer is None for answers in tried.values() for answer in answers):
        return [aaaa, untested("mx_reach", "IPv6 cannot be tried from here")]
    points = int(sum(_share(tried[name], full=RULE["mx_reach"].points) for name in found.names) / len(found.names))
    silent = [f"{name} {a}" for name in found.names for a, answers in zip(have[name], tried[name], strict=True) if not answers]
    if silent:
        return [aaaa, bad("mx_reach", f"no answer on port 25 of {', '.join(silent)}", points)]
    return [aaaa, Found("mx_reach", "good", points, f"some MX have no IPv6: {', '.join(without)}" if without else "")]


def _share(answers: Sequence[bool | None], *, full: int) -> int:
    if not any(answers):
        return 0
    return full if all(answers) else LESS


async def dnssec(source: Source, domain: str, found: Receivers) -> list[list[Found]]:
    """The zones of the domain and of each MX."""
    if source.signs:
        keys = ("dnssec_exists", "dnssec_valid", "dnssec_mx_exists", "dnssec_mx_valid")
        return [[untested(key, source.signs) for key in keys]]
    own = await _zone(source, domain, "dnssec_exists", "dnssec_valid")
    hosts = [await _zone(source, name, "dnssec_mx_exists", "dnssec_mx_valid") for name in found.names]
    if not hosts:
        own += [nobody("dnssec_mx_exists", found), untested("dnssec_mx_valid", "no MX")]
    return [own, *hosts]


async def _zone(source: Source, name: str, exists: str, valid: str) -> list[Found]:
    answer = await source.ask(name, "SOA")
    full = RULE["dnssec_valid"].points
    if answer.status == "failed":
        return [bad(exists, f"{name}: {answer.note}"), Found(valid, "bad", 0, f"{name}: {answer.note}")]
    if answer.secure:
        return [good(exists), Found(valid, "good", full)]
    # Insecure is not tested for validity, but costs the points.
    return [bad(exists, f"{name} is not signed, or its parent has no DS"), Found(valid, "not tested", LESS, f"{name} is not signed")]

