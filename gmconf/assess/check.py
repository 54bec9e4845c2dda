"""The static verdict: every control for the site, each host, each domain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from fnmatch import filter as matching
from functools import lru_cache, partial
from typing import Literal, get_args

from gmconf.controls.case import DomainCase, HostCase
from gmconf.controls.control import CATALOGUE, Control
from gmconf.controls.expect import Model, holds, spelled, words
from gmconf.controls.files import belongs, counts
from gmconf.controls.result import Method, Observation, Result, Status
from gmconf.controls.site_claims import case_of, claims, shown
from gmconf.derived.records import Record
from gmconf.dns import Contract, contract
from gmconf.model.document import parse_path
from gmconf.model.levels import LEVELS, Level, up_to
from gmconf.model.operation import ANY_DAY
from gmconf.services.effective import host_case
from gmconf.services.plan import View
from gmconf.services.registry import plans
from gmconf.site.load import Loaded

Proof = Literal["files", "hosts", "paper"]
PROOFS: tuple[Proof, ...] = get_args(Proof)
_PAPER: frozenset[Method] = frozenset({"evidence", "declared"})
_DECLARED = ("support", "procedures", "policies", "clients", "news", "level")
"""Parts of site.yml about people and promises: a program sees that they are written, not that they are so."""


def check(loaded: Loaded, today: date, hashes: Mapping[str, str] | None = None) -> list[Result]:
    """Every control of the catalogue, in its order; several results where several subjects or claims fail.

    ``hashes`` are the password hashes by login, from whoever has the vault's password.
    """
    return judged(loaded, today, host_cases(loaded), domain_cases(loaded), hashes)


def judged(
    loaded: Loaded,
    today: date,
    hosts: Sequence[HostCase],
    domains: Sequence[DomainCase],
    hashes: Mapping[str, str] | None = None,
) -> list[Result]:
    """The same, of hosts and domains that are given as they are or will be."""
    site = loaded.site
    case = case_of(site, loaded.mail, today)._replace(public=loaded.public, hashes=hashes)
    waivers, waived = site.waived(ANY_DAY), site.waived(today)
    asked = [c for c in CATALOGUE.values() if c.sees_domains() and c.id not in waivers and not c.applies(case)]
    of_domains: dict[str, list[Result]] = {c.id: [] for c in asked}
    for domain in domains:  # one after the other, so that each one's records are made once
        for control in asked:
            of_domains[control.id] += _judged(control, list(control.of_domain(domain)), domain.domain.name)
    found: list[Result] = []
    for control in CATALOGUE.values():
        waiver = waivers.get(control.id)
        if waiver and control.id not in waived:
            found.append(
                _result(
                    control,
                    "site",
                    "static",
                    "error",
                    Observation(
                        "a waiver whose day lies ahead",
                        f"waived by {waiver.owner} until {waiver.until}",
                        holds=False,
                        where="waivers",
                    ),
                    "hold the control, or decide anew until when it is waived",
                )
            )
        elif waiver:
            why = Observation(
                "", f"{waiver.reason} ({waiver.owner}, until {waiver.until})", holds=False, where="waivers"
            )
            found.append(_result(control, "site", "static", "waived", why))
        elif why_not := control.applies(case):
            found.append(_result(control, "site", "static", "na", Observation("", why_not, holds=True)))
        else:
            seen = list(claims(control, case))
            found += _judged(control, [c for c in seen if not _by_people(c)], "site")
            found += _judged(control, [c for c in seen if _by_people(c)], "site", "declared")
            found += _judged(control, list(control.of_hosts(hosts)), "site")
            evidence = shown(control, case)
            if evidence:
                found += _judged(control, [evidence], "site", "evidence")
            for host in hosts:
                if not control.on or host.has(*control.on):
                    found += _judged(control, list(of_host(control, host)), host.host.name)
            found += of_domains.get(control.id, ())
            if hidden := control.unseen(case, hosts):
                found.append(_result(control, "site", "static", "unseen", Observation("", hidden, holds=True)))
            if found[-1].control != control.id if found else True:
                found.append(
                    _result(
                        control, "site", "static", "na", Observation("", "nothing of the site is concerned", holds=True)
                    )
                )
    return [_placed(loaded, result) for result in found]


def host_cases(loaded: Loaded) -> list[HostCase]:
    """Every host as controls look at it."""
    whole = contract(loaded)
    return [host_case(view, plans(view), whole.of_host(view.host)) for view in views(loaded)]


def domain_cases(loaded: Loaded) -> list[DomainCase]:
    """Every domain as controls look at it; its records are made when a control asks for them."""
    whole = contract(loaded)
    records = lru_cache(maxsize=1)(partial(_records, whole))
    return [
        DomainCase(
            loaded.site, loaded.mail, d, loaded.public, partial(records, n), whole.zones.of(d.name), whole.report_zones
        )
        for n, d in enumerate(loaded.site.domains)
    ]


def _records(whole: Contract, number: int) -> tuple[Record, ...]:
    domain = whole.site.domains[number]
    return (*whole.of_domain(domain), *whole.authorisation(domain))


def _placed(loaded: Loaded, result: Result) -> Result:
    """The result with its place in the site: the line of the field it is about, or of the level that asks for it."""
    if result.origin or result.status not in ("fail", "error") or result.where.startswith(("/", "build/", "dkim/")):
        return result
    head, _, rest = result.where.partition(".")
    path = ("evidence", rest) if head == "evidence" else parse_path(result.where) if result.where else ()
    document = loaded.document
    if not document.has(path):
        path = ("level",)
    return replace(result, origin=str(document.mark(path))) if document.has(path) else result


def views(loaded: Loaded) -> Iterator[View]:
    """Every host of the site as its plans see it."""
    for host in loaded.site.hosts:
        yield View(loaded.site, host, loaded.mail, loaded.why, loaded.public, loaded.rollover)


def of_host(control: type[Control], case: HostCase) -> Iterator[Observation]:
    """What a control sees on one host; files that the host's roles do not have concern it not."""
    for file, keys in control.settings.items():
        if belongs(file, case) and file not in case.files:
            yield Observation(f"{file} on the host", "missing", holds=False, where=file)
        if file not in case.settings:
            continue
        for key, wanted in keys.items():
            if not counts(file, key, case):
                continue
            setting = case.value(file, key)
            if setting is None and isinstance(wanted, Model) and wanted.optional and not wanted.value(case):
                continue
            if setting is None:
                yield Observation(words(wanted), "not set", holds=False, where=f"{file}:{key}")
                continue
            origin = next((r.ref for r in setting.because if r.kind == "site" and ":" in r.ref), "")
            yield Observation(
                words(wanted), spelled(setting.value), holds(wanted, setting.value, case), f"{file}:{key}", origin
            )
    for pattern in control.files:
        there = pattern in case.files or ("*" in pattern and bool(matching(case.files, pattern)))
        yield Observation(f"{pattern} on the host", "there" if there else "missing", there, pattern)
    yield from control.of_host(case)


