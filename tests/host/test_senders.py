"""Senders with right and wrong SPF and DKIM: what becomes of their mail, and what the results say (BSI TR-03182-P)."""

from __future__ import annotations

import base64
import smtplib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import dkim
import lab
import nameserver
import pytest
import sites
from clients import message, outside, stored
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from signedzones import signed
from test_results import results

HEADERS = [b"from", b"to", b"subject", b"date"]


@dataclass
class Senders:
    """Domains of this run, by what SPF says of the client of the tests: pass, fail, none. All say p=reject, but for one
    that fails and says p=quarantine, and have the same keys."""

    mx: object
    domains: dict[str, str]
    rsa: bytes
    ed25519: bytes
    folders: list[str] = field(default_factory=list)
    """Where the last message lies."""

    def signed(self, data: bytes, domain: str, algorithm: str) -> bytes:
        selector, key = (b"ed", self.ed25519) if algorithm.startswith("ed25519") else (b"rsa", self.rsa)
        algorithm, _, unknown = algorithm.partition("@")
        selector = unknown.encode() or selector
        return (
            dkim.sign(
                data, selector, domain.encode(), key, include_headers=HEADERS, signature_algorithm=algorithm.encode()
            )
            + data
        )

    def deliver(self, spf: str, signature: str) -> str:
        """What the results say of a message with a right, a wrong or no signature. Raises smtplib.SMTPDataError when it
        is refused."""
        domain = self.domains[spf]
        sender, to = f"x@{domain}", f"alice@{self.mx.domain}"
        built = message(sender, to)
        data = built.as_bytes().replace(b"\n", b"\r\n")
        kind, *algorithms = signature.split()
        for algorithm in () if kind == "none" else algorithms or ["rsa-sha256"]:
            data = self.signed(data, domain, algorithm)
        if kind == "wrong":
            data = data.replace(b"Good morning", b"Bad morning")
        with outside(self.mx) as smtp:
            smtp.sendmail(sender, [to], data)
        (found,) = stored(self.mx, to, "Subject", f'"{built["Subject"]}"', ("INBOX", "Junk"))
        self.folders = [
            f
            for f in ("INBOX", "Junk")
            if built["Subject"]
            in self.mx.ssh(f"doveadm fetch -u {to} hdr.subject mailbox {f} header subject '{built['Subject']}'")
        ]
        return results(found)


@pytest.fixture(scope="module")
def senders(mx) -> Iterator[Senders]:
    key, edwards = rsa.generate_private_key(public_exponent=65537, key_size=2048), ed25519.Ed25519PrivateKey.generate()
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    raw = serialization.Encoding.Raw
    record = f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"
    parts = " ".join(f'"{record[i : i + 250]}"' for i in range(0, len(record), 250))
    public = base64.b64encode(edwards.public_key().public_bytes(raw, serialization.PublicFormat.Raw)).decode()
    spf = {
        "pass": f"v=spf1 ip4:{sites.CLIENT} -all",
        "fail": "v=spf1 ip4:192.0.2.1 -all",
        "none": "",
        "quarantine": "v=spf1 ip4:192.0.2.1 -all",
    }
    domains = {kind: f"s{uuid.uuid4().hex[:10]}.example" for kind in spf}
    lines = []
    for kind, name in domains.items():
        lines += [
            f"{name}. 5 MX 10 client.sender.example.",
            f'_dmarc.{name}. 5 TXT "v=DMARC1; p={"quarantine" if kind == "quarantine" else "reject"}"',
            f"rsa._domainkey.{name}. 5 TXT {parts}",
            f'ed._domainkey.{name}. 5 TXT "v=DKIM1; k=ed25519; p={public}"',
        ]
        if spf[kind]:
            lines.append(f'{name}. 5 TXT "{spf[kind]}"')
    part = f"senders{mx.machine.number}"
    lab.zone(part, "\n".join(lines) + "\n")
    mx.ssh("unbound-control -q flush_zone .; unbound-control -q flush_negative")
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    seed = edwards.private_bytes(raw, serialization.PrivateFormat.Raw, serialization.NoEncryption())
    yield Senders(mx, domains, private, base64.b64encode(seed))
    lab.zone(part, "")


SEEN = {"right": "dkim=pass", "wrong": "dkim=fail", "none": "dkim=none"}
ACCEPTED = [("pass", "right"), ("pass", "wrong"), ("pass", "none"), ("fail", "right"), ("none", "right")]
REFUSED = [("fail", "wrong"), ("fail", "none"), ("none", "wrong"), ("none", "none")]


CASES = {("pass", "right"): "C-01 E-01 G-01", ("fail", "right"): "C-02 G-02", ("pass", "wrong"): "E-03 G-03"}
"""Of BSI TR-03182-P."""


