"""Calls of the command line as nobody would type them: each ends with exit code 0, 1 or 2 and no traceback."""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import sys
from pathlib import Path

import pytest
from conftest import PASSWORD, ROOT
from test_rotation import NOW

from gmconf import cli
from gmconf.keys.make import create_missing
from gmconf.site.load import load

FILES = (
    "site.yml",
    "broken.yml",
    "empty",
    "binary",
    "folder",
    "loop",
    "gone",
    "unreadable",
    "list.yml",
    "deep.yml",
    "nosuch.yml",
    "",
    "-",
    ".",
    "/",
    "/dev/null",
    "x" * 5000,
    "\udc80\udcff",
    "ü\u202e\x1b[2J",
    "--",
    "build",
    "report.xml",
    "results.json",
    "a:b:c",
    "site.yml/x",
)
WORDS = (
    *FILES,
    "0",
    "-1",
    "1",
    "99999999999999999999",
    "²",
    "1e9",
    "nan",
    "never",
    "2026-02-30",
    "2026-11-29",
    "9999-12-31",
    "0001-01-01",
    "2026-11-25T10:00:00Z",
    "0000-00-00T00:00:00Z",
    "example.org",
    "mail.example.org",
    "alice@example.org",
    "@",
    "a@[",
    "silver",
    "bronze",
    "SILVER",
    "json",
    "junit",
    "sarif",
    "html",
    "text",
    "zone",
    "octodns",
    "nsupdate",
    "oscal",
    "internet.nl",
    "bsi-tr",
    "mta.smuggling",
    "mta.",
    "relay",
    "drift",
    "127.0.0.1:9",
    "[::1]:9",
    "127.0.0.1:99999",
    "main.cf:1",
    "main.cf:0",
    "main.cf:smtpd_banner",
    "/etc/postfix/main.cf",
    ":::",
    "limits.message_size",
    "domains[0].mailboxes[0].quota",
    "domains[99999999999]",
    "domains[",
    "hosts[0].nothing",
    "BatchMode=no",
    "=",
    "%s%n{}",
    "$(id)",
    "'\"\\",
)
OPTIONS = {
    "validate": ("--format", "--vault-password-file", "--strict"),
    "render": ("-o", "--check", "--diff", "--strict", "--format"),
    "explain": ("-b", "-s", "--host", "--what-if", "--format"),
    "schema": (),
    "controls": ("--level", "-b", "-s", "--date", "--format"),
    "check": ("--level", "--format", "--annotate", "--date", "--profile", "--vault-password-file"),
    "dns": ("--format", "--zone", "-o", "--serial"),
    "dns records": ("--format", "--zone", "-o", "--serial"),
    "dns check": ("--resolver", "--authoritative", "--served", "--port", "--format", "--zone"),
    "keys": ("--vault-password-file", "--renew"),
    "keys plan": ("--only", "--format", "--now"),
    "keys status": ("--only", "--format", "--now"),
    "keys next": ("--only", "--start", "--rolled-out", "--resolver", "--port", "--format", "--now"),
    "passwd": ("--vault-password-file", "--generate", "--import", "--join"),
    "report": ("--verify", "--format", "-o", "--date"),
    "reports": ("--days", "--format"),
    "medium": ("-o",),
    "verify": ("--host", "--only", "--format", "--output", "--login", "--no-drift", "--resolver", "--profile"),
    "probes": ("--format",),
    "nothing": (),
}
PLAUSIBLE = {
    "--format": ("text", "json", "junit", "sarif", "html", "zone", "octodns", "nsupdate", "oscal"),
    "--level": ("basic", "bronze", "silver"),
    "--date": ("2026-11-29", "2030-01-01"),
    "--profile": ("internet.nl", "bsi-tr"),
    "--vault-password-file": ("vault-password",),
    "-s": ("site.yml",),
    "-b": ("build",),
    "--only": ("example.org", "mail.example.org", "relay"),
    "--host": ("mail.example.org",),
    "--now": ("2026-11-25T10:00:00Z",),
    "--verify": ("results.json",),
    "--days": ("1", "30"),
    "--serial": ("7",),
    "--zone": ("example.org",),
}
"""Values that a part of the calls has, so that they come further."""
FLAGS = (
    "--strict",
    "--check",
    "--diff",
    "--annotate",
    "--authoritative",
    "--served",
    "--renew",
    "--start",
    "--rolled-out",
    "--generate",
    "--join",
    "--no-drift",
)
ASKS_OTHERS = ("dns check", "keys next", "verify", "medium")
"""They would ask the network, or take long: only of sites that cannot be used."""
WRITES = ("-o", "--output")


