"""gmconf dns check --served against real servers: certificates on port 25 by TLSA, policies by MTA-STS; each that is
spoiled is found."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from dnssite import SITE, made, whole, zones
from nameserver import Knot, free_port
from policyserver import GOOD, PolicyServer
from sitekeys import PASSWORD
from tlsserver import Kind, TlsServer

from gmconf.derived import policies as published
from gmconf.dns import records
from gmconf.dns.live import Survey, survey
from gmconf.dns.live.ask import Asker, Server
from gmconf.keys import vault
from gmconf.site.load import Loaded
from gmconf.verify import sts
from gmconf.verify.tlsa_and_policy import AT_ONCE, PER_ADDRESS, Ports, _Look, served

HOST = "mail.example.org"
TODAY = date(2026, 11, 23)
NS = ["ns1.lab.test. 60 A 127.0.0.2", "ns2.lab.test. 60 A 127.0.0.2"]
TLSA = r" TLSA "
POLICY = "version: STSv1\nmode: testing\nmx: mail.example.org\nmax_age: 86400\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Loaded:
    text = SITE.replace('::1"]}', '::1"], roles: [mta, msa, store, filter, web]}')
    return made(
        tmp_path_factory.mktemp("site"),
        text.replace(
            "alias_of: example.org}",
            "alias_of: example.org, server_names: {clients: imap.example.net, mx: mx.example.net}}",
        ),
    )


def pair(loaded: Loaded, folder: Path, name: str) -> tuple[Path, Path]:
    """Certificate and key of a name, as a host has them."""
    folder.mkdir(parents=True, exist_ok=True)
    chain, key = folder / f"{name}.crt", folder / f"{name}.key"
    chain.write_text(loaded.public[f"tls/{name}.crt"])
    key.write_bytes(vault.decrypt((loaded.secrets / f"tls/{name}.key.vault").read_bytes(), PASSWORD, "key"))
    return chain, key


@pytest.fixture(scope="module")
def pairs(site, tmp_path_factory) -> dict[str, tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("pairs")
    return {
        name: pair(site, folder, name)
        for name in (HOST, *(f"mta-sts.{d.name}" for d in site.site.domains if d.kind != "parked"))
    }


@pytest.fixture(scope="module")
def smtp(pairs, tmp_path_factory) -> Iterator[int]:
    """Port of a mail server as it should be."""
    port = free_port()
    server = TlsServer(tmp_path_factory.mktemp("smtp"), port, *pairs[HOST], Kind())
    yield port
    server.stop()


def answer(loaded: Loaded, name: str) -> str:
    """The policy that the site wants under a name."""
    domain = next(d for d in loaded.site.domains if f"mta-sts.{d.name}" == name)
    return GOOD + "\r\n".join(published.sts_policy(loaded.site, domain)) + "\r\n"


@pytest.fixture(scope="module")
def https(site, pairs) -> Iterator[int]:
    """Port of a web server as it should be."""
    port = free_port()
    server = PolicyServer(port, {n: p for n, p in pairs.items() if n != HOST}, partial(answer, site))
    yield port
    server.stop()


def asked(
    loaded: Loaded, folder: Path, ports: Ports, out: str = "", into: tuple[str, ...] = (), only: tuple[str, ...] = ()
) -> Survey:
    """The survey, with the site's hosts on loopback."""
    lines = [text for part in zones(records(loaded)).values() for text in part if not (out and re.search(out, text))]
    lines = [
        re.sub(r"( AAAA) 2001:db8::1$", r"\1 ::1", re.sub(r"( A) 192\.0\.2\.1$", r"\1 127.0.0.1", text))
        for text in lines
    ]
    port = free_port()
    knot = Knot(folder / "knot", ["127.0.0.2"], port, {".": whole(".", [*NS, *lines, *into])})
    try:
        return survey(
            loaded, Server("127.0.0.2", port), TODAY, zones=only, then=partial(served, loaded, only, ports=ports)
        )
    finally:
        knot.stop()


def of_servers(found: Survey) -> dict[tuple[str, str], list[str]]:
    """What servers lack: (control, subject) -> status and what was seen."""
    rows: dict[tuple[str, str], list[str]] = {}
    for r in found.results:
        if r.control in ("dane.in", "sts.in") and " port " in r.where:
            rows.setdefault((r.control, r.subject), []).append(f"{r.status} {r.where}: {r.observed}")
    return rows


def test_what_is_served_is_fine(site, tmp_path, smtp, https) -> None:
    """A domain's own name for the MX is shown the host's certificate here: by 3 1 1 the key alone counts."""
    tlsa = next(r.text for r in records(site) if r.owner == f"_25._tcp.{HOST}")
    found = asked(site, tmp_path, Ports(smtp, https), r"^_25\._tcp\.mx", (f"_25._tcp.mx.example.net. 60 TLSA {tlsa}",))
    assert of_servers(found) == {}
    assert found.shown == 2 * 2 + 3 * 2
    (row,) = (r for r in found.results if (r.control, r.subject) == ("dane.in", HOST))
    assert (row.status, row.expected) == ("pass", "live DNS and its servers as the site wants them")


