"""What holds for the whole: nothing superfluous, nothing hoped for, open standards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import ClassVar

from gmconf.controls.case import HostCase, SiteCase
from gmconf.controls.control import CATALOGUE, Control
from gmconf.controls.expect import SECOND, Model, OneOf, Only, spelled
from gmconf.controls.files import CLAMD, MAIN, MAPS, MASTER, PROTOCOLS, PROXY, REDIS, RSPAMD, UNBOUND
from gmconf.controls.result import Observation
from gmconf.controls.routes import READ
from gmconf.model import Role
from gmconf.model.levels import LEVELS

_TABLE = re.compile(rf"(?:lmdb|cidr|regexp):({MAPS}/[\w-]+)")
REDIS_SOCKET = "/run/redis/redis-server.sock"


def _milter_sockets(case: HostCase) -> list[str]:
    local = "/run/rspamd/milter.sock mode=0660 owner=_rspamd group=postfix"
    elsewhere = any(Role.FILTER not in h.roles and set(h.roles) & {Role.MTA, Role.MSA} for h in case.site.hosts)
    return [local, *(["*:11332"] if elsewhere else [])]


def _controller(case: HostCase) -> list[str]:
    group = "vmail" if case.has(Role.STORE) else "_rspamd"
    return [f"/run/rspamd/controller.sock mode=0660 owner=_rspamd group={group}"]


def _protocols(case: HostCase) -> list[str]:
    if not case.has(Role.STORE):
        return []
    return ["imap", "lmtp", "sieve", *(["pop3"] if case.site.pop3.enabled else [])]


class MinLevel(Control):
    """The site is only as good as its weakest part.

    Its level is the lowest of its domains and hosts, and what is waived is not counted as met.
    """

    id, level, sources = "gov.min-level", "basic", ("G:2a",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """A level is declared."""
        yield Observation(
            f"level: one of {', '.join(LEVELS)}", case.site.level or "none", case.site.level is not None, "level"
        )


class OptionsOn(Control):
    """What a level asks for is switched on, not left to a package's default.

    Defaults change between releases; what is written down does not. Overrides that weaken a control are findings of
    that control.
    """

    id, level, sources = "gov.options-on", "basic", ("G:2b", "F:25")
    settings: ClassVar = {
        UNBOUND: {"val_permissive": False},
        MAIN: {
            "compatibility_level": Model(
                lambda c: "3.7" if c.host.release == "bookworm" else "3.10", "the release's own level"
            )
        },
    }
    live = ("drift",)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """Every table that Postfix is told to read is there."""
        named = {path for s in case.settings.get(MAIN, {}).values() for path in _TABLE.findall(spelled(s.value))}
        yield from case.there(*sorted(named))

    @classmethod
    def unseen(cls, case: SiteCase, hosts: Sequence[HostCase]) -> str:
        """Raw lines that no control looks at: what they weaken nobody can say."""
        judged = {
            (file, key) for control in CATALOGUE.values() for file, keys in control.settings.items() for key in keys
        } | READ
        known = {
            reason.text
            for host in hosts
            for file, lines in host.settings.items()
            for key, setting in lines.items()
            if (file, key) in judged
            for reason in setting.because
            if reason.kind == "site"
        }
        hidden = [raw.path for raw in case.site.overridden() if raw.path not in known]
        return (
            f"no control knows {', '.join(hidden)}; read in the daemon's manual whether it weakens one"
            if hidden
            else ""
        )


class OpenStandards(Control):
    """Only open protocols are offered: SMTP, IMAP, POP3, ManageSieve, XMPP, NNTP.

    Anybody can write a program for them, so nobody is locked in.
    """

    id, level, sources = "gov.open-standards", "basic", ("D:open",)
    on = (Role.STORE,)
    settings: ClassVar = {PROTOCOLS: {"protocols": Only("imap", "pop3", "lmtp", "sieve")}}


class NoNonstandard(Control):
    """The protocols are spoken without extensions of one maker.

    What the hosts announce stands in the registries of the protocols.
    """

    id, level, sources = "gov.no-nonstd", "bronze", ("D:nonstd",)
    on = (Role.STORE,)
    settings: ClassVar = {PROTOCOLS: {"protocols": Only("imap", "pop3", "lmtp", "sieve")}}
    live = ("capabilities",)


class Minimal(Control):
    """What is not used is not there.

    Whatever runs must be maintained, and can be attacked.
    """

    id, level, sources = "gov.minimal", "basic", ("F:85b",)
    settings: ClassVar = {
        UNBOUND: {"interfaces[0].address": "127.0.0.1", "interfaces[1].address": SECOND},
        REDIS: {"port": 0, "bind": "127.0.0.1", "unixsocket": REDIS_SOCKET, "databases": 1},
        CLAMD: {"socket": "/run/clamav/clamd.ctl", "socket_group": "clamav", "socket_mode": 660, "user": "clamav"},
        PROXY: {"sockets": Model(_milter_sockets, "the local socket, and TCP only where MTA hosts elsewhere ask")},
        f"{RSPAMD}/worker-normal.inc": {"enabled": False},
        f"{RSPAMD}/worker-controller.inc": {
            "sockets": Model(_controller, "the local socket"),
            "trusted": Only("127.0.0.1", "::1"),
        },
        f"{RSPAMD}/redis.conf": {"servers": REDIS_SOCKET},
        PROTOCOLS: {"protocols": Model(_protocols, "imap, lmtp, sieve, and pop3 if wanted")},
        MAIN: {"biff": False},
        MASTER: {"postscreen": OneOf("", "postscreen")},
    }
    files = ("/etc/nftables.conf",)
    live = ("ports", "listening")


class FeatureOwner(Control):
    """It is written down which program does what, and no job is done twice.

    Two filters that both decide are one that nobody understands.
    """

    id, level, sources = "gov.feature-owner", "basic", ("F:85a",)
    documents = ("topology",)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """DNS lists are asked by rspamd only, not by Postfix too."""
        checks = case.value(MAIN, "smtpd_recipient_restrictions")
        if checks and case.has(Role.MTA):
            found = not any("rbl" in str(v) for v in checks.value) if isinstance(checks.value, list | tuple) else True
            yield Observation(
                "no DNS list in Postfix",
                "none" if found else "there is one",
                found,
                f"{MAIN}:smtpd_recipient_restrictions",
            )


class OutboundFirst(Control):
    """Our own mail is looked at before that of others.

    First, do no harm: the report lists what leaves before what comes in.
    """

    id, level, sources = "gov.outbound-first", "basic", ("F:4",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """Outgoing mail has a threshold of its own that can refuse."""
        yield Observation(
            "outgoing mail is refused above filter.reject",
            str(case.site.filter.reject),
            case.site.filter.reject > 0,
            "filter.reject",
        )
