"""All controls, and the reason "because of this control"."""

from __future__ import annotations

from functools import cache

from gmconf.controls import (
    access,
    authentication,
    clients,
    conduct,
    content,
    governance,
    lists,
    login,
    monitoring,
    naming,
    network,
    operation,
    outbound,
    reputation,
    role_addresses,
    submission,
    support,
    transfer,
    transport,
    zone,
)
from gmconf.controls.control import CATALOGUE, LEVELS, Control
from gmconf.errors import GmconfError
from gmconf.settings import Reason

__all__ = ["CATALOGUE", "LEVELS", "MODULES", "Control", "control", "listed"]
MODULES = (
    access,
    network,
    clients,
    submission,
    login,
    authentication,
    content,
    governance,
    monitoring,
    zone,
    naming,
    operation,
    support,
    transfer,
    conduct,
    role_addresses,
    outbound,
    lists,
    reputation,
    transport,
)
"""In the order in which controls are judged and listed."""


def _in_order() -> None:
    """Controls enter the catalogue as they are imported; who imports whom must not decide where one stands."""
    place = {module.__name__: number for number, module in enumerate(MODULES)}
    for name in sorted(CATALOGUE, key=lambda n: place[CATALOGUE[n].__module__]):
        CATALOGUE[name] = CATALOGUE.pop(name)


_in_order()


@cache
def control(id_: str) -> Reason:
    """The reason "because of this control"."""
    found = CATALOGUE.get(id_)
    if found is None:
        raise GmconfError(f"no control {id_} in the catalogue")
    return Reason("control", found.id, f"{found.title} ({'; '.join(found.quoted())})")


def listed(name: str | None = None, level: str | None = None) -> list[type[Control]]:
    """Controls by id: one, or those that a level asks for, or all. Raises GmconfError for an unknown name."""
    if name is not None:
        if name not in CATALOGUE:
            from difflib import get_close_matches

            near = get_close_matches(name, CATALOGUE, 3)
            hint = f"; did you mean {', '.join(near)}?" if near else "; list them: gmconf controls"
            raise GmconfError(f"no control {name}{hint}")
        return [CATALOGUE[name]]
    if level not in (None, *LEVELS):
        raise GmconfError(f"no level {level}; there are {', '.join(LEVELS)}")
    reach = LEVELS[: LEVELS.index(level) + 1] if level else LEVELS
    return [found for _, found in sorted(CATALOGUE.items()) if found.level in reach]
