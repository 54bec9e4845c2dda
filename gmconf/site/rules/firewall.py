"""What must hold about what the firewall lets through: each rule is a function that yields (path, sentence)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gmconf.derived.accounts import Directory
from gmconf.model import Site
from gmconf.model.firewall import Incoming, Outgoing, span

Finding = tuple[str, str]
SMTP = 25
INSIDE = {24: "LMTP", 11332: "the milter", 12340: "the quota look-up"}
"""Ports that hosts of the site have for each other, and what is there."""
TABLES = {
    "ldap": "postfix-ldap",
    "mysql": "postfix-mysql",
    "pgsql": "postfix-pgsql",
    "sqlite": "postfix-sqlite",
    "mongodb": "postfix-mongodb",
    "pcre": "postfix-pcre",
}
"""Table types of Postfix that Debian has in packages of their own."""
_TABLE = re.compile(rf"(?:^|[\s,:{{])({'|'.join(TABLES)}):")


def openings_name_hosts(site: Site, _: Directory) -> Iterator[Finding]:
    """What is opened on some hosts only is opened on hosts of the site."""
    known = {host.name for host in site.hosts}
    for path, one in _openings(site):
        for number, name in enumerate(one.hosts):
            if name not in known:
                yield (
                    f"{path}.hosts[{number}]",
                    f"{name} is no host of this site; correct it, or leave out hosts to mean all of them",
                )


def nothing_inside_is_opened(site: Site, _: Directory) -> Iterator[Finding]:
    """Ports between hosts of the site, and SSH, have lists of their own for who may reach them."""
    for number, one in enumerate(site.network.allow.incoming):
        path = f"network.allow.incoming[{number}].ports"
        if one.protocol != "tcp":
            continue
        for port, there in INSIDE.items():
            if _covers(one, port):
                yield (
                    path,
                    f"port {port} ({there}) is for the hosts of the site, to which gmconf opens it; leave it out",
                )
        for port in sorted({site.network.ssh(host) for host in site.hosts}):
            if _covers(one, port):
                yield (
                    path,
                    f"port {port} is SSH, which network.admin opens; name the networks there and leave it out here",
                )


def mail_leaves_through_postfix(site: Site, _: Directory) -> Iterator[Finding]:
    """Whatever breaks into a host cannot send mail past the MTA (control net.egress-filter)."""
    for number, one in enumerate(site.network.allow.outgoing):
        if one.protocol == "tcp" and _covers(one, SMTP):
            yield (
                f"network.allow.outgoing[{number}].ports",
                (
                    "port 25 is for Postfix, which may use it anyway; leave it out, and let the program submit mail"
                    " with a login (port 465 or 587)"
                ),
            )


def tables_can_be_read(site: Site, _: Directory) -> Iterator[Finding]:
    """An override names only tables that the installed Postfix can read."""
    for raw in site.overridden():
        for kind in dict.fromkeys(_TABLE.findall(raw.value) if raw.section == "postfix" else ()):
            yield (
                raw.path,
                (
                    f"a table of type {kind} needs {TABLES[kind]}, which gmconf does not install; use another type"
                    " (texthash, regexp, inline, tcp)"
                ),
            )


def _openings(site: Site) -> Iterator[tuple[str, Incoming | Outgoing]]:
    for direction, entries in site.network.allow:
        for number, one in enumerate(entries):
            yield f"network.allow.{direction}[{number}]", one


def _covers(one: Incoming | Outgoing, port: int) -> bool:
    return any(first <= port <= last for first, last in map(span, one.ports))


NETWORK_RULES = (openings_name_hosts, nothing_inside_is_opened, mail_leaves_through_postfix, tables_can_be_read)
