"""What a site says and cannot mean: one half would be quietly ignored, or a unit is missing."""

from __future__ import annotations

from collections.abc import Iterator

from gmconf.derived.accounts import ROLE_ADDRESSES, Account, Directory
from gmconf.derived.limits import MIB
from gmconf.model import Overrides, Role, Site

Finding = tuple[str, str]
UNIT = "smaller than 1 MiB; a unit is missing perhaps, such as 500 MiB"


def _field(account: Account, name: str) -> str:
    """The field of an account; an entry of a user file is a line."""
    return account.origin if ":" in account.origin else f"{account.origin}.{name}"


def quotas_have_units(site: Site, mail: Directory) -> Iterator[Finding]:
    """A mailbox holds a message at least."""
    if site.limits.quota < MIB:
        yield "limits.quota", UNIT
    usual = {site.limits.quota}
    for number, domain in enumerate(site.domains):
        if domain.quota and domain.quota < MIB:
            yield f"domains[{number}].quota", UNIT
            usual.add(domain.quota)
    for account in mail.listed:
        if account.mailbox and account.quota < MIB and account.quota not in usual:
            yield _field(account, "quota"), f"{account.login}: {UNIT}"


def forwards_lead_somewhere(_: Site, mail: Directory) -> Iterator[Finding]:
    """Mail that is not kept is forwarded; mail that is not received cannot be."""
    for account in mail.listed:
        if account.mailbox and not account.keep and not account.forward:
            yield (
                _field(account, "keep"),
                f"{account.login}: keep: false without forward would lose its mail; add forward, or remove keep",
            )
        if account.mailbox and account.forward and not account.receive:
            yield (
                _field(account, "forward"),
                f"{account.login} receives no mail that could be forwarded; use an alias of another name",
            )


def roles_once(site: Site, mail: Directory) -> Iterator[Finding]:
    """postmaster@ and abuse@ are said in one place."""
    mailboxes = {a.login for a in mail.listed if a.mailbox}
    for number, domain in enumerate(site.domains):
        for role in ROLE_ADDRESSES:
            if not getattr(domain, role):
                continue
            path = f"domains[{number}].{role}"
            if role in domain.aliases:
                yield path, f"{role}@{domain.name} is an alias too, at domains[{number}].aliases.{role}; keep one"
            elif f"{role}@{domain.name}" in mailboxes:
                yield path, f"{role}@{domain.name} is a mailbox too; use its forward, or remove one"


def resolvers_are_elsewhere(site: Site, _: Directory) -> Iterator[Finding]:
    """A host's resolver answers that host only: no other can ask it."""
    owner = {address: host.name for host in site.hosts for address in (*host.addresses, *host.public_addresses)}
    for number, address in enumerate(site.resolver.forwarders):
        if address in owner:
            what = f"{address} is {owner[address]}, whose resolver answers itself only; name a server outside this site"
            yield f"resolver.forwarders[{number}]", what


LINES_FOR = {"dovecot": Role.STORE, "rspamd": Role.FILTER, "clamd": Role.FILTER}
"""Sections of overrides that only hosts of one role read, and that role. Dovecot of an MSA only checks passwords."""


def overrides_have_a_daemon(site: Site, _: Directory) -> Iterator[Finding]:
    """Raw lines of a host or a role are for a daemon that runs there."""
    for number, host in enumerate(site.hosts):
        for section, needed in LINES_FOR.items():
            if getattr(host.overrides, section) and needed not in host.roles:
                what = f"{host.name} reads no lines for {section}: those are for role {needed}; move them there"
                yield f"hosts[{number}].overrides.{section}", what
    for role, overrides in site.role_overrides.items():
        if not any(role in host.roles for host in site.hosts):
            yield f"role_overrides.{role}", f"no host has role {role}; correct it, or leave it out"
        for section, needed in LINES_FOR.items():
            if getattr(overrides, section) and role != needed:
                what = f"lines for {section} are read on hosts with role {needed}; move them to role_overrides.{needed}"
                yield f"role_overrides.{role}.{section}", what


def roles_agree(site: Site, _: Directory) -> Iterator[Finding]:
    """A host with two roles hears one value."""
    for host in site.hosts:
        told: dict[tuple[str, str], tuple[str, Role]] = {}
        for role in host.roles:
            for section, entries in site.role_overrides.get(role, Overrides()):
                for key, value in entries.items():
                    first, other = told.setdefault((section, key), (value, role))
                    if first != value and key not in getattr(host.overrides, section):
                        yield (
                            f"role_overrides.{role}.{section}.{key}",
                            (
                                f"{host.name} has role {other} too, for which it is {first!r}; say under"
                                " hosts[].overrides which one holds there"
                            ),
                        )


def lists_name_once(site: Site, _: Directory) -> Iterator[Finding]:
    """Nothing that counts stands twice in a list."""
    seen: set[str] = set()
    for number, entry in enumerate(site.filter.dnsbls):
        if entry.zone in seen:
            yield f"filter.dnsbls[{number}].zone", f"{entry.zone} stands here twice and would count double; keep one"
        seen.add(entry.zone)
    if len(set(site.address_families)) < len(site.address_families):
        yield "address_families", "a family stands here twice; keep one"


def destinations_are_sound(site: Site, _: Directory) -> Iterator[Finding]:
    """One word for each domain outside; what may be weaker than the default says why."""
    ours, seen = {domain.name for domain in site.domains}, set[str]()
    for number, one in enumerate(site.tls.destinations):
        path = f"tls.destinations[{number}]"
        if one.domain in seen:
            yield f"{path}.domain", f"{one.domain} stands here twice; keep one"
        if one.domain in ours:
            yield f"{path}.domain", f"{one.domain} is a domain of this site: its mail does not leave it"
        seen.add(one.domain)
        if one.level in ("may", "encrypt") and not one.reason:
            yield (
                f"{path}.level",
                (
                    f"{one.level} switches DANE and MTA-STS off for {one.domain}; say why with reason, or ask for"
                    " dane-only or secure"
                ),
            )
        if one.match and one.level != "secure":
            yield f"{path}.match", "names are compared with level secure only; use that level, or remove match"


def tls_reports_can_be_sent(site: Site, _: Directory) -> Iterator[Finding]:
    """Postfix counts from 3.10 on, but what makes reports of it is not packaged."""
    if not site.tls.send_reports:
        return
    old = [host.name for host in site.hosts if host.release == "bookworm"]
    yield (
        "tls.send_reports",
        (
            f"Postfix of Debian 12 ({old[0]}) does not count how TLS went; remove it, or set it to false"
            if old
            else (
                "Postfix of Debian 13 counts how TLS went, but Debian has no package that makes reports of it"
                " (tlsrpt-reporter); remove it, or set it to false"
            )
        ),
    )
