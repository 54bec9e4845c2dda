"""proofs.json says which tests on real hosts prove a control. Rewrite with GOLDEN=1."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Iterator
from pathlib import Path

from commands import gmconf

from gmconf.controls import CATALOGUE
from gmconf.controls import proofs as module
from gmconf.controls.proofs import automated, judged, proofs

HOST_TESTS = Path(__file__).resolve().parents[1] / "host"
FILE = Path(module.__file__).with_name("proofs.json")


def marks(*nodes: ast.AST) -> set[str]:
    """Controls named by pytest.mark.control anywhere in these nodes."""
    calls = [
        n
        for node in nodes
        for n in ast.walk(node)
        if isinstance(n, ast.Call) and ast.unparse(n.func) == "pytest.mark.control"
    ]
    return {ast.literal_eval(call.args[0]) for call in calls}


def marked(body: list[ast.stmt], inherited: set[str]) -> Iterator[tuple[str, set[str]]]:
    """(name, controls) of every test in a module or class, with the marks of what it stands in."""
    for node in body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets):
            inherited = inherited | marks(node.value)
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            yield node.name, inherited | marks(*node.decorator_list)
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            for name, found in marked(node.body, inherited | marks(*node.decorator_list)):
                yield f"{node.name}::{name}", found


def scanned(folder: Path) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for file in sorted(folder.glob("test_*.py")):
        for name, controls in marked(ast.parse(file.read_text()).body, set()):
            for control in controls:
                found.setdefault(control, set()).add(f"{file.name}::{name}")
    return {control: sorted(names) for control, names in sorted(found.items())}


def test_current() -> None:
    text = json.dumps(scanned(HOST_TESTS), indent=1) + "\n"
    if os.environ.get("GOLDEN"):
        FILE.write_text(text)
    assert text == FILE.read_text(), "tests/host names other controls now: GOLDEN=1 pytest tests/unit/test_proofs.py"


def test_every_test_on_a_host_says_what_it_proves() -> None:
    """A control, or a promise of gmconf's own."""
    for file in sorted(HOST_TESTS.glob("test_*.py")):
        body = ast.parse(file.read_text()).body
        promised = {
            n.name
            for n in body
            if isinstance(n, ast.FunctionDef) and any("pytest.mark.promise" in ast.unparse(d) for d in n.decorator_list)
        }
        silent = [name for name, controls in marked(body, set()) if not controls and name not in promised]
        assert not silent, (file.name, silent)


def test_every_way_of_marking_is_seen(tmp_path) -> None:
    (tmp_path / "test_a.py").write_text(
        "import pytest\npytestmark ="
        " [pytest.mark.control('a.module')]\n@pytest.mark.control('a.one')\n@pytest.mark.control('a.two')\ndef"
        " test_both(): ...\n@pytest.mark.control('a.class')\nclass TestMany:\n    @pytest.mark.control('a.method')\n   "
        " def test_it(self): ...\n@pytest.mark.parametrize('x', [pytest.param(1,"
        " marks=pytest.mark.control('a.param'))])\ndef test_some(x): ...\n@pytest.mark.control('a.none')\ndef helper():"
        " ...\n"
    )
    both, many, some = "test_a.py::test_both", "test_a.py::TestMany::test_it", "test_a.py::test_some"
    assert scanned(tmp_path) == {
        "a.module": [many, both, some],
        "a.one": [both],
        "a.two": [both],
        "a.class": [many],
        "a.method": [many],
        "a.param": [some],
    }


def test_names_controls_that_exist() -> None:
    assert set(proofs()) <= set(CATALOGUE)


def test_automated_is_both_a_machine_check_and_a_test() -> None:
    assert automated(CATALOGUE["mta.smuggling"])
    evidence_only = CATALOGUE["mon.canary"]
    assert not judged(evidence_only)
    assert not automated(evidence_only)
    untested = [c for c in CATALOGUE.values() if judged(c) and c.id not in proofs()]
    assert untested
    assert not any(map(automated, untested))


def test_command_shows_them(site) -> None:
    text = gmconf("controls", "mta.banner-min", cwd=site).stdout
    assert "    proved by: test_mail.py::test_banner, " in text
    found = json.loads(gmconf("controls", "mta.banner-min", "--format", "json", cwd=site).stdout)["controls"][0]
    assert "test_mail.py::test_banner" in found["tests"]
    assert found["automated"] is True
    assert "no test on real hosts carries it" in gmconf("controls", "mon.canary", cwd=site).stdout
