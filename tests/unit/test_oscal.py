"""OSCAL: judged by two libraries made from what NIST publishes, and whole in itself.

``oscal`` carries the metaschema of each version (structure, types, allowed values, cardinality); ``oscal_bindings`` are
types generated from the JSON schema.
"""

from __future__ import annotations

import copy
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from commands import gmconf
from oscal import OSCAL
from oscal.oscal_support import configure_support
from oscal_bindings import models
from pydantic import ValidationError
from report_sites import DAY, NAMES, edited, prepared
from test_report import RUN, live

from gmconf.controls import CATALOGUE
from gmconf.report.assessment import assessment
from gmconf.report.components import components
from gmconf.report.oscal import token
from gmconf.report.status import Standings, standings
from gmconf.site.load import load


@pytest.fixture(scope="session")
def judge() -> Iterator[Callable[[str], list[str]]]:
    """What is wrong with a file, by both libraries. The first unpacks what NIST published, large, into a folder of its
    own."""
    with tempfile.TemporaryDirectory() as folder:
        configure_support(support_file=f"{folder}/support.db")

        def complaints(text: str) -> list[str]:
            (root,) = json.loads(text)
            found = OSCAL.loads(text)
            # Without an index the library lets everything pass: then this is no judge.
            assert found is not None
            wrong = [
                f"{e['path']}: {e['message']}" if "path" in e and "message" in e else str(e)
                for e in found.validation_errors
            ]
            wrong += [f"{phase} not looked at" for phase, state in found.validation_status.items() if state is None]
            kind = {"component-definition": models.ComponentDefinition, "assessment-results": models.AssessmentResults}[
                root
            ]
            try:
                kind.model_validate(json.loads(text)[root])
            except ValidationError as error:
                wrong += [f"{e['loc']}: {e['msg']}" for e in error.errors()]
            return wrong

        yield complaints


