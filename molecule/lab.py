#!/usr/bin/env python3
"""The lab: real Debian hosts with systemd, in containers on this machine. Needs root; uses the standard library only.

    python3 molecule/lab.py up [HOST ...]     start hosts (all by default); running ones are reused
    python3 molecule/lab.py down [HOST ...]   remove hosts (all: and the network)
    python3 molecule/lab.py shell HOST        a shell on a host
    python3 molecule/lab.py kill HOST         a crash: SIGKILL to everything on it
    python3 molecule/lab.py start HOST        power on again
    python3 molecule/lab.py status

GMCONF_LAB=1 (or 2, 3 …) in the environment means another lab beside the first, with addresses of its own.
Exit code 3: no container engine here, and no right to install one.
"""

from __future__ import annotations

import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from engine import Podman, holder
from machines import (
    KEY,
    LAB,
    MACHINES,
    NET4,
    NET6,
    NETWORK,
    NS,
    ROOT,
    SSH,
    STATE,
    SUBNETS,
    Machine,
    key,
    say,
    ssh,
    stop,
)
from mirror import apt_settings, archive_hosts
from nameserver import start_name_server, trust_anchor, zone

__all__ = [
    "KEY",
    "LAB",
    "MACHINES",
    "NET4",
    "NET6",
    "NETWORK",
    "NS",
    "ROOT",
    "SSH",
    "STATE",
    "SUBNETS",
    "Machine",
    "Podman",
    "down",
    "key",
    "say",
    "ssh",
    "stop",
    "trust_anchor",
    "up",
    "zone",
]

UNFILTERED = """\
[Service]
SystemCallFilter=
SystemCallArchitectures=
RestrictAddressFamilies=
RestrictNamespaces=no
RestrictRealtime=no
MemoryDenyWriteExecute=no
LockPersonality=no
PrivateDevices=no
ProtectKernelModules=no
ProtectKernelTunables=no
ProtectControlGroups=no
"""


def up(names: list[str]) -> None:
    """Start hosts and wait until they can be worked on."""
    held = holder()
    podman = Podman()
    key()
    alive = any(_alive(podman, machine) for machine in MACHINES.values())
    if any(_stale(podman, machine) for machine in MACHINES.values()) or (not alive and not held):
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
        start_name_server()
        ready.touch()


def _free_addresses() -> None:
    """Remove the bridge of a lab that ended without being taken down: podman forgets it, the kernel does not."""
    for link in json.loads(subprocess.run(["ip", "-j", "address"], text=True, capture_output=True, check=True).stdout):
        nets = {str(ipaddress.ip_interface(f"{a['local']}/{a['prefixlen']}").network) for a in link["addr_info"]}
        if not nets & set(SUBNETS):
            continue
        name = link["ifname"]
        if not name.startswith(("podman", "cni-podman")):
            stop(
                f"{', '.join(sorted(nets & set(SUBNETS)))} is in use on this machine by {name}; the lab needs it for"
                " its hosts"
            )
        subprocess.run(["ip", "link", "delete", name], check=True)


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
    podman(
        "run",
        "-d",
        "--name",
        machine.container,
        "--hostname",
        machine.fqdn,
        "--systemd=always",
        "--cap-add=NET_ADMIN",
        "--cap-add=SYS_PTRACE",
        "--dns=none",
        "--no-hosts",
        f"--network={NETWORK}:ip={machine.addresses[0]},ip={machine.addresses[1]}",
        f"--volume={cache}:/var/cache/apt/archives",
        image,
        "/sbin/init",
    )
    hosts = (
        f"127.0.0.1 localhost\n::1 localhost\n{machine.addresses[0]} {machine.fqdn}\n{machine.addresses[1]}"
        f" {machine.fqdn}\n"
    )
    # The closed lab has no DNS for the package archive once the host asks its own resolver; its names are written down.
    files = {
        "/root/.ssh/authorized_keys": KEY.with_suffix(".pub").read_text(),
        "/etc/hosts": hosts + archive_hosts(),
        "/etc/apt/apt.conf.d/00lab": (
            'APT::Keep-Downloaded-Packages "true";\nAcquire::Languages "none";\n' + apt_settings()
        ),
        "/etc/hostname": machine.fqdn + "\n",
        # systemd may not filter the system calls of a service with a user of its own here.
        "/etc/systemd/system/postfix-mta-sts-resolver.service.d/lab.conf": UNFILTERED,
    }
    for path, text in files.items():
        argv = [
            "exec",
            "-i",
            machine.container,
            "sh",
            "-c",
            f"umask 077; mkdir -p {os.path.dirname(path)}; cat > {path}; chmod go+r {path}",
        ]
        podman(*argv, told=text)
    podman(
        "exec",
        machine.container,
        "sh",
        "-c",
        "rm -f /etc/apt/apt.conf.d/docker-clean; chmod 700 /root /root/.ssh; echo 'nameserver 127.0.0.1' >"
        " /etc/resolv.conf",
    )
    made.touch()


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
        if pid := holder():
            os.kill(pid, signal.SIGKILL)
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
