"""The records of a mail domain, as rows that all domains of its kind share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from gmconf.controls import control
from gmconf.derived import policies as published
from gmconf.derived import spf
from gmconf.derived.records import Need, strings
from gmconf.dns.hosts import addresses, associated, certifiers
from gmconf.keys.names import DKIM_KINDS, tells_programs
from gmconf.model import Domain, Role
from gmconf.settings import Reason

if TYPE_CHECKING:
    from gmconf.dns.contract import Contract

PREFERENCE = 10
NOT_OFFERED = "0 0 0 ."
"""An SRV record that says so (RFC 2782)."""


class Row(NamedTuple):
    """A record whose owner is the prefix and a domain's name."""

    prefix: str
    type: str
    rdata: str | tuple[str, ...]
    need: Need
    because: tuple[Reason, ...]
    key: str = ""
    """For DKIM: the stem of the file with the domain's public key, which becomes the rdata."""


def sending(contract: Contract, domain: Domain) -> Iterator[Row]:
    """A hosted or alias domain. What a web server of the site adds belongs here."""
    yield from _mail(contract, domain)
    yield from _own_names(contract, domain)
    yield from _signatures(contract, domain)
    yield _dmarc(contract, published.dmarc_policy(contract.site), "auth.dmarc-publish")
    yield _tls_reports(contract)
    yield from _policy(contract, domain)
    yield from _programs(contract)
    if published.can(contract.site, "srv"):
        yield from _services(contract, domain)


def _mail(contract: Contract, domain: Domain) -> Iterator[Row]:
    site, why = contract.site, contract.why
    id_ = "dns.mx-valid"
    field = f"{contract.place(domain)}.server_names.mx" if domain.own_mx else "hosts"
    for name in published.mx_names(site, domain):
        yield Row("", "MX", f"{PREFERENCE} {name}.", contract.need(id_), (control(id_), why(field)))
    id_ = "auth.spf-publish"
    mechanisms, included = published.spf_of(site, domain)
    because = (
        control(id_),
        why("hosts"),
        why("dns.spf"),
        *([why(f"{contract.place(domain)}.senders")] if domain.senders else []),
    )
    yield Row("", "TXT", strings(spf.policy(mechanisms, published.spf_end(site))), contract.need(id_), because)
    for name, text in included:
        yield Row(name.removesuffix(domain.name), "TXT", strings(text), contract.need(id_), because)


def _own_names(contract: Contract, domain: Domain) -> Iterator[Row]:
    """Where the domain's own names for the servers lead, who may certify them, and the key of the one that MX names."""
    below = [name for name in domain.own_names if name.endswith(f".{domain.name}")]  # the rules refuse others
    if not below:
        return
    site = contract.site
    why = contract.why(f"{contract.place(domain)}.server_names")
    for name in below:
        prefix = name.removesuffix(domain.name)
        roles = {
            *((Role.MSA, Role.STORE) if name == domain.own_clients else ()),
            *((Role.MTA,) if name == domain.own_mx else ()),
        }
        id_ = "dns.mx-valid" if name == domain.own_mx else "dns.srv"
        for type_, address in addresses(a for h in site.hosts if not roles.isdisjoint(h.roles) for a in h.outside):
            yield Row(prefix, type_, address, contract.need(id_), (control(id_), why))
        for type_, rdata, need, because in (
            *certifiers(contract),
            *(associated(contract, name) if name == domain.own_mx else ()),
        ):
            yield Row(prefix if type_ == "CAA" else f"_25._tcp.{prefix}", type_, rdata, need, (*because, why))


def _signatures(contract: Contract, domain: Domain) -> Iterator[Row]:
    id_ = "auth.dkim-key"
    for kind in DKIM_KINDS:
        selector = f"{domain.dkim.selector}-{kind}"
        yield Row(f"{selector}._domainkey.", "TXT", (), contract.need(id_), (control(id_),), selector)
        for base in contract.rollover.published(domain.name):
            because = (control(id_), control("auth.dkim-rotation"))
            yield Row(f"{base}-{kind}._domainkey.", "TXT", (), contract.need(id_), because, f"{base}-{kind}")
        for base in domain.dkim.retired:
            because = (control("dns.no-stale"), contract.why("domains"))
            yield Row(f"{base}-{kind}._domainkey.", "TXT", (), "forbidden", because)


