#!/usr/bin/env python3
"""The sites of the tests, one on each host of the lab: written, rendered, published in the lab's DNS, rolled out.

python3 molecule/sites.py HOST ...    prints the roll-out's recap
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import demo
import lab

SITE = """\
organisation: {{name: Test, postmaster: alice@{d}, abuse_url: "https://www.{d}/abuse"}}
domains:
  - name: {d}
    mailboxes:
      - {{name: alice}}
      - {{name: bob, senders: [info@{d}]}}
      - {{name: carol}}
      - {{name: joe}}
      - {{name: probe, messages_per_hour: 2000}}
      - {{name: tiny, quota: 1 MiB}}
      - {{name: silent, send: false}}
      - {{name: limited, messages_per_hour: 5}}
      - {{name: locked, suspended: case 1}}
    aliases: {{info: [alice@{d}, bob@{d}], away: [moved@{out}], gone: [refused@{out}]}}
  - {{name: a.{d}, mailboxes: [{{name: joe}}]}}
  - name: all.{d}
    mailboxes: [{{name: main, senders: ["@all.{d}"]}}, {{name: other}}, {{name: shut, suspended: case 2}}]
    catch_all: main@all.{d}
  - {{name: alias.{d}, kind: alias, alias_of: {d}}}
  - {{name: parked.{d}, kind: parked}}
service_accounts:
  - {{login: printer@{d}, owner: Facilities, senders: [printer@{d}], messages_per_hour: 5}}
  - {{login: scanner@{d}, owner: Facilities, senders: [scanner@{d}], networks: [10.0.0.0/8]}}
hosts:
  - {{name: mail.{d}, release: {release}, addresses: [{ip4}, "{ip6}"], roles: [{roles}]}}
{talk}pop3: {{enabled: true}}
limits: {{message_size: 1 MiB}}
filter:
  signatures: {{mirrors: []}}
  dmarc_reports: true
  blocks: [{{sender: blocked.sender.example, reason: the tests, review_by: 2099-12-31}}]
dns: {{ttl: 5s, {ns}dmarc: {{policy: reject}}, tlsa: true}}
{web}resolver:
  forwarders: [{forwarder}]
  trust_anchors: ["{anchor}"]
"""
LOCALS = ("alice", "bob", "carol", "joe", "tiny", "silent", "limited", "locked", "printer", "scanner", "probe")
TALKS = bool(os.environ.get("GMCONF_LAB_TALKS"))
"""Whether the hosts have chat and news too (make talk)."""
MAIL = "mta, msa, store, filter"
ROLES = f"{MAIL}, chat, news, web, nameserver" if TALKS else f"{MAIL}, web, nameserver"
TALK = (
    """\
tls: {trusted: [partner]}
news:
  groups:
    - {name: local.talk, description: Everything and nothing}
    - {name: local.announce, description: News of the house}
