"""Real hosts for the tests: two one-host sites, Debian 13 and Debian 12, rolled out once a session.

The machine that runs the tests is "outside": its address is in no network the hosts trust.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "molecule"))

import demo  # noqa: E402
import lab  # noqa: E402

SITE = """\
organisation: {{name: Test, postmaster: alice@{d}, abuse_url: "https://www.{d}/abuse"}}
domains:
  - name: {d}
    mailboxes:
      - {{name: alice}}
      - {{name: bob, senders: [info@{d}]}}
      - {{name: joe}}
      - {{name: tiny, quota: 1 MiB}}
      - {{name: silent, send: false}}
      - {{name: limited, messages_per_hour: 5}}
    aliases: {{info: [alice@{d}, bob@{d}]}}
  - {{name: a.{d}, mailboxes: [{{name: joe}}]}}
  - {{name: all.{d}, mailboxes: [{{name: main}}], catch_all: main@all.{d}}}
  - {{name: alias.{d}, kind: alias, alias_of: {d}}}
  - {{name: parked.{d}, kind: parked}}
service_accounts:
  - {{login: printer@{d}, owner: Facilities, senders: [printer@{d}], messages_per_hour: 5}}
hosts:
  - {{name: mail.{d}, release: {release}, addresses: [{ip4}, "{ip6}"]}}
pop3: {{enabled: true}}
limits: {{message_size: 1 MiB}}
filter: {{signatures: {{mirrors: []}}}}
"""
LOCALS = ("alice", "bob", "joe", "tiny", "silent", "limited", "printer")


@dataclass(frozen=True)
class Mx:
    """A host under test and the site it serves."""

    machine: lab.Machine
    domain: str
    folder: Path

    @property
    def name(self) -> str:
        return self.machine.fqdn

    @property
    def ip4(self) -> str:
        return self.machine.addresses[0]

    @property
    def ip6(self) -> str:
        return self.machine.addresses[1]

    @property
    def ca(self) -> str:
        return str(self.folder / "keys/ca/ca.crt")

    @property
    def password(self) -> str:
        return demo.password()

    def ssh(self, command: str, *, check: bool = True) -> str:
        done = lab.ssh(self.machine, command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert not check or done.returncode == 0, done.stdout
        return done.stdout

    def write_site(self, more: str = "") -> None:
        """site.yml with further lines, rendered."""
        text = SITE.format(d=self.domain, release=self.machine.release, ip4=self.ip4, ip6=self.ip6)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "site.yml").write_text(text + more)
        logins = (*(f"{name}@{self.domain}" for name in LOCALS), f"joe@a.{self.domain}", f"main@all.{self.domain}")
        demo.render(self.folder / "site.yml", self.folder / "build", logins)

    def roll_out(self, *more: str) -> subprocess.CompletedProcess[str]:
        return demo.roll_out(self.machine, self.folder / "build", *more)


@pytest.fixture(scope="session", params=["mx13", "mx12"])
def mx(request) -> Mx:
    """A rolled-out host."""
    machine = lab.MACHINES[request.param]
    lab.up([machine.name])
    host = Mx(machine, machine.fqdn.removeprefix("mail."), lab.STATE / "test" / machine.name)
    host.write_site()
    done = host.roll_out()
    assert done.returncode == 0, done.stdout + done.stderr
    return host
