"""Data flows one way: who may import whom."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Each may import what stands above it, and its own package.
LAYERS = (
    ("errors", "printable"),
    ("complaints", "document", "folder", "lock", "schemes", "settings", "resources"),
    ("model",),
    ("dialects", "facts", "keynames", "records", "remote", "spf", "taglist", "zones"),
    ("nameservice", "published"),
    ("certificates", "directory", "documents", "fixtures", "limits", "rollover", "userfiles", "vault"),
    ("contradictions", "controls", "credentials"),
    (
        "acmerules",
        "hosting",
        "invariants",
        "namerules",
        "nameserverrules",
        "networkrules",
        "requirements",
        "signaturerules",
        "webrules",
        "zonerules",
    ),
    ("rules",),
    ("plan", "trace"),
    ("load",),
    ("autoconfig", "dns"),
    ("effective", "services"),
    ("manifest", "notices", "project", "render", "diff", "explain", "keys", "output", "passwords", "check", "custody"),
    ("handbook",),
    ("alternatives", "tree"),
    ("influence", "soundness"),
    ("formats", "lookup", "report", "reports", "verdicts"),
    ("medium", "rotation", "verify"),
    ("profiles",),
    ("cli",),
    ("__main__",),
)
LEVEL = {name: number for number, layer in enumerate(LAYERS) for name in layer}
FILES = sorted(
    p for p in (ROOT / "gmconf").rglob("*.py") if p.name != "__init__.py" or p.parent.name not in ("gmconf",)
)


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gmconf"):
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return found - {"__version__"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_downwards(path: Path) -> None:
    mine = path.relative_to(ROOT / "gmconf").parts[0].removesuffix(".py")
    for other in imports(path) - {mine}:
        assert LEVEL[other] < LEVEL[mine], f"{mine} imports {other}"


def test_every_module_of_controls_is_in_the_catalogue() -> None:
    from gmconf.controls.catalogue import CATALOGUE, MODULES

    folder = ROOT / "gmconf/controls"
    declaring = {f"gmconf.controls.{path.stem}" for path in folder.glob("*.py") if "(Control):" in path.read_text()}
    assert declaring == {module.__name__ for module in MODULES}
    order = [module.__name__ for module in MODULES]
    places = [order.index(control.__module__) for control in CATALOGUE.values()]
    assert places == sorted(places)


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
