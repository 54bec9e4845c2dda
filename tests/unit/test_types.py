"""Each type of site.yml takes what its field can mean, and refuses the rest with a sentence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from gmconf.errors import SiteError
from gmconf.model import Mailbox, Site
from gmconf.model.complaints import sentence
from gmconf.model.document import Document
from gmconf.model.names import DomainName, Duration, Line, Score, Size
from gmconf.model.networks import Ip, Network, Peer
from gmconf.site.load import load

SITE: dict[str, Any] = {
    "organisation": {"name": "Example", "postmaster": "alice@example.org"},
    "domains": [{"name": "example.org", "mailboxes": [{"name": "alice"}]}],
    "hosts": [{"name": "mail.example.org", "release": "trixie", "addresses": ["192.0.2.1", "2001:db8::1"]}],
}


def refused(kind: Any, value: object) -> str:
    with pytest.raises(ValidationError) as found:
        TypeAdapter(kind).validate_python(value)
    return sentence(found.value.errors(include_url=False)[0])


@pytest.mark.parametrize(
    "address",
    [
        "192.0.2.1",
        "198.51.100.7",
        "203.0.113.9",
        "198.18.8.13",
        "10.0.0.5",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.9",
        "8.8.8.8",
        "2001:db8::1",
        "3fff::1",
        "fd00::5",
        "2a00:1450::1",
        "2001:4860:4860::8888",
    ],
)
def test_addresses_that_hosts_have(address: str) -> None:
    assert TypeAdapter(Ip).validate_python(address) == address
    assert TypeAdapter(Peer).validate_python(address) == address


@pytest.mark.parametrize(
    ("address", "word"),
    [
        ("2001:db8::1%eth0", "zone"),
        ("2001:db8::1%x; } evil { y]", "zone"),
        ("fe80::1%1", "zone"),
        ("2001:db8::1%", "zone"),
        ("::ffff:198.51.100.14", "198.51.100.14"),
        ("::ffff:127.0.0.1", "disguise|reached"),
        ("::198.51.100.14", "range"),
        ("64:ff9b::c633:640e", "NAT64"),
        ("255.255.255.255", "broadcast"),
        ("240.0.0.1", "reserved"),
        ("0.1.2.3", "this network"),
        ("192.0.0.8", "protocols"),
        ("192.88.99.1", "6to4"),
        ("100::1", "throws"),
        ("fec0::1", "site-local"),
        ("2002:c000:201::1", "6to4"),
        ("2001:0:1::1", "Teredo"),
        ("2001:10::1", "ORCHID"),
        ("5f00::1", "range"),
        ("4000::1", "range"),
        ("::", "reached"),
        ("0.0.0.0", "reached"),
        ("::1", "reached"),
        ("127.0.0.53", "reached"),  # noqa: S104
        ("224.0.0.1", "reached"),
        ("ff02::1", "reached"),
        ("169.254.1.1", "reached"),
        ("fe80::1", "reached"),
        ("192.0.2.01", "not an IP"),
        ("٣.0.2.1", "not an IP"),
    ],
)
def test_addresses_that_no_host_has(address: str, word: str) -> None:
    assert any(one in refused(Ip, address) for one in word.split("|"))


def test_servers_that_hosts_ask() -> None:
    assert TypeAdapter(Peer).validate_python("169.254.169.253") == "169.254.169.253"
    assert "the asking host itself" in refused(Peer, "127.0.0.53")
    assert "without an interface" in refused(Peer, "fe80::1")
    assert "zone" in refused(Peer, "fe80::1%eth0")
    assert "broadcast" in refused(Peer, "255.255.255.255")


@pytest.mark.parametrize(
    ("network", "word"),
    [
        ("2001:db8::%x/32", "zone"),
        ("2001:db8::1%e/128", "zone"),
        ("::ffff:192.0.2.0/120", '"192.0.2.0/24"'),
        ("224.0.0.0/8", "multicast"),
        ("192.0.2.1/24", '"192.0.2.0/24"'),
    ],
)
def test_networks(network: str, word: str) -> None:
    assert word in refused(Network, network)
    for fine in ("0.0.0.0/0", "::/0", "10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"):
        assert TypeAdapter(Network).validate_python(fine) == fine


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400", float("nan"), float("inf"), "1e6", "-1e300"])
def test_scores_are_finite(value: object) -> None:
    assert refused(Score, value)
    for path in ("mark", "reject", "greylist"):
        with pytest.raises(ValidationError):
            Site.model_validate({**SITE, "filter": {path: value}})


@pytest.mark.parametrize(
    "value",
    [
        "999999999999999999999999 TiB",
        "8388608 TiB",
        "9223372036854775808",
        2**63,
        "5" * 5000,
        "2³",
        "٣ MiB",
        "1.5 GiB",
        -1,
        "0",
    ],
)
def test_sizes_are_bounded(value: object) -> None:
    assert refused(Size, value)


def test_largest_size() -> None:
    assert TypeAdapter(Size).validate_python("9223372036854775807") == 2**63 - 1
    assert TypeAdapter(Size).validate_python("0000000000000000000000000000000000000001 KiB") == 1024


@pytest.mark.parametrize("value", ["99999999999d", "24856d", "9" * 5000 + "s", "²d", "0s", 2**31])
def test_durations_are_bounded(value: object) -> None:
    assert refused(Duration, value)


@pytest.mark.parametrize("field", ["quota", "messages_per_hour"])
@pytest.mark.parametrize("value", ["2³", "5" * 5000, 10**30, float("inf"), "-1", "1e3"])
def test_numbers_of_mailboxes(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as found:
        Mailbox.model_validate({"name": "alice", field: value})
    assert sentence(found.value.errors(include_url=False)[0])


@pytest.mark.parametrize("name", ["-dash", "-", "a..b", ".a", "a.", "a b", "ä", "a@b", "a/b", ".."])
def test_mailboxes_that_can_never_receive(name: str) -> None:
    with pytest.raises(ValidationError):
        Mailbox.model_validate({"name": name})


def test_lengths_have_their_unit() -> None:
    assert refused(Line, "x" * 600) == "at most 500 characters, not 600"
    assert refused(Line, "") == "text is needed here"
    assert "domains: at least one entry" in wrong({**SITE, "domains": []})


def test_a_name_that_cannot_be_written_in_ascii_says_why() -> None:
    assert "U+1F355" in refused(DomainName, "\N{SLICE OF PIZZA}.ws")
    assert 'write "xn--bcher-kva.example"' in refused(DomainName, "bücher.example")


def wrong(data: dict[str, Any]) -> str:
    from gmconf.site.load import _model

    with pytest.raises(SiteError) as found:
        _model(Document("site.yml", json.dumps(data)))
    return str(found.value)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("u.csv", "name,quota,quota\nbob,1 GiB,2 GiB\n", "u.csv:1:1: the column 'quota' stands here twice"),
        ("u.csv", "name;full_name;quota\nbob;B;1 GiB\n", "u.csv:1:1: the columns are divided by semicolons"),
        ("u.csv", "name\tquota\nbob\t1 GiB\n", "u.csv:1:1: the columns are divided by tabs"),
        ("u.csv", "name,quota\nbob,2³\n", "u.csv:2:1: quota: a size"),
        ("u.csv", f"name,quota\nbob,{'5' * 5000}\n", "u.csv:2:1: quota: too large"),
        ("u.csv", f"name,messages_per_hour\nbob,{'5' * 5000}\n", "u.csv:2:1: messages_per_hour: a whole number"),
        ("u.csv", "name,quota\rbob,2³\r", "u.csv:2:1: quota: a size"),
        (
            "u.jsonl",
            '{"name": "bob", "quota": "1 GiB", "quota": "2 GiB"}\n',
            "u.jsonl:1:1: the key 'quota' stands here twice",
        ),
        ("u.jsonl", '{"name": "bob", "x": {"y": 1, "y": 2}}\n', "u.jsonl:1:1: the key 'y' stands here twice"),
        ("u.jsonl", "[" * 100_000 + "\n", "u.jsonl:1:1: nested too deeply"),
        ("u.jsonl", '{"name": "bob", "quota": ' + "5" * 5000 + "}\n", "u.jsonl:1:1: "),
        ("u.jsonl", '{"name": "bob", "full_name": "\\ud800"}\n', "u.jsonl:1:1: full_name: "),
        ("u.jsonl", '{"name": "bob", "quota": NaN}\n', "u.jsonl:1:1: quota: a size"),
    ],
)
def test_user_files(tmp_path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_bytes(text.encode())
    (tmp_path / "site.yml").write_text(json.dumps({**SITE, "users": [{"file": name, "domain": "example.org"}]}))
    with pytest.raises(SiteError) as found:
        load(tmp_path / "site.yml", keys=False)
    assert str(found.value).startswith(said)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(tmp_path, ends: str) -> None:
    (tmp_path / "u.csv").write_bytes(f"name,quota{ends}bob,1 GiB{ends}carol,2147483648{ends}".encode())
    (tmp_path / "site.yml").write_text(json.dumps({**SITE, "users": [{"file": "u.csv", "domain": "example.org"}]}))
    quotas = {a.login: a.quota for a in load(tmp_path / "site.yml", keys=False).mail.accounts}
    assert (quotas["bob@example.org"], quotas["carol@example.org"]) == (2**30, 2**31)


@pytest.mark.parametrize("file", ["a\0b.csv", "", "a\nb.csv"])
def test_names_of_user_files(tmp_path, file: str) -> None:
    (tmp_path / "site.yml").write_text(json.dumps({**SITE, "users": [{"file": file}]}))
    with pytest.raises(SiteError, match="text"):
        load(tmp_path / "site.yml", keys=False)


def test_tabs_are_refused_in_the_indentation_only() -> None:
    assert Document("x", json.dumps({"a": [1, 2]}, indent="\t")).data == {"a": ["1", "2"]}
    assert Document("x", "a: 1\n\t# a comment\nb: 2\n").data == {"a": "1", "b": "2"}
    with pytest.raises(SiteError, match=r"x:2:1: a tab in the indentation"):
        Document("x", "a:\n\tb: 1\n")


def broken(domain: dict[str, Any]) -> list[str]:
    from gmconf.derived.accounts import Directory
    from gmconf.site.rules.fields import no_alias_loops, targets_exist

    site = Site.model_validate(
        {**SITE, "domains": [{"name": "example.org", "mailboxes": [{"name": "alice"}, {"name": "bob"}]} | domain]}
    )
    mail = Directory(site)
    return [f"{path}: {text}" for rule in (targets_exist, no_alias_loops) for path, text in rule(site, mail)]


@pytest.mark.parametrize(
    "domain",
    [
        {"catch_all": "alice@example.org"},
        {"catch_all": "alice+stray@example.org"},
        {"catch_all": "info@example.org", "aliases": {"info": ["bob@example.org"]}},
        {
            "mailboxes": [
                {"name": "alice", "forward": ["bob@example.org"]},
                {"name": "bob", "forward": ["alice@example.org"]},
            ]
        },
        {"aliases": {"list+owner": ["alice@example.org"], "list": ["list+owner@example.org"]}},
        {"aliases": {"info": ["x@elsewhere.example"]}},
    ],
)
def test_what_postfix_delivers_is_taken(domain: dict[str, Any]) -> None:
    assert broken(domain) == []


@pytest.mark.parametrize(
    ("domain", "said"),
    [
        ({"catch_all": "alcie@example.org"}, "domains[0].catch_all: alcie@example.org does not exist"),
        (
            {"catch_all": "info@example.org", "aliases": {"info": ["inof@example.org"]}},
            "domains[0].catch_all: a loop: @example.org -> info@example.org -> @example.org",
        ),
        (
            {"aliases": {"info": ["x@mail.example.org"]}},
            "domains[0].aliases.info: x@mail.example.org is an address of a host",
        ),
        ({"catch_all": "bob@mail.example.org"}, "domains[0].catch_all: bob@mail.example.org is an address of a host"),
        (
            {"aliases": {"a": ["b@example.org"], "b": ["a@example.org"]}},
            "domains[0].aliases.a: a loop: a@example.org -> b@example.org -> a@example.org",
        ),
        ({"aliases": {"a": ["b+x@example.org"], "b": ["a@example.org"]}}, "domains[0].aliases.a: a loop:"),
        ({"aliases": {"a": ["a@example.org"]}}, "domains[0].aliases.a: a loop: a@example.org -> a@example.org"),
        (
            {
                "mailboxes": [
                    {"name": "alice", "keep": False, "forward": ["bob@example.org"]},
                    {"name": "bob", "keep": False, "forward": ["alice@example.org"]},
                ]
            },
            "a loop",
        ),
    ],
)
def test_what_postfix_loses_is_refused(domain: dict[str, Any], said: str) -> None:
    assert any(said in text for text in broken(domain)), broken(domain)
