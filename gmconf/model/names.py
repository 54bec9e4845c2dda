"""The words of mail, as types: domain names, addresses, sizes, durations.

Each accepts only what may stand unquoted in every configuration language that gmconf writes, as far as the
standards allow; what they allow beyond that is quoted by the dialects.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

_NAME = re.compile(r"((?!-)[a-z0-9-]{1,63}(?<!-)(\.|\Z))+\Z")
_LOCAL = re.compile(r"[a-z0-9_][a-z0-9_&'=~+-]*(\.[a-z0-9_&'=~+-]+)*\Z")
_ACCOUNT = re.compile(r"[a-z0-9_][a-z0-9_-]*(\.[a-z0-9_-]+)*\Z")
_UNITS = {
    "": 1,
    "k": 1024,
    "kib": 1024,
    "kb": 1000,
    "m": 1024**2,
    "mib": 1024**2,
    "mb": 1000**2,
    "g": 1024**3,
    "gib": 1024**3,
    "gb": 1000**3,
    "t": 1024**4,
    "tib": 1024**4,
    "tb": 1000**4,
}
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_LARGEST = 2**63 - 1
"""Bytes; what daemons count with 64 bits, one of them the sign."""
_LONGEST = 24855 * 86400
"""Seconds; what daemons count with 32 bits, one of them the sign, in whole days."""


def domain_name(value: str) -> str:
    """A fully qualified domain name in lower case without trailing dot (RFC 1035 section 2.3.1, RFC 5890)."""
    text = value.lower()
    if not text.isascii():
        try:
            import idna

            hint = f'; write "{idna.encode(text, uts46=True).decode()}"'
        except Exception as error:  # the library raises several kinds; the name is wrong either way
            hint = f", and this one cannot be (IDNA 2008): {error}"
        raise ValueError(f"a domain name is written in ASCII{hint}")
    if text.endswith("."):
        raise ValueError(f'no dot at the end; write "{text.rstrip(".")}"')
    if "_" in text:
        raise ValueError("an underscore cannot stand in the name of a mail domain or host (RFC 1123)")
    labels = text.split(".")
    if len(labels) < 2:
        raise ValueError("a fully qualified name is needed, such as example.org")
    if len(text) > 253 or not _NAME.match(text):
        raise ValueError("not a domain name: letters, digits and hyphens between dots, 63 a label, 253 in all")
    if labels[-1].isdigit():
        raise ValueError("an IP address is not a name")
    for label in labels if "xn--" in text else ():
        if label.startswith("xn--"):
            try:
                import idna

                idna.decode(label)
            except Exception as error:
                raise ValueError(f"{label} is not a valid internationalised label: {error}") from None
    return text


def local_part(value: str) -> str:
    """The part before the @, in lower case (RFC 5321 section 4.1.2).

    A subset of dot-atom: quoted forms and characters that old mail systems route by (%, !) are refused.
    """
    text = value.lower()
    if not _LOCAL.match(text) or len(text) > 64:
        raise ValueError("not a local part: letters, digits and _&'=~+- between single dots, 64 at most")
    return text


def account_name(value: str) -> str:
    """A local part that may own a mailbox: it becomes a folder on disk and a login."""
    text = value.lower()
    if text.startswith("-"):
        raise ValueError("Postfix refuses recipients that begin with a hyphen (allow_min_user); choose another name")
    if not _ACCOUNT.match(text) or len(text) > 64:
        raise ValueError("a mailbox is named with letters, digits, _ and - between single dots, 64 characters at most")
    return text


def address(value: str) -> str:
    """local@domain in lower case."""
    local, at, domain = value.rpartition("@")
    if not at:
        raise ValueError("an address needs an @, such as info@example.org")
    return f"{local_part(local)}@{domain_name(domain)}"


def size(value: object) -> int:
    """Bytes, from 31457280 or "30 MiB"."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError('a size such as "30 MiB" is needed')
    if isinstance(value, int):
        return _at_most(value, _LARGEST, "8388607 TiB")
    found = re.fullmatch(r"\s*([0-9]+)\s*([a-zA-Z]*)\s*", value)
    if not found or found[2].lower() not in _UNITS:
        raise ValueError('a size such as "30 MiB" is needed (kB, KiB, MB, MiB, GB, GiB, TB, TiB)')
    return _at_most(_number(found[1]) * _UNITS[found[2].lower()], _LARGEST, "8388607 TiB")


def _number(digits: str) -> int:
    """An integer; one of more digits than any bound has is cut, since reading thousands of them is refused or slow."""
    return int((digits.lstrip("0") or "0")[:30])


def _at_most(value: int, most: int, spelled: str) -> int:
    if value > most:
        raise ValueError(f"too large; {spelled} at most")
    return value


def duration(value: object) -> int:
    """Seconds, from "90s", "5m", "2h", "14d". A bare number would leave open what it counts; code may give seconds as
    int."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError('a duration such as "5m" is needed')
    if isinstance(value, int):
        return _at_most(value, _LONGEST, "24855d")
    found = re.fullmatch(r"\s*([0-9]+)\s*([a-z]+)\s*", value)
    if not found or found[2] not in _SECONDS:
        raise ValueError('a duration such as "5m" is needed (s, m, h, d, w)')
    return _at_most(_number(found[1]) * _SECONDS[found[2]], _LONGEST, "24855d")


def sender(text: str) -> str:
    """An address, or a domain."""
    return address(text) if "@" in text else domain_name(text)


def own_sender(text: str) -> str:
    """An address, or ``@domain`` for all of a domain's that nobody else has."""
    if text.startswith("@"):
        return f"@{domain_name(text[1:])}"
    try:
        return address(text)
    except ValueError as error:
        hint = f'; write "@{text.lower()}" for all addresses of the domain' if "@" not in text else ""
        raise ValueError(f"{error}{hint}") from None


def one_or_more(value: object) -> object:
    """A list as it is; one text alone, or nothing, as a list."""
    return (value,) if isinstance(value, str) else () if value is None else value


_NOT_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ue000-\uf8ff]")


def line(value: str) -> str:
    """Free text that stays on one line: no control characters, no line separators."""
    if _NOT_TEXT.search(value):
        raise ValueError("text on one line is needed, without control or private-use characters")
    return value.strip()


DomainName = Annotated[str, AfterValidator(domain_name), Field(max_length=300)]
LocalPart = Annotated[str, AfterValidator(local_part), Field(max_length=300)]
AccountName = Annotated[str, AfterValidator(account_name), Field(max_length=300)]
Address = Annotated[str, AfterValidator(address), Field(max_length=600)]
Addresses = Annotated[tuple[Address, ...], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])]
"""A list; one address may stand there as plain text."""
OwnSender = Annotated[str, AfterValidator(own_sender), Field(max_length=600)]
Sender = Annotated[str, AfterValidator(sender), Field(max_length=600)]
Line = Annotated[str, AfterValidator(line), Field(min_length=1, max_length=500)]
Text = Annotated[str, AfterValidator(line), Field(max_length=500)]
"""A line that may be empty."""
Score = Annotated[float, Field(ge=-100_000, le=100_000, allow_inf_nan=False)]
"""Of rspamd."""
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Size = Annotated[int, BeforeValidator(size, json_schema_input_type=int | str), Field(gt=0)]
Duration = Annotated[int, BeforeValidator(duration, json_schema_input_type=str), Field(gt=0)]
