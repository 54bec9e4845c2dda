"""What hosts, DNS and strangers say is printed, and never obeyed: no format of any command passes on what a terminal,
an eye or an XML reader takes for more."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import pytest
from conftest import ROOT
from report_sites import prepared
from typer.testing import CliRunner

from gmconf.assess.formats import Case, junit, sarif, suite
from gmconf.assess.text import live
from gmconf.cli import app, profiles
from gmconf.cli.check import Report, live_page
from gmconf.cli.verify import _spelled, _writer
from gmconf.controls.result import Result
from gmconf.printable import line, record, words
from gmconf.profiles.score import Found, Part, Score
from gmconf.profiles.table import RULE
from gmconf.site.load import load

SITE = ROOT / "examples/single/site.yml"
SIGNS = [
    *map(chr, range(32)),
    "\x7f",
    *map(chr, range(0x80, 0xA0)),
    *"\u061c\u200b\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\ufffe\uffff",
    "\ud800",
    "\udc9b",
    "\U000e0001",
    "\U0001ffff",
]
HOSTILE = "before" + "".join(f"{sign}[2J" for sign in SIGNS) + "]]>&<script>\"'after"


def obeyed(text: str) -> set[str]:
    """Signs of a text that somebody takes for more than a sign."""
    return {
        sign
        for sign in text
        if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp") and sign not in "\n\t"
    }


def hostile(status: str = "fail") -> Result:
    return Result("mta.smuggling", "basic", HOSTILE, "live", status, HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)


def test_every_sign_is_spelled() -> None:
    assert (words("a\x1b[2J\u202e\r\nb\tc"), line("a\nb\U000e0001")) == (
        "a\\u001b[2J\\u202e\\u000d\nb\tc",
        "a\\u000ab\\udb40\\udc01",
    )
    assert record("\x1b\u202e") == "\\027\\226\\128\\174"
    kept = "Grüße, 日本語 👩\u200d🔧 \u00a0«x» \\u001b"
    assert (words(kept), line(kept)) == (kept, kept)
    for sign in SIGNS:
        assert not obeyed(line(sign)), hex(ord(sign))
        assert json.loads(f'"{line(sign)}"') == sign


@pytest.mark.parametrize("status", ["fail", "error", "waived", "na", "pass"])
@pytest.mark.parametrize("output", Report)
def test_every_format_of_what_hosts_say(tmp_path, output, status) -> None:
    found = [hostile(status)]
    if output is Report.html:
        loaded = load(prepared("bronze", tmp_path))
        row = Result(
            "mta.smuggling", "basic", "mail.example.org", "live", "fail", HOSTILE, HOSTILE, HOSTILE, "", HOSTILE
        )
        text = live_page(loaded, SITE, datetime.now(UTC), 1.0, [row])
    else:
        text = _spelled(found, output, SITE, "2026-11-29T00:00:00Z", 1.0)
    _writer(tmp_path / "out")(text)
    for spelled in (text, (tmp_path / "out").read_text()):
        assert not obeyed(spelled)
    if output is Report.junit:
        ET.fromstring(text)
    if output in (Report.json, Report.sarif):
        json.loads(text)
    if status == "fail":
        assert "before" in text
        assert "after" in text


def test_lines_stay_lines() -> None:
    """Nothing that a host says can look like another finding or the verdict."""
    row = Result(
        "mta.smuggling",
        "basic",
        "mail\nsilver holds",
        "live",
        "fail",
        "a\nb",
        "c\nsilver holds",
        "probe\nx",
        "",
        "r\ns",
    )
    assert [text for text in live([row]) if text.startswith("silver")] == []


def test_xml_of_anything() -> None:
    ET.fromstring(suite([Case(HOSTILE, HOSTILE, "fail", HOSTILE, (("x", HOSTILE),))], HOSTILE))
    ET.fromstring(junit([hostile()], HOSTILE))
    json.loads(sarif([hostile()], HOSTILE))


@pytest.mark.parametrize("output", ["text", "json", "junit", "sarif"])
def test_profiles(output) -> None:
    said: list[str] = []
    key = next(iter(RULE))
    profiles.scores(
        [Score("example.org", (Part(RULE[key].category, 0, 10, (Found(key, "bad", 0, HOSTILE),)),))],
        output,
        said.append,
        SITE,
    )
    profiles.clauses([hostile()], output, said.append, SITE)
    assert not obeyed("\n".join(said))
    if output == "junit":
        assert all(ET.fromstring(text) is not None for text in said)


@pytest.mark.parametrize("output", ["text", "json"])
def test_reports(tmp_path, output) -> None:
    from test_reports import aggregate, record, tls

    clean = "".join(c for c in HOSTILE if c not in "<>&\0")
    (tmp_path / f"{HOSTILE[:20].translate({0: None, 10: None})}.xml").write_bytes(
        aggregate(record("198.51.100.13", 1, "fail", clean), org=clean, id_=clean).encode("utf-8", "surrogatepass")
    )
    (tmp_path / "r.json").write_text(json.dumps(tls(3, **{"organization-name": HOSTILE, "report-id": HOSTILE})))
    (tmp_path / "broken").write_bytes(b"Subject: " + HOSTILE.encode("utf-8", "surrogatepass") + b"\n\n")
    done = CliRunner().invoke(app, ["reports", str(SITE), str(tmp_path), "--format", output])
    assert done.exit_code == 1, done.output
    assert not obeyed(done.stdout)


def test_what_nobody_thought_of_is_met_at_the_door(tmp_path) -> None:
    """Errors, names of files: all that is printed goes through one output."""
    for argv in (
        ["validate", "no\x1b[2J\u202e.yml"],
        ["explain", "x\x9b2J"],
        ["reports", str(SITE), "\x1b[2J"],
        ["\x1b[2J"],
    ):
        done = subprocess.run([sys.executable, "-m", "gmconf", *argv], capture_output=True, cwd=tmp_path)
        assert done.returncode == 2
        assert not obeyed((done.stdout + done.stderr).decode()), argv
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from gmconf.printable import printing\nwith printing():\n    print('\\x1b[2J\\ud800ü')",
        ],
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == "\\u001b[2J\\ud800ü\n"


@pytest.mark.parametrize("argv", [["schema"], ["controls"], ["probes"], ["--help"]], ids=" ".join)
def test_a_reader_may_go(argv) -> None:
    """``gmconf schema | head -1``, with pipefail: nothing went wrong."""
    command = [sys.executable, "-m", "gmconf", *argv]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        running.stdout.close()
        said = running.stderr.read()
    assert (running.returncode, said) == (0, b""), argv
