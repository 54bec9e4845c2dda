"""OSCAL assessment-results: what was looked at, how, and what follows for each control.

A look at the running hosts is a TEST, one at the site and the rendered files EXAMINE, evidence given by a person
INTERVIEW. A control is satisfied when all its observations are as wanted. A waived one is not satisfied: its risk is an
approved deviation with a deadline. What does not apply is left out of the reviewed controls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from gmconf.assess.check import BROKEN
from gmconf.controls.result import Method, Result
from gmconf.report.components import CATALOGUE_TITLE
from gmconf.report.oscal import Json, Names, at_midnight, line, metadata, of_control, prop, resource, written
from gmconf.report.status import Standing, Standings

METHODS: dict[Method, str] = {"live": "TEST", "static": "EXAMINE", "evidence": "INTERVIEW", "declared": "INTERVIEW"}
PLAN = (
    "What each control asks and how that is looked at is fixed by the catalogue of gmconf; this stands for an"
    " assessment plan."
)


def assessment(found: Standings) -> str:
    """The file, as JSON."""
    names = Names(found)
    content: Json = {
        "uuid": names("assessment-results", str(found.day), found.live.when if found.live else ""),
        "metadata": metadata(found, names, "Mail service, results of its controls"),
        "import-ap": {"href": f"#{names('resource', 'plan')}"},
        "results": [_result(found, names)],
    }
    return written("assessment-results", content, [resource(names, "plan", CATALOGUE_TITLE, PLAN)])


def _result(found: Standings, names: Names) -> Json:
    applying = [row for row in found.rows if row.status != "na"]
    apart = [row for row in found.rows if row.status == "na"]
    selection: Json = {"include-controls": [{"control-id": row.control.id} for row in applying]}
    if apart:
        selection["exclude-controls"] = [{"control-id": row.control.id} for row in apart]
        selection["remarks"] = "Excluded controls do not apply to this site."
    waived = [row for row in applying if row.status == "waived"]
    verdict = found.verdict
    known = {d.name: False for d in found.loaded.site.domains} | {h.name: True for h in found.loaded.site.hosts}
    result: Json = {
        "uuid": names("result", str(found.day)),
        "title": f"Level {verdict.declared or 'none'} declared, {verdict.reached or 'none'} reached",
        "description": (
            "Results of gmconf check"
            + (
                f", and of gmconf verify, started {found.live.when}."
                if found.live
                else "; the running hosts were not asked."
            )
        ),
        "start": at_midnight(found),
        "props": [
            prop("declared-level", verdict.declared or "none"),
            prop("reached-level", verdict.reached or "none"),
            prop("holds", "yes" if verdict.holds else "no"),
        ],
        "local-definitions": _subjects(found, names),
        "reviewed-controls": {"control-selections": [selection]},
        "observations": [
            _observation(found, names, known, row, r, n) for row in applying for n, r in enumerate(row.results)
        ],
        **({"risks": [_risk(names, row) for row in waived]} if waived else {}),
        "findings": [_finding(found, names, row) for row in applying],
    }
    return result


def _subjects(found: Standings, names: Names) -> Json:
    site = found.loaded.site
    services = [
        ("site", f"Mail service of {site.organisation.name}"),
        *((d.name, f"Domain {d.name}, {d.kind}") for d in site.domains),
    ]
    return {
        "components": [
            {
                "uuid": names("subject", name),
                "type": "service",
                "title": name,
                "description": text,
                "status": {"state": "operational"},
            }
            for name, text in services
        ],
        "inventory-items": [
            {
                "uuid": names("subject", host.name),
                "description": f"Debian host with {', '.join(host.roles)}",
                "props": [prop("host", host.name)],
            }
            for host in site.hosts
        ],
    }


def _observation(
    found: Standings, names: Names, known: Mapping[str, bool], row: Standing, result: Result, number: int
) -> Json:
    host = result.subject in known and known[result.subject]
    subject = result.subject if result.subject in known else "site"
    live = result.method == "live" and found.live is not None
    observation: Json = {
        "uuid": names("observation", str(found.day), row.control.id, str(number)),
        "title": f"{row.control.id} of {result.subject}",
        "description": line(
            f"Expected {result.expected}; found {result.observed}" if result.expected else result.observed
        ),
        "props": [prop("status", result.status), *([prop("place", result.where)] if result.where else [])],
        "methods": [METHODS[result.method]],
        "types": ["control-objective"],
        "subjects": [
            {
                "subject-uuid": names("subject", subject),
                "type": "inventory-item" if host else "component",
                "title": result.subject,
            }
        ],
        "collected": found.live.started.isoformat() if live and found.live else at_midnight(found),
    }
    shown = found.loaded.site.evidence.get(row.control.id)
    if result.method == "evidence" and shown:
        where = {"href": shown.where} if shown.where.startswith("https://") else {}
        observation["relevant-evidence"] = [{**where, "description": line(f"{shown.where}, {shown.by}, {shown.day}")}]
    if result.remedy:
        observation["remarks"] = result.remedy
    return observation


def _finding(found: Standings, names: Names, row: Standing) -> Json:
    held = row.status == "pass"
    reason = "pass" if held else "other" if row.status in ("waived", "unseen") else "fail"
    status: Json = {"state": "satisfied" if held else "not-satisfied", "reason": reason}
    if row.waiver:
        status["remarks"] = line(f"Waived until {row.waiver.until} by {row.waiver.owner}: {row.waiver.reason}")
    finding: Json = {
        "uuid": names("finding", str(found.day), row.control.id),
        "title": row.control.title,
        "description": line(" ".join(_reasons(row.results)) or "Knowingly not held."),
        "props": of_control(row.control),
        "target": {"type": "objective-id", "target-id": row.control.id, "status": status},
        "related-observations": [
            {"observation-uuid": names("observation", str(found.day), row.control.id, str(n))}
            for n in range(len(row.results))
        ],
    }
    if row.status == "waived":
        finding["related-risks"] = [{"risk-uuid": names("risk", row.control.id)}]
    return finding


def _reasons(results: Sequence[Result]) -> Iterator[str]:
    broken = [r for r in results if r.status in (*BROKEN, "unseen")]
    if all(r.status == "pass" for r in results):
        yield f"All {len(results)} observations are as wanted." if len(results) > 1 else "The observation is as wanted."
    for result in broken[:3]:
        yield (
            f"{result.subject}: expected {result.expected}, found {result.observed}."
            if result.expected
            else f"Not looked at: {result.observed}."
        )
    if len(broken) > 3:
        yield f"{len(broken) - 3} more are among the observations."


def _risk(names: Names, row: Standing) -> Json:
    assert row.waiver is not None  # only waived controls come here
    return {
        "uuid": names("risk", row.control.id),
        "title": f"Waived: {row.control.title}",
        "description": row.waiver.reason,
        "statement": row.control.why,
        "props": [prop("owner", row.waiver.owner)],
        "status": "deviation-approved",
        "deadline": f"{row.waiver.until}T23:59:59Z",
    }
