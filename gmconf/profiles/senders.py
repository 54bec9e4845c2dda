"""The category auth: DMARC, DKIM and SPF of a domain (CONTROLS 3.2)."""

from __future__ import annotations

import re

from gmconf import spf
from gmconf.controls.zone import tags
from gmconf.profiles.score import Found, bad, good, untested, warned
from gmconf.profiles.source import Source
from gmconf.profiles.table import LESS
from gmconf.zones import parents

_POLICIES = ("none", "quarantine", "reject")
_URI = re.compile(r"mailto:[^@\s,;]+@[^@\s,;!]+(![0-9]+[kmgt]?)?\Z", re.IGNORECASE)
_SILENT = re.compile(r"v=DMARC1; *p=reject"), re.compile(r"v=spf1 +-all", re.IGNORECASE)
"""Records of a domain that sends nothing."""


async def auth(source: Source, domain: str) -> list[Found]:
    """All five subtests."""
    dmarc, policy, record = await _dmarc(source, domain)
    first, ends, text = await _spf(source, domain)
    keys = await _dkim(source, domain)
    silent = policy.status == "good" and ends.status == "good" and _SILENT[0].match(record) and _SILENT[1].match(text)
    if keys.status == "bad" and silent:
        keys = untested("dkim", "a domain that sends nothing")
    return [dmarc, policy, keys, first, ends]


async def _dkim(source: Source, domain: str) -> Found:
    """Keys have names that cannot be guessed: what can be asked is whether there is anything below _domainkey (RFC 8020)."""
    answer = await source.ask(f"_domainkey.{domain}", "TXT")
    if answer.status == "failed":
        return bad("dkim", answer.note)
    return bad("dkim", f"nothing below _domainkey.{domain}") if answer.status == "no-name" else good("dkim")


async def _dmarc(source: Source, domain: str) -> tuple[Found, Found, str]:
    answer = await source.ask(f"_dmarc.{domain}", "TXT")
    records = await _dmarc_records(source, domain)
    above = ""
    if answer.status == "failed":
        return bad("dmarc", f"_dmarc.{domain}: {answer.note}"), untested("dmarc_policy", "no DMARC record was seen", counts=True), ""
    if not records:
        for name in reversed([n for n in parents(domain) if "." in n]):
            records = [r for r in await _dmarc_records(source, name) if tags(r).get("psd", "").lower() != "y"]
            if records:
                above = name
                break
    if len(records) != 1:
        note = f"{len(records)} records: {', '.join(records)}" if records else f"no record at _dmarc.{domain}"
        return bad("dmarc", note), untested("dmarc_policy", "no DMARC record that counts", counts=True), ""
    record = records[0]
    return good("dmarc", record), await _policy(source, domain, record, above), record


async def _dmarc_records(source: Source, name: str) -> list[str]:
    return [text for text in (await source.ask(f"_dmarc.{name}", "TXT")).values if text.lower().startswith("v=dmarc1")]


async def _policy(source: Source, domain: str, record: str, above: str) -> Found:
    if wrong := _syntax(record):
        return bad("dmarc_policy", f"{record}: {wrong}")
    read = {name: value.lower() for name, value in tags(record).items()}
    asked = read.get("sp" if above and "sp" in read else "p")
    if asked is None:
        return bad("dmarc_policy", f"{record}: no policy", LESS)
    testing = read.get("t") == "y"
    if asked == "none" or (testing and asked == "quarantine"):
        return bad("dmarc_policy", f"{record}: nothing is quarantined or rejected", LESS)
    for name in _report_hosts(record):
        if not _akin(name, above or domain) and not await _authorised(source, above or domain, name):
            return warned("dmarc_policy", f"{name} has not agreed to get reports: no {above or domain}._report._dmarc.{name}")
    return good("dmarc_policy", f"p={asked}" + (f" of {above}" if above else ""))


