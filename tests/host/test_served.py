"""gmconf dns check --served: what DNS promises about a host is what it shows, and what is spoiled on either side is
found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import lab
import pytest
import sites

HERE = Path(__file__).resolve().parents[2]
POLICY = "/etc/nginx/mta-sts.txt"


def check(mx, *more: str) -> tuple[int, list[dict[str, str]]]:
    """The exit code, and the rows about what servers have to show."""
    command = [
        sys.executable,
        "-m",
        "gmconf",
        "dns",
        "check",
        str(mx.folder / "site.yml"),
        "--served",
        "--resolver",
        lab.NS.addresses[0],
        "--format",
        "json",
        *more,
    ]
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(HERE)}, text=True, capture_output=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, [r for r in json.loads(done.stdout)["results"] if r["control"] in ("dane.in", "sts.in")]


def wrong(rows: list[dict[str, str]]) -> list[tuple[str, str, str, str]]:
    return [(r["control"], r["status"], r["where"], r["observed"]) for r in rows if r["status"] != "pass"]


@pytest.mark.control("dane.in")
@pytest.mark.control("sts.in")
def test_what_dns_promises_is_shown(mx) -> None:
    code, rows = check(mx)
    assert wrong(rows) == []
    assert code == 0
    domains = [mx.domain, f"a.{mx.domain}", f"alias.{mx.domain}", f"all.{mx.domain}"]
    assert sorted((r["control"], r["subject"]) for r in rows) == sorted(
        [("dane.in", mx.name), *(("sts.in", d) for d in domains)]
    )
    assert {r["expected"] for r in rows} == {"live DNS and its servers as the site wants them"}


@pytest.mark.promise("gmconf dns check --served tells what servers show")
def test_tlsa_of_another_key(mx) -> None:
    name = mx.name.replace(".", r"\.")
    sites.publish(mx.machine, (rf"(?m)^(_25\._tcp\.{name}\. \d+ TLSA) .*$", rf"\1 3 1 1 {'ab' * 32}"))
    try:
        _, rows = check(mx)
    finally:
        sites.publish(mx.machine)
    of_servers = [row for row in wrong(rows) if " port " in row[2]]
    assert of_servers == [
        ("dane.in", "fail", f"{mx.name} ({a}) port 25", "none of 3 1 1 abababab...") for a in (mx.ip4, mx.ip6)
    ]
    assert wrong(check(mx)[1]) == []


@pytest.mark.promise("gmconf dns check --served tells what servers show")
def test_policy_of_another_mode(mx) -> None:
    mx.ssh(f"cp -a {POLICY} /root/policy; sed -i 's/enforce/testing/' {POLICY}")
    try:
        code, rows = check(mx, "--zone", mx.domain)
    finally:
        mx.ssh(f"mv /root/policy {POLICY}")
    found = wrong(rows)
    assert {row[:2] + row[3:] for row in found} == {("sts.in", "fail", "mode is testing")}
    assert {row[2] for row in found} >= {f"mta-sts.{mx.domain} ({a}) port 443" for a in (mx.ip4, mx.ip6)}
    assert code == 0  # the control is above the level that the site declares
    assert wrong(check(mx)[1]) == []


@pytest.mark.promise("gmconf dns check --served tells what servers show")
def test_a_host_that_does_not_answer(mx) -> None:
    mx.ssh("nft insert rule inet gmconf input tcp dport 25 drop")
    try:
        _, rows = check(mx)
    finally:
        mx.ssh("systemctl reload nftables")
    assert wrong(rows) == [
        ("dane.in", "error", f"{mx.name} ({a}) port 25", f"not to be found out: no answer from {a} port 25")
        for a in (mx.ip4, mx.ip6)
    ]
    assert {r["remedy"] for r in rows if r["status"] == "error"} == {
        "if it answers others, run this from a network that lets it through: many keep port 25 shut"
    }
