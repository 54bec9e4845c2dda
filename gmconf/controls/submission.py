"""Users who send: ports 465 and 587, who they are, what they may."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import Claim, DomainCase, HostCase
from gmconf.controls.control import Control, Evidence
from gmconf.controls.files import DOVECOT, HEADERS, LUA, MAIN, MAPS, MASTER, NFT, RSPAMD, USERS_HEADERS
from gmconf.controls.wants import AtMost, First, Guarded, Has, Model, Only, Parts, exactly, on_msa, spelled
from gmconf.model import Role

BY_MSA = (Role.MSA,)
BY_STORE = (Role.STORE,)
BY_FILTER = (Role.FILTER,)
PEOPLE = (465, 587)
OVERSIGNED = (
    "from", "sender", "reply-to", "subject", "date", "message-id", "to", "cc", "mime-version", "content-type",
    "content-transfer-encoding", "in-reply-to", "references",
)  # fmt: skip
SIGNED = (
    "resent-to", "resent-cc", "resent-from", "resent-sender", "resent-message-id",
    "list-id", "list-help", "list-owner", "list-unsubscribe", "list-unsubscribe-post", "list-subscribe", "list-post",
)  # fmt: skip


def _own(case: HostCase) -> list[str]:
    return ["127.0.0.0/8", "::1", *sorted(a for h in case.site.hosts for a in h.addresses)]


def _judged(case: HostCase) -> list[str]:
    others = [h for h in case.site.hosts if not set(h.roles) & {Role.MTA, Role.MSA}]
    return [a for h in others for a in h.addresses]


def milter(case: HostCase) -> str:
    """Where a host has its mail judged, as Postfix spells it; empty where none passes."""
    if not case.has(Role.MTA, Role.MSA):
        return ""
    if case.has(Role.FILTER):
        return "unix:/run/rspamd/milter.sock"
    address = next(h for h in case.site.hosts if Role.FILTER in h.roles).addresses[0]
    return f"inet:{f'[{address}]' if ':' in address else address}:11332"


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
            "submission_client_restrictions": (Only("permit_sasl_authenticated", "reject"), First("permit_sasl_authenticated", "reject")),
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
    def of_host(cls, case: HostCase) -> Iterable[Claim]:
        """Both ports are open to everybody."""
        opened = case.value(NFT, "public_tcp")
        ports = opened.value if opened and isinstance(opened.value, list | tuple) else []
        yield Claim("465 and 587 open to everybody", ", ".join(map(str, ports)), set(PEOPLE) <= set(ports), f"{NFT}:public_tcp")


class OnlyPath(Control):
    """Users' mail leaves through the MSA and no other way.

    On the hosts only the MTA's own user may open port 25 outward; on networks we do not run we cannot say.
    """

    id, level, sources = "msa.only-path", "basic", ("G:6b",)
    settings: ClassVar = {NFT: {"smtp_user": "postfix"}}
    live = ("egress",)


class SenderRights(Control):
    """A login sends only as itself.

    Otherwise one stolen password speaks for everybody. Both the envelope and the From: header are compared.
    """

    id, level, sources = "msa.sender-rights", "basic", ("RFC 6409", "BSI TR-03182")
    on = (Role.MSA, Role.FILTER)
    settings: ClassVar = {
        MAIN: {
            "smtpd_sender_login_maps": f"lmdb:{MAPS}/senders",
            "submission_sender_restrictions": (
                First("reject_sender_login_mismatch", "permit_sasl_authenticated"),
                First(f"check_sasl_access lmdb:{MAPS}/receive-only", "permit_sasl_authenticated"),
                First("reject_non_fqdn_sender", "permit_sasl_authenticated"),
                First("permit_sasl_authenticated", "reject"),
                Guarded(("permit_sasl_authenticated",), ("reject", f"check_sasl_access lmdb:{MAPS}/")),
            ),
        },
        LUA: {"senders": f"{RSPAMD}/maps.d/senders.map"},
        MASTER: {"users_sender": on_msa("$submission_sender_restrictions")},
    }
    live = ("submission-sender",)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Claim]:
        """The maps are there, on the hosts that read them."""
        wanted = [f"{MAPS}/senders", f"{MAPS}/receive-only"] if case.has(Role.MSA) else []
        wanted += [f"{RSPAMD}/maps.d/senders.map"] if case.has(Role.FILTER) else []
        for path in wanted:
            yield Claim(f"{path} on the host", "there" if path in case.files else "missing", path in case.files, path)


class SpamRejectNoModify(Control):
    """Outgoing mail is refused when it is spam, and otherwise not changed.

    The sender learns at once that it was refused and why. ``filter.outbound: hold`` keeps it in the queue for a person instead;
    marking or rewriting a user's mail is never done.
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
    settings: ClassVar = {DOVECOT: {"auth.passwords": "/etc/dovecot/passwords"}, LUA: {"networks": f"{RSPAMD}/maps.d/networks.map"}}
    live = ("relay",)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Claim]:
        """The filter knows from where each may log in."""
        path = f"{RSPAMD}/maps.d/networks.map"
        if case.has(Role.FILTER):
            yield Claim(f"{path} on the host", "there" if path in case.files else "missing", path in case.files, path)


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


