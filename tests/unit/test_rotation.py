"""Changing keys against real name servers, with a clock that the test sets: every step, every refusal, every kill."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from commands import gmconf
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from dnssite import SITE, made, whole, zones
from hypothesis import given, settings
from hypothesis import strategies as st
from nameserver import Knot, free_port
from sitekeys import PASSWORD

from gmconf.build.tree import build
from gmconf.dns import records
from gmconf.dns.live import survey
from gmconf.dns.live.ask import Server
from gmconf.dns.tlsa import associations
from gmconf.errors import GmconfError, SiteError
from gmconf.keys import vault
from gmconf.keys.rollover import Key, spell
from gmconf.rotation.run import Call, take
from gmconf.rotation.status import plan, refused, status
from gmconf.rotation.steps import Evidence, advance
from gmconf.site.load import load

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NS = ["ns1.lab.test. 60 A 127.0.0.2", "ns2.lab.test. 60 A 127.0.0.3"]
QUEUE = timedelta(days=5)


class World:
    """A site, and two name servers that show what they are told to."""

    def __init__(self, folder: Path, text: str = SITE, level: str = "") -> None:
        self.folder, self.port = folder, free_port()
        made(folder / "site", text, level)
        # As an older gmconf made them, which did not write down the day.
        for public in (folder / "site/keys/dkim").glob("*/*.pub"):
            public.write_text(public.read_text().splitlines()[0] + "\n")
        self.servers: list[Knot] = []
        self.asked = 0

    @property
    def loaded(self):
        return load(self.folder / "site/site.yml")

    @property
    def file(self) -> Path:
        return self.folder / "site/keys/rollover.yml"

    def publish(self, first: dict[str, list[str]] | None = None, second: dict[str, list[str]] | None = None) -> None:
        """Let the name servers show the site's records, or others; without a second both are the same."""
        self.stop()
        first = first or zones(records(self.loaded))
        for address, found in (("127.0.0.2", first), ("127.0.0.3", second or first)):
            texts = {name: whole(name, lines) for name, lines in (found | {"lab.test": NS}).items()}
            self.servers.append(Knot(self.folder / f"knot-{address}", [address], self.port, texts))

    def stop(self) -> None:
        while self.servers:
            self.servers.pop().stop()

    def next(self, now: datetime, **more) -> dict[str, str]:
        """What happened: "subject key": action."""
        call = Call(now, lambda: Server("127.0.0.2", self.port), lambda: PASSWORD, self.port, **more)
        done = take(self.loaded, call)
        self.told = {f"{d.subject.name} {d.event.key}": d.event.text for d in done}
        return {f"{d.subject.name} {d.event.key}": d.event.action for d in done}

    def states(self, name: str = "example.org") -> dict[str, str]:
        state = self.loaded.rollover
        return {k.name: k.state for k in (state.domains | state.hosts).get(name, ())}

    def owners(self) -> set[str]:
        return {r.owner for r in records(self.loaded) if r.need != "forbidden"}


@pytest.fixture
def world(tmp_path):
    found = World(tmp_path)
    yield found
    found.stop()


def signing(world: World) -> set[str]:
    """What rspamd of the rendered host signs with for example.org."""
    files = build(world.loaded).files
    text = files["hosts/mail.example.org/tree/etc/rspamd/local.d/maps.d/dkim-domains.conf"].decode()
    line = next(row for row in text.splitlines() if row.startswith(('"example.org"', "example.org")))
    secrets = {name for name in files if name.startswith("secrets/dkim/example.org/")}
    bases = {name.rsplit("/", 1)[1].rpartition("-")[0] for name in secrets}
    assert all(base in line for base in bases)
    # A roll-out takes away every other key that lies in the folder.
    manifest = json.loads(files["hosts/mail.example.org/manifest.json"])
    assert "/etc/gmconf/dkim/" in manifest["owned"]
    paths = {
        f["path"].rsplit("/", 1)[1] for f in manifest["files"] if f["path"].startswith("/etc/gmconf/dkim/example.org.")
    }
    assert paths == {f"example.org.{base}-{kind}.key" for base in bases for kind in ("rsa", "ed25519")}
    return bases


