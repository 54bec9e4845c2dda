"""Nothing is held that nobody looked at, and all commands agree on what is wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from conftest import gmconf
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from pydantic import ValidationError
from test_levels import TODAY, base, patched

from gmconf import check
from gmconf.certificates import distrusted
from gmconf.controls.network import reached
from gmconf.load import load
from gmconf.model.operation import Shown

__all__ = ["base"]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def certificate(name: str, issuer: str, key, signer, days: int) -> str:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    made = x509.CertificateBuilder().subject_name(named(name)).issuer_name(named(issuer)).public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(BEGIN).not_valid_after(BEGIN + timedelta(days=days))
    return made.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def test_chains_are_believed_by_their_dates_and_authorities(tmp_path, monkeypatch) -> None:
    root, middle, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    known = certificate("Root", "Root", root, root, 3650)
    between = certificate("Middle", "Root", middle, root, 1000)
    own = certificate("mail.example.org", "Middle", leaf, middle, 90)
    (tmp_path / "roots.pem").write_text(known)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "roots.pem"))
    day = date(2026, 2, 1)
    assert distrusted(own + between, day) is None
    assert distrusted(own + between + known, day) is None
    assert "ended on 2026-04-01" in (distrusted(own + between, date(2026, 5, 1)) or "")
    assert "not valid before" in (distrusted(own + between, date(2025, 5, 1)) or "")
    assert "lacks what lies between" in (distrusted(own, day) or "")
    assert "do not sign each other" in (distrusted(own + known, day) or "")
    private = certificate("mail.example.org", "mail.example.org", leaf, leaf, 90)
    assert "no authority that systems know" in (distrusted(private, day) or "")


@pytest.mark.parametrize("word", ["none", "None.", "n/a", "-", "?", "TBD", "todo", "later", "x", "xxx", "...", "https://", "not yet", "nothing"])
def test_evidence_that_shows_nothing_is_refused(word: str) -> None:
    for field in ("where", "by"):
        with pytest.raises(ValidationError, match="shows nothing"):
            Shown(**{"where": "binder 4", "by": "Alice Archer", "day": "2026-11-02", field: word})


@pytest.mark.parametrize(
    ("addresses", "families"),
    [
        (["198.51.100.1", "2001:db8:1::1"], {"IPv4", "IPv6"}),
        (["198.51.100.1", "::ffff:198.51.100.1"], {"IPv4"}),
        (["198.51.100.1", "fe80::1"], {"IPv4"}),
        (["198.51.100.1", "fd00::1"], {"IPv4"}),
        (["198.51.100.1", "2002:c633:6401::1"], {"IPv4"}),
        (["198.51.100.1", "::1"], {"IPv4"}),
        (["10.0.0.1", "fd00::1"], {"IPv4", "IPv6"}),
    ],
)
def test_addresses_count_where_others_reach_them(addresses: list[str], families: set[str]) -> None:
    assert reached(addresses) == families


def test_hashes_are_judged_by_whoever_can_see_them(base) -> None:
    loaded = load(patched(base, {}))

    def seen(given: dict[str, str] | None) -> list[tuple[str, str]]:
        rows = check.check(loaded, TODAY, given)
        return [(r.status, r.observed) for r in rows if r.control == "auth.password-policy" and r.status != "pass"]

    good = "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$YQ$Yg"
    assert [status for status, _ in seen(None)] == ["unseen"]
    assert seen({"alice@example.org": good}) == []
    for login, bad, said in (
        ("alice@example.org", "{PLAIN}geheim", "the password itself"),
        ("alice@example.org", "garbage", "no hash"),
        ("alice@example.org", "{MD5}abc", "a weak hash"),
        ("nobody@example.org", good, "is no login of the site"),
    ):
        ((status, observed),) = seen({login: bad})
        assert status == "fail"
        assert said in observed


def test_a_level_is_a_ladder(site) -> None:
    text = (site / "site.yml").read_text()
    (site / "site.yml").write_text(f"level: basic\n{text}")
    strict = gmconf("render", "site.yml", "--strict", cwd=site)
    assert (strict.returncode, (site / "build").exists()) == (1, False)
    assert gmconf("validate", "site.yml", "--strict", cwd=site).returncode == 1
    done = gmconf("render", "site.yml", cwd=site)
    assert (done.returncode, (site / "build").is_dir()) == (0, True)
    assert "site.yml: level basic does not hold yet; " in done.stderr
    assert "not written: site.yml lacks procedures.incident_contacts" in done.stderr
    valid = gmconf("validate", "site.yml", cwd=site)
    listed = {line.split()[0] for text in (done.stderr, valid.stderr) for line in text.splitlines() if line.startswith("  ")}
    checked = gmconf("check", "site.yml", cwd=site)
    assert checked.returncode == 1
    assert listed == {line.split()[0] for line in checked.stdout.splitlines() if " (basic): " in line and not line.startswith(" ")}


def test_what_one_command_refuses_all_refuse_and_nothing_is_written(site) -> None:
    text = (site / "site.yml").read_text()
    for more in (
        'dns: {records: [{name: example.org, type: TXT, value: "v=spf1 -all"}]}\n',
        "overrides: {unbound: {forward-zone: x}}\n",
    ):
        (site / "site.yml").write_text(text + more)
        said = {}
        for call in (("validate",), ("check",), ("render",), ("dns",), ("dns", "-o", "zones")):
            done = gmconf(call[0], "site.yml", *call[1:], cwd=site)
            said[call] = (done.returncode, done.stdout)
        assert set(said.values()) == {(2, "")}, said
        assert not (site / "build").exists()
        assert not (site / "zones").exists()


def test_a_draft_is_right_and_says_what_is_to_be_made(site) -> None:
    (site / "keys").rename(site / "away")
    done = gmconf("validate", "site.yml", cwd=site)
    assert done.returncode == 0
    assert "site.yml is right. Still to make" in done.stderr
    assert gmconf("validate", "site.yml", "--strict", cwd=site).returncode == 1
