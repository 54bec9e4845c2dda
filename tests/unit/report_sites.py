"""Sites for the tests of the report: the bronze example, the golden sites, and sites of many hosts."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

from conftest import ROOT, without_chat
from sitekeys import with_keys
from test_golden_sites import SITES

from gmconf.site.load import Loaded, load

DAY = date(2026, 11, 24)
NAMES = ("bronze", *sorted(p.name for p in SITES.iterdir()))
ROLES = ("mta", "mta", "mta", "msa", "msa", "filter", "filter", "store")


def prepared(name: str, work: Path) -> Path:
    """The site file of an example or golden site, with keys; the example has a waiver, since reports must show one."""
    source = ROOT / "examples/bronze" if name == "bronze" else SITES / name
    shutil.copytree(source, work, dirs_exist_ok=True)
    if name == "bronze":
        (work / "site.yml").write_text(without_chat((work / "site.yml").read_text()))
    return with_keys(work) / "site.yml"


def many(count: int, work: Path) -> Loaded:
    """A site of many hosts with one role each."""
    hosts = []
    for number in range(count):
        role = ROLES[number] if number < len(ROLES) else ("mta", "msa", "filter")[number % 3]
        release = "trixie" if number % 2 else "bookworm"
        hosts.append(
            f"  - {{name: {role}{number}.example.org, release: {release}, addresses:"
            f" [198.51.{100 + number // 200}.{number % 200 + 1}, "
            f'"2001:db8::{number + 1:x}"], roles: [{role}], memory: 8 GiB}}\n'
        )
    (work / "site.yml").write_text(
        "organisation: {name: Many, postmaster: alice@example.org}\n"
        "domains: [{name: example.org, mailboxes: [{name: alice}]}]\nhosts:\n" + "".join(hosts)
    )
    return load(with_keys(work) / "site.yml")


def edited(path: Path, old: str, new: str) -> Loaded:
    """The site with one thing changed, which must be there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return load(path)
