"""The host itself: what listens, who may talk to whom, and that nothing is left lying around."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
from collections.abc import Iterator

import demo
import dns.flags
import dns.message
import lab
import pytest
import sites

from gmconf.services import quickack

PUBLIC = {22, 25, 53, 80, 143, 443, 465, 587, 993, 995, 4190} | (
    {119, 563, 5222, 5223, 5269, 5270} if sites.TALKS else set()
)
BOUND = 5.0
"""The exposure of a service, as systemd counts it, that is still called fenced in."""
# Files of a folder, sent as JSON.
UNPACK = """import json, pathlib, sys
for name, text in json.load(sys.stdin).items():
    path = pathlib.Path(sys.argv[1], name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)"""
# A program of its own: as whom, to which port, over TCP or UDP.
TRY = (
    "import socket,sys; s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, getattr(socket,"
    " sys.argv[3])); s.settimeout(3); s.connect((sys.argv[1], int(sys.argv[2]))); s.send(b'x'); print('open')"
)


@pytest.mark.control("gov.minimal")
def test_listening_ports_are_those_of_the_model(mx) -> None:
    tcp = {
        int(port)
        for address, port in re.findall(r"^\S+ +\d+ +\d+ +(\S+):(\d+)", mx.ssh("ss -Hltn"), re.M)
        if not address.startswith(("127.", "[::1]"))
    }
    assert tcp == PUBLIC
    udp = [line for line in mx.ssh("ss -Hlun").splitlines() if not re.search(r"(127\.0\.0\.\d+|\[::1\]):\d+ ", line)]
    assert {re.split(r"\s+", line)[3].rpartition(":")[2] for line in udp} == {"53"}, udp


@pytest.mark.control("net.ingress-filter")
def test_firewall_is_closed_in_and_forward(mx) -> None:
    rules = mx.ssh("nft list table inet gmconf")
    assert rules.count("policy drop") == 3
    found = re.search(r"\n\t\ttcp dport \{ ([0-9, ]+) \} accept", rules)
    assert {int(port) for port in found[1].split(", ")} == PUBLIC - {22}


@pytest.mark.control("net.egress-filter")
@pytest.mark.parametrize(
    ("user", "port", "kind", "allowed"),
    [
        ("postfix", 25, "SOCK_STREAM", True),
        ("root", 25, "SOCK_STREAM", False),
        ("nobody", 25, "SOCK_STREAM", False),
        ("_rspamd", 25, "SOCK_STREAM", False),
        ("vmail", 25, "SOCK_STREAM", False),
        ("nobody", 6667, "SOCK_STREAM", False),
        ("nobody", 53, "SOCK_DGRAM", False),
        ("_rspamd", 80, "SOCK_STREAM", False),
        *([("prosody", 25, "SOCK_STREAM", False)] if sites.TALKS else []),
    ],
)
def test_what_may_leave(mx, user: str, port: int, kind: str, allowed: bool) -> None:
    words = [
        "setpriv",
        f"--reuid={user}",
        f"--regid={user if user not in ('nobody',) else 'nogroup'}",
        "--clear-groups",
        "python3",
        "-c",
        TRY,
        mx.sink.address,
        str(port),
        kind,
    ]
    seen = mx.ssh(shlex.join(words), check=False)
    assert (seen.strip() == "open") is allowed, seen


@pytest.mark.control("net.egress-filter")
def test_what_may_leave_over_ipv6(mx) -> None:
    """The same rules hold for the other family: the name server's SSH stands for any port 25 outside."""
    for user, allowed in (("postfix", True), ("root", False), ("nobody", False), ("_rspamd", False), ("vmail", False)):
        group = "nogroup" if user == "nobody" else user
        words = [
            "setpriv",
            f"--reuid={user}",
            f"--regid={group}",
            "--clear-groups",
            "python3",
            "-c",
            TRY,
            f"{lab.NET6}1",
            "25",
            "SOCK_STREAM",
        ]
        seen = mx.ssh(shlex.join(words), check=False)
        # Nobody listens there: who may go out is told so by the other side, at once.
        assert ("ConnectionRefusedError" in seen) is allowed, (user, seen)


