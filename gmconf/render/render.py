"""From settings to text, with the reasons of every line.

Jinja prints through ``finalize``: only settings can be printed, each leaves a mark in the text, and the marks
tell which line prints what. The mark is a control character, which the model refuses in any value.
"""

from __future__ import annotations

import os
from collections.abc import Hashable
from functools import cache
from typing import NamedTuple

from jinja2 import Environment, FileSystemBytecodeCache, FileSystemLoader, StrictUndefined, Template, Undefined

from gmconf.errors import GmconfError
from gmconf.resources import folder
from gmconf.services.plan import File, LineFile, Spell
from gmconf.settings import Setting, Settings, Value

_MARK = "\x00"


class Rendered(NamedTuple):
    """Text of a file; ``lines`` maps line numbers (from 1) to the settings printed there."""

    text: str
    lines: dict[int, tuple[Setting, ...]]


class _Tracer:
    """Spells settings in one dialect and remembers them in the order in which they are printed."""

    spell: Spell

    def __init__(self) -> None:
        self.seen: list[Setting] = []
        self._spelled: dict[Hashable, str] = {}

    def __call__(self, setting: object) -> str:
        if not isinstance(setting, Setting):
            if isinstance(setting, Undefined):
                str(setting)  # StrictUndefined raises here and names what is missing
            raise GmconfError(f"a template prints {setting!r}, which has no reason")
        self.seen.append(setting)
        # Most values are the same on many hosts, and some are the addresses of all hosts.
        value = self.spell, hashable(setting.value)
        text = self._spelled.get(value)
        if text is None:
            text = self._spelled[value] = self._mark(setting)
        return text

    def _mark(self, setting: Setting) -> str:
        text = self.spell(setting.value)
        if "\n" in text or "\r" in text or _MARK in text:
            raise GmconfError(f"{setting.file}: {setting.key} would take more than one line: {text!r}")
        return _MARK + text


def hashable(value: Value) -> Hashable:
    """A value as a key; its type counts too, for 1 and true are equal but spelled differently."""
    return (list, *value) if isinstance(value, list) else (type(value), value)


_TRACER = _Tracer()


@cache
def environment() -> Environment:
    """The one Jinja environment; templates are compiled once per process."""
    return Environment(
        loader=FileSystemLoader(folder("templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        auto_reload=False,
        bytecode_cache=_compiled(),
        cache_size=-1,
        finalize=_TRACER,
    )


def _compiled() -> FileSystemBytecodeCache | None:
    """Compiled templates of earlier runs, in the user's cache; none where there is no place for one."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    place = os.path.join(home, "gmconf")
    try:
        os.makedirs(place, 0o700, exist_ok=True)
        found = os.stat(place)
    except OSError:
        return None
    # What lies there is run: nobody else may have put it there.
    return FileSystemBytecodeCache(place) if found.st_uid == os.geteuid() and not found.st_mode & 0o022 else None


@cache
def _template(name: str) -> Template:
    return environment().get_template(name)


def render(file: File) -> Rendered:
    """Text and trace of a templated file. Raises GmconfError when a setting stays unprinted."""
    tracer = _TRACER
    tracer.spell, tracer.seen = file.spell, []
    try:
        raw = header(file) + _template(file.template).render(c=file.settings.root)
    except GmconfError:
        raise
    except Exception as error:  # whatever Jinja raises: the template and its message are what helps
        raise GmconfError(f"template {file.template} for {file.path}: {error}") from error
    _refuse_unprinted(file.settings, tracer.seen, file.path)
    lines: dict[int, tuple[Setting, ...]] = {}
    done = 0
    for number, line in enumerate(raw.split("\n"), 1):
        printed = line.count(_MARK)
        if printed:
            lines[number] = tuple(tracer.seen[done : done + printed])
            done += printed
    return Rendered(raw.replace(_MARK, ""), lines)


def likeness(file: File) -> Hashable:
    """Templated files of several hosts with the same likeness have the same text and the same reasons."""
    printed = [(s.key, hashable(s.value), s.because) for s in file.settings.flat()]
    return file.path, file.template, file.spell, file.comment, file.because, tuple(printed)


def header(file: File | LineFile) -> str:
    """The lines every whole file starts with."""
    if not file.comment:
        return ""
    return (
        f"{file.comment}Managed by gmconf: do not edit here, the next roll-out replaces the whole file.\n"
        f"{file.comment}Why a line is there: gmconf explain {file.path}:LINE\n\n"
    )


def _refuse_unprinted(settings: Settings, seen: list[Setting], path: str) -> None:
    printed = {id(setting) for setting in seen}
    lost = [s.key for s in settings.flat() if id(s) not in printed and s.value not in ("", (), [], False)]
    if lost:
        raise GmconfError(f"{path}: no template line prints {', '.join(lost)}")


__all__ = ["Rendered", "environment", "header", "likeness", "render"]
