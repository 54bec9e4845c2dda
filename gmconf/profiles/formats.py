"""Scores and clauses in the forms that other programs read: JUnit and SARIF."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gmconf.assess.formats import Case, Lapse, Outcome, Rule, lapse, log, suite
from gmconf.printable import record
from gmconf.profiles.bsi import Standing
from gmconf.profiles.score import Found, Score


def scores_junit(scores: Iterable[Score], name: str) -> str:
    """A test case for each subtest of each domain."""
    return suite((_subtest(domain, one) for domain, one in _subtests(scores)), name)


def scores_sarif(scores: Iterable[Score], site: str) -> str:
    """A rule for each subtest, a result for each that costs a domain points or is warned of."""
    found = [
        (domain, one) for domain, one in _subtests(scores) if _costs(one) or one.status in ("warning", "bad", "error")
    ]
    rules = {
        one.key: Rule(
            one.key,
            one.rule.title,
            one.rule.title,
            f"internet.nl, {one.rule.category}: {one.rule.points} points",
            {"category": one.rule.category},
        )
        for _, one in found
    }
    return log([rules[key] for key in sorted(rules)], (_lost(domain, one, site) for domain, one in found))


def clauses_junit(found: Iterable[Standing], name: str) -> str:
    """A test case for each clause; what only evidence can show and what does not apply is skipped."""
    return suite((_clause(one) for one in found), name)


def clauses_sarif(found: Iterable[Standing], site: str) -> str:
    """A rule for each clause that is not met or lacks evidence, and a result for each of its findings."""
    rows = [one for one in found if one.state in ("not met", "evidence missing")]
    rules = [
        Rule(one.clause, one.title, one.title, f"BSI {one.clause}", {"controls": ", ".join(one.controls)})
        for one in rows
    ]
    return log(rules, (_unmet(one, text, site) for one in rows for text in one.findings))


def _subtests(scores: Iterable[Score]) -> Iterator[tuple[str, Found]]:
    return ((score.domain, one) for score in scores for part in score.parts for one in part.found)


def _costs(one: Found) -> bool:
    return one.counts and one.points < one.rule.points


def _told(domain: str, one: Found) -> str:
    points = f"{one.points} of {one.rule.points} points" if one.counts and one.rule.points else "not counted"
    return f"{domain}: {one.rule.title}: {one.status} ({points}){': ' if one.note else ''}{record(one.note)}"


def _subtest(domain: str, one: Found) -> Case:
    properties = (
        ("category", one.rule.category),
        ("status", one.status),
        ("points", str(one.points)),
        ("most", str(one.rule.points if one.counts else 0)),
    )
    return Case(domain, one.key, _outcome(one), _told(domain, one), properties)


def _outcome(one: Found) -> Outcome:
    if one.status == "error":
        return "error"
    if _costs(one) or one.status == "bad":
        return "fail"
    return "skipped" if one.status == "not tested" else "pass"


def _lost(domain: str, one: Found, site: str) -> Lapse:
    return one.key, {
        "level": "error" if _outcome(one) in ("fail", "error") else "warning",
        "kind": "fail",
        **lapse(_told(domain, one), domain, "", "", site),
    }


def _clause(one: Standing) -> Case:
    text = f"{one.state}: {one.title}{': ' if one.findings else ''}{'; '.join(one.findings)}"
    return Case(
        "bsi-tr",
        one.clause,
        "pass" if one.state == "met" else "fail" if one.state == "not met" else "skipped",
        text,
        (("state", one.state),),
    )


def _unmet(one: Standing, text: str, site: str) -> Lapse:
    # What nobody showed yet is to be looked at, and breaks nothing.
    kind = {"level": "error", "kind": "fail"} if one.state == "not met" else {"level": "none", "kind": "review"}
    return one.clause, {**kind, **lapse(f"{one.title}: {text}", one.clause, "", "", site)}
