"""JUnit and SARIF as the programs that read them see them."""

from __future__ import annotations

import json

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from pydantic import ValidationError
from report_sites import DAY, edited, prepared
from sarif_pydantic import Sarif

from gmconf.check import check
from gmconf.formats import junit, sarif


@pytest.fixture
def results(tmp_path):
    """Results of every status: a bronze site judged for silver, whose waiver has run out, with another one that runs."""
    path = prepared("bronze", tmp_path)
    text = path.read_text().replace("until: 2027-04-30}", "until: 2026-11-01}\n  - {control: mon.canary, reason: '<later> & \"soon\"', owner: Bob, until: 2027-01-01}")
    path.write_text(text)
    found = check(edited(path, "level: bronze", "level: silver"), DAY)
    assert {r.status for r in found} == {"pass", "fail", "error", "waived", "unseen", "na"}
    return found


def test_junit(results) -> None:
    (suite,) = JUnitXml.fromstring(junit(results, "site").encode())
    cases = list(suite)
    assert [(c.name, c.classname) for c in cases] == [(r.control, r.subject) for r in results]
    kinds = {"fail": Failure, "error": Error, "waived": Skipped, "na": Skipped, "unseen": Skipped}
    for case, row in zip(cases, results, strict=True):
        assert [type(r) for r in case.result] == ([kinds[row.status]] if row.status in kinds else []), row
    assert suite.tests == len(results)
    assert suite.failures == sum(r.status == "fail" for r in results)
    assert suite.errors == sum(r.status == "error" for r in results)
    assert suite.skipped == sum(r.status in ("waived", "na", "unseen") for r in results)


def test_sarif(results) -> None:
    text = sarif(results, "site.yml")
    (run,) = Sarif.model_validate_json(text).runs
    plain = json.loads(text)["runs"][0]["results"]
    wanted = [r for r in results if r.status in ("fail", "error", "waived")]
    assert [r.rule_id for r in run.results] == [r.control for r in wanted]
    rules = [rule.id for rule in run.tool.driver.rules]
    assert len(rules) == len(set(rules))
    for found, raw, row in zip(run.results, plain, wanted, strict=True):
        assert rules[found.rule_index] == row.control
        assert found.level.value == ("note" if row.status == "waived" else "error")
        assert ("suppressions" in raw) == (row.status == "waived")
        place = found.locations[0].physical_location
        assert place.region.start_line >= 1
        if row.origin.count(":") == 2:
            assert f"{place.artifact_location.uri}:{place.region.start_line}:{place.region.start_column}" == row.origin


def test_sarif_reader_sees_faults(results) -> None:
    data = json.loads(sarif(results, "site.yml"))
    data["runs"][0]["results"][0]["level"] = "dreadful"
    with pytest.raises(ValidationError):
        Sarif.model_validate(data)
    del data["runs"][0]["tool"]["driver"]["name"]
    with pytest.raises(ValidationError):
        Sarif.model_validate(data)
