"""What DNS promises against what servers show: TLSA records and certificates on port 25, MTA-STS records and the
policies behind them."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar

from gmconf.derived import policies as published
from gmconf.derived.zones import Zones
from gmconf.dns.live.ask import Asker
from gmconf.dns.live.finding import Finding
from gmconf.dns.tlsa import of_mail
from gmconf.model import Domain, Role
from gmconf.site.load import Loaded
from gmconf.verify import dane, sts
from gmconf.verify.connection import connected
from gmconf.verify.run import trust
from gmconf.verify.smtp import Smtp

AT_ONCE, PER_ADDRESS = 16, 4
"""Connections under way: in all, and to one address."""
SECONDS = 15.0
"""For one connection; whoever takes longer is not waited for."""
ELSEWHERE = "if it answers others, run this from a network that lets it through: many keep port 25 shut"
T = TypeVar("T")


class Ports(NamedTuple):
    """Where servers answer."""

    smtp: int = 25
    https: int = sts.HTTPS


PORTS = Ports()


async def served(loaded: Loaded, zones: Collection[str], asker: Asker, ports: Ports = PORTS) -> list[Finding]:
    """Look at every MX name of the site (or of these zones) that has TLSA records, and at every domain that has an
    MTA-STS record.

    Every address that DNS has for them is connected to. What a server lacks is a finding, and so is one that cannot be
    reached, which is an error then. That a record is missing is not told here.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return await _Look(loaded, asker, ports, pool).all(zones)


