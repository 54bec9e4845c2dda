"""Whose a message is: DKIM, SPF, DMARC, and nobody else in our name."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import Claim, DomainCase, HostCase, SiteCase
from gmconf.controls.control import Control, Evidence
from gmconf.controls.expect import Has, Model, Parts, spelled
from gmconf.controls.files import HEADERS, LUA, MAIN, MAPS, MASTER, RSPAMD
from gmconf.derived.policies import reports_from, sends_reports
from gmconf.keys.rollover import KEY_DAYS
from gmconf.model import Role

BY_FILTER = (Role.FILTER,)
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


def milter(case: HostCase) -> str:
    """Where a host has its mail judged, as Postfix spells it; empty where none passes."""
    if not case.has(Role.MTA, Role.MSA):
        return ""
    if case.has(Role.FILTER):
        return "unix:/run/rspamd/milter.sock"
    address = next(h for h in case.site.hosts if Role.FILTER in h.roles).addresses[0]
    return f"inet:{f'[{address}]' if ':' in address else address}:11332"


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
    def of_domain(cls, case: DomainCase) -> Iterable[Claim]:
        """Both public keys lie beside the site, and are what they are called."""
        if case.domain.kind == "parked":
            return
        for kind in ("rsa", "ed25519"):
            name = f"dkim/{case.domain.name}/{case.domain.dkim.selector}-{kind}.pub"
            wrong = _unfit(kind, case.public.get(name))
            yield Claim(
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
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """Keys whose age is known have signed for six months at most, and not from tomorrow on."""
        for domain in case.mail.sending:
            if began := domain.dkim.began:
                days = (case.today - began).days
                yield Claim(
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
    def of_host(cls, case: HostCase) -> Iterable[Claim]:
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
    files = (f"{RSPAMD}/maps.d/hosts.map",)


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
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """The site wants them."""
        yield Claim(
            "filter.dmarc_reports: true",
            str(sends_reports(case.site)).lower(),
            sends_reports(case.site),
            "filter.dmarc_reports",
        )

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Claim]:
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
    def of_host(cls, case: HostCase) -> Iterable[Claim]:
        """The maps are where they are read, and Postfix reads its own before it accepts."""
        checks = case.value(MAIN, "smtpd_recipient_restrictions")
        if case.has(Role.MTA) and checks:
            wanted_line = f"check_sender_access lmdb:{MAPS}/own-domains"
            yield Claim(
                wanted_line,
                spelled(checks.value),
                Has(wanted_line).holds(checks.value, case),
                f"{MAIN}:smtpd_recipient_restrictions",
            )
        wanted = [f"{MAPS}/own-domains"] if case.has(Role.MTA) else []
        wanted += [f"{RSPAMD}/maps.d/domains.map", f"{RSPAMD}/addresses.lua"] if case.has(Role.FILTER) else []
        yield from case.there(*wanted)
