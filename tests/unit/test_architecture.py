"""Data flows one way: who may import whom."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (
    "cli",
    "reference",
    "profiles",
    "verify",
    "feedback",
    "build",
    "report",
    "documents",
    "assess",
    "render",
    "rotation",
    "services",
    "dns",
    "site",
    "controls",
    "daemons",
    "keys",
    "derived",
    "dialects",
    "model",
)
"""Packages from top to bottom: each imports what stands below it. The modules beside them import no room."""
FLAT = ("errors", "folder", "lock", "printable", "resources", "settings")
FILES = sorted(p for p in (ROOT / "gmconf").rglob("*.py") if p.parent != ROOT / "gmconf" or p.stem in FLAT)


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gmconf"):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return found - {"__version__"}


def test_rooms_are_the_packages_that_there_are() -> None:
    package = ROOT / "gmconf"
    assert {p.parent.name for p in package.glob("*/__init__.py")} == set(ROOMS)
    assert {p.stem for p in package.glob("*.py")} == {*FLAT, "__init__", "__main__"}


def test_the_table_of_the_architecture_has_every_room_in_order() -> None:
    rows = re.findall(r"^\| `(\w+)/` \|", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE)
    assert tuple(rows) == ROOMS


def test_docs_name_files_that_there_are() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        for name in re.findall(rf"`((?:{'|'.join(ROOMS)})/[\w/]+\.py)`", page.read_text()):
            assert (ROOT / "gmconf" / name).exists(), (page.name, name)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_downwards(path: Path) -> None:
    mine = path.relative_to(ROOT / "gmconf").parts[0].removesuffix(".py")
    below = ROOMS[ROOMS.index(mine) + 1 :] if mine in ROOMS else ()
    above = imports(path) - {mine, *below, *FLAT}
    assert not above, f"{mine} imports {', '.join(sorted(above))}"


def test_the_module_of_a_control_is_its_prefix() -> None:
    from gmconf.controls.catalogue import CATALOGUE

    for name, control in CATALOGUE.items():
        assert control.__module__ == f"gmconf.controls.{name.partition('.')[0]}", name


def test_every_control_is_in_the_catalogue_in_its_order() -> None:
    """One whose file has another name than a prefix would be imported by nobody."""
    from gmconf.controls.catalogue import CATALOGUE
    from gmconf.controls.control import AREAS
    from gmconf.controls.order import ORDER

    folder = ROOT / "gmconf/controls"
    assert {path.stem for path in folder.glob("*.py") if "(Control):" in path.read_text()} == set(AREAS)
    assert tuple(CATALOGUE) == ORDER


def test_role_needs_the_standard_library_and_ansible_only() -> None:
    """On the controller also what Ansible itself needs for its vaults; programs for hosts may use what their packages
    bring, and places.py, which lies beside them."""
    import sys

    brought = {"action_plugins": {"cryptography"}, "files": {"dns", "places"}, "gmconf_host": {"places"}}
    for path in (ROOT / "roles").rglob("*.py"):
        known = sys.stdlib_module_names | {"ansible", "__future__"} | brought.get(path.parent.name, set())
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [node.module]
                if isinstance(node, ast.ImportFrom)
                else [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else []
            )
            for name in names:
                assert name.split(".")[0] in known, (path, name)