def test_a_domain_from_one_key_to_the_next(world: World) -> None:
    one = {"only": "example.org"}
    world.publish()
    assert signing(world) == {"gm4"}
    assert world.next(NOW, **one) == {"example.org s20261125": "made"}
    assert world.states() == {"gm4": "active", "s20261125": "next"}
    # Published beside the old one, and not used; the host does not get its private half yet.
    assert {
        "s20261125-rsa._domainkey.example.org",
        "s20261125-ed25519._domainkey.example.org",
        "gm4-rsa._domainkey.example.org",
    } <= world.owners()
    assert signing(world) == {"gm4"}
    # Not published: refused, nothing written.
    before = world.file.read_bytes()
    assert world.next(NOW + HOUR, **one) == {"example.org s20261125": "waits"}
    assert "ns1.lab.test (127.0.0.2) shows nothing at s20261125-" in world.told["example.org s20261125"]
    assert world.file.read_bytes() == before
    # Published: the time counts from when it is seen. The site's records have 3600 s, the zones 60 s for what is not
    # there.
    world.publish()
    seen = NOW + 2 * HOUR
    assert world.next(seen, **one) == {"example.org s20261125": "seen"}
    assert world.next(seen + HOUR - timedelta(seconds=1), **one) == {"example.org s20261125": "waits"}
    assert "2026-11-25T13:00:00Z" in world.told["example.org s20261125"]
    assert world.next(seen + HOUR, **one) == {"example.org s20261125": "switched"}
    assert world.states() == {"gm4": "retiring", "s20261125": "active"}
    assert signing(world) == {"s20261125"}
    assert "gm4-rsa._domainkey.example.org" in world.owners()
    # The old record stays until no host uses the key and no mail signed with it is under way.
    assert world.next(seen + 30 * DAY, **one) == {"example.org gm4": "waits"}
    rolled = seen + 30 * DAY
    assert world.next(rolled, rolled_out=True, **one) == {"example.org gm4": "rolled out"}
    assert world.next(rolled + QUEUE + HOUR - timedelta(seconds=1), **one) == {"example.org gm4": "waits"}
    assert world.next(rolled + QUEUE + HOUR, **one) == {"example.org gm4": "retired"}
    assert "gm4-rsa._domainkey.example.org" not in world.owners()
    forbidden = {r.owner for r in records(world.loaded) if r.need == "forbidden"}
    assert {
        "gm4-rsa._domainkey.example.org",
        "gm4-ed25519._domainkey.example.org",
        "old-rsa._domainkey.example.org",
    } <= forbidden
    # Nothing more to do, until it is due.
    before = world.file.read_bytes()
    assert world.next(rolled + QUEUE + 2 * HOUR, **one) == {"example.org s20261125": "nothing"}
    assert world.file.read_bytes() == before
    assert world.next(NOW + timedelta(days=155), **one) == {"example.org s20270429": "made"}


def test_dns_check_agrees_at_every_state(world: World) -> None:
    one = {"only": "example.org"}
    world.publish()
    world.next(NOW, **one)
    world.publish()
    world.next(NOW + HOUR, **one)

    def wrong() -> list[tuple[str, str]]:
        found = survey(world.loaded, Server("127.0.0.2", world.port), NOW.date(), port=world.port)
        return [(r.control, r.where) for r in found.results if r.status == "fail" and "_domainkey" in r.where]

    assert wrong() == []
    world.next(NOW + 2 * HOUR, **one)
    assert wrong() == []
    world.next(NOW + 2 * HOUR, rolled_out=True, **one)
    world.next(NOW + 3 * HOUR + QUEUE, **one)
    # The record of the retired key is still there.
    assert {control for control, _ in wrong()} == {"dns.no-stale"}
    world.publish()
    assert wrong() == []


