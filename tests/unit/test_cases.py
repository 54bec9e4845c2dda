"""For every control a site that holds it and one that does not: small patches over tests/controls/base.yml.

A table for each area (the first part of the control's id): tests/controls/AREA.yml. Under ``holds`` is a patch with
which the control holds, often none ({}): base.yml holds nearly all; under ``fails`` one with which it does not. A
patch:

site:     merged into base.yml (RFC 7396: null removes)
rendered: file: key: value, on every host that has the file; null takes the line away, as a hand's edit would
removed:  files that are not on the hosts
records:  "NAME TYPE": rdata, what is published there instead; null takes it away
keys:     public keys that are not beside the site
day:      the day on which it is judged
refused:  words of the message with which such a site is not even taken
short_of: the only thing that is not held, because this version cannot do it
also:     other controls that fail with it, because they ask for the same thing
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from conftest import PASSWORD

from gmconf.assess import check
from gmconf.controls import CATALOGUE
from gmconf.controls.case import DomainCase, HostCase
from gmconf.derived.records import Record
from gmconf.errors import SiteError
from gmconf.keys import credentials
from gmconf.keys import make as keys
from gmconf.model import Role
from gmconf.settings import Setting
from gmconf.site.load import Loaded, load

CASES = Path(__file__).resolve().parents[1] / "controls"
TODAY = date(2026, 11, 23)
WAIVED = {"xmpp.server", "ha.two-nodes"}
"""base.yml has waivers, and the cases of each take it away."""


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> Path:
    """The base site with its keys."""
    work = tmp_path_factory.mktemp("base")
    shutil.copyfile(CASES / "base.yml", work / "site.yml")
    site = load(work / "site.yml", keys=False).site
    chat = site.model_copy(
        update={"hosts": tuple(h.model_copy(update={"roles": (*h.roles, Role.CHAT)}) for h in site.hosts)}
    )
    keys.create_missing(chat, work, PASSWORD, now=datetime(2026, 11, 23, tzinfo=UTC))
    credentials.store(work / "keys", {"alice@example.org": "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$YQ$Yg"}, PASSWORD)
    return work


@pytest.fixture(scope="session")
def bench(base) -> Bench:
    return Bench(base)


def merged(old: object, patch: object) -> object:
    """A JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    found = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        found[key] = merged(found.get(key), value)
        if value is None:
            del found[key]
    return found


def changed(host: HostCase, patch: dict) -> HostCase:
    """A host with lines and files as a hand left them."""
    settings = {file: dict(lines) for file, lines in host.settings.items()}
    for file, lines in patch.get("rendered", {}).items():
        for key, value in lines.items():
            if file in settings and value is None:
                settings[file].pop(key, None)
            elif file in settings:
                old = settings[file].get(key)
                settings[file][key] = Setting(file, key, value, old.because if old else ())
    return replace(
        host,
        settings=settings,
        files=host.files - set(patch.get("removed", ())),
        records=published(host.records, patch),
    )


def published(records: tuple[Record, ...], patch: dict) -> tuple[Record, ...]:
    """Records as another provider, or a hand, would publish them."""
    wanted = patch.get("records", {})
    kept = [r for r in records if f"{r.owner} {r.type}" not in wanted]
    first = {f"{r.owner} {r.type}": r for r in reversed(records)}
    return (
        *kept,
        *(
            first[name]._replace(rdata=(text,) if first[name].type == "TXT" else text)
            for name, text in wanted.items()
            if name in first and text
        ),
    )


def moved(domain: DomainCase, patch: dict) -> DomainCase:
    """A domain with records as they would be then."""
    return domain._replace(publish=lambda: published(domain.records, patch)) if "records" in patch else domain


class Bench:
    """The base site with its keys; each patched site is read once, and judged once as it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.read: dict[str, tuple[Loaded, list[HostCase]]] = {}
        self.seen: dict[str, list[check.Result]] = {}

    def judged(self, patch: dict) -> list[check.Result]:
        """All results of a patched site. Raises SiteError."""
        name = repr(patch)
        if name not in self.seen:
            self.seen[name] = self._judged(patch)
        return self.seen[name]

    def _judged(self, patch: dict) -> list[check.Result]:
        loaded, hosts = self._loaded(patch.get("site", {}))
        gone = patch.get("keys")
        if gone:
            loaded = replace(loaded, public={k: v for k, v in loaded.public.items() if k not in gone})
            hosts = check.host_cases(loaded)
        return check.judged(
            loaded,
            patch.get("day", TODAY),
            [changed(host, patch) for host in hosts],
            [moved(domain, patch) for domain in check.domain_cases(loaded)],
        )

    def _loaded(self, patch: dict) -> tuple[Loaded, list[HostCase]]:
        name = repr(patch)
        if name not in self.read:
            site = merged(yaml.load((CASES / "base.yml").read_text(), yaml.BaseLoader), patch)
            file = self.folder / f"site{len(self.read)}.yml"
            file.write_text(yaml.safe_dump(site, allow_unicode=True))
            loaded = load(file)
            self.read[name] = loaded, check.host_cases(loaded)
        return self.read[name]


def failing(bench: Bench, patch: dict) -> tuple[set[str], set[str]]:
    """Controls that fail, and controls that pass."""
    results = bench.judged(patch)
    # Another day makes evidence old and ends waivers; what the day itself breaks is looked at.
    broken = {
        r.control
        for r in results
        if r.status in ("fail", "error") and ("day" not in patch or (r.method, r.status) == ("static", "fail"))
    }
    return broken, {r.control for r in results if r.status == "pass"} - broken


def tables() -> Iterator[tuple[str, str, dict]]:
    """Area, control, and its two patches: every row of every table."""
    for path in sorted(CASES.glob("*.yml")):
        if path.name != "base.yml":
            text = path.read_text("utf-8")
            names = re.findall(r"^(\S+):", text, re.M)
            assert len(names) == len(set(names)), f"{path.name} has a control twice"
            yield from ((path.stem, name, both) for name, both in yaml.load(text, yaml.SafeLoader).items())


ROWS = list(tables())
NAMES = [name for _, name, _ in ROWS]


def test_base_holds_everything(bench) -> None:
    broken, passed = failing(bench, {})
    assert broken == set()
    assert passed == set(CATALOGUE) - WAIVED


def test_every_control_has_both() -> None:
    assert sorted(NAMES) == sorted(CATALOGUE)
    assert {(area, name) for area, name, _ in ROWS if name.partition(".")[0] != area} == set()
    assert {name for _, name, both in ROWS if set(both) != {"holds", "fails"}} == set()


@pytest.mark.parametrize(("name", "patch"), [(name, both["holds"]) for _, name, both in ROWS], ids=NAMES)
def test_passes(bench, name: str, patch: dict) -> None:
    if "short_of" in patch:
        assert [r.expected for r in bench.judged(patch) if r.status in ("fail", "error")] == [patch["short_of"]]
        return
    broken, passed = failing(bench, patch)
    assert name in passed
    assert broken == set()


@pytest.mark.parametrize(("name", "patch"), [(name, both["fails"]) for _, name, both in ROWS], ids=NAMES)
def test_fails(bench, name: str, patch: dict) -> None:
    if "refused" in patch:
        with pytest.raises(SiteError, match=patch["refused"]):
            failing(bench, patch)
        return
    broken, _ = failing(bench, patch)
    assert broken == {name, *patch.get("also", ())}
