"""What a look-up showed about one thing that a control asks for."""

from __future__ import annotations

from dataclasses import dataclass

from gmconf.derived.records import Record


@dataclass(frozen=True, slots=True)
class Finding:
    """A control held or not by one subject (a domain, a host, a zone).

    More than an Observation: it brings the records to publish and to remove, from which the output for people is made.
    """

    control: str
    subject: str
    where: str
    """Owner and type."""
    expected: str
    observed: str
    good: bool
    publish: tuple[Record, ...] = ()
    """Records to put there."""
    remove: tuple[str, ...] = ()
    """Records to take away, as lines of a zone file without TTL."""
    error: bool = False
    """It could not be found out."""
    remedy: str = ""
    """What to do about it, besides records to publish or to remove."""
