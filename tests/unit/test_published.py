"""A roll-out against what DNS says: what the host asks (of a real name server), and what the controller makes of it."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import socket
import time
from pathlib import Path

import pytest
from ansible.module_utils.gmconf_host import compare, host, published
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates
from dnssite import SITE, made, whole, zones
from nameserver import Knot, free_port
from sitekeys import PASSWORD

from gmconf.build.tree import build
from gmconf.dns import records
from gmconf.keys import vault

ROOT = Path(__file__).resolve().parents[2]
HOST = "mail.example.org"
CERTIFICATE, RSA, ED = (
    "/etc/gmconf/tls/mail.example.org.crt",
    "gm4-rsa._domainkey.example.org",
    "gm4-ed25519._domainkey.example.org",
)
TLSA = "_25._tcp.mail.example.org"


@pytest.fixture(scope="module")
def plugin():
    spec = importlib.util.spec_from_file_location(
        "gmconf_tree_action", ROOT / "roles/gmconf/action_plugins/gmconf_tree.py"
    )
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Manifest of the host with the digests of its files, where their contents are, and a name server with the site's
    zones."""
    folder = tmp_path_factory.mktemp("published")
    loaded = made(folder / "site")
    files = build(loaded).files
    manifest = json.loads(files[f"hosts/{HOST}/manifest.json"])
    sources = {}
    for entry in manifest["files"]:
        if entry.get("secret") == "secrets/passwords.vault":
            entry["sha256"] = ""
        elif "secret" in entry:
            data = vault.decrypt(files[entry["secret"]], PASSWORD, entry["path"])
            entry["sha256"] = hashlib.sha256(data).hexdigest()
            sources[entry["sha256"]] = data
        elif entry["path"] == CERTIFICATE:
            place = folder / "chain.pem"
            place.write_bytes(files[f"hosts/{HOST}/{entry['source']}"])
            sources[entry["sha256"]] = str(place)
    port = free_port()
    texts = {name: whole(name, lines) for name, lines in zones(records(loaded)).items()}
    texts["extra.test"] = whole(
        "extra.test",
        [
            "many.extra.test. 60 MX 300 MX2.many.extra.test.",
            "many.extra.test. 60 MX 10 mx1.extra.test.",
            "alias.extra.test. 60 CNAME gm4-rsa._domainkey.example.org.",
            "long.extra.test. 60 TXT " + " ".join(f'"{"x" * 250}"' for _ in range(30)),
            *(f'k{n}.extra.test. 60 TXT "number {n}"' for n in range(700)),
        ],
    )
    server = Knot(folder / "knot", ["127.0.0.1"], port, texts)
    yield manifest, sources, port, loaded
    server.stop()


def wanted(manifest) -> list[list[str]]:
    return [record.split() for entry in manifest["files"] for record in entry.get("records", ())]


def test_what_is_asked(world) -> None:
    manifest, _, port, loaded = world
    assert {tuple(pair) for pair in wanted(manifest)} == {
        (TLSA, "TLSA"),
        (RSA, "TXT"),
        (ED, "TXT"),
        *(
            (f"gm1-{kind}._domainkey.{name}", "TXT")
            for name in ("a.example.org", "example.net")
            for kind in ("rsa", "ed25519")
        ),
    }
    answers = published.ask(wanted(manifest), ["127.0.0.1"], port)
    assert len(answers) == 7
    assert answers[f"{RSA} TXT"] == [f"v=DKIM1; k=rsa; p={loaded.public['dkim/example.org/gm4-rsa.pub'].strip()}"]
    assert answers[f"{TLSA} TLSA"][0].startswith("3 1 1 ")


def test_mail_exchangers_are_read_with_the_names_that_stand_elsewhere_in_the_packet(world) -> None:
    answers = published.ask(
        [("example.org", "MX"), ("parked.example", "MX"), ("many.extra.test", "MX")], ["127.0.0.1"], world[2]
    )
    assert answers == {
        "example.org MX": ["10 mail.example.org"],
        "parked.example MX": ["0 "],
        "many.extra.test MX": ["10 mx1.extra.test", "300 mx2.many.extra.test"],
    }


def test_a_name_that_leads_in_circles_is_no_answer() -> None:
    head = published.struct.pack("!6H", 1, 0x8000, 0, 1, 0, 0)
    for name in (b"\xc0\x19", b"\x01a\xc0\x19", b"\xc0\x20", b"\x3fa"):
        rdata = b"\x00\x0a" + name
        assert (
            published._read(head + b"\x00" + published.struct.pack("!HHIH", 15, 1, 60, len(rdata)) + rdata, "MX")
            is None
        )