@pytest.fixture
def bronze(tmp_path) -> Path:
    return prepared("bronze", tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_valid(judge, name, tmp_path) -> None:
    found = standings(
        load(prepared(name, tmp_path)), DAY, live(("mta.banner-min", "fail", "smtp"), ("mta.helo", "pass", "smtp"))
    )
    assert judge(components(found)) == []
    assert judge(assessment(found)) == []


def first(data: Any, *path: Any) -> Any:
    for part in path:
        data = data[part]
    return data


@pytest.mark.parametrize(
    ("make", "path", "key", "value"),
    [
        (components, ("component-definition",), "uuid", "not-a-uuid"),
        (components, ("component-definition", "metadata"), "last-modified", "yesterday"),
        (components, ("component-definition", "components", 0), "colour", "red"),
        (
            components,
            ("component-definition", "components", 0, "control-implementations", 0, "implemented-requirements", 0),
            "control-id",
            "no token!",
        ),
        (assessment, ("assessment-results", "results", 0, "observations", 0), "methods", []),
        (assessment, ("assessment-results", "results", 0, "findings", 0, "target", "status"), "state", "perhaps"),
        (assessment, ("assessment-results", "results", 0, "risks", 0), "title", None),
        (assessment, ("assessment-results", "results", 0), "start", "2026-11-24"),
    ],
)
def test_judge_sees_faults(judge, bronze, make, path, key, value) -> None:
    data = json.loads(make(standings(load(bronze), DAY)))
    spoiled = copy.deepcopy(data)
    if value is None:
        del first(spoiled, *path)[key]
    else:
        first(spoiled, *path)[key] = value
    assert judge(json.dumps(data)) == []
    assert judge(json.dumps(spoiled))


def results(found: Standings) -> Any:
    return json.loads(assessment(found))["assessment-results"]["results"][0]


def test_everything_named_is_there_once(bronze) -> None:
    found = standings(load(bronze), DAY, live(("mta.banner-min", "fail", "smtp")))
    for text in (components(found), assessment(found)):
        given = re.findall(r'"uuid": "([0-9a-f-]+)"', text)
        assert len(given) == len(set(given))
        named = set(re.findall(r'"(?:observation|subject|risk)-uuid": "([0-9a-f-]+)"', text)) | set(
            re.findall(r'"#([0-9a-f-]+)"', text)
        )
        assert named <= set(given)
        assert named


def test_same_site_same_day_same_bytes(bronze) -> None:
    first_, second = (standings(load(bronze), DAY, RUN) for _ in range(2))
    assert assessment(first_) == assessment(second)
    assert components(first_) == components(second)
    other = results(standings(load(bronze), DAY.replace(day=25)))
    assert not {o["uuid"] for o in other["observations"]} & {o["uuid"] for o in results(first_)["observations"]}


def test_states_and_methods(bronze) -> None:
    run = live(("mta.banner-min", "fail", "smtp"), ("mta.helo", "pass", "smtp"))
    standing = standings(load(bronze), DAY, run)
    found = results(standing)
    targets = {f["target"]["target-id"]: f for f in found["findings"]}
    status = {name: (f["target"]["status"]["state"], f["target"]["status"]["reason"]) for name, f in targets.items()}
    assert status["mta.helo"] == ("satisfied", "pass")
    assert status["mta.banner-min"] == ("not-satisfied", "fail")
    assert status["xmpp.server"] == ("not-satisfied", "other")
    (risk,) = found["risks"]
    assert (risk["status"], risk["deadline"]) == ("deviation-approved", "2027-04-30T23:59:59Z")
    assert targets["xmpp.server"]["related-risks"] == [{"risk-uuid": risk["uuid"]}]
    apart = {r.control.id for r in standing.rows if r.status == "na"}
    assert apart
    assert not apart & set(targets)
    (selection,) = found["reviewed-controls"]["control-selections"]
    assert {c["control-id"] for c in selection["exclude-controls"]} == apart
    assert {c["control-id"] for c in selection["include-controls"]} == set(targets) == set(CATALOGUE) - apart
    tested = [o for o in found["observations"] if o["methods"] == ["TEST"]]
    assert {o["title"] for o in tested} == {"mta.banner-min of mail.example.org", "mta.helo of mail.example.org"}
    assert {o["collected"] for o in tested} == {"2026-11-24T09:30:00+00:00"}
    shown = next(
        o for o in found["observations"] if o["methods"] == ["INTERVIEW"] and o["title"] == "mon.canary of site"
    )
    assert shown["relevant-evidence"][0]["href"] == "https://wiki.example.org/monitoring"


def test_evidence_that_is_no_address_is_no_link(judge, bronze) -> None:
    found = standings(edited(bronze, 'where: "https://wiki.example.org/dns"', 'where: "folder 7, shelf 2"'), DAY)
    text = assessment(found)
    assert judge(text) == []
    assert '"description": "folder 7, shelf 2, ' in text
    assert '"href": "folder' not in text


def test_components_hold_the_settings(bronze) -> None:
    data = json.loads(components(standings(load(bronze), DAY)))["component-definition"]
    postfix = next(c for c in data["components"] if c["title"] == "Postfix")
    needed = {r["control-id"]: r for r in postfix["control-implementations"][0]["implemented-requirements"]}
    banner = next(
        p
        for p in needed["mta.banner-min"]["set-parameters"]
        if p["remarks"].startswith("/etc/postfix/main.cf:smtpd_banner on ")
    )
    assert banner["values"] == ["$myhostname ESMTP"]
    assert {"name": "automated", "ns": "urn:gmconf:oscal", "value": "yes"} in needed["mta.banner-min"]["props"]
    covered = {
        r["control-id"]
        for c in data["components"]
        for i in c.get("control-implementations", [])
        for r in i["implemented-requirements"]
    }
    assert covered == set(CATALOGUE)


def test_tokens() -> None:
    assert token("/etc/postfix/main.cf", "smtpd_banner") == "etc-postfix-main.cf_smtpd_banner"
    assert token("/etc/x", "rows[*].name") == "etc-x_rows-.name"


def test_command_writes_two_files(bronze) -> None:
    done = gmconf("report", "site.yml", "--format", "oscal", "-o", "audit", "--date", "2026-11-24", cwd=bronze.parent)
    assert done.returncode == 0, done.stderr
    found = standings(load(bronze), DAY)
    assert sorted(p.name for p in (bronze.parent / "audit").iterdir()) == [
        "assessment-results.json",
        "component-definition.json",
    ]
    assert (bronze.parent / "audit/assessment-results.json").read_text() == assessment(found)
    assert (bronze.parent / "audit/component-definition.json").read_text() == components(found)


def test_results_of_unknown_subjects_belong_to_the_site(judge, bronze) -> None:
    run = live(("mta.helo", "pass", "smtp"))
    run = replace(run, results=tuple(replace(r, subject="elsewhere.example") for r in run.results))
    assert judge(assessment(standings(load(bronze), DAY, run))) == []
