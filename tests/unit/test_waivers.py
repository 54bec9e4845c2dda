"""A waiver counts until the end of its last day, and from then on nowhere.

Each place that counts waivers is asked on both days; rotation and DNS are in test_rotation.py and test_dns_check.py.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from report_sites import with_keys

from gmconf.assess.check import check, verdict
from gmconf.controls.choices import choices
from gmconf.controls.result import Observation
from gmconf.derived.policies import unable
from gmconf.model.levels import LEVELS, rank, up_to
from gmconf.model.operation import ANY_DAY
from gmconf.report.deviations import looser
from gmconf.report.status import standings
from gmconf.site.load import Loaded, load
from gmconf.verify import engine
from gmconf.verify.engine import PROBES, Outcome
from gmconf.verify.probe import Task
from gmconf.verify.run import Run

ROOT = Path(__file__).resolve().parents[2]
LAST = date(2026, 11, 23)
DAYS = [pytest.param(LAST, True, id="last day"), pytest.param(LAST + timedelta(1), False, id="day after")]


def waiving(folder: Path, control: str, **more: object) -> Loaded:
    data = yaml.load((ROOT / "examples/single/site.yml").read_text(), yaml.BaseLoader) | more
    waiver = {"control": control, "reason": "moving", "owner": "Alice Archer", "until": str(LAST)}
    (folder / "site.yml").write_text(yaml.safe_dump(data | {"waivers": [waiver]}))
    return load(with_keys(folder) / "site.yml")


@pytest.mark.parametrize(("day", "counts"), DAYS)
def test_until_its_last_day(tmp_path, day, counts) -> None:
    site = waiving(tmp_path, "xmpp.server").site
    assert list(site.waived(day)) == (["xmpp.server"] if counts else [])
    assert list(site.waived(ANY_DAY)) == ["xmpp.server"]


@pytest.mark.parametrize(("day", "counts"), DAYS)
def test_the_verdict(tmp_path, day, counts) -> None:
    loaded = waiving(tmp_path, "xmpp.server")
    results = check(loaded, day)
    assert {r.status for r in results if r.control == "xmpp.server"} == {"waived" if counts else "error"}
    assert verdict(results, "bronze").waived == (("xmpp.server",) if counts else ())


@pytest.mark.parametrize(("day", "counts"), DAYS)
def test_choices_and_report(tmp_path, day, counts) -> None:
    loaded = waiving(tmp_path, "xmpp.server")
    (news_and_chat,) = (c for c in choices(loaded.site, day) if c.id == "C17")
    assert news_and_chat.loose is counts
    assert ("chat waived" if counts else "chat not offered") in news_and_chat.chosen
    assert (news_and_chat.chosen in {row.means for row in looser(loaded, day)}) is counts
    found = standings(loaded, day)
    assert found.verdict.counts["waived"] == int(counts)
    (row,) = (r for r in found.rows if r.control.id == "xmpp.server")
    assert row.status == ("waived" if counts else "error")


@pytest.mark.parametrize(("day", "counts"), DAYS)
def test_findings_on_running_hosts(tmp_path, day, counts) -> None:
    run = Run(waiving(tmp_path, "mta.local-only"), "mark")
    seen = (Observation("refused", "taken", holds=False),)
    outcome = Outcome(Task(PROBES["relay"], "mail.example.org", lambda: ()), "fail", seen, "")
    statuses = {r.status for r in engine.results(run, [outcome], day) if r.control == "mta.local-only"}
    assert statuses == {"waived" if counts else "fail"}


def test_a_site_is_read_whatever_the_day(tmp_path) -> None:
    """Reading and rendering look at no clock; ``gmconf check`` says when a waiver has expired."""
    provider = {
        "name": "Example DNS",
        "contact": {"name": "Night desk"},
        "capabilities": ["dnssec", "caa", "long-txt", "tlsa"],
    }
    site = waiving(tmp_path, "dns.srv", level="basic", dns={"provider": provider}).site
    assert list(unable(site)) == []
    assert list(unable(site.model_copy(update={"waivers": ()}))) == [("srv", "dns.srv")]


def test_only_one_place_reads_waivers() -> None:
    """Besides it, only the rule that they name controls, and name each once."""
    reading = {
        str(path.relative_to(ROOT / "gmconf"))
        for path in (ROOT / "gmconf").rglob("*.py")
        if "site.waivers" in path.read_text() or "self.waivers" in path.read_text()
    }
    assert reading == {"model/site.py", "controls/site_claims.py"}


def test_levels_in_their_order() -> None:
    assert [up_to(level) for level in LEVELS] == [LEVELS[:1], LEVELS[:2], LEVELS]
    assert up_to(None) == ()
    assert sorted(("silver", "basic", "bronze"), key=rank) == list(LEVELS)
    with pytest.raises(ValueError, match="not in"):
        up_to("gold")
