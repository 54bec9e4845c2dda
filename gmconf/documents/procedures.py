"""What people read who help and who are helped: support, abuse, updates, the postmaster's manual."""

from __future__ import annotations

from gmconf.controls import control
from gmconf.controls.ops import SUPPORTED
from gmconf.dialects.markdown import Code, Link, Verbatim
from gmconf.documents.context import Desk, contacts, links, names, told
from gmconf.documents.text import debian, every, mail, phone, plural, span, volume, web
from gmconf.model import Role
from gmconf.settings import Settings


def support(c: Settings, desk: Desk) -> None:
    """Hours, ways to reach somebody, what happens to a question."""
    told(c, desk, "organisation", "organisation.name", "sup.exists")
    told(c, desk, "hours", "support.hours", "sup.exists")
    told(c, desk, "email", "support.email", "sup.exists", words=mail)
    told(c, desk, "url", "support.url", "sup.exists", words=web)
    told(c, desk, "phone", "support.phone", "sup.phone", words=phone)
    hold = desk.site.support.max_hold_minutes if desk.site.support else None
    c.set(
        "hold",
        plural(hold, "minute") if hold is not None and desk.site.support and desk.site.support.phone else "",
        desk.why("support.max_hold_minutes"),
        control("sup.hold-time"),
    )
    contacts(c, desk, "contacts", "support.escalation", "sup.escalation")
    tickets(c, desk)
    told(c, desk, "media", "support.media", "sup.client-media")
    told(c, desk, "abuse", "organisation.abuse_url", "doc.abuse-contact", words=web)
    links(c, desk, "client-setup", because=control("sup.client-media"))


def tickets(c: Settings, desk: Desk) -> None:
    """``tickets.system``, linked where it has a page, or ``tickets.owner``."""
    found = desk.site.support.tickets if desk.site.support else None
    why = (desk.why("support.tickets"), control("sup.tickets"))
    system = found.system or "" if found else ""
    c.set("tickets.system", Link(system, found.url) if found and found.url and system else system, *why)
    c.set("tickets.owner", "the person who took it" if found and found.single_owner else "", *why)


def searching(c: Settings, desk: Desk) -> None:
    """What the part on finding the account behind a message prints."""
    why = (control("prc.headers-proof"), control("prc.abuse-stop"))
    names(c, desk, "search.msa", desk.hosts(Role.MSA), "prc.headers-proof")
    c.set("search.example", Verbatim(f"somebody@{desk.home.name}"), desk.why("domains"), *why)
    c.set("search.retention", span(desk.site.logs.retention), desk.why("logs.retention"), control("log.retention"))


def abuse(c: Settings, desk: Desk) -> None:
    """From the complaint to the last answer."""
    told(c, desk, "organisation", "organisation.name", "prc.abuse")
    told(c, desk, "answer", "procedures.abuse_answer", "prc.abuse", "prc.abuse-sla", words=span)
    told(c, desk, "url", "organisation.abuse_url", "doc.abuse-contact", words=web)
    first = desk.home
    c.set("address", mail(f"abuse@{first.name}"), desk.why("domains"), control("role.abuse"))
    told(c, desk, "limit", "limits.messages_per_hour", "prc.abuse-graduated")
    c.set(
        "selector",
        Code(f"d={first.name}; s={first.dkim.selector}-rsa"),
        desk.why("domains"),
        control("prc.headers-proof"),
        control("auth.dkim-sign"),
    )
    names(c, desk, "senders", desk.hosts(Role.MTA, Role.MSA), "prc.headers-proof")
    reporter = desk.hosts(Role.MTA)[0]
    c.set("report.mta", Verbatim(reporter.name), desk.why("hosts"), control("prc.report-out"))
    c.set("report.from", Verbatim(f"abuse@{first.name}"), desk.why("domains"), control("prc.report-out"))
    tickets(c, desk)
    contacts(c, desk, "duty", "procedures.duty", "prc.abuse")
    searching(c, desk)
    links(c, desk, "runbooks", "acceptable-use", because=control("prc.abuse-stop"))


