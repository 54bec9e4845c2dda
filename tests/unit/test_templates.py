"""Templates hold no logic: printing, loops, a bare if, include; nothing else."""

from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from gmconf.resources import folder

TEMPLATES = sorted(folder("templates").rglob("*.j2"))
ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Getattr,
    nodes.For,
    nodes.If,
    nodes.Include,
    nodes.Const,
)


def logic(source: str) -> list[str]:
    """What stands in a template that may not."""
    found = []
    for node in Environment().parse(source).find_all(nodes.Node):
        bad_if = isinstance(node, nodes.If) and (node.elif_ or not isinstance(node.test, nodes.Getattr | nodes.Name))
        bad_for = isinstance(node, nodes.For) and (node.test or node.recursive)
        if not isinstance(node, ALLOWED) or bad_if or bad_for:
            found.append(f"line {node.lineno}: {type(node).__name__}")
    return found


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(folder("templates"))))
def test_no_logic(path: Path) -> None:
    source = path.read_text()
    assert logic(source) == []
    lines = source.splitlines()
    statements = sum("{%" in line for line in lines)
    assert statements <= max(12, 0.35 * len(lines)), f"{statements} statement lines of {len(lines)}"


UNITS = [path for path in TEMPLATES if "\nExecStart=" in path.read_text()]
FENCE = {
    "CapabilityBoundingSet",
    "NoNewPrivileges",
    "PrivateDevices",
    "ProtectHome",
    "ProtectClock",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "ProtectControlGroups",
    "LockPersonality",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictRealtime",
    "SystemCallArchitectures",
    "SystemCallFilter",
    "ProtectSystem",
}
OPEN = {"system/recover.service.j2": {"ProtectSystem"}}
"""What a unit cannot be denied: a configuration is put back wherever it was."""


@pytest.mark.parametrize("path", UNITS, ids=lambda p: str(p.relative_to(folder("templates"))))
def test_every_unit_is_fenced_in(path: Path) -> None:
    """How tight the fence is, hosts of both releases say (tests/host)."""
    said = {line.partition("=")[0] for line in path.read_text().splitlines()}
    assert FENCE - said == OPEN.get(str(path.relative_to(folder("templates"))), set())


def test_units_are_found() -> None:
    assert {path.name for path in UNITS} == {path.name for path in TEMPLATES if path.name.endswith(".service.j2")}


@pytest.mark.parametrize(
    "source",
    [
        "{% set x = 1 %}",
        "{{ a|join }}",
        "{{ a.b() }}",
        "{% if a == 'b' %}x{% endif %}",
        "{% macro m() %}{% endmacro %}",
        "{% if a.b %}x{% elif a.c %}y{% endif %}",
        "{% for x in y if x %}{% endfor %}",
        "{{ a + b }}",
        "{{ a['b'] }}",
    ],
)
def test_logic_is_seen(source: str) -> None:
    assert logic(source)
