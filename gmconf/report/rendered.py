"""What each control puts on the hosts: settings with their values, and whole files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gmconf.assess.check import views
from gmconf.controls.case import HostCase
from gmconf.controls.catalogue import CATALOGUE
from gmconf.controls.expect import spelled
from gmconf.controls.files import counts
from gmconf.services.effective import host_case
from gmconf.services.plan import Plan
from gmconf.services.registry import plans
from gmconf.settings import Reason, Setting
from gmconf.site.load import Loaded

ROW = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Line:
    """One value on some hosts; ``key`` is empty for a whole file. ``origin`` is site.yml:LINE:COLUMN when the site set
    it."""

    service: str
    file: str
    key: str
    value: str
    origin: str
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class HostSide:
    """One host: its plans, and every value that its daemons will be told."""

    case: HostCase
    plans: Sequence[Plan]


def sides(loaded: Loaded) -> Iterator[HostSide]:
    """Every host of the site."""
    for view in views(loaded):
        found = plans(view)
        yield HostSide(host_case(view, found), found)


@dataclass
class _Values:
    """The values of one key on one host; a list of rows has many."""

    values: dict[str, None] = field(default_factory=dict)
    origin: str = ""


def lines(hosts: Sequence[HostSide]) -> dict[str, tuple[Line, ...]]:
    """By control id: all that is rendered because of it, and what it looks at although the site has overridden it."""
    looked = _looked_at()
    found: dict[str, dict[tuple[str, str, str, str, str], list[str]]] = {}
    for side in hosts:
        name = side.case.host.name
        for control, service, file, key, seen in _of_host(side, looked):
            where = (service, file, key, ", ".join(seen.values), seen.origin)
            found.setdefault(control, {}).setdefault(where, []).append(name)
    return {
        control: tuple(Line(*where, tuple(names)) for where, names in rows.items()) for control, rows in found.items()
    }


def _looked_at() -> dict[tuple[str, str], tuple[str, ...]]:
    index: dict[tuple[str, str], list[str]] = {}
    for control in CATALOGUE.values():
        for file, keys in control.settings.items():
            for key in keys:
                index.setdefault((file, ROW.sub("[*]", key)), []).append(control.id)
    return {place: tuple(names) for place, names in index.items()}


def _of_host(
    side: HostSide, looked: dict[tuple[str, str], tuple[str, ...]]
) -> Iterator[tuple[str, str, str, str, _Values]]:
    for plan in side.plans:
        for file in plan.files:
            for control in _controls((file.because,)):
                yield control, plan.name, file.path, "", _Values({"the whole file": None})
            grouped: dict[tuple[str, str], _Values] = {}
            for setting in side.case.settings.get(file.path, {}).values():
                key = ROW.sub("[*]", setting.key)
                because = _controls(setting.because)
                for control in dict.fromkeys((*because, *looked.get((file.path, key), ()))):
                    on = CATALOGUE[control].on
                    if control in because or (counts(file.path, key, side.case) and (not on or side.case.has(*on))):
                        seen = grouped.setdefault((control, key), _Values())
                        seen.values.setdefault(_shown(setting))
                        seen.origin = seen.origin or _origin(setting)
            for (control, key), seen in grouped.items():
                yield control, plan.name, file.path, key, seen


def _controls(because: Sequence[Reason]) -> tuple[str, ...]:
    return tuple(reason.ref for reason in because if reason.kind == "control")


def _shown(setting: Setting) -> str:
    return "(secret)" if setting.secret else spelled(setting.value)


def _origin(setting: Setting) -> str:
    return next((r.ref for r in setting.because if r.kind == "site" and ":" in r.ref), "")
