"""Mail that a host makes itself: what users' Sieve scripts send, and reports of the filter. Postfix takes it on a
listener of its own, from the services alone; the filter knows it by name and judges it by its owner's rights
(roles/gmconf/files/rspamd/base.lua)."""

from __future__ import annotations

from gmconf.controls import control
from gmconf.derived.policies import reports_from, sends_reports
from gmconf.model import Role
from gmconf.services.plan import View
from gmconf.settings import Reason, need

ADDRESS, PORT = "127.0.0.1", 10026
NAME = "gmconf-own"
"""What Postfix calls itself towards the filter for such mail (milter_macro_daemon_name)."""


def users(view: View) -> list[str]:
    """System users whose services hand mail in over the listener of a host; none: there is no listener."""
    found = [
        *(["vmail"] if view.has(Role.STORE) else []),
        *(["_rspamd"] if view.has(Role.FILTER) and sends_reports(view.site) else []),
    ]
    return ["root", *found] if found else []


def submitters(view: View) -> list[str]:
    """System users that may call sendmail on a host."""
    return ["root", *(["news"] if view.has(Role.NEWS) else [])]


def reporter(view: View) -> str:
    """The address that reports to other domains come from; empty where none are sent."""
    return (
        reports_from(view.site, [d.name for d in view.mail.sending])
        if view.has(Role.FILTER) and sends_reports(view.site)
        else ""
    )


def reasons() -> tuple[Reason, ...]:
    """Why the listener is there."""
    return (control("msa.sender-rights"), need("postfix", "users' scripts and reports of the filter"))