"""
    if TALKS
    else ""
)
# What the rest of the world has in DNS. The client of the tests is the first address of the lab.
CLIENT = f"{lab.NET4}.1"
WORLD = f"""\
{ip_address(CLIENT).reverse_pointer}. 5 PTR client.sender.example.
client.sender.example. 5 A {CLIENT}
sender.example. 5 MX 10 client.sender.example.
sender.example. 5 TXT "v=spf1 ip4:{CLIENT} -all"
_dmarc.sender.example. 5 TXT "v=DMARC1; p=none"
strict.example. 5 MX 10 client.sender.example.
strict.example. 5 TXT "v=spf1 -all"
_dmarc.strict.example. 5 TXT "v=DMARC1; p=reject"
blocked.sender.example. 5 MX 10 client.sender.example.
nodmarc.example. 5 MX 10 client.sender.example.
localhost. 5 A 127.0.0.1
"""


def domain(machine: lab.Machine) -> str:
    return machine.fqdn.removeprefix("mail.")


def folder(machine: lab.Machine) -> Path:
    return lab.STATE / "test" / machine.name


def outside(machine: lab.Machine) -> tuple[str, str]:
    """A domain on the Internet for this host, and the address of its MX."""
    return f"{machine.name}.elsewhere.example", f"{lab.NET4}.{machine.number + 100}"


def partner(machine: lab.Machine) -> lab.Machine:
    """The other mail host: another organisation, with a CA of its own."""
    return lab.MACHINES["mx12" if machine.name == "mx13" else "mx13"]


def site(machine: lab.Machine, *, mail_only: bool = False) -> str:
    """site.yml as it is when nothing is tried out; also without chat, news, web and name server."""
    name, (ip4, ip6) = domain(machine), machine.addresses
    roles, talk, web, ns = (
        (MAIL, "", "", "")
        if mail_only
        else (ROLES, TALK, "web: {mta_sts: enforce, autoconfig: true}\n", f"nameservers: [{{name: mail.{name}}}], ")
    )
    return SITE.format(
        d=name,
        release=machine.release,
        roles=roles,
        talk=talk,
        web=web,
        ns=ns,
        ip4=ip4,
        ip6=ip6,
        out=outside(machine)[0],
        forwarder=lab.NS.addresses[0],
        anchor=lab.trust_anchor(),
    )


def believe(machine: lab.Machine) -> None:
    """The partner's CA beside our keys. Whoever comes first makes the keys of both."""
    with (lab.STATE / "partners.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for one in (machine, partner(machine)):
            where = folder(one)
            if not (where / "keys/ca/ca.crt").exists():
                where.mkdir(parents=True, exist_ok=True)
                (where / "site.yml").write_text(site(one))
                env = {**os.environ, "ANSIBLE_VAULT_PASSWORD_FILE": str(demo.vault_password())}
                subprocess.run([*demo.GMCONF, "keys", str(where / "site.yml")], env=env, check=True)
        shutil.copyfile(folder(partner(machine)) / "keys/ca/ca.crt", folder(machine) / "keys/ca/partner.crt")


def write(machine: lab.Machine, more: str = "", change: tuple[str, str] = ("", ""), *, mail_only: bool = False) -> None:
    """site.yml with further or other lines, rendered."""
    name, where = domain(machine), folder(machine)
    where.mkdir(parents=True, exist_ok=True)
    if TALKS:
        believe(machine)
    text = site(machine, mail_only=mail_only)
    if change[0] not in text:
        raise ValueError(f"site.yml of {machine.name} does not hold {change[0]!r}; name what is to be changed")
    (where / "site.yml").write_text(text.replace(*change) + more)
    demo.render(
        where / "site.yml", where / "build", (*(f"{n}@{name}" for n in LOCALS), f"joe@a.{name}", f"main@all.{name}")
    )


def publish(machine: lab.Machine, change: tuple[str, str] = ("", "")) -> None:
    """What ``gmconf dns`` says belongs into DNS for this site, with what matches put otherwise; and the outside host
    that takes its mail."""
    out, sink = outside(machine)
    done = subprocess.run(
        [*demo.GMCONF, "dns", str(folder(machine) / "site.yml")], check=True, capture_output=True, text=True
    )
    # Zones are parts of the root here; who asks the site's own name servers is told otherwise.
    records = "\n".join(line for line in done.stdout.splitlines() if line.split()[2:3] not in (["SOA"], ["NS"]))
    records = re.sub(*change, records)
    lab.zone(machine.name, f"{records}\n{out}. 5 MX 10 mx.{out}.\nmx.{out}. 5 A {sink}\n")
    lab.zone("world", WORLD)


def roll_out(machine: lab.Machine, *more: str) -> subprocess.CompletedProcess[str]:
    return demo.roll_out(machine, folder(machine) / "build", *more)


def main(names: list[str]) -> None:
    """All of it for some hosts."""
    for machine in map(lab.MACHINES.__getitem__, names):
        write(machine)
        publish(machine)
        done = roll_out(machine)
        print(done.stdout, done.stderr)
        if done.returncode:
            sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
