"""Names that domains have for the servers: certificates, tables of daemons, what is published, what users are told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from commands import gmconf

OWN = "server_names: {clients: imap.example.org, mx: mx.example.org}"


def rewritten(site: Path, *changes: tuple[str, str]) -> None:
    text = (site / "site.yml").read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (site / "site.yml").write_text(text)


@pytest.fixture
def named(site) -> Path:
    """The example, whose first domain has both names, with keys for them."""
    rewritten(site, ("  - name: example.org\n", f"  - name: example.org\n    {OWN}\n"))
    done = gmconf("keys", "site.yml", cwd=site)
    assert done.returncode == 0, done.stderr
    return site


def rendered(site: Path) -> Path:
    done = gmconf("render", "site.yml", cwd=site)
    assert done.returncode == 0, done.stderr
    return next((site / "build/hosts").iterdir())


def zone(site: Path) -> list[str]:
    done = gmconf("dns", "site.yml", cwd=site)
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line and line[0] != ";"]


def test_names_and_keys_are_asked_for(site) -> None:
    rewritten(site, ("  - name: example.org\n", f"  - name: example.org\n    {OWN}\n"))
    done = gmconf("render", "site.yml", cwd=site)
    assert done.returncode == 2
    assert "keys/tls/imap.example.org.crt and 3 more are missing; create them: gmconf keys SITE" in done.stderr
    assert not (site / "build").exists()


def test_each_name_has_its_pair(named) -> None:
    """Postfix for all ports, Dovecot for the name that programs use; only places stand in what is rendered."""
    host = rendered(named)
    name = host.name
    lines = [
        text
        for text in (host / "tree/etc/postfix/maps/server-names").read_text().splitlines()
        if text and text[0] != "#"
    ]
    assert lines == [
        f"{n} /etc/gmconf/tls/{n}.key, /etc/gmconf/tls/{n}.crt"
        for n in sorted((name, "imap.example.org", "mx.example.org"))
    ]
    assert (
        "tls_server_sni_maps = texthash:/etc/postfix/maps/server-names\n"
        in (host / "tree/etc/postfix/main.cf").read_text()
    )
    assert [
        text for text in (host / "tree/etc/dovecot/dovecot.conf").read_text().splitlines() if "local_name" in text
    ] == ["local_name imap.example.org {"]
    manifest = json.loads((host / "manifest.json").read_text())
    judged = [pair["names"] for pair in manifest["tls"]]
    assert [["imap.example.org"], ["mx.example.org"]] == [
        n for n in judged if n[0] in ("imap.example.org", "mx.example.org")
    ]
    records = {f["path"]: f.get("records") for f in manifest["files"]}
    assert records["/etc/gmconf/tls/mx.example.org.crt"] == ["_25._tcp.mx.example.org TLSA"]
    assert records["/etc/gmconf/tls/imap.example.org.crt"] is None
    assert {
        (f["mode"], f["owner"]) for f in manifest["files"] if "secret" in f and f["path"].startswith("/etc/gmconf/tls/")
    } == {("0600", "root")}


def test_without_names_nothing_is_there(site) -> None:
    host = rendered(site)
    assert not (host / "tree/etc/postfix/maps/server-names").exists()
    assert "sni" not in (host / "tree/etc/postfix/main.cf").read_text()
    assert "local_name" not in (host / "tree/etc/dovecot/dovecot.conf").read_text()


def test_others_are_told(named) -> None:
    """MX, SRV, addresses, CAA and TLSA say the name; reverse names and SPF stay the host's."""
    rewritten(named, ("hosts:\n", "dns: {tlsa: true}\nhosts:\n"))
    found = zone(named)
    host = rendered(named).name

    def rdata(owner: str, kind: str) -> list[str]:
        return [line.split(None, 3)[3] for line in found if line.split()[0] == f"{owner}." and line.split()[2] == kind]

    assert rdata("example.org", "MX") == ["10 mx.example.org."]
    assert rdata("_imaps._tcp.example.org", "SRV") == ["0 1 993 imap.example.org."]
    assert rdata("_submission._tcp.example.org", "SRV") == ["10 1 587 imap.example.org."]
    for name in ("imap.example.org", "mx.example.org"):
        assert rdata(name, "A") == rdata(host, "A")
        assert rdata(name, "AAAA") == rdata(host, "AAAA")
        assert rdata(name, "CAA") == rdata(host, "CAA") != []
        assert rdata(name, "TXT") == []
    assert len(rdata("_25._tcp.mx.example.org", "TLSA")) == 1
    assert rdata("_25._tcp.mx.example.org", "TLSA") != rdata(f"_25._tcp.{host}", "TLSA")
    assert rdata("_25._tcp.imap.example.org", "TLSA") == []
    assert not [line for line in found if " PTR " in line and host not in line]


def test_one_name_for_both(named) -> None:
    rewritten(named, (OWN, "server_names: {clients: imap.example.org, mx: imap.example.org}"))
    found = zone(named)
    assert sum(line.startswith("imap.example.org. ") and " A " in line for line in found) == len(
        [x for x in found if x.startswith("mail.example.org. ") and " A " in x]
    )
    assert any(line.startswith("example.org. ") and line.endswith("MX 10 imap.example.org.") for line in found)
    lines = (rendered(named) / "tree/etc/postfix/maps/server-names").read_text()
    assert lines.count("imap.example.org.key") == 1


def test_a_certificate_for_another_name_is_refused(named) -> None:
    """Files from elsewhere are looked into, at the line that says the name."""
    keys = named / "keys/tls"
    shutil.copyfile(keys / "mx.example.org.crt", keys / "imap.example.org.crt")
    rewritten(named, ("hosts:\n", "tls: {source: files}\nhosts:\n"))
    done = gmconf("render", "site.yml", cwd=named)
    assert done.returncode == 2
    place, _, text = done.stderr.partition(": ")
    assert (named / "site.yml").read_text().splitlines()[int(place.split(":")[1]) - 1].strip() == OWN
    assert (
        text == "domains[0].server_names.clients: keys/tls/imap.example.org.crt is for mx.example.org, not for"
        " imap.example.org; rename the host, or have it issued for this name\n"
    )
    assert not (named / "build").exists()


def test_explained(named) -> None:
    rendered(named)
    done = gmconf("explain", "domains[0].server_names.clients", cwd=named)
    assert done.returncode == 0, done.stderr
    assert "imap.example.org" in done.stdout


def test_more_names_than_dovecot_of_debian_12_can_hold(site) -> None:
    """Allowed are a thousand; on Debian 13 more."""

    def text(names: int, release: str) -> str:
        more = "".join(
            f"  - {{name: d{n}.example, server_names: {{clients: mail.d{n}.example}}}}\n" for n in range(names)
        )
        return (
            (site / "site.yml")
            .read_text()
            .replace("hosts:\n", f"{more}hosts:\n")
            .replace("release: trixie", f"release: {release}")
        )

    for names, release, refused in ((1000, "bookworm", False), (1001, "bookworm", True), (1001, "trixie", False)):
        (site / "many.yml").write_text(text(names, release))
        found = gmconf("validate", "many.yml", cwd=site)
        assert found.returncode == 2  # keys are missing in any case
        assert ("has room for 1000 names of 1001" in found.stderr) is refused