def _syntax(record: str) -> str:
    read = tags(record)
    names = list(read)
    if not record.startswith("v=DMARC1") or read.get("v") != "DMARC1":
        return "it must begin with v=DMARC1"
    if "p" in names and names.index("p") != 1:
        return "p must stand directly after v"
    for name in ("p", "sp", "np"):
        if name in read and read[name].lower() not in _POLICIES:
            return f"{name} is none, quarantine or reject"
    for name in ("rua", "ruf"):
        if name in read and not all(_URI.match(part.strip()) or "://" in part for part in read[name].split(",")):
            return f"{name} is no list of mailto: addresses"
    return ""


def _report_hosts(record: str) -> list[str]:
    uris = [part.strip() for name in ("rua", "ruf") for part in tags(record).get(name, "").split(",") if "@" in part]
    return [uri.rpartition("@")[2].partition("!")[0].lower().rstrip(".") for uri in uris]


def _akin(one: str, other: str) -> bool:
    """Whether two names belong to one organisation: they share two labels. That test looks at the public suffix list."""
    return one.split(".")[-2:] == other.split(".")[-2:]


async def _authorised(source: Source, domain: str, target: str) -> bool:
    answer = await source.ask(f"{domain}._report._dmarc.{target}", "TXT")
    return sum(tags(text).get("v") == "DMARC1" for text in answer.values) == 1


async def _spf(source: Source, domain: str) -> tuple[Found, Found, str]:
    answer = await source.ask(domain, "TXT")
    records = [text for text in answer.values if spf.is_spf(text)]
    if answer.status == "failed":
        return bad("spf", f"{domain}: {answer.note}"), untested("spf_policy", "no SPF record was seen", counts=True), ""
    if len(records) != 1:
        note = f"{len(records)} records: {', '.join(records)}" if records else "no record"
        return bad("spf", note), untested("spf_policy", "no SPF record that counts", counts=True), ""
    (text,) = records
    wrong, points, _ = await _ends(source, text, spf.LOOKUPS, (domain,))
    return good("spf", text), bad("spf_policy", f"{text}: {wrong}", points) if wrong else good("spf_policy"), text


async def _ends(source: Source, text: str, left: int, way: tuple[str, ...]) -> tuple[str, int, int]:
    """(what is wrong, points, look-ups left) of a record; ``way`` is how it was reached.

    As that test counts: a bare ``a`` is a look-up and ``a:host`` is none, and too many are only seen where a record refers to another.
    """
    if unread := spf.parse(text).wrong:
        return f"cannot be read: {' '.join(unread)}", 0, left
    included = len(way) > 1
    others: list[str] = []
    redirect = end = ""
    for term in text.lower().split()[1:]:
        body = term.lstrip("+-~?")
        kind = body.replace("/", ":", 1).partition(":")[0]
        if body.startswith("redirect="):
            redirect, left = body, left - 1
        elif body == "all":
            end = term
            break
        elif kind in ("include", "mx", "ptr", "exists") or body == "a":
            left -= 1
            others += [body] if kind == "include" else []
    if end in ("all", "+all") or (end == "?all" and not included):
        return f"ends in {end}", LESS, left
    if not (end or redirect or included):
        return "has no end", LESS, left
    for term in (*others, *([redirect] if redirect and not end else [])):
        name = re.split("[:=]", term, maxsplit=1)[1]
        if left < 0 or len(way) > spf.LOOKUPS:
            return f"more than {spf.LOOKUPS} look-ups", LESS, left
        if "{" in name:
            continue
        found = [t for t in (await source.ask(name.rstrip("."), "TXT")).values if spf.is_spf(t)]
        if not found and source.foreign(name.rstrip(".")):
            continue
        if len(found) != 1:
            return f"{term}: {len(found)} records", LESS, left
        # A record that another is redirected to stands for it: it needs an end of its own.
        below = (*way, name) if term.startswith("include") or included else (name,)
        wrong, points, left = await _ends(source, found[0], left, below)
        if wrong:
            return (wrong, points, left) if "look-ups" in wrong else (f"{term}: {wrong}", points, left)
    return "", 0, left
