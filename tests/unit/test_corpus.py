"""The corpus of malformed messages is whole: every message is named, and says what becomes of it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
INDEX = tomllib.loads((CORPUS / "corpus.toml").read_text("utf-8"))


def test_every_message_is_named() -> None:
    assert {p.stem for p in CORPUS.glob("*.msg")} == set(INDEX)
    assert len(INDEX) >= 40


def test_every_outcome_is_one_that_is_tested() -> None:
    for name, case in INDEX.items():
        assert set(case) <= {"about", "submission", "inbound"}, name
        for way in set(case) - {"about"}:
            outcome = case[way]
            assert outcome["expect"] in ("unchanged", "completed", "repaired", "refused"), name
            assert ("words" in outcome) == (outcome["expect"] == "refused"), name
            assert bool(outcome.get("fields")) == (outcome["expect"] in ("completed", "repaired")), name
            re.compile(outcome.get("words", ""))
        assert b"X-Corpus: @ID@" in (CORPUS / f"{name}.msg").read_bytes(), name
