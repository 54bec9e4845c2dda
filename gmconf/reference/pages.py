"""All pages together, with the links between them; written to a folder that they own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gmconf.errors import GmconfError
from gmconf.reference import commands, controls, fields, probes, rendered
from gmconf.reference.sample import Printed, printed

MARK = "<!-- made by gmconf docs; change the code, then run it again -->\n"
_INDEX = """\
# Reference

Made from the code by `gmconf docs -o docs/reference`.

- [Fields of site.yml](site.md): types, defaults, examples
- [Controls](controls/index.md): what the levels ask for, and how each is compared and proved
- [Probes](probes.md) of `gmconf verify`
- [Commands](commands.md)
- [Rendered files](rendered/index.md): every key with its value and its reasons
"""


def pages(root: Any) -> dict[str, str]:
    """Every page by its name; ``root`` is the command line. The same code gives the same bytes."""
    return {name: MARK + text.rstrip("\n") + "\n" for name, text in _made(root)}


def _made(root: Any) -> Iterator[tuple[str, str]]:
    entries, anchors = printed(), fields.anchors()
    of_control: dict[str, list[str]] = {}
    of_field: dict[str, list[str]] = {}
    for entry in entries:
        _note(entry, of_control, of_field)
    yield "index.md", _INDEX
    yield "site.md", fields.page(of_field, controls.asked())
    yield "controls/index.md", controls.index()
    yield from controls.pages(of_control, anchors)
    yield "probes.md", probes.page()
    yield "commands.md", commands.page(root)
    yield "rendered/index.md", rendered.index(entries)
    yield from rendered.pages(entries, anchors)


def _note(entry: Printed, of_control: dict[str, list[str]], of_field: dict[str, list[str]]) -> None:
    for reason in entry.because:
        if reason.kind == "control":
            of_control.setdefault(reason.ref, []).append(rendered.link(entry, "../"))
        elif reason.kind == "site":
            of_field.setdefault(rendered.field(reason), []).append(rendered.link(entry, ""))


def write(made: Mapping[str, str], folder: Path) -> None:
    """Write the pages, and remove pages of an earlier run. Raises GmconfError for a folder with pages of others."""
    old = {path for path in folder.rglob("*.md") if path.is_file()} if folder.exists() else set()
    strange = sorted(path for path in old if not path.read_text("utf-8").startswith(MARK))
    if strange:
        raise GmconfError(f"{strange[0]} was not made by gmconf docs; give another folder, or move it away")
    for path in old - {folder / name for name in made}:
        path.unlink()
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
