"""How long a roll-out waits for services: as long as they are at work, not longer,
and never for one that keeps dying.
"""

from __future__ import annotations

import pytest
from ansible.module_utils.gmconf_host import probes, units

WANTED = {"probes": [{"name": "milter", "kind": "unix", "path": "/nowhere", "units": ["rspamd.service"], "within": 60}]}


@pytest.mark.parametrize(
    ("answers_at", "works_until", "seconds"),
    [(300, 290, None), (10, 0, None), (9999, 0, 60), (9999, 200, 220), (9999, 9999, probes.LONGEST)],
    ids=["late but at work", "at once", "idle", "stops working", "never ends"],
)
def test_patience(monkeypatch, answers_at: int, works_until: int, seconds: int | None) -> None:
    clock = [0.0]
    monkeypatch.setattr(probes.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(probes.time, "sleep", lambda more: clock.__setitem__(0, clock[0] + more))
    monkeypatch.setattr(probes, "observe", lambda _: "" if clock[0] >= answers_at else "error: not there")
    monkeypatch.setattr(units, "restarts", lambda _: "0")
    monkeypatch.setattr(units, "works", lambda *_: clock[0] < works_until)
    complaints = probes.probe(WANTED)
    assert bool(complaints) == (seconds is not None)
    assert seconds is None or abs(clock[0] - seconds) < 3


@pytest.mark.parametrize(
    ("state", "works"),
    [
        ("NRestarts=0\nActiveState=activating\nSubState=start\nControlGroup=", True),
        ("NRestarts=0\nActiveState=activating\nSubState=auto-restart\nControlGroup=", False),
        ("NRestarts=3\nActiveState=activating\nSubState=start\nControlGroup=", False),
        ("NRestarts=0\nActiveState=active\nSubState=running\nControlGroup=", False),
    ],
)
def test_what_counts_as_work(monkeypatch, state: str, works: bool) -> None:
    monkeypatch.setattr(units, "run", lambda *_: (0, state))
    assert units.works("x.service", "0") is works
