"""Reports about TLS (RFC 8460), read as far as they can be: a policy that is not as it should be takes no other one
with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from gmconf.feedback.fields import count, domain, period, plain
from gmconf.feedback.model import Failure, Left, Policy, Sessions
from gmconf.feedback.unpacked import Written

_NAMED = (re.compile(r"Report Domain:\s*([\w.-]+)", re.IGNORECASE), re.compile(r"[^!\s]+!([\w.-]+)!\d+!\d+"))
"""The subject, or header, and the file's name, which hold the domain too (RFC 8460 sections 5.1 and 5.3)."""
_BETWEEN = re.compile(r"[\s,\0]*")
_MANY = 1000
"""Reports in one text, and policies in a report."""
_FLAWS = 5
"""What is wrong with one report: so much is told."""


def sessions(written: Written) -> Iterator[Sessions | Left]:
    """All reports in a JSON text."""
    text, reader, start = written.text.lstrip("\ufeff"), json.JSONDecoder(), 0
    for _ in range(_MANY):
        between = _BETWEEN.match(text, start)
        start = between.end() if between else start
        if start == len(text):
            return
        try:
            found, start = reader.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            yield Left(
                written.where,
                f"JSON that cannot be read: {plain(error)}{'' if written.whole else '; the archive is cut off'}",
            )
            return
        try:
            yield _sessions(found, written.names)
        except ValueError as error:
            yield Left(written.where, str(error))
    yield Left(written.where, f"more than {_MANY} reports in one text; the others are not counted")


def _sessions(found: object, names: Iterable[str]) -> Sessions:
    """Raises ValueError when it is no report, of unknown days, or nothing of it can be counted."""
    if not isinstance(found, dict) or "policies" not in found:
        raise ValueError("JSON that is no report about TLS")
    about: dict[str, Any] = found
    days = _object(about.get("date-range"))
    try:
        begin, end = period(days.get("start-datetime"), days.get("end-datetime"))
    except ValueError as error:
        raise ValueError(f"a report about TLS of unknown days (date-range): {error}") from None
    contact = plain(about.get("contact-info") or "")
    told = about["policies"] if isinstance(about["policies"], list) else [about["policies"]]
    policies: list[Policy] = []
    flaws: list[str] = []
    for number, one in enumerate(told[:_MANY], 1):
        try:
            policy, wrong = _policy(_object(one), names)
            policies.append(policy)
        except ValueError as error:
            wrong = [str(error)]
        flaws += [f"policy {number} of {len(told)}: {why}" for why in wrong]
    if len(told) > _MANY:
        flaws.insert(0, f"{len(told)} policies; all after the first {_MANY}")
    shown = (*flaws[:_FLAWS], f"{len(flaws) - _FLAWS} things more") if len(flaws) > _FLAWS else tuple(flaws)
    if flaws and not policies:
        raise ValueError("; ".join(shown))
    reporter = plain(about.get("organization-name") or "") or contact or "somebody without a name"
    return Sessions(reporter, contact, plain(about.get("report-id") or ""), begin, end, tuple(policies), shown)


def _policy(told: dict[str, Any], names: Iterable[str]) -> tuple[Policy, list[str]]:
    """The sessions under a policy, and what could not be counted of them. Raises ValueError when it is nothing."""
    about, summary = _object(told.get("policy")), _object(told.get("summary"))
    flaws: list[str] = []

    def number(name: str) -> int | None:
        try:
            return count(summary[name])
        except (KeyError, ValueError):
            flaws.append(f"{name} is no number")
            return None

    name = domain(about.get("policy-domain")) or next(
        (found[1].lower() for text in names for form in _NAMED if (found := form.search(text))), ""
    )
    succeeded, failed = number("total-successful-session-count"), number("total-failure-session-count")
    failures: list[Failure] = []
    details = told.get("failure-details") or []
    for detail in details if isinstance(details, list) else [details]:
        seen = _object(detail)
        try:
            place = plain(seen.get("receiving-mx-hostname") or seen.get("receiving-ip") or "")
            failures.append(
                Failure(plain(seen.get("result-type") or "no reason"), place, count(seen.get("failed-session-count")))
            )
        except ValueError as error:
            flaws.append(f"failure-details: {error}")
    if not name:
        raise ValueError("no policy-domain, nor one in the subject or the file's name")
    if succeeded is None and failed is None and not failures:
        raise ValueError("; ".join(flaws[:_FLAWS]))
    known = failed if failed is not None else sum(f.sessions for f in failures)
    return Policy(name, plain(about.get("policy-type") or "unknown"), succeeded or 0, known, tuple(failures)), flaws


def _object(value: object) -> dict[str, Any]:
    """What should be a JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}
