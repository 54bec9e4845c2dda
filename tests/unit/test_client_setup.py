"""What programs of users are told equals what listens: sheets, Thunderbird's file, Apple's profile, SRV records."""

from __future__ import annotations

import plistlib
import re
from pathlib import Path
from uuid import NAMESPACE_DNS, UUID, uuid5
from xml.etree import ElementTree as ET

import dns.rdatatype
import dns.zone
import pytest
from dnssite import SITE, made
from test_documents import rendered, table
from test_golden_sites import prepared
from test_nat import OWN as MACHINE

from gmconf.build import tree
from gmconf.documents.clients import learns
from gmconf.site.load import load

NAMES = ("everything", "six")
PORTS = {"submissions": 465, "submission": 587, "imaps": 993, "imap": 143, "pop3s": 995, "pop3": 110, "sieve": 4190}
CHAT = {"xmpp-client": 5222, "xmpps-client": 5223}
SERVERS = {"xmpp-server": 5269, "xmpps-server": 5270}
"""Announced where it is hosted; who hosts none, or speaks to no other servers, says nothing about it."""


@pytest.fixture(scope="module", params=NAMES)
def built(request, tmp_path_factory) -> Path:
    return rendered(prepared(request.param, tmp_path_factory.mktemp(f"clients-{request.param}")))


def open_ports(built: Path) -> set[tuple[str, int]]:
    """(host, port) that everybody may reach, read from the firewalls."""
    found = set()
    for folder in (built / "build/hosts").iterdir():
        for ports in re.findall(
            r"^        tcp dport \{ ([0-9, ]+) \} accept", (folder / "tree/etc/nftables.conf").read_text(), re.M
        ):
            found |= {(folder.name, int(port)) for port in ports.split(",")}
    return found


def reached(built: Path, name: str = "") -> set[tuple[str, int]]:
    """(host, port) as users of a domain find it: under the name that the domain has for it, if any, where mail is read
    and submitted."""
    own = next((d.own_clients for d in load(built / "site.yml").site.domains if d.name == name), None)
    return {(own if own and port in PORTS.values() else host, port) for host, port in open_ports(built)}


def folders(built: Path, kind: str) -> list[Path]:
    domains = {d.name: d for d in load(built / "site.yml").site.domains}
    return [
        p
        for p in sorted((built / "build/documents/clients").iterdir())
        if (domains[p.name].kind == "parked") == (kind == "parked")
    ]


def test_every_domain_has_its_folder(built) -> None:
    site = load(built / "site.yml").site
    assert {p.name for p in (built / "build/documents/clients").iterdir()} == {d.name for d in site.domains}
    for folder in folders(built, "used"):
        names = {"setup.md", "setup.html", "config-v1.1.xml", "records.zone", f"{folder.name}.mobileconfig"}
        assert {p.name for p in folder.iterdir()} == names


def test_thunderbird(built) -> None:
    """Only what listens, all of it, with TLS, and TLS from the first byte before STARTTLS."""
    site = load(built / "site.yml").site
    for folder in folders(built, "used"):
        root = ET.parse(folder / "config-v1.1.xml").getroot()
        assert (root.tag, root.get("version")) == ("clientConfig", "1.1")
        provider = root.find("emailProvider")
        assert provider.findtext("domain") == folder.name
        assert provider.findtext("displayName") == site.organisation.name
        servers = [*provider.iter("incomingServer"), *provider.iter("outgoingServer")]
        found = [(s.findtext("hostname"), int(s.findtext("port"))) for s in servers]
        assert set(found) == {(h, p) for h, p in reached(built, folder.name) if p in (143, 993, 995, 465, 587)}
        assert len(set(found)) == len(found)
        assert {s.findtext("socketType") for s in servers} == {"SSL", "STARTTLS"}, "nothing in clear"
        for s in servers:
            assert (s.findtext("socketType") == "SSL") == (s.findtext("port") in ("465", "993", "995"))
        assert servers[0].findtext("port") == "993"
        assert provider.find("outgoingServer").findtext("port") == "465"
        domain = next(d for d in site.domains if d.name == folder.name)
        login = "%EMAILADDRESS%" if domain.kind == "hosted" else f"%EMAILLOCALPART%@{domain.alias_of}"
        assert {s.findtext("username") for s in servers} == {login}


