"""Results in the forms that other programs read: JUnit for CI, SARIF for code hosts and editors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from gmconf import __version__
from gmconf.check import Result
from gmconf.controls.control import CATALOGUE


def junit(results: Iterable[Result], name: str) -> str:
    """One test case for each result; class name is the subject, name the control."""
    rows = list(results)
    counts = {status: sum(r.status == status for r in rows) for status in ("fail", "error", "waived", "na")}
    suite = ET.Element(
        "testsuite", name=name, tests=str(len(rows)), failures=str(counts["fail"]), errors=str(counts["error"]),
        skipped=str(counts["waived"] + counts["na"]),
    )  # fmt: skip
    for row in rows:
        case = ET.SubElement(suite, "testcase", classname=row.subject, name=row.control)
        properties = ET.SubElement(case, "properties")
        ET.SubElement(properties, "property", name="level", value=row.level)
        ET.SubElement(properties, "property", name="method", value=row.method)
        text = _sentence(row)
        if row.status == "fail":
            ET.SubElement(case, "failure", message=text)
        elif row.status == "error":
            ET.SubElement(case, "error", message=text)
        elif row.status in ("waived", "na"):
            ET.SubElement(case, "skipped", message=f"{row.status}: {row.observed}")
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def sarif(results: Iterable[Result], site: str) -> str:
    """SARIF 2.1.0: a rule for each control, a result for each that is not held, at the line of the site responsible."""
    rows = [r for r in results if r.status in ("fail", "error", "waived")]
    names = sorted({r.control for r in rows})
    rules = [
        {
            "id": name,
            "shortDescription": {"text": CATALOGUE[name].title},
            "fullDescription": {"text": CATALOGUE[name].why},
            "help": {"text": "\n".join(CATALOGUE[name].quoted())},
            "properties": {"level": CATALOGUE[name].level, "area": CATALOGUE[name].area()},
        }
        for name in names
    ]
    found = [_sarif_result(row, names, site) for row in rows]
    run = {"tool": {"driver": {"name": "gmconf", "version": __version__, "rules": rules}}, "results": found}
    return json.dumps({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _sarif_result(row: Result, names: Sequence[str], site: str) -> dict[str, object]:
    file, line, column = site, 1, 1
    if row.origin.count(":") == 2:  # FILE:LINE:COLUMN
        name, *numbers = row.origin.split(":")
        file, (line, column) = name, map(int, numbers)
    result: dict[str, object] = {
        "ruleId": row.control,
        "ruleIndex": names.index(row.control),
        "level": "note" if row.status == "waived" else "error",
        "kind": "review" if row.status == "waived" else "fail",
        "message": {"text": _sentence(row)},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": line, "startColumn": column}},
                "logicalLocations": [{"name": row.subject, "fullyQualifiedName": row.where or row.subject}],
            }
        ],
    }
    if row.status == "waived":
        del result["kind"]
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": row.observed}]
    return result


def _sentence(row: Result) -> str:
    parts = [f"{row.subject}: {row.where}: " if row.where else f"{row.subject}: "]
    parts.append(f"expected {row.expected}, found {row.observed}" if row.expected else row.observed)
    if row.remedy:
        parts.append(f"; {row.remedy}")
    return "".join(parts)
