"""A setting is a value that knows why it is there; a file's settings are printed by its template."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, NamedTuple

from gmconf.errors import GmconfError

Kind = Literal["control", "site", "need"]
Scalar = str | int | bool | float
Value = Scalar | Sequence[Scalar]


class Reason(NamedTuple):
    """Why a value is what it is.

    kind ``control``: ref is the control's id, text its title and sources;
    kind ``site``: ref is ``site.yml:LINE:COLUMN``, text the path of the field;
    kind ``need``: ref is the service's name, text a sentence.
    """

    kind: Kind
    ref: str
    text: str

    def __str__(self) -> str:
        return f"{self.ref}: {self.text}" if self.text else self.ref


@cache
def need(service: str, sentence: str) -> Reason:
    """A reason that lies in the service itself: it would not work, or not work well, otherwise."""
    return Reason("need", service, sentence)


class Setting(NamedTuple):
    """One value of one file. ``secret`` values are printed into the file but shown nowhere else."""

    file: str
    key: str
    value: Value
    because: tuple[Reason, ...]
    secret: bool = False

    def __bool__(self) -> bool:
        """Templates ask ``{% if c.relayhost %}``: an empty or false value is not there."""
        return bool(self.value)


def like(old: Value, text: str) -> Value:
    """The text of an override as the kind of value that it replaces; as it is where it cannot be that."""
    if isinstance(old, bool):
        return {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}.get(
            text.lower(), text
        )
    if isinstance(old, int) and text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    if isinstance(old, list | tuple):
        return [item.strip() for item in text.split(",") if item.strip()] if "," in text else text.split()
    return text


@dataclass(slots=True)
class Section:
    """Settings below one dotted prefix, so that a template can write ``c.imap.process_limit``."""

    prefix: str
    names: dict[str, Setting | Section | list[Section]] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Setting | Section | list[Section]:
        try:
            return self.names[name]
        except KeyError:
            raise AttributeError(f"no setting {self.prefix}{name}") from None

    def __iter__(self) -> Iterator[Setting | Section | list[Section]]:
        return iter(self.names.values())


class Settings:
    """All settings of one rendered file, united as they are added.

    The same key with the same value unites the reasons; with another value it is an error that names
    both, unless ``overrides`` says that the stricter reason knows about the other.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.root = Section("")

    def set(self, key: str, value: Value, *because: Reason, secret: bool = False) -> Setting:
        """Add one setting; ``key`` is dotted for nested languages (``imap.process_limit``)."""
        if not because:
            raise GmconfError(f"{self.file}: {key} has no reason")
        *parents, name = key.split(".")
        section = self._section(parents) if parents else self.root
        old = section.names.get(name)
        if isinstance(old, Setting):
            if old.value != value:
                raise GmconfError(
                    f"{self.file}: {key} is {old.value!r} because of {_refs(old.because)}, "
                    f"but {value!r} because of {_refs(because)}"
                )
            because = tuple(dict.fromkeys(old.because + because))
        elif old is not None:
            raise GmconfError(f"{self.file}: {key} is both a setting and a section")
        setting = Setting(self.file, key, value, because, secret)
        section.names[name] = setting
        return setting

    def rows(self, key: str, rows: Iterable[Mapping[str, tuple[Value, Sequence[Reason]]]]) -> None:
        """Add a list for ``{% for r in c.KEY %}``: each row maps a name to (value, reasons)."""
        *parents, name = key.split(".")
        sections = []
        for number, row in enumerate(rows):
            section = Section(f"{key}[{number}].")
            for column, (value, because) in row.items():
                path = f"{key}[{number}].{column}"
                if not because:
                    raise GmconfError(f"{self.file}: {path} has no reason")
                section.names[column] = Setting(self.file, path, value, tuple(because))
            sections.append(section)
        self._section(parents).names[name] = sections

    def override(self, key: str, value: str, because: Reason) -> bool:
        """Replace the value of a top-level setting by the site's own text; False when there is no such setting.

        The reasons of the value it replaces are dropped with it: they no longer hold.
        """
        old = self.root.names.get(key)
        if not isinstance(old, Setting):
            return False
        self.root.names[key] = Setting(self.file, key, like(old.value, value), (because,))
        return True

    def _section(self, parents: list[str]) -> Section:
        section = self.root
        prefix = ""
        for name in parents:
            prefix += f"{name}."
            child = section.names.setdefault(name, Section(prefix))
            if not isinstance(child, Section):
                raise GmconfError(f"{self.file}: {prefix[:-1]} is both a setting and a section")
            section = child
        return section

    def flat(self) -> Iterator[Setting]:
        """Every setting of the file, in the order in which they were added."""
        yield from _flatten(self.root)


def _flatten(section: Section) -> Iterator[Setting]:
    for item in section:
        if isinstance(item, Setting):
            yield item
        elif isinstance(item, Section):
            yield from _flatten(item)
        else:
            for row in item:
                yield from _flatten(row)


def _refs(reasons: Iterable[Reason]) -> str:
    return ", ".join(r.ref for r in reasons)