class Bruteforce(Control):
    """Failed logins are slowed by source.

    Guessing costs the guesser time; the owner of the account notices nothing.
    """

    id, level, sources = "auth.bruteforce", "basic", ("M:38", "P:122")
    settings: ClassVar = {
        DOVECOT: {"auth.failure_delay": "2 secs"},
        MAIN: {"smtpd_client_auth_rate_limit": AtMost(120), "smtpd_error_sleep_time": "2s"},
    }
    live = ("wrong-password",)


class NoLockout(Control):
    """Nobody is locked out by other people's wrong guesses.

    A lock after so many failures hands everybody the means to lock anybody. Locks follow evidence of a break-in, are set by a
    person, and can be taken back (the runbook on suspending).
    """

    id, level, sources = "auth.no-lockout", "basic", ("M:38", "M:40")
    documents = ("runbooks",)
    on = BY_STORE
    settings: ClassVar = {DOVECOT: {"auth.failure_delay": "2 secs", "auth.penalty": 0}}
    live = ("wrong-password",)


class CompromiseLock(Control):
    """An account that shows signs of a break-in is suspended until a person has looked at it.

    Signs are refused spam of a login, or a limit that is hit.
    """

    id, level, sources = "auth.compromise-lock", "silver", ("M:107",)
    documents = ("runbooks",)
    evidence = Evidence("who is told of the signs at any hour, and the last case or drill", 366)


class Mech(Control):
    """No password crosses the net in clear: PLAIN and LOGIN, over TLS only.

    Challenge-response mechanisms would need passwords stored in clear, which is worse.
    """

    id, level, sources = "auth.mech", "basic", ("RFC 4954", "RFC 8314")
    settings: ClassVar = {
        DOVECOT: {"auth.mechanisms": Only("plain", "login"), "auth.cleartext": False},
        MAIN: {"smtpd_tls_auth_only": True},
    }
    live = ("auth-needs-tls", "auth-mechanisms")


class PasswordPolicy(Control):
    """Passwords are strong when they are set, and stored as slow hashes.

    ``gmconf passwd`` refuses weak ones; nothing but ARGON2ID and its like is accepted as a hash.
    """

    id, level, sources = "auth.password-policy", "basic", ("F:23a",)
    on = (Role.STORE, Role.MSA)
    files = ("/etc/dovecot/passwords",)


class DkimKey(Control):
    """Every domain that sends has an RSA-2048 and an Ed25519 key of its own.

    A shared key lets one customer sign for another. Two algorithms, so that each receiver finds one it knows.
    """

    id, level = "auth.dkim-key", "basic"
    sources = ("BSI TR-03182-03-M", "RFC 8301", "RFC 8463")
    live = ("dkim-records",)

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Claim]:
        """Both public keys lie beside the site."""
        if case.domain.kind == "parked":
            return
        for kind in ("rsa", "ed25519"):
            name = f"dkim/{case.domain.name}/{case.domain.dkim.selector}-{kind}.pub"
            yield Claim(f"a public key {name}", "there" if name in case.public else "missing", name in case.public, name)


class DkimRotation(Control):
    """Signing keys are changed every six months, and a selector is never used again.

    Who copied a key unnoticed can use it only so long. The selector carries its half-year in its name (``dkim.selector``).
    """

    id, level, sources = "auth.dkim-rotation", "silver", ("BSI TR-03182-03-M",)
    evidence = Evidence("when the keys were changed last, and that the old ones are withdrawn", 184)


