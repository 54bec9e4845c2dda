"""Keeping the hosts going: updates, time, logs, backup, two of everything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import ClassVar

from gmconf.controls.case import Claim, HostCase, SiteCase
from gmconf.controls.control import Control, Evidence
from gmconf.controls.expect import AtLeast, AtMost, Model, OneOf
from gmconf.controls.files import (
    APT,
    CLAMD,
    DOVECOT,
    FRESHCLAM,
    JOURNALD,
    LOGGING,
    NEEDRESTART,
    NFT,
    REDIS,
    TIMESYNCD,
    UNBOUND,
)
from gmconf.controls.routes import needed, route

SUPPORTED = {"bookworm": date(2028, 6, 30), "trixie": date(2030, 6, 30)}
"""Until when Debian fixes security holes of a release, long-term support included (its page of releases)."""


class Update7d(Control):
    """Security updates and virus signatures are installed within a week of their release; usually within a day.

    An outdated server is a compromised server. The hosts do it by themselves, every day, and restart what needs it.
    """

    id, level, sources = "ops.update-7d", "basic", ("G:12b", "F:28", "Q:37")
    settings: ClassVar = {
        NFT: {"web": [80, 443]},
        APT: {"update": AtMost(7), "upgrade": AtMost(7), "confdef": "--force-confdef", "confold": "--force-confold"},
        NEEDRESTART: {"restart": "a"},
        FRESHCLAM: {
            "checks": AtLeast(1),
            "mirrors[*].name": Model(lambda c: list(c.site.filter.signatures.mirrors), "filter.signatures.mirrors"),
            "urls[*].url": Model(lambda c: list(c.site.filter.signatures.urls), "filter.signatures.urls"),
        },
    }
    documents = ("updates",)
    live = ("updates",)


class SupportedOs(Control):
    """The hosts run a release that still gets security fixes.

    After its end nobody mends what everybody knows to be broken.
    """

    id, level, sources = "ops.supported-os", "basic", ("F:28",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """Each release's end lies ahead."""
        for release in sorted({h.release for h in case.site.hosts}):
            end = SUPPORTED[release]
            yield Claim(
                f"Debian {release} is supported on {case.today}",
                f"until {end}",
                case.today <= end,
                "hosts",
                remedy="renew these hosts with a newer release",
            )


class Time(Control):
    """Clocks are right.

    Logs of two hosts can only be read together when their clocks agree; and TLS and DNSSEC fail with a wrong one.
    """

    id, level, sources = "ops.time", "basic", ("G:23",)
    settings: ClassVar = {
        NFT: {"time_user": "systemd-timesync"},
        TIMESYNCD: {
            "servers": Model(lambda c: list(c.site.network.time_servers), "network.time_servers"),
            "distance": AtMost(10),
        },
    }
    files = (TIMESYNCD,)


class Correlate(Control):
    """Logs let support follow a message from submission to mailbox.

    All services write into one journal, with queue id, message id and login, and nothing is dropped when they are busy.
    """

    id, level, sources = "log.correlate", "basic", ("G:23", "P:28", "P:131")
    settings: ClassVar = {
        JOURNALD: {"storage": "persistent", "interval": AtMost(60), "burst": AtLeast(10000)},
        APT: {"syslog": True},
        UNBOUND: {"verbosity": AtLeast(1), "val_log_level": AtLeast(1), "log_servfail": True, "use_syslog": True},
        REDIS: {"loglevel": OneOf("notice", "verbose")},
        CLAMD: {"log": True, "log_facility": "LOG_MAIL"},
        FRESHCLAM: {"log": True, "log_facility": "LOG_MAIL"},
        LOGGING: {"type": "console", "systemd": True, "level": OneOf("info", "notice")},
        DOVECOT: {"log.facility": "mail"},
    }


class LogAccess(Control):
    """Only administrators read the logs.

    They say who writes to whom. The journal is readable for root and the groups adm and systemd-journal.
    """

    id, level, sources = "log.access", "basic", ("P:78",)
    settings: ClassVar = {JOURNALD: {"storage": "persistent"}}


