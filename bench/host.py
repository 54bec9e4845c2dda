#!/usr/bin/env python3
"""What a host of the lab does, ours beside what Debian and others would have it do: ratios measured in one run.

    python3 bench/host.py [mx13|mx12]

Needs root. Every variant runs in the same container; afterwards the host is rolled out again as it was.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "molecule"))

import demo  # noqa: E402
import lab  # noqa: E402
import sites  # noqa: E402

PATIENCE = 420
"""Seconds after which a variant that does not finish is given up; its ratio is then a lower bound. Postfix's defaults
try again after 300."""
MAILBOXES = ("alice", "bob", "carol", "joe")
DEFAULTS = (
    "lmtp_destination_concurrency_limit=20",
    "lmtp_destination_recipient_limit=50",
    "minimal_backoff_time=300s",
    "queue_run_delay=300s",
)
BARE = """compatibility_level = 3.7
mydestination = {domain}
local_recipient_maps =
local_transport = discard:
mynetworks = 127.0.0.0/8
"""


class Bench:
    """One host and what was found on it."""

    def __init__(self, machine: lab.Machine) -> None:
        self.machine, self.domain = machine, sites.domain(machine)
        self.rows: list[dict[str, object]] = []

    def ssh(self, command: str) -> str:
        done = lab.ssh(self.machine, command, capture_output=True)
        if done.returncode:
            sys.exit(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def row(self, name: str, ours: float, other: float, unit: str, goal: str, note: str = "") -> None:
        ratio = ours / other if unit.endswith("/s") else other / ours
        self.rows.append(
            {
                "name": name,
                "ours": round(ours, 2),
                "other": round(other, 2),
                "unit": unit,
                "ratio": round(ratio, 2),
                "goal": goal,
            }
        )
        print(f"{ratio:8.2f}x  (goal {goal})  {name}: {ours:.1f} against {other:.1f} {unit} {note}", flush=True)

    def rate(self, sessions: int, number: int, to: tuple[str, ...] = ("bob",)) -> float:
        """Messages a second that port 25 takes, the sessions shared among the mailboxes."""
        each = f"smtp-source -s {sessions // len(to)} -m {number // len(to)} -l 4096 -f x@sender.example -t"
        command = " ".join(f"{each} {name}@{self.domain} 127.0.0.1:25 &" for name in to) + " wait"
        seconds = float(
            self.ssh(f"s=$(date +%s.%N); {command}; e=$(date +%s.%N); echo $s $e | awk '{{print $2 - $1}}'").split()[-1]
        )
        return number / seconds

    @contextmanager
    def postfix(self, *settings: str) -> Iterator[None]:
        """Other settings for a while."""
        words = " ".join(f"'{s}'" for s in settings)
        self.ssh("cp /etc/postfix/main.cf /root/main.cf.bench")
        self.ssh(f"postconf -e {words}; postfix reload 2>/dev/null; sleep 2")
        try:
            yield
        finally:
            self.ssh(
                "cp /root/main.cf.bench /etc/postfix/main.cf; rm /root/main.cf.bench; postfix reload 2>/dev/null;"
                " sleep 1"
            )

    def empty(self, patience: float) -> tuple[float, int]:
        """Seconds until the queue is empty, and what is left when patience ends."""
        start = time.monotonic()
        while True:
            left = int(self.ssh("postqueue -j | wc -l"))
            if not left or time.monotonic() - start > patience:
                return time.monotonic() - start, left
            time.sleep(0.3)

    def rest(self) -> None:
        """What a variant left in the queue goes out under the host's own settings."""
        self.ssh("postqueue -f")
        self.empty(120)

    def unchanged(self) -> None:
        """A roll-out that has nothing to do, against a ping through Ansible."""
        build = sites.folder(self.machine) / "build"
        plain = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
        env = {**plain, "ANSIBLE_HOST_KEY_CHECKING": "False", "ANSIBLE_VAULT_PASSWORD_FILE": str(demo.vault_password())}
        options = [
            "-e",
            f"ansible_host={self.machine.addresses[0]}",
            "-e",
            f"ansible_ssh_private_key_file={lab.KEY}",
            "-e",
            "ansible_ssh_common_args='-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR'",
        ]
        tool = Path(sys.executable)
        ping = [str(tool.with_name("ansible")), self.machine.fqdn, "-m", "ping", *options]
        play = [str(tool.with_name("ansible-playbook")), "site.yml", *options]
        pairs = []
        for _ in range(5):
            found = []
            for argv in (play, ping):
                start = time.perf_counter()
                subprocess.run(argv, cwd=build, env=env, check=True, capture_output=True)
                found.append(time.perf_counter() - start)
            pairs.append(found)
        ours, other = (statistics.median(p[n] for p in pairs) for n in (0, 1))
        self.rows.append({"name": "unchanged host : ansible -m ping", "ratio": round(ours / other, 2), "goal": "<= 4"})
        print(
            f"{ours / other:8.2f}x  (goal <= 4)  unchanged host, 1 task: {ours:.1f} s against ping {other:.1f} s",
            flush=True,
        )

    def accept(self) -> None:
        """Taking mail with all restrictions, maps and postscreen, but no filter, against a bare Postfix."""
        with self.postfix("smtpd_milters=", "virtual_transport=discard:"):
            self.rate(16, 200)
            ours = self.rate(16, 2000)
        self.ssh(
            f"mkdir -p /root/bare && cat > /root/bare/main.cf <<'E'\n{BARE.format(domain=self.domain)}E\n"
            "cp /usr/share/postfix/master.cf.dist /root/bare/master.cf; postfix stop 2>/dev/null; sleep 1;"
            " postfix -c /root/bare start 2>/dev/null; sleep 2"
        )
        try:
            self.rate(16, 200)
            other = self.rate(16, 2000)
        finally:
            self.ssh(
                "postfix -c /root/bare stop 2>/dev/null; sleep 1; rm -r /root/bare; systemctl restart postfix; sleep 1"
            )
        self.row("B6 accept, 16 sessions, no filter : bare Postfix", ours, other, "msg/s", ">= 0.98")

    def filtered(self) -> None:
        """Taking mail through all filters: UNIX socket, against TCP on the same host as Debian's rspamd has it."""
        inc = "/etc/rspamd/override.d/worker-proxy.inc"
        with self.postfix("virtual_transport=discard:"):
            self.rate(16, 100)
            ours = {sessions: self.rate(sessions, 400) for sessions in (1, 16)}
        self.ssh(
            'echo \'bind_socket = ["/run/rspamd/milter.sock mode=0660 owner=_rspamd group=postfix",'
            f' "127.0.0.1:11332"];\' > {inc}; systemctl restart rspamd; sleep 5'
        )
        try:
            with self.postfix("virtual_transport=discard:", "smtpd_milters=inet:127.0.0.1:11332"):
                self.rate(16, 100)
                other = {sessions: self.rate(sessions, 400 if sessions > 1 else 150) for sessions in (1, 16)}
        finally:
            self.ssh(f"rm {inc}; systemctl restart rspamd; sleep 4")
        self.row("B7 all filters, 1 session : milter over TCP", ours[1], other[1], "msg/s", ">= 6.5")
        self.row("B7 all filters, 16 sessions : milter over TCP", ours[16], other[16], "msg/s", ">= 1.5")

    def one_mailbox(self) -> None:
        """1,000 messages to one mailbox."""

        def burst() -> tuple[float, int, int]:
            mark = self.ssh("date +%s").strip()
            start = time.monotonic()
            self.rate(16, 1000)
            _, left = self.empty(PATIENCE)
            took = time.monotonic() - start
            log = f"journalctl --since @{mark} -o cat -t postfix/lmtp | grep -c status=deferred || true"
            return took, int(self.ssh(log)), left

        with self.postfix("smtpd_milters="):
            ours = burst()
        with self.postfix("smtpd_milters=", *DEFAULTS):
            other = burst()
        self.rest()
        self.row(
            "B8 1,000 messages to one mailbox, time to last : Postfix's defaults",
            ours[0],
            other[0],
            "s",
            ">= 100 (0 deferred)",
            f"(deferred {ours[1]} against {other[1]}; after {PATIENCE} s {other[2]} were still queued)",
        )

    def drain(self) -> None:
        """3,000 messages to four mailboxes wait for the store; seconds from its return to the last."""

        def wait() -> tuple[float, int]:
            self.ssh("systemctl stop dovecot")
            self.rate(16, 3000, MAILBOXES)
            time.sleep(5)
            self.ssh("systemctl start dovecot")
            return self.empty(PATIENCE)

        with self.postfix("smtpd_milters="):
            ours = wait()
        self.ssh("systemctl stop gmconf-queue-flush.path")
        try:
            with self.postfix("smtpd_milters=", *DEFAULTS):
                other = wait()
        finally:
            self.ssh("systemctl start gmconf-queue-flush.path")
        self.rest()
        self.row(
            "B11 3,000 queued messages, store comes back : Postfix's defaults",
            ours[0],
            other[0],
            "s",
            ">= 30 (<= 10 s)",
            f"(after {PATIENCE} s {other[1]} were still queued)",
        )


def main(name: str) -> None:
    """All measurements on one host."""
    machine = lab.MACHINES[name]
    lab.up([name, "ns"])
    sites.write(machine)
    sites.publish(machine)
    if sites.roll_out(machine).returncode:
        sys.exit("roll-out failed")
    bench = Bench(machine)
    try:
        bench.unchanged()
        bench.accept()
        bench.filtered()
        bench.one_mailbox()
        bench.drain()
    finally:
        sites.roll_out(machine)
    print(json.dumps(bench.rows), file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "mx13")
