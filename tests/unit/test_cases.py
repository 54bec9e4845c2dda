"""For every control a site that holds it and one that does not: small patches over tests/controls/base.yml.

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

import shutil
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
from gmconf.site.load import load

CASES = Path(__file__).resolve().parents[1] / "controls"
TODAY = date(2026, 11, 23)
WAIVED = {"xmpp.server", "ha.two-nodes"}
"""base.yml has waivers, and the cases of each take it away."""


@pytest.fixture(scope="module")
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


def judged(base: Path, patch: dict) -> list[check.Result]:
    """All results of a patched site."""
    site = merged(yaml.load((CASES / "base.yml").read_text(), yaml.BaseLoader), patch.get("site", {}))
    file = base / "patched.yml"
    file.write_text(yaml.safe_dump(site, allow_unicode=True))
    loaded = load(file)
    loaded = replace(loaded, public={k: v for k, v in loaded.public.items() if k not in patch.get("keys", ())})
    hosts = [changed(host, patch) for host in check.host_cases(loaded)]
    return check.judged(
        loaded, patch.get("day", TODAY), hosts, [moved(domain, patch) for domain in check.domain_cases(loaded)]
    )


def failing(base: Path, patch: dict) -> tuple[set[str], set[str]]:
    """Controls that fail, and controls that pass."""
    results = judged(base, patch)
    # Another day makes evidence old and ends waivers; what the day itself breaks is looked at.
    broken = {
        r.control
        for r in results
        if r.status in ("fail", "error") and ("day" not in patch or (r.method, r.status) == ("static", "fail"))
    }
    return broken, {r.control for r in results if r.status == "pass"} - broken


def patch_of(path: Path) -> dict:
    return yaml.load(path.read_text("utf-8"), yaml.SafeLoader) or {}


def test_base_holds_everything(base) -> None:
    broken, passed = failing(base, {})
    assert broken == set()
    assert passed == set(CATALOGUE) - WAIVED


def test_every_control_has_both() -> None:
    there = {p.name for p in CASES.glob("*.yml")} - {"base.yml"}
    assert there == {f"{name}.{kind}.yml" for name in CATALOGUE for kind in ("pass", "fail")}


@pytest.mark.parametrize("path", sorted(CASES.glob("*.pass.yml")), ids=lambda p: p.name)
def test_passes(base, path: Path) -> None:
    patch = patch_of(path)
    if "short_of" in patch:
        assert [r.expected for r in judged(base, patch) if r.status in ("fail", "error")] == [patch["short_of"]]
        return
    broken, passed = failing(base, patch)
    assert path.name.removesuffix(".pass.yml") in passed
    assert broken == set()


@pytest.mark.parametrize("path", sorted(CASES.glob("*.fail.yml")), ids=lambda p: p.name)
def test_fails(base, path: Path) -> None:
    patch = patch_of(path)
    if "refused" in patch:
        with pytest.raises(SiteError, match=patch["refused"]):
            failing(base, patch)
        return
    broken, _ = failing(base, patch)
    assert broken == {path.name.removesuffix(".fail.yml"), *patch.get("also", ())}