class _Look:
    def __init__(self, loaded: Loaded, asker: Asker, ports: Ports, pool: ThreadPoolExecutor) -> None:
        self.site, self.asker, self.ports, self.pool = loaded.site, asker, ports, pool
        self.trust = trust(loaded)
        self._gates: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PER_ADDRESS))
        self._granted: dict[str, asyncio.Future[str]] = {}

    async def all(self, zones: Collection[str]) -> list[Finding]:
        todo = self._looks(zones)
        found: list[Finding] = []

        async def work() -> None:
            for look in todo:
                found.extend(await look())

        await asyncio.gather(*(work() for _ in range(AT_ONCE * 2)))
        return found

    def _looks(self, zones: Collection[str]) -> Iterator[Callable[[], Awaitable[list[Finding]]]]:
        of = Zones(self.site).of
        receiving = [d for d in self.site.domains if d.kind != "parked"]
        names = {
            name: domain.name if domain.own_mx else name
            for domain in receiving
            for name in published.mx_names(self.site, domain)
        }
        yield from (
            partial(self.mx, name, subject) for name, subject in names.items() if not zones or of(name) in zones
        )
        yield from (partial(self.policy, domain) for domain in receiving if not zones or of(domain.name) in zones)

    async def mx(self, name: str, subject: str) -> list[Finding]:
        """Whether the certificates that a mail server shows are those of its TLSA records."""
        values = (await self.asker.ask(f"_25._tcp.{name}", "TLSA")).values
        if not values:
            return []
        records = of_mail(values)
        expected = f"a TLSA record of {name} that names the certificate on port {self.ports.smtp}"

        async def one(address: str) -> Finding:
            where = f"{name} ({address}) port {self.ports.smtp}"
            refused = await self._starttls(address)
            if refused:
                return Finding("dane.in", subject, where, "STARTTLS, which TLSA records promise", refused, good=False)
            chain = await self._at(address, partial(dane.shown, address, self.ports.smtp, name))
            good, seen = dane.judged(chain, records, name) if chain else (False, "no certificate")
            return Finding("dane.in", subject, where, expected, seen, good=good, remedy=dane.REMEDY)

        return await self._each(name, "dane.in", subject, self.ports.smtp, expected, one)

    async def policy(self, domain: Domain) -> list[Finding]:
        """Whether the policy that senders find is the one that the site wants, where it has one, and is about every MX
        there is."""
        name = f"mta-sts.{domain.name}"
        there = [
            v
            for v in (await self.asker.ask(f"_mta-sts.{domain.name}", "TXT")).values
            if v.lower().startswith("v=stsv1")
        ]
        if not there:
            return []
        answer = await self.asker.ask(domain.name, "MX")
        mx = [host for host in (value.split()[1].rstrip(".") for value in answer.values) if host]
        wanted = (
            sts.read("\n".join(published.sts_policy(self.site, domain)))
            if any(Role.WEB in h.roles for h in self.site.hosts)
            else None
        )
        terms = f"mode {wanted.mode}, max_age {wanted.max_age}, " if wanted else ""
        expected = f"https://{name}{sts.PATH}: a policy with {terms}mx that match {', '.join(mx) or 'every MX'}"

        async def one(address: str) -> Finding:
            try:
                text = await self._at(address, partial(_fetched, address, self.ports.https, self.trust, name))
                seen = _unlike(sts.read(text), wanted, mx)
            except ssl.SSLError as error:
                seen = sts.complaint(error)
            except ValueError as error:
                seen = str(error)
            return Finding(
                "sts.in",
                domain.name,
                f"{name} ({address}) port {self.ports.https}",
                expected,
                seen,
                good=not seen,
                remedy="serve the policy that gmconf render writes: roll out; systemctl status nginx",
            )

        return await self._each(name, "sts.in", domain.name, self.ports.https, expected, one)

    async def _each(
        self, name: str, control: str, subject: str, port: int, expected: str, one: Callable[[str], Awaitable[Finding]]
    ) -> list[Finding]:
        """One finding for each address of a name; a server that does not answer is an error, and a name without
        addresses is a finding."""
        answers = await asyncio.gather(*(self.asker.ask(name, type_) for type_ in ("A", "AAAA")))
        addresses = [value for answer in answers for value in answer.values]
        if not addresses:
            failed = [a.note for a in answers if a.status == "failed"]
            return [
                Finding(
                    control,
                    subject,
                    f"{name}. A",
                    expected,
                    failed[0] if failed else "no address",
                    good=False,
                    error=bool(failed),
                )
            ]

        async def bounded(address: str) -> Finding:
            try:
                return await one(address)
            except (OSError, ValueError) as error:  # ValueError is an answer that no protocol knows
                seen = f"not to be found out: {error or type(error).__name__}"
                return Finding(
                    control,
                    subject,
                    f"{name} ({address}) port {port}",
                    expected,
                    seen,
                    good=False,
                    error=True,
                    remedy=ELSEWHERE,
                )

        return list(await asyncio.gather(*map(bounded, addresses)))

    async def _starttls(self, address: str) -> str:
        """Asked once of each address: empty where STARTTLS is granted, else what was answered. Raises OSError."""
        if address not in self._granted:
            self._granted[address] = asyncio.ensure_future(
                self._at(address, partial(_refused, address, self.ports.smtp))
            )
        return await self._granted[address]

    async def _at(self, address: str, look: Callable[[float], T]) -> T:
        """A dialogue in a thread, with the moment by which it must be over."""
        async with self._gates[address]:
            return await asyncio.get_running_loop().run_in_executor(self.pool, lambda: look(time.monotonic() + SECONDS))


def _refused(address: str, port: int, until: float) -> str:
    with connected(address, port, until) as wire:
        smtp = Smtp(wire)
        if smtp.greeting.code != 220:
            raise OSError(f"the server greets with {smtp.greeting}")
        smtp.ehlo()
        if "STARTTLS" not in smtp.extensions:
            return f"it is not offered ({', '.join(smtp.extensions) or 'no extension is'})"
        smtp.say("QUIT")
    return ""


def _fetched(address: str, port: int, context: ssl.SSLContext, name: str, until: float) -> str:
    with connected(address, port, until) as wire:
        return sts.fetch(wire, context, name)


def _unlike(found: sts.Policy, wanted: sts.Policy | None, mx: Collection[str]) -> str:
    """In what a policy is not as it should be; empty where it is."""
    wrong = [
        f"{field} is {getattr(found, field)}"
        for field in ("mode", "max_age")
        if wanted and getattr(found, field) != getattr(wanted, field)
    ]
    alone = (
        [name for name in mx if not any(sts.matches(pattern, name) for pattern in found.mx)]
        if found.mode != "none"
        else []
    )
    if alone:
        wrong.append(f"no mx matches {', '.join(alone)} (they are {', '.join(found.mx) or 'none'})")
    return "; ".join(wrong)
