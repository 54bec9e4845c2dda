"""An SPF record as receivers evaluate it: check_host() of RFC 7208 section 4, with its limits."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal, NamedTuple, Protocol

from gmconf.derived import spf
from gmconf.derived.zones import reverse_name
from gmconf.dns.live.ask import Answer
from gmconf.dns.live.macros import Client, expanded, is_name

Result = Literal["pass", "fail", "softfail", "neutral", "none", "permerror", "temperror"]
Network = IPv4Network | IPv6Network
RESULTS: dict[str, Result] = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
MANY = 10
"""The most names of one MX or PTR record set that are looked at (section 4.6.4)."""


class Asks(Protocol):
    """Answers questions about names."""

    async def ask(self, name: str, type_: str) -> Answer:
        """The answer about a name (no final dot)."""


class Outcome(NamedTuple):
    """What a receiver comes to, and why it can come to nothing else."""

    result: Result
    why: str = ""


class _EndError(Exception):
    """An error that ends the whole evaluation."""

    def __init__(self, result: Result, why: str) -> None:
        self.outcome = Outcome(result, why)


class Evaluation:
    """One evaluation for one client."""

    def __init__(self, asker: Asks, client: Client) -> None:
        self.asker, self.client = asker, client
        self.lookups = self.void = 0
        self.compared: set[Network] = set()
        """Networks that the client's address was compared with: another address that lies in the same of them fares
        alike."""

    async def of(self, domain: str, text: str | None = None) -> Outcome:
        """What becomes of the client; ``text`` stands for the record at the domain."""
        try:
            outcome = await self._check(domain, text)
        except _EndError as error:
            outcome = error.outcome
        if outcome.result != "temperror" and self.void > spf.VOID:
            return self._exhausted()
        return outcome

    async def _check(self, domain: str, text: str | None = None) -> Outcome:
        if text is None:
            if not is_name(domain):
                return Outcome("none", f"{domain} is no name")
            found = [t for t in (await self._ask(domain, "TXT")).values if spf.is_spf(t)]
            if not found:
                return Outcome("none", f"{domain} has no SPF record")
            if len(found) > 1:
                raise _EndError("permerror", f"{domain} has {len(found)} SPF records")
            text = found[0]
        record = spf.parse(text)
        if record.wrong:
            raise _EndError("permerror", f"cannot be read: {' '.join(record.wrong)}")
        for term in record.mechanisms:
            if await self._matches(term, domain):
                return Outcome(RESULTS[term.qualifier])
        if not record.redirect:
            return Outcome("neutral")
        self._count()
        outcome = await self._check(await self._name(record.redirect, domain))
        if outcome.result == "none":
            raise _EndError("permerror", f"redirect={record.redirect}: {outcome.why}")
        return outcome

    async def _matches(self, term: spf.Term, domain: str) -> bool:
        if term.kind == "all":
            return True
        if term.network is not None:
            return self._within(term.network)
        self._count()
        target = await self._name(term.spec, domain) if term.spec else domain
        if term.kind == "include":
            outcome = await self._check(target)
            if outcome.result == "none":
                raise _EndError("permerror", f"{term.text}: {outcome.why}")
            return outcome.result == "pass"
        if term.kind == "exists":
            return bool((await self._counted(target, "A")).values)
        if term.kind == "ptr":
            return any(_below(name, target) for name in await self._validated())
        if term.kind == "a":
            return self._among((await self._counted(target, self._family)).values, term)
        exchanges = [value.split()[1].rstrip(".") for value in (await self._counted(target, "MX")).values]
        if len(exchanges) > MANY:
            raise _EndError("permerror", f"{term.text}: more than {MANY} MX records")
        for name in filter(None, exchanges):
            if self._among((await self._ask(name, self._family)).values, term):
                return True
        return False

    @property
    def _family(self) -> str:
        return "A" if self.client.address.version == 4 else "AAAA"

    def _within(self, network: Network) -> bool:
        self.compared.add(network)
        return self.client.address in network

    def _among(self, addresses: Iterable[str], term: spf.Term) -> bool:
        prefix = term.four if self.client.address.version == 4 else term.six
        return any(self._within(ip_network(f"{address}/{prefix}", strict=False)) for address in addresses)

    async def _validated(self) -> list[str]:
        """Names of the client that lead back to it (section 5.5). Errors on the way mean that there is none."""
        answer = await self.asker.ask(reverse_name(str(self.client.address)), "PTR")
        self.void += not answer.values
        found = []
        for value in answer.values[:MANY]:
            name = value.rstrip(".").lower()
            back = await self.asker.ask(name, self._family)
            if any(ip_address(a) == self.client.address for a in back.values):
                found.append(name)
        return found

    async def _name(self, spec: str, domain: str) -> str:
        async def proven() -> str:
            names = await self._validated()
            return next((n for n in names if _below(n, domain)), names[0] if names else "unknown")

        return (await expanded(spec, self.client, domain, proven)).lower()

    def _count(self) -> None:
        self.lookups += 1
        if self.lookups > spf.LOOKUPS:
            raise _EndError(*self._exhausted())

    def _exhausted(self) -> Outcome:
        return Outcome("permerror", f"{self.lookups} look-ups, {self.void} without an answer")

    async def _counted(self, name: str, type_: str) -> Answer:
        """An answer; one without records counts."""
        answer = await self._ask(name, type_)
        self.void += not answer.values
        return answer

    async def _ask(self, name: str, type_: str) -> Answer:
        if not is_name(name):
            return Answer("no-name")
        answer = await self.asker.ask(name, type_)
        if answer.status == "failed":
            raise _EndError("temperror", f"{name} {type_}: {answer.note}")
        return answer


def _below(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")
