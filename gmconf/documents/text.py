"""Numbers of the site as people read them."""

from __future__ import annotations

from urllib.parse import quote

from gmconf.dialects.markdown import Link

_SPANS = ((604800, "week"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
_SIZES = ((1024**4, "TiB"), (1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))


def span(seconds: int) -> str:
    """A duration in the largest unit that fits exactly: 172800 is "2 days", 604800 "1 week"."""
    size, unit = next((size, unit) for size, unit in _SPANS if seconds % size == 0)
    return plural(seconds // size, unit)


def debian(release: str) -> str:
    """A release by number and name."""
    return f"Debian {'13' if release == 'trixie' else '12'} ({release})"


def every(seconds: int) -> str:
    """How often: "every day", "every 12 hours"."""
    return f"every {span(seconds).removeprefix('1 ')}"


def plural(count: int, noun: str) -> str:
    """A number and its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def volume(size: int) -> str:
    """Bytes in the largest unit that fits exactly."""
    for unit, name in _SIZES:
        if size % unit == 0:
            return f"{size // unit} {name}"
    return plural(size, "byte")


def phone(number: str) -> Link:
    """A telephone number that a mobile can dial (RFC 3966)."""
    return Link(number, "tel:" + "".join(sign for sign in number if sign in "+0123456789"))


def mail(address: str) -> Link:
    """An address that a mail program can write to (RFC 6068)."""
    return Link(address, mailto(address))


def mailto(address: str) -> str:
    """The URI of an address."""
    return "mailto:" + quote(address, safe="@")


def web(url: str) -> Link:
    """A web page, by its address."""
    return Link(url, url)
