"""How security.txt spells values (RFC 9116 section 4): the rest of a line, without blanks or controls."""

from __future__ import annotations

import re

from gmconf.errors import GmconfError
from gmconf.settings import Value

_FIELD = re.compile(r"[A-Za-z0-9._~:/?=&%+@-]+\Z")


def spell(value: Value) -> str:
    """A URI or a date. Raises GmconfError for anything else."""
    if isinstance(value, str) and _FIELD.match(value):
        return value
    raise GmconfError(f"security.txt cannot hold {value!r}")
