"""How XML spells values: text between tags, with the signs of markup escaped."""

from __future__ import annotations

import re

from gmconf.errors import GmconfError
from gmconf.settings import Value

# The library's own escape brings along all of urllib, which takes longer than rendering a host.
_SIGNS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"})
_REFUSED = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ue000-\uf8ff\ufffe\uffff\ud800-\udfff]")


def spell(value: Value) -> str:
    """true/false, numbers, escaped text. Raises GmconfError for what XML 1.0 cannot hold in one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str) or _REFUSED.search(value):
        raise GmconfError(f"XML cannot hold {value!r} in one line")
    return value.translate(_SIGNS)
