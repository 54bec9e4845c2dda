"""What a host's firewall lets in, tried from here."""

from __future__ import annotations

import selectors
import socket
import time

from gmconf.check import views
from gmconf.model.firewall import span
from gmconf.plan import Reach
from gmconf.services.openings import incoming
from gmconf.services.registry import plans
from gmconf.verify.probe import Looks, Seen, on_host
from gmconf.verify.run import At

TRIED = (21, 22, 23, 24, 25, 53, 80, 110, 111, 113, 119, 139, 143, 389, 443, 445, 465, 563, 587, 631, 636, 853, 873, 993, 995, 1080, 2049, 2121, 3128,
         3306, 3310, 4190, 4949, 5222, 5223, 5269, 5280, 5281, 5347, 5432, 5666, 6379, 8080, 8443, 8953, 9090, 9100, 9154, 9900, 10025, 11211, 11332,
         11333, 11334, 12340, 27017)  # fmt: skip
"""Ports of mail, of everything gmconf installs, and of what is most often left open by mistake."""
PATIENCE = 3.0


def listens(at: At, *reach: Reach) -> set[int]:
    """TCP ports that the model has a host listen on, for some kinds of clients (none: all)."""
    view = next(v for v in views(at.run.loaded) if v.host is at.host)
    return {port for plan in plans(view) for port, whom in plan.listens if not reach or whom in reach}


def _allowed(at: At) -> set[int]:
    """TCP ports that the site has opened for what gmconf does not run; whether anything listens there is not gmconf's to say."""
    view = next(v for v in views(at.run.loaded) if v.host is at.host)
    ranges = [span(p) for o in incoming(view) if o.protocol == "tcp" for p in o.ports]
    return {port for port in TRIED if any(first <= port <= last for first, last in ranges)}


def opened(addresses: tuple[str, ...], numbers: tuple[int, ...], patience: float = PATIENCE) -> dict[str, set[int]]:
    """Which of these TCP ports accept a connection at which address, all tried at once, each once."""
    waiting = selectors.DefaultSelector()
    found: dict[str, set[int]] = {address: set() for address in addresses}
    for address in addresses:
        for number in numbers:
            client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            client.setblocking(False)
            client.connect_ex((address, number))
            waiting.register(client, selectors.EVENT_WRITE, (address, number))
    until = time.monotonic() + patience
    try:
        while waiting.get_map() and (left := until - time.monotonic()) > 0:
            for key, _ in waiting.select(left):
                answered = key.fileobj
                assert isinstance(answered, socket.socket)
                if answered.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    address, number = key.data
                    found[address].add(number)
                waiting.unregister(answered)
                answered.close()
    finally:
        for key in list(waiting.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        waiting.close()
    return found


@on_host("ports")
def ports(at: At) -> Looks:
    """From here exactly the ports of the model are open.

    One connection to each of about sixty ports, closed at once.
    """
    public, allowed = listens(at, "any"), listens(at) | _allowed(at)
    tried = tuple(sorted({*TRIED, *allowed}))
    open_at = opened(at.host.outside, tried)
    for address, found in open_at.items():
        lost, extra = sorted(public - found), sorted(found - allowed)
        listed = ", ".join(map(str, sorted(found))) or "nothing"
        yield Seen(f"open on {address}: {', '.join(map(str, sorted(public)))}", listed, not lost,
                   "" if not lost else f"see what stops port {lost[0]}: the service, the host's nftables, or a firewall on the way")  # fmt: skip
        yield Seen(f"nothing else open on {address}", ", ".join(map(str, extra)) or "nothing else", not extra,
                   "" if not extra else "stop what listens there, or roll out the firewall again")  # fmt: skip
