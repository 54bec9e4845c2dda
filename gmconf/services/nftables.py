"""The firewall: what listens is open to whom it is meant for, and only what the service needs goes out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from ipaddress import ip_address, ip_network

from gmconf.controls import control
from gmconf.daemons import Port, listening
from gmconf.derived.name_servers import keepers
from gmconf.dialects.nftables import spell
from gmconf.model import Role
from gmconf.services import host_mail, mta_sts
from gmconf.services.openings import Opening, incoming, merged, outgoing
from gmconf.services.plan import ExecProbe, File, Judge, Plan, Unit, View
from gmconf.services.prosody import SERVERS, SERVERS_TLS, chat
from gmconf.settings import Reason, Settings, Value, need

CONF = "/etc/nftables.conf"
ISOLATE = "/etc/gmconf/isolate.nft"
PER_CLIENT = 100


def plan(view: View) -> Plan:
    """The rules that follow from the declarations of the host's services."""
    return Plan(
        name="nftables",
        packages=("nftables",),
        files=(
            File(
                CONF,
                "nftables",
                control("net.ingress-filter"),
                "nftables/nftables.conf.j2",
                _settings(view),
                spell,
                mode="0755",
            ),
            File(
                ISOLATE,
                "nftables",
                control("prc.incident-isolate"),
                "nftables/isolate.nft.j2",
                _isolate(view),
                spell,
                mode="0600",
            ),
        ),
        validate=(Judge(("nft", "-c", "-f", f"{{{CONF}}}")), Judge(("nft", "-c", "-f", f"{{{ISOLATE}}}"))),
        units=(Unit("nftables.service"),),
        probes=(ExecProbe("firewall", argv=("nft", "list", "chain", "inet", "gmconf", "input"), expect="policy drop"),),
    )


def _isolate(view: View) -> Settings:
    c = Settings(ISOLATE)
    why = control("prc.incident-isolate")
    _addresses(c, "admin", view.site.network.admin, why, view.why("network.admin"))
    c.set("admin_tcp", [view.site.network.ssh(view.host)], why, view.why("network.ssh_port"))
    return c


def _settings(view: View) -> Settings:
    c = Settings(CONF)
    ingress, egress = control("net.ingress-filter"), control("net.egress-filter")
    _addresses(c, "admin", view.site.network.admin, ingress, view.why("network.admin"))
    # Itself included: then the list is the same on all hosts, and a host may talk to itself anyway.
    peers = view.mail.host_addresses if len(view.site.hosts) > 1 else ()
    _addresses(c, "site", peers, view.why("hosts"))
    ports = [port for _, port in listening(view.site, view.host)]
    c.set("admin_tcp", _numbers(ports, "admin"), ingress, view.why("network.ssh_port"))
    for name, reach in (("site_tcp", "site"), ("public_tcp", "any")):
        c.set(name, _numbers(ports, reach), ingress)
    c.set("public_udp", _numbers((p for p in ports if p.udp), "any"), ingress)
    _zones(c, view)
    _open(c, view)
    answering = {port.number for port in ports}
    further = [p for o in incoming(view) if o.protocol == "tcp" for p in o.ports]
    c.set(
        "answering_tcp",
        merged([*answering, *further]),
        need("nftables", "a first roll-out must not cut the sessions that are open"),
    )
    c.set("forward", "drop" if view.site.network.forward == "drop" else "", ingress, view.why("network.forward"))
    _flood(c, view)
    c.set("smtp_user", "postfix", egress)
    c.set("site_ports", _site_ports(view), egress, view.why("hosts"))
    c.set("services_port", host_mail.PORT if host_mail.users(view) else 0, control("msa.sender-rights"))
    if host_mail.users(view):
        c.set(
            "services_users",
            host_mail.users(view),
            need("nftables", "services that send mail of their own, and the administrator"),
        )
    _addresses(c, "forwarders", view.site.resolver.forwarders, view.why("resolver.forwarders"))
    c.set("recursive", 0 if view.site.resolver.forwarders else 53, egress, view.why("resolver.forwarders"))
    c.set("dns_user", "unbound", egress, control("dns.validating-resolver"))
    c.set("time_user", "systemd-timesync", egress, control("ops.time"))
    c.set("web", [80, 443], egress, control("ops.update-7d"))
    servers = [SERVERS, SERVERS_TLS] if view.has(Role.CHAT) and chat(view).federation else []
    c.set("chat_servers", servers, egress, view.why("chat.federation"))
    if servers:
        c.set("chat_user", "prosody", egress, control("xmpp.server"))
    update = view.site.tls.acme.update if view.site.tls.acme else None
    why = view.why("tls.acme.update")
    _addresses(c, "updated", (update.server,) if update else (), why)
    c.set("update_port", update.port if update else 0, why)
    checks = view.has(Role.FILTER) and view.site.filter.network_checks
    users = [
        "root",
        "_apt",
        *(["clamav"] if view.has(Role.FILTER) else []),
        *(["_rspamd"] if checks else []),
        *([mta_sts.USER] if mta_sts.maps(view) else []),
    ]
    c.set(
        "web_users",
        users,
        egress,
        need("nftables", "updates of packages and signatures, MTA-STS policies; nobody else has business there"),
    )
    _addresses(c, "proxies", view.site.network.http_proxies, view.why("network.http_proxies"))
    why = view.why("filter.network_checks")
    c.set("fuzzy", 11335 if checks else 0, why)
    if checks:
        c.set("filter_user", "_rspamd", why)
    return c


