"""Services of others that send for a domain (domains[].senders): in its SPF record, expected by gmconf dns check, told
by the report."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest
from dnssite import SITE, made, whole, zones
from nameserver import Knot, free_port

from gmconf.assess.check import check
from gmconf.derived import spf
from gmconf.dns import contract, records
from gmconf.dns.live import Survey, survey
from gmconf.dns.live.ask import Server
from gmconf.errors import GmconfError
from gmconf.profiles.auth import auth
from gmconf.profiles.source import Published
from gmconf.report.deviations import looser
from gmconf.site.load import Loaded

TODAY = date(2026, 11, 23)
NS = ["ns1.lab.test. 60 A 127.0.0.2", "ns2.lab.test. 60 A 127.0.0.3"]
OTHERS = """\
    senders:
      - {reason: newsletter, include: _spf.lab.test, selectors: [nl1, gm3-rsa]}
      - {reason: invoices of the ERP, networks: [203.0.113.0/28, 203.0.113.77, 192.0.2.0, "2001:db8:9::/64"]}
"""
THEIRS = '_spf.lab.test. 60 TXT "v=spf1 ip4:198.51.100.0/24 -all"'


def site(folder, others: str = OTHERS) -> Loaded:
    return made(folder, SITE.replace("retired: [old]}\n", f"retired: [old]}}\n{others}"))


def texts(loaded: Loaded) -> dict[str, str]:
    return {r.owner: "".join(r.rdata) for r in records(loaded) if r.type == "TXT" and spf.is_spf("".join(r.rdata))}


def asked(loaded: Loaded, folder, theirs: tuple[str, ...], into: tuple[str, ...] = ()) -> Survey:
    """What is found where the domain's zone is as printed, and the services' one says this."""
    found = zones(records(loaded)) | {"lab.test": [*NS, *theirs]}
    found["example.org"] += into
    port = free_port()
    knot = Knot(folder, ["127.0.0.2", "127.0.0.3"], port, {name: whole(name, lines) for name, lines in found.items()})
    try:
        return survey(loaded, Server("127.0.0.2", port), TODAY, port=port)
    finally:
        knot.stop()


def wrong(found: Survey) -> dict[tuple[str, str], str]:
    return {
        (r.control, r.where): r.observed
        for r in found.results
        if r.status != "pass" and not r.where.endswith((" NS", " SOA"))
    }


def test_they_stand_in_the_record_of_their_domain_only(tmp_path) -> None:
    found = texts(site(tmp_path))
    assert (
        found["example.org"]
        == "v=spf1 ip4:192.0.2.0/31 ip4:203.0.113.0/28 ip4:203.0.113.77 ip6:2001:db8::1 ip6:2001:db8:9::/64"
        " include:_spf.lab.test -all"
    )
    assert (
        found["example.net"]
        == found["a.example.org"]
        == found["mail.example.org"]
        == "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"
    )


def test_a_record_that_is_too_long_is_split(tmp_path) -> None:
    many = ", ".join(f"203.0.113.{n * 2}" for n in range(60))
    loaded = site(tmp_path, f"    senders: [{{reason: newsletter, include: _spf.lab.test, networks: [{many}]}}]\n")
    found = texts(loaded)
    parts = [spf.parse(found[term.spec]) for term in spf.parse(found["example.org"]).asking]
    assert {term.spec for term in spf.parse(found["example.org"]).asking} == {
        name for name in found if name.startswith("_senders")
    }
    assert sum(m.network is not None for part in parts for m in part.mechanisms) == 62
    assert [term.spec for part in parts for term in part.asking] == ["_spf.lab.test"]
    assert wrong(asked(loaded, tmp_path / "dns", (THEIRS,))) == {}
    left = f'_senders{len(parts) + 1}.example.org. 60 TXT "v=spf1 ip4:203.0.113.9 -all"'
    assert list(wrong(asked(loaded, tmp_path / "left", (THEIRS,), (left,)))) == [
        ("dns.no-stale", f"_senders{len(parts) + 1}.example.org. TXT")
    ]


def test_what_is_printed_is_fine_and_their_keys_are_theirs(tmp_path) -> None:
    """One of their selectors looks like one of ours that is used no more."""
    keys = (
        "nl1._domainkey.example.org. 60 CNAME nl1.lab.test.",
        'gm3-rsa._domainkey.example.org. 60 TXT "v=DKIM1; k=rsa; p=AAAA"',
    )
    assert (
        wrong(asked(site(tmp_path), tmp_path / "dns", (THEIRS, 'nl1.lab.test. 60 TXT "v=DKIM1; k=rsa; p=AAAA"'), keys))
        == {}
    )


@pytest.mark.parametrize(
    ("theirs", "says"),
    [
        (('_spf.lab.test. 60 TXT "v=spf1 +all"',), "include:_spf.lab.test lets everybody send"),
        (
            (
                '_spf.lab.test. 60 TXT "v=spf1 ip4:198.51.100.0/24 include:deep.lab.test -all"',
                'deep.lab.test. 60 TXT "v=spf1 ip4:64.0.0.0/4 -all"',
            ),
            "include:_spf.lab.test lets 64.0.0.0/4 send",
        ),
        (('_spf.lab.test. 60 TXT "v=spf1 a:ns1.lab.test/1 -all"',), "include:_spf.lab.test lets 0.0.0.0/1 send"),
        (('_spf.lab.test. 60 TXT "v=spf1 ip6:2000::/3 -all"',), "include:_spf.lab.test lets 2000::/3 send"),
        ((), "_spf.lab.test has no SPF record"),
        (
            (f'_spf.lab.test. 60 TXT "v=spf1 {" ".join(f"a:ns{n % 2 + 1}.lab.test" for n in range(10))} -all"',),
            "11 look-ups",
        ),
    ],
    ids=["+all", "wide below", "wide by name", "wide IPv6", "gone", "look-ups"],
)
def test_records_of_others_are_judged_where_they_are(tmp_path, theirs, says) -> None:
    found = wrong(asked(site(tmp_path), tmp_path / "dns", theirs))
    assert list(found) == [("auth.spf-publish", "example.org. TXT")]
    assert says in found["auth.spf-publish", "example.org. TXT"]


def test_controls_and_the_profile_take_them(tmp_path) -> None:
    loaded = site(tmp_path)
    assert {r.status for r in check(loaded, today=TODAY) if r.control == "auth.spf-publish"} == {"pass"}
    source = Published(contract(loaded))
    source.about(loaded.site.domains[0])
    assert [f.status for f in asyncio.run(auth(source, "example.org")) if f.key.startswith("spf")] == ["good", "good"]


def test_the_report_shows_them(tmp_path) -> None:
    shown = {row.path: row for row in looser(site(tmp_path), TODAY) if ".senders[" in row.path}
    assert shown["domains[0].senders[0]"].value == "_spf.lab.test, DKIM key nl1, DKIM key gm3-rsa"
    assert "newsletter" in shown["domains[0].senders[0]"].means
    assert shown["domains[0].senders[1]"].place.startswith("site.yml:8:")


def test_a_record_of_their_own_hand_is_pointed_to_the_field(tmp_path) -> None:
    with pytest.raises(GmconfError, match=r"name services of others in domains\[\]\.senders"):
        contract(
            made(
                tmp_path,
                more=(
                    "  nameservers: [{name: ns.elsewhere.example}]\n  records: [{name: example.org, type: TXT, value:"
                    ' "v=spf1 include:x.example -all"}]\n'
                ),
            )
        ).refuse()
