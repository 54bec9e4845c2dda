"""Mailing lists and bulk mail, for sites that send any."""

from __future__ import annotations

from gmconf.controls.case import SiteCase
from gmconf.controls.control import Control, Evidence


class ClosedLoop(Control):
    """Nobody is put on a list without having confirmed it from the address itself.

    Else anybody can subscribe anybody. This site runs no lists unless ``policies.bulk`` says so.
    """

    id, level, sources = "list.coi", "basic", ("F:34",)
    evidence = Evidence("the list program's set-up: a subscription takes effect when its address has confirmed it", 366)

    @classmethod
    def applies(cls, case: SiteCase) -> str:
        """Only where lists are run."""
        return "" if case.site.policies and case.site.policies.bulk else "the site sends no bulk mail (policies.bulk)"


class OneClick(Control):
    """Every message of a list can be left with one click, and without a browser.

    Both ways, a web address and a mail address, and a signature that covers them. Large receivers refuse bulk mail
    without it. This site runs no lists unless ``policies.bulk`` says so.
    """

    id, level = "list.one-click", "basic"
    sources = ("F:34", "RFC 8058", "large mailbox providers (2024): one-click unsubscribe above 5,000 messages a day")
    evidence = Evidence(
        "the list program's set-up: List-Unsubscribe (https and mailto), List-Unsubscribe-Post, honoured within two"
        " days",
        366,
    )

    @classmethod
    def applies(cls, case: SiteCase) -> str:
        """Only where lists are run."""
        return "" if case.site.policies and case.site.policies.bulk else "the site sends no bulk mail (policies.bulk)"
