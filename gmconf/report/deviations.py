"""What a site allows beyond the defaults, and its raw overrides: nothing forbidden, but a reader should know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from ipaddress import ip_network

from gmconf.controls.choices import choices
from gmconf.controls.expect import spelled
from gmconf.derived.accounts import Directory
from gmconf.model import Site
from gmconf.model.document import parse_path
from gmconf.model.fields import fact
from gmconf.model.filter import Filter
from gmconf.model.site import Limits, Logs
from gmconf.site.load import Loaded


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
        Override(
            f"{raw.section} on {raw.where}" if raw.where else raw.section,
            raw.key,
            raw.value,
            str(loaded.document.mark((*parse_path(raw.mapping), raw.key))),
        )
        for raw in loaded.site.overridden()
    )


def looser(loaded: Loaded, day: date) -> tuple[Looser, ...]:
    """Choices that protect less than what is recommended, and fields that open, keep or trust more than the default
    does."""
    site = loaded.site
    chosen = [(c.field, spelled(fact(site, c.field)), c.chosen) for c in choices(site, day) if c.loose]
    return tuple(
        Looser(path, _place(loaded, path), value, means)
        for path, value, means in (*chosen, *_found(site), *_whole_domains(loaded.mail))
    )


def _place(loaded: Loaded, path: str) -> str:
    """Where the field stands; "default" when the site says nothing about it."""
    return loaded.why(path).ref if loaded.document.has(parse_path(path)) else "default"


def _found(site: Site) -> Iterator[tuple[str, str, str]]:
    if any(ip_network(net, strict=False).prefixlen == 0 for net in site.network.admin):
        yield (
            "network.admin",
            ", ".join(site.network.admin),
            "SSH answers the whole Internet; name the networks that need it.",
        )
    yield from _openings(site)
    if site.tls.source == "internal-ca":
        yield "tls.source", "internal-ca", "Certificates of a CA of our own: programs outside do not trust them."
    if site.tls.acme and site.tls.acme.authority:
        yield (
            "tls.acme.authority",
            site.tls.acme.authority,
            "Certificates of a CA that systems do not know: programs outside do not trust them.",
        )
    yield from _outgoing(site)
    if "ipv6" not in site.address_families:
        yield "address_families", ", ".join(site.address_families), "The service cannot be reached over IPv6."
    if site.pop3.enabled:
        yield "pop3.enabled", "yes", "One more protocol to maintain."
    yield from _filter(site.filter)
    yield from _limits(site)
    yield from _accounts(site)


def _openings(site: Site) -> Iterator[tuple[str, str, str]]:
    for direction, entries in site.network.allow:
        for number, one in enumerate(entries):
            where = ", ".join(one.networks) or ("everybody" if direction == "incoming" else "everywhere")
            yield (
                f"network.allow.{direction}[{number}]",
                f"{', '.join(one.ports)} ({one.protocol.upper()}), {where}",
                f"The firewall lets it through: {one.reason}.",
            )
    if site.network.forward == "leave":
        yield "network.forward", "leave", "Packets that a host passes on for others are bound by other tables only."


def _outgoing(site: Site) -> Iterator[tuple[str, str, str]]:
    if not site.tls.enforce_mta_sts:
        yield (
            "tls.enforce_mta_sts",
            "no",
            "Who stands before a receiver without DNSSEC can read our mail to him, though his policy forbids it.",
        )
    for number, one in enumerate(site.tls.destinations):
        if one.level in ("may", "encrypt"):
            means = f"Mail to {one.domain} goes without the protection it may publish: {one.reason}."
            yield f"tls.destinations[{number}]", one.level, means
    if site.web and site.web.mta_sts == "none":
        yield "web.mta_sts", "none", "Senders without DNSSEC learn no more that our MX take mail over TLS."


def _filter(chosen: Filter) -> Iterator[tuple[str, str, str]]:
    default = Filter()
    allowed = sorted(set(default.refused_files) - set(chosen.refused_files))
    if allowed:
        yield "filter.refused_files", f"without {', '.join(allowed)}", "Programs with these endings may be mailed."
    if chosen.unread_files == "accept":
        yield (
            "filter.unread_files",
            "accept",
            "Archives that the scanner cannot look into reach the mailboxes unscanned, whatever they hold.",
        )
    if chosen.network_checks:
        yield (
            "filter.network_checks",
            "yes",
            "Hashes and addresses of messages are asked for at servers on the Internet.",
        )
    if chosen.scan_timeout > default.scan_timeout:
        yield "filter.scan_timeout", f"{chosen.scan_timeout} s", "A scanner that hangs makes clients wait longer."


def _limits(site: Site) -> Iterator[tuple[str, str, str]]:
    default, chosen = Limits(), site.limits
    if chosen.messages_per_hour > default.messages_per_hour:
        yield (
            "limits.messages_per_hour",
            str(chosen.messages_per_hour),
            f"A stolen password sends more than {default.messages_per_hour} in an hour.",
        )
    if chosen.message_size > default.message_size:
        yield (
            "limits.message_size",
            f"{chosen.message_size // 1024**2} MiB",
            "Larger messages; many other servers refuse them.",
        )
    if chosen.recipients > default.recipients:
        yield "limits.recipients", str(chosen.recipients), f"More recipients of one message than {default.recipients}."
    if site.logs.retention > Logs().retention:
        yield "logs.retention", f"{site.logs.retention // 86400} days", "Personal data in logs is kept longer."


def _accounts(site: Site) -> Iterator[tuple[str, str, str]]:
    for number, domain in enumerate(site.domains):
        if domain.catch_all:
            yield (
                f"domains[{number}].catch_all",
                domain.catch_all,
                f"Every unknown address of {domain.name} takes mail, so spam too.",
            )
        for place, other in enumerate(domain.senders):
            named = (
                *filter(None, (other.include,)),
                *other.networks,
                *(f"DKIM key {selector}" for selector in other.selectors),
            )
            yield (
                f"domains[{number}].senders[{place}]",
                ", ".join(named),
                f"A service of others, and whoever gets into it, can send as {domain.name}: {other.reason}.",
            )
    for number, account in enumerate(site.service_accounts):
        if not account.networks and not account.suspended:
            yield (
                f"service_accounts[{number}]",
                account.login,
                "This login of a machine works from everywhere; name its networks.",
            )
    for number, host in enumerate(site.hosts):
        if host.sends_from:
            yield (
                f"hosts[{number}].sends_from",
                host.sends_from.address,
                f"{host.name} sends from another address ({host.sends_from.fix_reference}).",
            )


def _whole_domains(mail: Directory) -> Iterator[tuple[str, str, str]]:
    for account in mail.listed:
        path = "users" if account.mailbox and ":" in account.origin else f"{account.origin}.senders"
        for whole in (sender for sender in account.senders if sender.startswith("@")):
            yield path, whole, f"{account.login} sends as every address of {whole[1:]} that is no other account's."
