"""What administrators read: hosts, ports and programs, and the commands for bad days."""

from __future__ import annotations

from gmconf.controls import control
from gmconf.daemons import SERVICES, Port, Reach, Service
from gmconf.dialects.markdown import Verbatim
from gmconf.documents.context import Desk, Row, contacts, links, names
from gmconf.documents.exposure import Way
from gmconf.documents.procedures import searching
from gmconf.documents.text import debian, span
from gmconf.model import Role
from gmconf.services.openings import Opening
from gmconf.services.postfix.maps import BLOCKED
from gmconf.settings import Settings, Value


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
    rows: list[tuple[str, str, list[str]]] = []
    for service in SERVICES:
        for duty in service.duties:
            hosts = [e.host for e in desk.exposures if service.name in e.programs]
            on = [h.name for h in hosts if not duty.roles or set(duty.roles) & set(h.roles)]
            rows += [(duty.sentence, service.title, on)] if on else []
    c.rows(
        "functions",
        [
            {"what": (w, why), "program": (p, why), "hosts": (_on(desk, on), (*why, desk.why("hosts")))}
            for w, p, on in rows
        ],
    )


def _on(desk: Desk, hosts: list[str]) -> Value:
    return "all hosts" if 2 < len(hosts) == len(desk.exposures) else hosts


def _ports(c: Settings, desk: Desk) -> None:
    """Equal ports of several hosts are one row."""
    why = (control("net.ingress-filter"), control("net.host-rules"), control("doc.firewall"))
    rows: dict[tuple[Service, Port], list[str]] = {}
    for e in desk.exposures:
        for pair in e.ports:
            rows.setdefault(pair, []).append(e.host.name)
    c.rows(
        "ports",
        [
            {
                "port": (port.number, why),
                "spoken": (port.spoken, why),
                "program": (service.title, why),
                "hosts": (_on(desk, on), (*why, desk.why("hosts"))),
                "reach": (_reach(port.reach), why),
            }
            for (service, port), on in sorted(rows.items(), key=lambda item: (item[0][1].number, item[0][0].name))
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
