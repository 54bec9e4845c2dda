"""A site for the tests of DNS, with keys that are made once."""

from __future__ import annotations

from pathlib import Path

from sitekeys import with_keys

from gmconf.dns.zonefile import line
from gmconf.site.load import Loaded, load

SITE = """\
organisation: {name: Example Organisation, postmaster: alice@example.org}
domains:
  - name: example.org
    mailboxes: [{name: alice}, {name: reports}]
    dkim: {selector: gm4, retired: [old]}
  - {name: a.example.org, mailboxes: [{name: bob}]}
  - {name: example.net, kind: alias, alias_of: example.org}
  - {name: parked.example, kind: parked}
hosts:
  - {name: mail.example.org, release: trixie, addresses: [192.0.2.1, "2001:db8::1"]}
dns:
  reports: reports@example.org
  dmarc: {policy: reject}
  tlsa: true
  caa: [{name: ca.example, account_uri: "https://ca.example/acct/1", validation_methods: [http-01, dns-01]}]
"""


def made(folder: Path, text: str = SITE, level: str = "", more: str = "") -> Loaded:
    """The site in a folder, with keys."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "site.yml").write_text((f"level: {level}\n" if level else "") + text + more)
    return load(with_keys(folder) / "site.yml")


def zones(records) -> dict[str, list[str]]:
    """The lines of each zone as a provider would have them, without SOA and NS."""
    found: dict[str, list[str]] = {}
    for record in records:
        if record.need != "forbidden":
            found.setdefault(record.zone, []).append(line(record))
    return found


def whole(name: str, lines: list[str], serial: int = 1) -> str:
    """A zone that two name servers in lab.test keep."""
    apex = "." if name == "." else f"{name}."
    return (
        "\n".join(
            [
                f"{apex} 60 SOA ns1.lab.test. hostmaster.lab.test. {serial} 60 60 3600 60",
                f"{apex} 60 NS ns1.lab.test.",
                f"{apex} 60 NS ns2.lab.test.",
                *lines,
            ]
        )
        + "\n"
    )
