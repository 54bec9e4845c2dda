"""How the small system files spell values: systemd's KEY=VALUE, lines of words, apt.conf and Perl strings."""

from __future__ import annotations

import re

from gmconf.errors import GmconfError
from gmconf.settings import Value

_WORD = re.compile(r"[A-Za-z0-9_.:/@+-]+")


def spell(value: Value) -> str:
    """systemd (systemd.syntax(7)): yes/no, numbers, text to the end of the line; a list is separated by blanks."""
    if isinstance(value, str):
        # A backslash at the end would join the next line to this one.
        if not value.isprintable() or not value or value != value.strip() or value.endswith("\\"):
            raise GmconfError(f"a systemd file cannot hold {value!r}")
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        raise GmconfError(f"a systemd file has no fractions: {value!r}")
    items = [spell(item) for item in value]
    if any(" " in item for item in items):
        raise GmconfError(f"a list of words is needed: {items!r}")
    return " ".join(items)


def word(value: Value) -> str:
    """Files and scripts made of plain words, where nothing can be quoted (resolv.conf, mailname, sysctl.d)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    raise GmconfError(f"a plain word is needed: {value!r}")


def apt(value: Value) -> str:
    """apt.conf(5): every value is a string in double quotes, without escapes."""
    if isinstance(value, bool):
        return '"true"' if value else '"false"'
    if isinstance(value, int):
        return f'"{value}"'
    if isinstance(value, str) and value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'
    raise GmconfError(f"apt.conf cannot hold {value!r}")


def perl(value: Value) -> str:
    """Perl: numbers, and strings in single quotes, which interpolate nothing."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str) and value.isprintable() and "'" not in value and "\\" not in value:
        return f"'{value}'"
    raise GmconfError(f"needrestart's configuration cannot hold {value!r}")
