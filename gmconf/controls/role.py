"""Addresses that every domain must have, and that reach somebody."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import DomainCase
from gmconf.controls.control import BY_MTA, Control
from gmconf.controls.expect import AtLeast, First
from gmconf.controls.files import MAIN, MAPS, RSPAMD
from gmconf.controls.result import Observation
from gmconf.derived.accounts import OPERATOR_ADDRESSES, ROLE_ADDRESSES, Directory
from gmconf.model import Role


class CustomerDuty(Control):
    """Customers are told which addresses their domain must have, and that these are theirs to answer.

    RFC 2142 names them.
    """

    id, level, sources = "role.customer-duty", "basic", ("M:17", "RFC 2142")
    documents = ("onboarding",)


def reaching(mail: Directory, address: str) -> list[str]:
    """Who gets what is sent to an address; accounts that nobody may log in to do not count."""
    return [
        name
        for name in mail.aliases.get(address, (address,))
        if name not in mail.closed and (name != address or mail.has(name))
    ]


class Postmaster(Control):
    """postmaster, with and without domain, takes mail from anyone.

    The one address that RFC 5321 says must work is how others tell us that something is wrong; no filter may stand
    before it.
    """

    id, level = "role.postmaster", "basic"
    sources = ("P:9", "P:16", "RFC 5321 section 4.5.1")
    on = BY_MTA
    settings: ClassVar = {
        MAIN: {
            "smtpd_recipient_restrictions": (
                First(f"check_recipient_access lmdb:{MAPS}/exempt", "reject_unknown_sender_domain"),
                First(f"check_recipient_access lmdb:{MAPS}/host-exempt", "reject_unknown_sender_domain"),
            ),
            "virtual_alias_domains": ["$myhostname", f"lmdb:{MAPS}/alias-domains"],
        },
        f"{RSPAMD}/settings.conf": {"roles": "gm_roles", "never": AtLeast(1000)},
    }
    files = (f"{MAPS}/host-aliases", f"{MAPS}/host-exempt", f"{MAPS}/exempt")
    live = ("postmaster",)


class Abuse(Control):
    """abuse@ exists for every domain and reaches a person; the customer's own if one is named, else the operator.

    A copy of customers' abuse mail to the operator is off unless ``organisation.abuse_copy`` says so: it is their mail.
    """

    id, level = "role.abuse", "basic"
    sources = ("M:13", "RFC 2142")
    on = (Role.FILTER,)
    settings: ClassVar = {f"{RSPAMD}/settings.conf": {"roles": "gm_roles", "never": AtLeast(1000)}}
    files = (f"{RSPAMD}/complaints.lua",)
    live = ("abuse",)

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """The address leads somewhere."""
        if case.domain.kind == "hosted":
            address = f"abuse@{case.domain.name}"
            reached = reaching(case.mail, address)
            yield Observation(f"{address} reaches somebody", ", ".join(reached) or "nobody", bool(reached), "domains")


class RoleAddresses(Control):
    """The addresses that RFC 2142 names for the services of this site lead to somebody.

    postmaster@ and abuse@ in every domain; hostmaster@, noc@ and security@ in the domain of the postmaster, who runs
    DNS, network and hosts. They go to the postmaster unless the site names somebody else.
    """

    id, level, sources = "role.rfc2142", "basic", ("P:16", "RFC 2142")

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """Each address is an alias or a mailbox."""
        if case.domain.kind != "hosted":
            return
        own = case.site.organisation.postmaster.rpartition("@")[2] == case.domain.name
        for role in (*ROLE_ADDRESSES, *(OPERATOR_ADDRESSES if own else ())):
            reached = reaching(case.mail, f"{role}@{case.domain.name}")
            yield Observation(
                f"{role}@{case.domain.name} reaches somebody", ", ".join(reached) or "nobody", bool(reached), "domains"
            )
