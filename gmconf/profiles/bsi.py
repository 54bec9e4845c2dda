"""The clauses of BSI TR-03108 and TR-03182, and how the site stands to each: by the controls that name it as their
source."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

from gmconf.assess.check import BROKEN
from gmconf.controls import CATALOGUE
from gmconf.controls.result import Result

NAME = "bsi-tr"
State = Literal["met", "not met", "evidence missing", "does not apply"]


class Clause(NamedTuple):
    """A clause: M must, R should be held; those without a letter are about the operator."""

    id: str
    title: str


CLAUSES: tuple[Clause, ...] = (
    Clause("TR-03108", "TLS and certificates as the guideline's tests want them, clause not told"),
    Clause("TR-03108-01-M", "users submit and read over TLS, and their programs are led there"),
    Clause("TR-03108-02-R", "STARTTLS for older programs"),
    Clause("TR-03108-03-M", "STARTTLS is offered to other mail servers"),
    Clause("TR-03108-04-M", "STARTTLS is used with other mail servers; answers of DNS are validated"),
    Clause("TR-03108-05-M", "TLSA in signed zones"),
    Clause("TR-03108-06-M", "TLSA of others is enforced"),
    Clause("TR-03108-07-R", "MTA-STS policy for the own domains"),
    Clause("TR-03108-08-R", "MTA-STS policies of others are enforced"),
    Clause("TR-03108-09-M", "reports about TLS are sent"),
    Clause("TR-03108-10-M", "reports about TLS are asked for, by mail"),
    Clause("TR-03108-11-R", "reports about TLS are evaluated"),
    Clause("TR-03108-12-R", "certificates of public authorities"),
    *(
        Clause(f"TR-03108-{n}", "security concept, data protection, reporting of incidents, transparency (13 to 16)")
        for n in range(13, 17)
    ),
    Clause("TR-03182", "identity of hosts, authentication of users, Authentication-Results; clause not told"),
    Clause("TR-03182-01-M", "SPF is published"),
    Clause("TR-03182-02-M", "SPF of others is verified"),
    Clause("TR-03182-03-M", "DKIM keys: RSA and Ed25519, changed in time"),
    Clause("TR-03182-04-M", "outgoing mail is signed"),
    Clause("TR-03182-05-M", "signatures of others are verified"),
    Clause("TR-03182-06-M", "DMARC is published, with a policy and reports"),
    Clause("TR-03182-07-M", "DMARC of others is followed"),
    Clause("TR-03182-08-M", "aggregate reports are sent"),
    Clause("TR-03182-09-M", "aggregate reports are received"),
    Clause("TR-03182-10-M", "aggregate reports are evaluated"),
    Clause("TR-03182-11-M", "domains that send nothing say so"),
    *(
        Clause(f"TR-03182-{n}", "security concept, data protection, reporting of incidents, transparency (12 to 15)")
        for n in range(12, 16)
    ),
)
"""As far as they were read (CONTROLS 2.1 to 2.5)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One clause."""

    clause: str
    title: str
    state: State
    controls: tuple[str, ...]
    findings: tuple[str, ...] = ()

    def json(self) -> dict[str, object]:
        """As plain data."""
        return asdict(self)


def controls(clause: str) -> tuple[str, ...]:
    """Controls that name a clause; the guideline alone is what no clause is told of."""
    return tuple(c.id for c in CATALOGUE.values() if f"BSI {clause}" in c.sources)


def standings(results: Iterable[Result]) -> list[Standing]:
    """Every clause, in order. A waived control does not meet it."""
    by_control: dict[str, list[Result]] = {}
    for result in results:
        by_control.setdefault(result.control, []).append(result)
    return [
        _standing(clause, [r for name in controls(clause.id) for r in by_control.get(name, ())]) for clause in CLAUSES
    ]


def _standing(clause: Clause, results: Sequence[Result]) -> Standing:
    named = controls(clause.id)
    if not named:
        return Standing(
            clause.id, clause.title, "evidence missing", (), ("no control of gmconf looks at it: show it otherwise",)
        )
    broken = [r for r in results if r.status in BROKEN or r.status == "waived"]
    findings = tuple(dict.fromkeys(_told(r) for r in broken))
    if any(r.method != "evidence" for r in broken):
        return Standing(clause.id, clause.title, "not met", named, findings)
    if broken:
        return Standing(clause.id, clause.title, "evidence missing", named, findings)
    state: State = "met" if any(r.status == "pass" for r in results) else "does not apply"
    return Standing(clause.id, clause.title, state, named)


def _told(result: Result) -> str:
    if result.status == "waived":
        return f"{result.control} is waived: {result.observed}"
    where = f"{result.subject} {result.where}".strip()
    return f"{result.control}, {where}: expected {result.expected}; found {result.observed}"
