"""What the site's contract publishes at a name, as controls of records ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gmconf.controls.result import Observation
from gmconf.derived.records import Record


def at(records: Sequence[Record], owner: str, type_: str) -> list[str]:
    """The rdata of what is to be published at a name; strings of TXT joined, as verifiers read them."""
    return ["".join(r.rdata) for r in records if r.owner == owner and r.type == type_ and r.need != "forbidden"]


def claim(expected: str, observed: Iterable[str], holds: bool, where: str = "dns") -> Observation:
    """An observation of records: those that were found."""
    return Observation(expected, ", ".join(observed) or "nothing", holds, where)
