"""The catalogue: nothing in it is decoration, and the command shows what it is for."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from conftest import gmconf
from test_golden_sites import SITES, prepared

from gmconf import tree
from gmconf.controls import CATALOGUE
from gmconf.load import load

HOST_TESTS = Path(__file__).resolve().parents[1] / "host"


@pytest.fixture(scope="module")
def used(tmp_path_factory) -> set[str]:
    """Controls that some line of a golden site is there for."""
    found: set[str] = set()
    for name in (p.name for p in SITES.iterdir()):
        work = prepared(name, tmp_path_factory.mktemp(name))
        trace = json.loads(tree.build(load(work / "site.yml")).files["trace.json"])
        found |= {r["ref"] for r in trace["reasons"] if r["kind"] == "control"}
    return found


def test_every_control_renders_something(used) -> None:
    # Its rules stand in the firewall's template and hold no value that could be traced.
    assert set(CATALOGUE) - used == {"net.bcp38"}


def test_live_tests_name_controls_that_exist() -> None:
    marked = set()
    for file in HOST_TESTS.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.control":
                marked.add(node.args[0].value)
    assert marked <= set(CATALOGUE)
    assert len(marked) > 35


def test_list(site) -> None:
    lines = gmconf("controls", cwd=site).stdout.splitlines()
    assert len(lines) == len(CATALOGUE)
    basic = gmconf("controls", "--level", "basic", cwd=site).stdout.splitlines()
    assert 0 < len(basic) < len(lines)
    assert all(" basic " in line for line in basic)


def test_one_in_full(site) -> None:
    gmconf("render", "site.yml", "-o", "build", cwd=site)
    text = gmconf("controls", "mta.smuggling", cwd=site).stdout
    assert "CVE-2023-51764" in text
    assert "smtpd_forbid_bare_newline = normalize" in text
    found = json.loads(gmconf("controls", "mta.smuggling", "--format", "json", cwd=site).stdout)
    assert found["level"] == "basic"
    assert {line["path"] for line in found["renders"]} == {"/etc/postfix/main.cf"}


def test_typing_error(site) -> None:
    done = gmconf("controls", "mta.smugling", cwd=site)
    assert done.returncode == 2
    assert done.stderr.startswith("gmconf: no control mta.smugling; did you mean mta.smuggling")
