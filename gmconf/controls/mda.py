"""Delivery into mailboxes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import SiteCase
from gmconf.controls.control import BY_FILTER, BY_STORE, Control
from gmconf.controls.expect import Model, OneOf, exactly
from gmconf.controls.files import ACTIONS, DOVECOT, HEADERS
from gmconf.controls.result import Observation
from gmconf.model import Role


class MdaPresent(Control):
    """A mail delivery agent runs on a server of the site.

    Mail that is accepted must have somewhere to go.
    """

    id, level, sources = "mda.present", "basic", ("H:mda",)
    live = ("roundtrip",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """At least one store."""
        names = [h.name for h in case.site.hosts if Role.STORE in h.roles]
        yield Observation("a host with role store", ", ".join(names) or "none", bool(names), "hosts")


class Durable(Control):
    """What was accepted is on disk.

    A mailbox that says "delivered" and loses the message with the power has lied.
    """

    id, level, sources = "mda.durable", "basic", ("RFC 5321 section 6.1",)
    on = BY_STORE
    settings: ClassVar = {DOVECOT: {"mail.fsync": OneOf("optimized", "always")}}


class JunkFolder(Control):
    """Marked mail is filed into Junk, unless the user says otherwise.

    On the server, so that every program of the user shows the same; a user's own Sieve script comes first.
    """

    id, level, sources = "mda.junk-folder", "basic", ("G:5d",)
    on = BY_STORE
    settings: ClassVar = {DOVECOT: {"sieve.junk": "/etc/dovecot/sieve/junk.sieve"}}
    files = ("/etc/dovecot/sieve/junk.sieve",)
    live = ("imap-login",)


class SpamMark(Control):
    """Probable spam is marked in a header.

    The recipient decides; a rule of the mailbox, or of the reader, can act on it.
    """

    id, level, sources = "mda.spam-mark", "basic", ("G:5c",)
    on = BY_FILTER
    settings: ClassVar = {
        ACTIONS: {"mark": Model(lambda c: c.site.filter.mark, "filter.mark")},
        HEADERS: {
            "use": exactly(
                "x-spamd-bar",
                "x-spam-level",
                "x-spam-status",
                "authentication-results",
                "spam-header",
                "remove-headers",
            ),
            "flag": "X-Spam-Flag",
            "yes": "YES",
            "all": 0,
        },
    }
    files = (HEADERS,)
