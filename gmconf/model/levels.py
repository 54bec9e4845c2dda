"""The levels of GoodMessaging and their order: each asks for all that those below it ask for."""

from __future__ import annotations

from typing import Literal, get_args

Level = Literal["basic", "bronze", "silver"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From the lowest to the highest."""


def up_to(level: str | None) -> tuple[Level, ...]:
    """The levels that one includes, itself among them, the lowest first; none for None. ValueError for another word."""
    return LEVELS[: rank(level) + 1] if level else ()


def rank(level: str) -> int:
    """Its place in the order, to sort by. Raises ValueError for a word that is no level."""
    return LEVELS.index(level)
