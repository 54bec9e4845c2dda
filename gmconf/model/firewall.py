"""What a host lets in and out besides what its roles need."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from gmconf.model.base import Part
from gmconf.model.hosts import Host, Port
from gmconf.model.names import DomainName, Line
from gmconf.model.networks import Network as Cidr
from gmconf.model.networks import Peer
from gmconf.model.operation import Shown

_LAST = 65535


def _ports(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def ports(value: str) -> str:
    """A port, or a range of ports as FIRST-LAST."""
    words = value.split("-")
    numbers = [int(w) for w in words if w.isascii() and w.isdigit() and len(w) <= len(str(_LAST))]
    if (
        len(numbers) != len(words)
        or len(words) > 2
        or not all(1 <= n <= _LAST for n in numbers)
        or numbers[0] > numbers[-1]
    ):
        raise ValueError(f'a port from 1 to {_LAST}, or a range such as "8000-8010" is needed')
    return "-".join(str(n) for n in dict.fromkeys(numbers))


def span(ports: int | str) -> tuple[int, int]:
    """The first and the last port of a range, or one port twice."""
    first, _, last = str(ports).partition("-")
    return int(first), int(last or first)


Ports = Annotated[str, BeforeValidator(_ports, json_schema_input_type=int | str), AfterValidator(ports)]
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")


def system_user(value: str) -> str:
    """The name of a user as Debian's adduser takes it."""
    if not _USER.match(value):
        raise ValueError("a user of the system is named with small letters, digits, _ and -, 32 characters at most")
    return value


SystemUser = Annotated[str, AfterValidator(system_user)]


class Incoming(Part):
    """Ports of a host that the firewall opens for something that gmconf does not run."""

    ports: tuple[Ports, ...] = Field(min_length=1)
    """Ports, and ranges as "8000-8010"."""
    protocol: Literal["tcp", "udp"] = "tcp"
    networks: tuple[Cidr, ...] = ()
    """Networks that may connect; default: everybody."""
    hosts: tuple[DomainName, ...] = ()
    """Hosts on which the ports are open; default: all of the site."""
    reason: Line
    """The program that listens there, or the ticket that asked for it; the report shows it."""


class Outgoing(Part):
    """Ports of other machines that programs on a host may reach."""

    ports: tuple[Ports, ...] = Field(min_length=1)
    """Ports, and ranges as "8000-8010"."""
    protocol: Literal["tcp", "udp"] = "tcp"
    networks: tuple[Cidr, ...] = ()
    """Networks that may be reached; default: all."""
    user: SystemUser | None = None
    """The user of the system that may connect, under which a service runs; it must exist on the host. Default: every
    user."""
    hosts: tuple[DomainName, ...] = ()
    """Hosts to which this applies; default: all of the site."""
    reason: Line
    """The program that connects, or the ticket that asked for it; the report shows it."""


class Allow(Part):
    """What the firewall lets through besides what gmconf's own services need."""

    incoming: tuple[Incoming, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()


class Network(Part):
    """Who may reach what."""

    admin: tuple[Cidr, ...] = ("0.0.0.0/0", "::/0")
    """Networks that may reach SSH. Without it the whole Internet may, and ``gmconf validate`` and ``render`` say so."""
    ssh_port: Port = 22
    """Port of sshd on the hosts, which the firewall opens for ``admin`` and Ansible connects to. gmconf does not
    configure sshd."""
    allow: Allow = Field(default_factory=Allow.model_construct)
    """Further ports, for what runs beside gmconf's services: a website, metrics, backup, a directory."""
    forward: Literal["drop", "leave"] = "drop"
    """Packets that a host passes on for others: drop refuses all; leave has no rule for them, so that containers,
    virtual machines and VPNs are bound by their own tables only."""
    http_proxies: tuple[Peer, ...] = ()
    """Proxies and mirrors on any port that the hosts may reach besides web servers on ports 80 and 443."""
    time_servers: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:-]+$", max_length=253)], ...] = ()
    """NTP servers; default: Debian's pool."""
    rpki: Shown | None = None
    """Who saw when that the routes to MX and name servers are authorised (ROA) and announced as such; for internet.nl's
    test."""

    def ssh(self, host: Host) -> int:
        """The port of a host's sshd."""
        return host.ssh_port or self.ssh_port
