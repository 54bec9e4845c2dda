"""What a host's daemons will be told: the planned settings, with the site's overrides laid over them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from gmconf.controls.case import HostCase
from gmconf.controls.files import MAIN
from gmconf.derived.records import Record
from gmconf.resources import folder
from gmconf.services.plan import File, Plan, View
from gmconf.settings import Setting, like

_PRINTED = re.compile(r"^\s*([A-Za-z_][\w-]*)\s*[:= ]\s*[^\n]*?\{\{\s*c\.([\w.]+)\s*\}\}")


def host_case(view: View, plans: Sequence[Plan], records: Iterable[Record] = ()) -> HostCase:
    """A host as controls look at it, with what it has in DNS."""
    settings: dict[str, dict[str, Setting]] = {}
    paths: set[str] = set()
    for plan in plans:
        for file in plan.files:
            paths.add(file.path)
            if isinstance(file, File):
                found = {s.key: s for s in file.settings.flat()}
                _override(view, file, found)
                settings[file.path] = found
    return HostCase(view.site, view.mail, view.host, settings, frozenset(paths), tuple(records))


def _override(view: View, file: File, found: dict[str, Setting]) -> None:
    """Lay the site's own lines over the settings that print the same keyword.

    Postfix's plan has done so itself; what main.cf has besides has no other name than its parameter's.
    """
    if file.path == MAIN:
        for key, value, why in view.overrides("postfix"):
            found.setdefault(key, Setting(MAIN, key, value, (why,)))
        return
    name = file.path.rpartition("/")[2]
    if file.path.startswith("/etc/rspamd/"):
        module = name.rpartition(".")[0]
        lines = {
            k.partition(".")[2]: (v, why) for k, v, why in view.overrides("rspamd") if k.partition(".")[0] == module
        }
    else:
        field = {
            "dovecot.conf": "dovecot",
            "protocols.conf": "dovecot",
            "unbound.conf": "unbound",
            "clamd.conf": "clamd",
        }.get(name, "")
        lines = {k: (v, why) for k, v, why in view.overrides(field)} if field else {}
    if not lines:
        return
    for keyword, key in _printed(file.template):
        if keyword in lines and key in found:
            value, why = lines[keyword]
            old = found[key]
            found[key] = Setting(old.file, key, like(old.value, value), (why,))


@cache
def _printed(template: str) -> tuple[tuple[str, str], ...]:
    text = (folder("templates") / template).read_text()
    return tuple((m[1], m[2]) for line in text.split("\n") if (m := _PRINTED.match(line)))
