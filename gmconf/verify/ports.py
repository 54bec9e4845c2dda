"""What a host's firewall lets in, tried from here."""

from __future__ import annotations

from gmconf.assess.check import views
from gmconf.controls.result import Observation
from gmconf.daemons import SERVICES
from gmconf.model.firewall import span
from gmconf.services.openings import incoming
from gmconf.verify.alive import listens, opened, session
from gmconf.verify.probe import Looks, on_host
from gmconf.verify.run import At

LEFT_OPEN = (
    # FTP, SSH, telnet, POP3 and IMAP in clear, portmapper, ident, SMB, LDAP, printing, DNS over TLS, rsync
    *(21, 22, 23, 110, 111, 113, 139, 389, 445, 631, 636, 853, 873),
    # SOCKS, NFS, FTP, proxies, databases, ClamAV, Munin, XMPP's HTTP and components, NRPE
    *(1080, 2049, 2121, 3128, 3306, 3310, 4949, 5280, 5281, 5347, 5432, 5666, 6379, 8080),
    # Unbound's control, metrics and their exporters, Postfix behind a filter, memcached, rspamd's workers, MongoDB
    *(8953, 9090, 9100, 9154, 9900, 10025, 11211, 11333, 11334, 27017),
)
TRIED = tuple(sorted({*LEFT_OPEN, *(port.number for service in SERVICES for port in service.ports)}))
"""Ports of every service that gmconf knows, and of programs that are most often left open by mistake."""


def _allowed(at: At) -> set[int]:
    """TCP ports that the site has opened for what gmconf does not run; whether anything listens there is not gmconf's
    to say."""
    view = next(v for v in views(at.run.loaded) if v.host is at.host)
    ranges = [span(p) for o in incoming(view) if o.protocol == "tcp" for p in o.ports]
    return {port for port in TRIED if any(first <= port <= last for first, last in ranges)}


@on_host("ports")
def ports(at: At) -> Looks:
    """From here exactly the ports of the model are open.

    One connection to each of about sixty ports, closed at once.
    """
    public, allowed = listens(at, "any"), listens(at) | _allowed(at)
    tried = tuple(sorted({*TRIED, *allowed}))
    with session(at):
        open_at = opened(at.host.outside, tried)
    for address, found in open_at.items():
        lost, extra = sorted(public - found), sorted(found - allowed)
        listed = ", ".join(map(str, sorted(found))) or "nothing"
        yield Observation(
            f"open on {address}: {', '.join(map(str, sorted(public)))}",
            listed,
            not lost,
            remedy=(
                ""
                if not lost
                else f"see what stops port {lost[0]}: the service, the host's nftables, or a firewall on the way"
            ),
        )
        yield Observation(
            f"nothing else open on {address}",
            ", ".join(map(str, extra)) or "nothing else",
            not extra,
            remedy="" if not extra else "stop what listens there, or roll out the firewall again",
        )
