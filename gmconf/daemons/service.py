"""The form of a declaration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gmconf.model import Host, Role, Site

Reach = Literal["any", "admin", "site"]
"""Everybody, the networks of network.admin, or the other hosts of the site."""
Where = Callable[[Site, Host], bool]


def always(site: Site, host: Host) -> bool:
    """On every host that has the service."""
    del site, host
    return True


@dataclass(frozen=True, slots=True)
class Duty:
    """A function of the mail service that has this one owner."""

    sentence: str
    """"takes mail from users (MSA)": the program is the subject."""
    roles: tuple[Role, ...] = ()
    """Hosts with one of these do it; empty: every host that has the service."""


@dataclass(frozen=True, slots=True)
class Port:
    """A port on other addresses than loopback; the firewall opens it to whom it is meant for."""

    number: int
    protocol: str
    """As the field calls it: "SMTP", "submission"."""
    tls: str = ""
    """"TLS" from the first byte, or the state of STARTTLS ("STARTTLS required"); empty: neither."""
    reach: Reach = "any"
    roles: tuple[Role, ...] = ()
    """Hosts with one of these have it; empty: every host that has the service."""
    where: Where = always
    """Further conditions."""
    udp: bool = False
    """Over UDP as well as TCP."""
    servers: bool = False
    """For the servers of others; a public one without it is for users' programs."""
    number_at: Callable[[Site, Host], int] | None = None
    """The port on a host, where the site may choose another one."""

    @property
    def spoken(self) -> str:
        """The protocol with what protects it: "SMTP, STARTTLS offered"."""
        return ", ".join(part for part in (self.protocol, self.tls, "over UDP too" if self.udp else "") if part)


@dataclass(frozen=True, slots=True)
class Service:
    """A program on the hosts, or a few that are one service. Its plan has the same name."""

    name: str
    title: str
    roles: tuple[Role, ...] = ()
    """Hosts with one of these have it; empty: every host."""
    duties: tuple[Duty, ...] = ()
    ports: tuple[Port, ...] = ()
    files: tuple[str, ...] = ()
    """Files, and folders with a final slash, that every host with the service has."""
    partial: Mapping[str, tuple[Role, ...]] = field(default_factory=dict, hash=False)
    """Files of these that only hosts with further roles have."""
    overrides: str = ""
    """The section of ``overrides`` in site.yml for its raw lines."""
    user: str = ""
    """The user of the system under which it connects to others."""

    def on(self, host: Host) -> bool:
        """Whether a host has it."""
        return not self.roles or any(role in host.roles for role in self.roles)

    def keeps(self, file: str, host: Host) -> bool:
        """Whether a host has this file because of the service."""
        if not self.on(host):
            return False
        if file in self.partial:
            return any(role in host.roles for role in self.partial[file])
        return any(file.startswith(path) if path.endswith("/") else file == path for path in self.files)