def test_apple(built) -> None:
    """A whole property list; ids that follow from the names alone and are all different."""
    ids = []
    for folder in folders(built, "used"):
        profile = plistlib.loads((folder / f"{folder.name}.mobileconfig").read_bytes())
        (account,) = profile["PayloadContent"]
        assert (profile["PayloadType"], account["PayloadType"]) == ("Configuration", "com.apple.mail.managed")
        for way, port in (("Incoming", 993), ("Outgoing", 465)):
            assert (account[f"{way}MailServerHostName"], account[f"{way}MailServerPortNumber"]) in reached(
                built, folder.name
            )
            assert account[f"{way}MailServerPortNumber"] == port
            assert account[f"{way}MailServerUseSSL"] is True
        assert UUID(profile["PayloadUUID"]) == uuid5(NAMESPACE_DNS, f"profile.gmconf.{folder.name}")
        ids += [
            profile["PayloadUUID"],
            account["PayloadUUID"],
            profile["PayloadIdentifier"],
            account["PayloadIdentifier"],
        ]
    assert len(set(ids)) == len(ids)


def test_srv(built) -> None:
    """Read by a zone parser: what listens is announced on its host, what does not is "." (RFC 2782);
    TLS comes first.
    """
    hosted = {d.name for d in load(built / "site.yml", keys=False).site.domains if d.kind == "hosted"}
    for folder in folders(built, "used"):
        zone = dns.zone.from_text(
            f"$ORIGIN {folder.name}.\n" + (folder / "records.zone").read_text(), relativize=False, check_origin=False
        )
        found = {name.to_text(): rdataset for name, rdataset in zone.iterate_rdatasets(dns.rdatatype.SRV)}
        chat = folder.name in hosted and any(port == 5222 for _, port in open_ports(built))
        federated = any(port == 5269 for _, port in open_ports(built))
        ports = {**PORTS, **(CHAT if chat else {}), **(SERVERS if chat and federated else {})}
        assert set(found) == {f"_{label}._tcp.{folder.name}." for label in ports}
        for label, port in ports.items():
            hosts = {host for host, number in reached(built, folder.name) if number == port}
            records = list(found[f"_{label}._tcp.{folder.name}."])
            if hosts:
                assert {(r.target.to_text().rstrip("."), r.port) for r in records} == {(h, port) for h in hosts}
            else:
                assert [(r.target.to_text(), r.port, r.priority) for r in records] == [(".", 0, 0)]
        assert (
            found[f"_submissions._tcp.{folder.name}."][0].priority
            < found[f"_submission._tcp.{folder.name}."][0].priority
        )
        assert found[f"_imaps._tcp.{folder.name}."][0].priority < found[f"_imap._tcp.{folder.name}."][0].priority


def test_parked_domains_say_so(built) -> None:
    for folder in folders(built, "parked"):
        zone = dns.zone.from_text(
            f"$ORIGIN {folder.name}.\n" + (folder / "records.zone").read_text(), relativize=True, check_origin=False
        )
        (mx,) = zone.get_rdataset("@", "MX")
        assert (mx.preference, mx.exchange.to_text()) == (0, ".")
        assert zone.get_rdataset("@", "TXT").to_text().endswith('"v=spf1 -all"')
        assert '"v=DMARC1; p=reject;' in zone.get_rdataset("_dmarc", "TXT").to_text()
        assert {p.name for p in folder.iterdir()} == {"records.zone"}


def test_sheets_name_what_listens(built) -> None:
    for sheet in (
        *(folder / "setup.md" for folder in folders(built, "used")),
        built / "build/documents/client-setup.md",
    ):
        rows = [
            line.strip("| ").split(" | ")
            for line in sheet.read_text().splitlines()
            if re.search(r"\| `[^|]+ \| \d+ \|", line)
        ]
        rows = [row for row in rows if "NNTP" not in row[0]]
        found = {(host.strip("`"), int(port)) for _, hosts, port, _ in rows for host in hosts.split(", ")}
        assert found == {(h, p) for h, p in reached(built, sheet.parent.name) if p in {**PORTS, **CHAT}.values()}


