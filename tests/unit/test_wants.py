"""What a control takes as good, value by value."""

from __future__ import annotations

import pytest
from mutants import hosts

from gmconf.controls.expect import (
    AtLeast,
    AtMost,
    Begins,
    First,
    Guarded,
    Has,
    Model,
    OneOf,
    Only,
    Parts,
    Within,
    exactly,
    holds,
    words,
)
from gmconf.settings import like

GUARD = Guarded(("permit_mynetworks",), ("reject_", "check_policy_service "))


@pytest.mark.parametrize(
    ("wanted", "good", "bad"),
    [
        (True, [True], [False, "", "yes-x"]),
        (5, [5], [6, 0, "5s"]),
        ("high", ["high"], ["medium", "", "HIGH"]),
        (["a", "b"], [["a", "b"], ("a", "b")], [["b", "a"], ["a"], []]),
        (AtMost(10), [10, 3, "2s"], [11, 0, -1, "20s", "", True]),
        (AtLeast(10), [10, 1000], [9, 0, ""]),
        (Within(1, 3, "one to three"), [1, 2.5, 3], [0.9, 3.1, 0]),
        (Within(lambda c: len(c.host.name), 1000, "longer than the name"), [999], [1]),
        (Has("a", "b"), [["b", "a", "c"], "ab"], [["a"], "a", 3]),
        (First("a", "b"), [["x", "a", "y", "b"]], [["b", "a"], ["a"], ["b"], "a b"]),
        (Only("a", "b"), [["a"], ["b", "a"]], [[], ["a", "c"], "a"]),
        (exactly("a", "b"), [["a", "b"], ["b", "a"]], [["a"], ["a", "b", "c"], []]),
        (OneOf("may", "encrypt"), ["may"], ["none", ""]),
        (Model(lambda c: c.host.release, "the release"), ["bookworm"], ["trixie", ""]),
        (Parts(":", ("A", "B"), ("C",)), ["A:B", "C:B:A"], ["A", "A:B:X", "", "A:B:"]),
        (Begins("552 5.2.2 "), ["552 5.2.2 full"], ["452 4.2.2 full", ""]),
        (
            GUARD,
            [["permit_mynetworks", "reject_x"], ["reject_x"]],
            [["permit", "reject_x"], ["reject_x", "permit_auth_destination"], [], "reject_x"],
        ),
    ],
)
def test_want(wanted, good: list, bad: list) -> None:
    case = next(h.case for h in hosts() if h.case.host.release == "bookworm")
    assert [v for v in good if not holds(wanted, v, case)] == []
    assert [v for v in bad if holds(wanted, v, case)] == []
    assert words(wanted)


@pytest.mark.parametrize(
    ("old", "text", "value"),
    [
        (True, "no", False),
        (False, "Yes", True),
        (True, "maybe", "maybe"),
        (5, "30", 30),
        (5, "30s", "30s"),
        ("5s", "6s", "6s"),
        (["a"], "b c", ["b", "c"]),
        (["check_x lmdb:y"], "check_x lmdb:y, reject", ["check_x lmdb:y", "reject"]),
        ((), "", []),
    ],
)
def test_override_is_of_the_kind_it_replaces(old, text: str, value) -> None:
    assert like(old, text) == value
