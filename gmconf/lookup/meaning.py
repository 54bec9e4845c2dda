"""Whether what is in DNS means the same as what is wanted, whatever its spelling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gmconf import spf
from gmconf.controls.zone import tags
from gmconf.lookup.ask import Answer
from gmconf.records import Record

_MATTER = ("v", "p", "sp", "np", "adkim", "aspf", "t", "psd", "pct")
"""Tags of a DMARC record besides its addresses; pct still counts with old receivers."""


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


def differences(wanted: Sequence[Record], answer: Answer) -> list[Difference]:
    """What one answer about a record set lacks, or has too much of. ``wanted`` has one owner and type."""
    first = wanted[0]
    if answer.status == "failed":
        return [Difference(f"an answer about {first.owner} {first.type}", answer.note, publish=False)]
    if first.need == "forbidden":
        there = _ours(first.owner, answer.values) if first.type == "TXT" else answer.values
        return [Difference(f"no {first.type} record", _all(there), remove=tuple(there), publish=False)] if there else []
    found: list[Difference] = []
    if first.type in ("A", "AAAA") and answer.alias and first.because[0].kind == "control":
        found.append(Difference(f"{first.owner} itself has addresses", "an alias (CNAME), which an MX may not name", "dns.mx-valid", publish=False))
    if first.type == "TXT":
        return found + _txt(first, "".join(first.rdata), answer.values)
    want = {_plain(r.type, r.text) for r in wanted}
    have = {_plain(first.type, v): v for v in answer.values}
    if not want <= set(have):
        found.append(Difference(_all(sorted(want)), _all(answer.values), remove=tuple(v for k, v in have.items() if k not in want)))
    elif extra := [value for key, value in have.items() if key not in want]:
        found.append(Difference(f"nothing but {_all(sorted(want))}", _all(extra) + " as well", remove=tuple(extra), publish=False))
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
        return f"{flags} {tag.lower()} {parts[0].lower()};{';'.join(sorted(filter(None, parts[1:])))}"
    return text.lower()


def _ours(owner: str, values: Sequence[str]) -> list[str]:
    """TXT records of the kind that belongs at a name; others are somebody else's business."""
    return [v for v in values if _kind(owner)[0](v)]


def _kind(owner: str) -> tuple[Callable[[str], bool], str]:
    if "._domainkey." in owner:
        return (lambda v: "p" in tags(v)), "DKIM"
    if "._report._dmarc." in owner:
        return (lambda v: tags(v).get("v", "").upper() == "DMARC1"), "report authorisation"
    if owner.startswith("_dmarc."):
        return (lambda v: tags(v).get("v", "").upper() == "DMARC1"), "DMARC"
    if owner.startswith("_smtp._tls."):
        return (lambda v: v.lower().startswith("v=tlsrptv1")), "TLSRPT"
    if owner.startswith("_mta-sts."):
        return (lambda v: v.lower().startswith("v=stsv1")), "MTA-STS"
    return spf.is_spf, "SPF"


def _txt(record: Record, wanted: str, values: Sequence[str]) -> list[Difference]:
    ours, kind = _kind(record.owner)
    if not ours(wanted):  # the operator's own: a proof of ownership, word by word
        return [] if wanted in values else [Difference(wanted, _all(values))]
    found = _ours(record.owner, values)
    if not found:
        return [Difference(wanted, _all(values))]
    if len(found) > 1 and kind != "report authorisation":
        extra = [v for v in found if _same(kind, wanted, v)]
        keep = extra[0] if extra else None
        rest = [v for v in found if v != keep] if len(set(found)) > 1 else found[1:]
        return [Difference(f"one {kind} record", f"{len(found)}: {_all(found)}", remove=tuple(rest), publish=keep is None)]
    if why := _unlike(kind, wanted, found[0]):
        return [Difference(wanted, f"{found[0]} ({why})", remove=(found[0],))]
    return []


def _same(kind: str, wanted: str, found: str) -> bool:
    return not _unlike(kind, wanted, found)


def _unlike(kind: str, wanted: str, found: str) -> str:
    """Empty when both mean the same, else in what they differ."""
    if kind == "SPF":
        return _spf_unlike(spf.parse(wanted), spf.parse(found))
    want, have = tags(wanted), tags(found)
    if kind == "DKIM":
        ours, theirs = (("".join(t.get("p", "").split()), t.get("k", "rsa")) for t in (want, have))
        return "" if ours == theirs else "the key's type differs" if ours[1] != theirs[1] else "the key differs"
    if kind == "DMARC":
        if list(have)[:2] != ["v", "p"]:
            return "p must stand directly after v"
        want, have = _dmarc(want), _dmarc(have)
    wrong = [name for name in sorted({*want, *have}) if want.get(name) != have.get(name)]
    return f"differs in {', '.join(wrong)}" if wrong else ""


def _dmarc(found: dict[str, str]) -> dict[str, str]:
    """Tags that change what receivers do, with their defaults (RFC 9989); addresses in any order."""
    policy = found.get("p", "").lower()
    below = found.get("sp", policy).lower()
    plain = {name: value.lower() for name, value in found.items() if name in _MATTER}
    lists: dict[str, str] = {name: ",".join(sorted(part.strip().lower() for part in found[name].split(","))) for name in ("rua", "ruf") if name in found}
    return {"adkim": "r", "aspf": "r", "t": "n", "pct": "100", "sp": below, "np": below, **plain, **lists}


def _spf_unlike(want: spf.Spf, have: spf.Spf) -> str:
    if have.wrong:
        return f"cannot be read: {' '.join(have.wrong)}"
    reasons = []
    if lost := want.networks - have.networks:
        reasons.append(f"does not let {', '.join(sorted(n for _, n in lost))} send")
    if more := have.networks - want.networks:
        reasons.append(f"lets {', '.join(sorted(n for _, n in more))} send")
    if want.others != have.others:
        reasons.append(f"asks for {' '.join(have.others) or 'nothing'} instead of {' '.join(want.others) or 'nothing'}")
    if want.end != have.end:
        reasons.append(f"ends in {f'{have.end}all' if len(have.end) == 1 else have.end or 'nothing'}")
    return "; ".join(reasons)
