"""DANE: keys of our own hosts in DNS, and those of receivers believed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import DomainCase, HostCase, SiteCase
from gmconf.controls.control import Control
from gmconf.controls.files import MAIN
from gmconf.controls.records import at, claim
from gmconf.controls.result import Observation
from gmconf.derived import policies as published
from gmconf.model import Role


class DaneIn(Control):
    """The hosts that receive publish TLSA records of their keys, in signed zones.

    Senders that know DANE then insist on TLS with exactly these keys; nobody in between can take it away.
    """

    id, level = "dane.in", "silver"
    sources = ("RFC 7672", "RFC 7671", "BSI TR-03108-05-M", "internet.nl mail test: dane_valid")
    on = (Role.MTA,)
    live = ("tlsa", "dane")

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """TLSA is not switched off."""
        on = published.tlsa(case.site)
        yield claim("dns.tlsa: true", ["true" if on else "false"], on, "dns.tlsa")

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """At least one record 3 1 1 for port 25."""
        found = at(case.records, f"_25._tcp.{case.host.name}", "TLSA")
        yield claim(f"TLSA 3 1 1 of {case.host.name}", found, any(v.startswith("3 1 1 ") for v in found), "dns.tlsa")

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """The same for a name that a domain has for the MX itself."""
        if own := case.domain.own_mx:
            found = at(case.records, f"_25._tcp.{own}", "TLSA")
            yield claim(f"TLSA 3 1 1 of {own}", found, any(v.startswith("3 1 1 ") for v in found), "dns.tlsa")


class DaneOut(Control):
    """Published TLSA records are enforced: no TLS, or another certificate, and the message waits.

    DNSSEC tells in advance what the other side must show, so that nobody in between can take TLS away.
    """

    id, level, sources = "dane.out", "silver", ("BSI TR-03108-06-M", "RFC 7672", "BSI Grundschutz++ KONF.13.10")
    on = (Role.MTA,)
    settings: ClassVar = {MAIN: {"smtp_tls_security_level": "dane", "smtp_dns_support_level": "dnssec"}}
