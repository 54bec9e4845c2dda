"""The categories IPv6 and DNSSEC: who receives for a domain, and whether names and addresses can be relied on (CONTROLS
3.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Literal

from gmconf.derived.zones import parents
from gmconf.profiles.score import Found, bad, good, untested
from gmconf.profiles.source import Source
from gmconf.profiles.table import LESS, MOST_HOSTS, RULE

Reach = Callable[[str, str, int, str], Awaitable[bool | str]]
"""(name, address, port, zone): whether it answers there (53: a question about the zone); why not, where that is not
tried."""
FEW = 2
"""Name servers that a domain needs at least."""
SMTP, DNS = 25, 53


@dataclass(frozen=True, slots=True)
class Receivers:
    """Who receives mail for a domain."""

    kind: Literal["mx", "none", "null", "null with addresses missing", "null and others"]
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
    return Receivers("mx", tuple(names[:MOST_HOSTS])) if names else Receivers("none")


async def _addressed(source: Source, domain: str) -> bool:
    return bool((await source.ask(domain, "A")).values or (await source.ask(domain, "AAAA")).values)


def nobody(key: str, found: Receivers) -> Found:
    """What a subtest says of a domain without mail hosts: nothing is tested, and the score is the better for it."""
    if found.kind == "null and others":
        return untested(key, "a null MX beside other MX", status="warning")
    if found.kind == "null with addresses missing":
        return untested(key, "a null MX, which a domain without addresses does not need", status="notice")
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
    # It does not look at top level domains.
    for zone in (domain, *(name for name in parents(domain) if "." in name)):
        if names := [value.rstrip(".") for value in (await source.ask(zone, "NS")).values]:
            break
    have = {name: await six(source, name) for name in names}
    tried = {name: [await reach(name, a, DNS, zone) for a in have[name]] for name in names}
    if unknown := [name for name in names or [domain] if source.foreign(name)]:
        why = f"the site does not know the name servers' addresses: {', '.join(unknown)}"
        return [untested("ns_aaaa", why), untested("ns_reach", why)]
    if not names:
        return [
            bad("ns_aaaa", f"no name servers of {domain}"),
            untested("ns_reach", f"no name servers of {domain}", counts=True),
        ]
    count = sum(map(bool, have.values()))
    listed = ", ".join(f"{name} {' '.join(have[name]) or 'without IPv6'}" for name in names)
    aaaa = good("ns_aaaa", listed) if count >= FEW else bad("ns_aaaa", listed)
    if why := _untried(tried):
        return [aaaa, untested("ns_reach", why)]
    if not count:
        return [aaaa, untested("ns_reach", "no name server has IPv6", counts=True)]
    # Two with IPv6 are enough: what the others have is then of no matter.
    considered = [name for name in names if have[name]] if count >= FEW else names
    each = [_share(tried[name], full=RULE["ns_reach"].points) for name in considered]
    points = min(RULE["ns_reach"].points // 2, sum(each)) if len(considered) == 1 else int(sum(each) / len(considered))
    silent = [
        f"{name} {a}" for name in considered for a, answers in zip(have[name], tried[name], strict=True) if not answers
    ]
    if silent:
        return [aaaa, bad("ns_reach", f"no answer from {', '.join(silent)}", points)]
    return [
        aaaa,
        Found(
            "ns_reach", "good", points, "" if points == RULE["ns_reach"].points else "some name servers have no IPv6"
        ),
    ]


async def _mail_hosts(source: Source, found: Receivers, reach: Reach) -> list[Found]:
    if not found.names:
        return [nobody("mx_aaaa", found), untested("mx_reach", "no MX")]
    have = {name: await six(source, name) for name in found.names}
    tried = {name: [await reach(name, a, SMTP, "") for a in have[name]] for name in found.names}
    without = [name for name in found.names if not have[name]]
    aaaa = (
        bad("mx_aaaa", f"no IPv6: {', '.join(without)}")
        if without
        else good("mx_aaaa", ", ".join(a for all_ in have.values() for a in all_))
    )
    if len(without) == len(found.names):
        return [aaaa, untested("mx_reach", "no MX has IPv6", counts=True)]
    if why := _untried(tried):
        return [aaaa, untested("mx_reach", why)]
    points = int(sum(_share(tried[name], full=RULE["mx_reach"].points) for name in found.names) / len(found.names))
    silent = [
        f"{name} {a}" for name in found.names for a, answers in zip(have[name], tried[name], strict=True) if not answers
    ]
    if silent:
        return [aaaa, bad("mx_reach", f"no answer on port 25 of {', '.join(silent)}", points)]
    return [aaaa, Found("mx_reach", "good", points, f"some MX have no IPv6: {', '.join(without)}" if without else "")]


def _untried(tried: Mapping[str, Sequence[bool | str]]) -> str:
    return ", ".join(
        dict.fromkeys(answer for answers in tried.values() for answer in answers if isinstance(answer, str))
    )


def _share(answers: Sequence[bool | str], *, full: int) -> int:
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
    answer = await source.ask(name, "SOA", validated=True)
    full = RULE["dnssec_valid"].points
    if answer.status == "failed" and (await source.ask(name, "SOA")).status != "failed":
        # There without validation: what is signed does not hold.
        return [good(exists), Found(valid, "bad", 0, f"{name}: {answer.note}")]
    if answer.status in ("failed", "no-name"):
        why = f"{name}: {answer.note or 'there is no such name'}"
        return [bad(exists, why), untested(valid, why, counts=True)]
    if answer.secure:
        return [good(exists), Found(valid, "good", full)]
    # Insecure is not tested for validity, but costs the points.
    return [
        bad(exists, f"{name} is not signed, or its parent has no DS"),
        Found(valid, "not tested", LESS, f"{name} is not signed"),
    ]
