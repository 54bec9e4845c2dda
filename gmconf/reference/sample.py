"""Every file that gmconf renders with a template, of one small site that has all roles: both releases, all levels."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, get_args

from gmconf.keys.make import create_missing
from gmconf.model import Host
from gmconf.model.levels import LEVELS
from gmconf.render.render import render
from gmconf.services.plan import File, View
from gmconf.services.registry import plans
from gmconf.settings import Reason, Setting
from gmconf.site.load import load

SITE = """\
organisation: {{name: Example Organisation, postmaster: alice@example.org}}
level: {level}
domains:
  - name: example.org
    mailboxes: [{{name: alice}}]
hosts:
  - name: mail.example.org
    release: {release}
    addresses: [198.51.100.13, "2001:db8:1::13"]
    roles: [mta, msa, store, filter, chat, news, web, nameserver]
    memory: 8 GiB
tls:
  source: acme
  acme:
    directory: https://acme.example/directory
    email: alice@example.org
    terms_agreed: true
    challenge: dns-01
    update: {{server: 198.51.100.53, key: acme-update.example.org}}
dns: {{nameservers: [{{name: mail.example.org}}]}}
chat: {{}}
news: {{groups: [{{name: example-org.general, description: All about it}}]}}
web: {{}}
"""
RELEASES: tuple[str, ...] = get_args(Host.model_fields["release"].annotation)
ROWS = re.compile(r"\[\d+\]")
"""Numbers of rows in a list."""


class Printed(NamedTuple):
    """One key of one file. Values are by (release, level)."""

    service: str
    path: str
    key: str
    values: dict[tuple[str, str], tuple[str, ...]]
    because: tuple[Reason, ...]


def printed() -> list[Printed]:
    """All keys in the order of services, files and lines; rows of lists count as one key."""
    found: dict[tuple[str, str, str], Printed] = {}
    with tempfile.TemporaryDirectory(prefix="gmconf-") as work:
        folder = Path(work)
        for release in RELEASES:
            for level in LEVELS:
                for file, settings in _rendered(folder, release, level):
                    for setting in settings:
                        key = ROWS.sub("[]", setting.key)
                        entry = found.setdefault(
                            (file.service, file.path, key), Printed(file.service, file.path, key, {}, setting.because)
                        )
                        value = "(secret)" if setting.secret else file.spell(setting.value)
                        old = entry.values.get((release, level), ())
                        entry.values[release, level] = old if value in old else (*old, value)
    return list(found.values())


def _rendered(folder: Path, release: str, level: str) -> Iterator[tuple[File, tuple[Setting, ...]]]:
    path = folder / "site.yml"
    path.write_text(SITE.format(release=release, level=level), "utf-8")
    # Their values are in no line that is shown here; the day only dates certificates.
    create_missing(load(path, keys=False).site, folder, b"of the sample", now=datetime(2026, 1, 1, tzinfo=UTC))
    loaded = load(path, keys="public")
    view = View(loaded.site, loaded.site.hosts[0], loaded.mail, loaded.why, loaded.public, loaded.rollover)
    for plan in plans(view):
        for file in plan.files:
            if isinstance(file, File):
                yield file, tuple(setting for settings in render(file).lines.values() for setting in settings)
