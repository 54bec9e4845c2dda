"""What must hold across fields: each rule is a function that yields (path, sentence)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from ipaddress import ip_address, ip_network

from gmconf.controls.site_claims import misnamed
from gmconf.derived.accounts import ROLE_ADDRESSES, Directory
from gmconf.derived.limits import MIB, chain
from gmconf.model import OPTIONAL_ROLES, Role, Site
from gmconf.model.fields import fact
from gmconf.model.networks import private
from gmconf.site.rules.accounts import (
    destinations_are_sound,
    forwards_lead_somewhere,
    lists_name_once,
    overrides_have_a_daemon,
    quotas_have_units,
    resolvers_are_elsewhere,
    roles_agree,
    roles_once,
    tls_reports_can_be_sent,
)
from gmconf.site.rules.dns import ZONE_RULES
from gmconf.site.rules.firewall import NETWORK_RULES
from gmconf.site.rules.invariants import broken
from gmconf.site.rules.name_servers import NAMESERVER_RULES
from gmconf.site.rules.server_names import NAME_RULES
from gmconf.site.rules.signatures import SIGNATURE_RULES
from gmconf.site.rules.talk import misplaced
from gmconf.site.rules.tls import ACME_RULES
from gmconf.site.rules.web import WEB_RULES

Finding = tuple[str, str]
Rule = Callable[[Site, Directory], Iterator[Finding]]


def problems(site: Site, mail: Directory, *, whole: bool = True) -> list[Finding]:
    """Everything that breaks a rule. What the declared level still lacks is no mistake: ``gmconf check`` lists it.

    Where not all users could be read (``whole``) nobody can say which of them are missing.
    """
    return [finding for rule in RULES if whole or rule is not targets_exist for finding in rule(site, mail)]


def domains_once(site: Site, _: Directory) -> Iterator[Finding]:
    """A domain is defined once."""
    first: dict[str, int] = {}
    for number, domain in enumerate(site.domains):
        if domain.name in first:
            yield f"domains[{number}].name", f"{domain.name} is already domains[{first[domain.name]}]; keep one"
        first.setdefault(domain.name, number)


def alias_domains(site: Site, _: Directory) -> Iterator[Finding]:
    """An alias domain mirrors a hosted one and has nothing of its own; a parked one has no addresses."""
    hosted = {d.name for d in site.domains if d.kind == "hosted"}
    for number, domain in enumerate(site.domains):
        path = f"domains[{number}]"
        if domain.kind == "alias":
            if domain.alias_of is None:
                yield path, "an alias domain needs alias_of: the hosted domain it mirrors"
            elif domain.alias_of not in hosted:
                yield f"{path}.alias_of", f"{domain.alias_of} is not a hosted domain of this site"
        elif domain.alias_of is not None:
            yield f"{path}.alias_of", "only a domain of kind alias has alias_of; add kind: alias or remove it"
        if domain.kind != "hosted":
            for field in ("mailboxes", "aliases", "catch_all", "postmaster", "abuse"):
                if getattr(domain, field):
                    yield (
                        f"{path}.{field}",
                        f"a domain of kind {domain.kind} has no addresses of its own; remove {field}",
                    )


def mailbox_domains(site: Site, mail: Directory) -> Iterator[Finding]:
    """Every account lies in a hosted domain."""
    hosted = {d.name for d in site.domains if d.kind == "hosted"}
    for account in mail.listed:
        if account.domain not in hosted and not account.origin.startswith("domains["):
            path = account.origin if account.mailbox else f"{account.origin}.login"
            yield path, f"{account.login}: {account.domain} is not a hosted domain of this site; add it to domains"


def one_owner(site: Site, mail: Directory) -> Iterator[Finding]:
    """An address belongs to one mailbox, one alias or one service account."""
    owner: dict[str, str] = {}
    for account in mail.listed:
        if account.login in owner:
            yield account.origin, f"{account.login} is already defined at {owner[account.login]}; keep one"
        owner.setdefault(account.login, account.origin)
    for number, domain in enumerate(site.domains):
        for local in domain.aliases:
            address = f"{local}@{domain.name}"
            if address in owner:
                place = f"domains[{number}].aliases.{local}"
                yield place, f"{address} is already defined at {owner[address]}; use its forward, or remove one"


def targets_exist(site: Site, mail: Directory) -> Iterator[Finding]:
    """What an alias, forward or role address points to inside the site exists."""
    known = {a.login for a in mail.receiving} | set(mail.aliases)
    ours = {d.name for d in site.domains}
    caught = {d.name for d in site.domains if d.catch_all}
    hosts = {h.name for h in site.hosts} - ours  # one that is both is told elsewhere

    def missing(address: str, *, by_catch_all: bool) -> bool:
        domain = address.rpartition("@")[2]
        # As Postfix looks: the whole address first, then without what stands behind the plus, then the catch-all.
        plain = address.partition("+")[0] + "@" + domain if "+" in address else address
        return domain in ours and (by_catch_all or domain not in caught) and address not in known and plain not in known

    for path, targets in _targets(site, mail):
        for target in targets:
            if target.rpartition("@")[2] in hosts:
                yield path, f"{target} is an address of a host, where nobody has a mailbox; name one in a mail domain"
            elif missing(target, by_catch_all=path.endswith(".catch_all")):
                yield path, f"{target} does not exist in this site; add the mailbox or correct the address"


def _targets(site: Site, mail: Directory) -> Iterator[tuple[str, tuple[str, ...]]]:
    organisation = site.organisation
    yield "organisation.postmaster", (organisation.postmaster,)
    if organisation.abuse:
        yield "organisation.abuse", (organisation.abuse,)
    for number, domain in enumerate(site.domains):
        path = f"domains[{number}]"
        for local, targets in domain.aliases.items():
            yield f"{path}.aliases.{local}", targets
        for role in ROLE_ADDRESSES:
            if targets := getattr(domain, role):
                yield f"{path}.{role}", targets
        if domain.catch_all:
            yield f"{path}.catch_all", (domain.catch_all,)
    for account in mail.listed:
        if account.forward:
            yield account.origin if ":" in account.origin else f"{account.origin}.forward", account.forward


def aliases_have_targets(site: Site, _: Directory) -> Iterator[Finding]:
    """An alias leads somewhere."""
    for number, domain in enumerate(site.domains):
        for local, targets in domain.aliases.items():
            if not targets:
                yield (
                    f"domains[{number}].aliases.{local}",
                    "an alias without a target loses mail; name one, or remove it",
                )


def no_alias_loops(site: Site, mail: Directory) -> Iterator[Finding]:
    """Following aliases ends: Postfix expands an address that is among its own targets once, any other for ever
    (virtual_alias_recursion_limit)."""
    aliases = mail.aliases
    ends = {address for address, targets in aliases.items() if address in targets}
    for address in sorted(ends):
        if mail_is_alias_only(mail, address):
            yield _alias_path(site, mail, address), f"a loop: {address} -> {address}"

    def entry(address: str) -> str | None:
        local, _, domain = address.rpartition("@")
        for key in (address, f"{local.partition('+')[0]}@{domain}", f"@{domain}"):
            if key in aliases:
                return key if key not in ends else None
        return None

    done: set[str] = set(ends)
    for start, targets in aliases.items():
        if start in done or not any(map(entry, targets)):  # nothing to follow: so it is with nearly all
            done.add(start)
            continue
        stack: list[tuple[str, tuple[str, ...]]] = [(start, (start,))]
        while stack:
            address, way = stack.pop()
            for target in filter(None, map(entry, aliases[address])):
                if target in way:
                    yield _alias_path(site, mail, start), f"a loop: {' -> '.join((*way, target))}"
                elif target not in done:
                    stack.append((target, (*way, target)))
        done.add(start)


def mail_is_alias_only(mail: Directory, address: str) -> bool:
    """Whether the address has no mailbox that ends the chain."""
    return not mail.has(address)


def _alias_path(site: Site, mail: Directory, address: str) -> str:
    local, _, name = address.rpartition("@")
    for number, domain in enumerate(site.domains):
        if domain.name == name and not local:
            return f"domains[{number}].catch_all"
        if domain.name == name and local in domain.aliases:
            return f"domains[{number}].aliases.{local}"
        if domain.name == name and local in ROLE_ADDRESSES:
            return f"domains[{number}].{local}" if getattr(domain, local) else "organisation.postmaster"
    return next((a.origin for a in mail.accounts if a.login == address), "domains")


def role_addresses_stay(_: Site, mail: Directory) -> Iterator[Finding]:
    """postmaster@ and abuse@ cannot be dropped by making them send-only."""
    for account in mail.listed:
        if account.local in ROLE_ADDRESSES and (not account.receive or not account.mailbox):
            yield account.origin, f"{account.login} must accept mail (RFC 5321 section 4.5.1, RFC 2142); let it receive"


def senders_are_ours(site: Site, mail: Directory) -> Iterator[Finding]:
    """A login sends as an address of this site's sending domains only."""
    ours = {d.name for d in site.domains if d.kind != "parked"}
    for account in mail.listed:
        for sender in account.senders:
            if sender.rpartition("@")[2] not in ours:
                if sender == account.login:
                    continue  # told by mailbox_domains
                path = account.origin if ":" in account.origin else f"{account.origin}.senders"
                what = f"all addresses of {sender[1:]}: that" if sender.startswith("@") else f"{sender}"
                yield (
                    path,
                    (
                        f"{what} is not {'' if sender.startswith('@') else 'in '}a sending domain of this site;"
                        " receivers would call it forged"
                    ),
                )