def _dmarc(contract: Contract, policy: str, id_: str) -> Row:
    """Tags in the order that RFC 7489's grammar wants too: p directly after v.
    Tags that RFC 9989 removed are not used.
    """
    site = contract.site
    dmarc = site.dns.dmarc
    alone = id_ == "dns.parked"
    below = policy if alone else dmarc.subdomains or policy
    # Names that do not exist send nothing: once the domain is watched, nobody loses mail by refusing them.
    nonexistent = "none" if policy == "none" else "reject"
    mode = "r" if dmarc.alignment == "relaxed" and not alone else "s"
    tags = [
        "v=DMARC1",
        f"p={policy}",
        f"sp={below}",
        f"np={nonexistent}",
        f"adkim={mode}",
        f"aspf={mode}",
        f"rua={published.rua(published.reports_to(site))}",
    ]
    field = "dns.dmarc.policy" if dmarc.policy else "level"
    because = (
        (control(id_), contract.reports_why) if alone else (control(id_), contract.why(field), contract.reports_why)
    )
    return Row("_dmarc.", "TXT", strings("; ".join(tags)), contract.need(id_), because)


def _tls_reports(contract: Contract) -> Row:
    id_ = "tls.rpt"
    field = (
        "dns.tls_reports"
        if contract.site.dns.tls_reports
        else "dns.reports"
        if contract.site.dns.reports
        else "organisation.postmaster"
    )
    text = f"v=TLSRPTv1; rua={published.rua(published.tls_reports_to(contract.site))}"
    return Row("_smtp._tls.", "TXT", strings(text), contract.need(id_), (control(id_), contract.why(field)))


def _policy(contract: Contract, domain: Domain) -> Iterator[Row]:
    """Where senders find the MTA-STS policy, and which one is the newest (RFC 8461 section 3.1)."""
    site, id_ = contract.site, "sts.in"
    because = (control(id_), contract.why("web" if site.web else "hosts"))
    for host in (h for h in site.hosts if Role.WEB in h.roles):
        yield Row("_mta-sts.", "TXT", (f"v=STSv1; id={published.sts_id(site, domain)}",), contract.need(id_), because)
        for type_, address in addresses(host.outside):
            yield Row("mta-sts.", type_, address, contract.need(id_), because)


def _programs(contract: Contract) -> Iterator[Row]:
    """Where mail programs ask for their servers."""
    site, id_ = contract.site, "mua.autoconfig"
    because = (control(id_), contract.why("web.autoconfig"))
    for host in (h for h in site.hosts if Role.WEB in h.roles and tells_programs(site)):
        for type_, address in addresses(host.outside):
            yield Row("autoconfig.", type_, address, contract.need(id_), because)


def _services(contract: Contract, domain: Domain) -> Iterator[Row]:
    """RFC 6186, RFC 8314 section 5.1, RFC 5804: TLS from the first byte is preferred; what is not offered says so."""
    site, why = contract.site, contract.why
    id_ = "dns.srv"
    store, msa = [[h.name for h in site.hosts if role in h.roles] for role in (Role.STORE, Role.MSA)]
    own = domain.own_clients
    if own:
        store = msa = [own]
    chat = [h.name for h in site.hosts if Role.CHAT in h.roles] if domain.kind == "hosted" else []
    pop3 = store if site.pop3.enabled else []
    services = [
        ("submissions", 0, 465, msa),
        ("submission", 10, 587, msa),
        ("imaps", 0, 993, store),
        ("imap", 10, 143, store),
        ("pop3s", 20, 995, pop3),
        ("pop3", 0, 0, []),
        ("sieve", 0, 4190, store),
    ]
    if chat:
        services += [("xmpps-client", 0, 5223, chat), ("xmpp-client", 10, 5222, chat)]
    if chat and (site.chat is None or site.chat.federation):
        services += [("xmpps-server", 0, 5270, chat), ("xmpp-server", 10, 5269, chat)]
    for name, priority, port, hosts in services:
        field = f"{contract.place(domain)}.server_names.clients" if own and not name.startswith("xmpp") else "hosts"
        because = (control(id_), why("pop3.enabled" if name.startswith("pop3") else field))
        for rdata in [f"{priority} 1 {port} {host}." for host in hosts] or [NOT_OFFERED]:
            yield Row(f"_{name}._tcp.", "SRV", rdata, contract.need(id_), because)


def parked(contract: Contract) -> Iterator[Row]:
    """A domain that neither sends nor receives says so in every way there is (RFC 7505, M3AAWG: Protecting Parked
    Domains)."""
    site, id_ = contract.site, "dns.parked"
    because, need = (control(id_),), contract.need(id_)
    if published.can(site, "null-mx"):
        yield Row("", "MX", "0 .", contract.need("dns.null-mx"), (control("dns.null-mx"),))
    yield Row("", "TXT", ("v=spf1 -all",), need, because)
    if published.can(site, "wildcard"):
        yield Row("*.", "TXT", ("v=spf1 -all",), need, because)
        yield Row("*._domainkey.", "TXT", ("v=DKIM1; p=",), need, because)
    yield _dmarc(contract, "reject", id_)
