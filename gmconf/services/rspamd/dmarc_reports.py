"""Aggregate reports to other domains: rspamd counts, and sends what it counted once a day (RFC 9990)."""

from __future__ import annotations

from gmconf.controls import control
from gmconf.derived.policies import reports_from, sends_reports
from gmconf.dialects import ini
from gmconf.model import Role
from gmconf.services import host_mail
from gmconf.services.plan import File, Plan, Unit, View
from gmconf.settings import Settings, need

TIMER = "gmconf-dmarc-report.timer"
UNITS = tuple(f"/etc/systemd/system/gmconf-dmarc-report.{kind}" for kind in ("service", "timer"))


def fill(c: Settings, view: View) -> None:
    """The part ``reporting`` of rspamd's dmarc.conf."""
    send = control("auth.dmarc-send-rua")
    asked = view.why("level" if view.site.filter.dmarc_reports is None else "filter.dmarc_reports")
    if not sends_reports(view.site):
        c.set("enabled", False, asked)
        c.set("email", "", asked)
        return
    c.set("enabled", True, send, asked)
    sender = reports_from(view.site, [d.name for d in view.mail.sending])
    name, host = view.site.organisation.name, view.host.name
    several = len(view.hosts(Role.FILTER)) > 1
    c.set(
        "email",
        sender,
        send,
        view.why("dns.reports" if view.site.dns.reports else "organisation.postmaster"),
        need("rspamd", "one of our own domains, so that the report is signed and aligned"),
    )
    c.set("domain", sender.rpartition("@")[2], send)
    c.set(
        "organisation",
        f"{name} ({host})" if several else name,
        send,
        view.why("organisation.name"),
        need(
            "rspamd",
            "filters count apart and number their reports alike: the host's name keeps receivers from taking one for a"
            " copy of the other",
        ),
    )
    c.set("sender", f"DMARC reports of {sender.rpartition('@')[2]}", send)
    c.set("helo", host, send)
    c.set("msgid", host, send)
    c.set(
        "smtp",
        host_mail.ADDRESS,
        send,
        need("rspamd", "Postfix on this host queues, signs and sends it like any other mail"),
    )
    c.set("port", host_mail.PORT, send)


def plan(view: View) -> Plan:
    """Service and timer of a filter host; where no reports are sent, they are taken away."""
    if not sends_reports(view.site):
        return Plan(name="dmarc-report", absent=UNITS)
    send = control("auth.dmarc-send-rua")
    service, timer = map(Settings, UNITS)
    service.set(
        "command",
        "/usr/bin/rspamadm dmarc_report",
        send,
        need("rspamd", "of the day before, since reports cover whole days"),
    )
    timer.set("when", "*-*-* 01:00:00", send)
    timer.set("spread", "2h", send, need("rspamd", "receivers get reports from the whole world after midnight"))
    return Plan(
        name="dmarc-report",
        files=(
            File(service.file, "dmarc-report", send, "rspamd/dmarc-report.service.j2", service, ini.spell),
            File(timer.file, "dmarc-report", send, "rspamd/dmarc-report.timer.j2", timer, ini.spell),
        ),
        units=(Unit(TIMER, on_change="restart"),),
    )
