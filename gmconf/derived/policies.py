"""What the site publishes about its mail, as far as it follows from its level and fields alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from hashlib import sha256
from urllib.parse import quote

from gmconf.derived import spf
from gmconf.derived.zones import Zones
from gmconf.model import Domain, Host, Role, Site
from gmconf.model.dns import CAPABILITIES, Capability, DmarcPolicy
from gmconf.model.levels import Level, up_to
from gmconf.model.operation import ANY_DAY
from gmconf.model.web import StsMode

POLICIES: tuple[DmarcPolicy, ...] = ("none", "quarantine", "reject")
"""From loose to strict."""
SENDERS = "_senders"
"""Names of the parts of a domain's SPF record that is too long with other senders: _senders1.DOMAIN."""
_NEEDS: dict[Level, dict[Capability, str]] = {
    "basic": {"long-txt": "auth.dkim-key", "srv": "dns.srv"},
    "bronze": {"caa": "dns.caa", "dnssec": "dns.dnssec"},
    "silver": {"tlsa": "dane.in"},
}
_PARKED: dict[Capability, str] = {"null-mx": "dns.null-mx", "wildcard": "dns.parked"}


def senders(site: Site) -> list[Host]:
    """Hosts that send to the world; all others hand their mail to them."""
    return [h for h in site.hosts if Role.MTA in h.roles]


def spf_end(site: Site) -> str:
    """How SPF records of domains that send end."""
    return "~all" if site.dns.spf == "learning" else "-all"


def spf_parts(site: Site) -> tuple[list[str], list[tuple[str, str]]]:
    """The mechanisms of every sending domain, and (name, record) of what they include.

    Included records lie once in the zone of the first host that sends.
    """
    hosts = senders(site)
    if not hosts:
        return [], []
    home = Zones(site).of(hosts[0].name)
    return spf.split(spf.terms(a for h in hosts for a in h.outside), spf_end(site), home)


def spf_of(site: Site, domain: Domain) -> tuple[list[str], list[tuple[str, str]]]:
    """The mechanisms of a domain's record, and (name, record) of what it alone includes: those with other senders have
    a record of their own."""
    mechanisms, shared = spf_parts(site)
    if not domain.senders:
        return mechanisms, []
    networks = [n for other in domain.senders for n in other.networks]
    ours = (
        [*mechanisms, *spf.terms(networks)]
        if shared
        else spf.terms([*(a for h in senders(site) for a in h.outside), *networks])
    )
    theirs = dict.fromkeys(f"include:{other.include}" for other in domain.senders if other.include)
    return spf.split([*ours, *theirs], spf_end(site), domain.name, SENDERS)


def spf_lookups(site: Site, domain: Domain) -> int:
    """Look-ups that a domain's record costs receivers at least; what records of others include comes on top."""
    mechanisms, included = spf_of(site, domain)
    return sum(spf.parse(text).lookups for text in (spf.policy(mechanisms, "-all"), *(text for _, text in included)))


def dmarc_policy(site: Site) -> DmarcPolicy:
    """The policy of domains that send."""
    return site.dns.dmarc.policy or dmarc_asked(site)


def dmarc_asked(site: Site) -> DmarcPolicy:
    """What the level asks for (CONTROLS C19): lists break signatures, so reject is not for everybody."""
    if site.level in (None, "basic"):
        return "none"
    return "reject" if site.level == "silver" and not site.dns.users_post_to_lists else "quarantine"


def strictness(policy: str) -> int:
    """0 for none, 2 for reject, -1 for anything else."""
    return POLICIES.index(policy) if policy in POLICIES else -1


def reports_to(site: Site) -> tuple[str, ...]:
    """The addresses that get aggregate reports."""
    return site.dns.reports or (site.organisation.postmaster,)


def report_domains(site: Site) -> tuple[str, ...]:
    """The domains of these addresses, each once."""
    return tuple(dict.fromkeys(address.rpartition("@")[2] for address in reports_to(site)))


def sends_reports(site: Site) -> bool:
    """Whether other domains get aggregate reports from us."""
    return site.level == "silver" if site.filter.dmarc_reports is None else site.filter.dmarc_reports


def reports_from(site: Site, sending: Collection[str]) -> str:
    """The sender of reports to others: one that we sign for, who is ready for what comes back."""
    wanted = (*reports_to(site), site.organisation.postmaster)
    ours = next(d.name for d in site.domains if d.name in sending)
    return next((address for address in wanted if address.rpartition("@")[2] in sending), f"postmaster@{ours}")


def tls_reports_to(site: Site) -> tuple[str, ...]:
    """The addresses that get reports about TLS."""
    return site.dns.tls_reports or reports_to(site)


def rua(addresses: tuple[str, ...]) -> str:
    """The value of a tag that names who gets reports."""
    return ",".join(map(mailto, addresses))


def mailto(address: str) -> str:
    """A URI (RFC 6068) that may stand in a tag list: commas, semicolons and the like are encoded."""
    local, _, domain = address.rpartition("@")
    return f"mailto:{quote(local, safe='+')}@{domain}"


def can(site: Site, capability: Capability) -> bool:
    """Whether whoever keeps the zones can publish it."""
    return site.dns.provider is None or capability in site.dns.provider.capabilities


def tlsa(site: Site) -> bool:
    """Whether TLSA records are published."""
    if site.dns.tlsa is not None:
        return site.dns.tlsa
    return site.level == "silver" and can(site, "tlsa") and can(site, "dnssec")


def unable(site: Site) -> Iterator[tuple[Capability, str]]:
    """(capability, control) for what the level asks and the provider cannot do, waived controls left out."""
    if site.level is None or site.dns.provider is None:
        return
    waived = site.waived(ANY_DAY)
    parked = _PARKED if any(d.kind == "parked" for d in site.domains) else {}
    asked: dict[Capability, str] = dict(parked)
    for level in up_to(site.level):
        asked |= _NEEDS[level]
    for capability in CAPABILITIES:
        if capability in asked and asked[capability] not in waived and not can(site, capability):
            yield capability, asked[capability]


def sts_mode(site: Site) -> StsMode:
    """What the MTA-STS policy asks of senders."""
    chosen = site.web.mta_sts if site.web else None
    return chosen or ("enforce" if site.level == "silver" else "testing")


def mx_names(site: Site, domain: Domain) -> list[str]:
    """What the MX of a domain that receives name: its own name for them, else every MTA host."""
    return [domain.own_mx] if domain.own_mx else [host.name for host in senders(site)]


def sts_policy(site: Site, domain: Domain) -> list[str]:
    """Lines of the policy (RFC 8461 section 3.2), the same for all domains without a name of their own for the MX."""
    mode = sts_mode(site)
    age = (site.web.max_age if site.web else None) or (14 * 86400 if mode == "enforce" else 86400)
    return ["version: STSv1", f"mode: {mode}", *(f"mx: {name}" for name in mx_names(site, domain)), f"max_age: {age}"]


def sts_id(site: Site, domain: Domain) -> str:
    """The policy's id: another one whenever the policy says something else."""
    return sha256("\n".join(sts_policy(site, domain)).encode()).hexdigest()[:20]
