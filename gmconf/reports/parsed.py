"""Reports out of messages and files. parsedmarc knows their formats, and bounds what strangers' archives may unpack to."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from typing import Any, NamedTuple

from gmconf.errors import GmconfError
from gmconf.reports.told import Aggregate, Failure, Left, Policy, Row, Sessions, Told

MISSING = "gmconf reports reads reports with parsedmarc, which is not installed here; install gmconf[reports]"
_WHOLE = 1e6
"""Hours: no report's numbers are spread over days."""


class Item(NamedTuple):
    """A message or a file as it was found."""

    where: str
    data: bytes
    message: bool
    """Whether it came as a message: then whoever sent it is looked at."""


def read(items: Iterable[Item], authority: frozenset[str], since: datetime | None) -> Told:
    """Every report once, in the order of time; those that end before ``since`` are left out.

    ``authority`` are the names that this site's own hosts write Authentication-Results under (RFC 8601): a message that did not
    pass DMARC here is no report of the domain it names.
    """
    aggregates: dict[tuple[str, str, str], Aggregate] = {}
    sessions: dict[tuple[str, str], Sessions] = {}
    left: list[Left] = []
    for item in items:
        if item.message and (why := forged(item.data, authority)):
            left.append(Left(item.where, why))
            continue
        found = _report(item)
        if isinstance(found, Left):
            left.append(found)
        elif since is not None and found.end < since:
            continue
        elif isinstance(found, Aggregate):
            aggregates.setdefault((found.reporter, found.id, found.domain), found)
        else:
            sessions.setdefault((found.reporter, found.id), found)
    return Told(
        tuple(sorted(aggregates.values(), key=lambda r: (r.begin, r.reporter, r.id))), tuple(sorted(sessions.values(), key=lambda r: (r.begin, r.reporter, r.id))), tuple(left)
    )  # fmt: skip


def forged(data: bytes, authority: frozenset[str]) -> str:
    """Why a message is not from whom it says, as this site's own hosts saw it; empty when it is, or when they did not look."""
    message = message_from_bytes(data, policy=policy.default)
    for value in message.get_all("Authentication-Results", []):
        text = str(value)
        name = text.split(";", 1)[0].split()
        if name and name[0].lower() in authority:
            domain = _sender(message)
            signers = re.findall(r"\bdkim=pass\b[^;]*?\bheader\.[di]=@?([\w.-]+)", text)
            good = re.search(r"\bdmarc=pass\b", text) or ("dmarc=fail" not in text and any(f".{domain}".endswith(f".{s.lower()}") for s in signers))
            return "" if good else f"sent in the name of {domain}, which this site's own check did not confirm"
    return ""


def _sender(message: EmailMessage) -> str:
    try:
        return plain(message["From"].addresses[0].domain).lower() or "nobody"
    except (AttributeError, IndexError, TypeError):
        return "nobody"


def _report(item: Item) -> Aggregate | Sessions | Left:
    try:
        import parsedmarc
    except ModuleNotFoundError:
        raise GmconfError(MISSING) from None
    logging.getLogger("parsedmarc").setLevel(logging.CRITICAL)
    options: dict[str, Any] = {"offline": True, "always_use_local_files": True, "normalize_timespan_threshold_hours": _WHOLE}
    try:
        found: Any = (parsedmarc.parse_report_email if item.message else parsedmarc.parse_report_file)(item.data, **options)
    except parsedmarc.ParserError as error:
        return Left(item.where, plain(str(error)))
    report: Any = found["report"]
    try:
        if found["report_type"] == "aggregate":
            return _aggregate(report)
        if found["report_type"] == "smtp_tls":
            return _sessions(report)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        # The form was looked at, what strangers put into its fields not.
        return Left(item.where, f"no numbers or times where they should be: {plain(str(error))}")
    return Left(item.where, "a failure report about one message; it is not counted")


def plain(text: object) -> str:
    """A stranger's words on one line, without what a terminal would obey; at most 200 characters."""
    return "".join(c if c.isprintable() else " " for c in str(text))[:200].strip()


def _count(number: object) -> int:
    found = int(str(number))
    if found < 0:
        raise ValueError(f"{found} messages")
    return found


def _aggregate(report: Any) -> Aggregate:
    about, published = report["report_metadata"], report["policy_published"]
    return Aggregate(
        plain(about["org_name"] or about["org_email"]), plain(about["report_id"]), _local(about["begin_date"]), _local(about["end_date"]),
        _domain(published["domain"]), plain(published["p"]), tuple(_row(record) for record in report["records"]),
    )  # fmt: skip


def _row(record: Any) -> Row:
    source, judged, seen = record["source"], record["policy_evaluated"], record["auth_results"]
    return Row(
        str(ip_address(source["ip_address"])), plain(source["name"] or source["as_name"] or ""), _domain(record["identifiers"]["header_from"]),
        _count(record["count"]), plain(judged["disposition"]), judged["dkim"] == "pass", judged["spf"] == "pass",
        tuple(plain(f"{s['domain']}/{s['selector']} {s['result']}") for s in seen["dkim"]), plain(", ".join(f"{s['domain']} {s['result']}" for s in seen["spf"])),
    )  # fmt: skip


def _sessions(report: Any) -> Sessions:
    return Sessions(
        plain(report["organization_name"]), plain(report["report_id"]), _time(report["begin_date"]), _time(report["end_date"]),
        tuple(_policy(p) for p in report["policies"]),
    )  # fmt: skip


def _policy(told: Any) -> Policy:
    failures = tuple(Failure(plain(d["result_type"]), plain(d.get("receiving_mx_hostname") or d.get("receiving_ip") or ""), _count(d["failed_session_count"]))
                     for d in told.get("failure_details") or ())  # fmt: skip
    return Policy(_domain(told["policy_domain"]), plain(told["policy_type"]), _count(told["successful_session_count"]), _count(told["failed_session_count"]), failures)


def _domain(name: object) -> str:
    return plain(name).lower().rstrip(".")


def _local(text: str) -> datetime:
    """parsedmarc spells the seconds of an aggregate report in this machine's time."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _time(text: str) -> datetime:
    """A time as RFC 3339 spells it."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
