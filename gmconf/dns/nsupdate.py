"""Records as scripts for nsupdate(1) (RFC 2136): what is ours is replaced, what others put beside it stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from gmconf.derived.records import Record
from gmconf.dns.zonefile import line

SETS = 50
"""Record sets of one update: a message holds 64 KiB."""


def zone(apexes: frozenset[str], name: str, found: Iterable[Record], foreign: str = "") -> Iterator[str]:
    """The script of one zone; ``apexes`` are the domains whose TXT records are not all ours, ``foreign`` is said of a
    zone that is not.

    A mail domain's name has TXT records of others (proofs of ownership). There only our own record is added; an older
    SPF record has to be deleted by hand, and ``gmconf dns check`` says so.
    """
    yield f"; {name}: written by gmconf; nsupdate -k KEYFILE THIS"
    if foreign:
        yield f"; {foreign}"
    yield f"zone {name}."
    for number, ((owner, type_), group) in enumerate(groupby(found, key=lambda r: (r.owner, r.type)), 1):
        if number % SETS == 0:
            yield "send"
            yield f"zone {name}."
        rows = list(group)
        if type_ == "TXT" and owner in apexes:
            yield from (f"update delete {owner}. TXT {r.text}" for r in rows)
        else:
            yield f"update delete {owner}. {type_}"
        yield from (f"update add {line(r)}" for r in rows if r.need != "forbidden")
    yield "send"