def test_a_name_server_that_lags(world: World) -> None:
    old = zones(records(world.loaded))
    world.publish()
    world.next(NOW, only="example.org")
    world.publish(None, old)
    assert world.next(NOW + HOUR, only="example.org") == {"example.org s20261125": "waits"}
    assert "ns2.lab.test (127.0.0.3) shows nothing" in world.told["example.org s20261125"]
    assert "ns1" not in world.told["example.org s20261125"]


def test_a_name_server_that_is_away(world: World) -> None:
    world.publish()
    world.next(NOW, only="example.org")
    world.publish()
    world.servers.pop().stop()
    assert world.next(NOW + HOUR, only="example.org") == {"example.org s20261125": "waits"}
    assert "ns2.lab.test does not answer" in world.told["example.org s20261125"]


def test_a_record_that_is_wrong(world: World) -> None:
    world.publish()
    world.next(NOW, only="example.org")
    found = zones(records(world.loaded))
    other = next(row for row in found["example.org"] if row.startswith("gm4-rsa")).split(" ", 1)[1]
    found["example.org"] = [
        f"s20261125-rsa._domainkey.example.org. {other}" if row.startswith("s20261125-rsa") else row
        for row in found["example.org"]
    ]
    world.publish(found)
    assert world.next(NOW + HOUR, only="example.org") == {"example.org s20261125": "waits"}
    assert "(the key differs)" in world.told["example.org s20261125"]


def test_a_record_that_vanishes_starts_the_time_again(world: World) -> None:
    old = zones(records(world.loaded))
    world.publish()
    world.next(NOW, only="example.org")
    world.publish()
    assert world.next(NOW, only="example.org") == {"example.org s20261125": "seen"}
    world.publish(old)
    assert world.next(NOW + 2 * HOUR, only="example.org") == {"example.org s20261125": "lost"}
    world.publish()
    assert world.next(NOW + 3 * HOUR, only="example.org") == {"example.org s20261125": "seen"}
    assert world.next(NOW + 4 * HOUR - timedelta(seconds=1), only="example.org") == {"example.org s20261125": "waits"}
    assert world.next(NOW + 4 * HOUR, only="example.org") == {"example.org s20261125": "switched"}


def test_the_zones_negative_ttl_counts(world: World) -> None:
    world.publish()
    world.next(NOW, only="example.org")
    world.stop()
    found = zones(records(world.loaded)) | {"lab.test": NS}
    texts = {
        name: whole(name, lines).replace(" 60 SOA ", " 9000 SOA ").replace("3600 60\n", "3600 7200\n")
        for name, lines in found.items()
    }
    world.servers.append(Knot(world.folder / "knot", ["127.0.0.2", "127.0.0.3"], world.port, texts))
    world.next(NOW, only="example.org")
    assert world.next(NOW + 2 * HOUR - timedelta(seconds=1), only="example.org") == {"example.org s20261125": "waits"}
    assert world.next(NOW + 2 * HOUR, only="example.org") == {"example.org s20261125": "switched"}


HOST = {"only": "mail.example.org"}
KEY = "mail.example.org k20261125"


NAMED = SITE.replace(
    "alias_of: example.org}", "alias_of: example.org, server_names: {clients: imap.example.net, mx: mx.example.net}}"
)


@pytest.mark.parametrize("name", ["mail.example.org", "mx.example.net"])
def test_a_host_or_the_mx_of_a_domain_from_one_key_to_the_next(tmp_path, name: str) -> None:
    world = World(tmp_path, NAMED)
    try:
        changed(world, name)
    finally:
        world.stop()
    with pytest.raises(GmconfError, match="is not a domain, host or MX name"):
        world.next(NOW, only="imap.example.net")


