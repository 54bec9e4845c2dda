"""Every mistake has a golden stderr; nothing is written, the exit code is 2.
Rewrite with GOLDEN=1 and read the diff.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest

from gmconf import cli

CASES = sorted((Path(__file__).parents[1] / "golden/errors").iterdir())


def run(capsys, monkeypatch, *argv: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["gmconf", *argv])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_mistake(case: Path, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, monkeypatch, "render", str(case / "site.yml"), "-o", str(tmp_path / "build"))
    golden = case / "stderr"
    if os.environ.get("GOLDEN"):
        golden.write_text(err)
    assert (code, out, err) == (2, "", golden.read_text())
    assert all(":" in line for line in err.splitlines())
    assert list(tmp_path.iterdir()) == []


def test_the_mistakes_that_people_really_make_are_there() -> None:
    wanted = {
        "wrong-type-list",
        "wrong-type-mapping",
        "wrong-type-number",
        "unknown-key",
        "duplicate-key",
        "domain-idn",
        "domain-underscore",
        "domain-trailing-dot",
        "domain-tld-alone",
        "bad-address",
        "bad-cidr",
        "impossible-role",
        "missing-key-pair",
        "user-file-missing",
        "user-file-is-folder",
        "user-file-not-utf8",
        "tab-in-yaml",
        "endless-anchors",
        "undefined-anchor",
        "anchor-in-itself",
        "merge-key",
        "not-utf8",
        "empty-file",
    }
    assert wanted <= {case.name for case in CASES}
    assert len(CASES) >= 40


def test_user_file_of_fifty_megabytes(capsys, monkeypatch, tmp_path) -> None:
    shutil.copyfile(CASES[0].parent / "user-file-missing/site.yml", tmp_path / "site.yml")
    (tmp_path / "people.csv").write_bytes(b"name\n" * 10_000_000)
    code, _, err = run(capsys, monkeypatch, "validate", str(tmp_path / "site.yml"))
    assert code == 2
    assert err == "people.csv:1:1: larger than 16 MiB; divide it into several files and name each under users:\n"


def test_fifty_megabytes(capsys, monkeypatch, tmp_path) -> None:
    site = tmp_path / "site.yml"
    site.write_bytes(b"# padding\n" * 5_000_000)
    code, _, err = run(capsys, monkeypatch, "validate", str(site))
    assert code == 2
    assert err == "site.yml:1:1: larger than 16 MiB; put mailboxes into a CSV file and name it under users:\n"


def test_unreadable(capsys, monkeypatch, tmp_path) -> None:
    code, _, err = run(capsys, monkeypatch, "validate", str(tmp_path / "nowhere.yml"))
    assert (code, err) == (2, "nowhere.yml: no such file\n")
