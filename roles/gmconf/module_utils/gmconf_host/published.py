"""What DNS says about names that a roll-out's keys must agree with. Standard library only: a fresh host has nothing
else."""

from __future__ import annotations

import os
import select
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from ansible.module_utils.gmconf_host.host import at

TYPES = {"MX": 15, "TXT": 16, "TLSA": 52}
AT_ONCE = 50
"""Questions under way: a first roll-out asks for thousands of DKIM keys, and resolvers have queues."""
PATIENCE = 2.0
"""Seconds until a question is asked again, of the next name server."""
WITHIN = 20.0
"""Seconds for all questions together, when nobody answers any more."""
TRIES = 3
EDNS = b"\x00" + struct.pack("!HHIH", 41, 4096, 0, 0)
"""Answers of up to 4096 octets (RFC 6891): an RSA key and its signature fit in."""


def servers() -> list[str]:
    """Addresses of the host's name servers, as resolv.conf has them."""
    try:
        with open(at("/etc/resolv.conf"), encoding="ascii", errors="replace") as file:
            words = [line.split() for line in file]
    except OSError:
        return []
    return [w[1] for w in words if len(w) > 1 and w[0] == "nameserver" and "%" not in w[1]]


def ask(
    wanted: Iterable[Sequence[str]], resolvers: Iterable[str] | None = None, port: int = 53
) -> dict[str, list[str]]:
    """What is published under (name, type) pairs: {"NAME TYPE": [text, ...]}, and without an answer no entry.

    Text is the joined strings of a TXT record, "usage selector type hex" of a TLSA record, "preference name" of an MX
    record (without the last dot, small letters). An empty list: there is none.
    """
    asked = _Questions(wanted, servers() if resolvers is None else resolvers, port)
    try:
        asked.run()
    finally:
        for used in asked.sockets.values():
            used.close()
    return asked.found


class _Waiting(NamedTuple):
    """A question under way, until when (monotonic seconds)."""

    name: str
    kind: str
    tries: int
    address: str
    until: float


class _Questions:
    """Those to be asked, those under way by number, and the answers."""

    def __init__(self, wanted: Iterable[Sequence[str]], resolvers: Iterable[str], port: int) -> None:
        self.left = [(name, kind, 0) for name, kind in wanted]
        self.waiting: dict[int, _Waiting] = {}
        self.found: dict[str, list[str]] = {}
        self.port = port
        self.sockets = {address: _connected(address, port) for address in resolvers if self.left}

    def run(self) -> None:
        """Ask until all is answered or nobody answers any more."""
        self.quiet = time.monotonic() + WITHIN
        while self.sockets and (self.left or self.waiting) and time.monotonic() < self.quiet:
            while self.left and self.sockets and len(self.waiting) < AT_ONCE:
                self._send()
            by_socket = {used: address for address, used in self.sockets.items()}
            for ready in select.select(list(by_socket), [], [], 0.1)[0]:
                self._receive(ready, by_socket[ready])
            for number in [n for n, w in self.waiting.items() if w.until < time.monotonic()]:
                name, kind, tries, _, _ = self.waiting.pop(number)
                if tries + 1 < TRIES:
                    self.left.append((name, kind, tries + 1))

    def _send(self) -> None:
        number = struct.unpack("!H", os.urandom(2))[0]
        if number in self.waiting:
            return
        name, kind, tries = self.left.pop()
        address = list(self.sockets)[tries % len(self.sockets)]
        self.waiting[number] = _Waiting(name, kind, tries, address, time.monotonic() + PATIENCE)
        try:
            self.sockets[address].send(_question(number, name, kind))
        except OSError:
            self._drop(address)

    def _receive(self, ready: socket.socket, address: str) -> None:
        try:
            packet = ready.recv(65535)
        except OSError:
            self._drop(address)
            return
        number = struct.unpack("!H", packet[:2])[0] if len(packet) >= 12 else None
        if number not in self.waiting:
            return
        name, kind = self.waiting[number][:2]
        # The question comes back as it was sent, but for the record of EDNS.
        if not packet[12:].startswith(_question(number, name, kind)[12 : -len(EDNS)]):
            return
        del self.waiting[number]
        self.quiet = time.monotonic() + WITHIN
        answer = _read(packet, kind)
        if answer == "truncated":
            answer = _by_tcp(address, self.port, name, kind)
        if answer is not None:
            self.found[f"{name} {kind}"] = answer

    def _drop(self, address: str) -> None:
        """Nobody listens there: a host before its first roll-out, whose resolver is to be its own, loses no time."""
        if address in self.sockets:
            self.sockets.pop(address).close()
        for number in [n for n, w in self.waiting.items() if w.address == address]:
            self.left.append(self.waiting.pop(number)[:3])


