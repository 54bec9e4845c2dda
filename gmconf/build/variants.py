"""A field of a site by its name, and what else could stand there."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin

from gmconf.errors import GmconfError
from gmconf.model import Site
from gmconf.model.base import Part, docstrings
from gmconf.model.document import Data, PathParts, spell_path

GONE = object()
"""Stands for "the field is not written"."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field that the model has: its path, its value, and the part that declares it, or the list that it is an entry
    of."""

    path: PathParts
    value: object
    owner: type[Part]
    attribute: str

    @property
    def name(self) -> str:
        """As people write it: ``domains[0].name``."""
        return spell_path(self.path)

    @property
    def about(self) -> str:
        """Its description, as in the schema; may be empty."""
        return dict(docstrings(self.owner)).get(self.attribute, "")


def field_of(site: Site, name: str) -> Field:
    """The field with a name such as ``hosts[0].cpus`` or ``evidence.mon.all-agents.by``. Raises GmconfError when there
    is none."""
    node: object = site
    path: PathParts = ()
    owner: type[Part] = Site
    attribute, rest = "", name
    while rest:
        part, length = _first(node, rest)
        if part is None:
            known = _known(node)
            where = f"{spell_path(path)} has no" if path else "there is no"
            raise GmconfError(f"{where} {rest.lstrip('.')!r}; known here: {', '.join(known) if known else 'nothing'}")
        if isinstance(node, Part):
            owner, attribute, node = type(node), str(part), getattr(node, str(part))
        else:
            node = node[part]  # type: ignore[index]  # _first found it in a list or a mapping
        path, rest = (*path, part), rest[length:]
    return Field(path, node, owner, attribute)


def _first(node: object, rest: str) -> tuple[str | int | None, int]:
    """The first step of a name below a node, and how many characters it takes. Keys of mappings may hold dots."""
    if isinstance(node, tuple):
        found = re.match(r"\[(\d+)\]", rest)
        return (int(found[1]), found.end()) if found and int(found[1]) < len(node) else (None, 0)
    plain = rest.removeprefix(".")
    fits = [key for key in _known(node) if plain == key or plain.startswith((f"{key}.", f"{key}["))]
    longest = max(fits, key=len, default=None)
    return longest, len(rest) - len(plain) + len(longest or "")


def _known(node: object) -> list[str]:
    if isinstance(node, Part):
        return list(type(node).model_fields)
    if isinstance(node, dict):
        return list(node)
    return [f"[0] to [{len(node) - 1}]"] if isinstance(node, tuple) and node else []


def alternatives(field: Field, data: Data) -> Iterator[tuple[str, object]]:
    """(sentence, raw value) of what could stand there instead, near the value first, and at last nothing at all."""
    raw = _raw(data, field.path)
    if not isinstance(field.value, tuple | dict | Part):
        texts = [raw] if isinstance(raw, str) else list(_spelled(field.value))
        for text in dict.fromkeys(near for old in texts for near in (*_words(field), *_near(old))):
            if text not in (raw, str(field.value)):
                yield f"With {text!r}", text
    if raw is not GONE:
        yield "Without it", GONE


def _words(field: Field) -> Iterator[str]:
    """The words that the model knows for a field, none for other kinds of fields."""
    if isinstance(field.value, bool):
        yield str(not field.value).lower()
    kinds: list[Any] = [field.owner.model_fields[field.attribute].annotation]
    for kind in kinds:
        kinds += get_args(kind) if get_origin(kind) is not Literal else ()
        if get_origin(kind) is Literal:
            yield from map(str, get_args(kind))
        elif isinstance(kind, type) and issubclass(kind, StrEnum):
            yield from (member.value for member in kind)


def _spelled(value: object) -> Iterator[str]:
    """A value that is not written in the site, as one could write it."""
    if value is not None:
        yield str(value)
    yield from ("7", "7 MiB", "7d", "a@example.org", "something", "https://example.org/", "2000-01-01")


def _near(text: str) -> Iterator[str]:
    """The text with another number in it, or another word."""
    for number in re.finditer(r"\d+", text):
        for other in (int(number[0]) + 1, int(number[0]) - 1):
            yield f"{text[: number.start()]}{other:0{len(number[0])}}{text[number.end() :]}" if other >= 0 else text
    yield f"{text}x"
    yield f"x{text}"
    yield re.sub(r"\.", "-x.", text, count=1)


def _raw(data: Data, path: PathParts) -> object:
    found: Any = data
    for part in path:
        if isinstance(found, str):  # a list of one, written as plain text
            return found if part == 0 else GONE
        try:
            found = found[part]
        except (LookupError, TypeError):
            return GONE
    return found


def changed(data: Data, path: PathParts, value: object) -> Data:
    """The data with another value at a path; mappings above it that are not written are added."""
    fresh: Any = copy.deepcopy(data)
    node = fresh
    for part, after in pairwise(path):
        if isinstance(node, dict) and node.get(str(part)) is None:
            node[str(part)] = [] if isinstance(after, int) else {}
        if isinstance(after, int) and isinstance(node[part], str):
            node[part] = [node[part]]
        node = node[part]
    last: Any = path[-1]
    if value is GONE:
        del node[last]
    elif isinstance(node, list) and last >= len(node):
        node.append(value)
    else:
        node[last] = value
    return fresh  # type: ignore[no-any-return]  # deepcopy of Data is Data
