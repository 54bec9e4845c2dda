"""TLS to receivers of all kinds: what DANE and MTA-STS ask for is kept, or the message waits; nothing is returned at
once or sent in clear."""

from __future__ import annotations

import re
import shlex
import ssl
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import lab
import nameserver
import pytest
import receivers
from cryptography.hazmat.primitives.asymmetric import rsa
from receivers import Authority, Pair, Receiver, context, policy, policy_host, self_signed, tlsa
from signedzones import Fault, signed

CA = "/usr/local/share/ca-certificates/gmconf-lab.crt"


@dataclass
class World:
    """A host that sends, two authorities of which it trusts the first, and an address for its receivers."""

    mx: object
    folder: Path
    address: str
    trusted: Authority
    other: Authority
    zones: list[str] = field(default_factory=list)

    def domain(self, below: str = "example") -> str:
        """A name that nobody has asked for yet."""
        return f"d{uuid.uuid4().hex[:10]}.{below}"

    def publish(self, domain: str, record: str = "", more: str = "", cut: str = "") -> None:
        """MX, its address, and its TLSA record if there is one."""
        found = f"{domain}. 5 MX 10 mx.{domain}.\nmx.{domain}. 5 A {self.address}\n{more}"
        lab.zone(
            f"out{self.mx.machine.number}", found + (f"_25._tcp.mx.{domain}. 5 TLSA {record}\n" if record else ""), cut
        )
        # Proofs of what was not there just before cover new names too (RFC 8198).
        self.mx.ssh("unbound-control -q flush_zone .; unbound-control -q flush_negative")

    def send(self, domain: str, within: float = 40) -> tuple[str, str]:
        """Status of the first attempt, and what Postfix logged of it and of the connection."""
        to, mx = f"{uuid.uuid4().hex[:8]}@{domain}", self.mx
        mark = mx.ssh("date +%s").strip()
        mx.ssh(f"printf 'Subject: out\\n\\nhello\\n' | /usr/sbin/sendmail -f alice@{mx.domain} {to}")
        deadline = time.monotonic() + within
        while True:
            log = mx.ssh(f"journalctl -o cat -t postfix/smtp -t postfix/qmgr -t postfix/error --since @{mark} | cat")
            found = re.search(rf"^([0-9A-Za-z]+): to=<{re.escape(to)}>.* status=(\w+) .*", log, re.M)
            if found:
                break
            assert time.monotonic() < deadline, log
            time.sleep(0.3)
        mx.ssh(f"postsuper -d {shlex.quote(found[1])} 2>/dev/null || true")
        lines = [line for line in log.splitlines() if found[1] in line or f"mx.{domain}" in line]
        return found[2], "\n".join(lines)


@pytest.fixture(scope="module")
def world(mx, tmp_path_factory) -> Iterator[World]:
    # Postfix keeps the authorities it has met: a name of an earlier run would stand for its key.
    trusted, other = Authority(f"Lab CA {uuid.uuid4().hex[:8]}"), Authority("Another CA")
    mx.ssh(
        f"cat > {CA} <<'END'\n{trusted.pem.decode()}END\nupdate-ca-certificates 2>/dev/null; systemctl restart"
        " postfix-mta-sts-resolver"
    )
    try:
        with receivers.address(mx.machine.number + 150) as at:
            yield World(mx, tmp_path_factory.mktemp("out"), at, trusted, other)
    finally:
        mx.ssh(f"rm {CA}; update-ca-certificates --fresh 2>/dev/null; systemctl restart postfix-mta-sts-resolver")
        for cut in ("", nameserver.UNSIGNED, nameserver.BOGUS):
            lab.zone(f"out{mx.machine.number}", "", cut)


def chain(world: World, domain: str) -> Pair:
    return world.trusted.issue(world.folder, f"mx.{domain}")


def hers(world: World, domain: str) -> Pair:
    return self_signed(world.folder, f"mx.{domain}")


