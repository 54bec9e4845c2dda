"""What administrators read: hosts, ports and programs, and the commands for bad days."""

from __future__ import annotations

from collections.abc import Iterable

from gmconf.controls import control
from gmconf.dialects.markdown import Verbatim
from gmconf.documents.context import Desk, Row, contacts, links, names
from gmconf.documents.exposure import Port, Way
from gmconf.documents.procedures import searching
from gmconf.documents.text import debian, span
from gmconf.model import Role
from gmconf.services.openings import Opening
from gmconf.services.plan import Reach
from gmconf.services.postfix.maps import BLOCKED
from gmconf.settings import Settings, Value

PROTOCOLS = {
    22: "SSH",
    24: "LMTP, with TLS",
    25: "SMTP, STARTTLS offered",
    53: "DNS, over UDP too",
    119: "NNTP, STARTTLS",
    143: "IMAP, STARTTLS required",
    443: "HTTPS",
    465: "submission, TLS",
    563: "NNTP, TLS",
    587: "submission, STARTTLS required",
    993: "IMAP, TLS",
    995: "POP3, TLS",
    4190: "ManageSieve, STARTTLS required",
    5222: "XMPP of users, STARTTLS required",
    5223: "XMPP of users, TLS",
    5269: "XMPP of servers, STARTTLS required",
    5270: "XMPP of servers, TLS",
    11332: "milter",
    12340: "quota look-up",
}
"""What is spoken on a port, for those that gmconf opens."""
FUNCTIONS: tuple[tuple[str, str, tuple[Role, ...]], ...] = (
    ("takes mail from outside, sends mail out, keeps the queue (MTA)", "postfix", (Role.MTA,)),
    ("takes mail from users (MSA)", "postfix", (Role.MSA,)),
    ("checks logins and passwords", "dovecot", (Role.STORE, Role.MSA)),
    ("delivers into mailboxes, files spam, keeps quotas (MDA)", "dovecot", (Role.STORE,)),
    ("gives access to mailboxes: IMAP, POP3, ManageSieve (MAA)", "dovecot", (Role.STORE,)),
    ("judges mail, checks SPF, DKIM and DMARC, signs, counts what a login sends", "rspamd", (Role.FILTER,)),
    ("finds viruses", "clamav", (Role.FILTER,)),
    ("keeps what the filter learns and counts", "redis", (Role.FILTER,)),
    ("resolves and validates names", "unbound", tuple(Role)),
    ("signs the site's zones and answers for them", "knot", (Role.NAMESERVER,)),
    ("filters packets", "nftables", tuple(Role)),
    ("keeps the time", "time", tuple(Role)),
    ("installs security updates", "updates", tuple(Role)),
)
"""Each function has one owner: (what is done, the plan that does it, hosts of which roles)."""
_NAMES = {
    "time": "systemd-timesyncd",
    "updates": "unattended-upgrades and needrestart",
    "clamav": "ClamAV",
    "postfix": "Postfix",
    "dovecot": "Dovecot",
    "redis": "Redis or Valkey",
    "unbound": "Unbound",
    "knot": "Knot DNS",
    "nftables": "nftables",
}


def topology(c: Settings, desk: Desk) -> None:
    """Which program does what on which host, and who may reach it."""
    shown, hosts = control("doc.topology"), desk.why("hosts")
    c.rows(
        "hosts",
        [
            {
                "name": (e.host.name, (hosts, shown)),
                "release": (debian(e.host.release), (hosts, shown)),
                "addresses": (list(dict.fromkeys((*e.host.addresses, *e.host.public_addresses))), (hosts, shown)),
                "roles": ([role.value for role in e.host.roles], (hosts, shown)),
            }
            for e in desk.exposures
        ],
    )
    _functions(c, desk)
    _ports(c, desk)
    _ways(c, desk)
    c.set("admin", _admin(desk), desk.why("network.admin"), control("doc.firewall"))
    contacts(c, desk, "contacts", "procedures.incident_contacts", "doc.firewall")
    links(c, desk, "runbooks", "updates", because=shown)


def _admin(desk: Desk) -> Value:
    networks = list(desk.site.network.admin)
    return (
        "everybody, because network.admin names no narrower networks"
        if {"0.0.0.0/0", "::/0"} & set(networks)
        else networks
    )


def _functions(c: Settings, desk: Desk) -> None:
    why = (control("gov.feature-owner"), control("doc.topology"))
    known = {program for _, program, _ in FUNCTIONS}
    rows: list[tuple[str, str, list[str]]] = []
    for what, program, roles in FUNCTIONS:
        on = [e.host.name for e in desk.exposures if program in e.programs and set(roles) & set(e.host.roles)]
        rows += [(what, _NAMES.get(program, program), on)] if on else []
    for program in sorted({p.program for e in desk.exposures for p in e.ports} - known):
        on = [e.host.name for e in desk.exposures if any(p.program == program for p in e.ports)]
        spoken = sorted({p.number for e in desk.exposures for p in e.ports if p.program == program})
        rows.append((f"serves {_spoken(spoken)}", program, on))
    c.rows(
        "functions",
        [
            {"what": (w, why), "program": (p, why), "hosts": (_on(desk, on), (*why, desk.why("hosts")))}
            for w, p, on in rows
        ],
    )


