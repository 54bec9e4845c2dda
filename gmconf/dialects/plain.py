"""Languages in which everything is a plain word: what would have to be quoted is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from gmconf.errors import GmconfError
from gmconf.settings import Value


def spell(
    value: Value, file: str, word: re.Pattern[str], listed: Callable[[Iterable[str]], str], empty: str | None = None
) -> str:
    """on/off, numbers, words that fit ``word``, and lists of them as ``listed`` writes them.

    ``empty`` is how a text of no characters is written; without it there are none. Raises GmconfError, naming the file,
    for all else.
    """
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        if not value and empty is not None:
            return empty
        if not word.fullmatch(value):
            raise GmconfError(f"{file}: a plain word is needed, not {value!r}")
        return value
    if isinstance(value, float):
        raise GmconfError(f"{file} has no fractions: {value!r}")
    return listed(spell(item, file, word, listed, empty) for item in value)
