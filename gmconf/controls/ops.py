"""Keeping the hosts going: updates, time, backup."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import ClassVar

from gmconf.controls.case import SiteCase
from gmconf.controls.control import Control, Evidence
from gmconf.controls.expect import AtLeast, AtMost, Model
from gmconf.controls.files import APT, FRESHCLAM, NEEDRESTART, NFT, TIMESYNCD
from gmconf.controls.result import Observation

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
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """Each release's end lies ahead."""
        for release in sorted({h.release for h in case.site.hosts}):
            end = SUPPORTED[release]
            yield Observation(
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
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """The playbook takes one host first and ends at the first failure;
        with one host there is nothing to roll over.
        """
        names = ", ".join(h.name for h in case.site.hosts)
        yield Observation("more than one host", names, len(case.site.hosts) > 1, "hosts", remedy="add a second host")
