"""Numbers out of reports, and what they find wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from gmconf.feedback.model import Left, Policy, Row, Told
from gmconf.feedback.origin import Counted, Origin
from gmconf.model import Site

DELIVERED = "none"
"""The disposition of mail that nothing was done to."""


class Problem(NamedTuple):
    """Something that somebody has to look at."""

    status: Literal["fail", "warn"]
    subject: str
    """The domain."""
    what: str
    remedy: str


@dataclass
class Other:
    """Messages that came from none of the site's hosts."""

    passed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """By what the receiver did."""

    @property
    def messages(self) -> int:
        return self.passed + self.failed.total()

    def add(self, row: Row) -> None:
        """Count a row."""
        if row.passed:
            self.passed += row.messages
        else:
            self.failed[row.disposition] += row.messages

    def json(self) -> dict[str, Any]:
        """As plain data."""
        return {"passed": self.passed, "failed": dict(sorted(self.failed.items()))}


@dataclass
class Mail:
    """What receivers saw of mail in the name of a domain; numbers are messages."""

    domain: str
    reporters: set[str] = field(default_factory=set)
    ours_passed: int = 0
    """From the site's hosts."""
    ours_failed: int = 0
    senders: dict[str, Other] = field(default_factory=dict)
    """From services that ``domains[].senders`` names, by their reason."""
    others: Other = field(default_factory=Other)
    """From elsewhere: forwarded with the signature whole, or sent by whom SPF allows."""

    @property
    def messages(self) -> int:
        return self.ours_passed + self.ours_failed + sum(one.messages for one in (*self.senders.values(), self.others))

    def json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "domain": self.domain,
            "reporters": sorted(self.reporters),
            "messages": self.messages,
            "ours": {"passed": self.ours_passed, "failed": self.ours_failed},
            "senders": [{"reason": reason, **one.json()} for reason, one in self.senders.items()],
            "others": self.others.json(),
        }


