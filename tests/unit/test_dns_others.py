"""Records of the operator's own (dns.records): in every spelling, and expected by gmconf dns check."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import dns.message
import dns.query
import pytest
from dnssite import SITE, made, whole, zones
from nameserver import Knot, free_port, tool
from octodns.provider.yaml import YamlProvider
from octodns.zone import Zone

from gmconf.derived.records import order
from gmconf.dns import records, spelling
from gmconf.dns.live import Survey, survey
from gmconf.dns.live.ask import Server
from gmconf.dns.spelling import ENDINGS
from gmconf.dns.zonefile import line
from gmconf.errors import GmconfError
from gmconf.site.load import Loaded

TODAY = date(2026, 11, 23)
NS = ["ns1.lab.test. 60 A 127.0.0.2", "ns2.lab.test. 60 A 127.0.0.3"]
OTHERS = f"""\
  nameservers: [{{name: mail.example.org}}]
  zones: [16.172.in-addr.arpa]
  records:
    - {{name: www.example.org, type: A, value: 192.0.2.80}}
    - {{name: www.example.org, type: A, value: 192.0.2.81}}
    - {{name: www.example.org, type: HTTPS, value: '1 . alpn="h2,h3" port=8443'}}
    - {{name: shop.example.org, type: CNAME, value: Shops.Hosting.example.}}
    - {{name: example.org, type: TXT, value: proof-of-ownership=0123}}
    - {{name: example.org, type: TXT, value: "another; with \\"quotes\\""}}
    - {{name: _proof.example.org, type: TXT, value: "{"x" * 300}"}}
    - {{name: dept.example.org, type: NS, value: ns1.lab.test.}}
    - {{name: dept.example.org, type: DS, value: 1 13 2 {"AB" * 32}}}
    - {{name: mail.example.org, type: SSHFP, value: 4 2 {"ab" * 32}}}
    - {{name: "*.lists.example.org", type: MX, value: 5 mx.elsewhere.example.}}
    - {{name: 1.0.16.172.in-addr.arpa, type: PTR, value: printer.example.org.}}
    - {{name: www.a.example.org, type: AAAA, value: "2001:db8:0::80"}}
    - {{name: www.example.net, type: A, value: 192.0.2.80}}