REFUSED = r"status=deferred \(Server certificate not (verified|trusted)\)"
VERIFIED = r"Verified TLS connection established to mx\."
DANE = {
    # name: (certificate, TLSA made of it, status, what the log says)
    "TR-03108-C-04-3-1-1-matches": (hers, lambda pair, _: pair.tlsa(3), "sent", VERIFIED),
    "TR-03108-C-04-3-0-1-matches": (hers, lambda pair, _: pair.tlsa(3, 0), "sent", VERIFIED),
    "TR-03108-C-04-2-0-1-right-CA": (chain, lambda pair, _: pair.tlsa(2, 0), "sent", VERIFIED),
    "TR-03108-C-04-2-1-1-right-CA": (chain, lambda pair, _: pair.tlsa(2), "sent", VERIFIED),
    "3-1-1-another-key": (chain, lambda _, world: tlsa(world.other.certificate, 3), "deferred", REFUSED),
    "TR-03108-C-07-usage-2-other-CA": (
        chain,
        lambda _, world: tlsa(world.other.certificate, 2, 0),
        "deferred",
        REFUSED,
    ),
    "TR-03108-C-08-usage-2-key-of-other-CA": (
        chain,
        lambda _, world: tlsa(world.other.certificate, 2),
        "deferred",
        REFUSED,
    ),
    "TR-03108-C-09-selector-of-another-content": (
        hers,
        lambda pair, _: pair.tlsa(3).replace("3 1 1", "3 0 1"),
        "deferred",
        REFUSED,
    ),
    "unusable-usage-1-wants-TLS-only": (
        hers,
        lambda pair, _: pair.tlsa(1),
        "sent",
        r"(Untrusted|Anonymous) TLS connection established to mx\.",
    ),
}


@pytest.mark.control("dane.out")
@pytest.mark.control("tls.mta-out")
@pytest.mark.parametrize("case", DANE)
def test_dane(world, case: str) -> None:
    made, record, status, words = DANE[case]
    domain = world.domain()
    pair = made(world, domain)
    world.publish(domain, record(pair, world))
    with Receiver(world.address, context(pair)) as receiver:
        seen, log = world.send(domain)
    assert seen == status, log
    assert re.search(words, log), log
    assert receiver.taken == ([True] if status == "sent" else [])


@pytest.mark.control("dane.out")
@pytest.mark.parametrize(
    ("usage", "words"),
    [(3, "TLS is required, but was not offered"), (1, "TLS is required, but was not offered")],
    ids=["usable", "unusable"],
)
def test_stripped_starttls_with_dane_waits(world, usage: int, words: str) -> None:
    domain = world.domain()
    world.publish(domain, hers(world, domain).tlsa(usage))
    with Receiver(world.address) as receiver:
        seen, log = world.send(domain)
    assert seen == "deferred", log
    assert words in log, log
    assert receiver.taken == []


@pytest.mark.control("tls.mta-out")
def test_without_starttls_and_dane_mail_goes_in_clear(world) -> None:
    """Nothing says that it must not: the log has no line about TLS."""
    domain = world.domain()
    world.publish(domain)
    with Receiver(world.address) as receiver:
        seen, log = world.send(domain)
    assert seen == "sent", log
    assert "TLS connection established" not in log, log
    assert receiver.taken == [False]


@pytest.mark.control("dane.out")
def test_tlsa_of_an_unsigned_zone_is_not_believed(world) -> None:
    domain = world.domain(nameserver.UNSIGNED)
    pair = hers(world, domain)
    world.publish(domain, tlsa(world.other.certificate, 3), cut=nameserver.UNSIGNED)
    with Receiver(world.address, context(pair)) as receiver:
        seen, log = world.send(domain)
    assert seen == "sent", log
    assert re.search(r"(Untrusted|Anonymous) TLS connection established to mx\.", log), log
    assert receiver.taken == [True]


@pytest.mark.control("dns.validating-resolver")
@pytest.mark.control("dane.out")
def test_bogus_zone_defers_and_never_downgrades(world) -> None:
    """Its MX cannot be believed, so nobody is connected to; neither is it returned."""
    domain = world.domain(nameserver.BOGUS)
    pair = hers(world, domain)
    world.publish(domain, pair.tlsa(3), cut=nameserver.BOGUS)
    with Receiver(world.address, context(pair)) as receiver:
        seen, log = world.send(domain)
    assert seen == "deferred", log
    assert "Host or domain name not found" in log, log
    assert receiver.taken == []


