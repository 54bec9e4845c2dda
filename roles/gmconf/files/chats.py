#!/usr/bin/python3
"""Ends the chat sessions (XMPP) of the logins on standard input, one a line; "*" is all of them.

Speaks with Prosody's shell over its socket: what stands on a command line, every user of the host can read.
Exit code 1: it is not sure that all have ended.
"""

from __future__ import annotations

import socket
import sys
import time
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

SHELL = "/run/prosody/shell"
HELLO = "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='xmpp:prosody.im/admin'>"
LONGEST = 60
"""Seconds for all of them."""
REASON = '"the account has changed", "not-authorized"'


def orders(logins: list[str]) -> list[str]:
    """What the shell is told, in Lua. Whatever a login holds, it stays a string: every byte is a number."""
    if "*" in logins:
        return [f"c2s:closeall({REASON})"]
    return [
        'c2s:close("{}", {})'.format("".join(f"\\{byte:03d}" for byte in login.encode()), REASON) for login in logins
    ]


def tell(lines: list[str], path: str = SHELL) -> None:
    """One after the other. Raises OSError or ValueError where one was not obeyed."""
    end = time.monotonic() + LONGEST
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(LONGEST)
        client.connect(path)
        parser: XMLPullParser[Element] = XMLPullParser(events=("end",))
        client.sendall(HELLO.encode())
        for line in lines:
            client.sendall(f"<repl-input>{line}</repl-input>".encode())
            if not _obeyed(client, parser, end):
                raise ValueError("Prosody has not ended a session")


def _obeyed(client: socket.socket, parser: XMLPullParser[Element], end: float) -> bool:
    while True:
        for event in parser.read_events():
            element = event[-1]
            if isinstance(element, Element) and element.tag.rpartition("}")[2] == "repl-result":
                return element.get("type") != "error" and "closed" in (element.text or "")
        data = client.recv(65536)
        if not data or time.monotonic() > end:
            return False
        parser.feed(data)


def main() -> int:
    """Exit code."""
    try:
        tell(orders([line for line in sys.stdin.read().split("\n") if line]))
    except (OSError, ValueError, ParseError) as error:
        print(f"chats: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
