"""TLS to other mail servers: what is rendered, and the program that lets DANE go first, against real name servers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import dns.asyncresolver
import dns.flags
import dns.resolver
import pytest
from commands import gmconf
from conftest import program
from internetnl import serving

host = program("tls_policy")
counts, has_dane, netstring, read, serve = host.counts, host.has_dane, host.netstring, host.read, host.serve

KEY = "ab" * 32
HOSTS = f"""\
mx.dane.test. 60 A 192.0.2.1
_25._tcp.mx.dane.test. 60 TLSA 3 1 1 {KEY}
dane.test. 60 MX 10 mx.dane.test.
mixed.test. 60 MX 10 plain.dane.test.
mixed.test. 60 MX 20 mx.dane.test.
plain.dane.test. 60 A 192.0.2.2
plain.test. 60 MX 10 plain.dane.test.
pkix.test. 60 MX 10 mx.pkix.test.
mx.pkix.test. 60 A 192.0.2.3
_25._tcp.mx.pkix.test. 60 TLSA 1 1 1 {KEY}
alias.test. 60 MX 10 name.alias.test.
name.alias.test. 60 CNAME mx.dane.test.
bare.test. 60 AAAA 2001:db8::1
_25._tcp.bare.test. 60 TLSA 2 0 1 {KEY}
null.test. 60 MX 0 .
apart.test. 60 MX 10 mx.apart.test.
mx.apart.test. 60 A 192.0.2.4
_25._tcp.mx.apart.test. 60 TLSA 3 1 1 {KEY}
"""


def resolver(server: tuple[str, int]) -> dns.asyncresolver.Resolver:
    found = dns.asyncresolver.Resolver(configure=False)
    found.nameservers, found.port, found.lifetime = [server[0]], server[1], 5
    found.flags = dns.flags.RD | dns.flags.AD
    return found


@pytest.fixture(scope="module")
def unsigned(tmp_path_factory) -> Iterator[tuple[str, int]]:
    """All signed but apart.test."""
    with serving(tmp_path_factory.mktemp("unsigned"), HOSTS.splitlines(), unsigned="apart.test") as server:
        yield server


@pytest.mark.parametrize(
    ("domain", "there"),
    [
        ("dane.test", True),
        ("mixed.test", True),
        ("alias.test", True),
        ("bare.test", True),
        ("plain.test", False),
        ("pkix.test", False),
        ("null.test", False),
        ("nothing.test", False),
        ("apart.test", False),
    ],
)
def test_dane_is_there_when_it_is_proved_and_usable(unsigned, domain: str, there: bool) -> None:
    assert asyncio.run(has_dane(resolver(unsigned), domain)) is there


def test_bogus_is_neither_yes_nor_no(tmp_path: Path) -> None:
    with serving(tmp_path, HOSTS.splitlines(), bogus="apart.test") as server, pytest.raises(dns.resolver.NoNameservers):
        asyncio.run(has_dane(resolver(server), "apart.test"))


def test_only_usages_of_mail_count() -> None:
    assert [usage for usage in range(5) if counts(usage, 1, 1)] == [2, 3]
    assert not counts(3, 2, 1)
    assert not counts(3, 1, 3)


def test_without_the_resolver_mail_waits(free_tcp: tuple[int, int]) -> None:
    """Nobody listens behind it: a domain is put off, a host named by the operator has no policy;
    the session goes on.
    """
    front, behind = free_tcp

    async def run() -> list[bytes]:
        server = asyncio.create_task(serve(("127.0.0.1", front), ("127.0.0.1", behind), [("127.0.0.1", behind)]))
        for _ in range(100):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", front)
                break
            except OSError:
                await asyncio.sleep(0.02)
        found = []
        for question in (b"postfix dane.test", b"postfix [mx.dane.test]", b"postfix dane.test"):
            writer.write(netstring(question))
            found.append(await read(reader))
        writer.write(b"nonsense")
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        server.cancel()
        return found

    first, named, again = asyncio.run(run())
    assert first.startswith(b"TEMP ")
    assert named == b"NOTFOUND "
    assert again == first


@pytest.fixture
def free_tcp() -> tuple[int, int]:
    from nameserver import free_port

    return free_port(), free_port()


def main_cf(site: Path, more: str = "") -> str:
    (site / "site.yml").write_text((site / "site.yml").read_text() + more)
    done = gmconf("render", "site.yml", cwd=site)
    assert done.returncode == 0, done.stderr
    return next((site / "build").glob("hosts/*/tree/etc/postfix/main.cf")).read_text()


def test_what_is_agreed_comes_before_what_is_published(site) -> None:
    text = main_cf(
        site,
        "tls: {destinations: [{domain: b.example, level: secure, match: [mx.b.example, .c.example]}, {domain:"
        " a.example, level: dane-only}]}\n",
    )
    assert "smtp_tls_security_level = dane\n" in text
    assert (
        "smtp_tls_policy_maps = lmdb:/etc/postfix/maps/tls-destinations, socketmap:inet:127.0.0.1:8462:postfix\n"
        in text
    )
    table = next((site / "build").glob("hosts/*/tree/etc/postfix/maps/tls-destinations")).read_text()
    assert [line for line in table.splitlines() if line and line[0] != "#"] == [
        "a.example dane-only",
        "b.example secure match=mx.b.example:.c.example",
    ]


def test_without_mta_sts_nothing_fetches(site) -> None:
    text = main_cf(site, "tls: {enforce_mta_sts: false}\n")
    assert "smtp_tls_policy_maps = lmdb:/etc/postfix/maps/tls-destinations\n" in text
    host = next((site / "build").glob("hosts/*"))
    assert not list(host.glob("tree/etc/mta-sts*"))
    assert "_mta-sts" not in (host / "tree/etc/nftables.conf").read_text()
