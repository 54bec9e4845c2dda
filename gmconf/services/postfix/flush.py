"""Mail that waited for the store is delivered within seconds of its return, not when the queue's timers say so.

Postfix has one back-off for all destinations; short ones would also hammer the Internet. So on the store's own host the
store's return is the trigger: its socket being made. Other hosts try again after ``minimal_backoff_time``.
"""

from __future__ import annotations

from gmconf.dialects import ini
from gmconf.model import Role
from gmconf.services.plan import File, Unit, View
from gmconf.settings import Settings, need

UNITS = "/etc/systemd/system"
BACK = need("postfix", "queued mail reaches the mailbox within seconds after the store is back")


def files(view: View) -> tuple[File, ...]:
    """Units that flush the queue."""
    if not view.has(Role.STORE):
        return ()
    path = Settings(f"{UNITS}/gmconf-queue-flush.path")
    path.set("socket", "/run/dovecot/lmtp", BACK)
    service = Settings(f"{UNITS}/gmconf-queue-flush.service")
    service.set("command", "/usr/sbin/postqueue -f", BACK)
    return (
        File(path.file, "postfix", BACK, "postfix/queue-flush.path.j2", path, ini.spell),
        File(service.file, "postfix", BACK, "postfix/queue-flush.service.j2", service, ini.spell),
    )


def units(view: View) -> tuple[Unit, ...]:
    """What systemd keeps running for it."""
    return (Unit("gmconf-queue-flush.path", on_change="restart"),) if view.has(Role.STORE) else ()
