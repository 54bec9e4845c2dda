"""What both OSCAL files have in common (NIST OSCAL 1.1.3): identifiers, metadata, properties, text that fits.

Identifiers are UUIDs of version 5, made from names: the same site on the same day gives the same file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from uuid import NAMESPACE_URL, UUID, uuid5

from gmconf import __version__
from gmconf.controls.control import Control
from gmconf.report.status import Standings

VERSION = "1.1.3"
NAMESPACE = "urn:gmconf:oscal"
"""Of the properties that OSCAL does not define itself."""
Json = dict[str, object]
_TOKEN = re.compile(r"[^A-Za-z0-9._-]+")


class Names:
    """Identifiers of one site; hosts, domains and controls are named below it."""

    def __init__(self, found: Standings) -> None:
        site = found.loaded.site
        self._root = uuid5(NAMESPACE_URL, f"{NAMESPACE}:{site.organisation.name}:{site.domains[0].name}")

    def __call__(self, *parts: str) -> str:
        """The identifier of something by the names that lead to it."""
        found: UUID = self._root
        for part in parts:
            found = uuid5(found, part)
        return str(found)


def at_midnight(found: Standings) -> str:
    """The day of the report as OSCAL wants a time: reports of one day are the same to the byte."""
    return f"{found.day}T00:00:00Z"


def metadata(found: Standings, names: Names, title: str) -> Json:
    """Who and when."""
    organisation = found.loaded.site.organisation
    party = names("organisation")
    return {
        "title": f"{title}: {organisation.name}",
        "last-modified": at_midnight(found),
        "version": str(found.day),
        "oscal-version": VERSION,
        "props": [prop("generator", f"gmconf {__version__}")],
        "roles": [{"id": "provider", "title": "Provider of the mail service"}],
        "parties": [
            {
                "uuid": party,
                "type": "organization",
                "name": organisation.name,
                "email-addresses": [organisation.postmaster],
            }
        ],
        "responsible-parties": [{"role-id": "provider", "party-uuids": [party]}],
    }


def prop(name: str, value: str, remarks: str = "") -> Json:
    """A property of our own."""
    found: Json = {"name": name, "ns": NAMESPACE, "value": line(value)}
    return {**found, "remarks": remarks} if remarks else found


def of_control(control: type[Control]) -> list[Json]:
    """Level and area of a control."""
    return [prop("level", control.level), prop("area", control.area())]


def line(text: str) -> str:
    """One line without blanks at its ends, never empty: OSCAL's string."""
    return " ".join(text.split()) or "(empty)"


def token(*parts: str) -> str:
    """A name made of letters, digits, dot, dash and underscore, starting with a letter: OSCAL's token."""
    return "_".join(_TOKEN.sub("-", part).strip("-") for part in parts)


def resource(names: Names, name: str, title: str, description: str) -> Json:
    """An entry of the back matter."""
    return {"uuid": names("resource", name), "title": title, "description": description}


def written(root: str, content: Mapping[str, object], resources: Sequence[Json]) -> str:
    """The file."""
    return (
        json.dumps({root: {**content, "back-matter": {"resources": list(resources)}}}, indent=1, ensure_ascii=False)
        + "\n"
    )
