"""No setting of a control is decoration: whoever weakens one is found out, on both releases (make mutants prints the
list)."""

from __future__ import annotations

import mutants

from gmconf.assess.check import of_host
from gmconf.controls import CATALOGUE


def test_no_mutant_survives() -> None:
    assert list(mutants.survivors()) == []


def test_what_nobody_weakened_is_held_on_every_host() -> None:
    """Whatever roles it has; but for what the sites of these tests do not have."""
    broken = {
        (c.id, claim.where)
        for h in mutants.hosts()
        for c in CATALOGUE.values()
        if not c.on or h.case.has(*c.on)
        for claim in of_host(c, h.case)
        if not claim.holds
    }
    assert {control for control, _ in broken} <= {
        "dane.in",
        "out.ip-switch",
        "auth.dmarc-send-rua",
        "tls.mua-required",
    }, broken


def test_there_are_mutants_of_every_kind() -> None:
    assert mutants.count() > 5000
    assert {h.case.host.release for h in mutants.hosts()} == {"bookworm", "trixie"}
    for value, weaker in (
        (True, False),
        (3, 300),
        (300, 3),
        ("dane", "may"),
        ("2s", "0s"),
        (["a", "b"], ["b"]),
        (["a", "b"], ["permit", "a", "b"]),
        (["a", "b"], ["b", "a"]),
        ("", "unwanted"),
    ):
        assert weaker in list(mutants.mutants(value)), value
