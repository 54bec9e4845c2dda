"""Single values of reports: what strangers put where numbers, times, addresses and names belong."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address

from gmconf.printable import line

_MOST = 10**12
"""Messages or sessions of one line; more are nonsense."""


def plain(text: object) -> str:
    """A stranger's words on one line; at most 200 characters."""
    return line(str(text).strip(), 200)


def count(value: object) -> int:
    """A number of messages or sessions. Raises ValueError."""
    text = str(value).strip()
    number = int(text) if re.fullmatch(r"[0-9]{1,13}(\.0*)?", text) and "." not in text else -1
    if isinstance(value, bool) or not 0 <= number <= _MOST:
        raise ValueError(f"no number of messages: {plain(text)[:40] or 'nothing'}")
    return number


def domain(name: object) -> str:
    """A domain as it is compared; empty for what is no text."""
    return plain(name).lower().rstrip(".") if isinstance(name, str) else ""


def address(text: str) -> str:
    """An IP address in its usual spelling; one of IPv4 inside IPv6 is one of IPv4. Raises ValueError."""
    try:
        found = ip_address(text.strip().strip("[]").split("%")[0])
    except ValueError:
        raise ValueError(f"no IP address: {plain(text)[:60] or 'nothing'}") from None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


def moment(text: object) -> datetime:
    """A time: seconds since 1970, or as RFC 3339 spells it. Raises ValueError."""
    said = str(text).strip()
    try:
        if re.fullmatch(r"[0-9]{1,11}(\.[0-9]*)?", said):
            return datetime.fromtimestamp(int(said.split(".")[0]), UTC)
        found = datetime.fromisoformat(said)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"no time: {plain(said)[:40] or 'nothing'}") from None


def period(begin: object, end: object) -> tuple[datetime, datetime]:
    """What a report is about. Raises ValueError."""
    first, last = moment(begin), moment(end)
    if last < first:
        raise ValueError(f"it ends at {plain(end)[:40]}, before it begins")
    return first, last
