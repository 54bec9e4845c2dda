"""gmconf explain answers from data: rows of tables, addresses, services of master.cf, fields."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import gmconf
from test_golden_sites import NAMES, prepared

from gmconf.build import output
from gmconf.build.explain import Answer, explain
from gmconf.build.sources import Sources
from gmconf.build.tree import build
from gmconf.errors import GmconfError
from gmconf.site.load import load

HOST = "mail.example.org"
CONSTANT = {"postmaster", "127.0.0.0/8", "::1/128", "last-entry.invalid"}
"""First words of rows that follow from no field."""


def asked(work: Path, what: str) -> list[Answer]:
    return explain(work / "build", what, None, lambda: Sources(load(work / "site.yml", keys="public")))


def made(name: str, work: Path) -> Path:
    output.replace(build(load(prepared(name, work) / "site.yml")).files, work / "build")
    return work


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made("everything", tmp_path_factory.mktemp("everything"))


@pytest.mark.parametrize("name", NAMES)
def test_every_row_names_a_place_that_is_written(name: str, tmp_path: Path) -> None:
    """Each row of each table is the line of build/ that its number says, and comes from a line of a file."""
    work = made(name, tmp_path)
    loaded = load(work / "site.yml")
    sources, count = Sources(loaded), 0
    for host in loaded.site.hosts:
        for path, file in sources.tables(host.name).items():
            lines = (work / f"build/hosts/{host.name}/tree{path}").read_text().splitlines()
            pairs = list(file.lines.pairs())
            assert [text for text, _ in pairs] == lines[len(lines) - len(pairs) :], path
            for text, source in pairs:
                reasons = sources.reasons(source)
                if not reasons:
                    assert text.split()[0] in CONSTANT, (path, text)
                    continue
                count += 1
                assert all(re.fullmatch(r"(site\.yml:\d+:\d+|[\w.]+:\d+)", r.ref) for r in reasons), (
                    path,
                    text,
                    reasons,
                )
    assert count > 10


def test_a_row_names_the_mailbox_it_comes_from(everything: Path) -> None:
    lines = (everything / f"build/hosts/{HOST}/tree/etc/dovecot/users").read_text().splitlines()
    site = (everything / "site.yml").read_text().splitlines()
    for number, line in enumerate(lines, 1):
        if "@" not in line:
            continue
        (answer,) = asked(everything, f"/etc/dovecot/users:{number}")
        (file, place), local = answer.because[0]["ref"].split(":")[:2], line.partition("@")[0]
        text = site if file == "site.yml" else (everything / file).read_text().splitlines()
        assert local in text[int(place) - 1]
        assert answer.because[-1]["ref"] == "maa.virtual-domains"


@pytest.mark.parametrize(
    ("address", "kind", "field"),
    [
        ("alice@example.org", "mailbox", "domains[0].mailboxes[0]"),
        ("Alice+list@example.org", "mailbox", "domains[0].mailboxes[0]"),
        ("o'brien@example.org", "alias", "domains[0].aliases.o'brien"),
        ("abuse@example.org", "role address", "domains[0].abuse"),
        ("printer@example.org", "service account", "service_accounts[0]"),
        ("scans@example.org", "service account printer@example.org may send as this address", "service_accounts[0]"),
        ("whoever@example.org", "catch-all", "domains[0].catch_all"),
        ("alice@example.net", "address of an alias domain", "domains[1].alias_of"),
    ],
)
def test_an_address_is_found(everything: Path, address: str, kind: str, field: str) -> None:
    first, *rest = asked(everything, address)
    assert first.text.endswith(f": {kind}")
    assert (first.key, first.path) == (field, first.because[0]["ref"])
    assert rest


def test_every_line_about_an_address_and_none_about_another(everything: Path) -> None:
    found = {(a.path, a.line): a.text for a in asked(everything, "bob@example.org")[1:]}
    tree = everything / f"build/hosts/{HOST}/tree"
    for file in (f for f in tree.rglob("*") if f.is_file()):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            told = (f"/{file.relative_to(tree)}", number) in found
            assert told == bool(re.search(r"(?:^|[\s,;:\"'{(\[<])bob@example\.org(?:$|[\s,;:\"'})\]>])", line)), line
    assert all(a.because for a in asked(everything, "bob@example.org"))


def test_a_line_of_a_user_file(everything: Path) -> None:
    row = (everything / "users.csv").read_text().splitlines()[1].split(",")[0]
    assert asked(everything, f"{row}@example.org")[0].because[0]["ref"] == "users.csv:2"


def test_a_service_of_master_cf(everything: Path) -> None:
    whole = asked(everything, "master.cf:submission")
    assert whole[0].text.split()[:2] == ["submission", "inet"]
    assert all(a.text.startswith("  -o ") and a.because for a in whole[1:])
    assert [a.line for a in whole] == list(range(whole[0].line, whole[0].line + len(whole)))
    assert asked(everything, "master.cf:submission/inet") == whole
    (one,) = asked(everything, "master.cf:submission/inet/smtpd_tls_security_level")
    assert one.text.strip() == "-o smtpd_tls_security_level=encrypt"
    assert {r["ref"] for r in one.because} == {"tls.mua-required"}
    assert {a.text.split()[1] for a in asked(everything, "master.cf:smtp")} == {"inet", "unix"}


def test_a_field_is_answered_by_its_rows(everything: Path) -> None:
    paths = {a.path for a in asked(everything, "domains[0].mailboxes[0].quota")}
    assert {"/etc/dovecot/users", "/etc/postfix/maps/senders"} <= paths
    assert {a.text.split()[0] for a in asked(everything, "filter.blocks[1]")} == {"bulk.example"}


def test_a_row_of_another_site_is_not_explained(everything: Path, tmp_path: Path) -> None:
    changed = tmp_path / "site.yml"
    changed.write_text((everything / "site.yml").read_text().replace("{name: carol,", "{name: cora,"))
    for name in ("keys", "users.csv"):
        (tmp_path / name).symlink_to(everything / name)
    with pytest.raises(GmconfError, match=r"mailboxes in .* is not what the site renders now; render again"):
        explain(everything / "build", "mailboxes:5", None, lambda: Sources(load(changed, keys="public")))
    (alone,) = explain(everything / "build", "mailboxes:5")
    assert [r["ref"] for r in alone.because] == ["mta.recipient-validation"]


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (
            "alicia@example.org",
            "alicia@example.org is no mailbox, alias, catch-all or service account of the site; did you mean"
            ' "alice@example.org"?',
        ),
        ("alice@example.com", "alice@example.com: example.com is no domain of site.yml; did you mean"),
        ("/etc/dovecot/users:99", "/etc/dovecot/users has 5 lines, so there is no line 99"),
        ("/etc/dovecot/passwords:1", "/etc/dovecot/passwords is encrypted, so its lines are not shown"),
        ("master.cf:submision", "nothing rendered fits 'master.cf:submision'; ask for"),  # codespell:ignore submision
        ("hosts[0].cpuz", "hosts[0] has no 'cpuz'; known here: name, release"),
    ],
)
def test_mistakes_get_a_sentence(site: Path, what: str, said: str) -> None:
    gmconf("render", "site.yml", cwd=site)
    done = gmconf("explain", what, cwd=site)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"gmconf: {said}")


def test_no_row_is_kept_in_the_trace(everything: Path) -> None:
    trace = json.loads((everything / "build/trace.json").read_text())
    tables = Sources(load(everything / "site.yml")).tables(HOST)
    assert {"/etc/dovecot/users", "/etc/postfix/maps/aliases"} <= tables.keys()
    for part in trace["parts"]:
        assert not any("lines" in file for path, file in part.items() if path in tables)
