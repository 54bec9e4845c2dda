"""OSCAL component-definition: which part of the service does what for which control, with its settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gmconf.controls.control import Control
from gmconf.controls.proofs import automated, proofs
from gmconf.daemons import SERVICES
from gmconf.derived.documents import DOCUMENTS
from gmconf.report.control_entry import short
from gmconf.report.oscal import Json, Names, line, metadata, of_control, prop, resource, token, written
from gmconf.report.rendered import Line, lines, sides
from gmconf.report.status import Standings

TITLES = {service.name: service.title for service in SERVICES}
CATALOGUE_TITLE = "gmconf catalogue of controls: GoodMessaging basic, bronze and silver"


def components(found: Standings) -> str:
    """The file, as JSON."""
    names = Names(found)
    rendered = lines(list(sides(found.loaded)))
    controls = [row.control for row in found.rows]
    services = dict.fromkeys(line.service for rows in rendered.values() for line in rows)
    parts = [_service(names, service, controls, rendered) for service in sorted(services)]
    content: Json = {
        "uuid": names("component-definition", str(found.day)),
        "metadata": metadata(found, names, "Mail service, its parts and controls"),
        "components": [*parts, _organisation(names, controls, found, rendered)],
    }
    what = "Every control with its sources is printed by: gmconf controls --format json"
    return written("component-definition", content, [resource(names, "catalogue", CATALOGUE_TITLE, what)])


def _service(
    names: Names, service: str, controls: Sequence[type[Control]], rendered: dict[str, tuple[Line, ...]]
) -> Json:
    """A program on the hosts, with what is rendered for it."""
    implemented = []
    for control in controls:
        rows = [row for row in rendered.get(control.id, ()) if row.service == service]
        if rows:
            implemented.append({**_requirement(names, service, control), **_parameters(rows)})
    title = TITLES.get(service, service)
    return _component(
        names, service, "software", title, f"{title}, as gmconf configures it on the hosts of the site.", implemented
    )


def _organisation(
    names: Names, controls: Sequence[type[Control]], found: Standings, rendered: dict[str, tuple[Line, ...]]
) -> Json:
    """The people: facts, documents, evidence, and what is checked of the site as a whole."""
    implemented = []
    for control in controls:
        remarks = list(_shown(control, found))
        plain = not rendered.get(control.id)  # nothing of it on a host: what is not hosted here, or no setting can do
        if remarks or plain:
            implemented.append(
                {
                    **_requirement(names, "organisation", control),
                    **({"remarks": "\n\n".join(remarks)} if remarks else {}),
                }
            )
    name = found.loaded.site.organisation.name
    return _component(
        names,
        "organisation",
        "process-procedure",
        name,
        "What people do, promise and show; it stands in site.yml.",
        implemented,
    )


def _component(names: Names, name: str, kind: str, title: str, description: str, implemented: Sequence[Json]) -> Json:
    component: Json = {"uuid": names("component", name), "type": kind, "title": title, "description": description}
    if not implemented:
        return component
    implementation = {
        "uuid": names("component", name, "implementation"),
        "source": f"#{names('resource', 'catalogue')}",
        "description": f"Controls that {title} carries out.",
        "implemented-requirements": list(implemented),
    }
    return {**component, "control-implementations": [implementation]}


def _requirement(names: Names, part: str, control: type[Control]) -> Json:
    proved = proofs().get(control.id, ())
    return {
        "uuid": names("component", part, control.id),
        "control-id": control.id,
        "description": f"{control.title}. {control.why}",
        "props": [
            *of_control(control),
            prop("automated", "yes" if automated(control) else "no"),
            *(prop("source", source) for source in control.quoted()),
            *(prop("test", test) for test in proved),
        ],
    }


def _parameters(rows: Sequence[Line]) -> Json:
    """Settings as parameters; the exact place is in the remarks, since names in OSCAL hold no slash."""
    values: dict[str, dict[str, str]] = {}
    for row in rows:
        where = f"{row.file}:{row.key}" if row.key else row.file
        values.setdefault(where, {})[line(short(row.value))] = ", ".join(row.hosts[:4]) + (
            f" and {len(row.hosts) - 4} more" if len(row.hosts) > 4 else ""
        )
    return {
        "set-parameters": [
            {
                "param-id": token(*where.split(":", 1)),
                "values": list(found),
                "remarks": (
                    f"{where} on"
                    f" {'; '.join(f'{hosts} ({value})' if len(found) > 1 else hosts for value, hosts in found.items())}"
                ),
            }
            for where, found in values.items()
        ]
    }


def _shown(control: type[Control], found: Standings) -> Iterator[str]:
    titles = {d.name: d.title for d in DOCUMENTS}
    for fact in control.facts:
        yield f"site.yml says: {fact.path}"
    for name in control.documents:
        yield f"Document: {titles.get(name, name)} (build/documents/{name}.md)"
    if control.evidence:
        shown = found.loaded.site.evidence.get(control.id)
        seen = f"{shown.where}, {shown.by}, {shown.day}" if shown else "none named"
        yield f"Evidence, every {control.evidence.days} days: {control.evidence.what}. {seen}"