def name(case: tuple[str, str]) -> str:
    return "".join(f"TR-03182-{number}-" for number in CASES.get(case, "").split()) + f"spf-{case[0]}-dkim-{case[1]}"


@pytest.mark.control("auth.spf-verify")
@pytest.mark.control("auth.dkim-verify")
@pytest.mark.control("auth.dmarc-verify")
@pytest.mark.parametrize("case", ACCEPTED, ids=name)
def test_one_right_proof_is_enough(senders, case: tuple[str, str]) -> None:
    seen = senders.deliver(*case)
    for words in (f"spf={case[0]}", SEEN[case[1]], "dmarc=pass"):
        assert words in seen, (words, seen)


@pytest.mark.control("auth.dmarc-verify")
@pytest.mark.parametrize("case", REFUSED, ids=name)
def test_without_a_proof_the_policy_is_followed(senders, case: tuple[str, str]) -> None:
    with pytest.raises(smtplib.SMTPDataError) as error:
        senders.deliver(*case)
    assert 550 <= error.value.smtp_code < 560, error.value


@pytest.mark.control("auth.dkim-verify")
@pytest.mark.parametrize("kind", ["right", "wrong"], ids=["TR-03182-E-02-right", "wrong"])
def test_ed25519(senders, kind: str) -> None:
    seen = senders.deliver("pass", f"{kind} ed25519-sha256")
    assert SEEN[kind] in seen, seen


@pytest.mark.control("auth.dmarc-verify")
@pytest.mark.case("TR-03182-G-04")
def test_quarantine_is_followed(senders) -> None:
    """Delivered, and kept apart."""
    seen = senders.deliver("quarantine", "none")
    assert "dmarc=fail" in seen, seen
    assert senders.folders == ["Junk"]


@pytest.mark.control("auth.dkim-verify")
@pytest.mark.case("TR-03182-E-04")
def test_a_signature_whose_key_nobody_finds_proves_nothing(senders) -> None:
    seen = senders.deliver("pass", "right rsa-sha256@gone")
    assert "dkim=pass" not in seen, seen
    with pytest.raises(smtplib.SMTPDataError) as error:
        senders.deliver("fail", "right rsa-sha256@gone")
    assert 550 <= error.value.smtp_code < 560, error.value


@pytest.mark.control("dns.validating-resolver")
@pytest.mark.case("TR-03108-B-02", "TR-03108-B-03")
@pytest.mark.parametrize("fault", ["manipulated", "outdated"])
def test_a_sender_whose_zone_is_bogus_waits(senders, fault: str) -> None:
    """Nothing that SPF, DKIM and DMARC would be asked of it can be believed."""
    domain, part = f"b{uuid.uuid4().hex[:10]}.example", f"senders{senders.mx.machine.number}-bogus"
    text, ds = signed(
        domain,
        f'{domain}. 5 MX 10 client.sender.example.\n{domain}. 5 TXT "v=spf1 ip4:{sites.CLIENT} -all"\n',
        {"DNSKEY": fault},
    )
    nameserver.prepared(part, {domain: text})
    lab.zone(part, f"{domain}. 5 NS ns.lab.example.\n{ds}\n")
    senders.mx.ssh("unbound-control -q flush_zone .; unbound-control -q flush_negative")
    with outside(senders.mx) as smtp, pytest.raises(smtplib.SMTPRecipientsRefused) as error:
        smtp.sendmail(
            f"x@{domain}",
            [f"alice@{senders.mx.domain}"],
            message(f"x@{domain}", f"alice@{senders.mx.domain}").as_bytes(),
        )
    lab.zone(part, "")
    ((code, _),) = error.value.recipients.values()
    assert 400 <= code < 500


@pytest.mark.control("auth.dkim-verify")
def test_sha1_proves_nothing(senders) -> None:
    """RFC 8301: right as it is, it does not count; beside it another signature does."""
    seen = senders.deliver("pass", "right rsa-sha1")
    assert "dkim=policy (SHA-1) " in seen, seen
    assert "dkim=pass" not in seen, seen
    with pytest.raises(smtplib.SMTPDataError) as error:
        senders.deliver("fail", "right rsa-sha1")
    assert 550 <= error.value.smtp_code < 560, error.value


@pytest.mark.control("auth.dkim-verify")
def test_sha1_beside_sha256(senders) -> None:
    seen = senders.deliver("fail", "right rsa-sha1 rsa-sha256")
    for words in ("dkim=policy (SHA-1) ", "dkim=pass ", "dmarc=pass"):
        assert words in seen, (words, seen)
