"""What a shell completes: names of controls, probes, hosts and files, looked up only when it asks."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import ROOT
from typer.testing import CliRunner

from gmconf.cli import app


def completed(call: str) -> list[str]:
    words = f"gmconf {call}"
    env = {"_GMCONF_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)}
    return CliRunner().invoke(app, [], prog_name="gmconf", env=env).stdout.split()


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("controls mta.smug", ["mta.smuggling"]),
        ("controls --level b", ["basic", "bronze"]),
        ("verify site.yml --only sub", ["submission", "submission-auth"]),
        ("verify site.yml --host m", ["mail.example.org"]),
        ("verify nosuch.yml --host m", []),
        ("explain --host m", ["mail.example.org"]),
        ("explain /etc/postfix/ma", ["/etc/postfix/main.cf"]),
    ],
)
def test_words(tmp_path, monkeypatch, call: str, found: list[str]) -> None:
    (tmp_path / "site.yml").write_text((ROOT / "examples/single/site.yml").read_text())
    tree = tmp_path / "build/hosts/mail.example.org/tree/etc/postfix"
    tree.mkdir(parents=True)
    (tree / "main.cf").touch()
    monkeypatch.chdir(tmp_path)
    offered = completed(call)
    assert set(found) <= set(offered)
    assert all(word.startswith(call.rpartition(" ")[2]) for word in offered)
    assert bool(offered) is bool(found)


def test_a_command_that_completes_nothing_loads_none_of_it() -> None:
    heavy = {"gmconf.controls", "gmconf.verify.engine", "gmconf.site.load"}
    code = f"import sys, gmconf.cli; sys.exit(bool({heavy!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
