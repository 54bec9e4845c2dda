"""What users' programs need: servers and ports, from what listens; per domain a sheet, files for programs, SRV records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import NAMESPACE_DNS, UUID, uuid5

from gmconf.controls import control
from gmconf.dialects import markdown, xml, zone
from gmconf.dialects.markdown import Code, Link
from gmconf.handbook.desk import Desk, Row, links, told
from gmconf.handbook.words import mail, phone, web
from gmconf.model import Domain
from gmconf.plan import File
from gmconf.settings import Reason, Settings, Value

FOLDER = "documents/clients"


@dataclass(frozen=True, slots=True)
class Service:
    """Something users' programs connect to, and how it is announced (RFC 6186, RFC 8314, RFC 5804, RFC 6120, XEP-0368)."""

    label: str
    """SRV label, without underscore; empty where no standard has one."""
    port: int
    what: str
    tls: str
    priority: int = 0
    mail: bool = True
    """Announced as not offered (".") where it is not; what is no mail may be offered elsewhere, and is then left out."""


SERVICES = (
    Service("submissions", 465, "sending (SMTP)", "TLS"),
    Service("submission", 587, "sending (SMTP)", "STARTTLS"),
    Service("imaps", 993, "reading (IMAP)", "TLS"),
    Service("imap", 143, "reading (IMAP)", "STARTTLS", 10),
    Service("pop3s", 995, "fetching (POP3)", "TLS", 20),
    Service("pop3", 110, "fetching (POP3)", "STARTTLS", 30),
    Service("sieve", 4190, "filter rules (ManageSieve)", "STARTTLS"),
    Service("", 563, "news (NNTP)", "TLS", mail=False),
    Service("", 119, "news (NNTP)", "STARTTLS", mail=False),
    Service("xmpps-client", 5223, "chat (XMPP)", "TLS", mail=False),
    Service("xmpp-client", 5222, "chat (XMPP)", "STARTTLS", 10, mail=False),
    Service("xmpps-server", 5270, "chat between servers (XMPP)", "TLS", mail=False),
    Service("xmpp-server", 5269, "chat between servers (XMPP)", "STARTTLS", 10, mail=False),
)
"""TLS first: of two ways to the same thing the lower priority is tried first."""


def setup(c: Settings, desk: Desk) -> None:
    """The page for users: programs, servers, domains."""
    told(c, desk, "organisation", "organisation.name", "mua.supplied")
    told(c, desk, "email", "support.email", "mua.supplied", words=mail)
    told(c, desk, "media", "support.media", "sup.client-media")
    why: tuple[Reason, ...] = (desk.why("clients"), control("mua.supplied"), control("mua.extra-clients"))
    c.rows("clients", [
        {"kind": (client.kind, why), "name": (Link(client.name, client.url), why), "version": (client.version, why), "licence": (client.licence, why)}
        for client in desk.site.clients
    ])  # fmt: skip
    servers(c, desk)
    why = (desk.why("domains"), control("mua.autoconfig"))
    users = [d for d in desk.mail.sending if _login(d)]
    c.rows("domains", [{"name": (d.name, why), "sheet": (Link("sheet", f"clients/{d.name}/setup.md"), why),
                        "records": (Link("records", f"clients/{d.name}/records.zone"), (*why, control("dns.srv")))} for d in users])  # fmt: skip
    why = (desk.why("domains"), control("dns.parked"))
    parked = sorted(d.name for d in desk.site.domains if d.kind == "parked")
    c.rows("parked", [{"name": (Link(name, f"clients/{name}/records.zone"), why)} for name in parked])
    links(c, desk, "support", because=control("mua.supplied"))


def servers(c: Settings, desk: Desk) -> None:
    """Rows of what users connect to."""
    rows: list[Row] = []
    why: tuple[Reason, ...]
    for service in SERVICES:
        if "server" in service.label or not desk.reaches(service.port):
            continue
        why = (desk.why("hosts"), control("mua.autoconfig"), control("tls.mua-required"))
        rows.append({"what": (service.what, why), "host": ([Code(h.name) for h in desk.reaches(service.port)], why), "port": (service.port, why),
                     "tls": (service.tls, why)})  # fmt: skip
    c.rows("servers", rows)
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
    for domain in sorted(desk.site.domains, key=lambda d: d.name):
        place = f"{FOLDER}/{domain.name}"
        if domain.kind == "parked":
            parked = Settings(f"{place}/records.zone")
            parked.set("domain", domain.name, desk.why("domains"), control("dns.parked"))
            yield File(parked.file, "documents", control("dns.parked"), "documents/clients/parked.zone.j2", parked, zone.spell, comment="")
            continue
        sheet, auto = Settings(f"{place}/setup.md"), Settings(f"{place}/config-v1.1.xml")
        profile, records = Settings(f"{place}/{domain.name}.mobileconfig"), Settings(f"{place}/records.zone")
        _sheet(sheet, desk, domain)
        _autoconfig(auto, desk, domain)
        _profile(profile, desk, domain)
        _records(records, desk, domain)
        yield File(sheet.file, "documents", because, "documents/clients/setup.md.j2", sheet, markdown.spell, comment="")
        yield File(auto.file, "documents", because, "documents/clients/config-v1.1.xml.j2", auto, xml.spell, comment="")
        yield File(profile.file, "documents", because, "documents/clients/profile.mobileconfig.j2", profile, xml.spell, comment="")
        yield File(records.file, "documents", control("dns.srv"), "documents/clients/records.zone.j2", records, zone.spell, comment="")


