"""Users who send: ports 465 and 587, and what a login may."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import HostCase
from gmconf.controls.control import BY_FILTER, BY_MSA, Control
from gmconf.controls.expect import First, Guarded, Model, Only, OnMsa, exactly, on_msa
from gmconf.controls.files import DOVECOT, HEADERS, LUA, MAIN, MAPS, MASTER, NFT, RSPAMD, USERS_HEADERS
from gmconf.controls.result import Observation
from gmconf.derived.policies import sends_reports
from gmconf.model import Role

PEOPLE = (465, 587)


def services(case: HostCase) -> list[str]:
    """Users whose services hand mail in on the host itself; none: nothing does."""
    found = [
        *(["vmail"] if case.has(Role.STORE) else []),
        *(["_rspamd"] if case.has(Role.FILTER) and sends_reports(case.site) else []),
    ]
    return ["root", *found] if found else []


def _served(value: str) -> Model:
    return Model(lambda c: value if services(c) else "", f"{value} where scripts or the filter send, nothing elsewhere")


def _own(case: HostCase) -> list[str]:
    return ["127.0.0.0/8", "::1", *sorted(a for h in case.site.hosts for a in h.addresses)]


class Port587(Control):
    """Submission listens on 587.

    Mail programs find it there since 1998; 465 stands beside it.
    """

    id, level, sources = "msa.port-587", "basic", ("H:587", "RFC 6409 section 3.1")
    settings: ClassVar = {MASTER: {"submission": on_msa("smtpd")}}
    live = ("submission",)


class AuthRequired(Control):
    """Submission asks for authentication, always.

    Who sends must be known, to be helped and to be stopped.
    """

    id, level, sources = "msa.auth-required", "basic", ("H:msa", "D:auth", "RFC 6409 section 4.3", "RFC 5068")
    on = BY_MSA
    settings: ClassVar = {
        MAIN: {
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": "/run/dovecot/auth-smtp",
            "smtpd_sasl_security_options": exactly("noanonymous"),
            "submission_client_restrictions": (
                Only("permit_sasl_authenticated", "reject"),
                First("permit_sasl_authenticated", "reject"),
            ),
            "submission_recipient_restrictions": First("permit_sasl_authenticated", "reject"),
            "submission_data_restrictions": First("permit_sasl_authenticated", "reject"),
        },
        MASTER: {
            "users_auth": on_msa("yes"),
            "users_client": on_msa("$submission_client_restrictions"),
            "users_relay": on_msa("permit_sasl_authenticated,reject"),
            "users_recipient": on_msa("$submission_recipient_restrictions"),
        },
    }
    live = ("submission-auth",)


class AuthAnywhere(Control):
    """Submission works from any network; login and TLS decide, not the address.

    People travel. Restricting addresses is for accounts without a person behind them (``service_accounts[].networks``).
    """

    id, level, sources = "msa.auth-anywhere", "basic", ("M:31", "M:29", "RFC 5068")
    on = BY_MSA
    live = ("submission", "submissions")

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """Both ports are open to everybody."""
        opened = case.value(NFT, "public_tcp")
        ports = opened.value if opened and isinstance(opened.value, list | tuple) else []
        yield Observation(
            "465 and 587 open to everybody", ", ".join(map(str, ports)), set(PEOPLE) <= set(ports), f"{NFT}:public_tcp"
        )


class OnlyPath(Control):
    """Users' mail leaves through the MSA and no other way.

    On the hosts only the MTA's own user may open port 25 outward; on networks we do not run we cannot say.
    """

    id, level, sources = "msa.only-path", "basic", ("G:6b",)
    settings: ClassVar = {NFT: {"smtp_user": "postfix"}}
    live = ("egress",)


class SenderRights(Control):
    """A login sends only as itself, and so do its Sieve scripts; programs of a host do not write as users.

    Otherwise one stolen password speaks for everybody. Both the envelope and the From: header are compared.
    """

    id, level, sources = "msa.sender-rights", "basic", ("RFC 6409", "BSI TR-03182")
    on = (Role.MSA, Role.FILTER, Role.STORE)
    settings: ClassVar = {
        MAIN: {
            "smtpd_sender_login_maps": f"lmdb:{MAPS}/senders",
            "submission_sender_restrictions": (
                OnMsa(First("reject_sender_login_mismatch", "permit_sasl_authenticated")),
                OnMsa(First(f"check_sasl_access lmdb:{MAPS}/receive-only", "permit_sasl_authenticated")),
                OnMsa(First("reject_non_fqdn_sender", "permit_sasl_authenticated")),
                OnMsa(First("permit_sasl_authenticated", "reject")),
                OnMsa(Guarded(("permit_sasl_authenticated",), ("reject", f"check_sasl_access lmdb:{MAPS}/"))),
            ),
            "authorized_submit_users": Model(
                lambda c: ["root", *(["news"] if c.has(Role.NEWS) else [])], "root, and INN where it runs"
            ),
            "smtpd_client_restrictions": f"check_client_access cidr:{MAPS}/own-clients",
        },
        LUA: {"senders": f"{RSPAMD}/maps.d/senders.map", "host_mail": "gmconf-own"},
        NFT: {"services_port": Model(lambda c: 10026 if services(c) else 0, "the listener of this host's services")},
        DOVECOT: {"sieve.sends": "127.0.0.1:10026", "sieve.as_owner": True, "sieve.notifies": "recipient"},
        MASTER: {
            "own": "gmconf-own",
            "services": _served("127.0.0.1:10026"),
            "services_networks": _served("127.0.0.0/8"),
            "services_client": _served("permit_mynetworks,reject"),
            "services_recipient": _served(
                "reject_non_fqdn_recipient,reject_unlisted_recipient,permit_mynetworks,reject"
            ),
            "users_sender": on_msa("$submission_sender_restrictions"),
        },
    }
    live = ("submission-sender",)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """The maps are there, on the hosts that read them."""
        users = case.value(NFT, "services_users")
        if services(case):
            allowed = list(users.value) if users and isinstance(users.value, list) else []
            yield Observation(
                "services_users: root, Dovecot and rspamd alone",
                ", ".join(map(str, allowed)),
                allowed == services(case),
                f"{NFT}:services_users",
            )
        wanted = [f"{MAPS}/senders", f"{MAPS}/receive-only"] if case.has(Role.MSA) else []
        wanted += [f"{RSPAMD}/maps.d/senders.map", f"{RSPAMD}/senders.lua"] if case.has(Role.FILTER) else []
        yield from case.there(*wanted)


class SpamRejectNoModify(Control):
    """Outgoing mail is refused when it is spam, and otherwise not changed.

    The sender learns at once that it was refused and why. ``filter.outbound: hold`` keeps it in the queue for a person
    instead; marking or rewriting a user's mail is never done.
    """

    id, level, sources = "msa.spam-reject-nomodify", "basic", ("G:5b", "M:84", "M:76")
    on = BY_FILTER
    settings: ClassVar = {
        LUA: {"hold": Model(lambda c: c.site.filter.outbound == "hold", "filter.outbound")},
        HEADERS: {"skip_local": True, "skip_authenticated": True},
        f"{RSPAMD}/settings.conf": {
            "reject": Model(lambda c: c.site.filter.reject, "filter.reject"),
            "own": Model(_own, "loopback and the hosts of this site"),
        },
    }
    files = (f"{RSPAMD}/settings.conf",)
    live = ("submission-spam",)


class ServiceAccounts(Control):
    """Printers and programs have accounts, senders, limits and an owner of their own.

    They send in bursts and nobody watches them; a relay for a whole network hides which one it was.
    """

    id, level, sources = "msa.service-accounts", "bronze", ("F:91", "M:29")
    on = (Role.STORE, Role.FILTER)
    settings: ClassVar = {
        DOVECOT: {"auth.passwords": "/etc/dovecot/passwords"},
        LUA: {"networks": f"{RSPAMD}/maps.d/networks.map"},
    }
    live = ("relay",)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """The filter knows from where each may log in."""
        if case.has(Role.FILTER):
            yield from case.there(f"{RSPAMD}/maps.d/networks.map")


class Rfc6409(Control):
    """The MSA adds what RFC 6409 section 8 allows, before signing, and nothing else.

    Date and Message-ID may be missing, a local part may lack its domain. Whatever else is wrong is refused.
    """

    id, level, sources = "msa.rfc6409", "basic", ("RFC 6409 section 8",)
    on = BY_MSA
    settings: ClassVar = {MAIN: {"local_header_rewrite_clients": Only("permit_sasl_authenticated")}}
    live = ("roundtrip",)


class Privacy(Control):
    """Address and program of the sending client stay inside.

    Where somebody sits and what they use is nobody's business; the log keeps it for the operator.
    """

    id, level, sources = "msa.privacy", "basic", ("P:35", "RFC 6409 section 8")
    on = BY_MSA
    settings: ClassVar = {
        MASTER: {"users_headers": on_msa(f"regexp:{USERS_HEADERS}")},
        USERS_HEADERS: {"host": Model(lambda c: c.host.name.replace(".", "[.]"), "the host's name")},
    }
    files = (USERS_HEADERS,)
