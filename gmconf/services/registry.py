"""All services, in the order in which a host starts them, and which roles have them."""

from __future__ import annotations

from gmconf.model import Role
from gmconf.plan import Plan, View
from gmconf.services import clamav, dovecot, postfix, redis, rspamd, tls, unbound


def plans(view: View) -> tuple[Plan, ...]:
    """The plans of one host, in start order."""
    found = [unbound.plan(view), tls.plan(view)]
    if view.has(Role.FILTER):
        found += [redis.plan(view), clamav.plan(view), rspamd.plan(view)]
    if view.has(Role.STORE, Role.MSA):
        found.append(dovecot.plan(view))
    return (*found, postfix.plan(view))
