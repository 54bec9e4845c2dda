"""Every setting that a control asks for, weakened: the static check must notice each time.

    python tests/unit/mutants.py        prints the mutants that survive; exit code 1 when there are any

A change that a control's own want calls as good or stricter (AtMost, AtLeast, Within, OneOf, Only, Parts, Guarded,
Begins) is no mutant.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from test_golden_sites import NAMES, prepared

from gmconf.assess import check
from gmconf.controls import CATALOGUE, Control
from gmconf.controls.case import HostCase
from gmconf.controls.expect import AtLeast, AtMost, Begins, Guarded, OneOf, Only, OnMsa, Parts, Wanted, Within, holds
from gmconf.controls.result import Observation
from gmconf.services.registry import plans
from gmconf.settings import Setting, Value
from gmconf.site.load import load

WITH_A_DIRECTION = (AtMost, AtLeast, Within, OneOf, Only, Parts, Guarded, Begins)
WEAKER = {
    "dane": ("may", "none"),
    "dnssec": ("enabled",),
    "encrypt": ("may", "none"),
    "high": ("medium", "low", "export"),
    "may": ("none",),
    "verify": ("encrypt", "none"),
    "required": ("yes", "no"),
    ">=TLSv1.2": (">=TLSv1", "!SSLv2"),
    "TLSv1.2": ("TLSv1",),
    "tempfail": ("accept", "reject"),
    "normalize": ("no", "reject"),
    "enforce": ("ignore", "drop"),
    "persistent": ("volatile", "none"),
    "optimized": ("never",),
    "always": ("never",),
    "yes": ("no",),
    "reject": ("add header", "no action"),
    "permit_sasl_authenticated,reject": ("permit_mynetworks,permit_sasl_authenticated,reject", "permit"),
}
"""Known weak values; every text is also emptied and replaced by one that means nothing."""


@dataclass(frozen=True, eq=False)
class Host:
    """A host of a golden site, and what each control sees there."""

    name: str
    case: HostCase
    asked: dict[str, str]
    """File: the control because of which it is there."""


@cache
def hosts() -> tuple[Host, ...]:
    """All hosts of all golden sites, of both releases."""
    found = []
    for name in NAMES:
        with TemporaryDirectory() as work:
            loaded = load(prepared(name, Path(work)) / "site.yml")
            for view, case in zip(check.views(loaded), check.host_cases(loaded), strict=True):
                all_plans = plans(view)
                asked = {f.path: f.because.ref for plan in all_plans for f in plan.files if f.because.kind == "control"}
                found.append(Host(f"{name}/{view.host.name}", case, asked))
    return tuple(found)


def mutants(value: Value) -> Iterator[Value]:
    """Weaker values, by kind."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | float):
        yield from {0, 1, value * 100, value // 100 if isinstance(value, int) else value / 100} - {value}
    elif isinstance(value, str):
        yield from _texts(value)
    else:
        items = list(value)
        if items:
            yield []
        yield from (items[:n] + items[n + 1 :] for n in range(len(items)) if len(items) > 1)
        if items[::-1] != items:
            yield items[::-1]
        yield [1, *items] if items and isinstance(items[0], int) else ["permit", *items]
        yield [*items, "0.0.0.0/0"]


def _texts(text: str) -> Iterator[str]:
    if text:
        yield ""
    yield f"{text}-x" if text else "unwanted"
    yield from WEAKER.get(text, ())
    for number in re.finditer(r"\d+", text) if re.fullmatch(r"\d+ ?[a-z]+", text) else ():
        for other in (0, int(number[0]) * 100, int(number[0]) // 100):
            if other != int(number[0]):
                yield text[: number.start()] + str(other) + text[number.end() :]
    for separator in (":", ", "):
        parts = text.split(separator)
        if len(parts) > 2:
            yield from (separator.join(parts[:n] + parts[n + 1 :]) for n in range(len(parts)))
            yield separator.join(["ALL", *parts])


def _concerned(control: type[Control], host: Host) -> bool:
    return not control.on or host.case.has(*control.on)


def _of(control: type[Control], host: Host, case: HostCase | None = None) -> list[Observation]:
    return list(check.of_host(control, case or host.case)) if _concerned(control, host) else []


@cache
def seen(host: Host) -> dict[str, list[type[Control]]]:
    """Place: the controls that look there; a list's rows count as their column."""
    found: dict[str, list[type[Control]]] = {}
    for control in CATALOGUE.values():
        for claim in _of(control, host):
            found.setdefault(claim.where, []).append(control)
    return found


def looking(host: Host, file: str, key: str, setting: Setting) -> list[type[Control]]:
    """The controls that look at a setting, or should: it is there because of them."""
    column = re.sub(r"\[\d+\]", "[*]", key)
    found = [c for name in (key, column) for c in seen(host).get(f"{file}:{name}", ())]
    return list(
        dict.fromkeys(
            [*found, *(c for r in setting.because if r.kind == "control" and _concerned(c := CATALOGUE[r.ref], host))]
        )
    )


def as_good(control: type[Control], file: str, key: str, value: Value, case: HostCase) -> bool:
    """Whether the control says itself that this value is as good."""
    wanted: Wanted | None = control.settings.get(file, {}).get(key)
    parts = wanted if isinstance(wanted, tuple) else (wanted,)
    return (
        any(isinstance(p.want if isinstance(p, OnMsa) else p, WITH_A_DIRECTION) for p in parts)
        and wanted is not None
        and holds(wanted, value, case)
    )


def noticed(host: Host, case: HostCase, controls: list[type[Control]]) -> bool:
    """Whether a control finds fault that found none before."""
    for control in controls:
        before = {(c.where, c.expected) for c in _of(control, host) if not c.holds}
        if any(not c.holds and (c.where, c.expected) not in before for c in _of(control, host, case)):
            return True
    return False


def without(host: Host, file: str, key: str, value: Value | None) -> HostCase:
    """The host with another value, or without the line."""
    keys = dict(host.case.settings[file])
    old = keys.pop(key)
    if value is not None:
        keys[key] = old._replace(value=value)
    return replace(host.case, settings={**host.case.settings, file: keys})


def survivors() -> Iterator[str]:
    """One line for each mutant that no control notices."""
    for host in hosts():
        for file, keys in host.case.settings.items():
            for key, setting in keys.items():
                controls = looking(host, file, key, setting)
                if controls:
                    yield from _survivors(host, file, key, setting, controls)
        for path in sorted(host.case.files):
            asking = [
                c
                for c in CATALOGUE.values()
                if path in c.settings or _matches(c, path) or any(claim.where == path for claim in _of(c, host))
            ]
            if path in host.asked and _concerned(CATALOGUE[host.asked[path]], host):
                asking.append(CATALOGUE[host.asked[path]])
            gone = replace(host.case, files=host.case.files - {path})
            if asking and not noticed(host, gone, list(dict.fromkeys(asking))):
                yield f"{host.name} {path}: removed ({', '.join(sorted({c.id for c in asking}))})"


def _matches(control: type[Control], path: str) -> bool:
    from fnmatch import fnmatch

    return any(fnmatch(path, pattern) for pattern in control.files)


def _survivors(host: Host, file: str, key: str, setting: Setting, controls: list[type[Control]]) -> Iterator[str]:
    names = ", ".join(c.id for c in controls)
    # A line with nothing on it is not printed: taking it away changes nothing.
    if setting.value not in ("", [], ()) and not noticed(host, without(host, file, key, None), controls):
        yield f"{host.name} {file}:{key}: line removed ({names})"
    for value in mutants(setting.value):
        if any(as_good(c, file, key, value, host.case) for c in controls):
            continue
        if not noticed(host, without(host, file, key, value), controls):
            yield f"{host.name} {file}:{key}: {setting.value!r} -> {value!r} ({names})"


def count() -> int:
    """How many mutants there are."""
    return sum(
        len(list(mutants(s.value))) + 1
        for h in hosts()
        for f, keys in h.case.settings.items()
        for k, s in keys.items()
        if looking(h, f, k, s)
    )


if __name__ == "__main__":
    left = list(survivors())
    for line in left:
        print(line)
    print(f"{len(left)} of {count()} mutants survive")
    sys.exit(bool(left))


__all__ = ["count", "hosts", "survivors"]
