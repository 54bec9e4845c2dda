"""DMARC aggregate reports (RFC 9990, and RFC 7489 before it), read as far as they can be: broken XML is common."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape

from gmconf.feedback.fields import address, count, domain, period, plain
from gmconf.feedback.model import Aggregate, Left, Row
from gmconf.feedback.unpacked import Written

_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)|<!\[CDATA\[(?P<data>.*?)(?:\]\]>|\Z)|<(?P<tag>[^<>]*)>|(?P<text>[^<]+)|<",
    re.DOTALL,
)
_NAME = re.compile(r"/?\s*(?:[^\s:/]*:)?(?P<name>[^\s/]*)")
_DEEP = 32
"""Elements within elements; reports have seven."""
_REASONS = 5
"""Why records of one report are not counted: so many are told apart."""


@dataclass(slots=True)
class _Element:
    name: str
    texts: list[str] = field(default_factory=list)
    parts: dict[str, list[_Element]] = field(default_factory=dict)

    def at(self, *path: str) -> _Element:
        """The first element at a path; one that holds nothing when there is none."""
        found = self
        for name in path:
            found = found.parts[name][0] if name in found.parts else _Element(name)
        return found

    def text(self, *path: str) -> str:
        """What is written there, without the blanks around it."""
        return "".join(self.at(*path).texts).strip()


@dataclass(slots=True)
class _Feedback:
    """One report as it is being read."""

    head: _Element
    """All of it but the records."""
    rows: list[Row] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    """Records that cannot be counted, by the reason."""
    whole: bool = True


class DoctypeError(Exception):
    """The text declares entities; no report has any, and they are how little text becomes much."""


def aggregates(written: Written) -> Iterator[Aggregate | Left]:
    """All reports in an XML text."""
    none = True
    try:
        for found in _feedbacks(written.text):
            none = False
            try:
                yield _aggregate(found)
            except ValueError as error:
                yield Left(written.where, str(error))
    except DoctypeError:
        yield Left(written.where, "an XML text with a DOCTYPE, which no report has")
        return
    if none:
        yield Left(written.where, "XML that is no DMARC report")


def _aggregate(found: _Feedback) -> Aggregate:
    """Raises ValueError when it cannot be told whose report it is, or of which days, and when nothing of it can be
    counted."""
    about = found.head.at("report_metadata")
    contact = plain(about.text("email"))
    reporter = plain(about.text("org_name")) or contact
    published = domain(found.head.text("policy_published", "domain"))
    cut = () if found.whole else ("it is cut off; what came after that is missing",)
    if not reporter:
        raise ValueError("; ".join(("a DMARC report without the name of its reporter (org_name)", *cut)))
    try:
        begin, end = period(about.text("date_range", "begin"), about.text("date_range", "end"))
    except ValueError as error:
        raise ValueError("; ".join((f"a DMARC report of unknown days (date_range): {error}", *cut))) from None
    records = len(found.rows) + found.unread.total()
    # Who leaves the author's domain out means the one that the report is about.
    rows = tuple(row if row.sender else row._replace(sender=published) for row in found.rows)
    flaws = (*(f"{number} of {records} records: {why}" for why, number in found.unread.items()), *cut)
    if flaws and not rows:
        raise ValueError("; ".join(flaws))
    return Aggregate(
        reporter,
        contact,
        plain(about.text("report_id")),
        begin,
        end,
        published,
        plain(found.head.text("policy_published", "p")),
        rows,
        flaws,
    )


def _feedbacks(text: str) -> Iterator[_Feedback]:
    """Each report of a text. Elements that nobody closed end with the one around them; end tags of nothing are passed
    over."""
    path: list[_Element] = []
    found = _Feedback(_Element(""))
    for token in _TOKEN.finditer(text):
        if path and (token["text"] or token["data"]):
            path[-1].texts.append(token["data"] or unescape(token["text"]))
        tag = token["tag"]
        if tag is None:
            continue
        if tag.startswith("!"):
            raise DoctypeError
        named = _NAME.match(tag)
        name = named["name"].lower() if named else ""
        if not path:
            if name == "feedback" and not tag.startswith("/"):
                found = _Feedback(_Element(name))
                path = [found.head]
        elif not tag.startswith("/"):
            if len(path) < _DEEP:
                element = _Element(name)
                path[-1].parts.setdefault(name, []).append(element)
                if not tag.endswith("/"):
                    path.append(element)
        elif any(element.name == name for element in path):
            while path:
                ended = path.pop()
                if ended.name == "record" and path:
                    path[-1].parts["record"].clear()  # reports have thousands of them
                    _add(found, ended)
                if ended.name == name:
                    break
            if not path:
                yield found
    if path:
        found.whole = False
        yield found


def _add(found: _Feedback, record: _Element) -> None:
    try:
        found.rows.append(_row(record))
    except ValueError as error:
        # Of strangers' words there may be as many as records.
        found.unread[str(error) if len(found.unread) < _REASONS else "not as reports are"] += 1


def _row(record: _Element) -> Row:
    """Raises ValueError for what cannot be counted."""
    row, judged, seen = record.at("row"), record.at("row", "policy_evaluated"), record.at("auth_results")
    names = record.at("identifiers") if "identifiers" in record.parts else record.at("identities")
    if not judged.parts:
        raise ValueError("it does not say what the receiver found (policy_evaluated)")
    did = plain(judged.text("disposition")).lower() or "none"
    return Row(
        address(row.text("source_ip")),
        domain(names.text("header_from")),
        count(row.text("count")),
        "none" if did == "pass" else did,
        judged.text("dkim").lower() == "pass",
        judged.text("spf").lower() == "pass",
        tuple(
            plain(f"{domain(s.text('domain'))}/{s.text('selector') or 'none'} {s.text('result').lower() or 'none'}")
            for s in _some(seen, "dkim")
        ),
        plain(
            ", ".join(f"{domain(s.text('domain'))} {s.text('result').lower() or 'none'}" for s in _some(seen, "spf"))
        ),
    )


def _some(seen: _Element, way: str) -> list[_Element]:
    """Results of DKIM or SPF that are about a domain."""
    return [result for result in seen.parts.get(way, ()) if result.text("domain")]
