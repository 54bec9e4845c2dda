"""Two of everything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gmconf.controls.case import HostCase
from gmconf.controls.control import Control, Evidence
from gmconf.controls.result import Observation
from gmconf.controls.routes import needed, route


class TwoNodes(Control):
    """No single host is needed for mail to be taken, sent and read.

    Two hosts that do not fail together, whatever mail passes: MX, filter, the way out, mailboxes. Measured is the
    service, not the server: of two filters of which Postfix asks one, that one is needed. This version knows one store,
    so a site has to waive this.
    """

    id, level, sources = "ha.two-nodes", "silver", ("Q:14", "BSI IT-Grundschutz APP.5.3.A11")
    evidence = Evidence("what the hosts share (power, network, storage), and the last failover test", 184)

    @classmethod
    def of_hosts(cls, cases: Sequence[HostCase]) -> Iterable[Observation]:
        """The ways that mail takes by the rendered files lead around each host."""
        for service, hosts in needed([route(case) for case in cases]):
            names = ", ".join(hosts)
            yield Observation(
                f"{service} while any one host is away",
                f"not without {names}" if hosts else "yes",
                not hosts,
                "hosts",
                remedy=_WAYS[service],
            )


_WAYS = {
    "mail for the domains is taken": "give the roles mta and filter to a second host",
    "users hand in mail": "give the roles msa and filter to a second host",
    "mail leaves the site": "give the roles mta, msa and filter to two hosts: each then sends by itself",
    "users read their mail": (
        "this version of gmconf keeps all mailboxes on one host: waive ha.two-nodes, with the reason, or declare bronze"
    ),
}
