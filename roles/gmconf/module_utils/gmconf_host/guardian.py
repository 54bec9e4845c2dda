"""A process of its own that watches over a roll-out: what dies half way, or what nobody confirms, is taken back.

A switch is confirmed over a new connection: a firewall that shuts the operator out keeps the old one open. Whoever
removes ``awaiting`` first decides, the confirmation or the guardian; a reboot meanwhile decides too
(gmconf-recover.service).
"""

from __future__ import annotations

import contextlib
import os
import signal
import syslog
import time
from collections.abc import Callable

from ansible.module_utils.gmconf_host.host import filesystem, run
from ansible.module_utils.gmconf_host.journal import AWAITING

OVER = b"over"


class Guardian:
    """Lives from the first step of a roll-out to its end; ``back`` and ``finish`` are what it does at its own end."""

    def __init__(self, back: Callable[[], None], finish: Callable[[], None]) -> None:
        reader, self._writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._writer)
            try:
                _leave_the_session()
                _watch(reader, back, finish)
            finally:
                os._exit(0)
        os.close(reader)

    def until_confirmed(self, seconds: int) -> None:
        """From here on a confirmation within these seconds is needed; the guardian outlives this process."""
        with filesystem() as places:
            places.put(AWAITING, b"", 0o600)
        os.write(self._writer, b"%d" % seconds)
        os.close(self._writer)

    def over(self) -> None:
        """The roll-out has come to an end of its own."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._writer, OVER)
        os.close(self._writer)
        os.waitpid(self.pid, 0)


def _leave_the_session() -> None:
    """Neither the end of the connection nor that of the login ends this process."""
    os.setsid()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)


def _watch(reader: int, back: Callable[[], None], finish: Callable[[], None]) -> None:
    said = os.read(reader, 64)
    if said == OVER:
        return
    if not said:
        _note("the roll-out died; this host goes back")
        _try(back)
        return
    # A login may take its processes with it (KillUserProcesses); a scope of its own stays. Without D-Bus there is none.
    run(
        [
            "busctl",
            "call",
            "org.freedesktop.systemd1",
            "/org/freedesktop/systemd1",
            "org.freedesktop.systemd1.Manager",
            "StartTransientUnit",
            "ssa(sv)a(sa(sv))",
            "gmconf-guardian.scope",
            "fail",
            "1",
            "PIDs",
            "au",
            "1",
            str(os.getpid()),
            "0",
        ]
    )
    end = time.monotonic() + int(said)
    with filesystem() as places:
        while time.monotonic() < end and places.stat(AWAITING):
            time.sleep(0.2)
        late = places.remove(AWAITING)
    if late:
        _note(f"nobody confirmed the roll-out within {int(said)} s; this host goes back")
        _try(back)
    else:
        finish()


def _try(back: Callable[[], None]) -> None:
    try:
        back()
    except Exception as error:
        _note(str(error))
        raise


def _note(text: str) -> None:
    syslog.openlog("gmconf")
    syslog.syslog(syslog.LOG_WARNING, text)
