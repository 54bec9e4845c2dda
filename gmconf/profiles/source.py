"""Where answers about names come from: a resolver, or what the site publishes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Protocol

from gmconf.derived import policies as published
from gmconf.derived.records import Record
from gmconf.derived.zones import parents
from gmconf.dns import Contract
from gmconf.dns.live.ask import Answer
from gmconf.model import Domain


class Source(Protocol):
    """Answers questions about names."""

    @property
    def signs(self) -> str:
        """Empty where it can tell signed from unsigned, else why not."""

    def foreign(self, name: str) -> bool:
        """Whether it cannot know of the name."""

    async def ask(self, name: str, type_: str, *, validated: bool = False) -> Answer:
        """The answer about a name (no final dot); only where it has to be ``validated``,
        what fails that is no answer.
        """


class Published:
    """The records of a site's contract, as if every one were published, and in signed zones where the site says that
    they are."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._of: dict[tuple[str, str], list[str]] = {}
        self._names: set[str] = set()
        self._domains = {d.name: d for d in contract.site.domains}

    @cached_property
    def _shared(self) -> dict[tuple[str, str], list[str]]:
        """What belongs to no domain: hosts, parts of SPF records, name servers, authorisations."""
        contract = self.contract
        found = _values(r for h in contract.site.hosts for r in contract.of_host(h))
        found |= _values(
            (
                *contract.included(),
                *contract.nameservers(),
                *(r for target in contract.report_zones for r in contract.authorisations(target)),
            )
        )
        return found

    @cached_property
    def _shared_names(self) -> set[str]:
        return _names(self._shared)

    @cached_property
    def signed(self) -> bool | None:
        """Whether the zones are signed; None where the site neither shows it nor rests on it (TLSA)."""
        site = self.contract.site
        if not published.can(site, "dnssec"):
            return False
        return True if "dns.dnssec" in site.evidence or published.tlsa(site) else None

    @property
    def signs(self) -> str:
        return "the site does not show that its zones are signed: evidence.dns.dnssec" if self.signed is None else ""

    def foreign(self, name: str) -> bool:
        """Names outside the site's zones are."""
        return (
            self.contract.zones.ours(name) is None
            and (name, "A") not in self._shared
            and (name, "AAAA") not in self._shared
        )

    def about(self, domain: Domain) -> None:
        """Questions from here on are about this domain and those above it: there may be very many."""
        above = [self._domains[n] for n in parents(domain.name) if n in self._domains]
        self._of = _values(r for d in (domain, *above) for r in self.contract.of_domain(d))
        self._names = _names(self._of)

    async def ask(self, name: str, type_: str, *, validated: bool = False) -> Answer:
        del validated  # what the site publishes is as it should be
        secure = bool(self.signed)
        if type_ == "NS":
            names = [f"{s.name}." for s in self.contract.site.dns.nameservers] if name in self.contract.cuts else []
            return Answer("found" if names else "nothing", tuple(names), secure=secure)
        for known in (self._of, self._shared):
            if values := known.get((name, type_)):
                return Answer("found", tuple(sorted(values)), secure=secure)
        return Answer("nothing" if name in self._names or name in self._shared_names else "no-name", secure=secure)


def _values(records: Iterable[Record]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for record in records:
        if record.need != "forbidden":
            text = (
                "".join(record.rdata)
                if record.type == "TXT"
                else record.text
                if record.type == "CAA"
                else record.text.lower()
            )
            found.setdefault((record.owner, record.type), []).append(text)
    return found


def _names(known: Iterable[tuple[str, str]]) -> set[str]:
    """Names that exist: owners, and whatever lies above one (RFC 8020)."""
    return {name for owner, _ in known for name in (owner, *parents(owner))}