class DkimSign(Control):
    """Everything that leaves is signed for the domain in From:, with both keys, notices included.

    Identity headers are signed once more than they stand there, so that a second From: breaks the signature.
    """

    id, level, sources = "auth.dkim-sign", "basic", ("BSI TR-03182-04-M", "RFC 6376", "large mailbox providers (2024): signed mail")
    settings: ClassVar = {
        f"{RSPAMD}/dkim_signing.conf": {
            "use_domain": 'return require("gmconf").signing_domain',
            "headers": Parts(":", (*(f"(o){name}" for name in OVERSIGNED), *SIGNED)),
            "yes": True,
            "no": False,
        },
        LUA: {
            "signing": f"{RSPAMD}/maps.d/signing.map",
            "ours": Model(lambda c: ["127.0.0.1", "::1", *_judged(c)], "loopback and the hosts of this site without a filter in front of them"),
        },
        MAIN: {"non_smtpd_milters": Model(milter, "the filter, on hosts that send"), "internal_mail_filter_classes": "bounce"},
    }  # fmt: skip
    on = (Role.FILTER, Role.MTA, Role.MSA)
    live = ("roundtrip",)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Claim]:
        """The filter holds the keys of every domain and the maps that choose them."""
        if not case.has(Role.FILTER):
            return
        wanted = [f"{RSPAMD}/dkim_signing.conf", f"{RSPAMD}/maps.d/signing.map", f"{RSPAMD}/maps.d/dkim-domains.conf"]
        for domain in case.mail.sending:
            wanted += [f"/var/lib/rspamd/dkim/{domain.name}.{domain.dkim.selector}-{kind}.key" for kind in ("rsa", "ed25519")]
        for path in wanted:
            yield Claim(f"{path} on the host", "there" if path in case.files else "missing", path in case.files, path)


class AuthenticationResults(Control):
    """Results of SPF, DKIM and DMARC stand in one header of ours; forged ones in our name are removed.

    Mail programs and rules believe the header that carries the name of their own server.
    """

    id, level, sources = "auth.ar-header", "basic", ("RFC 8601", "BSI TR-03182")
    on = BY_FILTER
    settings: ClassVar = {HEADERS: {"use": Has("authentication-results")}, LUA: {"hosts": f"{RSPAMD}/maps.d/hosts.map"}}
    files = (f"{RSPAMD}/maps.d/hosts.map",)


class SpfVerify(Control):
    """SPF of incoming mail is evaluated and its result recorded.

    It says whether the domain in the envelope lets this client send for it.
    """

    id, level, sources = "auth.spf-verify", "basic", ("D:encryption", "RFC 7208", "BSI TR-03182-02-M", "BSI IT-Grundschutz APP.5.3.A9")
    on = BY_FILTER
    settings: ClassVar = {HEADERS: {"use": Has("authentication-results")}}


class DkimVerify(Control):
    """All DKIM signatures of incoming mail are verified, Ed25519 too, SHA-1 not.

    The result decides what DMARC says, and what a mail program may show.
    """

    id, level, sources = "auth.dkim-verify", "basic", ("RFC 6376", "RFC 8301", "BSI TR-03182-05-M")
    on = BY_FILTER
    settings: ClassVar = {HEADERS: {"use": Has("authentication-results")}}


class DmarcVerify(Control):
    """The DMARC policy of the sender's domain is followed.

    Its owner has asked for it: what fails "reject" is refused, what fails "quarantine" is filed into Junk.
    """

    id, level, sources = "auth.dmarc-verify", "bronze", ("RFC 7489", "RFC 9989", "BSI TR-03182-07-M")
    on = BY_FILTER
    settings: ClassVar = {f"{RSPAMD}/dmarc.conf": {"quarantine": "add header", "reject": "reject"}}
    files = (f"{RSPAMD}/dmarc.conf",)


class NoSpoof(Control):
    """Nobody outside sends in the name of our users.

    A colleague's address from a stranger's server is the oldest trick; neither in the envelope nor in From: is it taken.
    """

    id, level, sources = "auth.no-spoof", "basic", ("BSI TR-03182-07-M",)
    on = (Role.MTA, Role.FILTER)
    settings: ClassVar = {
        LUA: {"domains": f"{RSPAMD}/maps.d/domains.map"},
    }
    live = ("spoof",)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Claim]:
        """The maps are where they are read, and Postfix reads its own before it accepts."""
        checks = case.value(MAIN, "smtpd_recipient_restrictions")
        if case.has(Role.MTA) and checks:
            wanted_line = f"check_sender_access lmdb:{MAPS}/own-domains"
            yield Claim(wanted_line, spelled(checks.value), Has(wanted_line).holds(checks.value, case), f"{MAIN}:smtpd_recipient_restrictions")
        wanted = [f"{MAPS}/own-domains"] if case.has(Role.MTA) else []
        wanted += [f"{RSPAMD}/maps.d/domains.map"] if case.has(Role.FILTER) else []
        for path in wanted:
            yield Claim(f"{path} on the host", "there" if path in case.files else "missing", path in case.files, path)