def _by_people(claim: Observation) -> bool:
    return claim.where.partition(".")[0].partition("[")[0] in _DECLARED


def _judged(
    control: type[Control], seen: list[Observation], subject: str, method: Method = "static"
) -> Iterator[Result]:
    """One result when all hold, else one for each observation that does not."""
    broken = [claim for claim in seen if not claim.holds]
    for claim in broken:
        yield _result(control, subject, method, "fail", claim, _remedy(claim))
    if seen and not broken:
        yield _result(control, subject, method, "pass", seen[0] if len(seen) == 1 else _all(seen))


NAMED = 4
"""Of many things that hold, so many are named."""


def _all(seen: list[Observation]) -> Observation:
    """Several claims that hold, as one; files and keys are named, what differs from domain to domain is counted."""
    names = list(
        dict.fromkeys(
            claim.where.rpartition("/")[2] if claim.where.startswith("/") else claim.where
            for claim in seen
            if claim.where
        )
    )
    rest = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return Observation(
        "",
        (
            f"all {len(seen)} are as required ({', '.join(names[:NAMED])}{rest})"
            if names
            else f"all {len(seen)} are as required"
        ),
        holds=True,
    )


def _result(
    control: type[Control], subject: str, method: Method, status: Status, claim: Observation, remedy: str = ""
) -> Result:
    return Result(
        control.id,
        control.level,
        subject,
        method,
        status,
        claim.expected,
        claim.observed,
        claim.where,
        claim.origin,
        remedy,
    )


