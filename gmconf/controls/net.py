"""What may reach a host and what it may reach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import ClassVar

from gmconf.controls.case import HostCase, SiteCase
from gmconf.controls.control import Control, Evidence
from gmconf.controls.expect import Model, Only
from gmconf.controls.files import DOVECOT, MAIN, NFT, NGINX, NNTP, NNTPS, PROSODY, UNBOUND
from gmconf.controls.result import Observation
from gmconf.derived.name_servers import keepers
from gmconf.model import Role
from gmconf.model.networks import private
from gmconf.settings import Value


def _inside(case: HostCase) -> list[int]:
    others = [h for h in case.site.hosts if h.name != case.host.name]
    sending = any({Role.MTA, Role.MSA} & set(h.roles) for h in others)
    ports = {24, 12340} if case.has(Role.STORE) and sending else set()
    if case.has(Role.FILTER):
        ports |= (
            {11332}
            if any({Role.MTA, Role.MSA} & set(h.roles) and Role.FILTER not in h.roles for h in others)
            else set()
        )
    return sorted(ports)


def admin(version: int) -> Model:
    """Where administration may come from, in one family."""

    def networks(case: HostCase) -> Value:
        found = sorted({n for n in map(ip_network, case.site.network.admin) if n.version == version})
        return [str(n.network_address) if n.num_addresses == 1 else str(n) for n in found]

    return Model(networks, "network.admin")


def _public(case: HostCase) -> list[int]:
    ports = {25} if case.has(Role.MTA) else set()
    ports |= {465, 587} if case.has(Role.MSA) else set()
    ports |= {143, 993, 4190} if case.has(Role.STORE) else set()
    ports |= {995} if case.has(Role.STORE) and case.site.pop3.enabled else set()
    ports |= {119, 563} if case.has(Role.NEWS) else set()
    ports |= {5222, 5223} if case.has(Role.CHAT) else set()
    ports |= {5269, 5270} if federated(case) else set()
    ports |= {80, 443} if case.has(Role.WEB) else set()
    ports |= {53} if case.has(Role.NAMESERVER) else set()
    acme = case.site.tls.acme
    ports |= {80} if acme and acme.challenge == "http-01" else set()
    return sorted(ports)


def _peers(case: HostCase) -> list[int]:
    others = [h for h in case.site.hosts if h.name != case.host.name]
    found: set[int] = set()
    if any(Role.FILTER in h.roles for h in others):
        found |= {11332} if case.has(Role.MTA, Role.MSA) else set()
    if any(Role.STORE in h.roles for h in others):
        found |= {24} if case.has(Role.MTA, Role.MSA) else set()
        found |= {12340} if case.has(Role.MTA) else set()
    return sorted(found)


def _listen(case: HostCase) -> Value:
    families = case.site.address_families
    found = [*(["*"] if "ipv4" in families else []), *(["::"] if "ipv6" in families else [])]
    return found if isinstance(_listens(case), list) else ", ".join(found)


def _listens(case: HostCase) -> Value | None:
    """The languages of Dovecot 2.3 and 2.4 differ: text there, a list here."""
    setting = case.value(DOVECOT, "listen")
    return setting.value if setting else None


class Ingress(Control):
    """Only what the site offers comes in.

    Everything else is dropped before a daemon sees it; administration is for the networks named in ``network.admin``.
    """

    id, level, sources = "net.ingress-filter", "basic", ("G:16", "F:75")
    files = (NFT,)
    live = ("ports",)
    settings: ClassVar = {
        NFT: {
            "admin_tcp": Model(lambda c: [c.site.network.ssh(c.host)], "network.ssh_port"),
            "admin4": admin(4),
            "admin6": admin(6),
            "site_tcp": Model(_inside, "what other hosts of the site ask this one for"),
            "public_tcp": Model(_public, "the ports of the host's roles, and no other"),
            "public_udp": Model(lambda c: [53] if c.has(Role.NAMESERVER) else [], "53 for name servers, and no other"),
            "forward": Model(lambda c: "" if c.site.network.forward == "leave" else "drop", "network.forward"),
        }
    }


class Egress(Control):
    """Only what the service needs goes out; only the MTA opens port 25.

    Whatever breaks into a host cannot send mail from it, nor call home where it likes.
    """

    id, level, sources = "net.egress-filter", "basic", ("G:16",)
    settings: ClassVar = {
        NFT: {
            "smtp_user": "postfix",
            "site_ports": Model(_peers, "the ports of other hosts that this one uses"),
            "recursive": Model(lambda c: 0 if c.site.resolver.forwarders else 53, "53, unless forwarders are named"),
            "dns_user": "unbound",
            "zone_user": Model(
                lambda c: "knot" if c.has(Role.NAMESERVER) and len(keepers(c.site)) > 1 else "",
                "knot, where name servers of the site hand each other zones",
            ),
            "time_user": "systemd-timesync",
            "web": Only("80", "443"),
            "web_users": Only("root", "_apt", "clamav", "_rspamd", "_mta-sts"),
            "chat_servers": Model(
                lambda c: ["5269", "5270"] if federated(c) else [], "5269 and 5270, where chat speaks to other servers"
            ),
            "chat_user": Model(
                lambda c: "prosody" if federated(c) else "",
                "prosody, where chat speaks to other servers",
                optional=True,
            ),
        }
    }
    live = ("egress",)


def federated(case: HostCase) -> bool:
    """Whether the host's chat server speaks to others."""
    return case.has(Role.CHAT) and (case.site.chat is None or case.site.chat.federation)


