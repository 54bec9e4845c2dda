"""Which host listens where, for whom, and what it may reach itself; what the picture and the table are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gmconf.controls.expect import spelled
from gmconf.controls.files import NFT
from gmconf.daemons import Port as Listening
from gmconf.daemons import Reach, listening
from gmconf.model import Role
from gmconf.report.rendered import HostSide

REACHES: dict[Reach, str] = {"any": "everybody", "site": "hosts of the site", "admin": "administrators"}


@dataclass(frozen=True, slots=True)
class Port:
    """A TCP port and who may reach it."""

    number: int
    protocol: str
    reach: Reach
    servers: bool
    """For the servers of others; a public one without it is for users' programs."""

    @property
    def who(self) -> str:
        """Who may reach it, in words."""
        return REACHES[self.reach]


@dataclass(frozen=True, slots=True)
class Group:
    """Hosts that do the same: same roles, same ports."""

    roles: tuple[Role, ...]
    ports: tuple[Port, ...]
    asks: tuple[int, ...]
    """Ports of other hosts of the site that these may reach."""
    hosts: tuple[HostSide, ...]

    @property
    def title(self) -> str:
        """Its roles, in words."""
        return ", ".join(_ROLES[role] for role in self.roles) or "no role"


_ROLES = {
    Role.MTA: "MTA",
    Role.MSA: "MSA",
    Role.STORE: "store",
    Role.FILTER: "filter",
    Role.CHAT: "chat",
    Role.NEWS: "news",
    Role.WEB: "web",
    Role.NAMESERVER: "name server",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the port matrix."""

    host: str
    release: str
    addresses: str
    roles: str
    public: str
    site: str
    admin: str
    out: tuple[str, ...]


def ports(side: HostSide) -> tuple[Port, ...]:
    """The TCP ports that others reach on a host, by number."""
    found = [port for _, port in listening(side.case.site, side.case.host)]
    return tuple(dict.fromkeys(Port(p.number, _short(p), p.reach, p.servers) for p in found))


def _short(port: Listening) -> str:
    """As a picture has room for: "IMAP (TLS)"."""
    name = port.protocol.partition(",")[0]
    return f"{name} (TLS)" if port.tls == "TLS" else name


def groups(hosts: Sequence[HostSide]) -> tuple[Group, ...]:
    """Hosts put together by what they do, in the order of the roles."""
    alike: dict[tuple[tuple[Role, ...], tuple[Port, ...], tuple[int, ...]], list[HostSide]] = {}
    order = list(Role)
    for side in hosts:
        roles = tuple(sorted(side.case.host.roles, key=order.index))
        alike.setdefault((roles, ports(side), _asks(side)), []).append(side)
    found = [Group(*key, tuple(sides)) for key, sides in alike.items()]
    return tuple(sorted(found, key=lambda g: ([order.index(r) for r in g.roles], g.hosts[0].case.host.name)))


def matrix(hosts: Iterable[HostSide]) -> tuple[Row, ...]:
    """The table: one row a host."""
    return tuple(_row(side) for side in hosts)


def _row(side: HostSide) -> Row:
    host, open_ = side.case.host, ports(side)
    by = {
        reach: ", ".join(f"{p.number} {p.protocol}" for p in open_ if p.reach == reach) or "none" for reach in REACHES
    }
    release = "Debian 13" if host.release == "trixie" else "Debian 12"
    roles = ", ".join(_ROLES[role] for role in Role if role in host.roles) or "no role"
    return Row(
        host.name,
        release,
        ", ".join((*host.addresses, *(f"{a} outside" for a in host.public_addresses))),
        roles,
        by["any"],
        by["site"],
        by["admin"],
        tuple(_out(side)),
    )


def _out(side: HostSide) -> Iterable[str]:
    """What the firewall lets out, by the user that may."""
    for user, what in (("smtp_user", "25"), ("dns_user", "53"), ("time_user", "123 (UDP)"), ("web_users", "web")):
        found = side.case.value(NFT, user)
        if found and found.value:
            yield f"{spelled(side.case.settings[NFT]['web'].value) if what == 'web' else what}: {spelled(found.value)}"
    if _asks(side):
        yield f"{', '.join(map(str, _asks(side)))}: to hosts of the site"


def _asks(side: HostSide) -> tuple[int, ...]:
    found = side.case.value(NFT, "site_ports")
    return tuple(int(v) for v in found.value) if found and isinstance(found.value, list | tuple) else ()
