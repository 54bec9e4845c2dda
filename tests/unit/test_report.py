"""What the report says: verdicts, merged results, the site's revision, choices, and a page that is text and nothing
else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from commands import gmconf
from report_sites import DAY, NAMES, edited, prepared

from gmconf.controls import CATALOGUE
from gmconf.controls.result import Result
from gmconf.errors import GmconfError
from gmconf.report import summary
from gmconf.report.assessment import assessment
from gmconf.report.components import components
from gmconf.report.control_entry import LETTERS, entry
from gmconf.report.deviations import looser, overrides
from gmconf.report.live import Live, read_live
from gmconf.report.page import page
from gmconf.report.page_data import sheet
from gmconf.report.rendered import Line, _shown, lines, sides
from gmconf.report.revision import revision
from gmconf.report.status import Standings, standings
from gmconf.settings import Reason, Setting
from gmconf.site.load import Loaded, load

RUN = Live("site.yml", datetime(2026, 11, 24, 9, 30, tzinfo=UTC), 12.0, ())


@pytest.fixture(scope="session", params=NAMES)
def any_site(request, tmp_path_factory) -> Loaded:
    return load(prepared(request.param, tmp_path_factory.mktemp(request.param)))


@pytest.fixture
def bronze(tmp_path) -> Path:
    return prepared("bronze", tmp_path)


def live(*results: tuple[str, str, str]) -> Live:
    """A run with these results: control, status, probe."""
    return replace(
        RUN,
        results=tuple(
            Result(name, CATALOGUE[name].level, "mail.example.org", "live", status, "as rendered", "seen", probe)
            for name, status, probe in results
        ),
    )


def row(found: Standings, control: str):
    return next(r for r in found.rows if r.control.id == control)


class Parts(HTMLParser):
    """Ids, links, and what a browser would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[tuple[str, str]] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.ids += [value] if name == "id" else []
            if name == "href" and tag == "a":
                self.links.append(value)
            elif name in ("href", "src", "srcset", "action", "data", "xlink:href") or name.startswith("on"):
                self.fetched.append((tag, value))


def test_page_is_whole_and_fetches_nothing(any_site) -> None:
    text = page(standings(any_site, DAY))
    parts = Parts(text)
    assert set(CATALOGUE) <= set(parts.ids)
    assert len(parts.ids) == len(set(parts.ids))
    assert {link[1:] for link in parts.links if link.startswith("#")} <= set(parts.ids)
    assert {link for link in parts.links if not link.startswith(("#", "https://"))} == set()
    assert parts.fetched == [("link", "data:,")]
    assert not parts.tags & {"script", "img", "iframe", "object", "embed", "form"}
    assert "url(" not in text
    assert "@import" not in text


def test_no_secret_is_told(any_site) -> None:
    found = standings(any_site, DAY)
    for text in (page(found), components(found), assessment(found)):
        assert "PRIVATE KEY" not in text
        assert "argon2id$v" not in text


def test_secret_settings_are_named_and_not_shown() -> None:
    setting = Setting("/etc/x", "password", "correct-horse", (Reason("control", "mta.helo", ""),), secret=True)
    assert _shown(setting) == "(secret)"


def test_same_site_same_page(any_site) -> None:
    assert page(standings(any_site, DAY)) == page(standings(any_site, DAY))


def test_text_of_the_site_stays_text(bronze) -> None:
    loaded = edited(bronze, "name: Example Provider", "name: '<script>alert(1)</script> & \"Söhne\"'")
    text = page(standings(loaded, DAY))
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;Söhne&#34;" in text
    loaded = edited(bronze, 'where: "https://wiki.example.org/dns"', 'where: "javascript:alert(1)"')
    assert 'href="javascript' not in page(standings(loaded, DAY))


def test_what_a_control_shows(bronze) -> None:
    text = page(standings(load(bronze), DAY))
    body = text[text.index('id="mta.banner-min"') :]
    body = body[: body.index("</details>")]
    for part in (
        "RFC 5321 section 4.2",
        "Change the default SMTP greeting",
        "/etc/postfix/main.cf:smtpd_banner",
        "$myhostname ESMTP",
        "test_mail.py::test_banner",
        "automated",
        "mail.example.org",
    ):
        assert part in body, part