SIGNED: dict[str, tuple[dict[str, Fault], str, str]] = {
    # name: (faults of signatures by type, status, what the log says)
    "TR-03108-B-01-TR-03108-C-01-all-right": ({}, "sent", VERIFIED),
    "TR-03108-B-02-TR-03108-C-02-key-manipulated": (
        {"DNSKEY": "manipulated"},
        "deferred",
        "Host or domain name not found",
    ),
    "TR-03108-B-03-TR-03108-C-03-key-outdated": ({"DNSKEY": "outdated"}, "deferred", "Host or domain name not found"),
    "TR-03108-C-05-TLSA-manipulated": ({"TLSA": "manipulated"}, "deferred", "TLSA lookup error"),
    "TR-03108-C-06-TLSA-outdated": ({"TLSA": "outdated"}, "deferred", "TLSA lookup error"),
}


@pytest.mark.control("dns.validating-resolver")
@pytest.mark.control("dane.out")
@pytest.mark.parametrize("case", SIGNED)
def test_signatures_of_a_zone(world, case: str) -> None:
    """Where they cannot be believed nobody is connected to, neither with DANE nor without."""
    faults, status, words = SIGNED[case]
    domain, part = world.domain(), f"out{world.mx.machine.number}-signed"
    pair = hers(world, domain)
    text, ds = signed(
        domain,
        f"{domain}. 5 MX 10 mx.{domain}.\nmx.{domain}. 5 A {world.address}\n_25._tcp.mx.{domain}. 5 TLSA"
        f" {pair.tlsa(3)}\n",
        faults,
    )
    nameserver.prepared(part, {domain: text})
    lab.zone(part, f"{domain}. 5 NS ns.lab.example.\n{ds}\n")
    world.mx.ssh("unbound-control -q flush_zone .; unbound-control -q flush_negative")
    with Receiver(world.address, context(pair)) as receiver:
        seen, log = world.send(domain)
    lab.zone(part, "")
    assert seen == status, log
    assert words in log if status != "sent" else re.search(words, log), log
    assert receiver.taken == ([True] if status == "sent" else [])


OFFERS = {
    # name: (version, suites of the receiver, its group, status)
    "TR-03108-F-01-TLS-1.2": ("TLSv1_2", "ECDHE-ECDSA-AES256-GCM-SHA384", "", "sent"),
    "TR-03108-F-01-TLS-1.3": ("TLSv1_3", "", "", "sent"),
    "TR-03108-F-02-ECDSA": ("TLSv1_3", "", "", "sent"),
    "TR-03108-F-02-RSA": ("TLSv1_3", "", "", "sent"),
    "TR-03108-F-03-P-384": ("TLSv1_2", "", "secp384r1", "sent"),
    "TR-03108-F-03-X25519": ("TLSv1_2", "", "X25519", "sent"),
    "TR-03108-F-04-no-suite-of-ours": ("TLSv1_2", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0", "", "deferred"),
}


@pytest.mark.control("tls.ciphers")
@pytest.mark.parametrize("case", OFFERS)
def test_what_a_receiver_insists_on(world, case: str) -> None:
    version, suites, group, status = OFFERS[case]
    domain = world.domain()
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072) if case.endswith("RSA") else None
    pair = self_signed(world.folder, f"mx.{domain}", key)
    world.publish(domain, pair.tlsa(3))
    tls = context(pair)
    tls.minimum_version = tls.maximum_version = ssl.TLSVersion[version]
    if suites:
        tls.set_ciphers(suites)
    if group:
        tls.set_ecdh_curve(group)
    with Receiver(world.address, tls) as receiver:
        seen, log = world.send(domain)
    assert seen == status, log
    assert receiver.taken == ([True] if status == "sent" else []), log


@pytest.mark.control("tls.versions")
@pytest.mark.parametrize("dane", [True, False], ids=["TR-03108-F-05-dane", "TR-03108-F-05-no-dane"])
def test_tls_1_0_is_not_spoken(world, dane: bool) -> None:
    domain = world.domain()
    pair = hers(world, domain)
    world.publish(domain, pair.tlsa(3) if dane else "")
    with Receiver(world.address, context(pair, old=True)) as receiver:
        seen, log = world.send(domain)
    assert seen == "deferred", log
    assert "Cannot start TLS: handshake failure" in log, log
    assert receiver.taken == []


