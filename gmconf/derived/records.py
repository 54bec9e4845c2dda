"""A record that must, should or must not be in DNS."""

from __future__ import annotations

from typing import Literal, NamedTuple

from gmconf.settings import Reason

Need = Literal["required", "recommended", "forbidden"]
TXT_OCTETS = 255
"""The most that one string of a TXT record holds (RFC 1035 section 3.3)."""


class Record(NamedTuple):
    """One record of the contract. ``forbidden``: nothing of this type may be at this name; rdata is empty then."""

    zone: str
    """Absolute names, all of them, without the final dot."""
    owner: str
    type: str
    rdata: str | tuple[str, ...]
    """As a zone file has it (RFC 1035 section 5.1); TXT as its strings, unquoted, of 255 octets at most."""
    ttl: int
    """Seconds."""
    need: Need
    because: tuple[Reason, ...]

    @property
    def text(self) -> str:
        """The rdata as it stands in a zone file."""
        return spelled(self.rdata)


def strings(text: str) -> tuple[str, ...]:
    """A text as the strings of a TXT record; it is ASCII."""
    if len(text) <= TXT_OCTETS:
        return (text,)
    return tuple(text[at : at + TXT_OCTETS] for at in range(0, len(text), TXT_OCTETS))


def spelled(rdata: str | tuple[str, ...]) -> str:
    """Rdata as it stands in a zone file."""
    return rdata if isinstance(rdata, str) else " ".join(map(quoted, rdata))


def quoted(text: str) -> str:
    """A character string in quotes: nothing in it can end it (RFC 1035 section 5.1)."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_escaped(byte) for byte in text.encode()) + '"'


def _escaped(byte: int) -> str:
    if byte in b'"\\':
        return f"\\{chr(byte)}"
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03}"


def order(name: str) -> list[str]:
    """Sorts names as DNSSEC does (RFC 4034 section 6.1): by label, from the right."""
    return name.split(".")[::-1]