def call(seed: int) -> list[str]:
    """The words of one call."""
    hand = random.Random(seed)
    command = hand.choice(list(OPTIONS))
    words: list[str] = []
    for option in hand.sample(OPTIONS[command], hand.randint(0, min(3, len(OPTIONS[command])))):
        words.append(option)
        if option in WRITES:
            words.append(
                hand.choice(
                    ("out", "folder", "folder/x", "loop", "gone", "empty", "/dev/null", "empty/x", "x" * 300, "")
                )
            )
        elif option not in FLAGS:
            words.append(hand.choice(PLAUSIBLE[option] if option in PLAUSIBLE and hand.random() < 0.7 else WORDS))
    sites = (
        FILES[1:]
        if command in ASKS_OTHERS
        else (*["site.yml"] * 8, *FILES)
        if command not in ("explain", "controls")
        else WORDS
    )
    words[0:0] = [hand.choice(sites) for _ in range(hand.choice((0, 1, 1, 1, 1, 2)))]
    if command == "reports" and len(words) < 2 and "site.yml" in words:
        words.append("report.xml")
    if command == "passwd" and not {"--generate", "--join", "--import"} & set(words):
        words.append("--stdin")
    if hand.random() < 0.05:
        words.insert(
            hand.randint(0, len(words)),
            hand.choice(("--help", "--nothing", "-", "-x", "--format=", "--format=json", "--")),
        )
    return [*command.split(), *words]


@pytest.fixture(scope="module")
def around(tmp_path_factory) -> Path:
    """What lies around where somebody calls gmconf."""
    work = tmp_path_factory.mktemp("calls")
    shutil.copyfile(ROOT / "examples/single/site.yml", work / "site.yml")
    create_missing(load(work / "site.yml", keys=False).site, work, PASSWORD, now=NOW)
    (work / "vault-password").write_bytes(PASSWORD + b"\n")
    (work / "broken.yml").write_text((work / "site.yml").read_text().replace("hosts:", "host:"))
    (work / "empty").touch()
    (work / "binary").write_bytes(bytes(range(256)) * 20)
    (work / "folder").mkdir()
    (work / "loop").symlink_to("loop")
    (work / "gone").symlink_to("nothing")
    (work / "unreadable").write_text("x")
    (work / "unreadable").chmod(0)
    (work / "list.yml").write_text("- 1\n- {a: [}\n")
    (work / "deep.yml").write_text("a: " + "[" * 5000)
    (work / "report.xml").write_text("<feedback>")
    (work / "results.json").write_text('{"site": 1}')
    return work


def outcome(argv: list[str], monkeypatch) -> tuple[object, str]:
    """Exit code, and all that was printed."""
    monkeypatch.setattr(sys, "argv", ["gmconf", *argv])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"correct-horse-7-battery\n")))
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            cli.run()
        except SystemExit as end:
            return end.code or 0, said.getvalue()
    return 0, said.getvalue()


def tried(seeds: range, around: Path, monkeypatch) -> None:
    monkeypatch.chdir(around)
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(around / "vault-password"))
    whole = (around / "site.yml").read_bytes()
    for seed in seeds:
        argv = call(seed)
        try:
            code, said = outcome(argv, monkeypatch)
        except BaseException as error:
            raise AssertionError(f"call {seed}: {argv}") from error
        assert code in (0, 1, 2), (seed, argv, code)
        assert "Traceback" not in said, (seed, argv)
        assert code == 0 or said.strip() or "--strict" in argv, (seed, argv, "nothing is said")
        os.chdir(around)
        assert (around / "site.yml").read_bytes() == whole, (seed, argv)


@pytest.mark.parametrize("part", range(4))
def test_calls(around, monkeypatch, part) -> None:
    tried(range(part * 50, part * 50 + 50), around, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("part", range(9))
def test_two_thousand_calls(around, monkeypatch, part) -> None:
    tried(range(200 + part * 200, 400 + part * 200), around, monkeypatch)
