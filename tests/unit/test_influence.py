"""gmconf explain --what-if: which lines, records and controls change with a field of a site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from commands import gmconf
from test_documents import example, prepared, rendered

from gmconf.build.explain import NothingFitsError, explain
from gmconf.build.whatif import influence
from gmconf.errors import GmconfError
from gmconf.model.document import PathParts, spell_path
from gmconf.site.load import load

TODAY = date(2026, 11, 23)


def leaves(node: object, path: PathParts = ()) -> Iterator[PathParts]:
    """Every value that stands in a site."""
    if isinstance(node, dict | list):
        for part, below in node.items() if isinstance(node, dict) else enumerate(node):
            yield from leaves(below, (*path, part))
    else:
        yield path


@pytest.mark.parametrize("name", ["bronze", "everything"])
def test_every_value_has_an_answer(name: str, tmp_path: Path) -> None:
    work = rendered(example(tmp_path) if name == "bronze" else prepared(name, tmp_path))
    loaded = load(work / "site.yml")
    answered, silent = 0, []
    for path in leaves(loaded.document.data):
        field = spell_path(path)
        try:
            answered += bool(explain(work / "build", field))
        except NothingFitsError:
            found = influence(loaded, field, TODAY)
            assert found.about or found.answers, field
            answered += bool(found.answers)
            silent += [] if found.answers else [field]
    # A description is all there is to say of names for documents, and of what cannot be otherwise, such as the only
    # host's roles.
    assert len(silent) < 0.06 * answered, silent


def test_a_quota_and_its_line(site) -> None:
    """The line is that of the rendered file, whoever wrote it."""
    gmconf("render", "site.yml", cwd=site)
    asked = ("explain", "domains[0].mailboxes[1].quota", "--what-if")
    (answer,) = json.loads(gmconf(*asked, "--format", "json", cwd=site).stdout)["answers"]
    lines = (site / "build/hosts/mail.example.org/tree/etc/dovecot/users").read_text().splitlines()
    assert (answer["path"], answer["text"]) == ("/etc/dovecot/users", lines[answer["line"] - 1])
    assert "bob@example.org" in answer["text"]
    said = gmconf(*asked, cwd=site).stdout
    assert said.startswith("domains[0].mailboxes[1].quota at site.yml:10:43")
    assert "With '501 MiB' these would change:" in said


def test_nothing_is_written_by_asking(site) -> None:
    gmconf("render", "site.yml", cwd=site)
    before = {p: p.read_bytes() for p in site.rglob("*") if p.is_file()}
    assert gmconf("explain", "domains[0].mailboxes[0].name", "--what-if", cwd=site).returncode == 0
    assert {p: p.read_bytes() for p in site.rglob("*") if p.is_file()} == before


def test_what_there_is_instead(site) -> None:
    loaded = load(site / "site.yml")
    with pytest.raises(GmconfError, match=r"there is no 'organization'; known here: organisation, "):
        influence(loaded, "organization", TODAY)
    with pytest.raises(GmconfError, match=r"hosts has no '\[3\]'; known here: \[0\] to \[0\]"):
        influence(loaded, "hosts[3]", TODAY)


def test_paths_into_the_tree_however_written(site) -> None:
    gmconf("render", "site.yml", cwd=site)
    plain = gmconf("explain", "/etc/postfix/main.cf:12", cwd=site)
    path = "build/hosts/mail.example.org/tree/etc/postfix/main.cf:12"
    assert plain.returncode == 0
    assert gmconf("explain", path, cwd=site).stdout == plain.stdout
    assert gmconf("explain", f"{site}/{path}", cwd=site).stdout == plain.stdout
    assert gmconf("explain", f"./{path}", cwd=site).stdout == plain.stdout