def changed(world: World, name: str) -> None:
    """Every step of a TLS key, and what the host shows and DNS should say after it."""
    key, first_key, only = f"{name} k20261125", f"{name} first", {"only": name}
    place = f"hosts/mail.example.org/tree/etc/gmconf/tls/{name}.crt"
    world.publish()
    first = list(associations(world.loaded.public, name))
    assert len(first) == 1
    assert world.next(NOW, **only) == {first_key: "nothing"}
    assert world.next(NOW, start=True, **only) == {key: "made"}
    both = list(associations(world.loaded.public, name))
    assert len(both) == 2
    assert sorted(r.text for r in records(world.loaded) if r.owner == f"_25._tcp.{name}") == sorted(both)
    assert first[0] in both
    assert world.next(NOW + HOUR, **only) == {key: "waits"}
    world.publish()
    assert world.next(NOW + HOUR, **only) == {key: "seen"}
    served = build(world.loaded).files[place]
    assert world.next(NOW + 2 * HOUR, **only) == {key: "switched"}
    # The host shows the new key, whose private half is in build/; both are published still.
    files = build(world.loaded).files
    after = files[place]
    assert after != served
    assert (
        files[f"secrets/tls/{name}.key.vault"]
        == (world.folder / f"site/keys/tls/{name}.k20261125.key.vault").read_bytes()
    )
    private = vault.decrypt(files[f"secrets/tls/{name}.key.vault"], PASSWORD, "")
    public = subprocess.run(["openssl", "pkey", "-pubout"], input=private, capture_output=True, check=True).stdout
    certificate = x509.load_pem_x509_certificate(after)
    assert load_pem_public_key(public) == certificate.public_key()
    certificate.verify_directly_issued_by(
        x509.load_pem_x509_certificate((world.folder / "site/keys/ca/ca.crt").read_bytes())
    )
    assert sorted(associations(world.loaded.public, name)) == sorted(both)
    assert world.next(NOW + 9 * DAY, **only) == {first_key: "waits"}
    assert world.next(NOW + 9 * DAY, rolled_out=True, **only) == {first_key: "rolled out"}
    assert world.next(NOW + 9 * DAY, **only) == {first_key: "retired"}
    assert list(associations(world.loaded.public, name)) == [a for a in both if a not in first]


def test_a_host_whose_certificates_come_from_elsewhere(tmp_path) -> None:
    world = World(tmp_path, SITE)
    site = world.folder / "site/site.yml"
    site.write_text(SITE + "tls: {source: files}\n")
    try:
        world.publish()
        keys = world.folder / "site/keys/tls"
        world.next(NOW, start=True, **HOST)
        request = keys / "mail.example.org.k20261125.csr"
        assert x509.load_pem_x509_csr(request.read_bytes()).is_signature_valid
        world.publish()
        world.next(NOW, **HOST)
        assert world.next(NOW + HOUR, **HOST) == {KEY: "waits"}
        assert "keys/tls/mail.example.org.k20261125.crt" in world.told[KEY]
        chain = keys / "mail.example.org.k20261125.crt"
        chain.write_bytes((keys / "mail.example.org.crt").read_bytes())
        assert world.next(NOW + HOUR, **HOST) == {KEY: "waits"}
        assert "is not for the key of tls/mail.example.org.k20261125.csr" in world.told[KEY]
        ca = world.folder / "site/keys/ca"
        plain = tmp_path / "ca.key"
        plain.write_bytes(vault.decrypt((ca / "ca.key.vault").read_bytes(), PASSWORD, ""))
        subprocess.run(
            [
                "openssl",
                "x509",
                "-req",
                "-in",
                request,
                "-CA",
                ca / "ca.crt",
                "-CAkey",
                plain,
                "-copy_extensions",
                "copyall",
                "-days",
                "90",
                "-out",
                chain,
            ],
            check=True,
            capture_output=True,
        )
        assert world.next(NOW + HOUR, **HOST) == {KEY: "switched"}
        assert (
            build(world.loaded).files["hosts/mail.example.org/tree/etc/gmconf/tls/mail.example.org.crt"].strip()
            == chain.read_bytes().strip()
        )
    finally:
        world.stop()


class KilledError(Exception):
    """Stands for kill -9."""