def _remedy(claim: Observation) -> str:
    if claim.remedy:
        return claim.remedy
    if claim.origin:
        return f"change {claim.origin}"
    if claim.where.startswith("evidence."):
        return f"name it in site.yml: {claim.where}: {{where, by, day}}; day is when somebody looked at it last"
    if claim.where and not claim.where.startswith(("/", "build/")):
        return f"add or correct {claim.where} in site.yml"
    return ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the results add up to."""

    declared: Level | None
    reached: Level | None
    """The highest level at which every control is held: what is waived is not."""
    granted: Level | None
    """The highest level that holds when the waivers are granted."""
    waived: tuple[str, ...]
    """Controls up to the declared level (or all) that are waived."""
    areas: dict[str, Level | None]
    """What is reached in each area, by the same rule as ``reached``."""
    counts: dict[Status, int]
    """Controls up to the declared level (or all) by status; a control counts once, by its worst result."""
    proved: dict[Proof, int]
    """Controls of ``counts["pass"]`` by what they rest on."""
    unseen: tuple[str, ...]
    """Controls up to the declared level (or all) that nothing speaks against, and that were not looked at whole."""
    asked: bool
    """Whether running hosts were asked at all."""

    def json(self) -> dict[str, object]:
        """As plain data."""
        return {**asdict(self), "holds": self.holds}

    @property
    def holds(self) -> bool:
        """Whether the declared level holds, its waivers granted; ``waived`` says which they are."""
        if self.declared is None:
            return True
        return self.declared in up_to(self.granted)


_WORST: tuple[Status, ...] = ("error", "fail", "waived", "unseen", "pass", "na")


def resting(results: Iterable[Result]) -> dict[str, Proof]:
    """What each control rests on that has something which holds: the weakest of it. Paper is weaker than files, files
    than hosts that answered."""
    found: dict[str, Proof] = {}
    for result in results:
        if result.status == "pass":
            old = found.get(result.control)
            kind: Proof = (
                "paper"
                if result.method in _PAPER or old == "paper"
                else "hosts"
                if "hosts" in (old, _HOSTS.get(result.method))
                else "files"
            )
            found[result.control] = kind
    return found


_HOSTS = {"live": "hosts"}


def states(results: Iterable[Result]) -> dict[str, Status]:
    """The state of each control: the worst of its results."""
    status: dict[str, Status] = {}
    for result in results:
        old = status.get(result.control, "na")
        status[result.control] = min(old, result.status, key=_WORST.index)
    return status


def verdict(results: Iterable[Result], declared: Level | None) -> Verdict:
    """The level of the site and of each area: the lowest of all its parts. What is waived never counts as met."""
    results = list(results)
    status = states(results)
    areas: dict[str, dict[str, Status]] = {}
    for name, worst in status.items():
        areas.setdefault(CATALOGUE[name].area(), {})[name] = worst
    reach = up_to(declared or LEVELS[-1])
    counts: dict[Status, int] = dict.fromkeys(_WORST, 0)
    asked = {name: worst for name, worst in status.items() if CATALOGUE[name].level in reach}
    for worst in asked.values():
        counts[worst] += 1
    waived, unseen = (
        tuple(name for name, worst in asked.items() if worst == wanted) for wanted in ("waived", "unseen")
    )
    bases = resting(results)
    proved = {
        proof: sum(worst == "pass" and bases.get(name) == proof for name, worst in asked.items()) for proof in PROOFS
    }
    live = any(r.method == "live" for r in results)
    parts = {area: _reached(part, UNMET) for area, part in sorted(areas.items())}
    return Verdict(
        declared, _reached(status, UNMET), _reached(status, BROKEN), waived, parts, counts, proved, unseen, live
    )


BROKEN: frozenset[Status] = frozenset({"fail", "error"})
UNMET: frozenset[Status] = BROKEN | {"waived"}


def _reached(status: dict[str, Status], stops: frozenset[Status]) -> Level | None:
    reached: Level | None = None
    for level in LEVELS:
        if any(worst in stops for name, worst in status.items() if CATALOGUE[name].level == level):
            break
        reached = level
    return reached
