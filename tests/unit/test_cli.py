"""The commands as scripts and people use them."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import gmconf
from typer.testing import CliRunner


def test_everyday_loop(site) -> None:
    assert gmconf("validate", "site.yml", cwd=site).stdout == ""
    done = gmconf("render", "site.yml", "-o", "build", "--check", cwd=site)
    assert done.returncode == 1
    assert not (site / "build").exists()
    assert gmconf("render", "site.yml", "-o", "build", cwd=site).stdout.endswith("files written\n")
    assert gmconf("render", "site.yml", "-o", "build", cwd=site).stdout == ""
    assert gmconf("render", "site.yml", "-o", "build", "--check", cwd=site).returncode == 0
    text = (site / "site.yml").read_text()
    (site / "site.yml").write_text(text + "limits: {message_size: 10 MiB}\n")
    done = gmconf("render", "site.yml", "-o", "build", "--diff", cwd=site)
    assert "changed  hosts/mail.example.org/tree/etc/postfix/main.cf  +1 -1" in done.stdout
    assert "    +message_size_limit = 10485760" in done.stdout


@pytest.mark.parametrize("group", [[], ["dns"], ["keys"]], ids=" ".join)
def test_help_is_not_cut_off(group, tmp_path) -> None:
    """On a terminal of 80 columns the line about each command is a whole sentence."""
    from gmconf.cli import app

    done = CliRunner().invoke(app, [*group, "--help"], terminal_width=80)
    listed = done.stdout.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert len(listed) >= 2
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []


def test_report_looks_at_hashes_as_check_does(site, monkeypatch) -> None:
    counts = []
    for argv in (["report", "site.yml", "-o", "r.html"], ["check", "site.yml"]):
        with_it = gmconf(*argv, cwd=site).stdout
        monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", "")
        without = gmconf(*argv, cwd=site).stdout
        monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(site.parent / "vault-password"))
        counts.append([re.search(r"(\d+) not looked at", text)[1] for text in (with_it, without)])
    assert counts[0] == counts[1]
    assert int(counts[0][0]) == int(counts[0][1]) - 1


def test_explain_of_a_comment_is_that_of_the_line_below(site) -> None:
    assert gmconf("render", "site.yml", cwd=site).returncode == 0
    lines = (site / "build/hosts/mail.example.org/tree/etc/postfix/main.cf").read_text().splitlines()
    found = next(
        n
        for n, (here, below) in enumerate(itertools.pairwise(lines), 1)
        if n > 5 and here.startswith("#") and " = " in below and below[0].isalpha()
    )
    said = gmconf("explain", f"main.cf:{found}", cwd=site)
    assert said.returncode == 0
    assert said.stdout == gmconf("explain", f"main.cf:{found + 1}", cwd=site).stdout
    assert f":{found + 1}  {lines[found].strip()}" in said.stdout


def test_explain_all_ways(site) -> None:
    (site / "site.yml").write_text((site / "site.yml").read_text() + "limits: {message_size: 10 MiB}\n")
    gmconf("render", "site.yml", "-o", "build", cwd=site)
    by_key = gmconf("explain", "main.cf:message_size_limit", cwd=site)
    assert "message_size_limit = 10485760" in by_key.stdout
    assert "control mta.size-limit" in by_key.stdout
    line = by_key.stdout.split("main.cf:")[1].split()[0]
    assert gmconf("explain", f"/etc/postfix/main.cf:{line}", cwd=site).stdout == by_key.stdout
    by_field = gmconf("explain", "limits.message_size", "--format", "json", cwd=site)
    paths = {answer["path"] for answer in json.loads(by_field.stdout)["answers"]}
    assert {"/etc/postfix/main.cf", "/etc/clamav/clamd.conf"} <= paths
    assert gmconf("explain", "/etc/postfix/master.cf", cwd=site).returncode == 0
    nothing = gmconf("explain", "main.cf:no_such_thing", cwd=site)
    assert nothing.returncode == 2
    assert nothing.stderr.startswith("gmconf: ")


def test_one_control_and_its_state_for_a_site(site) -> None:
    gmconf("render", "site.yml", cwd=site)
    said = gmconf("controls", "tls.mta-in", "--site", "site.yml", cwd=site).stdout
    rendered, _, state = said.partition("state for site.yml:\n")
    assert "main.cf:" in rendered
    assert state.startswith("    pass mail.example.org")
    (site / "site.yml").write_text(
        (site / "site.yml").read_text() + "overrides: {postfix: {smtpd_tls_security_level: none}}\n"
    )
    state = json.loads(gmconf("controls", "tls.mta-in", "--site", "site.yml", "--format", "json", cwd=site).stdout)[
        "state"
    ]
    assert {(row["control"], row["status"]) for row in state} == {("tls.mta-in", "fail")}
    alone = gmconf("controls", "--site", "site.yml", cwd=site)
    assert (alone.returncode, alone.stdout) == (2, "")
    assert "name it" in alone.stderr


def test_json_where_scripts_want_it(site) -> None:
    assert json.loads(gmconf("validate", "site.yml", "--format", "json", cwd=site).stdout) == {"form": 1, "errors": []}
    (site / "broken.yml").write_text("domains: [\n")
    done = gmconf("validate", "broken.yml", "--format", "json", cwd=site)
    assert done.returncode == 2
    assert json.loads(done.stdout)["errors"][0]["line"] == 2
    changed = json.loads(gmconf("render", "site.yml", "-o", "build", "--format", "json", cwd=site).stdout)["changes"]
    assert {"path", "kind", "added", "removed"} <= set(changed[0])


def test_schema_describes_the_example(site) -> None:
    described = json.loads(gmconf("schema", cwd=site).stdout)
    assert described["properties"]["domains"]["minItems"] == 1
    import jsonschema
    import yaml

    jsonschema.validate(yaml.safe_load((site / "site.yml").read_text()), described)
    assert described["$defs"]["Limits"]["properties"]["message_size"]["description"].startswith("Bytes of one message")


def test_passwd_refuses(site) -> None:
    for login, password, word in (
        ("alice@example.org", "tiny-pw-9", "shorter"),
        ("nobody@example.org", "correct-horse-7-battery", "not a mailbox"),
    ):
        done = gmconf("passwd", "site.yml", login, "--stdin", cwd=site, stdin=password + "\n")
        assert done.returncode == 2
        assert word in done.stderr
        assert password not in done.stderr


def test_version_and_help(site) -> None:
    assert gmconf("--version", cwd=site).stdout.strip()
    for command in ("validate", "render", "explain", "keys", "passwd", "schema", "verify", "probes"):
        done = gmconf(command, "--help", cwd=site)
        assert done.returncode == 0
        assert "Example" in done.stdout


def test_build_is_a_project_of_its_own(site) -> None:
    gmconf("render", "site.yml", "-o", "build", cwd=site)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "site.yml", "--syntax-check"],
        cwd=site / "build",
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-inventory")), "--list"],
        cwd=site / "build",
        text=True,
        capture_output=True,
        check=True,
    )
    assert "mail.example.org" in listed.stdout


def test_wishes_and_empty_questions_get_a_sentence(site) -> None:
    empty = gmconf("explain", "", cwd=site)
    assert (empty.returncode, empty.stderr.startswith("gmconf: name a path")) == (2, True)
    (site / "wish.yml").write_text((site / "site.yml").read_text() + "webmail: {}\n")
    assert (
        "gmconf has no field for webmail; what people use instead: docs/limits.md#webmail"
        in gmconf("validate", "wish.yml", cwd=site).stderr
    )
