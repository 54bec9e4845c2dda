"""Where the templates and roles lie: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder ``templates`` or ``roles``."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def program(path: str) -> list[str]:
    """Lines of a program for hosts, by its path below ``roles/gmconf``."""
    return (folder("roles") / "gmconf" / path).read_text("utf-8").rstrip("\n").split("\n")