@pytest.mark.control("net.ingress-filter")
def test_what_may_come_in(mx) -> None:
    """A program that listens on a port which is not the model's is reached from this host and from nowhere else."""
    listen = (
        "import socket, threading\nfor port in (8080, 3310, 11334):\n  for family in (socket.AF_INET,"
        " socket.AF_INET6):\n    s = socket.socket(family); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n  "
        "  family == socket.AF_INET6 and s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)\n    s.bind(('',"
        " port)); s.listen(); globals()[f's{port}{family}'] = s\nthreading.Event().wait()"
    )
    mx.ssh(shlex.join(["systemd-run", "-q", "--unit=strays", "python3", "-c", listen]))
    try:
        mx.until("test $(ss -Hltn 'sport = :8080' | wc -l) = 2")
        assert (
            mx.ssh(
                "python3 -c \"import socket; socket.create_connection(('127.0.0.1', 8080), 3); print('open')\""
            ).strip()
            == "open"
        )
        for address in (mx.ip4, mx.ip6):
            for port in (8080, 3310, 11334):
                with pytest.raises(OSError):
                    socket.create_connection((address, port), 2).close()
    finally:
        mx.ssh("systemctl stop strays")


@pytest.mark.control("dns.validating-resolver")
def test_dns_answers_are_validated(mx) -> None:
    asked = dns.message.make_query("sender.example", "MX", want_dnssec=True)
    program = (
        "import socket,sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5); "
        "s.sendto(bytes.fromhex(sys.argv[1]), ('127.0.0.1', 53)); print(s.recv(4096).hex())"
    )
    answer = dns.message.from_wire(
        bytes.fromhex(mx.ssh(shlex.join(["python3", "-c", program, asked.to_wire().hex()])).strip())
    )
    assert answer.flags & dns.flags.AD, answer
    assert re.findall(r"^nameserver (\S+)", mx.ssh("cat /etc/resolv.conf"), re.M) == ["127.0.0.1", "::1"]


@pytest.mark.control("log.retention")
def test_logs_are_kept_as_long_as_said(mx) -> None:
    seen = mx.ssh("systemd-analyze cat-config systemd/journald.conf")
    assert "MaxRetentionSec=" in seen
    assert "Storage=persistent" in seen
    assert mx.ssh("ls -d /var/log/journal/*").strip()


@pytest.mark.control("ops.time")
def test_time_is_kept(mx) -> None:
    assert mx.ssh("systemctl is-enabled systemd-timesyncd").strip() == "enabled"


@pytest.mark.control("ops.update-7d")
def test_security_updates_run_by_themselves(mx) -> None:
    seen = mx.ssh("apt-config dump APT::Periodic; systemctl is-active apt-daily-upgrade.timer")
    assert 'APT::Periodic::Unattended-Upgrade "1"' in seen
    assert seen.strip().endswith("active")


@pytest.mark.promise("no secret is readable or shown")
def test_secrets_are_closed_and_nowhere_else(mx) -> None:
    """Keys and password hashes can be read by root or their daemon only, and no copy stays behind."""
    import ast

    seen = mx.ssh(
        "python3 - <<'E'\nimport os, stat, json\nfound = {}\nfor top in ('/etc', '/var/lib', '/run', '/tmp', '/root',"
        " '/usr/local'):\n  for parent, _, names in os.walk(top):\n    for name in names:\n      path ="
        " os.path.join(parent, name)\n      try:\n        if os.path.islink(path) or not"
        " stat.S_ISREG(os.lstat(path).st_mode) or os.path.getsize(path) > 100000: continue\n        data = open(path,"
        " 'rb').read()\n      except OSError: continue\n      if b'PRIVATE KEY-----' in data or b'{ARGON2' in data:"
        " found[path] = stat.S_IMODE(os.lstat(path).st_mode) & 0o007\nprint(found)\nE"
    )
    found = ast.literal_eval(seen.strip().splitlines()[-1])
    mine = {path: mode for path, mode in found.items() if not path.startswith(("/etc/ssh/", "/root/.ssh"))}
    assert not [path for path, mode in mine.items() if mode]
    assert not [path for path in mine if "stage" in path or "judge" in path or path.startswith(("/tmp", "/root"))]


@pytest.mark.control("gov.minimal")
def test_services_run_without_root(mx) -> None:
    for process in ("rspamd", "clamd", "unbound", "redis-server", "valkey-server", "freshclam"):
        users = set(mx.ssh(f"ps -o user= -C {process} || true").split())
        assert "root" not in users or process == "rspamd", (process, users)


