"""Reads what ``gmconf verify`` wrote: results of probes against the running hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gmconf.controls.control import CATALOGUE
from gmconf.controls.result import Result
from gmconf.errors import GmconfError
from gmconf.printable import FORM


@dataclass(frozen=True)
class Live:
    """One run of the probes. ``started`` has a time zone, ``seconds`` is how long it took."""

    site: str
    started: datetime
    seconds: float
    results: tuple[Result, ...]
    form: int = FORM

    @property
    def when(self) -> str:
        """Day and time of the start, in its own time zone."""
        return self.started.strftime("%Y-%m-%d %H:%M %Z").strip()

    def probes(self) -> frozenset[str]:
        """Names of the probes that reported anything."""
        return frozenset(r.where for r in self.results)


def read_live(path: Path) -> Live:
    """The results of a run. Raises GmconfError, which names file and place, when it is not such a file."""
    from pydantic import TypeAdapter, ValidationError

    try:
        found = TypeAdapter(Live).validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise GmconfError(
            f"{path}: {place + ': ' if place else ''}{first['msg']}; it is not what gmconf verify writes"
        ) from None
    if found.form != FORM:
        raise GmconfError(
            f"{path}: its form is {found.form}, and this gmconf reads {FORM}; let gmconf verify write it again"
        )
    if found.started.tzinfo is None:
        raise GmconfError(f"{path}: started has no time zone; it is not what gmconf verify writes")
    _refuse_foreign(path, found.results)
    return found


def _refuse_foreign(path: Path, results: Sequence[Result]) -> None:
    for number, result in enumerate(results):
        if result.control not in CATALOGUE:
            raise GmconfError(
                f"{path}: results.{number}: there is no control {result.control}; was it written by another version?"
            )
        if result.method != "live":
            raise GmconfError(
                f"{path}: results.{number}: method {result.method}, not live; it is not what gmconf verify writes"
            )
