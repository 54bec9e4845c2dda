#!/usr/bin/env python3
"""Submits a message over port 465 as one user and fetches it over IMAPS as another. Standard library only.

python3 molecule/mail.py HOST ADDRESS CA SENDER RECIPIENT    (the password comes from GMCONF_PASSWORD)
"""

from __future__ import annotations

import imaplib
import os
import smtplib
import socket
import ssl
import sys
import time
import uuid
from email.message import EmailMessage


class _At:
    """Connects to an address while the certificate is checked for a name: the lab has no DNS."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __enter__(self) -> None:
        self._real = socket.getaddrinfo
        socket.getaddrinfo = lambda _host, *rest, **more: self._real(self.address, *rest, **more)

    def __exit__(self, *_: object) -> None:
        socket.getaddrinfo = self._real


def exchange(host: str, address: str, ca: str, sender: str, recipient: str, password: str) -> float:
    """Seconds from submission to arrival. Raises on any refusal, or when nothing arrives within 30 s."""
    trust = ssl.create_default_context(cafile=ca)
    mark = uuid.uuid4().hex
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, f"gmconf {mark}"
    message.set_content(f"A message with the mark {mark}.\n")
    start = time.monotonic()
    with _At(address):
        with smtplib.SMTP_SSL(host, 465, context=trust, timeout=30) as smtp:
            smtp.login(sender, password)
            smtp.send_message(message)
        with imaplib.IMAP4_SSL(host, 993, ssl_context=trust, timeout=30) as imap:
            imap.login(recipient, password)
            while time.monotonic() - start < 30:
                imap.select("INBOX")
                _, found = imap.search(None, "SUBJECT", mark)
                if found[0]:
                    return time.monotonic() - start
                time.sleep(0.2)
    raise TimeoutError(f"{mark} did not arrive within 30 s")


def main(argv: list[str]) -> None:
    """Run from the command line."""
    if len(argv) != 5:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    name, address, ca, sender, recipient = argv
    seconds = exchange(name, address, ca, sender, recipient, password=os.environ["GMCONF_PASSWORD"])
    print(f"sent by {sender} over port 465, fetched by {recipient} over IMAPS {seconds:.1f} s later")


if __name__ == "__main__":
    main(sys.argv[1:])