@pytest.mark.parametrize("only", ["example.org", "mail.example.org"])
def test_a_kill_at_any_write(tmp_path, monkeypatch, only: str) -> None:
    world = World(tmp_path)
    write = vault.write_file
    left = 0

    def dying(path, data, mode=0o600):
        nonlocal left
        if left == 0:
            raise KilledError
        left -= 1
        write(path, data, mode)

    monkeypatch.setattr(vault, "write_file", dying)

    def step(now: datetime, **more) -> None:
        """Die at the first write, then at the second, ... until none is left; every time the site still loads, as
        before."""
        nonlocal left
        before = world.loaded.rollover
        for writes in range(12):
            left = writes
            try:
                world.next(now, only=only, **more)
            except KilledError:
                assert world.loaded.rollover == before
                assert build(world.loaded).files
                continue
            assert world.loaded.rollover != before
            return
        pytest.fail("it does not end")

    try:
        world.publish()
        step(NOW, start=True)
        world.publish()
        step(NOW + HOUR)
        step(NOW + 2 * HOUR)
        step(NOW + 2 * HOUR, rolled_out=True)
        step(NOW + 3 * HOUR + QUEUE)
    finally:
        world.stop()
    assert sorted(world.states(only).values()) == ["active", "retired"]


def test_a_name_that_has_files_is_not_used_again(world: World) -> None:
    folder = world.folder / "site/keys/dkim/example.org"
    (folder / "s20261125-rsa.key.vault").write_text("left by a run that died")
    assert world.next(NOW, only="example.org") == {"example.org s20261125b": "made"}
    with pytest.raises(GmconfError, match="is not a domain, host or MX name"):
        world.next(NOW, only="parked.example")
    with pytest.raises(GmconfError, match="--only"):
        world.next(NOW, start=True)


def test_the_file_is_deterministic_and_read_back(world: World) -> None:
    world.next(NOW)
    text = world.file.read_text()
    assert spell(world.loaded.rollover) == text
    assert list(world.loaded.rollover.domains) == ["a.example.org", "example.net", "example.org"]
    assert world.loaded.inputs == ("site.yml", "keys/rollover.yml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("domains: [a]\n", "rollover.yml:1:10: domains: a mapping of keys"),
        ("domain: {}\n", "rollover.yml:1:1: domain: unknown key"),
        (
            "domains:\n  example.org:\n    - {name: gm4, state: next, since: 2026-11-25T10:00:00Z}\n",
            "rollover.yml:3:5: domains.example.org: exactly one key is active",
        ),
        (
            (
                "domains:\n  example.org:\n    - {name: gm4, state: active}\n    - {name: gm4, state: retired, since:"
                " 2026-11-25T10:00:00Z}\n"
            ),
            "rollover.yml:4:14: domains.example.org[1].name: gm4 stands here twice",
        ),
        (
            "domains:\n  example.org:\n    - {name: gm4, state: active, since: yesterday}\n",
            "rollover.yml:3:41: domains.example.org[0].since: a time in UTC is needed",
        ),
        (
            "domains:\n  example.org:\n    - {name: gm4, state: active, since: 2026-13-25T10:00:00Z}\n",
            "a time in UTC is needed",
        ),
        (
            "domains:\n  example.org:\n    - {name: gm4, state: gone}\n",
            "rollover.yml:3:26: domains.example.org[0].state: must be one of",
        ),
        (
            "domains:\n  example.org:\n    - {name: gm4, state: active}\n    - {name: s1, state: next}\n",
            "rollover.yml:4:7: domains.example.org[1]: since is missing",
        ),
        (
            (
                "domains:\n  example.org:\n    - {name: gm4, state: active}\n    - {name: s1, state: next, since:"
                " 2026-11-25T10:00:00Z}\n"
            ),
            "keys/dkim/example.org/s1-rsa.pub is missing",
        ),
        (
            "domains:\n  example.org:\n    - {name: s1, state: active}\n",
            "site.yml:5:22: domains[0].dkim.selector: gm4 is no key that rollover.yml knows",
        ),
        (
            (
                "domains:\n  example.org:\n    - {name: gm4, state: active}\n    - {name: old, state: retiring, since:"
                " 2026-11-25T10:00:00Z}\n"
            ),
            "domains[0].dkim.retired: old is retiring in rollover.yml",
        ),
        (
            (
                "hosts:\n  mail.example.org:\n    - {name: first, state: active}\n    - {name: k1, state: next, since:"
                " 2026-11-25T10:00:00Z, rolled_out: 2026-11-25T10:00:00Z}\n"
            ),
            "hosts.mail.example.org[1].rolled_out: only of a key that is retiring",
        ),
    ],
)
def test_a_file_that_is_wrong(world: World, text: str, said: str) -> None:
    world.file.write_text(text)
    with pytest.raises(SiteError) as found:
        world.loaded  # noqa: B018 - reading it is the test
    assert said in str(found.value)
    assert "Traceback" not in gmconf("render", "site.yml", cwd=world.folder / "site").stderr


