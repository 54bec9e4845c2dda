"""What reports say, as far as it counts here."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Row(NamedTuple):
    """Messages of one source that fared alike."""

    source: str
    """IP address."""
    sender: str
    """Domain of the From header."""
    messages: int
    disposition: str
    """What the receiver did: none (also pass), quarantine, reject."""
    dkim: bool
    """Whether a signature counted for the From domain (RFC 9989 section 4.4)."""
    spf: bool
    signatures: tuple[str, ...]
    """As the receiver saw them: ``example.org/s1 pass``."""
    envelope: str
    """SPF as the receiver saw it: ``example.org pass``; empty where it says nothing."""

    @property
    def passed(self) -> bool:
        return self.dkim or self.spf


class Aggregate(NamedTuple):
    """One DMARC aggregate report."""

    reporter: str
    contact: str
    """Who is to be asked about it."""
    id: str
    begin: datetime
    end: datetime
    domain: str
    policy: str
    """The policy that the reporter found."""
    rows: tuple[Row, ...]
    flaws: tuple[str, ...]
    """Parts of it that could not be counted."""

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it one and the same report, however often it comes."""
        return self.reporter, self.contact, self.id or self.rows, self.domain, self.begin, self.end


class Failure(NamedTuple):
    """Sessions that failed alike."""

    kind: str
    """Such as certificate-expired (RFC 8460 section 4.3)."""
    mx: str
    """Whom it happened with; empty where the report does not say."""
    sessions: int


class Policy(NamedTuple):
    """Sessions under one policy of one domain."""

    domain: str
    kind: str
    """tlsa, sts or no-policy-found."""
    succeeded: int
    failed: int
    failures: tuple[Failure, ...]


class Sessions(NamedTuple):
    """One report about TLS."""

    reporter: str
    contact: str
    id: str
    begin: datetime
    end: datetime
    policies: tuple[Policy, ...]
    flaws: tuple[str, ...]

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it one and the same report; one about several domains is about all of them."""
        return (
            self.reporter,
            self.contact,
            self.id or self.policies,
            frozenset(p.domain for p in self.policies),
            self.begin,
            self.end,
        )


class Left(NamedTuple):
    """A message, file or part of it that is not counted, and why."""

    where: str
    why: str


class Told(NamedTuple):
    """All that was read; every report once."""

    aggregates: tuple[Aggregate, ...]
    sessions: tuple[Sessions, ...]
    left: tuple[Left, ...]
