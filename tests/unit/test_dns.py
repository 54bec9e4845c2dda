"""The records of a site, and their spellings: read back, accepted by name servers,
and not to be broken by any value.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
from dataclasses import replace
from datetime import date
from ipaddress import ip_address
from pathlib import Path

import dns.message
import dns.query
import dns.rdata
import dns.zone
import pytest
import yaml
from commands import gmconf
from dnssite import SITE, made, whole
from hypothesis import given, settings
from hypothesis import strategies as st
from nameserver import Knot, free_port, tool
from octodns.provider.yaml import YamlProvider
from octodns.zone import Zone
from test_golden_sites import SITES, prepared
from test_injection import HOSTILE, leaves

from gmconf.derived import policies as published
from gmconf.derived import spf
from gmconf.derived.records import order, quoted, strings
from gmconf.dns import Contract, contract, records
from gmconf.dns.live import survey
from gmconf.dns.live.ask import Server
from gmconf.dns.spelling import array, zones
from gmconf.errors import GmconfError
from gmconf.model import Role, Site
from gmconf.settings import Reason
from gmconf.site.load import load

ROOT = Path(__file__).resolve().parents[2]
NAMES = sorted(p.name for p in SITES.iterdir())
NS = "  nameservers: [{name: ns1.dns.example}, {name: ns2.dns.example}]\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return made(tmp_path_factory.mktemp("site"), more=NS)


@pytest.fixture(scope="module", params=[*NAMES, "own", "many"])
def any_site(request, tmp_path_factory, site):
    if request.param == "own":
        return site
    if request.param == "many":
        return made(tmp_path_factory.mktemp("many"), SITE.replace("dns:\n", hosts(14) + "dns:\n"))
    return load(prepared(request.param, tmp_path_factory.mktemp("golden")) / "site.yml")


def meant(found) -> set[tuple[str, str, str, int]]:
    """Records as dnspython reads their parts."""
    return {
        (f"{r.owner}.", r.type, dns.rdata.from_text("IN", r.type, r.text).to_text(), r.ttl)
        for r in found
        if r.need != "forbidden"
    }


def read(name: str, text: str) -> set[tuple[str, str, str, int]]:
    """A zone file as dnspython reads it, without SOA and NS."""
    zone = dns.zone.from_text(text, f"{name}.", relativize=False)
    return {
        (n.to_text().lower(), dns.rdatatype.to_text(s.rdtype), r.to_text(), s.ttl)
        for n, s in zone.iterate_rdatasets()
        for r in s
        if dns.rdatatype.to_text(s.rdtype) not in ("SOA", "NS")
    }


def spelled(loaded, spelling: str, **more) -> dict[str, str]:
    return {name: "".join(f"{text}\n" for text in lines) for name, lines in zones(loaded, spelling, **more)}


def as_zone(loaded, name: str, text: str) -> str:
    """The zone file, or the part with an apex around it."""
    return text if " SOA " in text else whole(name, [text])


def test_zone_files_mean_the_records(any_site, tmp_path) -> None:
    for name, text in spelled(any_site, "zone").items():
        assert read(name, as_zone(any_site, name, text)) == meant(r for r in records(any_site) if r.zone == name)
        (tmp_path / name).write_text(as_zone(any_site, name, text))
        done = subprocess.run(
            [
                tool("named-checkzone"),
                "-i",
                "local",
                "-k",
                "fail",
                "-n",
                "fail",
                "-m",
                "fail",
                "-M",
                "fail",
                "-S",
                "fail",
                "-r",
                "fail",
                "-W",
                "ignore",
                name,
                str(tmp_path / name),
            ],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout


def test_by_zone_and_name(any_site) -> None:
    found = [(order(r.zone), order(r.owner), r.type) for r in records(any_site)]
    assert found == sorted(found)
    assert all(r.owner == r.zone or r.owner.endswith(f".{r.zone}") for r in records(any_site))


def test_every_record_has_a_reason_and_is_there_once(any_site) -> None:
    found = list(records(any_site))
    assert all(r.because and all(reason.text for reason in r.because) for r in found)
    assert len({(r.owner, r.type, r.text) for r in found}) == len(found)


def test_one_zone_is_a_part_of_all(any_site) -> None:
    for name in {r.zone for r in records(any_site)}:
        assert list(records(any_site, name)) == [r for r in records(any_site) if r.zone == name]


def test_serial_and_delegation(tmp_path) -> None:
    loaded = made(tmp_path, more=NS + "  zones: [a.example.org]\n")
    found = spelled(loaded, "zone", serial=7)
    assert "example.org. 3600 SOA ns1.dns.example. alice.example.org. 7 " in found["example.org"]
    assert "\na.example.org. 3600 NS ns2.dns.example.\n" in found["example.org"]
    assert "a.example.org. 3600 MX" not in found["example.org"]
    assert "a.example.org. 3600 MX 10 mail.example.org." in found["a.example.org"]


@pytest.mark.parametrize(
    ("names", "zone"),
    [
        ([], "2.0.192.in-addr.arpa"),
        (["0.192.in-addr.arpa"], "0.192.in-addr.arpa"),
        (["0.192.in-addr.arpa", "2.0.192.in-addr.arpa"], "2.0.192.in-addr.arpa"),
    ],
)
def test_reverse_zones(tmp_path, names, zone) -> None:
    loaded = made(tmp_path, more=f"  zones: [{', '.join(names)}]\n")
    assert {r.zone for r in records(loaded) if r.owner == "1.2.0.192.in-addr.arpa"} == {zone}
    (six,) = (r for r in records(loaded) if r.type == "PTR" and r.owner.endswith("ip6.arpa"))
    assert six.zone == "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"


def test_hosts_outside_every_zone(tmp_path) -> None:
    loaded = made(tmp_path, SITE.replace("mail.example.org", "mail.hosts.example.com"))
    assert {r.zone for r in records(loaded) if r.owner == "mail.hosts.example.com"} == {"hosts.example.com"}


@pytest.mark.parametrize(
    ("names", "zones_"),
    [
        (["mailhost.example"], {"mailhost.example"}),
        (["mailhost.co.uk"], {"mailhost.co.uk"}),
        (["mx.mailhost.co.uk"], {"mailhost.co.uk"}),
        (["mx.mailhost.example", "mailhost.example"], {"mailhost.example"}),
        (["mx.a.hosts.example", "mx.hosts.example"], {"hosts.example"}),
        (["mx.example.org"], {"example.org"}),
    ],
)
def test_what_belongs_to_a_host_lies_in_its_zone_and_never_in_a_registrys(tmp_path, names, zones_) -> None:
    """TLSA, SPF and addresses of a host lie in one zone; a zone that is not the site's has no SOA and NS of it, and
    says so."""
    hosts = "".join(
        f'  - {{name: {name}, release: trixie, addresses: [192.0.2.{n + 1}, "2001:db8::{n + 1}"], roles:'
        f" [{'mta, msa, store, filter' if not n else 'mta'}]}}\n"
        for n, name in enumerate(names)
    )
    loaded = made(tmp_path, re.sub(r"  - \{name: mail.*\n", hosts, SITE), more=NS)
    found = [r for r in records(loaded) if any(r.owner == name or r.owner.endswith(f".{name}") for name in names)]
    assert {r.type for r in found} >= {"A", "TXT", "TLSA", "CAA"}
    assert {r.zone for r in found} == zones_
    for spelling in ("zone", "octodns", "nsupdate"):
        for name, text in spelled(loaded, spelling).items():
            ours = name in ("example.org", "example.net", "parked.example")
            assert ("no zone of this site" in text) == (not ours)
            assert (" SOA " in text) == (ours and spelling == "zone")


def test_reports_that_go_elsewhere_make_a_part_only(tmp_path) -> None:
    loaded = made(
        tmp_path, SITE.replace("reports: reports@example.org", "reports: postmaster@mail.provider.example"), more=NS
    )
    text = spelled(loaded, "zone")["mail.provider.example"]
    assert " SOA " not in text
    assert 'example.org._report._dmarc.mail.provider.example. 3600 TXT "v=DMARC1;"' in text


LEVELS = [
    ("", "", "p=none; sp=none; np=none"),
    ("basic", "", "p=none; sp=none; np=none"),
    ("bronze", "", "p=quarantine; sp=quarantine; np=reject"),
    ("silver", "", "p=reject; sp=reject; np=reject"),
    ("silver", "  users_post_to_lists: true\n", "p=quarantine; sp=quarantine; np=reject"),
    ("silver", "  dmarc: {policy: none}\n", "p=none; sp=none; np=none"),
    ("bronze", "  dmarc: {policy: reject, subdomains: none}\n", "p=reject; sp=none; np=reject"),
]


@pytest.mark.parametrize(("level", "more", "policy"), LEVELS)
def test_policy_by_level(tmp_path, level, more, policy) -> None:
    loaded = made(tmp_path, SITE.replace("  dmarc: {policy: reject}\n", "").replace("  tlsa: true\n", ""), level, more)
    found = {r.owner: r for r in records(loaded) if r.owner.startswith("_dmarc.")}
    assert found["_dmarc.example.org"].rdata == (
        f"v=DMARC1; {policy}; adkim=s; aspf=s; rua=mailto:reports@example.org",
    )
    assert found["_dmarc.parked.example"].rdata == (
        "v=DMARC1; p=reject; sp=reject; np=reject; adkim=s; aspf=s; rua=mailto:reports@example.org",
    )
    assert {r.need for r in records(loaded) if r.type == "TLSA"} == (
        {"required"} if level == "silver" else {"forbidden"}
    )
    assert {r.need for r in records(loaded) if r.owner.startswith("_smtp._tls")} == (
        {"required"} if level in ("bronze", "silver") else {"recommended"}
    )


def test_provider_that_can_do_little(tmp_path) -> None:
    loaded = made(
        tmp_path,
        SITE.replace("  tlsa: true\n", ""),
        more="  provider: {name: P, contact: {name: C}, capabilities: []}\n",
    )
    kinds = {r.type for r in records(loaded) if r.need != "forbidden"}
    assert kinds == {"A", "AAAA", "MX", "PTR", "TXT"}
    assert not [r for r in records(loaded) if r.owner.startswith("*") or r.text == "0 ."]


def test_chat_host(site) -> None:
    host = site.site.hosts[0]
    chat = host.model_copy(update={"roles": (*host.roles, Role.CHAT)})
    with_chat = Contract(site.site.model_copy(update={"hosts": (chat,)}), site.public, site.why)
    found = {r.owner: r.text for r in with_chat.of_domain(site.site.domains[0]) if "_xmpp" in r.owner}
    assert found == {
        "_xmpps-client._tcp.example.org": "0 1 5223 mail.example.org.",
        "_xmpp-client._tcp.example.org": "10 1 5222 mail.example.org.",
        "_xmpps-server._tcp.example.org": "0 1 5270 mail.example.org.",
        "_xmpp-server._tcp.example.org": "10 1 5269 mail.example.org.",
    }
    assert not [r for r in with_chat.of_domain(site.site.domains[2]) if "_xmpp" in r.owner]
    assert not [r for r in records(site) if "_xmpp" in r.owner]


def test_tlsa_of_this_key_and_the_next(tmp_path) -> None:
    loaded = made(tmp_path)
    (now,) = (r.text for r in records(loaded) if r.type == "TLSA")
    openssl = (
        "openssl x509 -in keys/tls/mail.example.org.crt -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum"
    )
    assert (
        now
        == "3 1 1 "
        + subprocess.run(openssl, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()[
            0
        ]
    )
    coming = tmp_path / "keys/tls/mail.example.org.next.pub"
    subprocess.run(
        f"openssl ecparam -name prime256v1 -genkey -noout | openssl pkey -pubout -out {coming}",
        shell=True,
        check=True,
        capture_output=True,
    )
    digest = subprocess.run(
        f"openssl pkey -pubin -in {coming} -outform DER | sha256sum",
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[0]
    both = [r.text for r in records(load(tmp_path / "site.yml")) if r.type == "TLSA"]
    assert both == sorted([now, f"3 1 1 {digest}"])
    coming.write_bytes(b"\xff\x00 no key")
    with pytest.raises(GmconfError, match="mail.example.org.next.pub is neither a certificate nor a public key"):
        list(records(load(tmp_path / "site.yml")))


def hosts(count: int) -> str:
    return "".join(
        f"  - {{name: mx{n}.example.org, release: trixie, addresses: [198.51.{n // 100}.{n % 100 * 2 + 1},"
        f' "2001:db8:{n + 1:x}::1"], roles: [mta]}}\n'
        for n in range(count)
    )


def test_long_spf_is_split(tmp_path) -> None:
    loaded = made(tmp_path, SITE.replace("dns:\n", hosts(60) + "dns:\n"))
    texts = {r.owner: "".join(r.rdata) for r in records(loaded) if r.type == "TXT" and spf.is_spf("".join(r.rdata))}
    top = spf.parse(texts["example.org"])
    assert top == spf.parse(texts["example.net"])
    assert 2 <= top.lookups <= spf.LOOKUPS
    parts = [spf.parse(texts[term.spec]) for term in top.asking]
    assert all(len(text) <= spf.LENGTH for text in texts.values())
    assert not any(part.lookups for part in parts)
    listed = [m.network for part in parts for m in part.mechanisms if m.network]
    ours = {ip_address(a) for h in loaded.site.hosts for a in h.addresses}
    assert {a for n in listed for a in n} == ours
    assert {str(m.network) for m in spf.parse(texts["mx7.example.org"]).mechanisms if m.network} == {
        "198.51.0.15/32",
        "2001:db8:8::1/128",
    }


ADDRESSES = st.lists(
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str), min_size=1, max_size=80, unique=True
)


@given(ADDRESSES)
@settings(max_examples=60, deadline=None)
def test_spf_lists_exactly_these_addresses(addresses) -> None:
    mechanisms, included = spf.split(spf.terms(addresses), "-all", "example.org")
    found = [spf.parse(text) for _, text in included] or [spf.parse(spf.policy(mechanisms, "-all"))]
    networks = [m.network for part in found for m in part.mechanisms if m.network]
    assert sum(n.num_addresses for n in networks) == len(addresses)
    assert all(any(ip_address(a) in n for n in networks) for a in addresses)
    assert all(len(text) <= spf.LENGTH for _, text in included)


@given(st.text(max_size=700))
@settings(deadline=None)
def test_no_text_breaks_a_line(text) -> None:
    line = quoted(text)
    assert line.isascii()
    assert line.isprintable()
    if len(text.encode()) <= 255:
        assert dns.rdata.from_text("IN", "TXT", line).strings == (text.encode(),)


@given(st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=2000))
@settings(deadline=None)
def test_long_texts_are_split_and_join(text) -> None:
    parts = strings(text)
    assert "".join(parts) == text
    assert all(len(part) <= 255 for part in parts)
    assert b"".join(dns.rdata.from_text("IN", "TXT", " ".join(map(quoted, parts))).strings).decode() == text


DATA = yaml.safe_load((SITES / "everything/site.yml").read_text()) | {"users": []}
LEAVES = [
    path for path in leaves(DATA) if path[0] in ("dns", "domains", "organisation", "policies") or path[:1] == ("hosts",)
]


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return load(prepared("everything", tmp_path_factory.mktemp("everything")) / "site.yml").public


@pytest.mark.parametrize("path", LEAVES, ids=lambda p: ".".join(map(str, p)))
def test_no_value_breaks_a_zone_file(path, keys) -> None:
    """Each text is refused by the model, or every zone reads back as exactly the records."""
    accepted = 0
    for text in (*HOSTILE, "ok.example.org", "a=b&c'd+e~f@example.com", "quarantine", "gm9"):
        data = copy.deepcopy(DATA)
        parent = data
        for part in path[:-1]:
            parent = parent[part]
        parent[path[-1]] = text
        try:
            site = Site.model_validate(data)
        except ValueError:
            continue
        accepted += 1
        public = {
            f"dkim/{d.name}/{d.dkim.selector}-{k}.pub": "AAAA" for d in site.domains for k in ("rsa", "ed25519")
        } | keys
        public |= {f"tls/{h.name}.crt": keys["tls/mail.example.org.crt"] for h in site.hosts}
        whole_ = Contract(site, public, lambda field: Reason("site", "site.yml", field))
        found = list(whole_.records())
        for name in {r.zone for r in found}:
            from gmconf.dns.zonefile import ZoneFiles

            lines = list(ZoneFiles(whole_).zone(name, 1))
            text_ = "".join(f"{line}\n" for line in lines)
            assert read(name, text_ if " SOA " in text_ else whole(name, lines)) == meant(
                r for r in found if r.zone == name
            ), text
            assert all(line.isprintable() for line in lines)


def test_octodns_reads_the_same(any_site, tmp_path) -> None:
    for name, text in spelled(any_site, "octodns").items():
        (tmp_path / f"{name}.yaml").write_text(text)
    provider = YamlProvider("config", str(tmp_path), strict_supports=False, escaped_semicolons=True)
    for name in {r.zone for r in records(any_site)}:
        zone = Zone(f"{name}.", [])
        provider.populate(zone)
        found = {
            (r.fqdn, r._type, dns.rdata.from_text("IN", r._type, _octo(r._type, v)).to_text(), r.ttl)
            for r in zone.records
            for v in getattr(r, "values", None) or [r.value]
        }
        assert found == {
            (o, t, _joined(t, v), ttl) for o, t, v, ttl in meant(r for r in records(any_site) if r.zone == name)
        }


def _octo(type_: str, value) -> str:
    if type_ == "TXT":
        return " ".join(map(quoted, strings(str(value).replace("\\;", ";"))))
    return value.to_rdata_text() if hasattr(value, "to_rdata_text") else str(value)


def _joined(type_: str, text: str) -> str:
    if type_ != "TXT":
        return text
    joined = b"".join(dns.rdata.from_text("IN", "TXT", text).strings).decode()
    return dns.rdata.from_text("IN", "TXT", " ".join(map(quoted, strings(joined)))).to_text()


def test_json_has_everything(any_site) -> None:
    found = json.loads("\n".join(array(line for _, lines in zones(any_site, "json") for line in lines)))["records"]
    assert [(r["zone"], r["owner"], r["type"], r["need"], r["ttl"]) for r in found] == [
        (r.zone, r.owner, r.type, r.need, r.ttl) for r in records(any_site)
    ]
    assert [tuple(r["rdata"]) if isinstance(r["rdata"], list) else r["rdata"] for r in found] == [
        r.rdata for r in records(any_site)
    ]
    assert all(r["because"] for r in found)


def test_updates_bring_a_server_to_the_contract(tmp_path) -> None:
    """Twice the same script: ours is replaced, what others put there stays."""
    loaded = made(tmp_path / "site")
    before = {
        name: whole(
            name,
            (
                [
                    'example.org. 60 TXT "their-proof=1"',
                    "example.org. 60 MX 5 old.example.",
                    "www.example.org. 60 A 192.0.2.80",
                    'old-rsa._domainkey.example.org. 60 TXT "v=DKIM1; p=AAAA"',
                ]
                if name == "example.org"
                else []
            ),
        )
        for name in contract(loaded).all
    }
    before["lab.test"] = whole("lab.test", ["ns1.lab.test. 60 A 127.0.0.2", "ns2.lab.test. 60 A 127.0.0.2"])
    port = free_port()
    knot = Knot(tmp_path / "knot", ["127.0.0.2"], port, before, updates=True)
    try:
        for _ in range(2):
            for text in spelled(loaded, "nsupdate").values():
                done = subprocess.run(
                    [tool("nsupdate"), "-v"], input=f"server 127.0.0.2 {port}\n{text}", capture_output=True, text=True
                )
                assert done.returncode == 0, done.stderr
        found = survey(loaded, Server("127.0.0.2", port), date(2026, 11, 23))
        assert [r for r in found.results if r.status != "pass" and r.control not in ("dns.dnssec", "dns.two-ns")] == []
        answer = dns.query.tcp(dns.message.make_query("example.org.", "TXT"), "127.0.0.2", port=port, timeout=5).answer[
            0
        ]
        assert any("their-proof" in r.to_text() for r in answer)
        assert dns.query.tcp(dns.message.make_query("www.example.org.", "A"), "127.0.0.2", port=port, timeout=5).answer
    finally:
        knot.stop()


def test_command(site, tmp_path) -> None:
    folder = site.path.parent
    done = gmconf("dns", "site.yml", cwd=folder)
    assert done.returncode == 0
    assert done.stdout == "".join(spelled(site, "zone").values())
    assert (
        gmconf("dns", "records", "site.yml", "--zone", "example.net", cwd=folder).stdout
        == spelled(site, "zone")["example.net"]
    )
    for spelling, ending in (("zone", "zone"), ("octodns", "yaml"), ("nsupdate", "nsupdate"), ("json", "json")):
        done = gmconf("dns", "site.yml", "--format", spelling, "-o", str(tmp_path / spelling), cwd=folder)
        assert done.stdout.endswith("zones written\n")
        assert {p.name for p in (tmp_path / spelling).iterdir()} == {f"{name}.{ending}" for name in contract(site).all}
    assert json.loads((tmp_path / "json/example.org.json").read_text()).keys() == {"form", "records"}
    wrong = gmconf("dns", "site.yml", "--zone", "no.example", "-o", str(tmp_path / "none"), cwd=folder)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "no zone no.example in this site" in wrong.stderr
    assert not (tmp_path / "none").exists()
    (tmp_path / "broken.yml").write_text("domains: [\n")
    assert gmconf("dns", "broken.yml", "-o", str(tmp_path / "none"), cwd=tmp_path).returncode == 2
    assert not (tmp_path / "none").exists()


def test_reports_elsewhere_are_authorised_there(tmp_path) -> None:
    loaded = made(tmp_path, SITE.replace("reports: reports@example.org", "reports: dmarc+x@reports.example.com"))
    found = {r.owner for r in records(loaded) if r.zone == "reports.example.com"}
    assert found == {
        f"{d}._report._dmarc.reports.example.com"
        for d in ("example.org", "a.example.org", "example.net", "parked.example")
    }
    assert published.mailto("a=b&c'd+e@example.com") == "mailto:a%3Db%26c%27d+e@example.com"


def spoilt(case, owner: str, type_: str, *rdata: str):
    """The records with one set exchanged."""
    model = next(r for r in case.records if r.owner == owner and r.type == type_)
    kept = tuple(r for r in case.records if (r.owner, r.type) != (owner, type_))
    return (*kept, *(model._replace(rdata=(text,) if type_ == "TXT" else text) for text in rdata))


CONTROLS = [
    ("dns.mx-valid", "example.org", "example.org", "MX", ["10 192.0.2.1."]),
    ("dns.mx-valid", "example.org", "example.org", "MX", []),
    ("dns.null-mx", "parked.example", "parked.example", "MX", ["10 mail.example.org."]),
    ("dns.parked", "parked.example", "_dmarc.parked.example", "TXT", ["v=DMARC1; p=none"]),
    ("dns.parked", "parked.example", "*.parked.example", "TXT", []),
    ("dns.fcrdns", "mail.example.org", "1.2.0.192.in-addr.arpa", "PTR", ["other.example."]),
    ("dns.fcrdns", "mail.example.org", "mail.example.org", "AAAA", []),
    ("dns.caa", "mail.example.org", "mail.example.org", "CAA", ['0 issuewild ";"']),
    ("dns.srv", "example.org", "_submissions._tcp.example.org", "SRV", ["20 1 465 mail.example.org."]),
    ("dns.srv", "example.org", "_imaps._tcp.example.org", "SRV", []),
    ("auth.spf-publish", "example.org", "example.org", "TXT", ["v=spf1 ?all"]),
    ("auth.spf-publish", "example.org", "example.org", "TXT", ["v=spf1 -all", "v=spf1 mx -all"]),
    ("auth.spf-publish", "mail.example.org", "mail.example.org", "TXT", ["v=spf1 ptr -all"]),
    (
        "auth.spf-publish",
        "example.org",
        "example.org",
        "TXT",
        ["v=spf1 " + " ".join(f"include:{n}.example" for n in range(11)) + " -all"],
    ),
    ("auth.dmarc-publish", "example.org", "_dmarc.example.org", "TXT", ["v=DMARC1; p=none"]),
    (
        "auth.dmarc-publish",
        "example.org",
        "_dmarc.example.org",
        "TXT",
        ["v=DMARC1; p=none; pct=50; rua=mailto:a@example.org"],
    ),
    (
        "auth.dmarc-publish",
        "example.org",
        "_dmarc.example.org",
        "TXT",
        ["v=DMARC1; p=none; rua=mailto:a@example.org; rua=mailto:b@example.org"],
    ),
    ("dns.parked", "parked.example", "_dmarc.parked.example", "TXT", ["v=DMARC1; p=none; p=reject"]),
    ("auth.dmarc-extreport", "example.net", "example.net._report._dmarc.example.org", "TXT", []),
    ("tls.rpt", "example.org", "_smtp._tls.example.org", "TXT", ["v=TLSRPTv1; rua=https://example.org/"]),
    (
        "tls.rpt",
        "example.org",
        "_smtp._tls.example.org",
        "TXT",
        ["v=TLSRPTv1; rua=https://example.org/; rua=mailto:a@example.org"],
    ),
    ("dane.in", "mail.example.org", "_25._tcp.mail.example.org", "TLSA", ["2 1 1 ab"]),
]


@pytest.mark.parametrize(("control", "subject", "owner", "type_", "rdata"), CONTROLS)
def test_controls_look_at_the_records(site, control, subject, owner, type_, rdata) -> None:
    from gmconf.assess import check
    from gmconf.controls import CATALOGUE

    found = CATALOGUE[control]
    (host,) = check.host_cases(site)
    domains = {c.domain.name: c for c in check.domain_cases(site)}
    if subject in domains:
        whole_case = domains[subject]
        broken = whole_case._replace(publish=lambda: spoilt(whole_case, owner, type_, *rdata))
        look = found.of_domain
    else:
        whole_case, look = host, found.of_host
        broken = replace(host, records=spoilt(host, owner, type_, *rdata))
    good = list(look(whole_case))
    assert good
    assert all(claim.holds for claim in good)
    assert not all(claim.holds for claim in look(broken))


def test_secrets_are_not_needed(tmp_path, vault_password) -> None:
    """Who publishes the zones has site.yml and the public halves."""
    from commands import gmconf
    from conftest import ROOT

    (tmp_path / "site.yml").write_text((ROOT / "examples/single/site.yml").read_text())
    assert gmconf("keys", "site.yml", cwd=tmp_path).returncode == 0
    whole = gmconf("dns", "site.yml", cwd=tmp_path)
    assert "gm1-rsa._domainkey.example.org." in whole.stdout
    for secret in tmp_path.rglob("*.vault"):
        secret.unlink()
    assert gmconf("dns", "site.yml", cwd=tmp_path).stdout == whole.stdout


def test_ten_thousand_names_in_one_zone_are_a_stream(site) -> None:
    """The first record is there before the domains' records are made."""
    model = site.site.domains[1]
    many = tuple(model.model_copy(update={"name": f"d{n}.example.org"}) for n in range(10000))
    public = dict(site.public) | {f"dkim/{d.name}/gm1-{k}.pub": "AAAA" for d in many for k in ("rsa", "ed25519")}
    whole_ = Contract(site.site.model_copy(update={"domains": (site.site.domains[0], *many)}), public, site.why)
    made_ = []
    of_domain = whole_.of_domain
    whole_.of_domain = lambda domain: made_.append(domain.name) or of_domain(domain)
    found = whole_.records("example.org")
    assert next(found).owner == "example.org"
    assert len(made_) <= 1
    keys_ = [(order(r.owner), r.type) for r in found]
    assert keys_ == sorted(keys_)
    assert len(made_) == 10001
