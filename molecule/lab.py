#!/usr/bin/env python3
"""The lab: real Debian hosts with systemd, in containers on this machine. Needs root; uses the standard library only.

    python3 molecule/lab.py up [HOST ...]     start hosts (all by default); running ones are reused
    python3 molecule/lab.py down [HOST ...]   remove hosts (all: and the network)
    python3 molecule/lab.py shell HOST        a shell on a host
    python3 molecule/lab.py kill HOST         a crash: SIGKILL to everything on it
    python3 molecule/lab.py start HOST        power on again
    python3 molecule/lab.py status

GMCONF_LAB=1 (or 2) in the environment means another lab beside the first, with addresses of its own.
Exit code 3: no container engine here, and no right to install one.
"""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
STATE = ROOT / ".lab"
KEY = STATE / "id_ed25519"
LAB = int(os.environ.get("GMCONF_LAB", "0"))
NETWORK = f"gmconf{LAB or ''}"
SSH = ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=5",
       "-o", "PasswordAuthentication=no")  # fmt: skip
# Documentation addresses (RFC 5737, RFC 3849), so that example sites work in the lab as they are; further labs have networks
# for tests of devices (RFC 2544), which no machine uses for itself.
NET4, NET6 = ("198.51.100", "198.18.1", "198.18.2")[LAB], f"2001:db8:{LAB + 1}::"
SUBNETS = (f"{NET4}.0/24", f"{NET6}/64")
PACKAGES = ("podman", "runc", "netavark", "aardvark-dns", "nftables", "iptables", "mmdebstrap", "openssh-client", "openssl", "iproute2")
IN_IMAGE = ("systemd,systemd-sysv,dbus,python3,python3-apt,iproute2,ca-certificates,procps,openssh-server,"
            "libpam-systemd,iputils-ping,unbound-host")  # fmt: skip


ZONE = "/var/lib/knot/root.zone"
SOA = f". 5 SOA ns.lab.example. hostmaster.lab.example. 1 60 60 3600 5\n. 5 NS ns.lab.example.\nns.lab.example. 5 A {NET4}.53"
KNOT = f"""\
server:
    listen: [ 0.0.0.0@53, ::@53 ]
log:
  - target: syslog
    any: warning
policy:
  - id: lab
    single-type-signing: on
zone:
  - domain: .
    file: {ZONE}
    dnssec-signing: on
    dnssec-policy: lab
    serial-policy: unixtime
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
"""


@dataclass(frozen=True)
class Machine:
    """A host of the lab."""

    name: str
    fqdn: str
    release: str
    number: int

    @property
    def container(self) -> str:
        return f"{NETWORK}-{self.name}"

    @property
    def addresses(self) -> tuple[str, str]:
        return f"{NET4}.{self.number}", f"{NET6}{self.number}"


MACHINES = {
    m.name: m
    for m in (
        Machine("mx13", "mail.example.org", "trixie", 13),
        Machine("mx12", "mail.example.net", "bookworm", 12),
        Machine("ns", "ns.lab.example", "trixie", 53),
    )
}
NS = MACHINES["ns"]
"""All of DNS as the lab knows it: one signed zone, the root. What is not in it does not exist."""


def say(text: str) -> None:
    """Progress, one line."""
    print(f"--> {text}", flush=True)


def stop(text: str, code: int = 1) -> None:
    """End with a message."""
    print(f"lab: {text}", file=sys.stderr)
    sys.exit(code)


def need_engine() -> None:
    """Podman and friends; installed where that is allowed."""
    commands = {"podman": "podman", "runc": "runc", "nft": "nftables", "iptables": "iptables", "mmdebstrap": "mmdebstrap", "ssh-keygen": "openssh-client",
                "openssl": "openssl", "ip": "iproute2"}  # fmt: skip
    missing = [package for command, package in commands.items() if not shutil.which(command)]
    missing += [p for p in ("netavark", "aardvark-dns") if not Path(f"/usr/lib/podman/{p}").exists()]
    if os.geteuid() != 0:
        stop("hosts in containers with addresses of their own need root", 3)
    if not missing:
        return
    if not shutil.which("apt-get"):
        stop(f"needs {', '.join(missing)}, and they cannot be installed here (not Debian)", 3)
    say(f"installing {' '.join(missing)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with (STATE / "apt.log").open("w") as log:
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]):
            if subprocess.run(command, env=env, stdout=log, stderr=log).returncode:
                stop(f"{' '.join(command[:2])} failed, see {STATE / 'apt.log'}", 3)


