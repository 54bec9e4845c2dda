"""Fields of the site by path, as far as controls and documents ask for them."""

from __future__ import annotations

from gmconf.model import Site


def fact(site: Site, path: str) -> object:
    """The value of a dotted path, or None where a part of it is not there."""
    found: object = site
    for name in path.split("."):
        found = getattr(found, name, None)
        if found is None:
            return None
    return found


def filled(site: Site, path: str) -> bool:
    """Whether the site says anything about it."""
    return fact(site, path) not in (None, (), "", {})


def amount(value: object) -> float:
    """A number as it is, anything with a length as its length."""
    if isinstance(value, int | float):
        return float(value)
    return float(len(value)) if hasattr(value, "__len__") else 0.0
