"""Numbers for people: what happened by domain, then what to look at."""

from __future__ import annotations

from collections.abc import Iterator

from gmconf.feedback.count import Mail, Numbers, Other, Tls, many

_DID = {"none": "delivered", "quarantine": "quarantined", "reject": "rejected"}


def lines(numbers: Numbers) -> Iterator[str]:
    """A line for each domain, problems, and what was not counted."""
    for mail in numbers.mail:
        yield f"{mail.domain}: {_of_mail(mail)}"
    for tls in numbers.tls:
        yield f"{tls.domain}: {_of_tls(tls)}"
    for problem in numbers.problems:
        yield f"{problem.status.upper()} {problem.subject}: {problem.what}"
        yield f"    {problem.remedy}"
    for row in numbers.left:
        yield f"not counted: {row.where}: {row.why}"
    if numbers.strangers:
        yield (
            "not counted: reports about"
            f" {', '.join(numbers.strangers[:10])}{' and others' if len(numbers.strangers) > 10 else ''}, no domain of"
            " this site"
        )
    if numbers.silent:
        more = f" and {len(numbers.silent) - 10} more" if len(numbers.silent) > 10 else ""
        yield f"nobody reported on mail from {', '.join(numbers.silent[:10])}{more}"
    period = (
        f", {numbers.begin:%Y-%m-%d %H:%M} to {numbers.end:%Y-%m-%d %H:%M} UTC" if numbers.begin and numbers.end else ""
    )
    bad = sum(p.status == "fail" for p in numbers.problems)
    yield (
        f"{many(numbers.aggregates, 'report')} on DMARC, {numbers.sessions} on TLS{period}: {many(bad, 'failure')},"
        f" {many(len(numbers.problems) - bad, 'warning')}"
    )


def _of_mail(mail: Mail) -> str:
    named = "".join(f'from "{reason}" {_of_others(one)}; ' for reason, one in mail.senders.items() if one.messages)
    return (
        f"{many(mail.messages, 'message')} seen by {len(mail.reporters)}: "
        f"from our hosts {mail.ours_passed} passed, {mail.ours_failed} failed; {named}"
        f"from elsewhere {_of_others(mail.others)}"
    )


def _of_others(one: Other) -> str:
    did = ", ".join(f"{one.failed[k]} {word}" for k, word in _DID.items() if one.failed[k])
    other = one.failed.total() - sum(one.failed[k] for k in _DID)
    did += f"{', ' if did else ''}{other} otherwise" if other else ""
    return f"{one.passed} passed, {one.failed.total()} failed{f' ({did})' if did else ''}"


def _of_tls(tls: Tls) -> str:
    by = ", ".join(f"{n} by {kind}" for kind, n in sorted(tls.succeeded.items()) if n)
    return (
        f"{many(tls.succeeded.total(), 'TLS session')} seen by {len(tls.reporters)}"
        f" succeeded{f' ({by})' if by else ''}, {tls.failed} failed"
    )
