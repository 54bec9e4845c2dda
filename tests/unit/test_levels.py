"""Levels: what cannot be reached is refused with what is missing, and a waiver never counts as met."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from commands import gmconf
from conftest import ROOT, without_chat
from test_cases import CASES, base, merged, yaml

from gmconf.assess import check
from gmconf.assess.check import verdict
from gmconf.assess.text import by_area, lines, summary
from gmconf.controls import CATALOGUE
from gmconf.controls.choices import Choice, choices
from gmconf.controls.control import Control
from gmconf.controls.result import Result
from gmconf.report.control_entry import proof
from gmconf.report.status import standings
from gmconf.site.load import load

TODAY = date(2026, 11, 23)
__all__ = ["base"]


def patched(base: Path, patch: dict):
    site = merged(yaml.load((CASES / "base.yml").read_text(), yaml.BaseLoader), patch)
    (base / "level.yml").write_text(yaml.safe_dump(site, allow_unicode=True))
    return base / "level.yml"


def one(name: str, status: str) -> Result:
    return Result(name, CATALOGUE[name].level, "site", "static", status)


def everything(**other: str) -> list[Result]:
    """A result for each control: held, but for these (written with _ for . and -)."""
    named = {name: other.get(name.replace(".", "_").replace("-", "_"), "pass") for name in CATALOGUE}
    return [one(name, status) for name, status in named.items()]


def missing(path: Path) -> dict[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for row in check.check(load(path), TODAY):
        if row.status in ("fail", "error"):
            found.setdefault(row.control, []).append(row)
    return found


def test_single_hosts_that_mail_cannot_do_without_are_named(base) -> None:
    """One host; a second one with roles but no filter; a third that nobody asks: none of them makes a site that does
    without its first."""
    text = yaml.load((CASES / "base.yml").read_text(), yaml.BaseLoader)
    first, second = text["hosts"]
    waivers = [w for w in text["waivers"] if w["control"] != "ha.two-nodes"]
    leaning = {**second, "roles": ["mta", "msa"]}
    idle = {**second, "roles": ["filter"]}
    relaying = {**second, "roles": ["msa", "filter"]}
    for hosts, services in (
        ([first], 4),
        ([first, leaning], 4),
        ([first, idle], 4),
        ([first, relaying], 3),
        ([first, second], 1),
    ):
        found = missing(patched(base, {"hosts": hosts, "waivers": waivers}))
        assert [(r.observed, bool(r.remedy)) for r in found["ha.two-nodes"]] == [
            ("not without mx1.example.org", True)
        ] * services
        assert ("ops.rolling" in found) is (len(hosts) == 1)
        clear = [r.subject for r in found.get("tls.mua-required", ())]
        assert clear == (["mx2.example.org"] if leaning in hosts else [])


def test_release_that_cannot_hold_a_level_is_told_with_what_it_lacks(base, monkeypatch) -> None:
    class Newer(Control):
        """Something that only the newer release can do.

        Stands for the next control of this kind.
        """

        id, level, sources = "tls.newer", "silver", ("RFC 8996",)
        lacking = {"bookworm": "its Postfix 3.7 cannot send TLS reports"}
        documents = ("topology",)

    del CATALOGUE["tls.newer"]
    monkeypatch.setitem(CATALOGUE, "tls.newer", Newer)
    (row,) = missing(patched(base, {}))["tls.newer"]
    assert row.expected == "another release than bookworm on mx2.example.org: its Postfix 3.7 cannot send TLS reports"
    assert row.remedy == "renew mx2.example.org with another release, or waive tls.newer"
    waiver = {"control": "tls.newer", "reason": "until mx2 is renewed", "owner": "Bob Baker", "until": "2027-01-31"}
    waivers = yaml.load((CASES / "base.yml").read_text(), yaml.BaseLoader)["waivers"]
    assert missing(patched(base, {"waivers": [*waivers, waiver]})) == {}


def test_the_weakest_host_and_domain_decide(base) -> None:
    loaded = load(patched(base, {"overrides": {"postfix": {"smtpd_tls_ciphers": "medium"}}}))
    results = check.check(loaded, TODAY)
    weak = [r for r in results if r.status == "fail"]
    assert {r.control for r in weak} == {"tls.ciphers"}
    assert {r.subject for r in weak} == {"mx1.example.org", "mx2.example.org"}
    found = verdict(results, "silver")
    assert (found.holds, found.reached, found.granted) == (False, "basic", "basic")
    assert found.areas["transport"] == "basic"
    assert found.areas["access"] == "silver"


@pytest.mark.parametrize(
    ("other", "reached", "granted", "said"),
    [
        ({}, "silver", "silver", "bronze holds on paper; hosts not asked ("),
        ({"dane_out": "fail"}, "bronze", "bronze", "bronze holds on paper; hosts not asked ("),
        (
            {"xmpp_server": "waived"},
            "basic",
            "silver",
            "bronze holds on paper with 1 waiver; without: basic; hosts not asked (",
        ),
        (
            {"xmpp_server": "waived", "mta_retry": "waived"},
            None,
            "silver",
            "bronze holds on paper with 2 waivers; without: no level; hosts not asked (",
        ),
        ({"dane_out": "waived"}, "bronze", "silver", "bronze holds on paper; hosts not asked ("),
        (
            {"xmpp_server": "waived", "tls_ciphers": "fail"},
            "basic",
            "basic",
            "bronze does not hold; basic does on paper; hosts not asked (",
        ),
        ({"xmpp_server": "error"}, "basic", "basic", "bronze does not hold; basic does on paper; hosts not asked ("),
        ({"mta_retry": "fail"}, None, None, "bronze does not hold; no level does; hosts not asked ("),
        ({"mta_retry": "na"}, "silver", "silver", "bronze holds on paper; hosts not asked ("),
    ],
)
def test_verdict(other: dict[str, str], reached: str | None, granted: str | None, said: str) -> None:
    found = verdict(everything(**other), "bronze")
    assert (found.reached, found.granted) == (reached, granted)
    assert summary(found).startswith(said), summary(found)
    assert found.holds is said.startswith("bronze holds on paper")
    json_ = found.json()
    assert json_["reached"] == reached
    assert json_["granted"] == granted
    assert json_["waived"] == tuple(
        n
        for n in CATALOGUE
        if other.get(n.replace(".", "_").replace("-", "_")) == "waived" and CATALOGUE[n].level != "silver"
    )


def test_waiver_past_its_day_is_an_error(base) -> None:
    loaded = load(patched(base, {}))
    (day_before,) = (r for r in check.check(loaded, date(2027, 4, 30)) if r.control == "xmpp.server")
    assert day_before.status == "waived"
    (after,) = (r for r in check.check(loaded, date(2027, 5, 1)) if r.control == "xmpp.server")
    assert after.status == "error"
    assert after.expected == "a waiver whose day lies ahead"
    assert verdict(check.check(loaded, date(2027, 5, 1)), "bronze").holds is False


@pytest.mark.parametrize(
    ("patch", "loose"),
    [
        ({}, ["C17"]),
        ({"filter": {"outbound": "hold"}}, ["C1", "C17"]),
        ({"organisation": {"abuse_copy": "true"}}, ["C4", "C17"]),
        ({"filter": {"mark": "9", "reject": "14"}}, ["C8", "C17"]),
        ({"filter": {"mark": "4", "reject": "10"}}, ["C17"]),
        ({"tls": {"inbound": "encrypt"}}, ["C11", "C17"]),
        ({"support": {"max_hold_minutes": "20"}}, ["C14", "C17"]),
        ({"procedures": {"abuse_answer": "8d"}}, ["C5", "C17"]),
    ],
)
def test_choices(base, patch: dict, loose: list[str]) -> None:
    loaded = load(patched(base, patch))
    found = choices(loaded.site, TODAY)
    assert [c.id for c in found] == [f"C{n}" for n in range(1, 27)]
    assert [c.id for c in found if c.loose] == loose
    said = [line for line in lines([], verdict([], None), None, found) if line.startswith("looser than recommended: ")]
    assert [line.split("(")[1].split(")")[0] for line in said] == loose


def test_every_choice_says_what_it_is_about(base) -> None:
    loaded = load(patched(base, {}))
    fields = loaded.site.model_json_schema()
    for choice in choices(loaded.site, TODAY):
        assert choice.question.endswith("?"), choice.id
        assert choice.chosen.endswith("."), choice.id
        assert bool(choice.field) or not choice.loose
        assert choice.field.split(".")[0].split("[")[0] in {"", *fields["properties"]}, choice.field
    assert isinstance(choices(loaded.site, TODAY)[0], Choice)


def test_command_tells_waivers_choices_and_both_levels(site) -> None:
    text = without_chat((ROOT / "examples/bronze/site.yml").read_text()) + "filter: {outbound: hold}\n"
    (site / "bronze.yml").write_text(text)
    assert gmconf("keys", "bronze.yml", cwd=site).returncode == 0
    done = gmconf("check", "bronze.yml", "--date", "2026-11-23", cwd=site)
    assert done.returncode == 0, done.stdout + done.stderr
    out = done.stdout.splitlines()
    assert any(line.startswith("waived: xmpp.server: ") for line in out)
    assert any(line.startswith("looser than recommended: filter.outbound (C1): Kept in the queue") for line in out)
    assert out[-1].startswith("bronze holds on paper with 1 waiver; without: basic; hosts not asked ("), out[-1]
    found = json.loads(gmconf("check", "bronze.yml", "--date", "2026-11-23", "--format", "json", cwd=site).stdout)
    assert found["verdict"]["holds"] is True
    assert (found["verdict"]["reached"], found["verdict"]["granted"], found["verdict"]["waived"]) == (
        "basic",
        "bronze",
        ["xmpp.server"],
    )
    assert [c["id"] for c in found["choices"] if c["loose"]] == ["C1", "C17"]


def test_text_says_the_level_of_each_area(base) -> None:
    results = check.check(load(patched(base, {})), TODAY)
    found = verdict(results, "silver")
    text = by_area(found)
    assert {area for part in text.split("; ") for area in part.partition(": ")[2].split(", ")} == set(found.areas)
    for part in text.split("; "):
        level, _, areas = part.partition(": ")
        assert {found.areas[area] or "no level" for area in areas.split(", ")} == {level}
    assert text in list(lines(results, found, "silver"))


def test_age_of_dkim_keys_is_asked_of_people_only_where_nobody_knows_it(base) -> None:
    """dkim.since of every domain in place of evidence."""
    first, second, parked = yaml.load((CASES / "base.yml").read_text(), yaml.BaseLoader)["domains"]
    known = [{**first, "dkim": {"since": "2026-06-01"}}, {**second, "dkim": {"since": "2026-09-01"}}, parked]
    without = {"evidence": {"auth.dkim-rotation": None}}

    def told(day: date, domains: list[dict], more: dict) -> list[tuple[str, str, str]]:
        loaded = load(patched(base, {"domains": domains, **more}))
        return [(r.method, r.status, r.observed) for r in check.check(loaded, day) if r.control == "auth.dkim-rotation"]

    last = date(2026, 12, 2)
    assert told(last, known, without) == [("static", "pass", "all 2 are as required")]
    assert told(last + timedelta(days=1), known, without) == [("static", "fail", "gm1, since 2026-06-01")]
    # One whose age nobody knows is shown by a person, and the others are judged all the same.
    for public in (base / "keys/dkim/example.net").glob("*.pub"):
        public.write_text(public.read_text().splitlines()[0] + "\n")  # as an older gmconf made it
    assert told(last, [known[0], second, parked], without)[-1] == ("evidence", "fail", "none")
    assert [(method, status) for method, status, _ in told(last, [known[0], second, parked], {})] == [
        ("static", "pass"),
        ("evidence", "pass"),
    ]
    found = standings(load(patched(base, {"domains": known, **without})), last)
    assert [proof(row, found) for row in found.rows if row.control.id == "auth.dkim-rotation"] == [None]
    # What is named all the same, and is not asked for, counts for nothing.
    found = standings(load(patched(base, {"domains": known})), last)
    assert [proof(row, found) for row in found.rows if row.control.id == "auth.dkim-rotation"] == [None]