def listening(case: HostCase, port: int = 0) -> list[str]:
    """The unspecified address of each family, with a port or without."""
    families = {"ipv4": "0.0.0.0", "ipv6": "[::]" if port else "::"}
    return [f"{families[f]}:{port}" if port else families[f] for f in sorted(case.site.address_families)]


_OTHERS = tuple(map(ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "fec0::/10", "::/8")))
"""IPv6 in form only: mapped, translated and tunnelled IPv4, and what was given up."""


def reached(addresses: Sequence[str]) -> set[str]:
    """The families ("IPv4", "IPv6") in which strangers reach one of these addresses, or, where all are private, those
    of the same net."""
    kinds = {a: ip_address(a) for a in addresses}
    inside = all(map(private, addresses))
    return {f"IPv{k.version}" for a, k in kinds.items() if not _odd(k) and (inside or not private(a))}


def _odd(address: IPv4Address | IPv6Address) -> bool:
    return (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
        or _within(address, _OTHERS)
    )


def _within(address: IPv4Address | IPv6Address, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)


class Ipv6(Control):
    """IPv6 equals IPv4 wherever the site promises both.

    A service that answers on one family only fails for whoever has the other.
    """

    id, level, sources = "net.ipv6", "basic", ("D:ipv6",)
    settings: ClassVar = {
        PROSODY: {"interfaces": Model(listening, "as address_families says")},
        f"{NNTP}.socket": {"listen[*].address": Model(lambda c: listening(c, 119), "as address_families says")},
        f"{NNTPS}.socket": {"listen[*].address": Model(lambda c: listening(c, 563), "as address_families says")},
        NGINX: {
            f"{key}[*].address": Model(partial(listening, port=port), "as address_families says")
            for key, port in (("plain", 80), ("secure", 443))
        },
        UNBOUND: {"do_ip6": Model(lambda c: "ipv6" in c.site.address_families, "as address_families says")},
        DOVECOT: {"listen": Model(_listen, "as address_families says")},
        MAIN: {
            "inet_protocols": Model(
                lambda c: c.site.address_families[0] if len(c.site.address_families) == 1 else "all",
                "as address_families says",
            )
        },
    }
    live = ("smtp", "submission", "submissions", "imap")

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """Every host has an address of each promised family: one that others reach, if it has any such."""
        for host in case.site.hosts:
            found = {family.lower() for family in reached(host.outside)}
            yield Observation(
                f"{host.name} has addresses of {', '.join(case.site.address_families)} that others reach",
                ", ".join(sorted(found)) or "none",
                set(case.site.address_families) <= found,
                "hosts",
                remedy=f"give {host.name} such an address, or shorten address_families",
            )


class Ipv6Mx(Control):
    """Every MX takes mail over IPv6 just as over IPv4.

    Who has IPv6 only must not need a go-between; basic lets a site promise one family, bronze does not.
    """

    id, level, sources = "net.ipv6-mx", "bronze", ("internet.nl mail test: IPv6 of the mail servers",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """Every host that takes mail has an address of each family."""
        for host in case.site.hosts:
            if Role.MTA in host.roles:
                families = reached(host.outside)
                yield Observation(
                    f"{host.name} has IPv4 and IPv6 addresses that others reach",
                    " and ".join(sorted(families)) or "none",
                    len(families) > 1,
                    "hosts",
                    remedy=f"give {host.name} an address of each family that strangers can reach",
                )
        promised = case.site.address_families
        yield Observation("address_families: ipv4 and ipv6", ", ".join(promised), len(promised) > 1, "address_families")


class Bcp38(Control):
    """Packets with impossible source addresses are dropped on the hosts, and the network's edge does the same.

    The rules stand in the firewall's file; what the provider's routers do only the provider can show.
    """

    id, level, sources = "net.bcp38", "basic", ("RFC 2827", "RFC 3704", "RFC 8704")
    files = (NFT,)
    evidence = Evidence("the provider's statement that it drops forged source addresses (BCP 38)", 731)


class HostRules(Control):
    """Every host has firewall rules of its own, and a table says which port is open from where and why.

    Rules that nobody wrote down are rules that nobody dares to remove.
    """

    id, level, sources = "net.host-rules", "basic", ("F:75",)
    files = (NFT,)
    documents = ("topology",)
