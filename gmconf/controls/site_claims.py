"""What a level asks of the site itself: facts, topology, documents, evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from gmconf.controls.case import SiteCase
from gmconf.controls.control import CATALOGUE, Control, Fact
from gmconf.controls.result import Observation
from gmconf.derived.accounts import Directory
from gmconf.derived.documents import lacking_facts, written
from gmconf.model import Site
from gmconf.model.fields import amount, fact, filled

SECONDS_A_DAY = 86400


def case_of(site: Site, mail: Directory, today: date) -> SiteCase:
    """The site as controls look at it on a day."""
    return SiteCase(site, mail, today, frozenset(d.name for d in written(site)))


def claims(control: type[Control], case: SiteCase) -> Iterator[Observation]:
    """What a control asks of the site as a whole, evidence left out."""
    for wanted in control.facts:
        yield _fact(wanted, case.site)
    for host in case.site.hosts:
        if host.release in control.lacking and (not control.on or set(control.on) & set(host.roles)):
            yield Observation(
                f"another release than {host.release} on {host.name}: {control.lacking[host.release]}",
                host.release,
                holds=False,
                where="hosts",
                remedy=f"renew {host.name} with another release, or waive {control.id}",
            )
    yield from control.of_site(case)
    for name in control.documents:
        there = name in case.documents
        lacks = "" if there else f"site.yml lacks {_and(lacking_facts(case.site, name))}"
        yield Observation(
            f"{name}.md is written",
            "it is" if there else lacks,
            there,
            f"build/documents/{name}.md",
            remedy="" if there else "add these fields",
        )


def shown(control: type[Control], case: SiteCase) -> Observation | None:
    """The evidence a control asks for, or None when it asks for none here."""
    if control.evidence is None or not control.asks(case):
        return None
    where = f"evidence.{control.id}"
    found = case.site.evidence.get(control.id)
    wanted = f"evidence, reviewed within the last {_ago(control.evidence.days)}: {control.evidence.what}"
    if found is None:
        return Observation(wanted, "none", holds=False, where=where)
    age = (case.today - found.day).days
    late = "" if 0 <= age <= control.evidence.days else ", too long ago" if age > 0 else ", a day that has not come yet"
    return Observation(wanted, f"{found.where} ({found.by}, {found.day}{late})", not late, where)


def _ago(days: int) -> str:
    for unit, length in (("years", 365), ("months", 30), ("weeks", 7)):
        if days >= 2 * length:
            return f"{days // length} {unit}"
    return {31: "month"}.get(days, "year" if days >= 365 else f"{days} days")


def _and(names: Sequence[str]) -> str:
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)


def _fact(wanted: Fact, site: Site) -> Observation:
    value = fact(site, wanted.path)
    if not filled(site, wanted.path):
        return Observation(f"{wanted.path} in site.yml", "missing", holds=False, where=wanted.path)
    size = amount(value)
    seconds = isinstance(value, int) and wanted.most is not None and wanted.most >= SECONDS_A_DAY
    if wanted.most is not None:
        words = f"{wanted.path}: at most {_spell(wanted.most, seconds)}"
        return Observation(words, _spell(size, seconds), size <= wanted.most, wanted.path)
    if wanted.least is not None:
        return Observation(f"{wanted.path}: at least {wanted.least:g}", f"{size:g}", size >= wanted.least, wanted.path)
    return Observation(f"{wanted.path} in site.yml", "there", holds=True, where=wanted.path)


def _spell(number: float, seconds: bool) -> str:
    if not seconds:
        return f"{number:g}"
    return f"{number / SECONDS_A_DAY:g} days" if number >= SECONDS_A_DAY else f"{number / 3600:g} hours"


def misnamed(site: Site) -> Iterator[tuple[str, str]]:
    """Waivers and evidence for controls that do not exist, or exist twice, or need none."""
    seen: dict[str, int] = {}
    for number, waiver in enumerate(site.waivers):
        path = f"waivers[{number}].control"
        if waiver.control not in CATALOGUE:
            yield path, f"there is no control {waiver.control}; list them: gmconf controls"
        if waiver.control in seen:
            yield path, f"{waiver.control} is already waived by waivers[{seen[waiver.control]}]; keep one"
        seen.setdefault(waiver.control, number)
    for name in site.evidence:
        if name not in CATALOGUE:
            yield f"evidence.{name}", f"there is no control {name}; list them: gmconf controls"
        elif CATALOGUE[name].evidence is None:
            yield f"evidence.{name}", f"{name} is proved without evidence; remove it"
