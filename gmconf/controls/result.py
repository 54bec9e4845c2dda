"""A control judged for one subject, whoever judged it: files, running hosts, DNS or people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

from gmconf import printable
from gmconf.model.levels import Level

Status = Literal["pass", "fail", "error", "waived", "na", "unseen"]
"""``unseen``: nothing speaks against it, but not all of it was looked at."""
Method = Literal["static", "live", "evidence", "declared"]
"""``static``: seen in what is rendered; ``live``: answered by running hosts; ``evidence`` and ``declared``: people say
so."""


class Observation(NamedTuple):
    """One thing that a control or a probe looked at: what is wanted, what is there, and where that can be changed."""

    expected: str
    observed: str
    holds: bool
    where: str = ""
    """A rendered file and key, or a path in site.yml."""
    origin: str = ""
    """site.yml:LINE:COLUMN when the site itself set the value."""
    remedy: str = ""
    """An instruction, where more is to be done than to correct ``where``."""


@dataclass(frozen=True, slots=True)
class Result:
    """One control for one subject (a host, a domain, or "site")."""

    control: str
    level: Level
    subject: str
    method: Method
    status: Status
    expected: str = ""
    observed: str = ""
    where: str = ""
    origin: str = ""
    remedy: str = ""

    def __post_init__(self) -> None:
        # Hosts, DNS and files said it; from here it goes to terminals, pages and other programs.
        for name in ("subject", "expected", "where", "origin", "remedy"):
            object.__setattr__(self, name, printable.line(getattr(self, name)))
        object.__setattr__(self, "observed", printable.words(self.observed))

    def json(self) -> dict[str, str]:
        """As plain data."""
        return asdict(self)
