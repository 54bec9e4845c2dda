"""Which tests on real hosts prove which control.

Tests are not installed with the program, so their names lie in proofs.json; tests/unit/test_proofs.py keeps it current.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from gmconf.controls.control import CHECKS, Control


@cache
def proofs() -> Mapping[str, tuple[str, ...]]:
    """Control id: the tests that carry it, as ``test_mail.py::test_banner``."""
    found = json.loads(Path(__file__).with_name("proofs.json").read_text())
    return {name: tuple(tests) for name, tests in found.items()}


def judged(control: type[Control]) -> bool:
    """Whether a machine can see if it is held: it has settings, files, facts or a check of its own."""
    own = any(name in part.__dict__ for part in control.__mro__[:-2] for name in CHECKS)
    return own or bool(control.settings or control.files or control.facts)


def automated(control: type[Control]) -> bool:
    """Whether a machine judges it and a test on real hosts has shown that the daemons do it."""
    return judged(control) and control.id in proofs()