def hosts_once(site: Site, _: Directory) -> Iterator[Finding]:
    """Host names and addresses belong to one host."""
    names = Counter(h.name for h in site.hosts)
    owner: dict[str, int] = {}
    for number, host in enumerate(site.hosts):
        if names[host.name] > 1:
            yield f"hosts[{number}].name", f"{host.name} is the name of {names[host.name]} hosts; each needs its own"
        for place, address in enumerate(host.addresses):
            if address in owner:
                path = f"hosts[{number}].addresses[{place}]"
                yield path, f"{address} is already an address of hosts[{owner[address]}]; remove one"
            owner.setdefault(address, number)


def public_addresses_are_others(site: Site, _: Directory) -> Iterator[Finding]:
    """What the world sees in place of a host's own address can be seen, and leads to one host."""
    own = {a: number for number, host in enumerate(site.hosts) for a in host.addresses}
    seen: dict[str, int] = {}
    for number, host in enumerate(site.hosts):
        families = {":" in a for a in host.addresses}
        for place, address in enumerate(host.public_addresses):
            path = f"hosts[{number}].public_addresses[{place}]"
            if address in own:
                yield (
                    path,
                    (
                        f"{address} is an own address of hosts[{own[address]}], which needs no other outside; remove it"
                        " here or in addresses"
                    ),
                )
            elif address in seen:
                yield (
                    path,
                    f"{address} already leads to hosts[{seen[address]}]: one address has one reverse name; remove one",
                )
            elif private(address):
                yield path, f"{address} is private: nobody outside reaches it; name the address that the world sees"
            elif (":" in address) not in families:
                yield (
                    path,
                    (
                        f"{host.name} has no own address of this family that {address} could lead to; add one to"
                        " addresses, or remove it"
                    ),
                )
            seen.setdefault(address, number)


