"""How clamd.conf and freshclam.conf spell values: one option and one value a line, yes/no, no quoting."""

from __future__ import annotations

from gmconf.errors import GmconfError
from gmconf.settings import Value


def spell(value: Value) -> str:
    """One value. Raises GmconfError for what a line cannot hold: ClamAV knows no escapes, and # needs none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise GmconfError(f"ClamAV has no lists or fractions: {value!r}")
    if not value.isprintable() or not value.strip() or value != value.strip() or '"' in value or len(value) > 900:
        raise GmconfError(f"ClamAV cannot hold {value!r} in one line")
    return value
