"""A news reader (RFC 3977, RFC 4642, RFC 4643), small enough not to need Python's own, which is gone since 3.13."""

from __future__ import annotations

import socket

import clients


class Reader:
    """A session on port 119 or 563."""

    def __init__(self, mx, port: int = 563) -> None:
        self.mx = mx
        self.socket = socket.create_connection((mx.ip4, port), 30)
        self._over_tls() if port == 563 else self._open()
        self.greeting = self._line()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def _open(self) -> None:
        self._file = self.socket.makefile("rb")

    def _over_tls(self) -> None:
        self.socket = clients.trust(self.mx).wrap_socket(self.socket, server_hostname=self.mx.name)
        self._open()

    def _line(self) -> str:
        return self._file.readline().decode("utf-8", "replace").rstrip("\r\n")

    def say(self, line: str) -> str:
        self.socket.sendall(line.encode() + b"\r\n")
        return self._line()

    def block(self) -> list[str]:
        """The lines of a multi-line reply, after its first."""
        lines = []
        while (line := self._line()) != ".":
            lines.append(line.removeprefix("."))
        return lines

    def starttls(self) -> None:
        assert self.say("STARTTLS").startswith("382")
        self._over_tls()

    def login(self, login: str, password: str | None = None) -> str:
        answer = self.say(f"AUTHINFO USER {login}")
        return self.say(f"AUTHINFO PASS {password or self.mx.password}") if answer.startswith("381") else answer

    def post(self, sender: str, subject: str, *headers: str, group: str = "local.talk", text: str = "Text.") -> str:
        """The reply to the article."""
        assert self.say("POST").startswith("340")
        return self.say(
            "\r\n".join((f"From: {sender}", f"Newsgroups: {group}", f"Subject: {subject}", *headers, "", text, "."))
        )

    def find(self, subject: str, group: str = "local.talk") -> list[str]:
        """The lines of the last article with a subject, or none."""
        number, _, last = self.say(f"GROUP {group}").split()[1:4]
        if int(number):
            self.say(f"XHDR Subject 1-{last}")
            found = [line.partition(" ")[0] for line in self.block() if line.partition(" ")[2] == subject]
            if found and self.say(f"ARTICLE {found[-1]}").startswith("220"):
                return self.block()
        return []
