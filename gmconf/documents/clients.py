"""What users' programs need: servers and ports, from what listens; per domain a sheet, files for programs,
SRV records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import NAMESPACE_DNS, UUID, uuid5

from gmconf.controls import control
from gmconf.derived.records import Record
from gmconf.dialects import markdown, xml, zone
from gmconf.dialects.markdown import Code, Link
from gmconf.dns import Contract
from gmconf.documents.context import Desk, Row, links, told
from gmconf.documents.text import mail, phone, web
from gmconf.model import Domain, Role, Site
from gmconf.services import autoconfig
from gmconf.services.plan import File
from gmconf.settings import Reason, Settings

FOLDER = "documents/clients"


@dataclass(frozen=True, slots=True)
class Service:
    """Something users' programs connect to."""

    label: str
    """As SRV records name it (RFC 6186, RFC 8314, RFC 5804, RFC 6120, XEP-0368)."""
    port: int
    what: str
    tls: str


SERVICES = (
    Service("submissions", 465, "sending (SMTP)", "TLS"),
    Service("submission", 587, "sending (SMTP)", "STARTTLS"),
    Service("imaps", 993, "reading (IMAP)", "TLS"),
    Service("imap", 143, "reading (IMAP)", "STARTTLS"),
    Service("pop3s", 995, "fetching (POP3)", "TLS"),
    Service("pop3", 110, "fetching (POP3)", "STARTTLS"),
    Service("sieve", 4190, "filter rules (ManageSieve)", "STARTTLS"),
    Service("nntps", 563, "news (NNTP)", "TLS"),
    Service("nntp", 119, "news (NNTP)", "STARTTLS"),
    Service("xmpps-client", 5223, "chat (XMPP)", "TLS"),
    Service("xmpp-client", 5222, "chat (XMPP)", "STARTTLS"),
)
"""TLS from the first byte stands first."""
NAMED = ("submissions", "submission", "imaps", "imap", "pop3s", "pop3", "sieve")
"""Services that a domain's own name for the servers is for."""


def setup(c: Settings, desk: Desk) -> None:
    """The page for users: programs, servers, domains."""
    told(c, desk, "organisation", "organisation.name", "mua.supplied")
    told(c, desk, "email", "support.email", "mua.supplied", words=mail)
    told(c, desk, "media", "support.media", "sup.client-media")
    why: tuple[Reason, ...] = (desk.why("clients"), control("mua.supplied"), control("mua.extra-clients"))
    c.rows(
        "clients",
        [
            {
                "kind": (client.kind, why),
                "name": (Link(client.name, client.url), why),
                "version": (client.version, why),
                "licence": (client.licence, why),
            }
            for client in desk.site.clients
        ],
    )
    servers(c, desk)
    why = (desk.why("domains"), control("mua.autoconfig"))
    users = [d for d in desk.mail.sending if _login(d)]
    c.rows(
        "domains",
        [
            {
                "name": (d.name, why),
                "sheet": (Link("sheet", f"clients/{d.name}/setup.md"), why),
                "records": (Link("records", f"clients/{d.name}/records.zone"), (*why, control("dns.srv"))),
            }
            for d in users
        ],
    )
    why = (desk.why("domains"), control("dns.parked"))
    parked = sorted(d.name for d in desk.site.domains if d.kind == "parked")
    c.rows("parked", [{"name": (Link(name, f"clients/{name}/records.zone"), why)} for name in parked])
    links(c, desk, "support", because=control("mua.supplied"))


def _named(desk: Desk, service: Service, domain: Domain | None) -> list[str]:
    """The names under which users reach a service: the domain's own, else those of the hosts."""
    own = domain.own_clients if domain and service.label in NAMED else None
    return [own] if own else [host.name for host in desk.reaches(service.port)]


def _why(desk: Desk, domain: Domain | None) -> Reason:
    if domain is None or domain.own_clients is None:
        return desk.why("hosts")
    return desk.why(f"domains[{desk.numbers[domain.name]}].server_names.clients")


def servers(c: Settings, desk: Desk, domain: Domain | None = None) -> None:
    """Rows of what users connect to, of one domain or of all without names of their own."""
    rows: list[Row] = []
    why: tuple[Reason, ...] = (_why(desk, domain), control("mua.autoconfig"), control("tls.mua-required"))
    spare: dict[tuple[str, str], None] = {}
    for service in SERVICES:
        if not desk.reaches(service.port):
            continue
        # Programs have room for one name.
        first, *others = _named(desk, service, domain)
        rows.append(
            {
                "what": (service.what, why),
                "host": (Code(first), why),
                "port": (service.port, why),
                "tls": (service.tls, why),
            }
        )
        spare |= dict.fromkeys((first, other) for other in others)
    c.rows("servers", rows)
    c.rows("spare", [{"first": (Code(first), why), "other": (Code(other), why)} for first, other in spare])
    news = desk.site.news
    why = (desk.why("news"), control("nntp.access"))
    c.set("news.host", Code(news.host) if news and news.host else "", *why)
    c.set("news.port", news.port if news and news.host else "", *why)


