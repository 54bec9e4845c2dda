"""Real hosts for the tests: two one-host sites, Debian 13 and Debian 12, rolled out once a session.

The machine that runs the tests is "outside": its address is in no network the hosts trust. DNS is what the lab's name
server says: one signed zone, the root.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import smtplib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import clients
import demo
import dkim
import lab
import pytest
import sites
import testinfra

from gmconf.controls import control


@dataclass
class Mx:
    """A host under test and the site it serves."""

    machine: lab.Machine
    domain: str
    folder: Path
    sink: clients.Sink
    roots: str = ""
    """File of the CAs (PEM) that clients believe; default: the site's own."""

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
        return self.roots or str(self.folder / "keys/ca/ca.crt")

    @property
    def password(self) -> str:
        return demo.password()

    @property
    def out(self) -> str:
        """A domain on the Internet whose MX is the sink."""
        return sites.outside(self.machine)[0]

    def ssh(self, command: str, *, check: bool = True) -> str:
        done = lab.ssh(self.machine, command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert not check or done.returncode == 0, done.stdout
        return done.stdout

    @functools.cached_property
    def host(self) -> testinfra.host.Host:
        """The host as testinfra sees it."""
        return testinfra.get_host(
            f"ssh://root@{self.ip4}", ssh_identity_file=str(lab.KEY), ssh_extra_args=" ".join(lab.SSH)
        )

    def enter(self, command: str) -> None:
        """A command on the host with the rights of the machine that runs the lab: what containers may not do
        themselves."""
        pid = lab.Podman()("inspect", "-f", "{{.State.Pid}}", self.machine.container).stdout.strip()
        subprocess.run(["nsenter", "-t", pid, "-m", "sh", "-ec", command], check=True)

    @contextlib.contextmanager
    def small(self, folder: str, room: int, unit: str) -> Iterator[None]:
        """A folder on a file system of its own that has room for so many MiB more;
        afterwards it is as it was before.
        """
        self.ssh(f"systemctl stop {unit}; rm -rf /root/copy; cp -a {folder} /root/copy")
        size = int(self.ssh(f"du -sm {folder}").split()[0]) + room
        self.enter(f"mount -t tmpfs -o size={size}m,mode=0755 small {folder}")
        try:
            self.ssh(
                f"cp -a /root/copy/. {folder}/; chown --reference=/root/copy {folder}; chmod --reference=/root/copy"
                f" {folder}; systemctl start {unit}"
            )
            yield
        finally:
            self.ssh(f"systemctl stop {unit}")
            # Children of a daemon that was stopped may take a moment longer than it.
            self.enter(f"for n in $(seq 40); do umount {folder} 2>/dev/null && exit; sleep 0.25; done; umount {folder}")
            self.ssh(f"systemctl start {unit}; rm -rf /root/copy")
        self.accepts()

    @contextlib.contextmanager
    def broken(self, pids: str, calls: str) -> Iterator[None]:
        """System calls of running processes, and of those they start, fail with an error of the disk."""
        self.ssh("command -v strace || apt-get -qq install -y --no-install-recommends strace")
        self.ssh(
            f'systemd-run -q --collect --unit=broken strace -qq -f -o /dev/null -p "$({pids})" -e trace={calls} -e'
            f" inject={calls}:error=EIO"
        )
        time.sleep(1)
        try:
            yield
        finally:
            self.ssh("systemctl stop broken")

    def queue_empties(self, within: float = 60) -> None:
        self.until("test $(postqueue -j | wc -l) -eq 0", within)

    def queue_flushes(self, within: float = 60) -> None:
        """Asks for deferred mail again and again: a scan passes over what is just being tried."""
        self.until("postqueue -f; sleep 1; test $(postqueue -j | wc -l) -eq 0", within)

    def write_site(self, more: str = "", change: tuple[str, str] = ("", "")) -> None:
        sites.write(self.machine, more, change)

    def roll_out(self, *more: str) -> subprocess.CompletedProcess[str]:
        return sites.roll_out(self.machine, *more)

    def until(self, command: str, within: float = 60) -> None:
        """Wait until a command on the host succeeds."""
        deadline = time.monotonic() + within
        while lab.ssh(self.machine, command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
            assert time.monotonic() < deadline, command
            time.sleep(0.5)

    def accepts(self, within: float = 60) -> None:
        """Wait until mail is accepted again."""
        deadline = time.monotonic() + within
        to = f"alice@{self.domain}"
        while True:
            try:
                with clients.outside(self) as smtp:
                    smtp.sendmail("", [to], clients.message("x@sender.example", to).as_bytes())
                return
            except (OSError, smtplib.SMTPException):
                assert time.monotonic() < deadline
                time.sleep(0.5)


def pytest_addoption(parser) -> None:
    parser.addoption("--host", action="append", help="only on this host of the lab (mx13, mx12)")


def pytest_generate_tests(metafunc) -> None:
    if "mx" in metafunc.fixturenames:
        hosts = metafunc.config.getoption("host") or ["mx13", "mx12"]
        cases = "".join(f"-{case}" for mark in metafunc.definition.iter_markers("case") for case in mark.args)
        metafunc.parametrize("mx", hosts, indirect=True, scope="session", ids=[f"{host}{cases}" for host in hosts])


@pytest.fixture(scope="session")
def mx(request) -> Iterator[Mx]:
    """A rolled-out host."""
    machine = lab.MACHINES[request.param]
    lab.up([machine.name, lab.NS.name])
    with clients.Sink(sites.outside(machine)[1]) as sink:
        host = Mx(machine, sites.domain(machine), sites.folder(machine), sink)
        host.write_site()
        sites.publish(machine)
        done = host.roll_out()
        assert done.returncode == 0, done.stdout + done.stderr
        yield host


@pytest.fixture(scope="session")
def signer() -> tuple[bytes, str]:
    """A DKIM key of sender.example: private part (PEM) and record."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"


@pytest.fixture(scope="session")
def signed(signer, mx):
    """Signs as sender.example, whose key is in DNS; with From, To, Subject and Date unless other headers are named."""
    private, record = signer
    parts = " ".join(f'"{record[i : i + 250]}"' for i in range(0, len(record), 250))
    name = f"k{mx.machine.number}"
    lab.zone(f"signer-{name}", f"{name}._domainkey.sender.example. 5 TXT {parts}\n")
    mx.ssh("unbound-control -q flush_zone example")

    def sign(data: bytes, headers: tuple[bytes, ...] = (b"from", b"to", b"subject", b"date")) -> bytes:
        return dkim.sign(data, name.encode(), b"sender.example", private, include_headers=list(headers)) + data

    return sign


collect_ignore = [] if sites.TALKS else ["test_chat.py", "test_news.py"]
"""Hosts with chat and news are another lab: make talk."""
ORDER = (
    "test_mail",
    "test_tls",
    "test_dialogue",
    "test_relay",
    "test_submission",
    "test_outgoing",
    "test_tls_out",
    "test_exchange",
    "test_reports",
    "test_form",
    "test_results",
    "test_authors",
    "test_files",
    "test_senders",
    "test_mailbox",
    "test_scripts",
    "test_chat",
    "test_news",
    "test_web",
    "test_nameserver",
    "test_records",
    "test_served",
    "test_host",
    "test_runbooks",
    "test_rollout",
    "test_cuts",
    "test_sni",
    "test_acme",
    "test_hostile",
    "test_floods",
    "test_faults",
    "test_whole",
    "test_failures",
    "test_journal",
    "test_verify",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Host by host; what breaks things comes late, then what reads the journal of it all; spoiling hosts on purpose is
    last."""
    for item in items:
        for mark in item.iter_markers("control"):
            control(*mark.args)  # raises when there is no such control
    items.sort(key=lambda item: (item.callspec.params["mx"], ORDER.index(item.path.stem)))
