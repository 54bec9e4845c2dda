"""Two name servers of one site, on two hosts: the first signs, the second fetches, and either is enough.

Both hosts of the lab belong to one site here, which the tests of tests/host, each with a host of its own, could not
bear.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import demo
import dns.dnssec
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rdatatype
import dns.rrset
import dns.tsigkeyring
import dns.xfr
import dns.zone
import lab
import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

from gmconf.keys.names import TRANSFER, TRANSFER_KEY

# The mail host exists on paper only: a site needs one, and the name servers need nothing of it.
SITE = """\
organisation: {{name: Test, postmaster: alice@{d}, abuse_url: "https://www.{d}/abuse"}}
domains:
  - {{name: {d}, mailboxes: [{{name: alice}}]}}
  - {{name: parked-{d}, kind: parked}}
hosts:
{servers}
  - {{name: mail.{d}, release: trixie, addresses: [{net4}.99, "{net6}99"], roles: [mta, msa, store, filter]}}
filter: {{signatures: {{mirrors: []}}}}
dns: {{ttl: 5s, {more}nameservers: [{{name: ns1.{d}}}, {{name: ns2.{d}}}]}}
resolver:
  forwarders: [{forwarder}]
  trust_anchors: ["{anchor}"]
"""


@dataclass(frozen=True)
class Pair:
    """A site whose first name server is one machine and whose second is the other."""

    primary: lab.Machine
    secondary: lab.Machine

    @property
    def domain(self) -> str:
        """The keys of its zones are where they were made, so the name says which host that is."""
        return f"{self.primary.name}-first.example"

    @property
    def zones(self) -> tuple[str, str]:
        return self.domain, f"parked-{self.domain}"

    @property
    def folder(self) -> Path:
        return lab.STATE / "pair" / self.primary.name

    @property
    def machines(self) -> dict[str, lab.Machine]:
        return {f"ns1.{self.domain}": self.primary, f"ns2.{self.domain}": self.secondary}

    def write(self, more: str = "") -> None:
        """site.yml with further settings of dns, rendered; and where its hosts are."""
        self.folder.mkdir(parents=True, exist_ok=True)
        servers = "\n".join(
            f'  - {{name: {name}, release: {m.release}, addresses: [{m.addresses[0]}, "{m.addresses[1]}"], roles:'
            " [nameserver]}"
            for name, m in self.machines.items()
        )
        text = SITE.format(
            d=self.domain,
            servers=servers,
            more=more,
            net4=lab.NET4,
            net6=lab.NET6,
            forwarder=lab.NS.addresses[0],
            anchor=lab.trust_anchor(),
        )
        (self.folder / "site.yml").write_text(text)
        where = {"all": {"hosts": {name: {"ansible_host": m.addresses[0]} for name, m in self.machines.items()}}}
        (self.folder / "lab.yml").write_text(yaml.safe_dump(where))
        demo.render(self.folder / "site.yml", self.folder / "build", (f"alice@{self.domain}",))

    def roll_out(self) -> str:
        """Both hosts in one run of the playbook; what it said."""
        env = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MOLECULE_"))}
        env |= {"ANSIBLE_VAULT_PASSWORD_FILE": str(demo.vault_password()), "ANSIBLE_HOST_KEY_CHECKING": "False"}
        argv = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            "site.yml",
            "-i",
            "inventory.yml",
            "-i",
            str(self.folder / "lab.yml"),
            "--limit",
            ",".join(self.machines),
            "-e",
            f"ansible_ssh_private_key_file={lab.KEY}",
            "-e",
            "ansible_ssh_common_args='-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR'",
        ]
        done = subprocess.run(argv, cwd=self.folder / "build", env=env, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def contract(self, zone: str) -> dns.zone.Zone:
        """The zone as gmconf dns prints it."""
        argv = [*demo.GMCONF, "dns", str(self.folder / "site.yml"), "--zone", zone]
        done = subprocess.run(argv, check=True, capture_output=True, text=True)
        return dns.zone.from_text(done.stdout, zone, relativize=False)


def on(machine: lab.Machine, command: str) -> str:
    done = lab.ssh(machine, command, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def eventually(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def ask(machine: lab.Machine, name: str, kind: str) -> dns.message.Message:
    return dns.query.tcp(dns.message.make_query(name, kind, want_dnssec=True), machine.addresses[0], timeout=10)


def rrset(message: dns.message.Message, kind: str, covers: str = "NONE") -> dns.rrset.RRset | None:
    wanted = dns.rdatatype.from_text(kind), dns.rdatatype.from_text(covers)
    return next((r for r in message.answer if (r.rdtype, r.covers) == wanted), None)


def serial(machine: lab.Machine, zone: str) -> int:
    """0 while it has no such zone."""
    found = rrset(ask(machine, zone, "SOA"), "SOA")
    return found[0].serial if found else 0


def alike(pair: Pair) -> bool:
    return all(serial(pair.primary, zone) == serial(pair.secondary, zone) > 0 for zone in pair.zones)


def answers_for_all(pair: Pair, machine: lab.Machine) -> None:
    """Every record of every zone, authoritative, with a signature by the keys that the primary shows for the parent."""
    for zone in pair.zones:
        name = dns.name.from_text(zone)
        answer = ask(machine, zone, "DNSKEY")
        keys = rrset(answer, "DNSKEY")
        assert keys is not None
        wanted = VOUCHED[zone]
        vouched = [key for key in keys if dns.dnssec.make_ds(name, key, "SHA256").to_text() in wanted]
        assert vouched
        dns.dnssec.validate(keys, rrset(answer, "RRSIG", "DNSKEY"), {name: dns.rrset.from_rdata_list(name, 0, vouched)})
        records = [
            (owner, data) for owner, data in pair.contract(zone).iterate_rdatasets() if data.rdtype != dns.rdatatype.SOA
        ]
        assert len(records) > 3
        for owner, data in records:
            kind = dns.rdatatype.to_text(data.rdtype)
            answer = ask(machine, str(owner), kind)
            assert answer.flags & dns.flags.AA
            found = rrset(answer, kind)
            assert found is not None, (owner, kind)
            assert set(found) == set(data), (owner, kind)
            dns.dnssec.validate(found, rrset(answer, "RRSIG", kind), {name: keys})


VOUCHED: dict[str, set[str]] = {}
"""By zone: DS records that the primary shows for the parent."""


@pytest.fixture(scope="module", params=[("mx13", "mx12"), ("mx12", "mx13")], ids="-".join)
def pair(request) -> Iterator[Pair]:
    """Both hosts rolled out, in this order."""
    found = Pair(*(lab.MACHINES[name] for name in request.param))
    lab.up([*request.param, lab.NS.name])
    found.write()
    found.roll_out()
    eventually(lambda: alike(found), 60)
    for zone in found.zones:
        VOUCHED[zone] = {
            line.split(" DS ")[1] for line in on(found.primary, f"keymgr {zone} ds").splitlines() if " DS " in line
        }
    return found


def test_both_answer_alike(pair: Pair) -> None:
    """The same serial, and on both all that gmconf dns prints, signed with the primary's keys; only the primary has
    any."""
    eventually(lambda: alike(pair))
    answers_for_all(pair, pair.primary)
    answers_for_all(pair, pair.secondary)
    # keymgr, run by root, would make the folder itself, and Knot could not write there.
    first, second = (
        set(on(machine, "ls -A /var/lib/knot/keys/keys 2>/dev/null || true").split())
        for machine in (pair.primary, pair.secondary)
    )
    assert first
    assert first.isdisjoint(second)


def test_a_change_is_live_on_both(pair: Pair) -> None:
    """A roll-out of the site, and both have it, with a later serial; a second one changes nothing."""
    before, name = serial(pair.secondary, pair.domain), f"new.{pair.domain}"
    pair.write(f"records: [{{name: {name}, type: A, value: 192.0.2.7}}], ")
    try:
        pair.roll_out()
        for machine in (pair.primary, pair.secondary):
            eventually(lambda machine=machine: rrset(ask(machine, name, "A"), "A") is not None)
            assert rrset(ask(machine, name, "A"), "A")[0].to_text() == "192.0.2.7"
        assert alike(pair)
        assert serial(pair.secondary, pair.domain) > before
        answers_for_all(pair, pair.secondary)
        again = pair.roll_out()
        assert again.count("changed=0") == 2, again
    finally:
        pair.write()
        pair.roll_out()
    eventually(lambda: alike(pair) and rrset(ask(pair.secondary, name, "A"), "A") is None)


def fetched(pair: Pair, key: str) -> str:
    """What the primary says when the secondary asks for the whole zone, as the user whom its firewall lets out."""
    return on(
        pair.secondary,
        f"setpriv --reuid=knot --regid=knot --clear-groups kdig {key} @{pair.primary.addresses[0]} {pair.domain} AXFR"
        " 2>&1 || true",
    )


def test_a_transfer_needs_the_key(pair: Pair) -> None:
    """From the secondary's own address: with the key all of it, without it or with another nothing; nobody fetches from
    the secondary."""
    vault = VaultLib([("default", VaultSecret(demo.vault_password().read_bytes().strip()))])
    secret = yaml.safe_load(vault.decrypt((pair.folder / "keys" / TRANSFER).read_bytes()))["key"][0]["secret"]
    on(pair.secondary, "command -v kdig >/dev/null || apt-get -qq install -y --no-install-recommends knot-dnsutils")
    assert " RRSIG " in " ".join(fetched(pair, f"-y hmac-sha256:{TRANSFER_KEY}:{secret}").split())
    for key in ("", f"-y hmac-sha256:{TRANSFER_KEY}:c2VjcmV0IG9mIHNvbWVib2R5IGVsc2UgYWx0b2dldGhlcg=="):
        said = fetched(pair, key)
        assert "RRSIG" not in said
        assert "can't connect" not in said
    ring = dns.tsigkeyring.from_text({TRANSFER_KEY: secret})
    for machine in (pair.primary, pair.secondary):
        zone = dns.zone.Zone(dns.name.from_text(pair.domain), relativize=False)
        query, _ = dns.xfr.make_query(zone, keyring=ring, keyalgorithm="hmac-sha256")
        with pytest.raises((dns.xfr.TransferError, dns.exception.DNSException)):
            dns.query.inbound_xfr(machine.addresses[0], zone, query, timeout=10)


def test_the_secondary_serves_alone(pair: Pair) -> None:
    """With the primary stopped, also after a restart of its own."""
    on(pair.primary, "systemctl stop knot")
    try:
        answers_for_all(pair, pair.secondary)
        on(pair.secondary, "systemctl restart knot")
        eventually(lambda: serial(pair.secondary, pair.domain) > 0)
        answers_for_all(pair, pair.secondary)
    finally:
        on(pair.primary, "systemctl start knot")
    eventually(lambda: alike(pair))
