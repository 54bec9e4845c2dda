"""What a site allows beyond the defaults, and its raw overrides: nothing forbidden, but a reader should know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from gmconf.document import parse_path
from gmconf.load import Loaded
from gmconf.model import Site
from gmconf.model.filter import Filter
from gmconf.model.site import Limits, Logs


@dataclass(frozen=True, slots=True)
class Looser:
    """One choice: the field, where it stands, what it says, and what follows from it."""

    path: str
    place: str
    value: str
    means: str


@dataclass(frozen=True, slots=True)
class Override:
    """One raw line for a daemon."""

    service: str
    key: str
    value: str
    place: str


def overrides(loaded: Loaded) -> tuple[Override, ...]:
    """Raw lines, in the order of their services."""
    return tuple(
        Override(service, key, value, str(loaded.document.mark(("overrides", service, key))))
        for service, entries in loaded.site.overrides
        for key, value in sorted(entries.items())
    )


def looser(loaded: Loaded) -> tuple[Looser, ...]:
    """Fields that open more than the default does, keep more, or trust more."""
    return tuple(Looser(path, _place(loaded, path), value, means) for path, value, means in _found(loaded.site))


def _place(loaded: Loaded, path: str) -> str:
    """Where the field stands; "default" when the site says nothing about it."""
    return loaded.why(path).ref if loaded.document.has(parse_path(path)) else "default"


def _found(site: Site) -> Iterator[tuple[str, str, str]]:
    if any(ip_network(net, strict=False).prefixlen == 0 for net in site.network.admin):
        yield "network.admin", ", ".join(site.network.admin), "SSH answers the whole Internet; name the networks that need it"
    if site.organisation.abuse_copy:
        yield "organisation.abuse_copy", "yes", "the operator reads mail that customers' abuse contacts get"
    if site.tls.source == "internal-ca":
        yield "tls.source", "internal-ca", "certificates of a CA of our own: programs outside do not trust them"
    if site.tls.inbound == "encrypt":
        yield "tls.inbound", "encrypt", "mail in clear is refused, which RFC 3207 section 4 forbids to a public MX; for closed groups"
    if "ipv6" not in site.address_families:
        yield "address_families", ", ".join(site.address_families), "the service cannot be reached over IPv6"
    if site.pop3.enabled:
        yield "pop3.enabled", "yes", "one more protocol to maintain"
    yield from _filter(site.filter)
    yield from _limits(site)
    yield from _accounts(site)


def _filter(chosen: Filter) -> Iterator[tuple[str, str, str]]:
    default = Filter()
    if chosen.outbound == "hold":
        yield "filter.outbound", "hold", "users' spam waits in the queue for a person instead of being refused at once"
    if chosen.mark > default.mark:
        yield "filter.mark", f"{chosen.mark:g}", f"more spam reaches the inbox than with {default.mark:g}"
    if chosen.reject > default.reject:
        yield "filter.reject", f"{chosen.reject:g}", f"more spam is accepted than with {default.reject:g}"
    allowed = sorted(set(default.refused_files) - set(chosen.refused_files))
    if allowed:
        yield "filter.refused_files", f"without {', '.join(allowed)}", "programs with these endings may be mailed"
    if chosen.network_checks:
        yield "filter.network_checks", "yes", "hashes and addresses of messages are asked for at servers on the Internet"
    if chosen.scan_timeout > default.scan_timeout:
        yield "filter.scan_timeout", f"{chosen.scan_timeout} s", "a scanner that hangs makes clients wait longer"


def _limits(site: Site) -> Iterator[tuple[str, str, str]]:
    default, chosen = Limits(), site.limits
    if chosen.messages_per_hour > default.messages_per_hour:
        yield "limits.messages_per_hour", str(chosen.messages_per_hour), f"a stolen password sends more than {default.messages_per_hour} in an hour"
    if chosen.message_size > default.message_size:
        yield "limits.message_size", f"{chosen.message_size // 1024**2} MiB", "larger messages; many other servers refuse them"
    if chosen.recipients > default.recipients:
        yield "limits.recipients", str(chosen.recipients), f"more recipients of one message than {default.recipients}"
    if site.logs.retention > Logs().retention:
        yield "logs.retention", f"{site.logs.retention // 86400} days", "personal data in logs is kept longer"


def _accounts(site: Site) -> Iterator[tuple[str, str, str]]:
    for number, domain in enumerate(site.domains):
        if domain.catch_all:
            yield f"domains[{number}].catch_all", domain.catch_all, f"every unknown address of {domain.name} takes mail, so spam too"
    for number, account in enumerate(site.service_accounts):
        if not account.networks and not account.suspended:
            yield f"service_accounts[{number}]", account.login, "this login of a machine works from everywhere; name its networks"
    for number, host in enumerate(site.hosts):
        if host.sends_from:
            yield f"hosts[{number}].sends_from", host.sends_from.address, f"{host.name} sends from another address ({host.sends_from.fix_reference})"