def wrapper() -> list[str]:
    """How to run podman: in a mount namespace with a pure cgroup v2 view where the machine's own is mixed."""
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        return []
    file = STATE / "holder.pid"
    pid = _holder()
    if not pid:
        script = "umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec sleep infinity"
        argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]
        process = subprocess.Popen(argv, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)  # fmt: skip
        pid = process.pid
        deadline = time.monotonic() + 5
        while not _is_holder(pid):
            if time.monotonic() > deadline or process.poll() is not None:
                stop("no private cgroup v2 view could be made (needs root and the right to mount)", 3)
            time.sleep(0.05)
        file.write_text(str(pid))
    return ["nsenter", f"--mount=/proc/{pid}/ns/mnt"]


def _holder() -> int:
    """The process that keeps the private view, or 0."""
    file = STATE / "holder.pid"
    pid = int(file.read_text()) if file.exists() else 0
    return pid if pid and _is_holder(pid) else 0


def _is_holder(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return words[:2] == [b"sleep", b"infinity"]


class Podman:
    """Podman of the lab."""

    def __init__(self) -> None:
        STATE.mkdir(exist_ok=True)
        need_engine()
        conf = STATE / "containers.conf"
        text = ('[containers]\ndefault_ulimits=["nofile=16384:16384","nproc=32768:32768"]\npids_limit=0\n'
                '[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\n')  # fmt: skip
        if not conf.exists() or conf.read_text() != text:
            conf.write_text(text)
        self.argv = [*wrapper(), "podman"]
        self.env = {**os.environ, "CONTAINERS_CONF": str(conf)}

    def __call__(self, *args: str, check: bool = True, **more: object) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*self.argv, *args], env=self.env, text=True, capture_output=True, **more)
        if check and done.returncode:
            stop(f"podman {' '.join(args[:3])}: {done.stderr.strip()}")
        return done

    def image(self, release: str) -> str:
        """A base image of a Debian release, pulled or bootstrapped once."""
        name = f"localhost/gmconf-base:{release}"
        if self("image", "exists", name, check=False).returncode == 0:
            return name
        say(f"base image of Debian {release} (once)")
        if self("pull", "-q", f"debian:{release}", check=False).returncode == 0:
            return self._from_registry(f"debian:{release}", name)
        tar = STATE / f"{release}.tar"
        log = STATE / f"{release}.log"
        with log.open("w") as out:
            argv = ["mmdebstrap", "--variant=minbase", f"--include={IN_IMAGE}", release, str(tar), *_mirror()]
            if subprocess.run(argv, stdout=out, stderr=out).returncode:
                stop(f"mmdebstrap {release} failed, see {log}", 3)
        self("import", str(tar), name)
        tar.unlink()
        return name


    def _from_registry(self, image: str, name: str) -> str:
        """The image of Debian with what makes a host of it."""
        maker = f"gmconf-base-{os.getpid()}"
        install = f"apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends {IN_IMAGE.replace(',', ' ')}"
        self("run", "--name", maker, image, "sh", "-c", f"{install} && rm -f /etc/machine-id && touch /etc/machine-id")
        self("commit", "-q", maker, name)
        self("rm", maker)
        return name


def _mirror() -> list[str]:
    """Where this machine gets its own packages from; empty: mmdebstrap's default."""
    for file in (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list")):
        if not file.exists():
            continue
        for line in file.read_text().splitlines():
            words = line.split()
            if words[:1] == ["URIs:"]:
                return [words[1]]
            if words[:1] == ["deb"]:
                return [next(word for word in words if "://" in word)]
    return []


def key() -> None:
    """The key that opens the hosts of the lab."""
    if not KEY.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "gmconf lab", "-f", str(KEY)], check=True)


def ssh(machine: Machine, *command: str, **more: object) -> subprocess.CompletedProcess[str]:
    """Run a command on a host."""
    return subprocess.run(["ssh", *SSH, "-i", str(KEY), f"root@{machine.addresses[0]}", *command], text=True, **more)