def test_status_and_plan(tmp_path) -> None:
    world = World(tmp_path, level="silver")
    loaded = world.loaded
    rows = {(r.subject, r.key): r for r in status(loaded, NOW)}
    # Nobody knows how old gm4 is.
    assert rows["example.org", "gm4"].overdue
    assert rows["example.org", "gm4"].since is None
    assert refused(loaded, list(rows.values()), NOW)
    assert not rows["mail.example.org", "first"].overdue
    world.file.write_text(
        "domains:\n"
        + "".join(
            f"  {d}: [{{name: {n}, state: active, since: 2026-06-01T00:00:00Z}}]\n"
            for d, n in (("example.org", "gm4"), ("a.example.org", "gm1"), ("example.net", "gm1"))
        )
    )
    loaded = world.loaded
    last = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(days=184)
    assert not refused(loaded, status(loaded, last), last)
    assert refused(loaded, status(loaded, last + timedelta(seconds=1)), last + timedelta(seconds=1))
    steps = [s for s in plan(loaded, last) if s["subject"] == "example.org"]
    assert [(s["key"], s["earliest"]) for s in steps] == [
        ("s20261202", "2026-12-02T00:00:00Z"),
        ("s20261202", "2026-12-02T00:00:00Z"),
        ("s20261202", "2026-12-02T01:00:00Z"),
        ("gm4", "2026-12-02T01:00:00Z"),
        ("gm4", "2026-12-07T02:00:00Z"),
    ]
    assert not list((world.folder / "site/keys").glob("**/s2026*"))


def test_waived_or_below_silver_is_not_refused(tmp_path) -> None:
    bronze = World(tmp_path / "bronze", level="bronze")
    assert not refused(bronze.loaded, status(bronze.loaded, NOW), NOW)
    waived = World(
        tmp_path / "waived",
        SITE
        + "waivers: [{control: auth.dkim-rotation, reason: being moved, owner: Alice Archer, until: 2026-12-24}]\n",
        "silver",
    )
    assert not refused(waived.loaded, status(waived.loaded, NOW), NOW)
    later = NOW + 60 * DAY
    assert refused(waived.loaded, status(waived.loaded, later), later)


def test_an_overdue_key_is_a_finding_of_dns_check(world: World) -> None:
    world.file.write_text("domains: {example.org: [{name: gm4, state: active, since: 2026-05-01T00:00:00Z}]}\n")
    world.publish()

    def told(day: datetime) -> list[str]:
        found = survey(world.loaded, Server("127.0.0.2", world.port), day.date(), port=world.port)
        return [r.subject for r in found.results if r.control == "auth.dkim-rotation" and r.status == "fail"]

    assert told(datetime(2026, 11, 1, tzinfo=UTC)) == []
    assert told(datetime(2026, 11, 2, tzinfo=UTC)) == ["example.org"]