def _sheet(c: Settings, desk: Desk, domain: Domain) -> None:
    why = (desk.why("domains"), control("mua.supplied"))
    c.set("domain", domain.name, *why)
    c.set("login", Code(f"you@{_login(domain)}"), *why, control("maa.virtual-domains"))
    c.set("alias", domain.alias_of or "", *why)
    c.set("profile", Link("the profile", f"{domain.name}.mobileconfig"), control("mua.autoconfig"))
    c.set("autoconfig", Link("config-v1.1.xml", "config-v1.1.xml"), control("mua.autoconfig"))
    told(c, desk, "organisation", "organisation.name", "mua.supplied")
    told(c, desk, "hours", "support.hours", "sup.exists")
    told(c, desk, "email", "support.email", "sup.exists", words=mail)
    told(c, desk, "phone", "support.phone", "sup.phone", words=phone)
    told(c, desk, "web", "support.url", "sup.exists", words=web)
    servers(c, desk)


def _autoconfig(c: Settings, desk: Desk, domain: Domain) -> None:
    """Thunderbird's format (config-v1.1); TLS from the first byte stands before STARTTLS, IMAP before POP3."""
    why = (desk.why("hosts"), control("mua.autoconfig"), control("tls.implicit"))
    c.set("domain", domain.name, desk.why("domains"), control("mua.autoconfig"))
    told(c, desk, "organisation", "organisation.name", "mua.autoconfig")
    login = "%EMAILADDRESS%" if domain.kind == "hosted" else f"%EMAILLOCALPART%@{_login(domain)}"
    user = (login, (desk.why("domains"), control("maa.virtual-domains")))
    for key, labels in (("incoming", ("imaps", "imap", "pop3s")), ("outgoing", ("submissions", "submission"))):
        rows: list[Row] = []
        for service in (s for label in labels for s in SERVICES if s.label == label):
            for host in desk.reaches(service.port):
                kind: Value = service.label.removesuffix("s") if key == "incoming" else "smtp"
                rows.append({"kind": (kind, why), "host": (host.name, why), "port": (service.port, why),
                             "socket": ("SSL" if service.tls == "TLS" else "STARTTLS", why), "user": user})  # fmt: skip
        c.rows(key, rows)


def _profile(c: Settings, desk: Desk, domain: Domain) -> None:
    """Apple's configuration profile: one server each way, TLS from the first byte. Its ids follow from the names."""
    why = (desk.why("hosts"), control("mua.autoconfig"), control("tls.implicit"))
    c.set("domain", domain.name, desk.why("domains"), control("mua.autoconfig"))
    told(c, desk, "organisation", "organisation.name", "mua.autoconfig")
    c.set("incoming.host", desk.reaches(993)[0].name, *why)
    c.set("incoming.port", 993, *why)
    c.set("outgoing.host", desk.reaches(465)[0].name, *why)
    c.set("outgoing.port", 465, *why)
    reversed_name = ".".join(reversed(domain.name.split(".")))
    c.set("identifier", f"{reversed_name}.mail", control("mua.autoconfig"))
    c.set("uuid.profile", _uuid(domain.name, "profile"), control("mua.autoconfig"))
    c.set("uuid.account", _uuid(domain.name, "account"), control("mua.autoconfig"))


def _uuid(domain: str, part: str) -> str:
    made: UUID = uuid5(NAMESPACE_DNS, f"{part}.gmconf.{domain}")
    return str(made).upper()


def _records(c: Settings, desk: Desk, domain: Domain) -> None:
    """SRV records (RFC 2782): for what is offered its hosts, for mail services that are not ".", and nothing is guessed."""
    rows: list[Row] = []
    why = (desk.why("hosts"), control("dns.srv"))
    for service in SERVICES:
        owner = (f"_{service.label}._tcp.{domain.name}", (desk.why("domains"), control("dns.srv")))
        hosts = desk.reaches(service.port)
        if not service.label or not (service.mail or domain.kind == "hosted"):
            continue
        if not hosts and service.mail:
            rows.append({"owner": owner, "priority": (0, why), "weight": (0, why), "port": (0, why), "target": (".", why)})
        for host in hosts:
            rows.append({"owner": owner, "priority": (service.priority, why), "weight": (1, why), "port": (service.port, why), "target": (host.name, why)})
    c.rows("records", rows)