def test_aliases_long_answers_many_and_none(world) -> None:
    port = world[2]
    names = [
        ("alias.extra.test", "TXT"),
        ("long.extra.test", "TXT"),
        ("no.extra.test", "TXT"),
        ("k1.extra.test", "TLSA"),
        *((f"k{n}.extra.test", "TXT") for n in range(700)),
    ]
    answers = published.ask(names, ["127.0.0.1"], port)
    assert len(answers) == len(names)
    assert answers["long.extra.test TXT"] == ["x" * 7500]
    assert answers["no.extra.test TXT"] == answers["k1.extra.test TLSA"] == []
    assert answers["k699.extra.test TXT"] == ["number 699"]
    assert answers["alias.extra.test TXT"] == []  # its target is in another zone of this server, which is no resolver


def test_a_resolver_that_is_dead_and_one_that_is_not(world) -> None:
    began = time.monotonic()
    answers = published.ask([(f"k{n}.extra.test", "TXT") for n in range(20)], ["127.0.0.99", "127.0.0.1"], world[2])
    assert len(answers) == 20
    assert time.monotonic() - began < 5


def test_nobody_answers(world, monkeypatch) -> None:
    monkeypatch.setattr(published, "PATIENCE", 0.2)
    began = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        assert (
            published.ask([(f"k{n}.extra.test", "TXT") for n in range(120)], ["127.0.0.1"], silent.getsockname()[1])
            == {}
        )
    assert time.monotonic() - began < 5
    assert published.ask([("k1.extra.test", "TXT")], []) == {}


def test_nobody_listens(world) -> None:
    """A host before its first roll-out, when its resolver is to be the one it does not have yet: no time is lost."""
    began = time.monotonic()
    assert published.ask([(f"k{n}.extra.test", "TXT") for n in range(120)], ["127.0.0.1", "::1"], free_port()) == {}
    assert time.monotonic() - began < 1


def test_an_error_of_the_server_is_no_answer(world) -> None:
    assert published.ask([("elsewhere.example.com", "TXT")], ["127.0.0.1"], world[2]) == {}  # REFUSED


def test_resolvers_of_the_host(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(host, "ROOT", str(tmp_path))
    assert published.servers() == []
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text(
        "# nameserver 192.0.2.9\nsearch example.org\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver"
        " fe80::1%eth0\n"
    )
    assert published.servers() == ["192.0.2.53", "2001:db8::53"]


def test_only_contents_that_change_are_asked_about(world, tmp_path, monkeypatch) -> None:
    manifest, sources, _, _ = world
    asked = []
    monkeypatch.setattr(host, "ROOT", str(tmp_path))
    monkeypatch.setattr(compare, "ask", lambda names: asked.extend(names) or {})
    monkeypatch.setattr(compare, "missing_packages", lambda manifest: ["postfix"])
    compare.compare(manifest)
    assert sorted(asked) == sorted(wanted(manifest))
    for entry in manifest["files"]:
        if "records" in entry:
            data = sources[entry["sha256"]]
            place = tmp_path / entry["path"][1:]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data if isinstance(data, bytes) else Path(data).read_bytes())
    asked.clear()
    compare.compare(manifest)  # owners are others here, and that is no other key
    assert asked == []


def everything(manifest, answers: dict[str, list[str]], removed: tuple[str, ...] = ()) -> dict[str, object]:
    """What a host says that has nothing yet."""
    return {
        "files": [f["path"] for f in manifest["files"]],
        "need": [f["sha256"] for f in manifest["files"]],
        "removed": list(removed),
        "published": answers,
    }


@pytest.fixture
def judged(plugin, world):
    manifest, sources, port, _ = world
    answers = published.ask(wanted(manifest), ["127.0.0.1"], port)

    def judge(changes: dict[str, list[str] | None], removed: tuple[str, ...] = ()):
        altered = {name: texts for name, texts in (answers | changes).items() if texts is not None}
        return plugin.contradictions(manifest, sources, everything(manifest, altered, removed))

    return judge


def forms(world, kind: str) -> dict[str, str]:
    """The site's RSA key as p= may spell it, and its chain as TLSA may."""
    manifest, sources, _, _ = world
    by_path = {entry["path"]: sources.get(entry["sha256"]) for entry in manifest["files"]}
    rsa = load_pem_private_key(by_path["/etc/gmconf/dkim/example.org.gm4-rsa.key"], None).public_key()
    chain = load_pem_x509_certificates(Path(by_path[CERTIFICATE]).read_bytes())
    leaf, last = chain[0], chain[-1]
    spki = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {
        "pkcs1": base64.b64encode(rsa.public_bytes(Encoding.DER, PublicFormat.PKCS1)).decode(),
        "3 1 0": spki.hex(),
        "3 1 2": hashlib.sha512(spki).hexdigest(),
        "3 0 1": hashlib.sha256(leaf.public_bytes(Encoding.DER)).hexdigest(),
        "2 0 1": hashlib.sha256(last.public_bytes(Encoding.DER)).hexdigest(),
    }[kind]


def test_dns_as_the_site_publishes_it(judged) -> None:
    assert judged({}) == ([], [])


def test_nothing_published_yet(judged) -> None:
    assert judged({f"{RSA} TXT": [], f"{ED} TXT": [], f"{TLSA} TLSA": []}) == ([], [])


