"""What is promised to customers and to strangers: acceptable use, service levels, a domain's beginning, security."""

from __future__ import annotations

from collections.abc import Iterator

from gmconf.controls import control
from gmconf.dialects.markdown import Code
from gmconf.dns import Contract
from gmconf.documents.context import Desk, Row, contacts, links, names, told
from gmconf.documents.text import mail, mailto, phone, plural, span, volume, web
from gmconf.model import Domain, Role
from gmconf.settings import Scalar, Settings

# Who must exist in a domain that has a mail service, web pages, or a network (RFC 2142 sections 3 to 5).
_RFC2142 = (
    ("postmaster", "mail: required of every domain that receives mail (RFC 5321 section 4.5.1)"),
    ("abuse", "complaints about what your people send"),
    ("hostmaster", "DNS; it stands in the SOA record of your zone"),
    ("security", "reports and questions about security"),
    ("noc", "your network, if you run one"),
    ("webmaster", "your web site, if you have one"),
    ("info", "questions about what you offer"),
    ("marketing", "if you sell something"),
    ("sales", "if you sell something"),
    ("support", "if you give support"),
)


def acceptable_use(c: Settings, desk: Desk) -> None:
    """The policy customers agree to."""
    told(c, desk, "organisation", "organisation.name", "doc.aup")
    told(c, desk, "threshold", "policies.bulk_threshold", "doc.aup", "doc.bulk-path")
    told(c, desk, "bulk_contact", "policies.bulk_contact", "doc.bulk-path", words=mail)
    told(c, desk, "hourly", "limits.messages_per_hour", "out.ratelimit")
    told(c, desk, "recipients", "limits.recipients", "mta.timeouts-limits")
    told(c, desk, "law", "policies.complaint_law", "doc.aup")
    told(c, desk, "abuse", "organisation.abuse_url", "doc.abuse-contact", words=web)
    help_ = desk.site.support
    reach: list[Scalar] = [mail(help_.email), *([phone(help_.phone)] if help_.phone else [])] if help_ else []
    c.set("reach", reach, desk.why("support"), control("doc.tc-suspend"))
    c.set(
        "lists",
        "Mailings and lists" if desk.site.policies and desk.site.policies.bulk else "",
        desk.why("policies.bulk"),
        control("list.one-click"),
    )


def sla(c: Settings, desk: Desk) -> None:
    """Numbers."""
    told(c, desk, "organisation", "organisation.name", "doc.sla")
    told(c, desk, "availability", "policies.sla.availability", "doc.sla", words=lambda percent: f"{percent:g} %")
    allowed = (
        round((100 - desk.site.policies.sla.availability) / 100 * 30 * 24 * 60)
        if desk.site.policies and desk.site.policies.sla
        else 0
    )
    c.set(
        "allowed",
        plural(allowed, "minute") if allowed else "",
        desk.why("policies.sla.availability"),
        control("doc.sla"),
    )
    told(c, desk, "delivery", "policies.sla.delivery", "doc.sla", words=span)
    told(c, desk, "restore", "policies.sla.restore", "doc.sla", words=span)
    told(c, desk, "maintenance", "policies.sla.maintenance", "doc.sla")
    told(c, desk, "hours", "support.hours", "doc.sla")
    told(c, desk, "phone", "support.phone", "sup.phone", words=phone)
    hold = desk.site.support.max_hold_minutes if desk.site.support else None
    c.set(
        "hold",
        plural(hold, "minute") if hold is not None and desk.site.support and desk.site.support.phone else "",
        desk.why("support.max_hold_minutes"),
        control("sup.hold-time"),
    )
    told(c, desk, "answer", "procedures.abuse_answer", "doc.sla", words=span)
    told(c, desk, "queue", "limits.queue_life", "mta.retry", words=span)
    told(c, desk, "quota", "limits.quota", "maa.quota", words=volume)
    told(c, desk, "size", "limits.message_size", "mta.size-limit", words=volume)
    days = desk.site.procedures.update_days if desk.site.procedures else 7
    c.set("update", plural(days, "day"), desk.why("procedures.update_days"), control("ops.update-7d"))
    links(c, desk, "support", because=control("doc.sla"))


def onboarding(c: Settings, desk: Desk) -> None:
    """A customer's domain."""
    told(c, desk, "organisation", "organisation.name", "role.customer-duty")
    told(c, desk, "email", "support.email", "role.customer-duty", words=mail)
    why = control("role.customer-duty")
    c.rows("addresses", [{"local": (Code(f"{local}@"), (why,)), "what": (what, (why,))} for local, what in _RFC2142])
    c.set(
        "copy",
        "Of mail to abuse@ we get a copy." if desk.site.organisation.abuse_copy else "",
        desk.why("organisation.abuse_copy"),
        control("role.abuse"),
    )
    c.rows("records", _records(desk))
    told(c, desk, "quota", "limits.quota", "maa.quota", words=volume)
    told(c, desk, "hourly", "limits.messages_per_hour", "out.ratelimit")
    names(c, desk, "msa", desk.hosts(Role.MSA), "msa.port-587")
    links(c, desk, "acceptable-use", "client-setup", "support", because=why)


def _records(desk: Desk) -> Iterator[Row]:
    """What a new domain publishes, as ``gmconf dns`` prints it;
    SRV records are listed with the programs that use them.
    """
    domain = Domain(name=desk.home.name)
    for row in Contract(desk.site, {}, desk.why).rows(domain):
        if row.type != "SRV":
            value = "".join(row.rdata) if row.type == "TXT" else str(row.rdata).removesuffix(".")
            yield {
                "name": (Code(row.prefix.removesuffix(".")) if row.prefix else "the domain itself", row.because),
                "type": (row.type, row.because),
                "value": (Code(value) if value else "a key that comes from us", row.because),
            }


def security(c: Settings, desk: Desk) -> None:
    """For finders of holes, and for those who get their report."""
    told(c, desk, "organisation", "organisation.name", "doc.security-txt")
    told(c, desk, "contact", "policies.security_contact", "doc.security-txt", words=mail)
    told(c, desk, "expires", "policies.security_expires", "doc.security-txt", words=lambda day: day.isoformat())
    c.set("file", Code("security.txt"), control("doc.security-txt"))
    contacts(c, desk, "contacts", "procedures.incident_contacts", "doc.security-txt")
    links(c, desk, "runbooks", because=control("doc.security-txt"))


def security_txt(c: Settings, desk: Desk) -> None:
    """The file for /.well-known/security.txt (RFC 9116)."""
    told(c, desk, "contact", "policies.security_contact", "doc.security-txt", words=mailto)
    told(
        c,
        desk,
        "expires",
        "policies.security_expires",
        "doc.security-txt",
        words=lambda day: f"{day.isoformat()}T00:00:00Z",
    )
