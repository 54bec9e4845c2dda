"""MTA-STS policies as senders fetch and read them (RFC 8461)."""

from __future__ import annotations

import ssl
from typing import NamedTuple

from gmconf.verify.connection import LONGEST, SilentError, Wire

PATH = "/.well-known/mta-sts.txt"
HTTPS = 443


class Policy(NamedTuple):
    """What a policy says; ``max_age`` in seconds."""

    mode: str
    max_age: int
    mx: tuple[str, ...]


def fetch(wire: Wire, context: ssl.SSLContext, name: str) -> str:
    """What is served under a name; its lines joined, or the status line where that is not 200: senders follow no
    redirect (section 3.3).

    Raises OSError, also for a page without end.
    """
    wire.secure(context, name)
    wire.send(f"GET {PATH} HTTP/1.0\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode("ascii"))
    got = b""
    while more := wire.more():
        got += more
        if len(got) > LONGEST:
            raise SilentError("an answer without end")
    head, _, body = got.decode("utf-8", "replace").partition("\r\n\r\n")
    status, *_ = head.splitlines() or [""]
    return "\n".join(body.splitlines()) if " 200 " in f"{status} " else status


def complaint(error: ssl.SSLError) -> str:
    """Why senders do not fetch the policy."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"a certificate that senders do not take: {error.verify_message}"
    return f"no TLS: {error.reason or error}"


def read(text: str) -> Policy:
    """A policy (section 3.2); of a field that stands twice the first counts, unknown ones are passed over. Raises
    ValueError: it is none."""
    fields: dict[str, str] = {}
    mx = []
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition(":"))
        if key == "mx":
            mx.append(value.lower().rstrip("."))
        else:
            fields.setdefault(key, value)
    age, mode = fields.get("max_age", ""), fields.get("mode", "")
    if (
        fields.get("version") != "STSv1"
        or mode not in ("enforce", "testing", "none")
        or not (age.isascii() and age.isdigit())
    ):
        raise ValueError(f"no policy: {text[:200]!r}")
    return Policy(mode, int(age), tuple(mx))


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern of a policy is about the name of an MX: the same name, or a star in place of its first label
    (section 4.1)."""
    return pattern == name or (pattern.startswith("*.") and pattern[2:] == name.partition(".")[2])
