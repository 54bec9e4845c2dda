"""What a control wants of one rendered value. A plain value in a control means: exactly this."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gmconf.model import Role
from gmconf.settings import Value

if TYPE_CHECKING:
    from gmconf.controls.case import HostCase


@dataclass(frozen=True, slots=True)
class AtMost:
    """A number (a duration's unit is ignored: both sides use the same) that may not be larger."""

    limit: float

    def __str__(self) -> str:
        return f"at most {self.limit:g}"

    def holds(self, value: Value, _: HostCase) -> bool:
        """Zero means "no limit" to these daemons, so it never holds."""
        return 0 < _number(value) <= self.limit


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A number that may not be smaller."""

    limit: float

    def __str__(self) -> str:
        return f"at least {self.limit:g}"

    def holds(self, value: Value, _: HostCase) -> bool:
        """Whether it is large enough."""
        return _number(value) >= self.limit


@dataclass(frozen=True, slots=True)
class Has:
    """A list or text that holds all of these."""

    items: tuple[str, ...]

    def __init__(self, *items: str) -> None:
        object.__setattr__(self, "items", items)

    def __str__(self) -> str:
        return f"with {', '.join(self.items)}"

    def holds(self, value: Value, _: HostCase) -> bool:
        """An item of a list counts when it starts with the wanted text; a text when it holds it."""
        if isinstance(value, str):
            return all(item in value for item in self.items)
        if isinstance(value, int | float):
            return False
        return all(any(str(v).startswith(item) for v in value) for item in self.items)


@dataclass(frozen=True, slots=True)
class First:
    """A list in which the first of two items stands before the second, and both are there."""

    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.before} before {self.after}"

    def holds(self, value: Value, _: HostCase) -> bool:
        """Restriction lists are read in order: what comes too late does nothing."""
        found = [str(v) for v in value] if isinstance(value, list | tuple) else []
        return self.before in found and self.after in found and found.index(self.before) < found.index(self.after)


@dataclass(frozen=True, slots=True)
class Only:
    """A list with nothing but these items, in any order."""

    items: tuple[str, ...]

    def __init__(self, *items: str) -> None:
        object.__setattr__(self, "items", items)

    def __str__(self) -> str:
        return f"nothing but {', '.join(self.items)}"

    def holds(self, value: Value, _: HostCase) -> bool:
        """A subset is stricter, so it holds; an empty list does not."""
        return isinstance(value, list | tuple) and bool(value) and {str(v) for v in value} <= set(self.items)


@dataclass(frozen=True, slots=True)
class Begins:
    """A text that starts like this; the rest is for people."""

    start: str

    def __str__(self) -> str:
        return f"{self.start} ..."

    def holds(self, value: Value, _: HostCase) -> bool:
        """Whether it does."""
        return str(value).startswith(self.start)


@dataclass(frozen=True, slots=True)
class Parts:
    """A text of parts between separators: all that are required, and none but those and the optional ones."""

    separator: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.separator.join(self.required)}, nothing weaker"

    def holds(self, value: Value, _: HostCase) -> bool:
        """Order does not matter."""
        parts = set(str(value).split(self.separator))
        return set(self.required) <= parts <= {*self.required, *self.optional}


@dataclass(frozen=True, slots=True)
class Guarded:
    """A restriction list of Postfix in which nothing lets mail through but these items, each at its place or not at
    all."""

    permits: tuple[str, ...]
    checks: tuple[str, ...]
    """Starts of what else may stand there: it can refuse, or its table is gmconf's own."""

    def __str__(self) -> str:
        return f"nothing that lets mail through but {', '.join(self.permits)}"

    def holds(self, value: Value, _: HostCase) -> bool:
        """A list without one of the permits is stricter."""
        items = [str(v) for v in value] if isinstance(value, list | tuple) else []
        return bool(items) and all(item in self.permits or item.startswith(self.checks) for item in items)


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these values."""

    values: tuple[Value, ...]

    def __init__(self, *values: Value) -> None:
        object.__setattr__(self, "values", values)

    def __str__(self) -> str:
        return " or ".join(spelled(v) for v in self.values)

    def holds(self, value: Value, _: HostCase) -> bool:
        """Whether it is one of them."""
        return value in self.values


@dataclass(frozen=True, slots=True)
class Model:
    """The value that follows from the site: ``value(case)`` says which, ``words`` how to name it."""

    value: Callable[[HostCase], Value]
    words: str
    optional: bool = False
    """The line may be left out where the value is empty."""

    def __str__(self) -> str:
        return self.words

    def holds(self, value: Value, case: HostCase) -> bool:
        """Lists are compared as such, whatever they are made of."""
        wanted = self.value(case)
        return _plain(value) == _plain(wanted)


NOTHING = Model(lambda _: "", "nothing", optional=True)
"""A line that gmconf never prints, and that must not be there."""


@dataclass(frozen=True, slots=True)
class Within:
    """A number between two that follow from the site, both included."""

    low: float | Callable[[HostCase], float]
    high: float | Callable[[HostCase], float]
    words: str

    def __str__(self) -> str:
        return self.words

    def holds(self, value: Value, case: HostCase) -> bool:
        """Whether it lies between them."""
        low = self.low(case) if callable(self.low) else self.low
        high = self.high(case) if callable(self.high) else self.high
        return low <= _number(value) <= high


def exactly(*items: str) -> tuple[Only, Has]:
    """A list of these and no others, in any order."""
    return Only(*items), Has(*items)


def on_msa(value: Value) -> Model:
    """A value on hosts that take users' mail; nothing elsewhere."""
    return Model(lambda c: value if c.has(Role.MSA) else "", f"{spelled(value)} on MSA hosts, nothing elsewhere")


@dataclass(frozen=True, slots=True)
class OnMsa:
    """What another want asks, on hosts that take users' mail; nothing elsewhere."""

    want: AtMost | AtLeast | Has | First | Only | OneOf | Within | Parts | Guarded | Begins

    def __str__(self) -> str:
        return f"{self.want} on MSA hosts, nothing elsewhere"

    def holds(self, value: Value, case: HostCase) -> bool:
        """Elsewhere any value is one too much."""
        return self.want.holds(value, case) if case.has(Role.MSA) else value in ("", [])


SECOND = Model(
    lambda c: "::1" if "ipv6" in c.site.address_families else "", "::1, unless the site is IPv4 only", optional=True
)
"""The second loopback address of a local service."""
Want = AtMost | AtLeast | Has | First | Only | OneOf | Model | Within | Parts | Guarded | Begins | OnMsa
Wanted = Value | Want | tuple[Want, ...]


def holds(wanted: Wanted, value: Value, case: HostCase) -> bool:
    """Whether a value is what a control wants; a tuple of wants asks for all of them."""
    if isinstance(wanted, Want):
        return wanted.holds(value, case)
    if isinstance(wanted, tuple) and wanted and all(isinstance(part, Want) for part in wanted):
        return all(part.holds(value, case) for part in wanted if isinstance(part, Want))
    return _plain(wanted) == _plain(value)


def words(wanted: Wanted) -> str:
    """A want as a person reads it."""
    if isinstance(wanted, tuple):
        return " and ".join(str(part) for part in wanted) if wanted else "nothing"
    return "nothing" if wanted == "" else spelled(wanted)


def spelled(value: object) -> str:
    """A value as a person reads it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(v) for v in value) or "nothing"
    return str(value) or "nothing"


def _plain(value: object) -> object:
    if isinstance(value, list | tuple):
        return [str(v) for v in value]
    return value


def _number(value: Value) -> float:
    if isinstance(value, bool):
        return -1
    if isinstance(value, int | float):
        return value
    found = re.match(r"-?[0-9]+(\.[0-9]+)?", str(value))
    return float(found[0]) if found else -1
