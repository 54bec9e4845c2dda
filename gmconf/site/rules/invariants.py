"""What must hold between settings of different daemons, raw overrides included: each is a mistake seen in the wild."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Literal, NamedTuple

from gmconf.derived.limits import chain
from gmconf.model import Site
from gmconf.site.rules.fixtures import moved

_SECONDS = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {
    "": 1.0,
    "b": 1.0,
    "k": 1024.0,
    "kb": 1024.0,
    "m": 1024.0**2,
    "mb": 1024.0**2,
    "g": 1024.0**3,
    "gb": 1024.0**3,
}
_NUMBER = re.compile(r"([0-9.]+) *([A-Za-z]*)\Z")
Kind = Literal["bytes", "seconds", "count"]


class Term(NamedTuple):
    """One side of an invariant: where an override would set it, and what gmconf renders."""

    service: str
    key: str
    rendered: float
    label: str = ""
    """For what no override can set."""

    def values(self, site: Site, kind: Kind) -> dict[str, float]:
        """The values in force on some host, in bytes, seconds or pieces, by the field that says so ("" for what gmconf
        renders).

        Overrides that are no plain number are left to the daemon.
        """
        found: dict[str, float] = {}
        for host in site.hosts:
            raw, path = site.overriding(host, self.service).get(self.key, ("", ""))
            value = self._read(raw, kind) if path else self.rendered
            if value is not None:
                found[path] = value
        return found

    @staticmethod
    def _read(raw: str, kind: Kind) -> float | None:
        match = _NUMBER.match(raw.strip())
        units = _SECONDS if kind == "seconds" else _BYTES if kind == "bytes" else {"": 1.0}
        if not match or match[2].lower() not in units or match[1].count(".") > 1:
            return None
        return float(match[1]) * units[match[2].lower()]

    def __str__(self) -> str:
        return self.label or f"{self.service} {self.key}"


class Invariant(NamedTuple):
    """``lower`` is at most (``strict``: below) ``upper``; ``why`` completes "or"."""

    lower: Term
    upper: Term
    kind: Kind
    why: str
    strict: bool = False


_PLUS = (
    "Postfix, Dovecot and the filter part sub-addresses at the same sign, or mail is accepted that the mailbox refuses,"
    " and goes back to its sender"
)
_LOGIN = "Dovecot listens there for logins, or nobody can submit mail"
SHARED = {
    ("postfix", "recipient_delimiter"): ("+", _PLUS),
    ("dovecot", "recipient_delimiter"): ("+", _PLUS),
    ("postfix", "smtputf8_enable"): (
        "no",
        "Dovecot's LMTP takes no such addresses: what was accepted would go back to its sender",
    ),
    ("postfix", "smtpd_sasl_type"): ("dovecot", _LOGIN),
    ("postfix", "smtpd_sasl_path"): ("/run/dovecot/auth-smtp", _LOGIN),
    ("unbound", "port"): ("53", "every program on the host asks there"),
    ("clamd", "LocalSocket"): (
        "/run/clamav/clamd.ctl",
        "the filter asks the virus scanner there, and puts all mail off without it",
    ),
}
"""(service, key): the value that other daemons go by too, and why."""


def invariants(site: Site) -> tuple[Invariant, ...]:
    """All of them, with the numbers of this site."""
    c = chain(site)
    postfix, dovecot, rspamd, clamd = (partial(Term, name) for name in ("postfix", "dovecot", "rspamd", "clamd"))
    message = postfix("message_size_limit", c.message_size)
    task = rspamd("options.task_timeout", c.task_timeout)
    stream = clamd("StreamMaxLength", c.stream_max)
    large, hung = (
        "mail between the two is accepted unscanned or refused for ever",
        "a hung filter is not answered by the side that knows better",
    )
    return (
        Invariant(message, rspamd("options.max_message", c.max_message), "bytes", large),
        Invariant(rspamd("options.max_message", c.max_message), stream, "bytes", large),
        Invariant(message, clamd("MaxFileSize", c.stream_max), "bytes", large),
        Invariant(message, clamd("MaxScanSize", c.stream_max * 4), "bytes", large),
        Invariant(
            Term("rspamd", "-", c.av_timeout * c.av_retransmits, "all tries of the virus scanner"),
            task,
            "seconds",
            hung,
            strict=True,
        ),
        Invariant(task, postfix("milter_content_timeout", c.milter_content), "seconds", hung, strict=True),
        Invariant(
            postfix("milter_content_timeout", c.milter_content),
            Term("postfix", "-", 30, "half a minute"),
            "seconds",
            "clients give up before they hear that they should come back",
        ),
        Invariant(
            postfix("lmtp_destination_concurrency_limit", c.lmtp_concurrency),
            dovecot("lmtp_user_concurrency_limit", c.lmtp_user_concurrency),
            "count",
            "a burst to one mailbox is put off for minutes",
        ),
        Invariant(
            postfix("default_process_limit", c.smtpd_processes),
            clamd("MaxQueue", 2 * c.milter_clients),
            "count",
            "mail is put off because the virus scanner takes no more of it",
        ),
    )


def broken(site: Site) -> Iterator[tuple[str, str]]:
    """(field of the site, what is wrong) for every invariant that an override breaks."""
    for rule in invariants(site):
        # Mail passes from any host to any other: the largest value of one side has to fit the smallest of the other.
        below, above = rule.lower.values(site, rule.kind), rule.upper.values(site, rule.kind)
        if not below or not above:
            continue
        (one, low), (other, high) = max(below.items(), key=lambda v: v[1]), min(above.items(), key=lambda v: v[1])
        if low < high or (low == high and not rule.strict):
            continue
        what = "below" if rule.strict else "at most"
        yield one or other or "limits", f"{rule.lower} ({low:g}) must be {what} {rule.upper} ({high:g}), or {rule.why}"
    for raw in site.overridden():
        # In a block of Dovecot it would hold for a part of it.
        value, why = SHARED.get((raw.section, raw.key.rpartition("/")[2]), (raw.value.strip(), ""))
        if raw.value.strip() != value:
            yield raw.path, f"must stay {value}: {why}; remove it"
        if why := moved(raw):
            yield raw.path, f"must stay as gmconf sets it: {why}; remove it"
        if raw.key == "smtpd_forbid_bare_newline_exclusions" and raw.value.strip():
            yield (
                raw.path,
                "must stay empty: whoever is named there can smuggle mail in the name of others (CVE-2023-51764)",
            )
