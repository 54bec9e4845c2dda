"""TXT records by the grammar of each kind: what receivers make of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from gmconf.derived import tag_lists as taglist

_POLICIES = ("none", "quarantine", "reject")
_MATTER = {
    "p": _POLICIES,
    "sp": _POLICIES,
    "np": _POLICIES,
    "adkim": ("r", "s"),
    "aspf": ("r", "s"),
    "t": ("y", "n"),
    "psd": ("y", "n", "u"),
}
"""Tags of a DMARC record besides its addresses, with what they may be."""
_FREE = {
    "pct": r"100|[0-9]{1,2}",
    "fo": r"[01ds](\s*:\s*[01ds])*",
    "ri": r"[0-9]{1,10}",
    "rf": r"[a-z]+(\s*:\s*[a-z]+)*",
}  # codespell:ignore fo
"""Others that old receivers read, by their form."""
_URI = re.compile(r"[a-z][a-z0-9+.-]*:[^\s,;]+", re.IGNORECASE)
_TLS = re.compile(
    r"v=TLSRPTv1(?:[ \t]*;[ \t]*[A-Za-z0-9][A-Za-z0-9_.-]{0,31}[ \t]*=[ \t]*[!-:<-~]+(?:[ \t]*,[ \t]*[!-:<-~]+)*)+["
    r" \t]*;?[ \t]*"
)
_STS = re.compile(r"v=STSv1(?:[ \t]*;[ \t]*[A-Za-z0-9][A-Za-z0-9_.-]{0,31}=[!-:<>-~]+)+[ \t]*;?[ \t]*")
_STS_ID = re.compile(r"[A-Za-z0-9]{1,32}")


class Kind(NamedTuple):
    """A kind of TXT record."""

    name: str
    attempts: Callable[[str], bool]
    """Whether a record is meant to be one."""
    counts: Callable[[str], bool]
    """Whether receivers take it for one; others they pass over."""
    unlike: Callable[[str, str], str]
    """(wanted, found): in what the second means something else; empty when it does not."""


def kind_at(owner: str) -> Kind | None:
    """The kind of record that belongs at a name; None where it is SPF's, which has to be evaluated."""
    if "._domainkey." in owner:
        return Kind("DKIM", bool, bool, dkim)
    if "._report._dmarc." in owner:
        return Kind("report authorisation", _begins("v=dmarc1"), _version("DMARC1"), authorisation)
    if owner.startswith("_dmarc."):
        return Kind("DMARC", _begins("v=dmarc1", "p="), _version("DMARC1"), dmarc)
    if owner.startswith("_smtp._tls."):
        return Kind("TLSRPT", _begins("v=tlsrpt", "rua="), re.compile(r"v=TLSRPTv1[ \t]*;").match, tls_reports)  # type: ignore[arg-type]
    if owner.startswith("_mta-sts."):
        return Kind("MTA-STS", _begins("v=sts", "id="), re.compile(r"v=STSv1[ \t]*;").match, policy_id)  # type: ignore[arg-type]
    return None


def _begins(*starts: str) -> Callable[[str], bool]:
    return lambda text: "".join(text.split()).lower().startswith(starts)


def _version(value: str) -> Callable[[str], bool]:
    return lambda text: re.match(rf"v[ \t]*=[ \t]*{value}[ \t]*(;|$)", text) is not None


def is_key(text: str) -> bool:
    """Whether a TXT record holds a DKIM key: one that is revoked (p without value) does not."""
    return bool(taglist.parse(text).tags.get("p"))


def dkim(wanted: str, found: str) -> str:
    """A key record (RFC 6376 section 3.6.1) for signatures of rsa-sha256 or ed25519-sha256 on mail."""
    want, have = taglist.parse(wanted).tags, taglist.parse(found)
    tags = have.tags
    if have.wrong:
        return f"verifiers refuse it: {have.wrong}"
    if "v" in tags and (tags["v"] != "DKIM1" or have.names[0] != "v"):
        return "verifiers refuse it: v is DKIM1 in these letters and stands first, or is not there"
    if "p" not in tags:
        return "verifiers refuse it: there is no p"
    if tags.get("k", "rsa") != want.get("k", "rsa"):
        return "the key's type differs"
    if "".join(tags["p"].split()) != "".join(want.get("p", "").split()):
        return "the key is revoked: p is empty" if not tags["p"] else "the key differs"
    if "h" in tags and "sha256" not in _list(tags["h"]):
        return f"h={tags['h']} excludes sha256, which signatures use"
    if "s" in tags and not {"*", "email"} & set(_list(tags["s"])):
        return f"s={tags['s']} excludes mail"
    if "y" in _list(tags.get("t", "")):
        return "t=y: the key is being tested, and its signatures need not count"
    return ""


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(":")]


