"""Every account and address of a site, worked out once: who owns what, where mail goes, who may send as whom."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from gmconf.model import Domain, Host, Mailbox, Role, Site

ROLE_ADDRESSES = ("abuse", "postmaster")
OPERATOR_ADDRESSES = ("hostmaster", "noc", "security")
"""What RFC 2142 asks of whoever runs DNS, a network and servers; they exist in the postmaster's own domain."""


NOBODY = "-"
"""Stands for a login where an address may be used by nobody; logins are addresses."""


class Account(NamedTuple):
    """Somebody or something that logs in. ``origin`` is the path of its definition in the site."""

    login: str
    quota: int
    send: bool
    receive: bool
    senders: tuple[str, ...]
    forward: tuple[str, ...]
    keep: bool
    messages_per_hour: int
    mailbox: bool
    origin: str
    suspended: bool = False

    @property
    def local(self) -> str:
        return self.login.rpartition("@")[0]

    @property
    def domain(self) -> str:
        return self.login.rpartition("@")[2]


class Directory:
    """The accounts and addresses of a site; ``users`` are those of the user files, (domain, mailbox, origin)."""

    def __init__(self, site: Site, users: tuple[tuple[str, Mailbox, str], ...] = ()) -> None:
        self.site = site
        self._users = users

    @cached_property
    def hosts(self) -> dict[Role, tuple[Host, ...]]:
        """Who has which role, in the order of the site."""
        return {role: tuple(h for h in self.site.hosts if role in h.roles) for role in Role}

    @cached_property
    def host_addresses(self) -> tuple[str, ...]:
        """Every address of every host."""
        return tuple(a for host in self.site.hosts for a in host.addresses)

    @cached_property
    def mx_names(self) -> frozenset[str]:
        """Names that MX of domains have instead of the hosts'."""
        return frozenset(d.own_mx for d in self.site.domains if d.own_mx)

    @cached_property
    def handing_over(self) -> tuple[str, ...]:
        """Addresses of the hosts that hand their mail to an MTA host."""
        return tuple(a for host in self.site.hosts if Role.MTA not in host.roles for a in host.addresses)

    @cached_property
    def places(self) -> dict[str, str]:
        """Domain -> its path in the site, such as ``domains[0]``."""
        return {domain.name: f"domains[{number}]" for number, domain in enumerate(self.site.domains)}

    @cached_property
    def hosted(self) -> tuple[Domain, ...]:
        """Domains with addresses of their own, by name."""
        return tuple(sorted((d for d in self.site.domains if d.kind == "hosted"), key=lambda d: d.name))

    @cached_property
    def mirrored(self) -> tuple[Domain, ...]:
        """Alias domains, by name."""
        return tuple(sorted((d for d in self.site.domains if d.kind == "alias"), key=lambda d: d.name))

    @cached_property
    def sending(self) -> tuple[Domain, ...]:
        """Domains that mail is sent from and signed for, by name."""
        return tuple(sorted((d for d in self.site.domains if d.kind != "parked"), key=lambda d: d.name))

    @cached_property
    def closed(self) -> frozenset[str]:
        """Logins of accounts that are suspended or receive nothing."""
        return frozenset(a.login for a in self.accounts if a.suspended or not a.receive)

    @cached_property
    def accounts(self) -> tuple[Account, ...]:
        """Everybody who may log in, by login; names are unique once the rules have passed."""
        return tuple(sorted(self.listed, key=lambda a: a.login))

    @cached_property
    def listed(self) -> tuple[Account, ...]:
        """Accounts in the order of the site, duplicates included."""
        return tuple(self._listed())

    def _listed(self) -> Iterator[Account]:
        quotas = {d.name: d.quota or self.site.limits.quota for d in self.site.domains}
        for number, domain in enumerate(self.site.domains):
            for place, mailbox in enumerate(domain.mailboxes):
                yield self._account(domain.name, mailbox, f"domains[{number}].mailboxes[{place}]", quotas)
        for name, mailbox, origin in self._users:
            yield self._account(name, mailbox, origin, quotas)
        for number, account in enumerate(self.site.service_accounts):
            yield Account(
                login=account.login,
                quota=0,
                send=not account.suspended,
                receive=False,
                senders=account.senders,
                forward=(),
                keep=False,
                messages_per_hour=account.messages_per_hour,
                mailbox=False,
                origin=f"service_accounts[{number}]",
                suspended=bool(account.suspended),
            )

    def _account(self, domain: str, mailbox: Mailbox, origin: str, quotas: dict[str, int]) -> Account:
        login = f"{mailbox.name}@{domain}"
        return Account(
            login=login,
            quota=mailbox.quota or quotas.get(domain, self.site.limits.quota),
            send=mailbox.send and not mailbox.suspended,
            receive=mailbox.receive,
            senders=(login, *mailbox.senders),
            forward=mailbox.forward,
            keep=mailbox.keep,
            messages_per_hour=mailbox.messages_per_hour or self.site.limits.messages_per_hour,
            mailbox=True,
            origin=origin,
            suspended=bool(mailbox.suspended),
        )

    @cached_property
    def mailboxes(self) -> tuple[Account, ...]:
        """Accounts that hold mail, by login (send-only ones included: they keep their Sent folder)."""
        return tuple(a for a in self.accounts if a.mailbox)

    @cached_property
    def receiving(self) -> tuple[Account, ...]:
        """Accounts that mail can be delivered to, by login."""
        return tuple(a for a in self.mailboxes if a.receive)

    @cached_property
    def _logins(self) -> frozenset[str]:
        return frozenset(a.login for a in self.receiving)

    def has(self, address: str) -> bool:
        """Whether it is a mailbox that takes mail."""
        return address in self._logins

    @cached_property
    def aliases(self) -> dict[str, tuple[str, ...]]:
        """Address -> where its mail goes, sorted by address; ``@domain`` is a catch-all.

        Contains role addresses, forwards (a mailbox that keeps its copy is among its own targets), the mirrored
        addresses of alias domains, and an entry of its own for every mailbox of a domain with a catch-all.
        """
        found: dict[str, tuple[str, ...]] = {}
        caught = {d.name for d in self.hosted if d.catch_all}
        for account in self.receiving:
            if account.forward:
                found[account.login] = (*((account.login,) if account.keep else ()), *account.forward)
            elif account.domain in caught:
                found[account.login] = (account.login,)
        taken = self._logins
        home = self.site.organisation.postmaster.rpartition("@")[2]
        for domain in self.hosted:
            if domain.aliases:
                found |= {f"{local}@{domain.name}": targets for local, targets in domain.aliases.items()}
            for role in ROLE_ADDRESSES:
                address = f"{role}@{domain.name}"
                if address not in taken:
                    found.setdefault(address, self.role_targets(domain, role))
            if domain.name == home:
                for role in OPERATOR_ADDRESSES:
                    if f"{role}@{domain.name}" not in taken:
                        found.setdefault(f"{role}@{domain.name}", (self.site.organisation.postmaster,))
            if domain.catch_all:
                found[f"@{domain.name}"] = (domain.catch_all,)
        found |= self._mirrored(found)
        return dict(sorted(found.items()))

    def ends(self, address: str) -> set[str]:
        """Where mail to an address stops: mailboxes, and addresses elsewhere. Looked up as Postfix does: whole, without
        what follows the plus, by catch-all."""
        found: set[str] = set()
        ahead, done = [address], set[str]()
        while ahead:
            one = ahead.pop()
            done.add(one)
            local, _, domain = one.rpartition("@")
            plain = f"{local.partition('+')[0]}@{domain}"
            key = next((k for k in (one, plain, f"@{domain}") if k in self.aliases), plain if self.has(plain) else one)
            targets = self.aliases.get(key, (key,))
            found |= {key} & set(targets)
            ahead += [target for target in targets if target not in (*done, key)]
        return found

    def _mirrored(self, found: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if not self.mirrored:
            return {}
        locals_: dict[str, set[str]] = {}
        for address in (*found, *(a.login for a in self.receiving)):
            local, _, name = address.rpartition("@")
            locals_.setdefault(name, set()).add(local)
        return {
            f"{local}@{domain.name}": (f"{local}@{domain.alias_of}",) if local else found[f"@{domain.alias_of}"]
            for domain in self.mirrored
            for local in sorted(locals_.get(domain.alias_of or "", ()))
        }

    def role_targets(self, domain: Domain, role: str) -> tuple[str, ...]:
        """Where mail to postmaster@ or abuse@ of a domain goes."""
        organisation = self.site.organisation
        if role == "abuse":
            operator = organisation.abuse or organisation.postmaster
            named = domain.abuse or domain.postmaster
            copy = (operator,) if organisation.abuse_copy and operator not in named else ()
            return (*named, *copy) or (operator,)
        return domain.postmaster or (organisation.postmaster,)

    @cached_property
    def senders(self) -> dict[str, tuple[str, ...]]:
        """Sender address -> logins that may use it, sorted by address; mirrored domains included.

        ``@domain`` stands for what is not named. So that it never means somebody else's, addresses of accounts that may
        not send are named there too.
        """
        found: dict[str, list[str]] = {}
        mirrors: dict[str, list[str]] = {}
        for domain in self.mirrored:
            mirrors.setdefault(domain.alias_of or "", []).append(domain.name)
        silent: list[str] = []
        for account in self.accounts:
            for sender in account.senders:
                local, _, name = sender.rpartition("@")
                for place in (name, *mirrors.get(name, ())):
                    if account.send:
                        found.setdefault(f"{local}@{place}", []).append(account.login)
                    else:
                        silent.append(f"{local}@{place}")
        for address in silent:
            if f"@{address.rpartition('@')[2]}" in found:
                found.setdefault(address, [NOBODY])
        return {address: tuple(logins) for address, logins in sorted(found.items())}