class Retention(Control):
    """Logs are kept as long as said, and no longer.

    Long enough to answer a complaint; not longer, because they are about people.
    """

    id, level, sources = "log.retention", "basic", ("G:23", "RFC 5068")
    settings: ClassVar = {
        JOURNALD: {
            "compress": True,
            "size": Model(lambda c: c.site.logs.size, "logs.size"),
            "retention": Model(lambda c: c.site.logs.retention, "logs.retention"),
            "file": AtMost(86400 * 2),
        },
        REDIS: {"logfile": ""},
    }
    files = (JOURNALD,)


class LogReview(Control):
    """Somebody reads what the logs add up to, regularly.

    Abuse that no rule knows yet shows in numbers first.
    """

    id, level, sources = "prc.log-review", "basic", ("F:23c",)
    evidence = Evidence("who reads the summary of the logs, how often, and when last", 31)


class IncidentLogs(Control):
    """Logs survive the host they are about.

    Whoever breaks in wipes them first.
    """

    id, level, sources = "prc.incident-logs", "basic", ("P:120",)
    evidence = Evidence("where the hosts' journals are copied to, and who can delete there", 366)


class Backup(Control):
    """Mail, keys and site.yml are backed up, away from the hosts.

    Everything else gmconf makes anew.
    """

    id, level, sources = "ops.backup", "basic", ("Q:34a", "BSI IT-Grundschutz APP.5.3.A3")
    evidence = Evidence("what is backed up, how often, where to, how long it is kept", 366)


class Undelete(Control):
    """Users get back what they deleted by mistake.

    The commonest loss of mail is made by its owner.
    """

    id, level, sources = "ops.undelete", "bronze", ("Q:34b",)
    evidence = Evidence("how a deleted message is brought back, and for how many days", 366)


class RestoreTest(Control):
    """Restoring is tried out, at least every three months.

    A backup that was never restored is a hope.
    """

    id, level, sources = "ops.restore-test", "bronze", ("Q:34c",)
    evidence = Evidence("the record of the last restore: what, how long it took, what was missing", 92)


class TwoNodes(Control):
    """No single host is needed for mail to be taken, sent and read.

    Two hosts that do not fail together, whatever mail passes: MX, filter, the way out, mailboxes. Measured is the
    service, not the server: of two filters of which Postfix asks one, that one is needed. This version knows one store,
    so a site has to waive this.
    """

    id, level, sources = "ha.two-nodes", "silver", ("Q:14", "BSI IT-Grundschutz APP.5.3.A11")
    evidence = Evidence("what the hosts share (power, network, storage), and the last failover test", 184)

    @classmethod
    def of_hosts(cls, cases: Sequence[HostCase]) -> Iterable[Claim]:
        """The ways that mail takes by the rendered files lead around each host."""
        for service, hosts in needed([route(case) for case in cases]):
            names = ", ".join(hosts)
            yield Claim(
                f"{service} while any one host is away",
                f"not without {names}" if hosts else "yes",
                not hosts,
                "hosts",
                remedy=_WAYS[service],
            )


_WAYS = {
    "mail for the domains is taken": "give the roles mta and filter to a second host",
    "users hand in mail": "give the roles msa and filter to a second host",
    "mail leaves the site": "give the roles mta, msa and filter to two hosts: each then sends by itself",
    "users read their mail": (
        "this version of gmconf keeps all mailboxes on one host: waive ha.two-nodes, with the reason, or declare bronze"
    ),
}


class Rolling(Control):
    """Updates go host by host, and stop at the first that is not well afterwards.

    A mistake then reaches one host, not all. Roll-outs of gmconf do so by themselves; Debian's own updates come every
    night on every host, and what keeps two of them apart a person shows.
    """

    id, level, sources = "ops.rolling", "silver", ("Q:37",)
    evidence = Evidence(
        "that Debian's updates never restart two hosts at once, and what stops them when a host is not well afterwards",
        366,
    )

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """The playbook takes one host first and ends at the first failure;
        with one host there is nothing to roll over.
        """
        names = ", ".join(h.name for h in case.site.hosts)
        yield Claim("more than one host", names, len(case.site.hosts) > 1, "hosts", remedy="add a second host")