def up(names: list[str]) -> None:
    """Start hosts and wait until they can be worked on."""
    holder = _holder()
    podman = Podman()
    key()
    alive = any(_alive(podman, machine) for machine in MACHINES.values())
    if any(_stale(podman, machine) for machine in MACHINES.values()) or (not alive and not holder):
        if podman("network", "exists", NETWORK, check=False).returncode == 0:
            say("clearing up after a restart of this machine")
        down([])
        podman = Podman()
    if podman("network", "exists", NETWORK, check=False).returncode:
        _free_addresses()
        podman("network", "create", "--ipv6", *[f"--subnet={s}" for s in SUBNETS], "--disable-dns", NETWORK)
    fresh = []
    for name in names or MACHINES:
        machine = MACHINES[name]
        if _running(podman, machine):
            continue
        fresh.append(machine)
        if _whole(machine) and podman("start", machine.container, check=False).returncode == 0:
            continue
        podman("rm", "-f", machine.container, check=False)
        _create(podman, machine)
    for machine in fresh:
        _wait(machine)
    ready = STATE / "ns.ready"
    if NS.name in (names or MACHINES) and not ready.exists():
        _name_server()
        ready.touch()


def _free_addresses() -> None:
    """Remove the bridge of a lab that ended without being taken down: podman forgets it, the kernel does not."""
    for link in json.loads(subprocess.run(["ip", "-j", "address"], text=True, capture_output=True, check=True).stdout):
        nets = {str(ipaddress.ip_interface(f"{a['local']}/{a['prefixlen']}").network) for a in link["addr_info"]}
        if not nets & set(SUBNETS):
            continue
        name = link["ifname"]
        if not name.startswith(("podman", "cni-podman")):
            stop(f"{', '.join(sorted(nets & set(SUBNETS)))} is in use on this machine by {name}; the lab needs it for its hosts")
        subprocess.run(["ip", "link", "delete", name], check=True)


def _name_server() -> None:
    """Knot with an empty root zone, signed with a key of its own."""
    done = ssh(NS, f"set -e; command -v knotd >/dev/null || {{ apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq install -y knot; }}; cat > /etc/knot/knot.conf; "
               f"test -e {ZONE} || echo '{SOA}' > {ZONE}; chown knot: {ZONE}; systemctl restart knot", input=KNOT, capture_output=True)  # fmt: skip
    if done.returncode:
        stop(f"the lab's name server: {done.stdout}{done.stderr}")


def zone(part: str, records: str) -> None:
    """Publish records (zone file lines, names with a final dot) as one part of all there is in DNS."""
    script = (f"cd /var/lib/knot && cat > {part}.part && (echo '{SOA}' && cat *.part) > new.zone && chown knot: new.zone && mv new.zone {ZONE} && "
              "knotc -b zone-reload .")  # fmt: skip
    done = ssh(NS, f'flock /var/lib/knot/lab.lock sh -c "{script}"', input=records, capture_output=True)
    if done.returncode:
        stop(f"zone: {done.stdout}{done.stderr}")


def trust_anchor() -> str:
    """DS line of the lab's root."""
    lines = ssh(NS, "keymgr . ds", capture_output=True).stdout.splitlines()
    words = next(line.split() for line in lines if line.split()[-2] == "2")
    return f". IN DS {' '.join(words[2:])}"


def _whole(machine: Machine) -> bool:
    return (STATE / f"{machine.name}.made").exists()


def _stale(podman: Podman, machine: Machine) -> bool:
    """Said to run, by a podman whose state outlived a restart of this machine: such a container cannot be started."""
    words = podman("inspect", "-f", "{{.State.Running}} {{.State.Pid}}", machine.container, check=False).stdout.split()
    return words[:1] == ["true"] and not Path(f"/proc/{words[1]}").exists()


def _alive(podman: Podman, machine: Machine) -> bool:
    words = podman("inspect", "-f", "{{.State.Running}} {{.State.Pid}}", machine.container, check=False).stdout.split()
    return words[:1] == ["true"] and Path(f"/proc/{words[1]}").exists()


def _running(podman: Podman, machine: Machine) -> bool:
    return _alive(podman, machine) and ssh(machine, "true").returncode == 0


