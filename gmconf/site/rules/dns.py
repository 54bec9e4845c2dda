"""What must hold across fields in DNS: each rule is a function that yields (path, sentence)."""

from __future__ import annotations

from collections.abc import Iterator

from gmconf.derived import policies as published
from gmconf.derived import spf
from gmconf.derived.accounts import Directory
from gmconf.derived.zones import Zones
from gmconf.keys.names import DKIM_KINDS
from gmconf.model import Site

Finding = tuple[str, str]
LONGEST, LABEL = 253, 63


def zones_once(site: Site, _: Directory) -> Iterator[Finding]:
    """Zones, name servers and blocklists are named once."""
    for field, names in (
        ("zones", list(site.dns.zones)),
        ("nameservers", [s.name for s in site.dns.nameservers]),
        ("blocklists", list(site.dns.blocklists)),
    ):
        for number, name in enumerate(names):
            if name in names[:number]:
                yield f"dns.{field}[{number}]", f"{name} stands here twice; keep one"


def nameservers_have_addresses(site: Site, _: Directory) -> Iterator[Finding]:
    """A name server inside a zone of the site can be found: it is a host, or its addresses are named (glue)."""
    if not site.dns.nameservers:
        return
    zones, hosts = Zones(site), {h.name for h in site.hosts}
    for number, server in enumerate(site.dns.nameservers):
        inside = zones.known(server.name) is not None
        if server.name in hosts and server.addresses:
            yield (
                f"dns.nameservers[{number}].addresses",
                f"{server.name} is a host of this site, which knows its addresses; remove them here",
            )
        elif inside and server.name not in hosts and not server.addresses:
            yield (
                f"dns.nameservers[{number}].name",
                f"{server.name} lies in a zone of this site, so its addresses are needed here too; add addresses",
            )
        elif server.addresses and not inside:
            yield (
                f"dns.nameservers[{number}].addresses",
                f"{server.name} lies in no zone of this site, so its addresses are published by others; remove them",
            )


def spf_fits(site: Site, _: Directory) -> Iterator[Finding]:
    """SPF never needs more look-ups than receivers make."""
    included = published.spf_parts(site)[1]
    if len(included) > spf.LOOKUPS:
        what = (
            f"the addresses of hosts that send need {len(included)} SPF records; receivers read {spf.LOOKUPS} at most"
            " (RFC 7208 section 4.6.4)"
        )
        yield "hosts", f"{what}. Let fewer hosts have the role mta, or give them addresses next to each other"
        return
    for number, domain in enumerate(site.domains):
        needed = published.spf_lookups(site, domain) if domain.senders else 0
        if needed > spf.LOOKUPS:
            what = (
                f"{needed} SPF records would be looked up for {domain.name}; receivers read {spf.LOOKUPS} at most (RFC"
                " 7208 section 4.6.4)"
            )
            yield (
                f"domains[{number}].senders",
                f"{what}. Let some of these services send from a subdomain, or name their networks in place of include",
            )


def other_senders(site: Site, _: Directory) -> Iterator[Finding]:
    """A service that may send in a domain's name is named once, by something that receivers see."""
    ours = {d.name for d in site.domains} | {h.name for h in site.hosts}
    for number, domain in enumerate(site.domains):
        path = f"domains[{number}].senders"
        if domain.senders and domain.kind == "parked":
            yield (
                path,
                f"{domain.name} is parked, so nobody sends in its name; remove senders, or make it a hosted domain",
            )
        own = {f"{base}-{kind}" for base in (domain.dkim.selector, *domain.dkim.retired) for kind in DKIM_KINDS}
        seen: dict[str, str] = {}
        for place, other in enumerate(domain.senders):
            where = f"{path}[{place}]"
            if not (other.include or other.networks or other.selectors):
                yield where, "nothing says where this service sends from; name include, networks or selectors"
            if other.include in ours:
                yield (
                    f"{where}.include",
                    f"{other.include} belongs to this site, whose hosts are in the record anyway; remove it",
                )
            for text in (*filter(None, (other.include,)), *other.networks, *other.selectors):
                if text in seen:
                    yield where, f"{text} stands at {seen[text]} too; keep one"
                seen.setdefault(text, where)
            for text in other.selectors:
                if text in own:
                    yield (
                        f"{where}.selectors",
                        f"{text} is a selector of this site's own keys; the service needs another one",
                    )


