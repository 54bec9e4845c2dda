"""All services, in the order in which a host starts them, and which roles have them."""

from __future__ import annotations

from gmconf.model import Role
from gmconf.services import (
    acme,
    dovecot,
    inn,
    knot,
    mta_sts,
    nftables,
    nginx,
    prosody,
    quickack,
    redis,
    system,
    tls,
    unbound,
)
from gmconf.services.clamav import main as clamav
from gmconf.services.plan import Plan, View
from gmconf.services.postfix import main as postfix
from gmconf.services.rspamd import dmarc_reports
from gmconf.services.rspamd import main as rspamd


def plans(view: View) -> tuple[Plan, ...]:
    """The plans of one host, in start order."""
    found = [*system.plans(view), unbound.plan(view), tls.plan(view)]
    if view.has(Role.FILTER):
        found += [redis.plan(view), clamav.plan(view), rspamd.plan(view)]
    if view.has(Role.STORE, Role.MSA):
        found.append(dovecot.plan(view))
    found += [quickack.plan(view), mta_sts.plan(view), postfix.plan(view)]
    if view.has(Role.FILTER):
        found.append(dmarc_reports.plan(view))
    if view.has(Role.CHAT):
        found.append(prosody.plan(view))
    found += inn.plans(view)
    if view.has(Role.WEB):
        found.append(nginx.plan(view))
    if view.has(Role.NAMESERVER):
        found.append(knot.plan(view))
    found.append(acme.plan(view, found))
    return (nftables.plan(view), *found)