@dataclass
class Tls:
    """How sessions to a domain went; numbers are sessions."""

    domain: str
    reporters: set[str] = field(default_factory=set)
    succeeded: Counter[str] = field(default_factory=Counter)
    """By policy: tlsa, sts, no-policy-found."""
    failed: int = 0
    failures: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By (kind, MX)."""

    def json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "domain": self.domain,
            "reporters": sorted(self.reporters),
            "succeeded": dict(sorted(self.succeeded.items())),
            "failed": self.failed,
            "failures": [{"kind": kind, "mx": mx, "sessions": n} for (kind, mx), n in sorted(self.failures.items())],
        }


@dataclass
class Numbers:
    """All of it, by domain of the site."""

    begin: datetime | None
    end: datetime | None
    """What the reports cover; None without any."""
    aggregates: int
    sessions: int
    """Reports."""
    mail: list[Mail]
    tls: list[Tls]
    strangers: list[str]
    """Domains of reports that are none of the site's."""
    silent: list[str]
    """Domains that mail is sent from and nobody reported on."""
    problems: list[Problem]
    left: tuple[Left, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing failed that should not."""
        return not any(p.status == "fail" for p in self.problems)

    def json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "holds": self.holds,
            "begin": self.begin and f"{self.begin:%Y-%m-%dT%H:%M:%SZ}",
            "end": self.end and f"{self.end:%Y-%m-%dT%H:%M:%SZ}",
            "reports": {"dmarc": self.aggregates, "tls": self.sessions},
            "dmarc": [m.json() for m in self.mail],
            "tls": [t.json() for t in self.tls],
            "problems": [p._asdict() for p in self.problems],
            "strangers": self.strangers,
            "silent": self.silent,
            "left": [row._asdict() for row in self.left],
        }


def count(told: Told, site: Site) -> Numbers:
    """The numbers of a site, its domains in their order."""
    names = [d.name for d in site.domains]
    origin = Origin(site)
    rows: list[Counted] = []
    policies: list[tuple[str, str, Policy]] = []
    strangers: set[str] = set()
    for report in told.aggregates:
        for row in report.rows:
            domain = origin.domain(row.sender)
            if domain:
                rows.append(origin.counted(domain, report, row))
            else:
                strangers.add(row.sender)
    for sent in told.sessions:
        for policy in sent.policies:
            domain = origin.domain(policy.domain)
            if domain:
                policies.append((domain, sent.reporter, policy))
            else:
                strangers.add(policy.domain)
    mail, tls = _mail(rows, origin), _tls(policies)
    begins = [*(r.begin for r in told.aggregates), *(r.begin for r in told.sessions)]
    ends = [*(r.end for r in told.aggregates), *(r.end for r in told.sessions)]
    return Numbers(
        min(begins, default=None),
        max(ends, default=None),
        len(told.aggregates),
        len(told.sessions),
        [mail[n] for n in names if n in mail],
        [tls[n] for n in names if n in tls],
        sorted(strangers),
        [d.name for d in site.domains if d.kind != "parked" and d.name not in mail],
        [*_of_mail(rows), *(p for n in names if n in tls for p in _of_tls(tls[n]))],
        told.left,
    )


def _mail(rows: Iterable[Counted], origin: Origin) -> dict[str, Mail]:
    found: dict[str, Mail] = {}
    for domain, report, row, host, sender in rows:
        if domain not in found:
            found[domain] = Mail(domain, senders={reason: Other() for reason in origin.reasons(domain)})
        numbers = found[domain]
        numbers.reporters.add(report.reporter)
        if host and row.passed:
            numbers.ours_passed += row.messages
        elif host:
            numbers.ours_failed += row.messages
        else:
            (numbers.senders[sender] if sender else numbers.others).add(row)
    return found


def _tls(policies: Iterable[tuple[str, str, Policy]]) -> dict[str, Tls]:
    found: dict[str, Tls] = {}
    for domain, reporter, policy in policies:
        numbers = found.setdefault(domain, Tls(domain))
        numbers.reporters.add(reporter)
        numbers.succeeded[policy.kind] += policy.succeeded
        numbers.failed += policy.failed
        for failure in policy.failures:
            numbers.failures[failure.kind, failure.mx] += failure.sessions
    return found


def _of_mail(rows: Iterable[Counted]) -> Iterator[Problem]:
    """Mail of the site's hosts and of named senders that did not pass as it should, and mail of others that came
    through."""
    failed: Counter[tuple[str, str, str]] = Counter()
    halves: Counter[tuple[str, str, str]] = Counter()
    strayed: Counter[tuple[str, str, str]] = Counter()
    forged: Counter[str] = Counter()
    reporters: dict[tuple[str, str, str], set[str]] = {}
    for domain, report, row, host, sender in rows:
        seen = f"DKIM {', '.join(row.signatures) or 'none'}; SPF {row.envelope or 'none'}"
        key = (domain, host or sender, seen)
        if host and not row.passed:
            failed[key] += row.messages
        elif host and not (row.dkim and row.spf):
            halves[key] += row.messages
        elif sender and not host and not row.passed:
            strayed[key] += row.messages
        elif not host and not row.passed and row.disposition == DELIVERED:
            forged[domain] += row.messages
        if host or sender:
            reporters.setdefault(key, set()).add(report.reporter)
    for key, number in failed.items():
        domain, host, seen = key
        yield Problem(
            "fail",
            domain,
            f"{many(number, 'message')} of {host} failed DMARC at {_some(reporters[key])}: {seen}",
            "ask gmconf dns check about the records, and gmconf verify --login about the signatures",
        )
    for key, number in strayed.items():
        domain, sender, seen = key
        what = f'{many(number, "message")} of the sender "{sender}" failed DMARC'
        yield Problem(
            "warn",
            domain,
            f"{what} at {_some(reporters[key])}: {seen}",
            "that service must sign with a key of the domain, or have an envelope sender in it; "
            "a network that others share may send forged mail too",
        )
    for key, number in halves.items():
        domain, host, seen = key
        yield Problem(
            "warn",
            domain,
            f"{many(number, 'message')} of {host} passed DMARC by one of two ways only at {_some(reporters[key])}:"
            f" {seen}",
            "a bounce has no envelope sender of the domain, which is fine; else ask gmconf dns check, since forwarded"
            " mail has only its signature",
        )
    for domain, number in forged.items():
        yield Problem(
            "warn",
            domain,
            f"{many(number, 'message')} from elsewhere failed DMARC and {'was' if number == 1 else 'were'} delivered",
            "forwarders and lists are known for it; a stricter dns.dmarc.policy ends it once all of the domain's own"
            " mail passes",
        )


def _of_tls(numbers: Tls) -> Iterator[Problem]:
    if numbers.failed:
        details = "; ".join(
            f"{kind}{f' at {mx}' if mx else ''} ({n})" for (kind, mx), n in sorted(numbers.failures.items())
        )
        total = numbers.failed + numbers.succeeded.total()
        yield Problem(
            "fail",
            numbers.domain,
            f"{numbers.failed} of {many(total, 'session')} failed, seen by {_some(numbers.reporters)}:"
            f" {details or 'no details'}",
            "gmconf verify looks at certificates, TLSA and policy as senders do",
        )


def many(number: int, word: str) -> str:
    """A number with its noun, in the plural unless it is one."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def _some(names: Iterable[str]) -> str:
    found = sorted(names)
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
