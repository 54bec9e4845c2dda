"""Raw lines for daemons, for what the model has no field."""

from typing import Annotated, NamedTuple

from pydantic import StringConstraints

from gmconf.model.base import Part
from gmconf.model.names import Line, Text

_SETTING = r"^([A-Za-z0-9_]+( [A-Za-z0-9_.:*-]+)?/)*[A-Za-z0-9_]+$"


class Overrides(Part):
    """Raw lines for a daemon, key: value, put last. Traced, judged by the daemon, and listed as what they are."""

    postfix: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+$")], Text] = {}
    """main.cf parameters; an empty one ("") empties a list."""
    dovecot: dict[Annotated[str, StringConstraints(pattern=_SETTING)], Text] = {}
    """Dovecot settings; those of a block by its path ("service imap-login/process_limit"); an empty one ("") empties a
    list."""
    rspamd: dict[Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+$")], Line] = {}
    """module.key: written to rspamd's override.d/MODULE.conf."""
    unbound: dict[Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")], Line] = {}
    """Options of Unbound's server clause."""
    clamd: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+$")], Line] = {}
    """clamd.conf options."""


class RawLine(NamedTuple):
    """One of them, where it stands in site.yml."""

    section: str
    key: str
    value: str
    mapping: str
    """The path of the mapping that it is an entry of; keys of rspamd have dots."""
    where: str
    """The host that alone has it, or the hosts of a role; empty where all do."""

    @property
    def path(self) -> str:
        """The path of the field."""
        return f"{self.mapping}.{self.key}"