@pytest.mark.parametrize(
    ("old", "new", "kind", "says"),
    [
        (
            "level: bronze\n",
            "level: bronze\n",
            "waived",
            "Bronze is declared and holds on paper, with 1 control waived until 2027-04-30.",
        ),
        ("level: bronze\n", "level: basic\n", "paper", "Basic is declared and holds on paper."),
        ("level: bronze\n", "level: silver\n", "fail", "Silver is declared and does not hold:"),
        ("level: bronze\n", "", "waived", "No level is declared."),
        ("until: 2027-04-30", "until: 2026-11-23", "fail", "Bronze is declared and does not hold: 1 control missing."),
    ],
)
def test_headline(bronze, old, new, kind, says) -> None:
    found = standings(edited(bronze, old, new), DAY)
    head = summary.headline(found)
    assert (head.kind, head.text[: len(says)]) == (kind, says)
    assert head.text in page(found)


def test_areas_and_levels_count_every_control_once(any_site) -> None:
    found = standings(any_site, DAY)
    rows = summary.levels(found)
    assert sum(r.total for r in rows) == len(CATALOGUE)
    assert all(
        r.held + r.missing + r.waived + r.unseen + r.na == r.total == sum(s.count for s in r.shares) for r in rows
    )
    assert {a.name for a in summary.areas(found)} == {c.area() for c in CATALOGUE.values()}


def test_live_results_count_by_the_worst(bronze) -> None:
    loaded = load(bronze)
    good = standings(loaded, DAY, live(("mta.banner-min", "pass", "smtp")))
    assert row(good, "mta.banner-min").status == "pass"
    assert good.verdict.holds
    bad = standings(loaded, DAY, live(("mta.banner-min", "pass", "imap"), ("mta.banner-min", "fail", "smtp")))
    assert row(bad, "mta.banner-min").status == "fail"
    assert not bad.verdict.holds
    assert [e.id for e in sheet(bad).gaps] == ["mta.banner-min"]
    text = page(bad)
    assert "Basic is declared" not in text
    assert "The running hosts were asked on 2026-11-24 09:30 UTC." in text


def test_waived_is_never_met_whatever_a_probe_sees(bronze) -> None:
    for status in ("pass", "fail"):
        found = standings(load(bronze), DAY, live(("xmpp.server", status, "xmpp")))
        assert row(found, "xmpp.server").status == "waived"
        assert found.verdict.counts["waived"] == 1
        assert found.verdict.reached == "basic"
        assert any(r.method == "live" for r in row(found, "xmpp.server").results)


def test_probe_finds_what_static_check_calls_not_applicable(bronze) -> None:
    loaded = load(bronze)
    plain = standings(loaded, DAY)
    apart = next(r.control.id for r in plain.rows if r.status == "na")
    assert row(standings(loaded, DAY, live((apart, "fail", "smtp"))), apart).status == "fail"


def test_reads_what_verify_writes(tmp_path) -> None:
    file = tmp_path / "results.json"
    results = [r.json() for r in live(("mta.banner-min", "fail", "smtp")).results]
    file.write_text(
        json.dumps({"site": "site.yml", "started": "2026-11-24T09:30:00Z", "seconds": 4.2, "results": results})
    )
    found = read_live(file)
    assert found.when == "2026-11-24 09:30 UTC"
    assert found.probes() == {"smtp"}
    assert [r.json() for r in found.results] == results


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"results": [{}]}, r"results\.json: results\.0\.control: Field required"),
        ({"started": "yesterday"}, r"results\.json: started: "),
        ({"started": "2026-11-24T09:30:00"}, "started has no time zone"),
        ({"control": "no.such"}, r"results\.0: there is no control no\.such"),
        ({"method": "static"}, r"results\.0: method static, not live"),
        ({"status": "fine"}, r"results\.0\.status: "),
        ({"form": 2}, r"results\.json: its form is 2, and this gmconf reads 1"),
        (None, r"results\.json: .*not what gmconf verify writes"),
    ],
)
def test_refuses_what_verify_does_not_write(tmp_path, change, says) -> None:
    file = tmp_path / "results.json"
    result = {"control": "mta.banner-min", "level": "basic", "subject": "h", "method": "live", "status": "pass"}
    whole = {"form": 1, "site": "s", "started": "2026-11-24T09:30:00Z", "seconds": 1, "results": [result]}
    for name, value in (change or {}).items():
        (whole if name in whole else result)[name] = value
    file.write_text(json.dumps(whole) if change else "no JSON")
    with pytest.raises(GmconfError, match=says):
        read_live(file)


