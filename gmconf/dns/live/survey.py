"""A site's DNS as it is, control by control."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, groupby

from gmconf import printable
from gmconf.controls import CATALOGUE
from gmconf.controls.result import Result
from gmconf.derived.records import Record, order, quoted, strings
from gmconf.derived.zones import parents
from gmconf.dns import Contract, contract
from gmconf.dns.live import aliases, stale
from gmconf.dns.live import name_servers as servers
from gmconf.dns.live import spf_and_lists as sending
from gmconf.dns.live.ask import Answer, Asker, Server
from gmconf.dns.live.compare import Difference, differences
from gmconf.dns.live.finding import Finding
from gmconf.dns.zonefile import line
from gmconf.errors import GmconfError
from gmconf.keys.rollover import KEY_DAYS
from gmconf.model import Domain
from gmconf.model.levels import up_to
from gmconf.site.load import Loaded

ZONES_AT_ONCE = 32
PROBE = "gmconf-check"
"""Stands for any name where a wildcard is wanted: what verifiers see counts."""


@dataclass
class Survey:
    """What was found. ``publish`` and ``remove`` are ready to paste into zone files."""

    results: list[Result] = field(default_factory=list)
    publish: list[str] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    sets: int = 0
    """Record sets looked at."""
    asked: int = 0
    """Questions sent."""
    shown: int = 0
    """Answers of servers that were looked at besides."""

    def holds(self, level: str | None) -> bool:
        """Whether everything that the level asks for (basic without one) is as wanted."""
        reach = up_to(level or "basic")
        return not any(r.status in ("fail", "error") and r.level in reach for r in self.results)


Look = Callable[[Asker], Awaitable[list[Finding]]]
"""What else is looked at once DNS was asked."""


def survey(
    loaded: Loaded,
    resolver: Server,
    today: date,
    *,
    authoritative: bool = False,
    zones: Collection[str] = (),
    domains: Collection[str] = (),
    port: int = 53,
    then: Look | None = None,
) -> Survey:
    """Ask about every record of the contract, or of some zones, and there of some of the site's domains. Waivers count
    until their day.

    ``authoritative`` asks each published name server itself, at ``port``; the resolver only says who they are. What
    ``then`` finds is judged like the rest. Raises GmconfError for an unknown zone, and when the resolver does not
    answer at all.
    """
    wanted = contract(loaded)
    for zone in zones:
        if zone not in wanted.all:
            raise GmconfError(f"no zone {zone} in this site; there are {', '.join(sorted(wanted.all)[:20])}")
    return asyncio.run(
        _Run(loaded, wanted, Asker(resolver), today, authoritative=authoritative, domains=domains, port=port).all(
            zones, then
        )
    )


class _Run:
    def __init__(
        self,
        loaded: Loaded,
        records_: Contract,
        asker: Asker,
        today: date,
        *,
        authoritative: bool,
        domains: Collection[str],
        port: int,
    ) -> None:
        self.loaded, self.contract, self.asker, self.authoritative, self.port = (
            loaded,
            records_,
            asker,
            authoritative,
            port,
        )
        self.today = today
        site = records_.site
        self.waived = site.waived(today)
        self.subjects = {d.name: ("domains", n) for n, d in enumerate(site.domains)} | {
            h.name: ("hosts", n) for n, h in enumerate(site.hosts)
        }
        self.inside: dict[str, list[Domain]] = {}
        self.passed_over = {d.name for d in site.domains if domains and d.name not in domains}
        for domain in site.domains:
            if domain.name in self.passed_over:
                continue
            self.inside.setdefault(self.contract.zones.of(domain.name), []).append(domain)
        self.done = Survey()
        self.good: dict[tuple[str, str], int] = {}
        self.validates = False

    async def all(self, only: Collection[str], then: Look | None) -> Survey:
        root = await self.asker.ask(".", "SOA")
        if root.status == "failed" and root.note == "no answer":
            raise GmconfError(
                f"{self.asker.resolver.address} port {self.asker.resolver.port} does not answer; name a resolver that"
                " does: --resolver IP"
            )
        self.validates = root.secure
        todo = iter(sorted(z for z in self.contract.all if not only or z in only))

        async def work() -> None:
            for name in todo:
                self._note(await self._zone(name))
                if len(self.subjects) > ZONES_AT_ONCE:
                    self.asker.forget()

        await asyncio.gather(*(work() for _ in range(ZONES_AT_ONCE)))
        if not only:
            self._note(await sending.listed(self.asker, self.contract.site))
        beyond = await then(self.asker) if then else []
        self._note(beyond)
        self.done.shown = len(beyond)
        beside = {(f.control, f.subject) for f in beyond}
        self.done.asked = self.asker.asked
        bad = {(r.control, r.subject) for r in self.done.results}
        self.done.results += [
            Result(
                control,
                CATALOGUE[control].level,
                subject,
                "live",
                "pass",
                (
                    "live DNS and its servers as the site wants them"
                    if (control, subject) in beside
                    else "live DNS as the site wants it"
                ),
                f"{count} looked at",
            )
            for (control, subject), count in self.good.items()
            if (control, subject) not in bad
        ]
        self.done.results.sort(key=lambda r: (order(r.subject), r.control, r.where))
        self.done.publish = list(dict.fromkeys(self.done.publish))
        self.done.remove = list(dict.fromkeys(self.done.remove))
        return self.done

    def _note(self, findings: Iterable[Finding]) -> None:
        for found in findings:
            if found.good:
                key = (found.control, found.subject)
                self.good[key] = self.good.get(key, 0) + 1
                continue
            level, observed = CATALOGUE[found.control].level, printable.record(found.observed)
            if waiver := self.waived.get(found.control):
                why = f"{waiver.reason} ({waiver.owner}, until {waiver.until}); found {observed}"
                self.done.results.append(
                    Result(
                        found.control,
                        level,
                        found.subject,
                        "live",
                        "waived",
                        found.expected,
                        why,
                        found.where,
                        self._origin(found.subject),
                    )
                )
                continue
            publish = [line(r) for r in found.publish]
            self.done.publish += publish
            self.done.remove += found.remove
            remedy = "; ".join(
                (
                    *(f"publish {text}" for text in publish),
                    *(f"remove {text}" for text in found.remove),
                    *filter(None, [found.remedy]),
                )
            )
            self.done.results.append(
                Result(
                    found.control,
                    level,
                    found.subject,
                    "live",
                    "error" if found.error else "fail",
                    found.expected,
                    observed,
                    found.where,
                    self._origin(found.subject),
                    remedy,
                )
            )

    def _origin(self, subject: str) -> str:
        """Where the site speaks of the subject."""
        path = self.subjects.get(subject)
        return str(self.loaded.document.mark(path)) if path else ""

    async def _zone(self, name: str) -> list[Finding]:
        """Everything in one zone."""
        keepers = await servers.keepers(self.asker, self.contract, name, self.port)
        at = list(keepers.servers) if self.authoritative else []
        findings: list[Finding] = []
        if name in self.contract.zones.cuts and name == keepers.zone:
            findings += servers.of_set(self.contract, keepers)
        if self.authoritative:
            if not at:
                return [
                    Finding(
                        "dns.sync",
                        name,
                        f"{name}. NS",
                        "name servers with addresses",
                        ", ".join(keepers.names) or "nothing",
                        good=False,
                        error=True,
                    )
                ]
            findings += await servers.agree(self.asker, keepers)
        if not name.endswith(".arpa"):
            findings.append(await self._secure(name))
        wanted = [list(group) for _, group in groupby(self.contract.records(name), key=_set)]
        if self.passed_over:
            wanted = [group for group in wanted if self._subject(group[0]) not in self.passed_over]
        known = {(group[0].owner, group[0].type) for group in wanted}
        for record in self._stale(name):
            if (record.owner, record.type) not in known:
                wanted.append([record])
        self.done.sets += len(wanted)
        findings += chain.from_iterable(await asyncio.gather(*(self._set(group, at) for group in wanted)))
        findings += filter(None, (self._age(domain) for domain in self.inside.get(name, ())))
        # TXT records at one name are judged one by one; what concerns them all is said once.
        return [*(f for f in findings if f.good), *dict.fromkeys(f for f in findings if not f.good)]

    def _age(self, domain: Domain) -> Finding | None:
        """Whether the key that signs is younger than six months, where that is known."""
        if domain.dkim.began is None or domain.kind == "parked":
            return None
        days = (self.today - domain.dkim.began).days
        return Finding(
            "auth.dkim-rotation",
            domain.name,
            f"{domain.dkim.selector}-rsa._domainkey.{domain.name}. TXT",
            f"a key that has signed for {KEY_DAYS} days at most: gmconf keys next",
            f"one of {days} days",
            good=days <= KEY_DAYS,
        )

    def _stale(self, zone: str) -> Iterator[Record]:
        for domain in self.inside.get(zone, ()):
            yield from stale.forbidden(self.contract, self.loaded.secrets, domain)
        yield from (r for r in stale.includes(self.contract) if r.zone == zone)

    async def _secure(self, zone: str) -> Finding:
        answer = await self.asker.ask(zone, "SOA")
        where = f"{zone}. SOA"
        if not self.validates and answer.status != "failed":
            return Finding(
                "dns.dnssec",
                zone,
                where,
                "a resolver that validates",
                "it does not; name one that does: --resolver IP",
                good=False,
                error=True,
            )
        seen = answer.note or ("validated" if answer.secure else "not signed, or no DS record in the parent zone")
        return Finding("dns.dnssec", zone, where, "a signed zone whose chain of trust holds", seen, good=answer.secure)

    async def _set(self, group: list[Record], at: list[Server]) -> list[Finding]:
        """One record set, asked of the resolver or of every name server."""
        first = group[0]
        control = _control(first)
        subject, where = self._subject(first), f"{first.owner}. {first.type}"
        asked = first.owner.replace("*", PROBE, 1)
        where_to: list[Server | None] = [*at] or [None]
        asks = [aliases.answer(self.asker, self.contract, asked, first.type, server, self.port) for server in where_to]
        answers = await asyncio.gather(*asks)
        findings = await self._compared(group, answers, at, control, subject, where)
        kinds: dict[tuple[str, ...], list[str]] = {}
        for server, answer in zip(at, answers, strict=False):
            if answer.status != "failed":
                kinds.setdefault(answer.values, []).append(str(server))
        if len(kinds) > 1:
            text = "; ".join(f"{', '.join(who)}: {', '.join(values) or 'nothing'}" for values, who in kinds.items())
            findings.append(
                Finding("dns.sync", subject, where, "the same answer of all name servers", text, good=False)
            )
        return findings

    async def _differences(self, group: list[Record], answer: Answer) -> list[Difference]:
        first = group[0]
        if first.type != "TXT":
            return differences(group, answer)
        return await sending.judged(self.asker, self.contract.site, first, answer, first.owner.replace("*", PROBE, 1))

    async def _compared(
        self, group: list[Record], answers: list[Answer], at: list[Server], control: str, subject: str, where: str
    ) -> list[Finding]:
        found: dict[Finding, list[str]] = {}
        for number, answer in enumerate(answers):
            for wrong in await self._differences(group, answer):
                owner = group[0].owner
                if wrong.remove or (answer.targets and wrong.publish):
                    owner = (
                        await aliases.covering(self.asker, owner, group[0].type, answer, at[number] if at else None)
                        or owner
                    )
                gone = tuple(f"{owner}. {group[0].type} {_spelled(group[0].type, value)}" for value in wrong.remove)
                if answer.targets and (
                    gone or wrong.publish
                ):  # nothing may stand beside an alias, and what it leads to is somewhere else
                    gone = (f"{owner}. CNAME {answer.targets[0]}.",)
                if owner != group[0].owner and wrong.publish:  # what stands at a name itself hides the wildcard there
                    gone = ()
                finding = Finding(
                    wrong.control or control,
                    subject,
                    where,
                    wrong.expected,
                    wrong.observed,
                    good=False,
                    publish=tuple(group) if wrong.publish else (),
                    remove=gone,
                    error=wrong.error,
                )
                found.setdefault(finding, []).append(str(at[number]) if at else "")
        if not found:
            return [Finding(control, subject, where, "", "", good=True)]
        few = [who for who in found.values() if 0 < len(who) < len(answers)]
        if not few or not at:
            return list(found)
        return [
            Finding(
                f.control,
                f.subject,
                f.where,
                f.expected,
                f"{f.observed} (at {', '.join(who)})",
                good=False,
                publish=f.publish,
                remove=f.remove,
                error=f.error,
            )
            for f, who in found.items()
        ]

    def _subject(self, record: Record) -> str:
        """The domain or host that a record is about."""
        if record.type == "PTR":
            return record.text.rstrip(".")
        name = record.owner.partition("._report._dmarc.")[0]
        return next((n for n in (name, *parents(name)) if n in self.subjects), record.zone)


def _set(record: Record) -> tuple[str, str, object]:
    """Records that are judged together; each TXT record is for itself, since others may stand beside it."""
    return record.owner, record.type, record.rdata if record.type == "TXT" else ""


def _control(record: Record) -> str:
    """The control that a record is there for, or must not be there for."""
    if record.because and record.because[0].kind == "control":
        return record.because[0].ref
    return "dns.no-stale" if record.need == "forbidden" else "dns.sync"


def _spelled(type_: str, value: str) -> str:
    return " ".join(map(quoted, strings(value))) if type_ == "TXT" else value
