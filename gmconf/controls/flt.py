"""Spam, viruses and what else a message may hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import HostCase
from gmconf.controls.control import BY_FILTER, SENDING, Control
from gmconf.controls.expect import NOTHING, AtLeast, Has, Model, Only, Wanted, Within
from gmconf.controls.files import ACTIONS, CLAMD, GUARD, LUA, MAIN, MAPS, OPTIONS, PROOF, PROXY, RSPAMD, WHOLE
from gmconf.controls.result import Observation
from gmconf.controls.routes import milter
from gmconf.derived.limits import MIB, chain
from gmconf.model import Role


def _handed_over(case: HostCase) -> str:
    return (
        f"cidr:{MAPS}/handed-over"
        if case.has(Role.MTA) and any(Role.MTA not in h.roles for h in case.site.hosts)
        else ""
    )


BY_NO_WAY_AROUND: dict[str, Wanted] = {
    "receive_override_options": NOTHING,
    "smtpd_milter_maps": Model(_handed_over, "what hosts of the site have had judged, on MTA hosts", optional=True),
}


class SpamIn(Control):
    """Incoming mail is judged before it is accepted.

    Once accepted, spam can only be delivered, returned to a forged sender, or lost; all three are wrong.
    """

    id, level, sources = "flt.spam-in", "basic", ("G:5a", "BSI Grundschutz++ KONF.13.1")
    settings: ClassVar = {
        MAIN: {"smtpd_milters": Model(milter, "the filter, on hosts that take mail"), **BY_NO_WAY_AROUND}
    }
    live = ("spam",)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """The filter's own files."""
        yield from case.there(*((PROXY, ACTIONS) if case.has(Role.FILTER) else ()))


class SpamOut(Control):
    """Outgoing mail is judged before it is accepted.

    A stolen password is noticed with its first message, and the site's addresses stay off the lists.
    """

    id, level, sources = "flt.spam-out", "basic", ("G:5a", "M:72")
    settings: ClassVar = {
        MAIN: {"smtpd_milters": Model(milter, "the filter, on hosts that take mail"), **BY_NO_WAY_AROUND}
    }
    live = ("submission-spam",)


class VirusReject(Control):
    """Viruses are refused in the dialogue, in both directions.

    No disinfection, no quarantine to release from, no notice: the sender's server is told, and the message is not here.
    """

    id, level, sources = "flt.virus-reject", "basic", ("G:7", "P:90")
    on = BY_FILTER
    settings: ClassVar = {CLAMD: {"mail": True, "archive": True}, LUA: {"clamd": "/run/clamav/clamd.ctl"}}
    files = (CLAMD, "/etc/gmconf/clamav/gmconf.ndb", f"{RSPAMD}/virus.lua")
    live = ("virus", "submission-virus")


class FailClosed(Control):
    """While a scanner is down, hangs, or cannot read a message, mail waits at its sender.

    Every size and every time-out fits the next, so that nothing passes because it was too big or took too long.
    """

    id, level, sources = "flt.fail-closed", "basic", ("G:7", "P:95")
    on = (Role.FILTER, *SENDING)
    settings: ClassVar = {
        CLAMD: {
            "stream": Model(lambda c: chain(c.site).stream_max, "larger than any message"),
            "file_size": Model(lambda c: chain(c.site).stream_max, "larger than any message"),
            "scan_size": Within(
                lambda c: chain(c.site).stream_max * 2,
                lambda c: chain(c.site).stream_max * 16,
                "two to sixteen times the largest message",
            ),
            "exceeds": True,
            "scan_time": Within(1, lambda c: chain(c.site).av_timeout * 1000, "within the filter's patience"),
            "recursion": AtLeast(10),
            "files": AtLeast(1000),
        },
        OPTIONS: {
            "task_timeout": Model(lambda c: chain(c.site).task_timeout, "longer than all tries of the scanner"),
            "soft_reject": True,
            "max_message": Model(lambda c: chain(c.site).message_size + MIB, "larger than any message"),
        },
        LUA: {
            "scan_timeout": Model(lambda c: chain(c.site).av_timeout, "filter.scan_timeout"),
            "scan_retries": Model(lambda c: chain(c.site).av_retransmits - 1, "one more try"),
        },
        PROOF: {"scanned": "!GM_SCANNED", "honoured": Only("reject", "soft reject")},
        GUARD: {"whole": Only(WHOLE)},
        MAIN: {"milter_default_action": "tempfail", **BY_NO_WAY_AROUND},
    }

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """What other hosts hand over unjudged is judged here."""
        others = case.has(Role.MTA) and any(Role.MTA not in h.roles for h in case.site.hosts)
        wanted = (
            [OPTIONS, PROOF, GUARD, WHOLE, "/usr/local/lib/gmconf/clamd-scans"] if case.has(Role.FILTER) else []
        ) + ([f"{MAPS}/handed-over"] if others else [])
        yield from case.there(*wanted)


class EncryptedPolicy(Control):
    """There is a rule for encrypted content that no scanner can read.

    Encrypted archives hide programs and are treated like viruses; so is what the scanner cannot unpack, since it would
    call it clean. Encrypted PDF and office files are everyday mail of banks and pass.
    """

    id, level, sources = "flt.encrypted-policy", "bronze", ("BSI IT-Grundschutz APP.5.3.A4",)
    on = BY_FILTER
    settings: ClassVar = {CLAMD: {"encrypted_archive": True, "encrypted_doc": False}, LUA: {"unread_files": "refuse"}}


class RiskyAttachments(Control):
    """Programs and scripts as attachments are refused.

    Signatures come hours after a new worm; its file name gives it away at once. In any doubt it is not let through.
    """

    id, level, sources = "flt.risky-attachments", "bronze", ("P:95", "P:84")
    on = BY_FILTER
    settings: ClassVar = {
        LUA: {
            "refused_files": (
                Has(
                    "exe",
                    "scr",
                    "com",
                    "pif",
                    "bat",
                    "cmd",
                    "vbs",
                    "js",
                    "jse",
                    "wsf",
                    "hta",
                    "jar",
                    "lnk",
                    "iso",
                    "img",
                ),
                Model(lambda c: list(c.site.filter.refused_files), "filter.refused_files"),
            )
        }
    }
    files = (f"{RSPAMD}/files.lua", f"{RSPAMD}/attachments.lua", "/etc/gmconf/clamav/gmconf.cdb")
    live = ("attachment",)
