"""JUnit and SARIF as the programs that read them see them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import Enum
from typing import get_type_hints

import pytest
import typer
from dnssite import made
from junitparser import Error, Failure, JUnitXml, Skipped
from pydantic import ValidationError
from report_sites import DAY, edited, prepared
from sarif_pydantic import Sarif
from typer.testing import CliRunner

from gmconf.assess.check import check
from gmconf.assess.formats import junit, sarif
from gmconf.cli import app


@pytest.fixture
def results(tmp_path):
    """Results of every status: a bronze site judged for silver, whose waiver has run out,
    with another one that runs.
    """
    path = prepared("bronze", tmp_path)
    text = path.read_text().replace(
        "until: 2027-04-30}",
        "until: 2026-11-01}\n  - {control: mon.canary, reason: '<later> & \"soon\"', owner: Bob, until: 2027-01-01}",
    )
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


BROKEN = """organisation: {name: X, postmaster: alice@example.org}
domains:
  - {name: example.org, quota: 3 apples, mailboxes: [{name: alice}]}
hosts:
  - name: mail.example.org
    release: trixie
    addresses: [198.51.100.13, "2001:db8::13"]
    roles: [mta, msa, store, filter]
    memory: 8 GiB
"""
COMMANDS = [
    ["check"],
    ["verify"],
    ["dns", "check"],
    ["check", "--profile", "bsi-tr"],
    ["verify", "--profile", "internet.nl"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("output", ["json", "junit", "sarif"])
def test_a_broken_site_has_that_format_too(tmp_path, words, output) -> None:
    """A pipeline that uploads what a command prints has something to upload."""
    (tmp_path / "site.yml").write_text(BROKEN)
    place, sentence = ("site.yml", 3, 32), 'a size such as "30 MiB" is needed'
    done = CliRunner().invoke(app, [*words, str(tmp_path / "site.yml"), "--format", output])
    assert (done.exit_code, done.stderr) == (2, "")
    if output == "json":
        (error,) = json.loads(done.stdout)["errors"]
        assert (error["file"], error["line"], error["column"], error["path"]) == (*place, "domains[0].quota")
        assert sentence in error["message"]
    elif output == "junit":
        (suite,) = JUnitXml.fromstring(done.stdout.encode())
        assert suite.errors == 1
        assert suite.name.startswith(f"gmconf {' '.join(words[:2]) if words[0] == 'dns' else words[0]} ")
        (case,) = suite
        assert f"{place[0]}:{place[1]}:{place[2]}: domains[0].quota: {sentence}" in case.result[0].message
    else:
        (found,) = Sarif.model_validate_json(done.stdout).runs[0].results
        where = found.locations[0].physical_location
        assert (where.artifact_location.uri, where.region.start_line, where.region.start_column) == place
        assert sentence in found.message.text


JSON = {
    "check": (["site.yml"], "verdict"),
    "controls": ([], "controls"),
    "dns records": (["site.yml"], "records"),
    "explain": (["main.cf:myhostname"], "answers"),
    "keys plan": (["site.yml"], "steps"),
    "keys status": (["site.yml"], "keys"),
    "probes": ([], "probes"),
    "render": (["site.yml"], "changes"),
    "reports": (["site.yml", "."], "dmarc"),
    "validate": (["site.yml"], "errors"),
}
ONLINE = {"dns check", "keys next", "verify"}
"""Tested where they have somebody to ask."""


def _with_json(group: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[str]:
    for one in group.registered_groups:
        yield from _with_json(one.typer_instance, (*path, one.name or one.typer_instance.info.name))
    for command in group.registered_commands:
        hints = get_type_hints(command.callback, include_extras=True).values()
        kinds = [hint.__origin__ for hint in hints if hasattr(hint, "__metadata__")]
        if any(isinstance(kind, type) and issubclass(kind, Enum) and "json" in set(kind) for kind in kinds):
            yield " ".join((*path, command.name or command.callback.__name__.rstrip("_")))


def test_every_json_says_its_form(tmp_path, monkeypatch) -> None:
    """A script sees that it was written for another one. All are objects: what is added later breaks nobody."""
    made(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert {*JSON, *ONLINE} == set(_with_json(app))
    assert CliRunner().invoke(app, ["render", "site.yml"]).exit_code == 0
    for command, (argv, key) in JSON.items():
        done = CliRunner().invoke(app, [*command.split(), *argv, "--format", "json"])
        found = json.loads(done.stdout)
        assert (found["form"], next(iter(found))) == (1, "form"), command
        assert key in found, command
    for profile in ("internet.nl", "bsi-tr"):
        done = CliRunner().invoke(app, ["check", "site.yml", "--profile", profile, "--format", "json"])
        assert json.loads(done.stdout)["form"] == 1


def test_other_errors_have_that_format_too(tmp_path) -> None:
    for argv in (
        ["check", "nosuch.yml"],
        ["check", str(tmp_path)],
        ["check", "x", "--date", "never"],
        ["keys", "plan", "nosuch.yml"],
        ["reports", "nosuch.yml"],
        ["render", "nosuch.yml"],
        ["explain", "x", "--build", "nosuch"],
        ["dns", "nosuch.yml"],
    ):
        done = CliRunner().invoke(app, [*argv, "--format", "json"])
        assert done.exit_code == 2, argv
        assert json.loads(done.stdout)["form"] == 1
        assert json.loads(done.stdout)["errors"][0]["message"], argv


def test_a_broken_site_goes_into_the_file_that_was_asked_for(tmp_path) -> None:
    (tmp_path / "site.yml").write_text(BROKEN)
    out = tmp_path / "out.xml"
    done = CliRunner().invoke(app, ["verify", str(tmp_path / "site.yml"), "--format", "junit", "--output", str(out)])
    assert done.stdout == ""
    assert JUnitXml.fromstring(out.read_bytes())
