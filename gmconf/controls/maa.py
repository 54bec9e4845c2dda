"""Access to mailboxes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import HostCase
from gmconf.controls.control import BY_STORE, Control
from gmconf.controls.expect import AtMost, Begins, Has, Model, OneOf, Only, Within
from gmconf.controls.files import DOVECOT, MAIN, PROTOCOLS
from gmconf.controls.result import Observation
from gmconf.derived.limits import chain
from gmconf.model import Role


class MaaPresent(Control):
    """A mail access agent runs on a server of the site.

    IMAP, with ManageSieve beside it; POP3 where the site wants it.
    """

    id, level, sources = "maa.present", "basic", ("H:maa",)
    on = BY_STORE
    settings: ClassVar = {PROTOCOLS: {"protocols": Has("imap", "lmtp", "sieve")}}
    live = ("imap",)


class MaaAuth(Control):
    """Every login to a mailbox is authenticated.

    There is no anonymous user and no master password.
    """

    id, level, sources = "maa.auth", "basic", ("D:auth",)
    on = (Role.STORE, Role.MSA)
    settings: ClassVar = {
        DOVECOT: {"auth.passwords": "/etc/dovecot/passwords", "auth.mechanisms": Only("plain", "login")}
    }
    live = ("imap-auth", "imap-login")


class VirtualDomains(Control):
    """joe@example.com and joe@example.org are two people.

    A login is the whole address, and every mailbox has a directory of its own below its domain.
    """

    id, level, sources = "maa.virtual-domains", "basic", ("D:virtual",)
    on = (Role.STORE, Role.MSA)
    settings: ClassVar = {
        DOVECOT: {
            "auth.username": OneOf("%Lu", "%{user | lower}"),
            "users": "/etc/dovecot/users",
            "home": OneOf("/var/vmail/%d/%n", "/var/vmail/%{user | domain}/%{user | username}"),
        }
    }

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """The store knows its users."""
        if case.has(Role.STORE):
            yield from case.there("/etc/dovecot/users")


class Quota(Control):
    """A full mailbox is told to the sender's server before the message is accepted.

    A notice later might go to a forged sender; and one mailbox must not fill the disk of all.
    """

    id, level, sources = "maa.quota", "bronze", ("Q:32",)
    on = (Role.STORE, Role.MTA)
    settings: ClassVar = {
        DOVECOT: {
            "quota.full": Begins("552 5.2.2 "),
            "quota.grace": Within(
                lambda c: chain(c.site).message_size,
                lambda c: 4 * chain(c.site).message_size,
                "one to four of the largest messages",
            ),
            "remote.quota": Model(
                lambda c: (
                    12340
                    if any({Role.MTA, Role.MSA} & {*h.roles} and h.name != c.host.name for h in c.site.hosts)
                    else ""
                ),
                "where hosts elsewhere ask",
            ),
        }
    }
    live = ("quota",)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """MTA hosts ask before they accept."""
        checks = case.value(MAIN, "smtpd_recipient_restrictions")
        if checks and case.has(Role.MTA):
            found = Has("check_policy_service ").holds(checks.value, case)
            yield Observation(
                "check_policy_service for the quota",
                "there" if found else "missing",
                found,
                f"{MAIN}:smtpd_recipient_restrictions",
            )


class SessionLimits(Control):
    """One user cannot occupy the access service.

    A broken program that opens connection after connection stops its owner, and nobody else.
    """

    id, level, sources = "maa.session-limits", "bronze", ("F:88", "BSI IT-Grundschutz APP.5.3.A2")
    on = BY_STORE
    settings: ClassVar = {DOVECOT: {"mail.connections": AtMost(50)}}


class Dos(Control):
    """Nobody's mailbox or sessions can take the access service away from the others.

    Sizes, sessions and logins are limited, and the table of protocols and ports says what is open at all.
    """

    id, level, sources = "maa.dos", "basic", ("BSI IT-Grundschutz APP.5.3.A2",)
    on = BY_STORE
    settings: ClassVar = {
        DOVECOT: {
            "mail.connections": AtMost(50),
            "lmtp.concurrency": Model(lambda c: chain(c.site).lmtp_user_concurrency, "above what Postfix opens"),
            "sieve.scripts": AtMost(100),
            "sieve.redirects": AtMost(4),
            "sieve.room": "4M",
        },
    }
    documents = ("topology",)
