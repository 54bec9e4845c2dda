"""Logs: what they tell, who reads them, how long they stay."""

from __future__ import annotations

from typing import ClassVar

from gmconf.controls.control import Control
from gmconf.controls.expect import AtLeast, AtMost, Model, OneOf
from gmconf.controls.files import APT, CLAMD, DOVECOT, FRESHCLAM, JOURNALD, LOGGING, REDIS, UNBOUND


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
