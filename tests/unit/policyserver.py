"""A web server with MTA-STS policies on loopback: HTTPS by Python's ssl, a certificate for each name."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

GOOD = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n"


class PolicyServer:
    """Serves on 127.0.0.1 and ::1; ``pairs`` are certificate and key by name, ``answer`` says everything that a name is
    answered with."""

    def __init__(self, port: int, pairs: Mapping[str, tuple[Path, Path]], answer: Callable[[str], str]) -> None:
        self.contexts = {}
        for name, pair in pairs.items():
            self.contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.contexts[name].load_cert_chain(*pair)
        self.front = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.front.load_cert_chain(*next(iter(pairs.values())))
        self.front.sni_callback = self._named
        self.answer = answer
        self.asked: list[str] = []
        self.listening = [
            socket.create_server((a, port), family=socket.AF_INET6 if ":" in a else socket.AF_INET, backlog=64)
            for a in ("127.0.0.1", "::1")
        ]
        for one in self.listening:
            threading.Thread(target=self._accept, args=(one,), daemon=True).start()

    def _named(self, wire: ssl.SSLObject | ssl.SSLSocket, name: str | None, _: ssl.SSLContext) -> None:
        if name in self.contexts:
            wire.context = self.contexts[name]

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                plain, _ = listening.accept()
                threading.Thread(target=self._talk, args=(plain,), daemon=True).start()

    def _talk(self, plain: socket.socket) -> None:
        plain.settimeout(20)
        with suppress(OSError), self.front.wrap_socket(plain, server_side=True) as wire:
            request = b""
            while b"\r\n\r\n" not in request and (more := wire.recv(4096)):
                request += more
            lines = request.decode().split("\r\n")
            name = next(line.partition(": ")[2] for line in lines if line.startswith("Host: "))
            self.asked.append(f"{lines[0]} {name}")
            wire.sendall(self.answer(name).encode())

    def stop(self) -> None:
        for one in self.listening:
            one.shutdown(socket.SHUT_RDWR)
            one.close()