def addresses_of_families(site: Site, _: Directory) -> Iterator[Finding]:
    """Every host has an address of every family the site promises; IPv4 is one of them."""
    if "ipv4" not in site.address_families:
        yield (
            "address_families",
            (
                "a site without ipv4 cannot be rolled out: the programs of a host speak with each other at 127.0.0.1; "
                "add ipv4. Most other mail servers could not be reached without it either"
            ),
        )
    for number, host in enumerate(site.hosts):
        have = {f"ipv{ip_address(a).version}" for a in host.addresses}
        for family in site.address_families:
            if family not in have:
                what = f"{host.name} has no {family} address, but the site promises {family}"
                yield (
                    f"hosts[{number}].addresses",
                    f"{what}; add one{', or take ipv6 out of address_families' if family == 'ipv6' else ''}",
                )


def roles_are_held(site: Site, _: Directory) -> Iterator[Finding]:
    """Every role that a mail service needs is somebody's; one store, since every mailbox has one home."""
    for role in Role:
        holders = [n for n, h in enumerate(site.hosts) if role in h.roles]
        if not holders and role not in OPTIONAL_ROLES:
            yield "hosts", f"no host has the role {role.value}; a mail service needs it"
        if role is Role.STORE and len(holders) > 1:
            yield (
                f"hosts[{holders[1]}].roles",
                "only one host can hold the mailboxes in this version; give store to one",
            )
    for number, host in enumerate(site.hosts):
        if not host.roles:
            yield f"hosts[{number}].roles", "a host without a role does nothing; give it one, or remove it"
        if len(set(host.roles)) < len(host.roles):
            yield f"hosts[{number}].roles", "a role stands here twice; keep one"