def tlsa_is_signed(site: Site, _: Directory) -> Iterator[Finding]:
    """TLSA without DNSSEC is ignored, and a provider publishes only what it can."""
    for capability in ("dnssec", "tlsa"):
        if site.dns.tlsa and not published.can(site, capability):
            what = (
                "is not believed without DNSSEC (RFC 7672 section 2.2)"
                if capability == "dnssec"
                else "cannot be published by the DNS provider"
            )
            yield "dns.tlsa", f"TLSA {what}; change the provider, or remove tlsa"


def provider_is_able(site: Site, _: Directory) -> Iterator[Finding]:
    """The DNS provider can carry what the level asks for."""
    lacking = list(published.unable(site))
    if lacking:
        what = ", ".join(f"{capability} ({control})" for capability, control in lacking)
        provider = site.dns.provider.name if site.dns.provider else ""
        yield (
            "dns.provider.capabilities",
            (
                f"level {site.level} needs what {provider} cannot do: {what}; change the provider, lower the level, or"
                " waive the controls"
            ),
        )


def retired_is_not_used(site: Site, _: Directory) -> Iterator[Finding]:
    """A retired selector is used no more."""
    for number, domain in enumerate(site.domains):
        if domain.dkim.selector in domain.dkim.retired:
            yield (
                f"domains[{number}].dkim.retired",
                f"{domain.dkim.selector} is the selector in use; take a new one, or remove it here",
            )


def reports_reach_somebody(site: Site, mail: Directory) -> Iterator[Finding]:
    """Reports sent into this site have a mailbox or an alias."""
    ours = {d.name: d for d in site.domains}
    known = {a.login for a in mail.receiving} | set(mail.aliases)
    for field in ("reports", "tls_reports"):
        addresses = getattr(site.dns, field)
        for number, address in enumerate(addresses):
            path = f"dns.{field}[{number}]" if len(addresses) > 1 else f"dns.{field}"
            local, _, name = address.rpartition("@")
            plain = f"{local.partition('+')[0]}@{name}"
            if name in ours and not ours[name].catch_all and plain not in known:
                yield path, f"{address} does not exist in this site; add the mailbox or correct the address"
            if address in addresses[:number]:
                yield path, f"{address} stands here twice; keep one"


def names_fit(site: Site, _: Directory) -> Iterator[Finding]:
    """Every name of a record fits into 253 characters, and a label into 63 (RFC 1035 section 2.3.4)."""
    target = max(published.report_domains(site), key=len)
    for number, domain in enumerate(site.domains):
        key = f"{domain.dkim.selector}-ed25519._domainkey.{domain.name}"
        longest = max(key, f"{domain.name}._report._dmarc.{target}", f"_submissions._tcp.{domain.name}", key=len)
        if len(longest) > LONGEST:
            yield (
                f"domains[{number}].name",
                f"too long for its records: {longest} has {len(longest)} characters, {LONGEST} is the most",
            )
    for number, host in enumerate(site.hosts):
        if len(f"_25._tcp.{host.name}") > LONGEST:
            yield (
                f"hosts[{number}].name",
                f"too long for its TLSA record: _25._tcp. and the name have more than {LONGEST} characters",
            )
    local, at, domain_ = site.organisation.postmaster.rpartition("@")
    if site.dns.nameservers and (len(local) > LABEL or len(local + at + domain_) > LONGEST):
        yield (
            "organisation.postmaster",
            f"stands in the SOA record of every zone, where the part before the @ has {LABEL} characters at most",
        )


ZONE_RULES = (
    names_fit,
    zones_once,
    nameservers_have_addresses,
    spf_fits,
    other_senders,
    tlsa_is_signed,
    provider_is_able,
    retired_is_not_used,
    reports_reach_somebody,
)