def _open(c: Settings, view: View) -> None:
    """Rules that the site asked for: lists by shape, because an anonymous set cannot be empty."""
    came, left = tuple(incoming(view)), tuple(outgoing(view))
    _rules(c, "opened", came, networks=False, user=False)
    _rules(c, "opened_to", came, networks=True, user=False)
    for name, user in (("leaves", False), ("leaves_as", True)):
        _rules(c, name, left, networks=False, user=user)
        _rules(c, f"{name}_to", left, networks=True, user=user)


def _rules(c: Settings, name: str, openings: Iterable[Opening], *, networks: bool, user: bool) -> None:
    rows = []
    for o in openings:
        if bool(o.networks) == networks and bool(o.user) == user:
            row: dict[str, tuple[Value, Sequence[Reason]]] = {
                "protocol": (o.protocol, o.because),
                "ports": (o.ports, o.because),
            }
            if networks:
                row |= {"family": (o.family, o.because), "networks": (o.networks, o.because)}
            if user:
                row["user"] = (o.user, o.because)
            rows.append(row)
    c.rows(name, rows)


def _zones(c: Settings, view: View) -> None:
    """Name servers of the site hand each other the zones."""
    peers = [h for h in keepers(view.site) if h.name != view.host.name] if view.has(Role.NAMESERVER) else []
    _addresses(c, "zone_peers", [a for h in peers for a in h.addresses], view.why("hosts"))
    c.set("zone_port", 53 if peers else 0, view.why("hosts"))
    c.set(
        "zone_user",
        "knot" if peers else "",
        control("net.egress-filter"),
        need("nftables", "notices of changes, and the zones themselves"),
    )


def _flood(c: Settings, view: View) -> None:
    why = control("mta.flood-control")
    # Not for mailboxes: a whole campus may sit behind one address.
    c.set("limited_tcp", 25 if view.has(Role.MTA) else 0, why)
    if view.has(Role.MTA):
        c.set(
            "per_client",
            PER_CLIENT,
            why,
            need("nftables", "above every limit of Postfix, which answers politely; only a flood comes this far"),
        )


def _addresses(c: Settings, name: str, values: Sequence[str], *because: Reason) -> None:
    for family in (4, 6):
        c.set(f"{name}{family}", _sorted(tuple(values))[family], *because)


@cache
def _sorted(values: tuple[str, ...]) -> dict[int, tuple[str, ...]]:
    networks = sorted({ip_network(v, strict=False) for v in values}, key=lambda n: (n.version, n))
    return {family: tuple(_short(str(n)) for n in networks if n.version == family) for family in (4, 6)}


def _short(network: str) -> str:
    address, _, length = network.partition("/")
    return address if int(length) == ip_address(address).max_prefixlen else network


def _numbers(ports: Iterable[Port], reach: str) -> list[int]:
    return sorted({port.number for port in ports if port.reach == reach})


def _site_ports(view: View) -> list[int]:
    """Ports of other hosts of the site that this one's Postfix uses: milter, LMTP and quota."""
    found: set[int] = set()
    if _elsewhere(view, Role.FILTER):
        found |= {11332} if view.has(Role.MTA, Role.MSA) else set()
    if _elsewhere(view, Role.STORE):
        found |= {24} if view.has(Role.MTA, Role.MSA) else set()
        found |= {12340} if view.has(Role.MTA) else set()
    return sorted(found)


def _elsewhere(view: View, role: Role) -> bool:
    return any(host.name != view.host.name for host in view.hosts(role))