@pytest.mark.parametrize("kind", ["3 1 0", "3 1 2", "3 0 1", "2 0 1"])
def test_tlsa_of_every_kind(judged, world, kind: str) -> None:
    assert judged({f"{TLSA} TLSA": [f"{kind} {forms(world, kind)}"]}) == ([], [])
    # The same beside one that fits nothing: a single match is enough.
    assert judged({f"{TLSA} TLSA": ["3 1 1 " + "00" * 32, f"{kind} {forms(world, kind)}"]}) == ([], [])
    sentences, _ = judged({f"{TLSA} TLSA": [f"{kind} {'00' * 32}"]})
    assert len(sentences) == 1
    assert sentences[0].startswith(
        f"{TLSA} TLSA fits no certificate of this roll-out; it has to be there first: 3 1 1 "
    )


def test_tlsa_that_no_sender_can_use(judged) -> None:
    assert judged({f"{TLSA} TLSA": ["1 1 1 " + "00" * 32, "3 9 1 " + "00" * 32]}) == ([], [])


def test_dkim(judged, world) -> None:
    assert judged({f"{RSA} TXT": [f"p = {forms(world, 'pkcs1')[:40]} {forms(world, 'pkcs1')[40:]}; k=rsa"]}) == ([], [])
    loaded = world[3]
    for texts in (
        ["v=DKIM1; p="],
        ["v=DKIM1; k=rsa; p=MIIB"],
        ["something else"],
        [f"p={loaded.public['dkim/example.org/gm4-ed25519.pub'].strip()}"],
    ):
        sentences, _ = judged({f"{RSA} TXT": texts})
        assert sentences == [
            f"{RSA} TXT has another key; it has to be: v=DKIM1; k=rsa;"
            f" p={loaded.public['dkim/example.org/gm4-rsa.pub'].strip()}"
        ]


def test_a_switch_to_a_key_that_nobody_finds(judged) -> None:
    other = ("/etc/gmconf/dkim/example.org.gm3-rsa.key", "/etc/gmconf/dkim/example.org.uk.gm3-rsa.key")
    assert judged({f"{RSA} TXT": []}, other[1:]) == ([], [])
    assert judged({f"{RSA} TXT": []}, other)[0] == [f"{RSA} TXT is not published, and the key before it would go"]
    assert judged({}, other) == ([], [])


def test_no_answer_is_no_contradiction(judged) -> None:
    assert judged({f"{RSA} TXT": None, f"{TLSA} TLSA": None}) == ([], [TLSA, RSA])


def test_the_refusal_says_what_to_publish(plugin) -> None:
    text = plugin.refusal(HOST, [f"{n} TXT is not published" for n in range(30)])
    assert text.startswith(f"{HOST}: refused, nothing was touched.")
    assert "and 10 more" in text
    assert "-e gmconf_against_dns=true" in text


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    """The policy file of a site with a web server, as the host is told of it."""
    loaded = made(
        tmp_path_factory.mktemp("policy") / "site",
        SITE.replace('::1"]}', '::1"], roles: [mta, msa, store, filter, web]}'),
    )
    files = build(loaded).files
    manifest = json.loads(files[f"hosts/{HOST}/manifest.json"])
    (entry,) = (e for e in manifest["files"] if e["path"] == "/etc/nginx/mta-sts.txt")
    return entry, files[f"hosts/{HOST}/{entry['source']}"]


def test_an_mta_sts_policy_against_the_mx_of_its_domains(plugin, policy) -> None:
    entry, data = policy
    assert entry["records"] == [
        f"{place}{name} {kind}"
        for name in ("example.org", "a.example.org", "example.net")
        for place, kind in (("", "MX"), ("_mta-sts.", "TXT"))
    ]

    def judge(mx: list[str] | None, told: list[str] | None, text: bytes = data) -> tuple[list[str], list[str]]:
        answers = {record: [] for record in entry["records"]}
        for record, found in (("example.org MX", mx), ("_mta-sts.example.org TXT", told)):
            if found is None:
                del answers[record]
            else:
                answers[record] = found
        return plugin.contradictions(
            {"files": [entry]},
            {entry["sha256"]: text},
            {"files": [entry["path"]], "need": [entry["sha256"]], "removed": [], "published": answers},
        )

    told, mine, other = ["v=STSv1; id=1"], "10 mail.example.org", "20 backup.example.com"
    assert judge([mine], told) == judge([], told) == judge(["0 "], told) == ([], [])
    assert judge([mine, other], told) == (
        [
            "example.org MX names backup.example.com, which the MTA-STS policy of this roll-out does not allow; it has"
            " to be: mail.example.org"
        ],
        [],
    )
    # Nobody is told of a policy, or it says of itself that there is none.
    assert (
        judge([other], [])
        == judge([other], ["v=spf1 -all"])
        == judge([other], told, data.replace(b"testing", b"none"))
        == ([], [])
    )
    assert judge(None, told) == ([], ["example.org"])
    assert judge([other], None) == ([], ["_mta-sts.example.org"])
