"""Whether a host answers at all: asked once, so that one that is down is waited for once and told of once."""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gmconf.daemons import Reach, listening
from gmconf.verify.run import At

PATIENCE = 10.0


class DeadError(Exception):
    """No port of the host accepts a connection; no OSError, since probes take those for findings of their own."""


@contextmanager
def session(at: At, port: int | None = None) -> Iterator[float]:
    """One of the few sessions at once with a host that answers; yields the moment by which it must be over. Raises
    DeadError."""
    with at.lock_silence:
        if at.silence is None:
            at.silence = _silence(at, port)
    if at.silence:
        raise DeadError(at.silence)
    with at.session() as until:
        yield until


def _silence(at: At, port: int | None) -> str:
    """What was tried in vain; empty when any port answered."""
    tried = tuple(sorted({*listens(at), at.run.loaded.site.network.ssh(at.host), *([port] if port else [])}))
    if any(opened(at.host.outside, tried, min(PATIENCE, at.run.bounds.dialogue), first=True).values()):
        return ""
    return f"no answer from {' and '.join(at.host.outside)} on any port (tried {', '.join(map(str, tried))})"


def listens(at: At, *reach: Reach) -> set[int]:
    """TCP ports that the model has a host listen on, for some kinds of clients (none: all)."""
    return {port.number for _, port in listening(at.run.loaded.site, at.host) if not reach or port.reach in reach}


def opened(
    addresses: tuple[str, ...], numbers: tuple[int, ...], patience: float = 3.0, *, first: bool = False
) -> dict[str, set[int]]:
    """Which of these TCP ports accept a connection at which address, all tried at once, each once; ``first``: one is
    enough."""
    waiting = selectors.DefaultSelector()
    found: dict[str, set[int]] = {address: set() for address in addresses}
    for address in addresses:
        for number in numbers:
            client = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            client.setblocking(False)
            if client.connect_ex((address, number)) not in (0, errno.EINPROGRESS):
                client.close()  # no way there at all, such as no IPv6 from here
                continue
            waiting.register(client, selectors.EVENT_WRITE, (address, number))
    until = time.monotonic() + patience
    try:
        while waiting.get_map() and not (first and any(found.values())) and (left := until - time.monotonic()) > 0:
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
