"""What ``gmconf keys status`` and ``plan`` tell: where every key stands, how old it is,
and what comes next and when.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from gmconf.keys.rollover import Key, instant
from gmconf.rotation.steps import ahead, gone
from gmconf.rotation.subjects import CONTROL, Subject, began, due, fresh, overdue, subjects
from gmconf.site.load import Loaded


@dataclass(frozen=True, slots=True)
class Standing:
    """One key of one domain or host. Times are UTC; None where nobody knows, or nothing comes."""

    kind: str
    subject: str
    key: str
    state: str
    since: datetime | None
    days: int | None
    """Whole days in this state."""
    next_step: str
    possible: datetime | None
    """The earliest time of the next step."""
    overdue: bool

    def json(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "kind": self.kind,
            "subject": self.subject,
            "key": self.key,
            "state": self.state,
            "since": _shown(self.since),
            "days": self.days,
            "next": self.next_step,
            "possible": _shown(self.possible),
            "overdue": self.overdue,
        }


def status(loaded: Loaded, now: datetime, only: str | None = None) -> list[Standing]:
    """Every key that is not retired, and the retired ones of this site's subjects, the oldest first."""
    return [_standing(loaded, subject, key, now) for subject in subjects(loaded, only) for key in subject.keys]


def refused(loaded: Loaded, rows: list[Standing], now: datetime) -> bool:
    """Whether something is overdue that the level asks for (silver), and that is not waived."""
    waived = CONTROL in loaded.site.waived(now.date())
    return loaded.site.level == "silver" and not waived and any(r.overdue for r in rows)


def _standing(loaded: Loaded, subject: Subject, key: Key, now: datetime) -> Standing:
    since = began(loaded, subject) if key.state == "active" else key.since
    text, possible = _coming(loaded, subject, key)
    late = key.state == "active" and overdue(loaded, subject, now)
    return Standing(
        subject.kind,
        subject.name,
        key.name,
        key.state,
        since,
        (now - since).days if since else None,
        text,
        possible,
        late,
    )


def _coming(loaded: Loaded, subject: Subject, key: Key) -> tuple[str, datetime | None]:
    if key.state == "next":
        if key.seen is None:
            return "publish its record, then: gmconf keys next", None
        return "switch: gmconf keys next", key.seen + timedelta(seconds=key.ttl or 0)
    if key.state == "retiring":
        if key.rolled_out is None:
            return "render and roll out, then: gmconf keys next --rolled-out", None
        return "retire: gmconf keys next", gone(key, subject.linger)
    if key.state == "active" and subject.kind == "dkim" and not subject.key("next"):
        return "make its successor: gmconf keys next", due(loaded, subject)
    return "", None


def plan(loaded: Loaded, now: datetime, only: str | None = None) -> Iterator[dict[str, object]]:
    """Every step that lies ahead, by subject, with its earliest time, as if each were taken as early as may be."""
    for subject in subjects(loaded, only):
        starts = not subject.key("next") and subject.kind == "dkim"
        name = fresh(loaded, subject, max(now, due(loaded, subject) or now)) if starts else ""
        for key, text, when in ahead(
            subject.keys, now, linger=subject.linger, ttl=loaded.site.dns.ttl, due=due(loaded, subject), fresh=name
        ):
            yield {"kind": subject.kind, "subject": subject.name, "key": key, "step": text, "earliest": _shown(when)}


def _shown(value: datetime | None) -> str | None:
    return instant(value) if value else None
