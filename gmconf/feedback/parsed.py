"""Reports out of messages and files: each once, none of them trusted further than it goes, and none that stops the
others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from email import message_from_bytes
from email.message import Message
from typing import TypeVar

from gmconf.feedback import dmarc, tlsrpt
from gmconf.feedback.fields import plain
from gmconf.feedback.model import Aggregate, Left, Sessions, Told
from gmconf.feedback.unpacked import Item, Written, reports

Report = TypeVar("Report", Aggregate, Sessions)


def read(items: Iterable[Item | Left], authority: frozenset[str], since: datetime | None) -> Told:
    """Every report once, in the order of time; those that end before ``since`` are left out.

    ``authority`` are the names that this site's own hosts write Authentication-Results under (RFC 8601): a message that
    did not pass DMARC here is no report of the domain it names.
    """
    aggregates: dict[tuple[object, ...], tuple[Aggregate, str]] = {}
    sessions: dict[tuple[object, ...], tuple[Sessions, str]] = {}
    left: list[Left] = []
    for item in items:
        for found in [item] if isinstance(item, Left) else _found(item, authority):
            if isinstance(found, Left):
                left.append(found)
            elif since is not None and found.end < since:
                continue
            elif isinstance(found, Aggregate):
                left += _kept(aggregates, found, found.key, item.where)
            else:
                left += _kept(sessions, found, found.key, item.where)
    left += (
        Left(where, f"part of the report {r.id} of {r.reporter}: {flaw}")
        for r, where in aggregates.values()
        for flaw in r.flaws
    )
    left += (
        Left(where, f"part of the report {r.id} of {r.reporter}: {flaw}")
        for r, where in sessions.values()
        for flaw in r.flaws
    )
    return Told(
        tuple(sorted((r for r, _ in aggregates.values()), key=lambda r: (r.begin, r.reporter, r.id))),
        tuple(sorted((r for r, _ in sessions.values()), key=lambda r: (r.begin, r.reporter, r.id))),
        tuple(left),
    )


def _kept(
    known: dict[tuple[object, ...], tuple[Report, str]], report: Report, key: tuple[object, ...], where: str
) -> Iterator[Left]:
    """Remember a report, rather whole than in part;
    one that contradicts what is known under its name is not counted.
    """
    before = known.get(key)
    if before is None or (before[0].flaws and not report.flaws):
        known[key] = report, where
    elif before[0] != report and not report.flaws:
        yield Left(
            where,
            f"another text of the report {report.id} of {report.reporter}, for the same days; the one in {before[1]}"
            " counts",
        )


def _found(item: Item, authority: frozenset[str]) -> Iterator[Aggregate | Sessions | Left]:
    """All of a message or file. Strangers try more than anybody thinks of; one of them must not stop the reports of all
    others."""
    try:
        if item.message and (why := forged(item.data, authority)):
            yield Left(item.where, why)
            return
        for written in reports(item):
            yield from [written] if isinstance(written, Left) else _read(written)
    except Exception as error:
        yield Left(item.where, f"cannot be read: {type(error).__name__} {plain(error)}")


def _read(written: Written) -> Iterator[Aggregate | Sessions | Left]:
    try:
        yield from dmarc.aggregates(written) if written.kind == "xml" else tlsrpt.sessions(written)
    except Exception as error:
        yield Left(written.where, f"cannot be read: {type(error).__name__} {plain(error)}")


def forged(data: bytes, authority: frozenset[str]) -> str:
    """Why a message is not from whom it says, as this site's own hosts saw it; empty when it is, or when they did not
    look."""
    head, _, _ = data.replace(b"\r\n", b"\n").partition(b"\n\n")
    message = message_from_bytes(head)
    for value in message.get_all("Authentication-Results", []):
        text = re.sub(r"\s+", " ", str(value))
        name = text.split(";", 1)[0].split()
        if name and name[0].lower() in authority:
            domain = _sender(message)
            signers = re.findall(r"\bdkim=pass\b[^;]*?\bheader\.[di]=@?([\w.-]+)", text)
            good = re.search(r"\bdmarc=pass\b", text) or (
                "dmarc=fail" not in text and any(f".{domain}".endswith(f".{s.lower()}") for s in signers)
            )
            return "" if good else f"sent in the name of {plain(domain)}, which this site's own check did not confirm"
    return ""


def _sender(message: Message) -> str:
    """The domain of From:, where it is one."""
    text = " ".join(str(value) for value in message.get_all("From", []))
    found = {name.lower().strip(".") for name in re.findall(r"@([\w.-]+)\s*>", text) or re.findall(r"@([\w.-]+)", text)}
    return found.pop() if len(found) == 1 else "nobody"
