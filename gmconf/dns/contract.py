"""All records of a site, one after the other, by zone and name."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property, partial
from heapq import heappop, heappush, heapreplace
from itertools import count
from typing import NamedTuple

from gmconf.controls import CATALOGUE, control
from gmconf.derived import policies as published
from gmconf.derived.records import Need, Record, order, strings
from gmconf.derived.zones import Zones, parents
from gmconf.dns.domains import Row, parked, sending
from gmconf.dns.hosts import Found, addresses, of_host
from gmconf.dns.others import beside, by_zone
from gmconf.keys.rollover import NOTHING, Rollover
from gmconf.model import Domain, Host, Site
from gmconf.model.levels import up_to
from gmconf.settings import Reason
from gmconf.site.load import Loaded


class Unit(NamedTuple):
    """Records that are made together, sorted; all of them lie at or below one name."""

    start: str
    make: Callable[[], Iterable[Record]]
    domain: Domain | None = None
    """The mail domain that they are, where they are one's."""


class Contract:
    """The records of a site by domain and by host; ``public`` are the public files beside it, ``why`` gives reasons for
    fields.

    ``rollover`` says which keys are published besides those in use.
    """

    def __init__(
        self, site: Site, public: Mapping[str, str], why: Callable[[str], Reason], rollover: Rollover = NOTHING
    ) -> None:
        self.site, self.public, self.why, self.rollover = site, public, why, rollover
        self.zones = Zones(site)
        self.numbers = {h.name: n for n, h in enumerate(site.hosts)}
        self._places = {d.name: n for n, d in enumerate(site.domains) if d.server_names or d.senders}
        self._rows: dict[tuple[object, ...], list[Row]] = {}

    def need(self, id_: str) -> Need:
        """Whether the site's level (basic without one) asks for the control."""
        return "required" if CATALOGUE[id_].level in up_to(self.site.level or "basic") else "recommended"

    def of_domain(self, domain: Domain) -> Iterator[Record]:
        """What lies at and below a domain's name, sorted."""
        zone = self.zones.of(domain.name)
        for row in self.rows(domain):
            if record := self.of_row(row, domain.name, zone):
                yield record

    def of_row(self, row: Row, name: str, zone: str) -> Record | None:
        """The record of a domain that a row is; None when its key is not there."""
        prefix, type_, rdata, need, because, key = row
        if key:
            rdata = self.key(name, key)
            if not rdata:  # auth.dkim-key tells
                return None
        return Record(zone, prefix + name, type_, rdata, self.site.dns.ttl, need, because)

    def key(self, name: str, stem: str) -> tuple[str, ...]:
        """The record of a domain's public key as strings; none when the key is not there."""
        found = self.public.get(f"dkim/{name}/{stem}.pub")
        return () if found is None else strings(f"v=DKIM1; k={stem.rpartition('-')[2]}; p={found.strip()}")

    def lone(self, zone: str) -> Domain | None:
        """The mail domain that is all there is in its zone."""
        units = self.units.get(zone, [])
        return units[0].domain if len(units) == 1 and zone not in self.others else None

    def rows(self, domain: Domain) -> list[Row]:
        """The rows that domains of the same kind and selectors share; one with names or other senders of its own has
        them for itself."""
        if domain.server_names or domain.senders:
            return _sorted(sending(self, domain))
        key = (domain.kind, domain.dkim.selector, domain.dkim.retired, *self.rollover.published(domain.name))
        if key not in self._rows:
            rows = parked(self) if domain.kind == "parked" else sending(self, domain)
            self._rows[key] = _sorted(rows)
        return self._rows[key]

    def place(self, domain: Domain) -> str:
        """Where the site defines a domain that has names of its own for the servers, or other senders."""
        return f"domains[{self._places[domain.name]}]"

    def of_host(self, host: Host) -> Iterator[Record]:
        """What a host needs: addresses and their reverse names, SPF of its HELO name, CAA, TLSA."""
        zone = self.zones.of(host.name)
        return (self._placed(found, zone) for found in of_host(self, host))

    def _placed(self, found: Found, zone: str) -> Record:
        return Record(
            found.zone or zone, found.owner, found.type, found.rdata, self.site.dns.ttl, found.need, found.because
        )

    def authorisation(self, domain: Domain) -> Iterator[Record]:
        """What allows reports about the domain to be sent to addresses elsewhere (RFC 9990), in the zones of these
        addresses."""
        for target in self.report_zones:
            if record := self._authorised(domain, target):
                yield record

    def _authorised(self, domain: Domain, target: str) -> Record | None:
        zone, id_ = self.report_zones[target], "auth.dmarc-extreport"
        if self.zones.of(domain.name) == zone:
            return None
        return Record(
            zone,
            f"{domain.name}._report._dmarc.{target}",
            "TXT",
            ("v=DMARC1;",),
            self.site.dns.ttl,
            self.need(id_),
            (control(id_), self.reports_why),
        )

    def authorisations(self, target: str) -> Iterator[Record]:
        """Those of all domains for one domain of addresses, sorted."""
        for domain in sorted(self.site.domains, key=lambda d: order(d.name)):
            if record := self._authorised(domain, target):
                yield record

    @cached_property
    def reports_why(self) -> Reason:
        """The field that says where reports go."""
        return self.why("dns.reports" if self.site.dns.reports else "organisation.postmaster")

    @cached_property
    def report_zones(self) -> dict[str, str]:
        """Domain of an address that gets aggregate reports: its zone."""
        return {target: self.zones.known(target) or target for target in published.report_domains(self.site)}

    def included(self) -> Iterator[Record]:
        """The parts of an SPF record that is too long for one."""
        for name, text in published.spf_parts(self.site)[1]:
            id_ = "auth.spf-publish"
            yield Record(
                self.zones.of(name),
                name,
                "TXT",
                strings(text),
                self.site.dns.ttl,
                self.need(id_),
                (control(id_), self.why("hosts")),
            )

    def nameservers(self) -> Iterator[Record]:
        """Addresses of name servers inside the site's zones that are no hosts of it."""
        why = (self.why("dns.nameservers"),)
        for server in self.site.dns.nameservers:
            zone = self.zones.known(server.name)
            for type_, address in addresses(server.addresses) if zone else ():
                yield Record(zone or "", server.name, type_, address, self.site.dns.ttl, "required", why)

    @cached_property
    def others(self) -> dict[str, list[Record]]:
        """What the operator adds, by zone."""
        return by_zone(self.site, self.zones, self.why)

    def refuse(self) -> None:
        """Raises GmconfError where one of the operator's records is one that the site publishes itself."""
        for zone in sorted(self.others, key=order):
            deque(self.of_zone(zone), maxlen=0)

    @cached_property
    def all(self) -> frozenset[str]:
        """Every zone that has a record."""
        return frozenset({*self.units, *self.others})

    @cached_property
    def cuts(self) -> frozenset[str]:
        """Every zone that has a record, or is named as a cut."""
        return self.all | self.zones.cuts

    def foreign(self, zone: str) -> str:
        """What to do with the records of a zone that is not the site's; empty for one that is."""
        return (
            ""
            if zone in self.zones.cuts
            else f"{zone} is no zone of this site (domains, dns.zones): give these records to whoever keeps it"
        )

    @cached_property
    def delegations(self) -> dict[str, list[str]]:
        """Zone: the zones of the site right below it."""
        found: dict[str, list[str]] = {}
        for cut in sorted(self.zones.cuts, key=order):
            if above := next((n for n in parents(cut) if n in self.zones.cuts), None):
                found.setdefault(above, []).append(cut)
        return found

    def records(self, only: str | None = None) -> Iterator[Record]:
        """Every record, or those of one zone, by zone and owner; a domain's are made when they are asked for."""
        for zone in sorted(self.all, key=order):
            if only in (None, zone):
                yield from self.of_zone(zone)

    def of_zone(self, zone: str) -> Iterator[Record]:
        """The records of one zone, sorted; none where it has none. Raises GmconfError where one of the operator's is
        one of the site's."""
        found, added = _merged(self.units.get(zone, [])), self.others.get(zone)
        return beside(self.site, found, added) if added else found

    @cached_property
    def units(self) -> dict[str, list[Unit]]:
        """By zone; what is small is made at once, domains when their turn comes."""
        found: dict[str, list[Unit]] = {}
        for domain in self.site.domains:
            found.setdefault(self.zones.of(domain.name), []).append(
                Unit(domain.name, partial(self.of_domain, domain), domain)
            )
        for target, zone in self.report_zones.items():
            if any(self.zones.of(d.name) != zone for d in self.site.domains):
                found.setdefault(zone, []).append(
                    Unit(f"_report._dmarc.{target}", partial(self.authorisations, target))
                )
        loose = [*self.included(), *self.nameservers(), *(r for h in self.site.hosts for r in self.of_host(h))]
        by_zone: dict[str, list[Record]] = {}
        for record in loose:
            by_zone.setdefault(record.zone, []).append(record)
        for zone, records_ in by_zone.items():
            records_.sort(key=lambda r: (order(r.owner), r.type))
            found.setdefault(zone, []).append(Unit(records_[0].owner, partial(iter, records_)))
        return found