def test_of_two_submission_hosts_one_is_named_and_one_stands_in(tmp_path) -> None:
    """A mail program has room for one name."""
    work = prepared("six", tmp_path)
    text = (work / "site.yml").read_text()
    (work / "site.yml").write_text(text.replace("roles: [mta]}", "roles: [mta, msa]}", 1))
    built = rendered(work)
    sheets = [folder / "setup.md" for folder in folders(built, "used")]
    for sheet in (*sheets, built / "build/documents/client-setup.md"):
        sending = [line for line in sheet.read_text().splitlines() if line.startswith("| sending")]
        assert [line.split(" | ")[1] for line in sending] == ["`mx1.example.org`"] * 2
        assert "\n\nIf `mx1.example.org` does not answer, `submit.example.org` does the same" in sheet.read_text()


@pytest.mark.parametrize(
    ("roles", "taught"), [("[filter]", False), ("[filter, store]", True), ("[filter, mta]", False)]
)
def test_users_are_told_that_the_filter_learns_where_it_does(tmp_path, roles: str, taught: bool) -> None:
    """A store teaches the filter beside it; one on another host learns nothing."""
    addresses = "addresses: [192.0.2.3, '2001:db8::3'], memory: 8 GiB"
    other = f"  - {{name: f.example.org, release: trixie, {addresses}, roles: {roles}}}\n"
    rest = "mta, msa, store" if "store" not in roles else "mta, msa"
    own = f'  - {{name: mail.example.org, release: trixie, addresses: [192.0.2.1, "2001:db8::1"], roles: [{rest}]}}\n'
    loaded = made(tmp_path, SITE.replace(MACHINE, own + other))
    assert learns(loaded.site) is taught
    teaches = any(re.match("hosts/.*/learn-spam.sieve$", path) for path in tree.build(loaded).files)
    assert teaches is taught


def test_the_sheet_promises_no_more(built) -> None:
    text = (folders(built, "used")[0] / "setup.md").read_text()
    assert ("the filter learns" in text) is learns(load(built / "site.yml").site)
    assert "filed into the folder Junk" in text


def test_news_elsewhere_is_named(tmp_path) -> None:
    work = prepared("everything", tmp_path)
    text = re.sub(
        r"news:\n  groups:.*\n  retention:.*\n  article_size:.*\n",
        "news: {host: news.example.net, port: 1563}\n",
        (work / "site.yml").read_text(),
    )
    (work / "site.yml").write_text(text.replace("filter, chat, news, web]", "filter, chat, web]"))
    built = rendered(work)
    assert table(built / "build/documents/client-setup.md", "Servers")[-1] == [
        "news (NNTP)",
        "`news.example.net`",
        "1563",
        "TLS",
    ]


def test_a_port_that_closes_leaves_every_file(tmp_path) -> None:
    """POP3 off: no program is told of it."""
    work = prepared("everything", tmp_path)
    (work / "site.yml").write_text(
        (work / "site.yml").read_text().replace("pop3: {enabled: true}", "pop3: {enabled: false}")
    )
    files = tree.build(load(work / "site.yml")).files
    mine = {path: data.decode() for path, data in files.items() if path.startswith("documents/clients/example.org/")}
    assert mine
    assert not any("995" in text for path, text in mine.items())
    assert "_pop3s._tcp.example.org. 1800 IN SRV 0 0 0 ." in mine["documents/clients/example.org/records.zone"]


def test_what_the_web_server_says_is_what_the_documents_have(built) -> None:
    """The web server knows who is reached where by roles, the documents by what listens."""
    pages = sorted(built.glob("build/hosts/*/tree/etc/nginx/gmconf-autoconfig/*.xml"))
    assert [p.stem for p in pages] == (
        ["example.net", "example.org"] if "autoconfig" in (built / "site.yml").read_text() else []
    )
    for page in pages:
        assert page.read_text() == (built / f"build/documents/clients/{page.stem}/config-v1.1.xml").read_text()
