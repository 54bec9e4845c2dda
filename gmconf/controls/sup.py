"""People who help, and what they promise."""

from __future__ import annotations

from collections.abc import Iterable

from gmconf.controls.case import SiteCase
from gmconf.controls.control import Control, Fact
from gmconf.controls.result import Observation


class SupportExists(Control):
    """There is support, with hours and a way to reach it.

    A service is not a service unless it is supported.
    """

    id, level, sources = "sup.exists", "basic", ("G:10",)
    facts = (Fact("support.hours"), Fact("support.email"))
    documents = ("support",)


class Tickets(Control):
    """A question goes to a ticket system, or back to the person who took it.

    Nobody explains a problem twice.
    """

    id, level, sources = "sup.tickets", "basic", ("G:13",)
    facts = (Fact("support.tickets"),)
    documents = ("support",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """One of the two ways."""
        tickets = case.site.support.tickets if case.site.support else None
        if tickets:
            ways = [name for name, on in (("system", tickets.system), ("single_owner", tickets.single_owner)) if on]
            yield Observation(
                "either a ticket system or one owner for each question",
                " and ".join(ways) or "neither",
                len(ways) == 1,
                "support.tickets",
            )


class Media(Control):
    """The programs and settings a client needs can be had on a portable medium.

    Who has no working mail cannot be sent a link. ``gmconf medium`` makes the image, with checksums.
    """

    id, level, sources = "sup.client-media", "basic", ("G:14",)
    facts = (Fact("support.media"),)
    documents = ("client-setup", "support")


class Phone(Control):
    """Paying users can call.

    Telephone is what works when mail does not.
    """

    id, level, sources = "sup.phone", "bronze", ("G:15a",)
    facts = (Fact("support.phone"),)
    documents = ("support",)


class HoldTime(Control):
    """A caller waits no more than fifteen minutes.

    The founding document says "no less than fifteen minutes", which can only be a slip; it is read as "no more than".
    """

    id, level, sources = "sup.hold-time", "bronze", ("G:15b",)
    facts = (Fact("support.max_hold_minutes", most=15),)
    documents = ("support", "sla")


class Escalation(Control):
    """Whoever answers knows the service, or passes the question to somebody who does and calls back.

    At least two tiers are named.
    """

    id, level, sources = "sup.escalation", "bronze", ("G:15c",)
    facts = (Fact("support.escalation", least=2),)
    documents = ("support",)
