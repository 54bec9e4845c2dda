"""The catalogue: nothing in it is decoration, and the command shows what it is for."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from commands import gmconf
from test_golden_sites import SITES, prepared

from gmconf.assess import check
from gmconf.controls import CATALOGUE
from gmconf.controls.case import HostCase
from gmconf.services.effective import host_case
from gmconf.services.registry import plans
from gmconf.site.load import load

HOST_TESTS = Path(__file__).resolve().parents[1] / "host"


def hosts() -> Iterator[tuple[str, HostCase]]:
    """Every host of every golden site, with all that its daemons will be told."""
    for name in (p.name for p in SITES.iterdir()):
        with TemporaryDirectory() as work:
            loaded = load(prepared(name, Path(work)) / "site.yml")
            for view in check.views(loaded):
                yield f"{name}/{view.host.name}", host_case(view, plans(view))


def test_every_line_with_a_control_is_looked_at_by_that_control() -> None:
    blind = set()
    for _, case in hosts():
        for file, keys in case.settings.items():
            for key, setting in keys.items():
                for reason in (r for r in setting.because if r.kind == "control"):
                    control = CATALOGUE[reason.ref]
                    wanted = {
                        *control.settings.get(file, ()),
                        *(claim.where.removeprefix(f"{file}:") for claim in control.of_host(case)),
                    }
                    if not {key, re.sub(r"\[\d+\]", "[*]", key)} & wanted:
                        blind.add((control.id, file, key))
    assert blind == set()


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
    assert [one["level"] for one in found["controls"]] == ["basic"]
    assert {line["path"] for line in found["renders"]} == {"/etc/postfix/main.cf"}


def test_typing_error(site) -> None:
    done = gmconf("controls", "mta.smugling", cwd=site)
    assert done.returncode == 2
    assert done.stderr.startswith("gmconf: no control mta.smugling; did you mean mta.smuggling")