def signed_by(authority: str, name: str = "", days: int = 30):
    """Makes the certificate of an MX, or of another name."""
    return lambda world, domain: getattr(world, authority).issue(world.folder, name or f"mx.{domain}", days)


STS = {
    # name: (mode, MX of the policy, certificate of the MX, of the policy host, status, what the log says)
    "TR-03108-J-01-enforce-good": ("enforce", "mx.{d}", signed_by("trusted"), "trusted", "sent", VERIFIED),
    "enforce-wildcard": ("enforce", "*.{d}", signed_by("trusted"), "trusted", "sent", VERIFIED),
    "TR-03108-J-04-enforce-bad-name": (
        "enforce",
        "mx.{d}",
        signed_by("trusted", "mx.elsewhere.example"),
        "trusted",
        "deferred",
        REFUSED,
    ),
    "TR-03108-J-03-enforce-self-signed": ("enforce", "mx.{d}", hers, "trusted", "deferred", REFUSED),
    "TR-03108-J-03-enforce-other-CA": ("enforce", "mx.{d}", signed_by("other"), "trusted", "deferred", REFUSED),
    "TR-03108-J-02-enforce-expired": (
        "enforce",
        "mx.{d}",
        signed_by("trusted", days=-2),
        "trusted",
        "deferred",
        REFUSED,
    ),
    "enforce-mx-not-in-policy": ("enforce", "other.{d}", signed_by("trusted"), "trusted", "deferred", REFUSED),
    "enforce-without-starttls": (
        "enforce",
        "mx.{d}",
        None,
        "trusted",
        "deferred",
        "TLS is required, but was not offered",
    ),
    "policy-host-with-bad-certificate": (
        "enforce",
        "mx.{d}",
        hers,
        "other",
        "sent",
        r"(Untrusted|Anonymous) TLS connection established to mx\.",
    ),
    "testing-self-signed": (
        "testing",
        "mx.{d}",
        hers,
        "trusted",
        "sent",
        r"(Untrusted|Anonymous) TLS connection established to mx\.",
    ),
    "none-self-signed": (
        "none",
        "mx.{d}",
        hers,
        "trusted",
        "sent",
        r"(Untrusted|Anonymous) TLS connection established to mx\.",
    ),
}


def announce(domain: str, at: str) -> str:
    return f'_mta-sts.{domain}. 5 TXT "v=STSv1; id={uuid.uuid4().hex[:12]}"\nmta-sts.{domain}. 5 A {at}\n'


@pytest.mark.control("sts.out")
@pytest.mark.parametrize("case", STS)
def test_mta_sts(world, case: str) -> None:
    mode, names, made, web, status, words = STS[case]
    domain = world.domain()
    world.publish(domain, more=announce(domain, world.address))
    tls = context(made(world, domain)) if made else None
    page = getattr(world, web).issue(world.folder, f"mta-sts.{domain}")
    with (
        policy_host(world.address, page, policy(mode, names.format(d=domain))),
        Receiver(world.address, tls) as receiver,
    ):
        seen, log = world.send(domain)
    assert seen == status, log
    assert re.search(words, log), log
    assert receiver.taken == ([True] if status == "sent" else [])


@pytest.mark.control("sts.out")
def test_a_policy_once_seen_outlives_its_host(world) -> None:
    """Whoever takes the policy host away wins nothing."""
    domain = world.domain()
    world.publish(domain, more=announce(domain, world.address))
    good, false = chain(world, domain), hers(world, domain)
    page = world.trusted.issue(world.folder, f"mta-sts.{domain}")
    with policy_host(world.address, page, policy("enforce", f"mx.{domain}")), Receiver(world.address, context(good)):
        seen, log = world.send(domain)
        assert seen == "sent", log
    world.mx.ssh("systemctl restart postfix-mta-sts-resolver")
    with Receiver(world.address, context(false)) as receiver:
        seen, log = world.send(domain)
    assert seen == "deferred", log
    assert re.search(REFUSED, log), log
    assert receiver.taken == []