def test_one_zone(site, pairs, tmp_path, smtp) -> None:
    """Its domains and MX names, and no others; without TLSA nothing is asked of port 25."""
    port = free_port()
    server = PolicyServer(port, {n: p for n, p in pairs.items() if n != HOST}, partial(answer, site))
    try:
        found = asked(site, tmp_path, Ports(smtp, port), r"^_25\._tcp\.mx", only=("example.net",))
    finally:
        server.stop()
    assert server.asked == [f"GET {sts.PATH} HTTP/1.0 mta-sts.example.net"] * 2
    assert found.shown == 2


class Spoiled(NamedTuple):
    """Lines that match are taken out, others put in; then a subject has findings that say this."""

    name: str
    out: str
    into: tuple[str, ...]
    says: str
    subject: str = HOST
    kind: Kind = Kind()


@pytest.mark.parametrize(
    "case",
    [
        Spoiled(
            "another key",
            r"^_25\._tcp\.mail",
            (f"_25._tcp.{HOST}. 60 TLSA 3 1 1 {'ab' * 32}",),
            "none of 3 1 1 abababab...",
        ),
        Spoiled(
            "a usage that mail does not know",
            r"^_25\._tcp\.mail",
            (f"_25._tcp.{HOST}. 60 TLSA 1 1 1 {'ab' * 32}",),
            "no record",
        ),
        Spoiled("the name of a domain's own", "", (), "none of 3 1 1 ", "example.net"),
        Spoiled("no STARTTLS", r"^_25\._tcp\.mx", (), "it is not offered", HOST, Kind(starttls=False)),
    ],
    ids=lambda c: c.name,
)
def test_spoiled_certificates(site, pairs, tmp_path, https, case: Spoiled) -> None:
    port = free_port()
    server = TlsServer(tmp_path / "smtp", port, *pairs[HOST], case.kind)
    try:
        found = asked(site, tmp_path, Ports(port, https), case.out, case.into)
    finally:
        server.stop()
    rows = of_servers(found)
    name = "mx.example.net" if case.subject == "example.net" else HOST
    for number, address in enumerate(("127.0.0.1", "::1")):
        assert rows["dane.in", case.subject][number].startswith(f"fail {name} ({address}) port {port}: {case.says}"), (
            rows
        )
    assert not found.holds("silver")
    assert {key for key in rows if key[1] != "example.net"} <= {("dane.in", HOST)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD + POLICY.replace("testing", "enforce"), "mode is enforce"),
        (GOOD + POLICY.replace("86400", "86401"), "max_age is 86401"),
        (GOOD + POLICY.replace("mail.", "mx."), "no mx matches mail.example.org (they are mx.example.org)"),
        (GOOD + POLICY.replace("mail.", "*.mail."), "no mx matches mail.example.org (they are *.mail.example.org)"),
        (GOOD + POLICY.replace("mx: mail.example.org\n", ""), "no mx matches mail.example.org (they are none)"),
        (GOOD + POLICY.replace("STSv1", "STSv2"), "no policy: 'version: STSv2"),
        (GOOD + "<html>", "no policy: '<html>'"),
        ("", "no policy: ''"),
        (
            "HTTP/1.0 301 Moved\r\nLocation: https://www.example.org/mta-sts.txt\r\n\r\n",
            "no policy: 'HTTP/1.0 301 Moved'",
        ),
        (GOOD + POLICY.replace("mail.", "*."), ""),
        (GOOD + POLICY.replace("mail.example.org", "Mail.Example.ORG.") + "other: x\nmode: none\n", ""),
    ],
    ids=["mode", "max_age", "mx", "star above", "no mx", "version", "page", "nothing", "redirect", "star", "spelling"],
)
def test_spoiled_policies(site, pairs, tmp_path, smtp, text: str, says: str) -> None:
    port = free_port()
    server = PolicyServer(
        port,
        {n: p for n, p in pairs.items() if n != HOST},
        lambda name: text if name == "mta-sts.example.org" else answer(site, name),
    )
    try:
        found = asked(site, tmp_path, Ports(smtp, port), TLSA)
    finally:
        server.stop()
    rows = of_servers(found)
    seen = rows.pop(("sts.in", "example.org"), [])
    assert [
        row.startswith(f"fail mta-sts.example.org ({a}) port {port}: {says}")
        for a, row in zip(("127.0.0.1", "::1"), seen, strict=False)
    ] == ([True] * 2 if says else [])
    assert rows == {}
    assert set(server.asked) == {
        f"GET {sts.PATH} HTTP/1.0 mta-sts.{d}" for d in ("example.org", "a.example.org", "example.net")
    }