def _create(podman: Podman, machine: Machine) -> None:
    made = STATE / f"{machine.name}.made"
    made.unlink(missing_ok=True)
    (STATE / f"{machine.name}.ready").unlink(missing_ok=True)
    image = podman.image(machine.release)
    say(f"host {machine.fqdn} (Debian {machine.release}) at {machine.addresses[0]}")
    cache = f"{NETWORK}-apt-{machine.release}"
    podman("run", "-d", "--name", machine.container, "--hostname", machine.fqdn, "--systemd=always",
           "--cap-add=NET_ADMIN", "--cap-add=SYS_PTRACE", "--dns=none", "--no-hosts",
           f"--network={NETWORK}:ip={machine.addresses[0]},ip={machine.addresses[1]}",
           f"--volume={cache}:/var/cache/apt/archives", image, "/sbin/init")  # fmt: skip
    hosts = f"127.0.0.1 localhost\n::1 localhost\n{machine.addresses[0]} {machine.fqdn}\n{machine.addresses[1]} {machine.fqdn}\n"
    # The closed lab has no DNS for the package archive once the host asks its own resolver; its names are written down.
    files = {
        "/root/.ssh/authorized_keys": KEY.with_suffix(".pub").read_text(),
        "/etc/hosts": hosts + _archive_hosts(),
        "/etc/apt/apt.conf.d/00lab": 'APT::Keep-Downloaded-Packages "true";\nAcquire::Languages "none";\n' + _apt_settings(),
        "/etc/hostname": machine.fqdn + "\n",
    }
    for path, text in files.items():
        argv = ["exec", "-i", machine.container, "sh", "-c", f"umask 077; mkdir -p {os.path.dirname(path)}; cat > {path}; chmod go+r {path}"]
        podman(*argv, input=text)
    podman("exec", machine.container, "sh", "-c", "rm -f /etc/apt/apt.conf.d/docker-clean; chmod 700 /root /root/.ssh; echo 'nameserver 127.0.0.1' > /etc/resolv.conf")
    made.touch()


def _apt_settings() -> str:
    """How this machine's own apt reaches the archive."""
    done = subprocess.run(["apt-config", "dump", "Acquire"], text=True, capture_output=True)
    wanted = ("Acquire::http::Proxy ", "Acquire::https::Proxy ", "Acquire::Check-Valid-Until ", "Acquire::Retries ")
    return "".join(f"{line}\n" for line in done.stdout.splitlines() if line.startswith(wanted))


def _archive_hosts() -> str:
    import socket
    from urllib.parse import urlsplit

    names: set[str] = set()
    for url in _mirror() + [line.split('"')[1] for line in _apt_settings().splitlines() if "Proxy" in line]:
        host = urlsplit(url).hostname
        if host:
            names |= {host, *({f"security.{host.split('.', 1)[1]}"} if host.startswith("deb.") else ())}
    lines = []
    for name in sorted(names):
        try:
            found = sorted({str(info[4][0]) for info in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)})
        except OSError:
            continue
        lines += [f"{address} {name}" for address in found]
    return "".join(f"{line}\n" for line in lines)


def _wait(machine: Machine) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        done = ssh(machine, "systemctl", "is-system-running", "--wait", capture_output=True)
        if done.stdout.strip() in ("running", "degraded"):
            return
        time.sleep(0.5)
    stop(f"{machine.fqdn} did not come up within 90 s")


def down(names: list[str]) -> None:
    """Remove hosts; without names everything of the lab but images and the package cache."""
    podman = Podman()
    for name in names or MACHINES:
        podman("rm", "-f", "-t", "2", MACHINES[name].container, check=False)
    if not names:
        podman("network", "rm", "-f", NETWORK, check=False)
        # Addresses of containers that were not stopped properly stay taken in it.
        if not podman("ps", "-aq", check=False).stdout.strip():
            Path("/run/containers/networks/ipam.db").unlink(missing_ok=True)
        if holder := _holder():
            os.kill(holder, signal.SIGKILL)
        (STATE / "holder.pid").unlink(missing_ok=True)


def main(argv: list[str]) -> None:
    """Run one command."""
    if not argv or argv[0] in ("-h", "--help"):
        print(__doc__)
        return
    command, names = argv[0], argv[1:]
    unknown = [name for name in names if name not in MACHINES]
    if unknown:
        stop(f"no host {unknown[0]}; known: {', '.join(MACHINES)}", 2)
    if command == "up":
        up(names)
    elif command == "down":
        down(names)
    elif command == "shell":
        ssh(MACHINES[names[0]])
    elif command == "kill":
        Podman()("kill", "-s", "KILL", MACHINES[names[0]].container)
    elif command == "start":
        up(names)
    elif command == "status":
        print(json.dumps({n: _running(Podman(), m) for n, m in MACHINES.items()}))
    else:
        stop(f"no command {command}", 2)


if __name__ == "__main__":
    main(sys.argv[1:])
