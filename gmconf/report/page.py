"""The page: one file of HTML that needs nothing else."""

from __future__ import annotations

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gmconf.report.page_data import sheet
from gmconf.report.status import Standings
from gmconf.resources import folder


def page(found: Standings) -> str:
    """HTML. Its templates print text only, and everything printed is escaped."""
    environment = Environment(
        loader=FileSystemLoader(folder("templates")),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report/page.html.j2").render(r=sheet(found)) + "\n"