def dmarc(wanted: str, found: str) -> str:
    """A policy record (RFC 9989 section 4.7; RFC 7489 section 6.3 for those who follow it still)."""
    have = taglist.parse(found)
    if not _version("DMARC1")(found):
        return "receivers pass over it: it begins with v=DMARC1 in these letters"
    if have.wrong:
        return f"receivers refuse it: {have.wrong}"
    if have.names[:2] != ["v", "p"]:
        return "p must stand directly after v"
    for name, values in _MATTER.items():
        if have.tags.get(name, values[0]).lower() not in values:
            return f"{name}={have.tags[name]} is none of {', '.join(values)}"
    for name, form in _FREE.items():
        if name in have.tags and not re.fullmatch(form, have.tags[name], re.IGNORECASE):
            return f"{name}={have.tags[name]} cannot be read"
    for name in ("rua", "ruf"):
        if name in have.tags and not all(_URI.fullmatch(part) for part in _addresses(have.tags[name])):
            return f"{name} is no list of addresses"
    return _differ(_meaning(taglist.parse(wanted).tags), _meaning(have.tags))


def _meaning(found: dict[str, str]) -> dict[str, str]:
    """Tags that change what receivers do, with their defaults; addresses in any order."""
    policy = found.get("p", "").lower()
    below = found.get("sp", policy).lower()
    plain = {name: value.lower() for name, value in found.items() if name in _MATTER or name == "pct"}
    lists: dict[str, str] = {
        name: ",".join(sorted(set(map(str.lower, _addresses(found[name]))))) for name in ("rua", "ruf") if name in found
    }
    meant: dict[str, str] = {
        "adkim": "r",
        "aspf": "r",
        "t": "n",
        "pct": "100",
        "sp": below,
        "np": below,
        "psd": "u",
        **plain,
        **lists,
    }
    # What says that the domain is its own organisation is what it is without saying so.
    if meant["psd"] == "n":
        meant["psd"] = "u"
    return meant


def _addresses(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _differ(want: dict[str, str], have: dict[str, str]) -> str:
    wrong = [name for name in sorted({*want, *have}) if want.get(name) != have.get(name)]
    return f"differs in {', '.join(wrong)}" if wrong else ""


def authorisation(_: str, found: str) -> str:
    """A record that lets reports about a domain come here (RFC 9990); rua would lead them elsewhere."""
    have = taglist.parse(found)
    if not _version("DMARC1")(found) or have.wrong:
        return "reporters pass over it: it is v=DMARC1;"
    return "differs in rua" if "rua" in have.tags else ""


def tls_reports(wanted: str, found: str) -> str:
    """RFC 8460 section 3."""
    if not _TLS.fullmatch(found):
        return "senders pass over it: v=TLSRPTv1; rua=mailto:... in these letters"
    tags = taglist.parse(found)
    if tags.wrong:
        return f"senders cannot read it: {tags.wrong}"
    want = taglist.parse(wanted).tags.get("rua", "")
    return "" if _set(want) == _set(tags.tags.get("rua", "")) else "differs in rua"


def _set(text: str) -> set[str]:
    return {part.lower() for part in _addresses(text)}


def policy_id(wanted: str, found: str) -> str:
    """RFC 8461 section 3.1."""
    tags = taglist.parse(found)
    if not _STS.fullmatch(found) or tags.wrong or not _STS_ID.fullmatch(tags.tags.get("id", "")):
        return "senders pass over it: v=STSv1; id=... in these letters, the id of 32 letters and digits at most"
    return "" if tags.tags["id"] == taglist.parse(wanted).tags.get("id") else "differs in id"