def updates(c: Settings, desk: Desk) -> None:
    """How hosts stay up to date."""
    days = desk.site.procedures.update_days if desk.site.procedures else 7
    c.set(
        "days",
        plural(days, "day"),
        desk.why("procedures.update_days"),
        control("ops.update-7d"),
        control("prc.updates"),
    )
    signatures = desk.site.filter.signatures
    c.set(
        "checks",
        signatures.checks_per_day if signatures.mirrors or signatures.urls else 0,
        desk.why("filter.signatures.checks_per_day"),
        control("ops.update-7d"),
    )
    c.set(
        "sources",
        [Code(name) for name in (*signatures.mirrors, *signatures.urls)],
        desk.why("filter.signatures"),
        control("ops.update-7d"),
    )
    c.set(
        "by_hand",
        "" if signatures.mirrors or signatures.urls else Code("/var/lib/clamav"),
        desk.why("filter.signatures"),
        control("ops.update-7d"),
    )
    names(c, desk, "filters", desk.hosts(Role.FILTER), "ops.update-7d")
    rows = []
    for release in sorted({host.release for host in desk.hosts(*Role)}):
        ours = [host.name for host in desk.hosts(*Role) if host.release == release]
        why = (desk.why("hosts"), control("ops.supported-os"))
        rows.append(
            {"name": (debian(release), why), "until": (SUPPORTED[release].isoformat(), why), "hosts": (ours, why)}
        )
    c.rows("releases", rows)
    links(c, desk, "runbooks", because=control("prc.updates"))


def provider(c: Settings, desk: Desk) -> None:
    """Who keeps the zones, how they are reached, and what they can publish."""
    told(c, desk, "dns.provider", "dns.provider.name", "doc.dns-provider")
    told(c, desk, "dns.capabilities", "dns.provider.capabilities", "doc.dns-provider", words=list)
    contacts(c, desk, "keepers", "dns.provider.contact", "doc.dns-provider")


def postmaster(c: Settings, desk: Desk) -> None:
    """The manual."""
    told(c, desk, "organisation", "organisation.name", "prc.written")
    told(c, desk, "check", "procedures.postmaster_check", "prc.postmaster-daily", words=every)
    told(c, desk, "answer", "procedures.abuse_answer", "prc.complaints", words=span)
    contacts(c, desk, "duty", "procedures.duty", "prc.postmaster-daily")
    contacts(c, desk, "contacts", "procedures.incident_contacts", "prc.incident-contacts")
    provider(c, desk)
    trained = desk.site.procedures.trained if desk.site.procedures else ()
    why = (desk.why("procedures.trained"), control("prc.training"))
    c.rows("trained", [{"name": (person.name, why), "day": (person.day.isoformat(), why)} for person in trained])
    registrations = desk.site.procedures.registrations if desk.site.procedures else ()
    why = (desk.why("procedures.registrations"), control("prc.contact-registry"))
    c.rows(
        "registrations",
        [{"at": (entry.at, why), "reviewed": (entry.reviewed.isoformat(), why)} for entry in registrations],
    )
    told(c, desk, "size", "limits.message_size", "mta.size-limit", words=volume)
    told(c, desk, "mark", "filter.mark", "mda.spam-mark")
    told(c, desk, "reject", "filter.reject", "mta.spam-reject")
    c.set("holding", "held" if desk.site.filter.outbound == "hold" else "", desk.why("filter.outbound"))
    rare = "rar, split archives, zip and 7z with unusual methods" if desk.site.filter.unread_files == "refuse" else ""
    c.set("unread", rare, desk.why("filter.unread_files"), control("flt.encrypted-policy"))
    c.set(
        "files",
        [f".{ending}" for ending in desk.site.filter.refused_files],
        desk.why("filter.refused_files"),
        control("flt.risky-attachments"),
    )
    told(c, desk, "retention", "logs.retention", "log.retention", words=span)
    links(c, desk, "abuse", "runbooks", "updates", "acceptable-use", because=control("prc.written"))
