"""The site's own name servers: what each is told, and records besides those of the mail service."""

from __future__ import annotations

import json
from pathlib import Path

import dns.zone
import pytest
from commands import gmconf
from conftest import PASSWORD
from test_golden_sites import prepared

from gmconf.assess import check
from gmconf.build import tree
from gmconf.controls import CATALOGUE
from gmconf.dialects.knot import spell
from gmconf.errors import GmconfError
from gmconf.keys import vault
from gmconf.site.load import load

OTHERS = """\
    - {name: www.example.org, type: CNAME, value: www.hosting.example.}
"""


@pytest.fixture
def work(tmp_path) -> Path:
    return prepared("zones", tmp_path)


def put(work: Path, line: str) -> None:
    site = work / "site.yml"
    site.write_text(site.read_text().replace(OTHERS, OTHERS + f"    - {line}\n"))


def test_zones_are_what_gmconf_dns_prints(work) -> None:
    """The primary has all zones, whole; the secondary none."""
    files = tree.build(load(work / "site.yml")).files
    zones = {path.rpartition("/")[2]: data for path, data in files.items() if path.endswith(".zone")}
    assert all(path.startswith("hosts/mail.example.org/") for path in files if path.endswith(".zone"))
    assert set(zones) == {"2.0.192.in-addr.arpa.zone", "example.com.zone", "example.net.zone", "example.org.zone"}
    for name, data in zones.items():
        printed = gmconf("dns", "site.yml", "--zone", name.removesuffix(".zone"), cwd=work)
        assert printed.stdout.encode() == data
        zone = dns.zone.from_text(data.decode(), name.removesuffix(".zone"), relativize=False)
        assert [str(n) for n in sorted(r.target for r in zone.find_rdataset(zone.origin, "NS"))] == [
            "mail.example.org.",
            "ns2.example.org.",
        ]


def test_nobody_reads_the_key_in_build(work) -> None:
    """The secret that gmconf keys made is in no file of build/ but the encrypted one, which goes to both hosts."""
    files = tree.build(load(work / "site.yml")).files
    plain = vault.decrypt(files["secrets/dns/transfer.vault"], PASSWORD, "transfer").decode()
    assert plain.startswith("key:\n  - id: gmconf-transfer\n    algorithm: hmac-sha256\n    secret: ")
    secret = plain.split()[-1].encode()
    assert len(secret) == 44
    assert not [path for path, data in files.items() if secret in data]
    for host in ("mail", "ns2"):
        assert (
            b'"path": "/etc/knot/transfer.conf", "secret": "secrets/dns/transfer.vault"'
            in files[f"hosts/{host}.example.org/manifest.json"]
        )


def test_one_server_hands_nothing_out(work) -> None:
    """Without a secondary there is neither key nor acl, and what was there is taken away."""
    text = (work / "site.yml").read_text()
    second = next(line for line in text.split("\n") if "name: ns2.example.org, release" in line)
    (work / "site.yml").write_text(text.replace(second + "\n", "").replace(", {name: ns2.example.org}", ""))
    files = tree.build(load(work / "site.yml")).files
    conf = files["hosts/mail.example.org/tree/etc/knot/knot.conf"].decode()
    assert not [word for word in ("acl", "notify", "transfer") if f"{word}:" in conf or f"/{word}" in conf]
    assert "/etc/knot/transfer.conf" in json.loads(files["hosts/mail.example.org/manifest.json"])["absent"]


def test_controls_hold_on_both(work) -> None:
    """What concerns the mail of other hosts or the keys of the primary is no failure of a host that only answers."""
    for case in check.host_cases(load(work / "site.yml")):
        for id_ in (
            "dns.dnssec",
            "maa.quota",
            "msa.auth-required",
            "net.ingress-filter",
            "net.egress-filter",
            "dns.validating-resolver",
        ):
            wanted = CATALOGUE[id_]
            if not wanted.on or case.has(*wanted.on):
                assert [claim for claim in check.of_host(wanted, case) if not claim.holds] == [], (case.host.name, id_)


def test_a_primary_may_be_hidden(work) -> None:
    site = work / "site.yml"
    site.write_text(
        site.read_text().replace("[{name: mail.example.org}, {name: ns2.example.org}]", "[{name: ns2.example.org}]")
    )
    zone = tree.build(load(site)).files["hosts/mail.example.org/tree/etc/knot/zones/example.net.zone"].decode()
    assert "mail.example.org." not in {line.split()[-1] for line in zone.split("\n") if " NS " in line}


@pytest.mark.parametrize(
    "line",
    [
        "{name: mail.example.org, type: A, value: 192.0.2.99}",
        "{name: mail.example.org, type: CNAME, value: elsewhere.example.}",
        "{name: example.org, type: MX, value: 10 elsewhere.example.}",
        "{name: example.org, type: TXT, value: v=spf1 +all}",
        "{name: _dmarc.example.org, type: TXT, value: v=DMARC1; p=none}",
        "{name: example.org, type: NS, value: elsewhere.example.}",
        "{name: gm1-rsa._domainkey.example.org, type: CNAME, value: elsewhere.example.}",
        "{name: _25._tcp.mail.example.org, type: TLSA, value: 3 1 1 " + "ab" * 32 + "}",
    ],
)
def test_what_the_site_publishes_is_not_published_twice(work, line: str) -> None:
    put(work, line)
    done = gmconf("render", "site.yml", "-o", "build", cwd=work)
    assert done.returncode == 2
    assert "site.yml:16:7: dns.records[1]: " in done.stderr, done.stderr
    assert "follows from other fields of the site" in done.stderr
    assert not (work / "build").exists()


@pytest.mark.parametrize(
    ("line", "printed"),
    [
        (
            "{name: mail.example.org, type: SSHFP, value: 4 2 " + "AB" * 32 + "}",
            "mail.example.org. 3600 SSHFP 4 2 " + "ab" * 32,
        ),
        (
            "{name: news._domainkey.example.org, type: TXT, value: v=DKIM1; p=x}",
            'news._domainkey.example.org. 3600 TXT "v=DKIM1; p=x"',
        ),
        ("{name: dept.example.org, type: NS, value: ns.dept.example.}", "dept.example.org. 3600 NS ns.dept.example."),
        (
            '{name: a.example.org, type: A, value: "192.0.2.7 ; $INCLUDE /etc/passwd"}',
            "a.example.org. 3600 A 192.0.2.7",
        ),
    ],
)
def test_other_records_stand_beside_it(work, line: str, printed: str) -> None:
    put(work, line)
    assert printed in gmconf("dns", "site.yml", "--zone", "example.org", cwd=work).stdout.split("\n")


@pytest.mark.parametrize(
    "text", ["a b", "a\nb", "a # b", '"', "'", "a, b", "[", "]", "a\\b", "a\tb", "{x}", "ä", "a;b"]
)
def test_knot_gets_plain_words_only(text: str) -> None:
    with pytest.raises(GmconfError):
        spell(text)
    with pytest.raises(GmconfError):
        spell(["a", text])


def test_knot_words() -> None:
    assert [spell(v) for v in (True, False, 7, "", "mod-rrl/site", ["2001:db8::1@53", "192.0.2.1@53"])] == [
        "on",
        "off",
        "7",
        '""',
        "mod-rrl/site",
        "[ 2001:db8::1@53, 192.0.2.1@53 ]",
    ]
