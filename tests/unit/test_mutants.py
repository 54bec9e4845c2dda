"""No setting of a control is decoration: whoever weakens one is found out, on both releases (make mutants prints the list)."""

from __future__ import annotations

import mutants


def test_no_mutant_survives() -> None:
    assert list(mutants.survivors()) == []


def test_there_are_mutants_of_every_kind() -> None:
    assert mutants.count() > 5000
    assert {h.case.host.release for h in mutants.hosts()} == {"bookworm", "trixie"}
    for value, weaker in ((True, False), (3, 300), (300, 3), ("dane", "may"), ("2s", "0s"), (["a", "b"], ["b"]), (["a", "b"], ["permit", "a", "b"]),
                          (["a", "b"], ["b", "a"]), ("", "unwanted")):  # fmt: skip
        assert weaker in list(mutants.mutants(value)), value