def test_commands(world: World, vault_password) -> None:
    site = world.folder / "site"

    def run(*argv: str):
        return gmconf("keys", *argv, cwd=site)

    world.publish()
    done = run(
        "next",
        "site.yml",
        "--only",
        "example.org",
        "--resolver",
        f"127.0.0.2:{world.port}",
        "--port",
        str(world.port),
        "--now",
        "2026-11-25T10:00:00Z",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout == "example.org: s20261125: made; publish its record: gmconf dns check SITE says what is missing\n"
    )
    done = run(
        "next",
        "site.yml",
        "--only",
        "example.org",
        "--resolver",
        f"127.0.0.2:{world.port}",
        "--port",
        str(world.port),
        "--now",
        "2026-11-25T10:00:00Z",
        "--format",
        "json",
    )
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert (found["form"], found["steps"][0]["action"]) == (1, "waits")
    done = run("status", "site.yml", "--only", "example.org", "--format", "json", "--now", "2026-11-26T10:00:00Z")
    assert done.returncode == 0
    rows = json.loads(done.stdout)["keys"]
    assert [(r["key"], r["state"], r["days"]) for r in rows] == [("gm4", "active", None), ("s20261125", "next", 1)]
    assert "publish its record" in run("status", "site.yml").stdout
    done = run("plan", "site.yml", "--now", "2026-11-26T10:00:00Z")
    assert done.returncode == 0
    assert "becomes the active key in place of gm4" in done.stdout
    assert run("site.yml").stdout == ""
    done = run("next", "site.yml", "--only", "nobody.example")
    assert done.returncode == 2
    assert "PRIVATE" not in done.stdout + done.stderr


# Orders of steps that nobody thought of: DNS is published, taken away and lags; the clock goes on by any time; hosts
# are rolled out now and then. A verifier keeps what it saw last as long as it may, and must be able to verify what
# hosts sign.
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["next", "publish", "withdraw", "roll out"]),
        st.integers(0, 200) | st.sampled_from([3600, 86400, 5 * 86400]),
    ),
    max_size=60,
)
TTL, LIFE = 3600, 5 * 86400


@settings(max_examples=300, deadline=None)
@given(MOVES)
def test_whatever_the_order(moves: list[tuple[str, int]]) -> None:
    keys: tuple[Key, ...] = (Key(name="gm1", state="active"),)
    now, made_ = NOW, 0
    wanted = shown = {"gm1"}
    gone_since: dict[str, datetime] = {
        "gm1": NOW - timedelta(days=1)
    }  # since when resolvers can know it without a doubt
    hosts, used = "gm1", {"gm1"}
    last_signed = {"gm1": NOW}
    for move, seconds in moves:
        now += timedelta(seconds=seconds)
        last_signed[hosts] = now
        wanted = {k.name for k in keys if k.state != "retired"}
        if move == "publish":
            for name in wanted - shown:
                gone_since[name] = now
            shown = wanted
        elif move == "withdraw":
            # Somebody takes away the record of a key that is not in use yet.
            shown = shown - {k.name for k in keys if k.state == "next"}
        elif move == "roll out":
            hosts = next(k.name for k in keys if k.state == "active")
        coming = next((k.name for k in keys if k.state == "next"), "")
        evidence = Evidence(() if coming in shown else ("nothing",), TTL)
        active = next(k.name for k in keys if k.state == "active")
        fresh = f"s{made_ + 1}" if not any(k.state in ("next", "retiring") for k in keys) else ""
        # The operator says so only when it is so.
        keys, events = advance(keys, now, linger=LIFE, evidence=evidence, fresh=fresh, rolled_out=hosts == active)
        for event in events:
            if event.action == "made":
                assert event.key not in used
                used.add(event.key)
                made_ += 1
            if event.action == "switched":
                # Every resolver sees the record: nobody keeps an answer from before it was there.
                assert event.key in shown
                assert now - gone_since[event.key] >= timedelta(seconds=TTL)
            if event.action == "retired":
                assert event.key != hosts
                assert now - last_signed[event.key] >= timedelta(seconds=LIFE + TTL)
        assert [k.state for k in keys].count("active") == 1
        # What hosts sign with is published.
        assert hosts in {k.name for k in keys if k.state in ("active", "retiring")}