def _connected(address: str, port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    # Connected: what others send to this port never arrives, and a port where nobody listens is told.
    try:
        found.connect((address, port))
    except OSError:  # no way there: sending will say so again
        found.close()
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return found


def _question(number: int, name: str, kind: str) -> bytes:
    labels = b"".join(bytes([len(part)]) + part for part in name.encode("ascii").split(b"."))
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 1) + labels + b"\x00" + struct.pack("!2H", TYPES[kind], 1) + EDNS


def _read(packet: bytes, kind: str) -> list[str] | Literal["truncated"] | None:
    _, flags, questions, answers = struct.unpack("!4H", packet[:8])
    if flags & 0x0200:
        return "truncated"
    if flags & 0x0F not in (0, 3):  # an error of the server, or of a signature: nothing is known
        return None
    texts, place = [], 12
    try:
        for _ in range(questions):
            place = _after_name(packet, place) + 4
        for _ in range(answers):
            place = _after_name(packet, place)
            type_, _, _, length = struct.unpack("!HHIH", packet[place : place + 10])
            place += 10
            if type_ == TYPES[kind]:  # others are the aliases on the way to it
                texts.append(_text(packet, place, packet[place : place + length], kind))
            place += length
    except (IndexError, struct.error):
        return None
    return sorted(texts)


def _after_name(packet: bytes, place: int) -> int:
    while packet[place]:
        if packet[place] >= 0xC0:
            return place + 2
        place += 1 + packet[place]
    return place + 1


def _name(packet: bytes, place: int) -> str:
    """A name, with the parts of it that stand elsewhere in the packet (RFC 1035 section 4.1.4)."""
    labels, end = [], len(packet)
    while packet[place]:
        if packet[place] >= 0xC0:
            before = struct.unpack("!H", packet[place : place + 2])[0] & 0x3FFF
            if before >= end:  # only ever backwards, so that this ends
                raise IndexError("a name that leads in circles")
            place = end = before
        else:
            labels.append(packet[place + 1 : place + 1 + packet[place]].decode("latin-1").lower())
            place += 1 + packet[place]
    return ".".join(labels)


def _text(packet: bytes, place: int, data: bytes, kind: str) -> str:
    """The data of a record, at its place in the packet: names in it may go on elsewhere."""
    if kind == "MX":
        return f"{data[0] * 256 + data[1]} {_name(packet, place + 2)}"
    return _joined(data) if kind == "TXT" else f"{data[0]} {data[1]} {data[2]} {data[3:].hex()}"


def _joined(data: bytes) -> str:
    parts, place = [], 0
    while place < len(data):
        parts.append(data[place + 1 : place + 1 + data[place]])
        place += 1 + data[place]
    return b"".join(parts).decode("latin-1")


def _by_tcp(address: str, port: int, name: str, kind: str) -> list[str] | None:
    packet = _question(0, name, kind)
    try:
        with socket.create_connection((address, port), 5) as stream:
            stream.settimeout(5)
            stream.sendall(struct.pack("!H", len(packet)) + packet)
            with stream.makefile("rb") as answers:
                answer = answers.read(struct.unpack("!H", answers.read(2))[0])
            read = _read(answer, kind)
            return None if read == "truncated" else read
    except (OSError, struct.error):
        return None
