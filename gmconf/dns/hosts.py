"""The records of a host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from gmconf.controls import control
from gmconf.derived import policies as published
from gmconf.derived import spf
from gmconf.derived.records import Need, quoted, strings
from gmconf.dns.tlsa import associations
from gmconf.model import Host, Role
from gmconf.model.dns import Issuer
from gmconf.settings import Reason, need

if TYPE_CHECKING:
    from gmconf.dns.contract import Contract


class Found(NamedTuple):
    """A record before it is put into its zone; without a zone of its own it is the host's."""

    owner: str
    type: str
    rdata: str | tuple[str, ...]
    need: Need
    because: tuple[Reason, ...]
    zone: str = ""


def addresses(of: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(type, rdata) of addresses."""
    for address in of:
        yield ("AAAA" if ":" in address else "A"), address


def of_host(contract: Contract, host: Host) -> Iterator[Found]:
    """Everything about one host, its reverse names included."""
    id_ = "dns.fcrdns"
    place = contract.why(
        f"hosts[{contract.numbers[host.name]}].{'public_addresses' if host.public_addresses else 'addresses'}"
    )
    because, must = (control(id_), place), contract.need(id_)
    for type_, address in addresses(host.outside):
        yield Found(host.name, type_, address, must, because)
        zone, owner = contract.zones.reverse(address)
        yield Found(owner, "PTR", f"{host.name}.", must, because, zone)
    # Notices have an empty sender, so SPF is asked about the name in HELO (RFC 7208 section 2.3).
    id_ = "auth.spf-publish"
    yield Found(
        host.name,
        "TXT",
        strings(spf.policy(spf.terms(host.outside), "-all")),
        contract.need(id_),
        (control(id_), place),
    )
    for found in certifiers(contract):
        yield Found(host.name, *found)
    if Role.MTA in host.roles:
        for found in associated(contract, host.name):
            yield Found(f"_25._tcp.{host.name}", *found)


Part = tuple[str, str, Need, tuple[Reason, ...]]
"""(type, rdata, need, reasons) of a record."""


def certifiers(contract: Contract) -> Iterator[Part]:
    """CAA, for names that hosts show certificates for only: who certifies a domain's web site is its owner's business
    (RFC 8659, RFC 8657)."""
    site, id_ = contract.site, "dns.caa"
    values = [("issue", _issuer(issuer)) for issuer in site.dns.caa]
    if not values and site.tls.source == "internal-ca":
        values = [("issue", ";")]
    if not values or not published.can(site, "caa"):
        return
    contact = site.policies.security_contact if site.policies else None
    values += [("issuewild", ";"), ("iodef", published.mailto(contact or site.organisation.postmaster))]
    because = (control(id_), contract.why("dns.caa" if site.dns.caa else "tls.source"))
    for tag, value in values:
        yield "CAA", f"0 {tag} {quoted(value)}", contract.need(id_), because


def _issuer(issuer: Issuer) -> str:
    words = [issuer.name]
    if issuer.account_uri:
        words.append(f"accounturi={issuer.account_uri}")
    if issuer.validation_methods:
        words.append(f"validationmethods={','.join(issuer.validation_methods)}")
    return "; ".join(words)


def associated(contract: Contract, name: str) -> Iterator[Part]:
    """TLSA of what an MX name shows on port 25; nothing where its certificate is not at hand, as in documents."""
    if not published.tlsa(contract.site):
        stale = need("dns", "a TLSA record that nobody keeps true stops mail as soon as the certificate's key changes")
        yield "TLSA", "", "forbidden", (control("dns.no-stale"), stale)
        return
    because = (control("dane.in"), contract.why("dns.tlsa" if contract.site.dns.tlsa else "level"))
    for rdata in associations(contract.public, name) if f"tls/{name}.crt" in contract.public else ():
        yield "TLSA", rdata, contract.need("dane.in"), because