def _login(domain: Domain) -> str:
    """The domain of the logins behind a domain's addresses."""
    return domain.alias_of or "" if domain.kind == "alias" else domain.name


def files(desk: Desk) -> Iterator[File]:
    """Everything below clients/, domain by domain."""
    because = control("mua.autoconfig")
    contract = Contract(desk.site, {}, desk.why)
    for domain in sorted(desk.site.domains, key=lambda d: d.name):
        place = f"{FOLDER}/{domain.name}"
        published = [r for r in contract.of_domain(domain) if r.need != "forbidden"]
        if domain.kind == "parked":
            parked = _records(f"{place}/records.zone", published)
            yield File(
                parked.file,
                "documents",
                control("dns.parked"),
                "documents/clients/parked.zone.j2",
                parked,
                zone.spell,
                comment="",
            )
            continue
        sheet, auto = Settings(f"{place}/setup.md"), Settings(f"{place}/config-v1.1.xml")
        profile = Settings(f"{place}/{domain.name}.mobileconfig")
        records = _records(f"{place}/records.zone", (r for r in published if r.type == "SRV"))
        _sheet(sheet, desk, domain)
        autoconfig.fill(auto, desk.site, desk.numbers[domain.name], desk.reaches, desk.why, autoconfig.documented())
        _profile(profile, desk, domain)
        yield File(sheet.file, "documents", because, "documents/clients/setup.md.j2", sheet, markdown.spell, comment="")
        yield File(auto.file, "documents", because, "documents/clients/config-v1.1.xml.j2", auto, xml.spell, comment="")
        yield File(
            profile.file,
            "documents",
            because,
            "documents/clients/profile.mobileconfig.j2",
            profile,
            xml.spell,
            comment="",
        )
        yield File(
            records.file,
            "documents",
            control("dns.srv"),
            "documents/clients/records.zone.j2",
            records,
            zone.spell,
            comment="",
        )


def _sheet(c: Settings, desk: Desk, domain: Domain) -> None:
    why = (desk.why("domains"), control("mua.supplied"))
    c.set("domain", domain.name, *why)
    c.set("login", Code(f"you@{_login(domain)}"), *why, control("maa.virtual-domains"))
    c.set("alias", domain.alias_of or "", *why)
    c.set("profile", Link("the profile", f"{domain.name}.mobileconfig"), control("mua.autoconfig"))
    c.set("autoconfig", Link("config-v1.1.xml", "config-v1.1.xml"), control("mua.autoconfig"))
    told(c, desk, "organisation", "organisation.name", "mua.supplied")
    taught = "the filter learns from both" if learns(desk.site) else ""
    c.set("learns", taught, desk.why("hosts"), control("mua.supplied"))
    told(c, desk, "hours", "support.hours", "sup.exists")
    told(c, desk, "email", "support.email", "sup.exists", words=mail)
    told(c, desk, "phone", "support.phone", "sup.phone", words=phone)
    told(c, desk, "web", "support.url", "sup.exists", words=web)
    servers(c, desk, domain)


def learns(site: Site) -> bool:
    """Whether moving mail into and out of Junk teaches the filter: a store teaches the one that runs beside it."""
    return all(Role.STORE in host.roles for host in site.hosts if Role.FILTER in host.roles)


def _profile(c: Settings, desk: Desk, domain: Domain) -> None:
    """Apple's configuration profile: one server each way, TLS from the first byte. Its ids follow from the names."""
    why = (_why(desk, domain), control("mua.autoconfig"), control("tls.implicit"))
    c.set("domain", domain.name, desk.why("domains"), control("mua.autoconfig"))
    told(c, desk, "organisation", "organisation.name", "mua.autoconfig")
    c.set("incoming.host", domain.own_clients or desk.reaches(993)[0].name, *why)
    c.set("incoming.port", 993, *why)
    c.set("outgoing.host", domain.own_clients or desk.reaches(465)[0].name, *why)
    c.set("outgoing.port", 465, *why)
    reversed_name = ".".join(reversed(domain.name.split(".")))
    c.set("identifier", f"{reversed_name}.mail", control("mua.autoconfig"))
    c.set("uuid.profile", _uuid(domain.name, "profile"), control("mua.autoconfig"))
    c.set("uuid.account", _uuid(domain.name, "account"), control("mua.autoconfig"))


def _uuid(domain: str, part: str) -> str:
    made: UUID = uuid5(NAMESPACE_DNS, f"{part}.gmconf.{domain}")
    return str(made).upper()


def _records(file: str, records: Iterable[Record]) -> Settings:
    """Rows of a zone file: what ``gmconf dns`` has for the domain."""
    c = Settings(file)
    rows: list[Row] = []
    for r in records:
        why = r.because
        rows.append(
            {
                "owner": (r.owner, why),
                "ttl": (r.ttl, why),
                "type": (zone.Type(r.type), why),
                "rdata": (zone.Rdata(r.text), why),
            }
        )
    c.rows("records", rows)
    return c
