"""What a probe is, and what it says. Probes are declared once, beside their dialogue;
controls name them in ``live``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from gmconf.controls import CATALOGUE
from gmconf.controls.result import Observation
from gmconf.errors import GmconfError
from gmconf.model import Domain
from gmconf.verify.run import At, Run


class NothingToSayError(Exception):
    """The probe has nothing to say here; the text is the reason (status "na", never "pass")."""


Looks = Iterable[Observation]


@dataclass(frozen=True, slots=True)
class Task:
    """One probe on one subject: a host, a domain or "site"."""

    probe: Probe
    subject: str
    look: Callable[[], Looks]


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe by name. ``title`` says what it does, ``harmless`` what it leaves behind and why that hurts nobody."""

    name: str
    title: str
    harmless: str
    tasks: Callable[[Run], Iterator[tuple[str, Callable[[], Looks]]]]
    login: bool = False
    """Needs the probe account; without it the answer is "na"."""
    inside: bool = False
    """Looks at the host over ssh instead of from outside."""
    last: bool = False
    """Runs when all others are done."""

    def each(self, run: Run) -> Iterator[Task]:
        """The tasks of a run; one without a host or domain says so."""
        found = False
        for subject, look in self.tasks(run):
            found = True
            yield Task(self, subject, look)
        if not found:
            yield Task(self, "site", _nothing)

    @property
    def proves(self) -> tuple[str, ...]:
        """Controls that name this probe."""
        return tuple(c.id for c in CATALOGUE.values() if self.name in c.live)


def _nothing() -> Looks:
    raise NothingToSayError("nothing of the site is concerned")


PROBES: dict[str, Probe] = {}
"""By name, filled by the modules that declare them."""


def _declare(
    name: str,
    text: str | None,
    tasks: Callable[[Run], Iterator[tuple[str, Callable[[], Looks]]]],
    *,
    login: bool = False,
    inside: bool = False,
    last: bool = False,
) -> None:
    title, _, rest = (text or "").strip().partition("\n")
    harmless = " ".join(rest.split())
    if not title or not harmless:
        raise GmconfError(f"probe {name} lacks a docstring that says what it does and what it leaves behind")
    if name in PROBES:
        raise GmconfError(f"probe {name} is declared twice")
    PROBES[name] = Probe(name, title.rstrip("."), harmless, tasks, login, inside, last)


def on_host(
    name: str, *roles: str, login: bool = False, inside: bool = False, last: bool = False
) -> Callable[[Callable[[At], Looks]], Callable[[At], Looks]]:
    """Declare a probe of every host with one of these roles (none: of every host)."""

    def declare(look: Callable[[At], Looks]) -> Callable[[At], Looks]:
        def tasks(run: Run) -> Iterator[tuple[str, Callable[[], Looks]]]:
            for at in run.hosts:
                if not roles or at.has(*roles):
                    yield at.host.name, partial(look, at)

        _declare(name, look.__doc__, tasks, login=login, inside=inside, last=last)
        return look

    return declare


def on_domain(name: str, *kinds: str) -> Callable[[Callable[[Run, Domain], Looks]], Callable[[Run, Domain], Looks]]:
    """Declare a probe of every domain of these kinds."""

    def declare(look: Callable[[Run, Domain], Looks]) -> Callable[[Run, Domain], Looks]:
        def tasks(run: Run) -> Iterator[tuple[str, Callable[[], Looks]]]:
            for domain in (d for d in run.domains if d.kind in kinds):
                yield domain.name, partial(look, run, domain)

        _declare(name, look.__doc__, tasks)
        return look

    return declare


def on_site(name: str) -> Callable[[Callable[[Run], Looks]], Callable[[Run], Looks]]:
    """Declare a probe of the site as a whole."""

    def declare(look: Callable[[Run], Looks]) -> Callable[[Run], Looks]:
        _declare(name, look.__doc__, lambda run: iter([("site", partial(look, run))]))
        return look

    return declare
