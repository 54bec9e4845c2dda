"""Whether commands can make of a site what they make of it: asked before one of them writes,
prints or judges anything.
"""

from __future__ import annotations

from gmconf.build.tree import build
from gmconf.dns.contract import contract
from gmconf.site.load import Loaded


def sound(loaded: Loaded) -> None:
    """Make what the operator's own lines take part in: own records and raw overrides. Raises GmconfError or SiteError.

    All else has types and rules; these are other languages, and only who writes them in full sees that they cannot be.
    """
    refuse_records(loaded)
    if any(loaded.site.overridden()):
        build(loaded, secrets=False)


def refuse_records(loaded: Loaded) -> None:
    """Refuse own records that follow from other fields. Needs no keys, so that a draft hears of them too. Raises
    GmconfError."""
    if loaded.site.dns.records:
        contract(loaded).refuse()
