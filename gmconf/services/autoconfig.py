"""Thunderbird's autoconfig (config-v1.1), which other mail programs ask for too: a domain's servers, TLS from the first
byte first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from gmconf.controls import control
from gmconf.model import Host, Role, Site
from gmconf.settings import Reason, Settings, Value

INCOMING = (("imap", 993, "SSL"), ("imap", 143, "STARTTLS"), ("pop3", 995, "SSL"))
OUTGOING = (("smtp", 465, "SSL"), ("smtp", 587, "STARTTLS"))


class Because(NamedTuple):
    """Why its lines are there, besides the fields that they follow from."""

    page: tuple[Reason, ...]
    server: tuple[Reason, ...]
    login: tuple[Reason, ...]


def documented() -> Because:
    """For the operator's documents, which carry out these controls."""
    return Because(
        (control("mua.autoconfig"),),
        (control("mua.autoconfig"), control("tls.implicit")),
        (control("maa.virtual-domains"),),
    )


def reached(site: Site) -> Callable[[int], Sequence[Host]]:
    """Which hosts, by name, users reach at a port, as far as it follows from roles."""
    stores, submission = (
        [h for h in sorted(site.hosts, key=lambda h: h.name) if role in h.roles] for role in (Role.STORE, Role.MSA)
    )
    by_port = {993: stores, 143: stores, 465: submission, 587: submission} | (
        {995: stores} if site.pop3.enabled else {}
    )
    return lambda port: by_port.get(port, [])


def fill(
    c: Settings,
    site: Site,
    number: int,
    reaches: Callable[[int], Sequence[Host]],
    why: Callable[[str], Reason],
    told: Because,
) -> None:
    """What documents/clients/config-v1.1.xml.j2 prints for the domain of that number, which has logins or is an alias
    of one."""
    domain = site.domains[number]
    because = (why(f"domains[{number}].server_names.clients" if domain.own_clients else "hosts"), *told.server)
    c.set("domain", domain.name, why("domains"), *told.page)
    c.set("organisation", site.organisation.name, why("organisation.name"), *told.page)
    login = "%EMAILADDRESS%" if domain.kind == "hosted" else f"%EMAILLOCALPART%@{domain.alias_of}"
    user = (login, (why("domains"), *told.login))
    for key, offers in (("incoming", INCOMING), ("outgoing", OUTGOING)):
        rows: list[Mapping[str, tuple[Value, Sequence[Reason]]]] = []
        for kind, port, socket in offers:
            hosts = reaches(port)
            for name in ([domain.own_clients] if domain.own_clients else [h.name for h in hosts]) if hosts else ():
                rows.append(
                    {
                        "kind": (kind, because),
                        "host": (name, because),
                        "port": (port, because),
                        "socket": (socket, because),
                        "user": user,
                    }
                )
        c.rows(key, rows)