def names_are_not_domains(site: Site, _: Directory) -> Iterator[Finding]:
    """A host is not named like a mail domain: its own notices and the domain's mail would be confused."""
    domains = {d.name for d in site.domains}
    for number, host in enumerate(site.hosts):
        if host.name in domains:
            what = f"{host.name} is a mail domain too; name the host inside it, such as mail.{host.name}"
            yield f"hosts[{number}].name", what


def thresholds_ascend(site: Site, _: Directory) -> Iterator[Finding]:
    """Greylist below mark below reject."""
    f = site.filter
    if f.mark >= f.reject:
        yield "filter.mark", f"mark ({f.mark:g}) must be lower than reject ({f.reject:g})"
    if f.greylist is not None and f.greylist >= f.mark:
        yield "filter.greylist", f"greylist ({f.greylist:g}) must be lower than mark ({f.mark:g})"
    if f.mark <= 0:
        yield "filter.mark", "a mark at or below 0 would call clean mail spam; 6 is usual"
    if f.scan_timeout > 4:
        yield "filter.scan_timeout", "a hung scanner must be answered within ten seconds; 4 seconds a try at most"


def sizes_fit(site: Site, _: Directory) -> Iterator[Finding]:
    """The size chain is monotone and clamd can read what Postfix accepts (4 GiB is its limit)."""
    size = site.limits.message_size
    if size < 64 * 1024:
        yield "limits.message_size", "smaller than 64 KiB refuses ordinary mail (RFC 5321 section 4.5.3.1.7)"
    if chain(site).stream_max > 2000 * MIB:
        yield "limits.message_size", "larger than ClamAV can scan; 1 GiB at most"


def memory_fits(site: Site, _: Directory) -> Iterator[Finding]:
    """A filter host bears ClamAV's engine; what all services need fits into the host's memory."""
    own_only = not site.filter.signatures.mirrors
    for number, host in enumerate(site.hosts):
        needed = 256 * MIB
        if Role.FILTER in host.roles:
            needed += (400 if own_only else 1400) * MIB + 350 * MIB
        if Role.STORE in host.roles:
            needed += 256 * MIB
        if Role.CHAT in host.roles:
            needed += 160 * MIB
        if Role.NEWS in host.roles:
            needed += 160 * MIB
        if Role.NAMESERVER in host.roles:
            needed += 64 * MIB
        if host.memory < needed:
            what = (
                f"{host.memory // MIB} MiB are not enough for {', '.join(host.roles)}: {needed // MIB} MiB are needed"
            )
            yield f"hosts[{number}].memory", what


