"""Nothing is held that nobody looked at, and all commands agree on what is wrong."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from commands import gmconf
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from pydantic import ValidationError
from test_cases import CASES
from test_levels import TODAY, base, patched, yaml

from gmconf.assess import check
from gmconf.controls.net import reached
from gmconf.keys.certificates import distrusted, weak
from gmconf.model import Site
from gmconf.model.complaints import FORMS
from gmconf.model.operation import Shown
from gmconf.site.load import load
from gmconf.site.notices import notices

__all__ = ["base"]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def certificate(name: str, issuer: str, key, signer, days: int) -> str:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    made = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(7)
    )
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


@pytest.mark.parametrize(
    "word",
    ["none", "None.", "n/a", "-", "?", "TBD", "todo", "later", "x", "xxx", "...", "https://", "not yet", "nothing"],
)
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
    listed = {
        line.split()[0] for text in (done.stderr, valid.stderr) for line in text.splitlines() if line.startswith("  ")
    }
    checked = gmconf("check", "site.yml", cwd=site)
    assert checked.returncode == 1
    assert listed == {
        line.split()[0] for line in checked.stdout.splitlines() if " (basic): " in line and not line.startswith(" ")
    }


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


def found(base, patch: dict, hashes: dict[str, str] | None = None) -> dict[str, str]:
    """Controls that are not held, or were not looked at whole, beyond those of the base site."""
    rows = check.check(load(patched(base, patch)), TODAY, hashes or {})
    return {r.control: r.status for r in rows if r.status in ("fail", "error", "unseen")}


@pytest.mark.parametrize(
    ("service", "key", "value", "controls"),
    [
        ("postfix", "receive_override_options", "no_milters", {"flt.spam-in", "flt.spam-out", "flt.fail-closed"}),
        (
            "postfix",
            "smtpd_milter_maps",
            "cidr:/etc/postfix/maps/blocked-clients",
            {"flt.spam-in", "flt.spam-out", "flt.fail-closed"},
        ),
        ("postfix", "relay_domains", "example.edu", {"mta.local-only"}),
        ("postfix", "mydestination", "example.edu", {"mta.local-only"}),
        ("postfix", "soft_bounce", "yes", {"mta.recipient-validation"}),
        ("postfix", "unknown_virtual_mailbox_reject_code", "450", {"mta.recipient-validation"}),
        ("postfix", "virtual_alias_maps", "static:alice@example.org", {"mta.recipient-validation"}),
        ("postfix", "internal_mail_filter_classes", "notify", {"auth.dkim-sign", "mta.no-backscatter"}),
    ],
)
def test_raw_lines_that_weaken_a_control_are_its_findings(
    base, service: str, key: str, value: str, controls: set[str]
) -> None:
    assert found(base, {"overrides": {service: {key: value}}}) == dict.fromkeys(controls, "fail")


@pytest.mark.parametrize(
    ("service", "key", "value"),
    [
        ("postfix", "always_bcc", "alice@example.org"),
        ("postfix", "virtual_transport", "discard:"),
        ("rspamd", "spf.enabled", "false"),
        ("rspamd", "options.filters", "[]"),
        ("dovecot", "auth_verbose_passwords", "plain"),
        ("unbound", "harden-dnssec-stripped", "no"),
        ("clamd", "ScanPE", "no"),
    ],
)
def test_raw_lines_that_no_control_knows_are_not_counted_as_looked_at(base, service: str, key: str, value: str) -> None:
    rows = check.check(load(patched(base, {"overrides": {service: {key: value}}})), TODAY, {})
    assert [(r.control, r.observed.split(";")[0]) for r in rows if r.status == "unseen"] == [
        ("gov.options-on", f"no control knows overrides.{service}.{key}")
    ]


def test_raw_lines_that_controls_know_were_looked_at(base) -> None:
    lines = {
        "postfix": {"smtpd_banner": "$myhostname ESMTP", "relayhost": "[smtp.example.edu]"},
        "dovecot": {"mail_fsync": "always"},
        "clamd": {"ScanMail": "yes"},
    }
    assert "gov.options-on" not in found(base, {"overrides": lines})


def test_a_catch_all_ends_in_a_mailbox_here(base) -> None:
    def caught(target: str, **aliases: list[str]) -> dict[str, str]:
        first = {"name": "example.org", "mailboxes": [{"name": "alice"}, {"name": "bob"}], "catch_all": target}
        names = {"support": ["alice@example.org"], "security": ["alice@example.org"], **aliases}
        net = {"name": "example.net", "mailboxes": [{"name": "carol"}]}
        return found(base, {"domains": [{**first, "aliases": names}, net, {"name": "example.com", "kind": "parked"}]})

    assert caught("alice@example.org") == {}
    assert caught("alice+any@example.org") == {}
    assert caught("team@example.org", team=["bob@example.org", "carol@example.net"]) == {}
    for target, aliases in (
        ("x@example.edu", {}),
        ("team@example.org", {"team": ["bob@example.org", "x@example.edu"]}),
    ):
        assert caught(target, **aliases) == {"mta.recipient-validation": "fail"}


@pytest.mark.parametrize(
    ("patch", "control"),
    [
        ({"policies": {"security_expires": "2026-11-22"}}, "doc.security-txt"),
        ({"procedures": {"trained": [{"name": "Alice Archer", "day": "2026-03-02"}]}}, "prc.training"),
        (
            {
                "procedures": {
                    "trained": [
                        {"name": "Alice Archer", "day": "2026-03-02"},
                        {"name": "Bob Baker", "day": "2027-03-02"},
                    ]
                }
            },
            "prc.training",
        ),
        ({"procedures": {"registrations": [{"at": "abuse.net", "reviewed": "2024-11-21"}]}}, "prc.contact-registry"),
    ],
)
def test_days_and_names_of_people_are_compared(base, patch: dict, control: str) -> None:
    assert found(base, patch) == {control: "fail"}


def test_a_key_that_is_not_what_it_is_called(base) -> None:
    loaded = load(patched(base, {}))
    name = "dkim/example.org/gm1-rsa.pub"
    for kind, wrong in ((1024, "an RSA key of 1296 bits at most"), (2048, ""), (4096, "")):
        public = (
            rsa.generate_private_key(65537, kind)
            .public_key()
            .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
        rows = check.check(
            replace(loaded, public={**loaded.public, name: b64encode(public).decode() + "\n"}), TODAY, {}
        )
        assert [r.observed for r in rows if r.control == "auth.dkim-key" and r.status == "fail"] == (
            [wrong] if wrong else []
        )
    rows = check.check(
        replace(loaded, public={**loaded.public, name: loaded.public[name.replace("rsa", "ed25519")]}), TODAY, {}
    )
    assert [r.observed for r in rows if r.control == "auth.dkim-key" and r.status == "fail"] == ["no RSA key"]


def test_weak_certificates_are_named() -> None:
    strong, small = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 1024)
    root = ec.generate_private_key(ec.SECP256R1())
    assert weak(certificate("mail.example.org", "Root", strong, root, 90)) is None
    assert weak(certificate("mail.example.org", "Root", small, root, 90)) == "an RSA key of 1024 bits"
    assert (
        weak(certificate("mail.example.org", "Root", ec.generate_private_key(ec.SECP192R1()), root, 90))
        == "a key on the curve secp192r1"
    )


def test_signatures_with_sha1_are_weak_but_for_those_of_roots(tmp_path) -> None:
    made = []
    for issuer in (("-CA", "root.crt", "-CAkey", "root.key"), ()):
        call = (
            "openssl",
            "req",
            "-x509",
            "-sha1",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=a",
            "-keyout",
            "a.key",
            "-out",
            "a.crt",
            *issuer,
        )
        if issuer:
            subprocess.run(
                [*call[:8], "/CN=root", "-keyout", "root.key", "-out", "root.crt"],
                cwd=tmp_path,
                check=True,
                capture_output=True,
            )
        subprocess.run(call, cwd=tmp_path, check=True, capture_output=True)
        made.append(weak((tmp_path / "a.crt").read_text()))
    assert made == ["a signature with SHA1", None]


def test_a_key_cannot_be_newer_than_today(base) -> None:
    dated = {"name": "example.net", "mailboxes": [{"name": "carol"}], "dkim": {"since": "2026-11-24"}}
    first = load(patched(base, {})).site.domains[0]
    assert first.name == "example.org"
    rows = check.check(
        load(
            patched(
                base,
                {
                    "domains": [
                        {
                            "name": "example.org",
                            "mailboxes": [{"name": "alice"}, {"name": "bob"}],
                            "aliases": {"support": ["alice@example.org"], "security": ["alice@example.org"]},
                        },
                        dated,
                        {"name": "example.com", "kind": "parked"},
                    ]
                },
            )
        ),
        TODAY,
        {},
    )
    assert [r.observed for r in rows if r.control == "auth.dkim-rotation" and r.status == "fail"] == [
        "gm1, since 2026-11-24"
    ]


def test_records_in_zones_of_others_were_not_seen(base) -> None:
    assert found(base, {"dns": {"reports": "reports@analyser.example"}}) == {"auth.dmarc-extreport": "unseen"}
    assert found(base, {"dns": {"reports": "postmaster@example.org"}}) == {}


def test_the_rules_that_isolate_a_host_leave_its_own_port_of_ssh_open(base) -> None:
    assert found(base, {"network": {"ssh_port": "2222", "admin": ["192.0.2.0/24"]}}) == {}


def test_the_day_of_a_key_is_known_from_its_making_on(site) -> None:
    today = datetime.now(UTC).date()
    public = (site / "keys/dkim/example.org/gm1-rsa.pub").read_text().splitlines()
    assert public[1:] == [f"# made on {today}"]
    done = gmconf("keys", "status", "site.yml", cwd=site)
    assert "replace it now" not in done.stdout
    assert f"gm1 is active (since {today}" in done.stdout
    assert f"p={public[0]}" in gmconf("dns", "site.yml", "--format", "json", cwd=site).stdout.replace('", "', "")
    asked = {r.control for r in check.check(load(site / "site.yml"), today) if r.method == "evidence"}
    assert "auth.dkim-rotation" not in asked
    (site / "keys/dkim/example.org/gm1-rsa.pub").write_text(public[0] + "\n")
    assert "replace it now" in gmconf("keys", "status", "site.yml", cwd=site).stdout


def test_a_draft_hears_of_records_that_the_site_publishes_itself(site) -> None:
    (site / "keys").rename(site / "away")
    with (site / "site.yml").open("a") as file:
        file.write('dns: {records: [{name: example.org, type: TXT, value: "v=spf1 -all"}]}\n')
    done = gmconf("validate", "site.yml", cwd=site)
    assert (done.returncode, done.stdout) == (2, "")
    assert "follows from other fields" in done.stderr


def test_every_form_of_text_is_told_in_words() -> None:
    def patterns(schema: object) -> Iterator[str]:
        if isinstance(schema, dict):
            yield from [schema["pattern"]] if isinstance(schema.get("pattern"), str) else []
            yield from schema.get("patternProperties", ())
        for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
            yield from patterns(inner)

    assert set(patterns(Site.model_json_schema())) == set(FORMS)


def test_a_user_file_that_cannot_be_read_is_told_and_nothing_that_follows_from_it(site) -> None:
    text = (site / "site.yml").read_text()
    first = text.index("    mailboxes:")
    (site / "site.yml").write_text(
        f"{text[:first]}{text[text.index('    aliases:', first) :]}users: [{{domain: example.org, file: users.csv}}]\n"
    )
    (site / "users.csv").write_text("name,colour\nalice,red\n")
    done = gmconf("validate", "site.yml", cwd=site)
    assert [line.partition(":")[0] for line in done.stderr.splitlines()] == ["users.csv"]
    (site / "users.csv").write_text("name\nbob\n")
    assert "alice@example.org does not exist in this site" in gmconf("validate", "site.yml", cwd=site).stderr


def test_a_folder_in_place_of_a_site(site) -> None:
    for name in (".", "keys"):
        done = gmconf("validate", name, cwd=site)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"{name}: is a directory; name the file in it: ")
        assert done.stderr.rstrip().endswith("site.yml")


def test_a_filter_that_nobody_asks_is_named(base) -> None:
    hosts = yaml.safe_load((CASES / "base.yml").read_text())["hosts"]
    for roles, told in ((["filter"], 1), (["mta", "filter"], 0), (["msa"], 0)):
        loaded = load(patched(base, {"hosts": [hosts[0], {**hosts[1], "roles": roles}]}))
        assert (
            len(
                [text for text in notices(loaded) if "mx2.example.org has the role filter, and no host asks it" in text]
            )
            == told
        )


def test_the_state_of_keys_needs_no_password_of_anybody(site) -> None:
    (site / "keys/passwords").rename(site / "away")
    for call in ("status", "plan"):
        done = gmconf("keys", call, "site.yml", cwd=site)
        assert (done.returncode, done.stderr) == (0, "")
        assert "gm1" in done.stdout
