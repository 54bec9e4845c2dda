"""The clauses of the BSI's guidelines, by the controls that name them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import date

import pytest
from commands import gmconf
from conftest import ROOT
from junitparser import Failure, JUnitXml, Skipped
from sarif_pydantic import Sarif
from test_levels import base, patched

from gmconf.assess.check import check
from gmconf.controls import CATALOGUE
from gmconf.controls.result import Result
from gmconf.profiles.bsi import CLAUSES, controls, standings
from gmconf.site.load import load

__all__ = ["base"]
TODAY = date(2026, 11, 25)


def states(results: list[Result]) -> dict[str, str]:
    return {s.clause: s.state for s in standings(results)}


def test_every_source_of_a_control_is_a_clause() -> None:
    cited = {s.removeprefix("BSI ") for c in CATALOGUE.values() for s in c.sources if s.startswith("BSI TR-")}
    assert cited <= {c.id for c in CLAUSES}
    assert {name for clause in CLAUSES for name in controls(clause.id)} == {
        c.id for c in CATALOGUE.values() if any(s.startswith("BSI TR-") for s in c.sources)
    }


def test_silver_site_meets_whatever_a_control_looks_at(base) -> None:
    found = states(check(load(patched(base, {})), TODAY))
    assert {state for clause, state in found.items() if controls(clause)} == {"met"}
    assert {state for clause, state in found.items() if not controls(clause)} == {"evidence missing"}


@pytest.mark.parametrize(
    ("patch", "clause", "state", "says"),
    [
        ({"overrides": {"postfix": {"smtpd_tls_security_level": "none"}}}, "TR-03108-03-M", "not met", "found none"),
        ({"overrides": {"postfix": {"smtp_tls_security_level": "may"}}}, "TR-03108-06-M", "not met", "dane.out"),
        ({"level": "bronze", "dns": {"tlsa": False}}, "TR-03108-05-M", "not met", "dns.tlsa"),
        (
            {"level": "basic", "evidence": {"dns.dnssec": None}, "dns": {"tlsa": True}},
            "TR-03108-05-M",
            "evidence missing",
            "evidence.dns.dnssec",
        ),
        ({"level": "bronze", "dns": {"dmarc": {"policy": "none"}}}, "TR-03182-06-M", "not met", "p=none"),
        (
            {
                "waivers": [
                    {"control": "dane.out", "reason": "moving", "owner": "Bob Baker", "until": "2027-01-31"},
                    {"control": "xmpp.server", "reason": "later", "owner": "Bob Baker", "until": "2027-04-30"},
                ]
            },
            "TR-03108-06-M",
            "not met",
            "dane.out is waived: moving",
        ),
    ],
)
def test_clause(base, patch, clause, state, says) -> None:
    found = standings(check(load(patched(base, patch)), TODAY))
    one = next(s for s in found if s.clause == clause)
    assert one.state == state, one
    assert says in "\n".join(one.findings)


def test_without_parked_domains_their_clause_does_not_apply(base) -> None:
    import yaml

    domains = [
        d for d in yaml.load((patched(base, {})).read_text(), yaml.BaseLoader)["domains"] if d.get("kind") != "parked"
    ]
    assert states(check(load(patched(base, {"domains": domains})), TODAY))["TR-03182-11-M"] == "does not apply"


def test_commands(base) -> None:
    path = patched(base, {})
    done = gmconf("check", path.name, "--profile", "bsi-tr", "--date", "2026-11-25", cwd=path.parent)
    assert (done.returncode, done.stderr) == (0, "")
    assert "TR-03108-05-M: met: TLSA in signed zones (dane.in, dns.dnssec)\n" in done.stdout
    path = patched(base, {"overrides": {"postfix": {"smtpd_tls_security_level": "none"}}})
    done = gmconf("check", path.name, "--profile", "bsi-tr", "--format", "json", cwd=path.parent)
    assert done.returncode == 1
    clauses = {c["clause"]: c for c in json.loads(done.stdout)["clauses"]}
    assert clauses["TR-03108-03-M"]["state"] == "not met"
    (suite,) = JUnitXml.fromstring(
        gmconf("check", path.name, "--profile", "bsi-tr", "--format", "junit", cwd=path.parent).stdout.encode()
    )
    kinds = {"met": [], "not met": [Failure], "evidence missing": [Skipped], "does not apply": [Skipped]}
    assert {case.name: [type(r) for r in case.result] for case in suite} == {
        name: kinds[c["state"]] for name, c in clauses.items()
    }
    (run,) = Sarif.model_validate_json(
        gmconf("check", path.name, "--profile", "bsi-tr", "--format", "sarif", cwd=path.parent).stdout
    ).runs
    told = [(r.rule_id, str(r.kind)) for r in run.results]
    assert told == [
        (name, "fail" if c["state"] == "not met" else "review") for name, c in clauses.items() for _ in c["findings"]
    ]
    assert ("TR-03108-03-M", "fail") in told


def test_what_a_probe_sees_counts_too(tmp_path) -> None:
    """SPF is fine in the site, and not in DNS."""
    from dnssite import made
    from internetnl import lines, serving

    site = made(tmp_path / "site")
    argv = ("verify", "site.yml", "--profile", "bsi-tr", "--no-drift", "--only", "spf", "--format", "json")
    found = []
    for name, out, into in (
        ("whole", "", ()),
        ("spoiled", r"^example\.org\. \d+ TXT", ('example.org. 60 TXT "v=spf1 +all"',)),
    ):
        with serving(tmp_path / name, lines(site, out, into)) as (address, port):
            done = gmconf(*argv, "--resolver", f"{address}:{port}", cwd=site.path.parent)
        found.append(next(c for c in json.loads(done.stdout)["clauses"] if c["clause"] == "TR-03182-01-M"))
    assert [c["state"] for c in found] == ["met", "not met"]
    assert "ends in +all" in "".join(found[1]["findings"])


def test_every_case_of_the_test_specifications_is_carried_out_or_says_why_not() -> None:
    """Its number stands in the name of a test on real hosts."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--collect-only",
        "-o",
        "addopts=--strict-markers",
        "-q",
        str(ROOT / "tests/host"),
    ]
    names = subprocess.run(
        command, cwd=ROOT, text=True, capture_output=True, check=True, env={**os.environ, "GMCONF_LAB": "0"}
    ).stdout
    done = set(re.findall(r"TR-\d{5}-[A-L]-\d\d", names))
    lines = [
        line.split(" | ")
        for line in (ROOT / "tests/golden/bsi-cases.txt").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert len(lines) == len({case for case, _ in lines})
    assert done == {case for case, what in lines if not what.startswith("- ")}