@pytest.mark.control("sts.out")
@pytest.mark.control("dane.out")
@pytest.mark.parametrize("right", [True, False], ids=["dane-right-sts-wrong", "dane-wrong-sts-right"])
def test_dane_beats_mta_sts(world, right: bool) -> None:
    """RFC 8461: MTA-STS must not let through what DANE refuses; and what DANE proves needs no public CA."""
    domain = world.domain()
    pair = hers(world, domain) if right else chain(world, domain)
    world.publish(domain, pair.tlsa(3) if right else tlsa(world.other.certificate, 3), announce(domain, world.address))
    page = world.trusted.issue(world.folder, f"mta-sts.{domain}")
    with (
        policy_host(world.address, page, policy("enforce", f"mx.{domain}")),
        Receiver(world.address, context(pair)) as receiver,
    ):
        answer = world.mx.ssh(f"postmap -q {domain} socketmap:inet:127.0.0.1:8462:postfix").strip()
        seen, log = world.send(domain)
    assert answer == "dane-only"
    assert seen == ("sent" if right else "deferred"), log
    assert re.search(VERIFIED if right else REFUSED, log), log
    assert receiver.taken == ([True] if right else [])


@pytest.mark.control("sts.out")
def test_unusable_tlsa_leaves_it_to_mta_sts(world) -> None:
    domain = world.domain()
    pair = hers(world, domain)
    world.publish(domain, pair.tlsa(1), announce(domain, world.address))
    page = world.trusted.issue(world.folder, f"mta-sts.{domain}")
    with (
        policy_host(world.address, page, policy("enforce", f"mx.{domain}")),
        Receiver(world.address, context(pair)) as receiver,
    ):
        seen, log = world.send(domain)
    assert seen == "deferred", log
    assert re.search(REFUSED, log), log
    assert receiver.taken == []


@pytest.mark.control("sts.out")
@pytest.mark.parametrize("unit", ["postfix-mta-sts-resolver", "gmconf-tls-policy"])
def test_without_policies_mail_waits(world, unit: str) -> None:
    """A resolver that is down is not taken for "no policy"; the mail goes when it is back."""
    domain = world.domain()
    world.publish(domain)
    with Receiver(world.address, context(hers(world, domain))) as receiver:
        world.mx.ssh(f"systemctl stop {unit}")
        try:
            seen, log = world.send(domain)
        finally:
            world.mx.ssh(f"systemctl start {unit}")
        assert (seen, receiver.taken) == ("deferred", []), log
        seen, log = world.send(domain)
        assert seen == "sent", log
    assert receiver.taken == [True]


@pytest.mark.promise("what is agreed with a receiver comes before what it publishes")
def test_destinations(world) -> None:
    names = {level: world.domain() for level in ("dane-only", "secure", "may")}
    agreed = f"""\
tls:
  destinations:
    - {{domain: {names["dane-only"]}, level: dane-only}}
    - {{domain: {names["secure"]}, level: secure, match: [.gateway.example]}}
    - {{domain: {names["may"]}, level: may, reason: the tests}}
"""
    mx, seen = world.mx, {}
    mx.write_site(agreed)
    try:
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout
        for case, level, pair, record in (
            ("no TLSA", "dane-only", chain(world, names["dane-only"]), ""),
            ("agreed name", "secure", world.trusted.issue(world.folder, "mx7.gateway.example"), ""),
            ("another name", "secure", chain(world, names["secure"]), ""),
            ("false TLSA", "may", hers(world, names["may"]), tlsa(world.other.certificate, 3)),
        ):
            world.publish(names[level], record)
            with Receiver(world.address, context(pair)) as receiver:
                status, log = world.send(names[level])
            seen[case] = status, receiver.taken, log
    finally:
        mx.write_site()
        done = mx.roll_out()
    assert done.returncode == 0, done.stdout
    assert {case: (status, taken) for case, (status, taken, _) in seen.items()} == {
        "no TLSA": ("deferred", []),
        "agreed name": ("sent", [True]),
        "another name": ("deferred", []),
        "false TLSA": ("sent", [True]),
    }, seen
    assert "TLSA" in seen["no TLSA"][2], seen
    assert re.search(VERIFIED, seen["agreed name"][2]), seen
    assert re.search(REFUSED, seen["another name"][2]), seen