def _on(desk: Desk, hosts: list[str]) -> Value:
    return "all hosts" if 2 < len(hosts) == len(desk.exposures) else hosts


def _spoken(ports: Iterable[int]) -> str:
    return "; ".join(PROTOCOLS.get(port, f"port {port}") for port in ports)


def _ports(c: Settings, desk: Desk) -> None:
    """Equal ports of several hosts are one row."""
    why = (control("net.ingress-filter"), control("net.host-rules"), control("doc.firewall"))
    rows: dict[Port, list[str]] = {}
    for e in desk.exposures:
        for port in e.ports:
            rows.setdefault(port, []).append(e.host.name)
    c.rows(
        "ports",
        [
            {
                "port": (port.number, why),
                "spoken": (_protocol(port), why),
                "program": (_program(port), why),
                "hosts": (_on(desk, on), (*why, desk.why("hosts"))),
                "reach": (_reach(port.reach), why),
            }
            for port, on in sorted(rows.items(), key=lambda item: (item[0].number, item[0].program, item[0].reach))
        ],
    )
    _opened(c, desk)


def _opened(c: Settings, desk: Desk) -> None:
    """What the site lets in for programs that gmconf does not run."""
    why = (control("net.ingress-filter"), control("doc.firewall"))
    rows: dict[Opening, list[str]] = {}
    for e in desk.exposures:
        for opening in e.opened:
            rows.setdefault(opening, []).append(e.host.name)
    c.rows(
        "opened",
        [
            {
                "ports": ([str(p) for p in o.ports], (*o.because, *why)),
                "protocol": (o.protocol.upper(), o.because),
                "purpose": (o.purpose, o.because),
                "hosts": (_on(desk, on), (*o.because, desk.why("hosts"))),
                "reach": (list(o.networks) or "everybody", o.because),
            }
            for o, on in rows.items()
        ],
    )


def _protocol(port: Port) -> str:
    return "SSH" if port.program == "nftables" else PROTOCOLS.get(port.number, "no standard one")


def _program(port: Port) -> str:
    """The firewall's plan opens what was there before gmconf: the way in of administrators."""
    return "sshd" if port.program == "nftables" else _NAMES.get(port.program, port.program)


def _reach(reach: Reach) -> str:
    return {"any": "everybody", "admin": "the networks of administrators", "site": "the other hosts of this site"}[
        reach
    ]


def _ways(c: Settings, desk: Desk) -> None:
    rows: dict[Way, list[str]] = {}
    for e in desk.exposures:
        for way in e.ways:
            rows.setdefault(way, []).append(e.host.name)
    c.rows("ways", [_cells(way, _on(desk, on)) for way, on in rows.items()])


def _cells(way: Way, on: Value) -> Row:
    why = (*way.because, control("doc.firewall"))
    return {
        "ports": (list(way.ports), why),
        "protocol": (way.protocol, why),
        "to": (way.to, why),
        "user": (list(way.users), why),
        "hosts": (on, why),
    }


def runbooks(c: Settings, desk: Desk) -> None:
    """Commands that work on these hosts."""
    searching(c, desk)
    stop = "prc.abuse-stop"
    first = desk.home
    logins, store, msa, mta = (
        desk.hosts(Role.STORE, Role.MSA),
        desk.hosts(Role.STORE),
        desk.hosts(Role.MSA),
        desk.hosts(Role.MTA),
    )
    names(c, desk, "logins", logins, stop)
    names(c, desk, "store", store, stop)
    names(c, desk, "msa", msa, stop)
    names(c, desk, "filter", desk.hosts(Role.FILTER), stop)
    names(c, desk, "talks", desk.hosts(Role.CHAT, Role.NEWS), stop)
    names(c, desk, "mta", mta, stop)
    names(c, desk, "queues", desk.hosts(Role.MTA, Role.MSA), stop)
    c.set("example.account", Verbatim(f"somebody@{first.name}"), desk.why("domains"), control(stop))
    c.set("example.domain", Verbatim(first.name), desk.why("domains"), control(stop))
    c.set("queue_life", span(desk.site.limits.queue_life), desk.why("limits.queue_life"), control(stop))
    c.set("hours", -(-desk.site.limits.queue_life // 3600), desk.why("limits.queue_life"), control(stop))
    relays = [host for host in msa if Role.MTA not in host.roles]
    names(c, desk, "relays", relays, stop)
    c.set("refusal", Verbatim(BLOCKED), control("mta.blocklist"))
    c.set("admin", _admin(desk), desk.why("network.admin"), control("prc.incident-isolate"))
    host = mta[0]
    c.set("example.host", Verbatim(host.name), desk.why("hosts"), control("out.ip-switch"))
    c.set(
        "ports",
        ", ".join(str(port) for port in (25, 465, 587) if desk.reaches(port)),
        desk.why("hosts"),
        control("net.ingress-filter"),
    )
    contacts(c, desk, "contacts", "procedures.incident_contacts", "prc.incident-contacts")
    links(c, desk, "abuse", "postmaster", "topology", because=control(stop))