def test_settings_by_host_and_value(tmp_path) -> None:
    loaded = load(prepared("six", tmp_path))
    found = lines(list(sides(loaded)))
    levels = {(line.value, line.hosts) for line in found["gov.options-on"] if line.key == "compatibility_level"}
    assert levels == {
        ("3.10", ("mx1.example.org", "submit.example.org", "filter1.example.org", "store.example.org")),
        ("3.7", ("mx2.example.org", "filter2.example.org")),
    }
    assert {line.file for line in found["net.ingress-filter"] if not line.key} == {"/etc/nftables.conf"}
    every = [c.id for c in CATALOGUE.values() if c.settings and c.id not in found]
    assert every == [
        "mua.autoconfig",
        "nntp.access",
        "xmpp.server",
        "dns.dnssec",
        "sts.in",
        "tls.cert-trust",
    ], "nobody hosts chat, news, a web server or its zones in this site, and its CA is its own"


def test_overrides_and_looser_choices_are_named(tmp_path) -> None:
    loaded = load(prepared("everything", tmp_path))
    raw = {(o.service, o.key, o.value) for o in overrides(loaded)}
    assert raw == {
        (service, key, value) for service, entries in loaded.site.overrides for key, value in entries.items()
    }
    assert all(re.fullmatch(r"site\.yml:\d+:\d+", o.place) for o in overrides(loaded))
    chosen = {x.path: x for x in looser(loaded, DAY)}
    assert {
        "tls.inbound",
        "organisation.abuse_copy",
        "filter.outbound",
        "filter.network_checks",
        "pop3.enabled",
        "address_families",
        "domains[0].catch_all",
        "hosts[0].sends_from",
        "limits.recipients",
        "tls.destinations[2]",
    } <= set(chosen)
    assert not {
        "network.admin",
        "tls.destinations[0]",
        "tls.destinations[1]",
        "tls.enforce_mta_sts",
        "web.mta_sts",
    } & set(chosen)
    assert "a device that speaks no TLS 1.2" in chosen["tls.destinations[2]"].means
    weaker = prepared("trixie", tmp_path / "weaker")
    weaker.write_text(
        weaker.read_text().replace("release: trixie,", "release: trixie, roles: [mta, msa, store, filter, web],")
        + "tls: {enforce_mta_sts: false}\nweb: {mta_sts: none}\n"
    )
    named = {x.path for x in looser(load(weaker, keys=False), DAY)}
    assert {"tls.enforce_mta_sts", "web.mta_sts"} <= named
    text = page(standings(loaded, DAY))
    for shown in (*chosen, *(o.key for o in overrides(loaded))):
        assert f"<code>{shown}</code>" in text
    standard = {x.path: x.place for x in looser(load(prepared("trixie", tmp_path / "t")), DAY)}
    assert standard["network.admin"] == "default"
    assert "limits.recipients" not in standard


def test_overridden_value_is_what_the_report_shows(bronze) -> None:
    bronze.write_text(bronze.read_text() + 'overrides: {postfix: {disable_vrfy_command: "no"}}\n')
    found = standings(load(bronze), DAY)
    shown = lines(list(sides(found.loaded)))["mta.no-probing"]
    only = next(line for line in shown if line.key == "disable_vrfy_command")
    assert only.value == "no"
    assert only.origin.startswith("site.yml:")
    assert row(found, "mta.no-probing").missing


def test_long_values_and_many_findings_stay_short(bronze) -> None:
    found = standings(load(bronze), DAY)
    broken = row(found, "mta.banner-min")
    many = tuple(
        Result("mta.banner-min", "basic", f"d{n}.example", "static", "fail", "x" * 5000, "y") for n in range(300)
    )
    shown = entry(replace(broken, results=many, status="fail"), found, ())
    assert len(shown.findings) == 20
    assert shown.more.startswith("280 more results")
    assert all(len(f.expected) < LETTERS + 40 for f in shown.findings)
    each = tuple(replace(r, status="pass", observed=f"value {n}") for n, r in enumerate(many))
    shown = entry(replace(broken, results=each, status="pass"), found, ())
    assert len(shown.findings) == 20
    assert shown.more.startswith("280 more results")
    good = tuple(replace(r, status="pass", expected="x") for r in many)
    (only,) = entry(replace(broken, results=good, status="pass"), found, ()).findings
    assert only.subjects == "d0.example, d1.example, d2.example, d3.example and 296 more"


