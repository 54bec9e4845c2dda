"""Whether what is in DNS means the same as what is wanted, whatever its spelling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gmconf.derived import spf
from gmconf.derived.records import Record
from gmconf.dns.live.ask import Answer
from gmconf.dns.live.textrecords import is_key, kind_at

STRICT = ("dns.fcrdns", "dns.mx-valid", "dns.srv")
"""Controls whose addresses belong to names that MX and SRV records lead to; these may be no aliases (RFC 2181 section
10.3, RFC 2782)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What is wrong with one record set."""

    expected: str
    observed: str
    control: str = ""
    """When it concerns another control than the record's own."""
    remove: tuple[str, ...] = ()
    """Values that have to go."""
    publish: bool = True
    """The wanted records have to be put there."""
    error: bool = False
    """It could not be found out."""


def differences(wanted: Sequence[Record], answer: Answer) -> list[Difference]:
    """What one answer about a record set lacks, or has too much of. ``wanted`` has one owner and type.

    Of SPF it is only judged whether there is one record: what that means has to be asked for (sending.judged).
    """
    first = wanted[0]
    if answer.status == "failed":
        return [Difference(f"an answer about {first.owner} {first.type}", answer.note, publish=False, error=True)]
    if first.need == "forbidden":
        there = _left(first.owner, answer.values) if first.type == "TXT" else answer.values
        return [Difference(f"no {first.type} record", _all(there), remove=tuple(there), publish=False)] if there else []
    found: list[Difference] = []
    if first.type in ("A", "AAAA") and answer.alias and first.because[0].ref in STRICT:
        found.append(
            Difference(
                f"{first.owner} itself has addresses",
                "an alias (CNAME), which MX and SRV may not name",
                "dns.mx-valid",
                publish=False,
            )
        )
    if first.type == "TXT":
        return found + _txt(first, "".join(first.rdata), answer.values)
    want = {_plain(r.type, r.text) for r in wanted}
    have = {_plain(first.type, v): v for v in answer.values}
    if not want <= set(have):
        found.append(
            Difference(
                _all(sorted(want)), _all(answer.values), remove=tuple(v for k, v in have.items() if k not in want)
            )
        )
    elif extra := [value for key, value in have.items() if key not in want]:
        found.append(
            Difference(
                f"nothing but {_all(sorted(want))}", _all(extra) + " as well", remove=tuple(extra), publish=False
            )
        )
    return found


def _all(values: Sequence[str]) -> str:
    return ", ".join(values) or "nothing"


def _plain(type_: str, text: str) -> str:
    if type_ == "TLSA":
        head, digest = text.lower().split(" ", 3)[:3], "".join(text.lower().split()[3:])
        return " ".join((*head, digest))
    if type_ == "CAA":
        flags, tag, value = text.split(" ", 2)
        parts = [part.strip() for part in value.strip('"').split(";")]
        # Only the highest bit of the flags means anything, and every CA knows what to do with these tags (RFC 8659
        # section 4.1).
        known = "0" if tag.lower() in ("issue", "issuewild", "iodef") else flags
        return f"{known} {tag.lower()} {parts[0].lower()};{';'.join(sorted(filter(None, parts[1:])))}"
    return text.lower()


def spf_records(values: Sequence[str]) -> list[str]:
    """Those of TXT records that are SPF's."""
    return [v for v in values if spf.is_spf(v)]


def _left(owner: str, values: Sequence[str]) -> list[str]:
    """TXT records that count for something at a name where there should be none of their kind; others are somebody
    else's business."""
    kind = kind_at(owner)
    if kind is None:
        return spf_records(values)
    return [v for v in values if (is_key(v) if kind.name == "DKIM" else kind.counts(v))]


def _txt(record: Record, wanted: str, values: Sequence[str]) -> list[Difference]:
    kind = kind_at(record.owner)
    if not (
        kind.counts(wanted) if kind else spf.is_spf(wanted)
    ):  # the operator's own: a proof of ownership, word by word
        return [] if wanted in values else [Difference(wanted, _all(values))]
    name = kind.name if kind else "SPF"
    found = [v for v in values if kind.counts(v)] if kind else spf_records(values)
    if not found and kind:
        found = [v for v in values if kind.attempts(v)][:1]
    if not found:
        return [Difference(wanted, _all(values))]
    if len(found) > 1 and name != "report authorisation":
        keep = next((v for v in found if (not kind.unlike(wanted, v) if kind else v == wanted)), None)
        rest = [v for v in found if v != keep] if len(set(found)) > 1 else found[1:]
        return [
            Difference(f"one {name} record", f"{len(found)}: {_all(found)}", remove=tuple(rest), publish=keep is None)
        ]
    if kind and all(kind.unlike(wanted, v) for v in found):
        return [Difference(wanted, f"{found[0]} ({kind.unlike(wanted, found[0])})", remove=tuple(found))]
    return []
