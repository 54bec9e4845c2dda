"""Results in the forms that other programs read: JUnit for CI, SARIF for code hosts and editors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple
from xml.etree import ElementTree as ET

from gmconf import __version__
from gmconf.controls.control import CATALOGUE
from gmconf.controls.result import Result
from gmconf.errors import Problem
from gmconf.printable import form, line, words

Outcome = Literal["pass", "fail", "error", "skipped"]


class Case(NamedTuple):
    """One thing that was judged, as JUnit tells it."""

    subject: str
    name: str
    outcome: Outcome
    text: str
    properties: tuple[tuple[str, str], ...] = ()


class Rule(NamedTuple):
    """What is asked for, as SARIF describes it."""

    id: str
    title: str
    why: str
    help: str
    properties: Mapping[str, str]


Lapse = tuple[str, dict[str, object]]
"""Name of the rule, and the rest of a SARIF result."""


def junit(results: Iterable[Result], name: str) -> str:
    """One test case for each result; class name is the subject, name the control."""
    return suite(map(_case, results), name)


def _case(row: Result) -> Case:
    properties = (("level", row.level), ("method", row.method))
    if row.status in ("waived", "na", "unseen"):
        return Case(row.subject, row.control, "skipped", f"{row.status}: {row.observed}", properties)
    return Case(
        row.subject,
        row.control,
        "fail" if row.status == "fail" else "error" if row.status == "error" else "pass",
        _sentence(row),
        properties,
    )


def suite(cases: Iterable[Case], name: str) -> str:
    """A JUnit test suite (XML)."""
    rows = list(cases)
    counts = {outcome: sum(r.outcome == outcome for r in rows) for outcome in ("fail", "error", "skipped")}
    top = ET.Element(
        "testsuite",
        name=line(name),
        tests=str(len(rows)),
        failures=str(counts["fail"]),
        errors=str(counts["error"]),
        skipped=str(counts["skipped"]),
    )
    for row in rows:
        case = ET.SubElement(top, "testcase", classname=line(row.subject), name=line(row.name))
        if row.properties:
            properties = ET.SubElement(case, "properties")
            for key, value in row.properties:
                ET.SubElement(properties, "property", name=key, value=line(value))
        if row.outcome != "pass":
            ET.SubElement(case, {"fail": "failure"}.get(row.outcome, row.outcome), message=words(row.text))
    ET.indent(top)
    return ET.tostring(top, encoding="unicode", xml_declaration=True)


def sarif(results: Iterable[Result], site: str) -> str:
    """SARIF 2.1.0: a rule for each control, a result for each that is not held, at the line of the site responsible."""
    rows = [r for r in results if r.status in ("fail", "error", "waived")]
    controls = (CATALOGUE[name] for name in sorted({r.control for r in rows}))
    rules = [Rule(c.id, c.title, c.why, "\n".join(c.quoted()), {"level": c.level, "area": c.area()}) for c in controls]
    return log(rules, ((row.control, _lapse(row, site)) for row in rows))


def log(rules: Sequence[Rule], lapses: Iterable[Lapse]) -> str:
    """A SARIF log (JSON) of one run."""
    number = {rule.id: n for n, rule in enumerate(rules)}
    described = [
        {
            "id": r.id,
            "shortDescription": {"text": r.title},
            "fullDescription": {"text": r.why},
            "help": {"text": r.help},
            "properties": dict(r.properties),
        }
        for r in rules
    ]
    found = [{"ruleId": rule, "ruleIndex": number[rule], **rest} for rule, rest in lapses]
    run = {"tool": {"driver": {"name": "gmconf", "version": __version__, "rules": described}}, "results": found}
    return json_of({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]})


_SITE = Rule(
    "site",
    "The site can be read and used",
    "What is wrong with it is named with file, line and column.",
    "Mend it; nothing else was looked at.",
    {},
)


def mistakes(problems: Sequence[Problem], wanted: str, name: str) -> str | None:
    """What is wrong with a site or call, in the form that the results would have had; None for forms that only people
    read."""
    if wanted == "json":
        return form({"errors": [problem.json() for problem in problems]})
    if wanted == "junit":
        return suite((Case(p.mark.file, p.path or "site", "error", str(p)) for p in problems), name)
    if wanted == "sarif":
        return log(
            [_SITE],
            (
                (
                    _SITE.id,
                    {"level": "error", "kind": "fail", **lapse(p.message, "site", p.path, str(p.mark), p.mark.file)},
                )
                for p in problems
            ),
        )
    return None


def json_of(data: object) -> str:
    """Plain data as JSON that can be printed."""
    return words(json.dumps(data, indent=2, ensure_ascii=False))


def _lapse(row: Result, site: str) -> dict[str, object]:
    if row.status == "waived":
        suppressed = {"suppressions": [{"kind": "external", "status": "accepted", "justification": row.observed}]}
        return {"level": "note", **lapse(_sentence(row), row.subject, row.where, row.origin, site), **suppressed}
    return {"level": "error", "kind": "fail", **lapse(_sentence(row), row.subject, row.where, row.origin, site)}


def lapse(text: str, subject: str, where: str, origin: str, site: str) -> dict[str, object]:
    """Message and place of a SARIF result; ``origin`` is FILE:LINE:COLUMN or empty, the site file stands in for it."""
    file, line, column = site, 1, 1
    if origin.count(":") == 2:
        name, *numbers = origin.split(":")
        file, (line, column) = name, map(int, numbers)
    place = {
        "physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": line, "startColumn": column}},
        "logicalLocations": [{"name": subject, "fullyQualifiedName": where or subject}],
    }
    return {"message": {"text": text}, "locations": [place]}


def _sentence(row: Result) -> str:
    parts = [f"{row.subject}: {row.where}: " if row.where else f"{row.subject}: "]
    parts.append(f"expected {row.expected}, found {row.observed}" if row.expected else row.observed)
    if row.remedy:
        parts.append(f"; {row.remedy}")
    return "".join(parts)