def closed_network_is_whole(site: Site, _: Directory) -> Iterator[Finding]:
    """Private trust anchors need somebody to ask."""
    if site.resolver.trust_anchors and not site.resolver.forwarders:
        yield "resolver.trust_anchors", "own trust anchors need resolver.forwarders that know that root"


def admins_can_enter(site: Site, _: Directory) -> Iterator[Finding]:
    """The firewall leaves the way in that Ansible uses."""
    if not site.network.admin:
        yield "network.admin", "empty: nobody could reach SSH any more; name the networks you administer from"
    seen: set[str] = set()
    for number, text in enumerate(site.network.admin):
        net = str(ip_network(text))
        if net in seen:
            yield f"network.admin[{number}]", f"{net} stands here twice; keep one"
        seen.add(net)


def chat_and_news_have_a_place(site: Site, _: Directory) -> Iterator[Finding]:
    """Chat and news are where the logins are, and the site says what they need."""
    yield from misplaced(site)


def numbers_fit_together(site: Site, _: Directory) -> Iterator[Finding]:
    """Sizes, times and counts of different daemons, with what the overrides make of them."""
    yield from broken(site)


def senders_to_switch_to(site: Site, _: Directory) -> Iterator[Finding]:
    """A host can only send from an IPv4 address that it has."""
    for number, host in enumerate(site.hosts):
        if host.sends_from and (host.sends_from.address not in host.addresses or ":" in host.sends_from.address):
            own = ", ".join(a for a in host.addresses if ":" not in a)
            yield (
                f"hosts[{number}].sends_from.address",
                f"{host.sends_from.address} is not an IPv4 address of {host.name}; it has {own}",
            )


def blocks_name_one(site: Site, _: Directory) -> Iterator[Finding]:
    """A block names a sender or a client."""
    for number, block in enumerate(site.filter.blocks):
        if (block.sender is None) == (block.client is None):
            yield f"filter.blocks[{number}]", "name either a sender or a client to block"


def contacts_can_be_reached(site: Site, _: Directory) -> Iterator[Finding]:
    """Who is named as a contact has a telephone or an address."""
    for path in ("support.escalation", "procedures.duty", "procedures.incident_contacts"):
        people = fact(site, path)
        for number, person in enumerate(people if isinstance(people, tuple) else ()):
            if not person.phone and not person.email:
                yield f"{path}[{number}]", f"nobody can reach {person.name}: add phone or email"


def questions_are_kept(site: Site, _: Directory) -> Iterator[Finding]:
    """Where questions go is said."""
    tickets = site.support.tickets if site.support else None
    if tickets and not tickets.system and not tickets.single_owner:
        yield "support.tickets", "name the system, or set single_owner: true"


def proofs_have_controls(site: Site, _: Directory) -> Iterator[Finding]:
    """Waivers and evidence name controls."""
    return misnamed(site)


RULES: tuple[Rule, ...] = (
    domains_once,
    alias_domains,
    mailbox_domains,
    one_owner,
    aliases_have_targets,
    targets_exist,
    no_alias_loops,
    role_addresses_stay,
    senders_are_ours,
    hosts_once,
    addresses_of_families,
    public_addresses_are_others,
    roles_are_held,
    names_are_not_domains,
    thresholds_ascend,
    sizes_fit,
    memory_fits,
    closed_network_is_whole,
    admins_can_enter,
    numbers_fit_together,
    senders_to_switch_to,
    blocks_name_one,
    contacts_can_be_reached,
    questions_are_kept,
    quotas_have_units,
    forwards_lead_somewhere,
    roles_once,
    resolvers_are_elsewhere,
    overrides_have_a_daemon,
    roles_agree,
    lists_name_once,
    destinations_are_sound,
    tls_reports_can_be_sent,
    chat_and_news_have_a_place,
    proofs_have_controls,
    *ZONE_RULES,
    *ACME_RULES,
    *WEB_RULES,
    *NAME_RULES,
    *NAMESERVER_RULES,
    *NETWORK_RULES,
    *SIGNATURE_RULES,
)