def test_a_value_that_differs_on_every_host_does_not_fill_the_page(bronze) -> None:
    found = standings(load(bronze), DAY)
    some = tuple(
        Line("postfix", "/etc/postfix/main.cf", "myhostname", f"h{n}.example.org", "", (f"h{n}.example.org",))
        for n in range(100)
    )
    shown = entry(row(found, "mta.helo"), found, some).settings
    assert len(shown) == 5
    assert (shown[-1].value, shown[-1].hosts) == ("96 other values", "96 other hosts")


def git(folder: Path, *argv: str) -> None:
    subprocess.run(
        [
            "git",
            "-C",
            str(folder),
            "-c",
            "user.name=A",
            "-c",
            "user.email=a@example.org",
            "-c",
            "commit.gpgsign=false",
            *argv,
        ],
        check=True,
        capture_output=True,
    )


def test_revision(bronze) -> None:
    folder = bronze.parent
    assert revision(load(bronze)).words == "not in git"
    git(folder, "init", "-q")
    assert revision(load(bronze)).words == "in git, but nothing is committed yet"
    git(folder, "add", "site.yml")
    git(folder, "commit", "-qm", "one")
    partly = revision(load(bronze))
    assert re.match(r"git [0-9a-f]{12} of \d{4}-\d\d-\d\d, with changes that are not committed: keys$", partly.words)
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "two")
    assert re.fullmatch(r"git [0-9a-f]{12} of \d{4}-\d\d-\d\d", revision(load(bronze)).words)
    (folder / "build").mkdir()
    (folder / "build/other").write_text("what the site is not made of")
    assert not revision(load(bronze)).changed
    bronze.write_text(bronze.read_text() + "# changed\n")
    assert revision(load(bronze)).changed == ("site.yml",)
    assert "not committed: site.yml" in page(standings(load(bronze), DAY))


def test_command_writes_one_file(bronze) -> None:
    folder = bronze.parent
    done = gmconf("report", "site.yml", "--date", "2026-11-24", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "report.html"
    assert (folder / "report.html").read_text() == page(standings(load(bronze), DAY))
    (folder / "out").mkdir()
    gmconf("report", "site.yml", "--date", "2026-11-24", "-o", "out", cwd=folder)
    assert (folder / "out/report.html").read_text() == (folder / "report.html").read_text()
    assert [p.name for p in (folder / "out").iterdir()] == ["report.html"]


def test_command_refuses_a_foreign_file_and_writes_nothing(bronze) -> None:
    done = gmconf("report", "site.yml", "--verify", "site.yml", cwd=bronze.parent)
    assert done.returncode == 2
    assert done.stderr.startswith("gmconf: site.yml: ")
    assert not (bronze.parent / "report.html").exists()


def test_check_prints_the_page(bronze) -> None:
    done = gmconf("check", "site.yml", "--format", "html", "--date", "2026-11-24", cwd=bronze.parent)
    assert done.returncode == 0
    assert done.stdout == page(standings(load(bronze), DAY))
    silver = gmconf("check", "site.yml", "--format", "html", "--level", "silver", cwd=bronze.parent)
    assert silver.returncode == 1
    assert "Silver is declared and does not hold" in silver.stdout


def test_expired_evidence_is_missing(bronze) -> None:
    found = standings(load(bronze), date(2028, 1, 1))
    assert row(found, "mon.canary").status == "fail"
    assert row(found, "xmpp.server").status == "error"
    assert next(p for p in sheet(found).proofs if p.control == "mon.canary").kind == "fail"


def test_other_commands_do_not_pay_for_it() -> None:
    code = (
        "import sys; import gmconf.cli, gmconf.build.tree; print([m for m in sys.modules if"
        " m.startswith('gmconf.report') or m == 'gmconf.controls.proofs'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
