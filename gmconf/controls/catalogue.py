"""All controls, and the reason "because of this control"."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from gmconf.controls.control import AREAS, CATALOGUE, Control
from gmconf.controls.order import ORDER
from gmconf.errors import GmconfError
from gmconf.model.levels import LEVELS, up_to
from gmconf.settings import Reason

__all__ = ["CATALOGUE", "Control", "control", "listed"]


def _read() -> None:
    """Import the module of every prefix; then ORDER decides, not which module imported which first."""
    for prefix in AREAS:
        import_module(f"gmconf.controls.{prefix}")
    if odd := CATALOGUE.keys() ^ set(ORDER):
        raise GmconfError(f"gmconf/controls/order.py lists every control once; not so {', '.join(sorted(odd))}")
    for name in ORDER:
        CATALOGUE[name] = CATALOGUE.pop(name)


_read()


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
    reach = up_to(level or LEVELS[-1])
    return [found for _, found in sorted(CATALOGUE.items()) if found.level in reach]