def test_a_policy_has_to_be_shown_with_a_certificate_for_its_name(site, pairs, tmp_path, smtp) -> None:
    port = free_port()
    server = PolicyServer(port, {"mta-sts.example.org": pairs["mta-sts.example.net"]}, partial(answer, site))
    try:
        found = asked(site, tmp_path, Ports(smtp, port), TLSA)
    finally:
        server.stop()
    rows = of_servers(found)
    assert set(rows) == {("sts.in", "example.org"), ("sts.in", "a.example.org")}
    assert all(
        "a certificate that senders do not take: Hostname mismatch" in row for part in rows.values() for row in part
    )


def test_a_page_without_end_is_not_read_on(site, pairs, tmp_path, smtp) -> None:
    port = free_port()
    server = PolicyServer(port, {n: p for n, p in pairs.items() if n != HOST}, lambda _: GOOD + "x" * 2**20)
    try:
        found = asked(site, tmp_path, Ports(smtp, port), TLSA)
    finally:
        server.stop()
    assert {row.partition(": ")[2] for part in of_servers(found).values() for row in part} == {
        "not to be found out: an answer without end"
    }


def test_who_cannot_be_reached_is_an_error(site, tmp_path) -> None:
    ports = Ports(free_port(), free_port())
    found = asked(site, tmp_path, ports, r"^mta-sts\.a\.")
    rows = of_servers(found)
    assert set(rows) == {
        ("dane.in", HOST),
        ("dane.in", "example.net"),
        ("sts.in", "example.org"),
        ("sts.in", "example.net"),
    }
    assert rows["dane.in", HOST] == [
        f"error {HOST} ({a}) port {ports.smtp}: not to be found out: [Errno 111] {a} port {ports.smtp}: Connection"
        " refused"
        for a in ("127.0.0.1", "::1")
    ]
    assert all(row.startswith("error ") for part in rows.values() for row in part)
    (bare,) = (r for r in found.results if r.where == "mta-sts.a.example.org. A" and r.observed == "no address")
    assert bare.status == "fail"
    assert {r.remedy for r in found.results if r.status == "error" and r.control == "dane.in"} == {
        "if it answers others, run this from a network that lets it through: many keep port 25 shut"
    }


def test_not_too_many_at_once(site) -> None:
    """Forty looks at one address and forty at others: so many at once, and no more."""
    lock, now, most = threading.Lock(), {"one": 0, "all": 0}, {"one": 0, "all": 0}

    def look(address: str, until: float) -> None:
        keys = ("one", "all") if address == "192.0.2.1" else ("all",)
        with lock:
            for key in keys:
                now[key] += 1
                most[key] = max(most[key], now[key])
        time.sleep(0.02)
        with lock:
            for key in keys:
                now[key] -= 1

    async def run(pool: ThreadPoolExecutor) -> None:
        looks = _Look(site, Asker(Server("127.0.0.2")), Ports(), pool)
        addresses = [a for n in range(40) for a in ("192.0.2.1", f"192.0.2.{n + 2}")]
        await asyncio.gather(*(looks._at(a, partial(look, a)) for a in addresses))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        asyncio.run(run(pool))
    assert most == {"one": PER_ADDRESS, "all": AT_ONCE}


@pytest.mark.parametrize(
    ("pattern", "name", "good"),
    [
        ("mx.example.org", "mx.example.org", True),
        ("*.example.org", "mx.example.org", True),
        ("*.example.org", "a.mx.example.org", False),
        ("*.example.org", "example.org", False),
        ("mx.example.org", "mx.example.net", False),
        ("*", "mx", False),
    ],
)
def test_patterns_of_a_policy(pattern: str, name: str, good: bool) -> None:
    assert sts.matches(pattern, name) is good


def test_command(site, tmp_path) -> None:
    """Nobody listens on port 25 and 443 of this address."""
    lines = [text for part in zones(records(site)).values() for text in part]
    lines = [re.sub(r"( A) 192\.0\.2\.1$", r"\1 127.66.0.1", text) for text in lines if " AAAA " not in text]
    port = free_port()
    knot = Knot(tmp_path / "knot", ["127.0.0.2"], port, {".": whole(".", [*NS, *lines])})
    command = [sys.executable, "-m", "gmconf", "dns", "check", "site.yml", "--resolver", f"127.0.0.2:{port}"]
    try:
        done = [
            subprocess.run([*command, *more], cwd=site.path.parent, text=True, capture_output=True, check=False)
            for more in ((), ("--served",), ("--served", "--format", "json"))
        ]
    finally:
        knot.stop()
    assert [(d.returncode, d.stderr) for d in done] == [(1, "")] * 3
    assert "port 25" not in done[0].stdout
    assert f"{HOST} (127.66.0.1) port 25 (dane.in, recommended from silver on)\n" in done[1].stdout
    assert " record sets looked at, 5 answers of servers, " in done[1].stdout
    found = json.loads(done[2].stdout)
    assert found["shown"] == 5
    assert {
        (r["control"], r["subject"]) for r in found["results"] if r["status"] == "error" and " port " in r["where"]
    } == {
        ("dane.in", HOST),
        ("dane.in", "example.net"),
        *(("sts.in", d) for d in ("example.org", "a.example.org", "example.net")),
    }
