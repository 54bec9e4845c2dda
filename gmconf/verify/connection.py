"""A dialogue over one connection: lines in and out, STARTTLS, and an end to all waiting."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gmconf.verify.alive import session
from gmconf.verify.run import At

LONGEST = 64 * 1024
"""Bytes of an answer; whoever says more is not listened to."""


class SilentError(OSError):
    """No answer in time, or one without end."""


class Wire:
    """One connection. Every wait ends at ``until`` (time.monotonic)."""

    def __init__(self, plain: socket.socket, until: float) -> None:
        self.socket = plain
        self.until = until
        self._seen = b""

    def _patience(self) -> None:
        left = self.until - time.monotonic()
        if left <= 0:
            raise SilentError("no answer in time")
        self.socket.settimeout(left)

    def send(self, data: bytes) -> None:
        """All bytes, in time."""
        self._patience()
        try:
            self.socket.sendall(data)
        except TimeoutError:
            raise SilentError("no answer in time") from None

    def more(self) -> bytes:
        """What comes next; empty at the end of the connection."""
        self._patience()
        try:
            return self.socket.recv(16384)
        except TimeoutError:
            raise SilentError("no answer in time") from None

    def line(self) -> str:
        """One line without its end. Raises SilentError, ConnectionError at the end of the connection."""
        while b"\n" not in self._seen:
            got = self.more()
            if not got:
                raise ConnectionResetError("the host closed the connection")
            self._seen += got
            if len(self._seen) > LONGEST:
                raise SilentError("an answer without end")
        line, _, self._seen = self._seen.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "replace")

    def until_seen(self, *words: str) -> str:
        """Everything up to one of these words (XML has no lines)."""
        while True:
            text = self._seen.decode("utf-8", "replace")
            if any(word in text for word in words):
                self._seen = b""
                return text
            got = self.more()
            if not got:
                raise ConnectionResetError(f"the host closed the connection{f' after {text[-200:]!r}' if text else ''}")
            self._seen += got
            if len(self._seen) > LONGEST:
                raise SilentError("an answer without end")

    def secure(self, context: ssl.SSLContext, name: str) -> None:
        """TLS from here on. What came in clear before it is thrown away."""
        self._patience()
        self._seen = b""
        self.socket = context.wrap_socket(self.socket, server_hostname=name)


@contextmanager
def dial(at: At, port: int, address: str | None = None) -> Iterator[Wire]:
    """A connection to a host, within its bounds. Raises OSError."""
    with session(at, port) as until, connected(address or at.address, port, until) as wire:
        yield wire


@contextmanager
def connected(address: str, port: int, until: float) -> Iterator[Wire]:
    """A connection to any address."""
    try:
        plain = socket.create_connection((address, port), max(0.1, until - time.monotonic()))
    except TimeoutError:
        raise SilentError(f"no answer from {address} port {port}") from None
    except OSError as error:
        raise OSError(error.errno, f"{address} port {port}: {error.strerror or error}") from None
    wire = Wire(plain, until)
    try:
        yield wire
    finally:
        wire.socket.close()


def neutral() -> ssl.SSLContext:
    """TLS without a look at the certificate: probes of versions and ciphers judge it elsewhere."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