@pytest.mark.control("gov.minimal")
def test_services_are_fenced_in(mx) -> None:
    """ClamAV, rspamd and all that is ours may do little beyond their work, as systemd counts it, and do their work all
    the same."""
    own = mx.ssh("systemctl list-unit-files --no-legend 'gmconf-*.service' | awk '{print $1}'").split()
    assert "gmconf-recover.service" in own
    units = [*own, "clamav-daemon.service", "rspamd.service"]
    levels = {unit: exposure(mx.ssh(f"systemd-analyze security --no-pager {unit}")) for unit in units}
    assert {unit: level for unit, level in levels.items() if level > BOUND} == {}
    for unit in ("gmconf-queue-flush", "gmconf-dmarc-report", "gmconf-clamd-watch"):
        mx.ssh(f"systemctl start {unit}.service")
        assert mx.ssh(f"systemctl show -P Result {unit}.service").strip() == "success"
    # rspamd shares a socket with Postfix, and its group with that; passwords it may not try.
    mx.ssh("! runuser -u _rspamd -- test -w /run/dovecot/auth-smtp")


@pytest.mark.control("gov.minimal")
def test_units_of_other_sites_are_fenced_in(mx, sent) -> None:
    """Every unit that gmconf renders for any golden site, as this host's systemd counts it, whether this host needs it
    or not."""
    # Parts of a package's unit are judged with the whole of it; but INN's store starts programs with more rights than
    # its own.
    seen = mx.ssh(f"""cd {sent}; rm -rf */inn2.service.d
for part in */*.service.d; do cp /usr/lib/systemd/system/$(basename $part .d) $(dirname $part)/ || exit 1; done
for unit in */*.service; do
    echo "$unit $(systemd-analyze security --offline=yes --no-pager $unit 2>&1 | tail -n 1)"
done""")
    levels = {line.split()[0]: exposure(line) for line in seen.splitlines()}
    names = {path.rpartition("/")[2] for path in levels}
    assert {
        "gmconf-acme.service",
        "gmconf-nntp@.service",
        "gmconf-quickack.service",
        "clamav-freshclam.service",
    } <= names
    assert {path: level for path, level in levels.items() if level > BOUND} == {}


@pytest.mark.control("gov.minimal")
def test_routes_are_set_from_within_the_fence(mx, sent) -> None:
    """The unit of a host whose filter is another one does its work: what it sets is what the kernel then has."""
    unit, where = f"{sent}/six-mx1.example.org/gmconf-quickack.service", "/run/systemd/system/gmconf-quickack.service"
    program, *addresses = re.search(r"^ExecStart=(.+)$", mx.ssh(f"cat {unit}"), re.M)[1].split()
    script = shlex.quote("\n".join(quickack.SCRIPT))
    mx.ssh(f"set -e; test ! -e {program}; cp {unit} {where}; echo {script} > {program}; chmod 755 {program}")
    try:
        mx.ssh("systemctl daemon-reload; systemctl start gmconf-quickack.service")
        assert mx.ssh("systemctl show -P Result gmconf-quickack.service").strip() == "success"
        for address in addresses:
            assert "quickack 1" in mx.ssh(f"ip -{6 if ':' in address else 4} route show {address}"), address
    finally:
        mx.ssh(f"systemctl stop gmconf-quickack.service; rm -f {where} {program}; systemctl daemon-reload")
        for address in addresses:
            mx.ssh(f"ip route del {address}", check=False)


@pytest.fixture(scope="module")
def sent(mx, tmp_path_factory) -> Iterator[str]:
    """A folder on the host with the units of all golden sites: SITE-HOST/UNIT."""
    files = {}
    for golden in sorted((lab.ROOT / "tests/golden/sites").iterdir()):
        work = tmp_path_factory.mktemp("golden") / golden.name
        shutil.copytree(golden, work)
        demo.render(work / "site.yml", work / "build", ("alice@example.org",))
        for host in (work / "build/hosts").iterdir():
            units = host / "tree/etc/systemd/system"
            found = [p for p in units.rglob("*") if p.is_file() and ".service" in str(p.relative_to(units))]
            files |= {f"{golden.name}-{host.name}/{p.relative_to(units)}": p.read_text() for p in found}
    folder = mx.ssh("mktemp -d").strip()
    lab.ssh(mx.machine, shlex.join(["python3", "-c", UNPACK, folder]), input=json.dumps(files), check=True)
    yield folder
    mx.ssh(f"rm -r {folder}")


def exposure(text: str) -> float:
    """The number in what systemd-analyze says of a unit: 10 is no fence at all."""
    found = re.search(r"level for .*: ([0-9.]+)", text)
    assert found, text
    return float(found[1])
