"""From the sentence to the control and back: nothing is dropped, and nothing is asked for that no sentence asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from gmconf.controls import CATALOGUE
from gmconf.controls.control import _DOCUMENT
from gmconf.controls.statements import STATEMENTS
from gmconf.errors import GmconfError
from gmconf.model.levels import LEVELS

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


def table(name: str) -> dict[str, str]:
    """Lines "key | value" of a golden file."""
    rows = [line for line in (GOLDEN / name).read_text("utf-8").splitlines() if line and not line.startswith("#")]
    found = dict(line.split(" | ", 1) for line in rows)
    assert len(found) == len(rows), "a key stands there twice"
    return found


ROWS = table("statements.txt")


def test_every_statement_has_its_line_and_no_other() -> None:
    assert {key for key in ROWS if not key.startswith("S:")} == set(STATEMENTS)
    assert len([key for key in ROWS if key.startswith("S:")]) == 74


@pytest.mark.parametrize("key", ROWS)
def test_line(key: str) -> None:
    value = ROWS[key]
    if value.startswith("- "):
        assert len(value) > 10, "a reason is needed"
        assert key.startswith("S:") or STATEMENTS[key].reason == value[2:]
        return
    named = set(value.split(", "))
    assert named <= set(CATALOGUE)
    if not key.startswith("S:"):
        assert STATEMENTS[key].reason == ""
        assert named == {c.id for c in CATALOGUE.values() if key in c.sources}


def test_every_control_has_a_statement_or_a_standard() -> None:
    carried = {name for value in ROWS.values() if not value.startswith("- ") for name in value.split(", ")}
    for control in CATALOGUE.values():
        assert control.id in carried or any(_DOCUMENT.match(source) for source in control.sources), control.id


def test_controls_of_each_level() -> None:
    lines = [line for line in (GOLDEN / "levels.txt").read_text().splitlines() if not line.startswith("#")]
    assert [
        f"{c.level} {c.id}"
        for level in LEVELS
        for c in sorted(CATALOGUE.values(), key=lambda c: c.id)
        if c.level == level
    ] == lines


def test_cited_sections_were_seen() -> None:
    cited = {s for c in CATALOGUE.values() for s in c.sources if " section " in s}
    assert cited == set(table("sections.txt"))


@pytest.mark.parametrize(
    ("more", "lacks"),
    [
        ({"sources": ("Z:1",), "documents": ("x",)}, "no such source Z:1"),
        ({"sources": ("G:8b",), "documents": ("x",)}, "asks for nothing"),
        ({"sources": ("RFC 5321",)}, "lacks settings"),
        ({"sources": ("RFC 5321",), "documents": ("x",), "level": "gold"}, "no level gold"),
        ({"sources": ("RFC 5321",), "documents": ("x",), "id": "zzz.x"}, "no such area"),
        ({"sources": ("RFC 5321",), "documents": ("x",), "id": "mta.smuggling"}, "declared twice"),
        ({"sources": ("RFC 5321",), "documents": ("x",), "__doc__": "Only a title."}, "a docstring"),
    ],
)
def test_import_fails_for_a_control_that_is_not_whole(more: dict[str, object], lacks: str) -> None:
    from gmconf.controls.control import Control

    before = dict(CATALOGUE)
    with pytest.raises(GmconfError, match=lacks):
        type("Half", (Control,), {"__doc__": "A title.\n\nAnd why.", "id": "mta.half", "level": "basic", **more})
    assert before == CATALOGUE