"""
OWN = {
    ("www.example.org", "A"),
    ("www.example.org", "HTTPS"),
    ("shop.example.org", "CNAME"),
    ("_proof.example.org", "TXT"),
    ("dept.example.org", "NS"),
    ("dept.example.org", "DS"),
    ("mail.example.org", "SSHFP"),
    ("*.lists.example.org", "MX"),
    ("1.0.16.172.in-addr.arpa", "PTR"),
    ("www.a.example.org", "AAAA"),
    ("www.example.net", "A"),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Loaded:
    return made(
        tmp_path_factory.mktemp("site"),
        SITE.replace('::1"]}', '::1"], roles: [mta, msa, store, filter, nameserver]}'),
        more=OTHERS,
    )


def published(loaded: Loaded, out: str = "", into: tuple[str, ...] = ()) -> dict[str, str]:
    """The zones, some lines taken out and others put in."""
    found = zones(records(loaded)) | {"lab.test": NS}
    for name, lines in found.items():
        found[name] = [text for text in lines if not (out and re.search(out, text))]
    found["example.org"] += into
    return {name: whole(name, lines) for name, lines in found.items()}


def asked(loaded: Loaded, folder: Path, all_zones: dict[str, str], *, authoritative: bool = False) -> Survey:
    port = free_port()
    knot = Knot(folder, ["127.0.0.2", "127.0.0.3"], port, all_zones)
    try:
        return survey(loaded, Server("127.0.0.2", port), TODAY, port=port, authoritative=authoritative)
    finally:
        knot.stop()


def wrong(found: Survey) -> set[tuple[str, str]]:
    """Where something is amiss; whose name servers these are, and that nothing is signed, is not."""
    return {
        (r.control, r.where)
        for r in found.results
        if r.status != "pass" and (r.where.startswith("dept.") or not r.where.endswith((" NS", " SOA")))
    }


def test_they_are_in_the_contract(site) -> None:
    found = list(records(site))
    assert {(r.owner, r.type) for r in found} >= OWN
    assert found == sorted(found, key=lambda r: (order(r.zone), order(r.owner), r.type))
    assert [r.text for r in found if (r.owner, r.type) == ("example.org", "TXT")][1:] == [
        '"another; with \\"quotes\\""',
        '"proof-of-ownership=0123"',
    ][::-1]
    www, _ = (r for r in found if (r.owner, r.type) == ("www.example.org", "A"))
    assert (www.zone, www.need, www.because[0].kind, www.because[0].text) == (
        "example.org",
        "required",
        "site",
        "dns.records[0]",
    )
    assert {r.zone for r in found if r.owner == "1.0.16.172.in-addr.arpa"} == {"16.172.in-addr.arpa"}


@pytest.mark.parametrize("authoritative", [False, True])
def test_what_is_published_is_fine(site, tmp_path, authoritative) -> None:
    """Proofs stand beside SPF; the zone above refers to the servers of the one below."""
    found = asked(site, tmp_path, published(site), authoritative=authoritative)
    assert wrong(found) == set()
    assert found.publish == found.remove == []


@pytest.mark.parametrize(
    ("out", "into", "where"),
    [
        (r"^www\.example\.org\. \d+ A 192\.0\.2\.80", (), "www.example.org. A"),
        ("", ("www.example.org. 60 A 192.0.2.99",), "www.example.org. A"),
        (r" CNAME ", ("shop.example.org. 60 CNAME elsewhere.example.",), "shop.example.org. CNAME"),
        (r"proof-of-", (), "example.org. TXT"),
        (r"another; ", ('example.org. 60 TXT "another"',), "example.org. TXT"),
        (r"^_proof", (), "_proof.example.org. TXT"),
        (r"^dept\.\S+ \d+ NS", ("dept.example.org. 60 NS ns2.lab.test.",), "dept.example.org. NS"),
        (r" SSHFP ", (), "mail.example.org. SSHFP"),
        (r" HTTPS ", ('www.example.org. 60 HTTPS 1 . alpn="h2" port=8443',), "www.example.org. HTTPS"),
        (r"^\*\.lists", (), "*.lists.example.org. MX"),
    ],
)
def test_what_is_missing_is_printed(site, tmp_path, out, into, where) -> None:
    found = asked(site, tmp_path, published(site, out, into), authoritative=" NS" in where)
    assert wrong(found) == {("dns.sync", where)}
    wanted = [
        line(r)
        for r in records(site)
        if f"{r.owner}. {r.type}" == where and (not out or re.search(out, line(r)) or r.type != "TXT")
    ]
    assert found.publish == ([] if not out else wanted)


def test_other_spelling_same_meaning(site, tmp_path) -> None:
    """Proofs beside an SPF record in other words, a text split elsewhere, names in small letters, somebody else's
    proof."""
    into = (
        'example.org. 60 TXT "v=SPF1 ip6:2001:db8::1 ip4:192.0.2.1 -all"',
        'example.org. 60 TXT "proof-of-" "ownership=0123"',
        'example.org. 60 TXT "theirs"',
        "shop.example.org. 60 CNAME shops.hosting.example.",
    )
    found = asked(site, tmp_path, published(site, r'^example\.org\. \d+ TXT "(v=spf1|proof)| CNAME ', into))
    assert wrong(found) == set()


def test_octodns_reads_the_same(site, tmp_path) -> None:
    for name, lines in spelling.zones(site, "octodns"):
        (tmp_path / f"{name}.yaml").write_text("".join(f"{text}\n" for text in lines))
    provider = YamlProvider("config", str(tmp_path), strict_supports=False, escaped_semicolons=True)
    found = {}
    for name in ("example.org", "example.net", "16.172.in-addr.arpa"):
        zone = Zone(f"{name}.", [])
        provider.populate(zone)
        found |= {(r.fqdn.rstrip("."), r._type): r for r in zone.records}
    assert OWN <= set(found)
    assert found["shop.example.org", "CNAME"].value == "shops.hosting.example."
    assert sorted(found["example.org", "TXT"].values) == [
        'another\\; with "quotes"',
        "proof-of-ownership=0123",
        "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all",
    ]
    assert [v.to_rdata_text() for v in found["dept.example.org", "DS"].values] == [f"1 13 2 {'ab' * 32}"]
    assert [v.to_rdata_text() for v in found["mail.example.org", "SSHFP"].values] == [f"4 2 {'ab' * 32}"]
    assert [v.to_rdata_text() for v in found["www.example.org", "HTTPS"].values] == ["1 . alpn=h2,h3 port=8443"]


def test_zone_files_have_them(site) -> None:
    """Where a domain is not alone in its zone, and where it would be alone without them."""
    for name, lines in spelling.zones(site, "zone"):
        wanted = [line(r) for r in records(site, name) if r.need != "forbidden"]
        assert [
            text
            for text in lines
            if text[0] != ";" and text.split()[2] not in ("SOA", "NS") or text.startswith("dept.")
        ] == wanted


def test_json_has_them(site) -> None:
    rows = [json.loads(row) for _, lines in spelling.zones(site, "json", "example.org") for row in lines]
    assert {(r["owner"], r["type"]) for r in rows} >= {key for key in OWN if key[0].endswith("example.org")}
    assert next(r["rdata"] for r in rows if r["owner"] == "_proof.example.org") == ["x" * 255, "x" * 45]


def test_updates_bring_a_server_to_them(site, tmp_path) -> None:
    """Twice the same script; all TXT records of a name are one set, and what others put there stays."""
    before = {
        name: whole(
            name,
            (
                ['example.org. 60 TXT "theirs"', "www.example.org. 60 A 192.0.2.99"]
                if name == "example.org"
                else NS
                if name == "lab.test"
                else []
            ),
        )
        for name in (*{r.zone for r in records(site)}, "lab.test")
    }
    port = free_port()
    knot = Knot(tmp_path, ["127.0.0.2", "127.0.0.3"], port, before, updates=True)
    try:
        for _ in range(2):
            for _, lines in spelling.zones(site, "nsupdate"):
                text = "".join(f"{line}\n" for line in lines)
                done = subprocess.run(
                    [tool("nsupdate"), "-v"], input=f"server 127.0.0.2 {port}\n{text}", capture_output=True, text=True
                )
                assert done.returncode == 0, done.stderr
        assert wrong(survey(site, Server("127.0.0.2", port), TODAY)) == set()
        (answer,) = dns.query.tcp(
            dns.message.make_query("example.org.", "TXT"), "127.0.0.2", port=port, timeout=5
        ).answer
        assert len(answer) == 4
    finally:
        knot.stop()


def test_what_the_site_publishes_is_refused_in_every_spelling(tmp_path) -> None:
    loaded = made(
        tmp_path,
        SITE.replace('::1"]}', '::1"], roles: [mta, msa, store, filter, nameserver]}'),
        more=OTHERS + "    - {name: a.example.org, type: TXT, value: v=spf1 +all}\n",
    )
    for kind in ("zone", "json", "octodns", "nsupdate"):
        with pytest.raises(
            GmconfError, match=r"dns\.records\[14\]: a\.example\.org TXT follows from other fields of the site"
        ):
            list(dict(spelling.zones(loaded, kind))["example.org"])
    with pytest.raises(GmconfError, match=r"dns\.records\[14\]"):
        asked(loaded, tmp_path / "knot", {"lab.test": whole("lab.test", NS)})


@pytest.mark.parametrize("spelling", ["zone", "octodns", "nsupdate", "json"])
def test_files_of_zones_that_are_no_more_go(tmp_path, spelling) -> None:
    """Records need no name servers of the site; what the command wrote before goes, what others wrote stays."""
    loaded = made(tmp_path, more="  records: [{name: www.example.net, type: A, value: 192.0.2.80}]\n")
    out = tmp_path / "out"
    argv = [sys.executable, "-m", "gmconf", "dns", "site.yml", "--format", spelling, "-o", "out"]
    subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True)
    ending = ENDINGS[spelling]
    assert "192.0.2.80" in (out / f"example.net.{ending}").read_text()
    (out / f"own.{ending}").write_text("; own: written by hand\n")
    text = loaded.path.read_text()
    loaded.path.write_text(
        text.replace("  - {name: example.net, kind: alias, alias_of: example.org}\n", "").replace(
            "www.example.net", "www.example.org"
        )
    )
    done = subprocess.run(argv, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert "1 of zones that are no more removed" in done.stdout
    assert not (out / f"example.net.{ending}").exists()
    assert (out / f"own.{ending}").exists()


@pytest.mark.parametrize("command", [["validate", "site.yml"], ["dns", "site.yml", "-o", "out"], ["dns", "site.yml"]])
def test_a_record_of_the_sites_own_is_refused_before_anything_is_written(tmp_path, command) -> None:
    made(tmp_path, more="  records: [{name: parked.example, type: TXT, value: v=spf1 mx -all}]\n")
    done = subprocess.run(
        [sys.executable, "-m", "gmconf", *command], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "follows from other fields" in done.stderr
    assert not (tmp_path / "out").exists()
