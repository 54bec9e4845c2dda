"""A host behind NAT one to one: the world knows it by hosts[].public_addresses,
its own network by hosts[].addresses.
"""

from __future__ import annotations

from datetime import date

import pytest
from dnssite import SITE, made
from test_rspamd import view

from gmconf.assess.check import check
from gmconf.build.tree import build
from gmconf.controls.routes import route
from gmconf.dns import records
from gmconf.services.effective import host_case
from gmconf.services.postfix import main as postfix
from gmconf.site.load import Loaded

TODAY = date(2026, 11, 23)
OWN = '  - {name: mail.example.org, release: trixie, addresses: [192.0.2.1, "2001:db8::1"]}\n'
BEHIND = """\
  - name: mail.example.org
    release: trixie
    addresses: [10.0.0.5, "2001:db8::1"]
    public_addresses: [192.0.2.1]
    roles: [mta, msa, filter, nameserver]
  - name: store.example.org
    release: trixie
    addresses: [10.0.0.6, "2001:db8::2"]
    public_addresses: [192.0.2.2]
    roles: [store]
"""


def site(folder, hosts: str = BEHIND) -> Loaded:
    return made(folder, SITE.replace(OWN, hosts).replace("dns:\n", "dns:\n  nameservers: [{name: mail.example.org}]\n"))


def test_dns_says_what_the_world_sees(tmp_path) -> None:
    found = {(r.owner, r.type): r.text for r in records(site(tmp_path))}
    assert found["mail.example.org", "A"] == "192.0.2.1"
    assert found["mail.example.org", "AAAA"] == "2001:db8::1"
    assert found["1.2.0.192.in-addr.arpa", "PTR"] == "mail.example.org."
    assert (
        found["example.org", "TXT"] == found["mail.example.org", "TXT"] == '"v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"'
    )
    assert not any("10.0.0." in text for text in found.values())


def test_files_say_what_its_own_network_sees(tmp_path) -> None:
    """But for the zones that its name server hands out, and the name that Postfix has for the way back."""
    files = {path: data.decode(errors="replace") for path, data in build(site(tmp_path)).files.items()}
    outside = {
        path: lines
        for path, text in files.items()
        if "/tree/" in path
        and (lines := [line for line in text.splitlines() if "192.0.2." in line and not line.startswith("#")])
    }
    assert {path.partition("/tree")[2] for path in outside if "/knot/zones/" not in path} == {"/etc/postfix/main.cf"}
    assert sorted(line for path, lines in outside.items() if path.endswith("/main.cf") for line in lines) == [
        "proxy_interfaces = 192.0.2.1",
        "proxy_interfaces = 192.0.2.2",
    ]
    store = next(text for path, text in files.items() if path.endswith("store.example.org/tree/etc/postfix/main.cf"))
    assert "\nrelayhost = [10.0.0.5]\n" in store
    mx = next(text for path, text in files.items() if path.endswith("mail.example.org/tree/etc/postfix/main.cf"))
    assert "\nvirtual_transport = lmtp:inet:[10.0.0.6]:24\n" in mx
    firewall = next(text for path, text in files.items() if path.endswith("mail.example.org/tree/etc/nftables.conf"))
    assert "10.0.0.6" in firewall


def main_cf(hosts: list, number: int, families: tuple[str, ...] = ("ipv4", "ipv6")) -> dict:
    v = view(hosts=hosts, host=number, address_families=families)
    (found,) = (file.settings for file in postfix.plan(v).files if file.path == postfix.MAIN)
    return {setting.key: setting.value for setting in found.flat()}


@pytest.mark.parametrize("translated", [True, False])
@pytest.mark.parametrize(("inner", "outer"), [("10.0.0", "192.0.2"), ("fd00:", "2001:db8:")])
def test_a_host_that_is_reached_by_its_address_shows_its_name(inner: str, outer: str, translated: bool) -> None:
    """Postfix would look for the address in the certificate, and keep the mail."""
    dot, families = (":", ("ipv6",)) if ":" in inner else (".", ("ipv4",))
    mx, store = (
        {
            "name": f"{name}.example.org",
            "release": release,
            "roles": roles,
            "addresses": [f"{inner}{dot}{number}"],
            "public_addresses": [f"{outer}{dot}{number}"] if translated else [],
        }
        for number, name, release, roles in (
            (1, "mx", "trixie", ["mta", "msa", "filter"]),
            (2, "store", "bookworm", ["store"]),
        )
    )
    delivers, sends = main_cf([mx, store], 0, families), main_cf([mx, store], 1, families)
    reached = [host["addresses"][0] if translated else host["name"] for host in (mx, store)]
    assert (delivers["virtual_transport"], sends["relayhost"]) == (f"lmtp:inet:[{reached[1]}]:24", f"[{reached[0]}]")
    shown = [delivers.get("lmtp_tls_verify_cert_match", ""), sends.get("smtp_tls_secure_cert_match", "")]
    assert shown == ([store["name"], mx["name"]] if translated else ["", ""])
    assert not delivers.get("smtp_tls_secure_cert_match")
    assert not sends.get("lmtp_tls_verify_cert_match")


def test_mail_that_leads_back_through_nat_is_known_as_ones_own() -> None:
    """postconf(5) wants them of a host behind NAT; of two families that is the one that is translated."""
    host = {"name": "mx.example.org", "release": "trixie", "addresses": ["10.0.0.5", "2001:db8::5"]}
    for more, expected in (([], ["192.0.2.1"]), (["2001:db8:1::5"], ["192.0.2.1", "2001:db8:1::5"])):
        assert main_cf([{**host, "public_addresses": ["192.0.2.1", *more]}], 0)["proxy_interfaces"] == expected


def test_a_relay_behind_nat_is_a_host_of_the_site(tmp_path) -> None:
    """Controls call the host that a store cannot do without by its name, however it is reached."""
    found = site(tmp_path).site
    hosts = [host.model_dump(exclude_defaults=True) for host in found.hosts]
    v = view(hosts=hosts, host=1)
    assert route(host_case(v, [postfix.plan(v)])).relays == {"mail.example.org"}


def test_controls_and_reports_know_both(tmp_path) -> None:
    loaded = site(tmp_path)
    assert {
        r.status
        for r in check(loaded, today=TODAY)
        if r.control in ("dns.fcrdns", "net.ipv6", "dns.mx-valid", "auth.spf-publish")
    } == {"pass"}


def test_a_private_address_in_the_worlds_dns_is_found(tmp_path) -> None:
    wrong = OWN.replace("192.0.2.1", "10.0.0.5")
    assert [
        r.remedy
        for r in check(site(tmp_path / "open", wrong), today=TODAY)
        if r.control == "dns.fcrdns" and r.status == "fail"
    ] == ["name the address that others see in hosts[].public_addresses"]
    closed = (
        'resolver: {forwarders: [192.0.2.53], trust_anchors: [". IN DS 20326 8 2'
        ' E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"]}\n'
    )
    inside = made(tmp_path / "closed", SITE.replace(OWN, wrong), more=closed)
    assert {r.status for r in check(inside, today=TODAY) if r.control == "dns.fcrdns"} == {"pass"}
