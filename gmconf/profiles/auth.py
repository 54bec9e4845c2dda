"""The category auth: DMARC, DKIM and SPF of a domain (CONTROLS 3.2)."""

from __future__ import annotations

import re

from gmconf.derived.spf import LOOKUPS
from gmconf.derived.zones import parents, registry
from gmconf.dns.live.ask import Answer
from gmconf.profiles import readings
from gmconf.profiles.score import Found, bad, good, untested, warned
from gmconf.profiles.source import Source
from gmconf.profiles.table import LESS

_SILENT_SPF = re.compile(r"v=spf1 +(?:exp=[^ ]+ +)?-all(?: +exp=[^ ]+)?")


async def auth(source: Source, domain: str) -> list[Found]:
    """All five subtests."""
    dmarc, policy, silent = await _dmarc(source, domain)
    first, ends, text = await _spf(source, domain)
    keys = await _dkim(source, domain)
    if (
        keys.status == "bad"
        and silent
        and policy.status == "good"
        and ends.status == "good"
        and _SILENT_SPF.fullmatch(text)
    ):
        keys = untested("dkim", "a domain that sends nothing")
    return [dmarc, policy, keys, first, ends]


async def _dkim(source: Source, domain: str) -> Found:
    """Keys have names that cannot be guessed: what can be asked is whether there is anything below _domainkey (RFC
    8020)."""
    answer = await source.ask(f"_domainkey.{domain}", "TXT")
    if answer.status == "failed":
        return bad("dkim", answer.note)
    return bad("dkim", f"nothing below _domainkey.{domain}") if answer.status == "no-name" else good("dkim")


async def _dmarc(source: Source, domain: str) -> tuple[Found, Found, bool]:
    """Both subtests, and whether the record says that the domain sends nothing."""
    answer = await source.ask(f"_dmarc.{domain}", "TXT")
    if answer.status == "failed":
        return (
            bad("dmarc", f"_dmarc.{domain}: {answer.note}"),
            untested("dmarc_policy", "no DMARC record was seen", counts=True),
            False,
        )
    records, above = _beginning(answer, "v=dmarc1"), ""
    if not records:
        for name in reversed([n for n in parents(domain) if "." in n]):
            records = [
                r
                for r in _beginning(await source.ask(f"_dmarc.{name}", "TXT"), "v=dmarc1")
                if (readings.dmarc(r) or {}).get("psd") != "y"
            ]
            if records:
                above = name
                break
    if len(records) != 1:
        note = f"{len(records)} records: {', '.join(records)}" if records else f"no record at _dmarc.{domain}"
        return bad("dmarc", note), untested("dmarc_policy", "no DMARC record that counts", counts=True), False
    return good("dmarc", records[0]), await _policy(source, domain, records[0], above), _is_silent(records[0], above)


def _beginning(answer: Answer, start: str) -> list[str]:
    """The texts that begin like a record of a kind; that test takes whatever does."""
    return [text for text in map(readings.printed, answer.values) if text.lower().startswith(start)]


def _is_silent(record: str, above: str) -> bool:
    """Whether a policy is that of a domain that sends nothing: here, letters count."""
    if above and "sp=" in record:
        return record.startswith("v=DMARC1;") and "sp=reject" in record
    return re.match("v=DMARC1; *p=reject", record) is not None


async def _policy(source: Source, domain: str, record: str, above: str) -> Found:
    read = readings.dmarc(record)
    if read is None:
        return bad(
            "dmarc_policy",
            f"{record}: that test cannot read it: v=DMARC1; p=...; and then each tag once, in a form that the standard"
            " knows",
        )
    asked = read.get("sp" if above and "sp" in read else "p")
    if asked is None:
        return bad("dmarc_policy", f"{record}: no policy", LESS)
    if asked == "none" or (read.get("t") == "y" and asked == "quarantine"):
        return bad("dmarc_policy", f"{record}: nothing is quarantined or rejected", LESS)
    for name in readings.report_hosts(read):
        if not _akin(name, above or domain) and not await _authorised(source, above or domain, name):
            return warned(
                "dmarc_policy",
                f"{name} has not agreed to get reports: no v=DMARC1; at {above or domain}._report._dmarc.{name}",
            )
    return good("dmarc_policy", f"p={asked}" + (f" of {above}" if above else ""))


def _akin(one: str, other: str) -> bool:
    """Whether two names belong to one organisation. That test looks at the public suffix list."""
    return _organisation(one) == _organisation(other)


def _organisation(name: str) -> list[str]:
    labels = name.split(".")
    return labels[-3 if registry(".".join(labels[-2:])) else -2 :]


async def _authorised(source: Source, domain: str, target: str) -> bool:
    answer = await source.ask(f"{domain}._report._dmarc.{target}", "TXT")
    return sum(readings.dmarc(text) is not None for text in map(readings.printed, answer.values)) == 1


async def _spf(source: Source, domain: str) -> tuple[Found, Found, str]:
    answer = await source.ask(domain, "TXT")
    if answer.status == "failed":
        return bad("spf", f"{domain}: {answer.note}"), untested("spf_policy", "no SPF record was seen", counts=True), ""
    records = _beginning(answer, "v=spf1")
    if len(records) != 1:
        note = f"{len(records)} records: {', '.join(records)}" if records else "no record"
        return bad("spf", note), untested("spf_policy", "no SPF record that counts", counts=True), ""
    (text,) = records
    wrong, points, _ = await _ends(source, text, LOOKUPS, included=False)
    return good("spf", text), bad("spf_policy", f"{text}: {wrong}", points) if wrong else good("spf_policy"), text


async def _ends(source: Source, text: str, left: int, *, included: bool) -> tuple[str, int, int]:
    """(what is wrong, points, look-ups left) of a record.

    As that test counts: a bare ``a`` is a look-up and ``a:host`` is none, unless "mx", "ptr" or "exists" stands
    somewhere in it; too many are only seen where a record refers to another.
    """
    terms = readings.spf(text)
    if terms is None:
        return "that test cannot read it", 0, left
    if not terms:
        return "has no end", LESS, left
    includes: list[str] = []
    redirects: list[str] = []
    end = ""
    for term in terms:
        if term.startswith("redirect"):
            redirects.append(term)
            left -= 1
        elif "include:" in term:
            includes.append(term)
            left -= 1
        elif any(word in term for word in ("mx", "ptr", "exists")) or term == "a":
            left -= 1
        elif term.lstrip("+-~?") == "all":
            end = term
            break
    if end in ("all", "+all") or (end == "?all" and not included):
        return f"ends in {end}", LESS, left
    if not (end or redirects or included):
        return "has no end", LESS, left
    # Only one redirection is followed, and it stands for the record: it needs an end of its own.
    followed = [(term, term.split(":")[1], True) for term in includes]
    followed += [
        (term, term.split("=")[1], False) for term in [t for t in redirects if "redirect=" in t][:1] if not end
    ]
    for term, name, is_include in followed:
        if left < 0:
            return f"more than {LOOKUPS} look-ups", LESS, left
        if "{" in name:
            continue
        answer = await source.ask(name.rstrip("."), "TXT")
        if not answer.values and source.foreign(name.rstrip(".")):
            continue
        if not answer.values:
            return f"{term}: no answer", LESS, left
        found = _beginning(answer, "v=spf1")
        if len(found) != 1:
            return f"{term}: {len(found)} records", 0, left
        wrong, points, left = await _ends(source, found[0], left, included=is_include)
        if wrong:
            return (wrong, points, left) if "look-ups" in wrong else (f"{term}: {wrong}", points, left)
    return "", 0, left
