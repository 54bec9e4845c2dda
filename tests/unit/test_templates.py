"""Templates hold no logic: printing, loops, a bare if, include; nothing else."""

from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from gmconf.resources import folder

TEMPLATES = sorted(folder("templates").rglob("*.j2"))
ALLOWED = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.For, nodes.If, nodes.Include,
    nodes.Const,
)  # fmt: skip


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


@pytest.mark.parametrize(
    "source",
    ["{% set x = 1 %}", "{{ a|join }}", "{{ a.b() }}", "{% if a == 'b' %}x{% endif %}", "{% macro m() %}{% endmacro %}",
     "{% if a.b %}x{% elif a.c %}y{% endif %}", "{% for x in y if x %}{% endfor %}", "{{ a + b }}", "{{ a['b'] }}"],
)  # fmt: skip
def test_logic_is_seen(source: str) -> None:
    assert logic(source)
