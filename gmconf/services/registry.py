"""All services, in the order in which a host starts them, and which roles have them."""

from __future__ import annotations

from gmconf.plan import Plan, View
from gmconf.services import tls


def plans(view: View) -> tuple[Plan, ...]:
    """The plans of one host, in start order."""
    return (tls.plan(view),)
