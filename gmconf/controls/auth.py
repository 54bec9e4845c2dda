"""Whose a message is (DKIM, SPF, DMARC, nobody else in our name), and who may log in."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable, Sequence
from typing import ClassVar

from gmconf.controls.case import DomainCase, HostCase, SiteCase
from gmconf.controls.control import BY_FILTER, BY_STORE, Control, Evidence
from gmconf.controls.expect import AtMost, Has, Model, Only, Parts, on_msa, spelled
from gmconf.controls.files import DOVECOT, HEADERS, LUA, MAIN, MAPS, MASTER, RSPAMD
from gmconf.controls.records import at, claim
from gmconf.controls.result import Observation
from gmconf.controls.routes import milter
from gmconf.derived import policies as published
from gmconf.derived import spf
from gmconf.derived import tag_lists as taglist
from gmconf.derived.policies import reports_from, sends_reports
from gmconf.derived.records import Record
from gmconf.keys.rollover import KEY_DAYS
from gmconf.keys.schemes import complaint
from gmconf.model import Role


class Bruteforce(Control):
    """Failed logins are slowed by source.

    Guessing costs the guesser time; the owner of the account notices nothing.
    """

    id, level, sources = "auth.bruteforce", "basic", ("M:38", "P:122")
    settings: ClassVar = {
        DOVECOT: {"auth.failure_delay": "2 secs"},
        MAIN: {"smtpd_client_auth_rate_limit": AtMost(120), "smtpd_error_sleep_time": "2s"},
        MASTER: {"users_guesses": on_msa(1500)},
    }
    live = ("wrong-password",)


class NoLockout(Control):
    """Nobody is locked out by other people's wrong guesses.

    A lock after so many failures hands everybody the means to lock anybody; so does a limit for one address, behind
    which a whole campus may sit. Wrong guesses cost time, right passwords work meanwhile. Locks follow evidence of a
    break-in, are set by a person, and can be taken back (the runbook on suspending).
    """

    id, level, sources = "auth.no-lockout", "basic", ("M:38", "M:40")
    documents = ("runbooks",)
    on = BY_STORE
    settings: ClassVar = {
        DOVECOT: {"auth.failure_delay": "2 secs", "auth.penalty": 0},
        MASTER: {"users_sessions": on_msa(50)},
    }
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

    ``gmconf passwd`` refuses weak ones. Hashes that came from elsewhere are judged by ``gmconf check`` with the vault
    password.
    """

    id, level, sources = "auth.password-policy", "basic", ("F:23a",)
    on = (Role.STORE, Role.MSA)
    files = ("/etc/dovecot/passwords",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """What the vault holds, where somebody opened it: slow hashes, of logins of the site."""
        logins = {account.login: account.origin for account in case.mail.accounts}
        for login, hashed in sorted((case.hashes or {}).items()):
            wrong = complaint(hashed) if login in logins else "a password, but is no login of the site"
            where = logins.get(login, "")
            yield Observation(
                f"a slow hash of {login}'s password",
                f"{login} has {wrong}" if wrong else "it is one",
                not wrong,
                "" if ":" in where else where,
                where if ":" in where else "",
                f"set a new one: gmconf passwd SITE {login}" if login in logins else f"remove the file of {login}",
            )

    @classmethod
    def unseen(cls, case: SiteCase, hosts: Sequence[HostCase]) -> str:
        """What the vault holds nobody sees without its password."""
        del hosts
        return (
            ""
            if case.hashes is not None
            else "which hashes the vault holds; to have them judged, give --vault-password-file"
        )


OVERSIGNED = (
    "from",
    "sender",
    "reply-to",
    "subject",
    "date",
    "message-id",
    "to",
    "cc",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "in-reply-to",
    "references",
)
SIGNED = (
    "resent-to",
    "resent-cc",
    "resent-from",
    "resent-sender",
    "resent-message-id",
    "list-id",
    "list-help",
    "list-owner",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "list-subscribe",
    "list-post",
)


def _judged(case: HostCase) -> list[str]:
    others = [h for h in case.site.hosts if not set(h.roles) & {Role.MTA, Role.MSA}]
    return [a for h in others for a in h.addresses]


def _reporter(case: HostCase) -> str:
    return reports_from(case.site, [d.name for d in case.site.domains if d.kind != "parked"])


def _reporting(case: HostCase) -> str:
    name, filters = case.site.organisation.name, [h for h in case.site.hosts if Role.FILTER in h.roles]
    return f"{name} ({case.host.name})" if len(filters) > 1 else name


class DkimKey(Control):
    """Every domain that sends has an RSA-2048 and an Ed25519 key of its own.

    A shared key lets one customer sign for another. Two algorithms, so that each receiver finds one it knows.
    """

    id, level = "auth.dkim-key", "basic"
    sources = ("BSI TR-03182-03-M", "RFC 8301", "RFC 8463")
    live = ("dkim-records",)

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """Both public keys lie beside the site, and are what they are called."""
        if case.domain.kind == "parked":
            return
        for kind in ("rsa", "ed25519"):
            name = f"dkim/{case.domain.name}/{case.domain.dkim.selector}-{kind}.pub"
            wrong = _unfit(kind, case.public.get(name))
            yield Observation(
                f"a public key {name}",
                wrong or "there",
                not wrong,
                name,
                remedy="make new keys under another selector: gmconf keys next" if wrong != "missing" else "",
            )


_RSA = bytes.fromhex("2a864886f70d010101")
"""The object identifier of rsaEncryption (RFC 8017)."""
_RSA_OCTETS = 290
"""What the public half of a key of 2048 bits takes (SubjectPublicKeyInfo), rounded down."""


def _unfit(kind: str, text: str | None) -> str:
    """What is wrong with a public key as the record has it; empty when nothing is. Loading a library for it would take
    longer than all the rest."""
    if text is None:
        return "missing"
    try:
        octets = b64decode(text.strip(), validate=True)
    except ValueError:
        return "no key"
    if kind == "ed25519":
        return "" if len(octets) == 32 else "no Ed25519 key"
    return (
        "no RSA key"
        if _RSA not in octets[:32]
        else ""
        if len(octets) >= _RSA_OCTETS
        else f"an RSA key of {8 * len(octets)} bits at most"
    )


class DkimRotation(Control):
    """Signing keys are changed every six months, and a selector is never used again.

    Who copied a key unnoticed can use it only so long. ``gmconf keys next`` changes them, with the day in the
    selector's name; ``gmconf keys status`` and ``gmconf dns check`` say which are overdue.
    """

    id, level, sources = "auth.dkim-rotation", "silver", ("BSI TR-03182-03-M",)
    evidence = Evidence("when the keys were changed last, and that the old ones are withdrawn", KEY_DAYS)

    @classmethod
    def asks(cls, case: SiteCase) -> bool:
        """Only where nobody knows how old a key is: neither its name, nor site.yml, nor rollover.yml."""
        return any(domain.dkim.began is None for domain in case.mail.sending)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """Keys whose age is known have signed for six months at most, and not from tomorrow on."""
        for domain in case.mail.sending:
            if began := domain.dkim.began:
                days = (case.today - began).days
                yield Observation(
                    f"a key of {domain.name} that has signed for {KEY_DAYS} days at most: gmconf keys next",
                    f"{domain.dkim.selector}, since {began}",
                    0 <= days <= KEY_DAYS,
                )


class DkimSign(Control):
    """Everything that leaves is signed for the domain in From:, with both keys, notices included.

    Identity headers are signed once more than they stand there, so that a second From: breaks the signature.
    """

    id, level, sources = (
        "auth.dkim-sign",
        "basic",
        ("BSI TR-03182-04-M", "RFC 6376", "large mailbox providers (2024): signed mail"),
    )
    settings: ClassVar = {
        f"{RSPAMD}/dkim_signing.conf": {
            "use_domain": 'return require("gmconf").signing_domain',
            "headers": Parts(":", (*(f"(o){name}" for name in OVERSIGNED), *SIGNED)),
            "yes": True,
            "no": False,
        },
        LUA: {
            "signing": f"{RSPAMD}/maps.d/signing.map",
            "ours": Model(
                lambda c: ["127.0.0.1", "::1", *_judged(c)],
                "loopback and the hosts of this site without a filter in front of them",
            ),
        },
        MAIN: {
            "non_smtpd_milters": Model(milter, "the filter, on hosts that send"),
            "internal_mail_filter_classes": "bounce",
        },
    }
    on = (Role.FILTER, Role.MTA, Role.MSA)
    live = ("roundtrip",)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """The filter holds the keys of every domain and the maps that choose them."""
        if not case.has(Role.FILTER):
            return
        wanted = [f"{RSPAMD}/dkim_signing.conf", f"{RSPAMD}/maps.d/signing.map", f"{RSPAMD}/maps.d/dkim-domains.conf"]
        for domain in case.mail.sending:
            wanted += [
                f"/etc/gmconf/dkim/{domain.name}.{domain.dkim.selector}-{kind}.key" for kind in ("rsa", "ed25519")
            ]
        yield from case.there(*wanted)


class AuthenticationResults(Control):
    """Results of SPF, DKIM and DMARC stand in one header of ours; forged ones in our name are removed.

    Mail programs and rules believe the header that carries the name of their own server.
    """

    id, level, sources = "auth.ar-header", "basic", ("RFC 8601", "BSI TR-03182")
    on = BY_FILTER
    settings: ClassVar = {HEADERS: {"use": Has("authentication-results")}, LUA: {"hosts": f"{RSPAMD}/maps.d/hosts.map"}}
    files = (f"{RSPAMD}/maps.d/hosts.map", f"{RSPAMD}/results.lua")


class SpfVerify(Control):
    """SPF of incoming mail is evaluated and its result recorded.

    It says whether the domain in the envelope lets this client send for it.
    """

    id, level, sources = (
        "auth.spf-verify",
        "basic",
        ("D:encryption", "RFC 7208", "BSI TR-03182-02-M", "BSI IT-Grundschutz APP.5.3.A9"),
    )
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


class DmarcSendRua(Control):
    """Other domains learn each day how mail in their name fared here.

    Without such reports nobody could find out who else sends in his name, or dare a strict policy. Failure reports with
    whole messages are never sent: they would tell strangers who writes to whom.
    """

    id, level, sources = "auth.dmarc-send-rua", "silver", ("BSI TR-03182-08-M", "RFC 9990")
    on = BY_FILTER
    settings: ClassVar = {
        f"{RSPAMD}/dmarc.conf": {
            "enabled": Model(lambda c: sends_reports(c.site), "as filter.dmarc_reports says"),
            "email": Model(
                lambda c: _reporter(c) if sends_reports(c.site) else "", "an address that this site signs for"
            ),
            "domain": Model(lambda c: _reporter(c).rpartition("@")[2], "its domain"),
            "sender": Model(lambda c: f"DMARC reports of {_reporter(c).rpartition('@')[2]}", "its domain, in words"),
            "organisation": Model(_reporting, "the organisation's name, with the host's where several count"),
            "helo": Model(lambda c: c.host.name, "the host's name"),
            "msgid": Model(lambda c: c.host.name, "the host's name"),
            "smtp": "127.0.0.1",
            "port": 10026,
        },
        "/etc/systemd/system/gmconf-dmarc-report.service": {"command": "/usr/bin/rspamadm dmarc_report"},
        "/etc/systemd/system/gmconf-dmarc-report.timer": {"when": "*-*-* 01:00:00", "spread": "2h"},
        LUA: {
            "reporter": Model(
                lambda c: _reporter(c) if sends_reports(c.site) else "", "an address that this site signs for"
            )
        },
        MASTER: {
            "services": Model(
                lambda c: "127.0.0.1:10026" if sends_reports(c.site) or c.has(Role.STORE) else "",
                "Postfix takes them on every filter host",
            )
        },
    }

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """The site wants them."""
        yield Observation(
            "filter.dmarc_reports: true",
            str(sends_reports(case.site)).lower(),
            sends_reports(case.site),
            "filter.dmarc_reports",
        )

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """What sends them is there."""
        if sends_reports(case.site):
            yield from case.there(*(f"/etc/systemd/system/gmconf-dmarc-report.{kind}" for kind in ("service", "timer")))


class DmarcReceiveEval(Control):
    """Reports on mail in the name of the domains are counted regularly, and somebody reads the numbers.

    They show own mail that fails, and who sends in our name, before a receiver rejects it. ``gmconf reports`` counts
    them.
    """

    id, level = "auth.dmarc-receive-eval", "bronze"
    sources = ("BSI TR-03182-09-M", "BSI TR-03182-10-M", "RFC 9990")
    evidence = Evidence(
        "how often gmconf reports, or another program, counts the reports, and who reads the numbers", 92
    )


class NoSpoof(Control):
    """Nobody outside sends in the name of our users.

    A colleague's address from a stranger's server is the oldest trick; neither in the envelope nor in From: is it
    taken.
    """

    id, level, sources = "auth.no-spoof", "basic", ("BSI TR-03182-07-M",)
    on = (Role.MTA, Role.FILTER)
    settings: ClassVar = {
        LUA: {"domains": f"{RSPAMD}/maps.d/domains.map"},
    }
    live = ("spoof",)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """The maps are where they are read, and Postfix reads its own before it accepts."""
        checks = case.value(MAIN, "smtpd_recipient_restrictions")
        if case.has(Role.MTA) and checks:
            wanted_line = f"check_sender_access lmdb:{MAPS}/own-domains"
            yield Observation(
                wanted_line,
                spelled(checks.value),
                Has(wanted_line).holds(checks.value, case),
                f"{MAIN}:smtpd_recipient_restrictions",
            )
        wanted = [f"{MAPS}/own-domains"] if case.has(Role.MTA) else []
        parts = ("maps.d/domains.map", "addresses.lua", "spoofing.lua")
        wanted += [f"{RSPAMD}/{part}" for part in parts] if case.has(Role.FILTER) else []
        yield from case.there(*wanted)


class SpfPublish(Control):
    """Every sending domain and every HELO name has one SPF record that lists our hosts and ends in -all or ~all.

    It is made of addresses, so that no look-up of a receiver can fail; only records of other senders
    (``domains[].senders``) are included. Ten look-ups are allowed at most, and such a record that lets everybody send
    counts as a mistake.
    """

    id, level = "auth.spf-publish", "basic"
    sources = (
        "RFC 7208",
        "BSI TR-03182-01-M",
        "BSI IT-Grundschutz APP.5.3.A9",
        "internet.nl mail test: spf_policy",
        "large mailbox providers (2024): SPF for every sender",
    )
    live = ("spf", "helo-spf")

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """One record, that holds; parked domains have their own control."""
        if case.domain.kind != "parked":
            yield _spf(case.records, case.domain.name)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """The same for the name in HELO."""
        yield _spf(case.records, case.host.name)


def _spf(records: Sequence[Record], name: str) -> Observation:
    found = [text for text in at(records, name, "TXT") if spf.is_spf(text)]
    read = [spf.parse(text) for text in found]
    good = len(read) == 1 and read[0].end in ("-", "~") and not read[0].wrong and read[0].lookups <= spf.LOOKUPS
    return claim(
        f"one SPF record of {name}, ending in -all or ~all, with ten look-ups at most",
        found,
        good and not any(m.kind == "ptr" for m in read[0].asking),
    )


class DmarcPublish(Control):
    """Every domain has exactly one DMARC record, with an address for reports.

    Who watches the reports sees forgeries and own mistakes before the policy is made strict.
    """

    id, level = "auth.dmarc-publish", "basic"
    sources = ("RFC 9989", "RFC 7489", "BSI TR-03182-06-M", "large mailbox providers (2024): DMARC for every sender")
    live = ("dmarc",)

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """p stands directly after v, rua is there, removed tags are not."""
        found = at(case.records, f"_dmarc.{case.domain.name}", "TXT")
        seen = taglist.parse("".join(found[:1]))
        good = (
            len(found) == 1
            and not seen.wrong
            and seen.names[:2] == ["v", "p"]
            and "rua" in seen.tags
            and not {"pct", "rf", "ri"} & set(seen.tags)
        )
        yield claim(f"one DMARC record of {case.domain.name} with rua", found, good)


class DmarcQuarantine(Control):
    """DMARC asks receivers at least to quarantine what is not ours.

    A policy of none protects nobody; it is for the time of learning.
    """

    id, level, sources = (
        "auth.dmarc-quarantine",
        "bronze",
        ("RFC 9989", "BSI TR-03182-06-M", "internet.nl mail test: dmarc_policy"),
    )

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """The policy of domains that send."""
        policy = published.dmarc_policy(case.site)
        yield claim(
            "a DMARC policy of quarantine or reject",
            [f"p={policy}"],
            published.strictness(policy) >= 1,
            "dns.dmarc.policy",
        )


class DmarcReject(Control):
    """DMARC asks receivers to reject what is not ours, unless users post to lists.

    Lists change messages and break their signatures; a site whose users post there says so
    (``dns.users_post_to_lists``).
    """

    id, level, sources = "auth.dmarc-reject", "silver", ("RFC 9989 section 7.4", "BSI TR-03182-06-M")

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """The policy of domains that send."""
        policy, lists = published.dmarc_policy(case.site), case.site.dns.users_post_to_lists
        wanted = (
            "a DMARC policy of quarantine or reject, since users post to lists" if lists else "a DMARC policy of reject"
        )
        yield claim(wanted, [f"p={policy}"], published.strictness(policy) >= (1 if lists else 2), "dns.dmarc.policy")


class DmarcExternal(Control):
    """Whoever gets reports about another domain has allowed it in DNS.

    Without this record reporters send nothing: it keeps others from flooding a stranger with reports. Strict parsers
    want the semicolon that RFC 7489's grammar has after the version.
    """

    id, level, sources = (
        "auth.dmarc-extreport",
        "basic",
        ("RFC 9990", "RFC 7489", "internet.nl mail test: dmarc_policy"),
    )
    live = ("dmarc-reports",)

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """The record lies in the zone of the address that gets reports, of each there is."""
        for target, zone in case.report_zones.items():
            name = f"{case.domain.name}._report._dmarc.{target}"
            found = at(case.records, name, "TXT")
            if not found and case.zone == zone:
                continue
            yield claim(f'{name} TXT "v=DMARC1;"', found, found == ["v=DMARC1;"])

    @classmethod
    def unseen(cls, case: SiteCase, hosts: Sequence[HostCase]) -> str:
        """In a domain of others the record is theirs to publish."""
        del hosts
        theirs = [
            t
            for t in published.report_domains(case.site)
            if not any(f".{t}".endswith(f".{d.name}") for d in case.site.domains)
        ]
        return (
            f"whether the keeper of {' and of '.join(theirs)} has published it; gmconf dns check asks" if theirs else ""
        )