def records(loaded: Loaded, only: str | None = None) -> Iterator[Record]:
    """Every record of the contract, or those of one zone, by zone and owner in DNSSEC's order (RFC 4034 section 6.1).

    Bounded memory: a domain's records are made when they are asked for.
    """
    return contract(loaded).records(only)


def contract(loaded: Loaded) -> Contract:
    """The contract of a loaded site."""
    return Contract(loaded.site, loaded.public, loaded.why, loaded.rollover)


def _sorted(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda r: (order(r.prefix.rstrip(".")) if r.prefix else [], r.type))


def _merged(units: list[Unit]) -> Iterator[Record]:
    if len(units) == 1:
        yield from units[0].make()
        return
    waiting = deque(sorted(((order(u.start), u) for u in units), key=lambda w: w[0]))
    number = count()
    heap: list[tuple[list[str], str, int, Record, Iterator[Record]]] = []

    def entry(rest: Iterator[Record]) -> tuple[list[str], str, int, Record, Iterator[Record]] | None:
        record = next(rest, None)
        return record and (order(record.owner), record.type, next(number), record, rest)

    while heap or waiting:
        while waiting and (not heap or waiting[0][0] <= heap[0][0]):
            if found := entry(iter(waiting.popleft()[1].make())):
                heappush(heap, found)
        if heap:
            yield heap[0][3]
            if found := entry(heap[0][4]):
                heapreplace(heap, found)
            else:
                heappop(heap)
