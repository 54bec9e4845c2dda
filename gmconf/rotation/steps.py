"""The steps of a key from its making to its end, decided from its state, what DNS shows, and the time. Nothing is read
or written here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from gmconf.keys.rollover import Key, instant

Action = Literal["made", "seen", "switched", "rolled out", "retired", "lost", "waits", "nothing"]
"""lost: the record that had been seen is there no more; waits: the step may not be taken yet."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the name servers show of a key that is next, and whether its certificate lies there."""

    lacking: tuple[str, ...] = ()
    """What is wrong, by server; empty when every server shows the right records."""
    ttl: int = 0
    """Seconds that a resolver may keep what it had before:
    the larger of the records' TTL and the zone's negative one.
    """
    unready: str = ""
    """What else the switch needs, as a sentence."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to one key, or why nothing did."""

    action: Action
    key: str
    text: str
    when: datetime | None = None
    """The earliest time of the next step, where it is known."""


def advance(
    keys: tuple[Key, ...],
    now: datetime,
    *,
    linger: int,
    evidence: Evidence | None = None,
    fresh: str = "",
    rolled_out: bool = False,
) -> tuple[tuple[Key, ...], list[Event]]:
    """One step on for each key that may take it: the keys as they are then, and what happened.

    ``linger`` are the seconds that a record stays after the last host stopped using its key, besides the record's TTL
    (0: no TTL either); ``evidence`` belongs to the key that is next; ``fresh`` is the name of a key to make, where one
    is due.
    """
    after: dict[str, Key] = {k.name: k for k in keys}
    events: list[Event] = []
    for key in keys:
        if key.state == "retiring":
            after[key.name], event = _leave(key, now, linger, rolled_out=rolled_out)
            events.append(event)
    for key in keys:
        if key.state == "next":
            event = _come(after, key, now, evidence or Evidence(("nobody was asked",)))
            events.append(event)
    if fresh and not any(k.state == "next" for k in keys):
        after[fresh] = Key(name=fresh, state="next", since=now)
        events.append(Event("made", fresh, "made; publish its record: gmconf dns check SITE says what is missing"))
    return tuple(after.values()), events


def _come(after: dict[str, Key], key: Key, now: datetime, evidence: Evidence) -> Event:
    if evidence.lacking:
        lacking = "; ".join(evidence.lacking)
        if key.seen is None:
            return Event("waits", key.name, f"publish its record first: {lacking}")
        # Resolvers that ask now may keep the wrong answer, so the time counts from the beginning again.
        after[key.name] = key.model_copy(update={"seen": None, "ttl": None})
        return Event("lost", key.name, f"its record had been seen, but is right no more: {lacking}")
    if key.seen is None:
        after[key.name] = key.model_copy(update={"seen": now, "ttl": evidence.ttl})
        when = now + timedelta(seconds=evidence.ttl)
        return Event(
            "seen",
            key.name,
            f"every name server shows its record; it can be switched to from {instant(when)} on, when no resolver keeps"
            " an older answer",
            when,
        )
    ttl = max(key.ttl or 0, evidence.ttl)
    when = key.seen + timedelta(seconds=ttl)
    if now < when:
        return Event(
            "waits", key.name, f"resolvers may keep an older answer until {instant(when)}; come again then", when
        )
    if evidence.unready:
        return Event("waits", key.name, evidence.unready)
    for other in list(after.values()):
        if other.state == "active":
            after[other.name] = Key(name=other.name, state="retiring", since=now, ttl=ttl)
    after[key.name] = Key(name=key.name, state="active", since=now)
    return Event(
        "switched", key.name, "is the active key now: render and roll out, then: gmconf keys next SITE --rolled-out"
    )


def _leave(key: Key, now: datetime, linger: int, *, rolled_out: bool) -> tuple[Key, Event]:
    if key.rolled_out is None:
        if not rolled_out:
            return key, Event(
                "waits",
                key.name,
                "hosts may still use it; when all of them have been rolled out: gmconf keys next SITE --rolled-out",
            )
        key = key.model_copy(update={"rolled_out": now})
        when = gone(key, linger)
        return key, Event(
            "rolled out", key.name, f"no host uses it any more; its record may go from {instant(when)} on", when
        )
    when = gone(key, linger)
    if now < when:
        return key, Event(
            "waits", key.name, f"mail under way is still verified with it until {instant(when)}; come again then", when
        )
    return Key(name=key.name, state="retired", since=now), Event(
        "retired", key.name, "retired: take its record out of DNS; its name is never used again"
    )


def gone(key: Key, linger: int) -> datetime:
    """When the record of a retiring key may go; it is known since when no host uses it."""
    assert key.rolled_out  # asked for by the caller
    return key.rolled_out + timedelta(seconds=linger + (key.ttl or 0) if linger else 0)


def ahead(
    keys: tuple[Key, ...], now: datetime, *, linger: int, ttl: int, due: datetime | None, fresh: str
) -> Iterator[tuple[str, str, datetime | None]]:
    """(key, what happens, earliest time) of every step that lies ahead, as if each before it were taken as early as may
    be.

    ``due`` is when a new key is made (None: nobody knows the age, so now; a key that is never due gives no ``fresh``);
    ``ttl`` is what the site publishes with.
    """
    coming = next((k for k in keys if k.state == "next"), None)
    active = next(k for k in keys if k.state == "active")
    start = now
    if coming is None and fresh:
        start = max(now, due or now)
        yield fresh, "is made", start
        coming = Key(name=fresh, state="next", since=start)
    for key in keys:
        if key.state == "retiring":
            yield from _end(key, now, linger)
    if coming is None:
        return
    if coming.seen is None:
        yield coming.name, "its record is published, and seen at all name servers", start
        coming = coming.model_copy(update={"seen": start, "ttl": ttl})
    assert coming.seen is not None  # set just now, or before
    switch = max(start, coming.seen + timedelta(seconds=coming.ttl or 0))
    yield coming.name, f"becomes the active key in place of {active.name}", switch
    yield from _end(Key(name=active.name, state="retiring", since=switch, ttl=coming.ttl), switch, linger)


def _end(key: Key, now: datetime, linger: int) -> Iterator[tuple[str, str, datetime | None]]:
    if key.rolled_out is None:
        yield key.name, "is used by no host any more (render, roll out, gmconf keys next --rolled-out)", now
        key = key.model_copy(update={"rolled_out": now})
    yield key.name, "is retired, its record is taken out of DNS", max(now, gone(key, linger))
