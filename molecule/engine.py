"""Podman, as this machine can run it, and the base image of each Debian release."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from machines import STATE, say, stop
from mirror import mirror

PACKAGES = (
    "podman",
    "runc",
    "netavark",
    "aardvark-dns",
    "nftables",
    "iptables",
    "mmdebstrap",
    "openssh-client",
    "openssl",
    "iproute2",
)
IN_IMAGE = (
    "systemd,systemd-sysv,dbus,python3,python3-apt,iproute2,ca-certificates,procps,openssh-server,"
    "libpam-systemd,iputils-ping,unbound-host"
)


def need_engine() -> None:
    """Podman and friends; installed where that is allowed."""
    commands = {
        "podman": "podman",
        "runc": "runc",
        "nft": "nftables",
        "iptables": "iptables",
        "mmdebstrap": "mmdebstrap",
        "ssh-keygen": "openssh-client",
        "openssl": "openssl",
        "ip": "iproute2",
    }
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
    pid = holder()
    if not pid:
        script = "umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec sleep infinity"
        argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]
        process = subprocess.Popen(
            argv, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        pid = process.pid
        deadline = time.monotonic() + 5
        while not _is_holder(pid):
            if time.monotonic() > deadline or process.poll() is not None:
                stop("no private cgroup v2 view could be made (needs root and the right to mount)", 3)
            time.sleep(0.05)
        file.write_text(str(pid))
    return ["nsenter", f"--mount=/proc/{pid}/ns/mnt"]


def holder() -> int:
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
        text = (
            '[containers]\ndefault_ulimits=["nofile=16384:16384","nproc=32768:32768"]\npids_limit=0\n'
            '[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\n'
        )
        if not conf.exists() or conf.read_text() != text:
            conf.write_text(text)
        self.argv = [*wrapper(), "podman"]
        self.env = {**os.environ, "CONTAINERS_CONF": str(conf)}

    def __call__(self, *args: str, check: bool = True, told: str | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*self.argv, *args], env=self.env, text=True, capture_output=True, input=told)
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
            argv = ["mmdebstrap", "--variant=minbase", f"--include={IN_IMAGE}", release, str(tar), *mirror()]
            if subprocess.run(argv, stdout=out, stderr=out).returncode:
                stop(f"mmdebstrap {release} failed, see {log}", 3)
        self("import", str(tar), name)
        tar.unlink()
        return name

    def _from_registry(self, image: str, name: str) -> str:
        """The image of Debian with what makes a host of it."""
        maker = f"gmconf-base-{os.getpid()}"
        install = (
            "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends"
            f" {IN_IMAGE.replace(',', ' ')}"
        )
        self("run", "--name", maker, image, "sh", "-c", f"{install} && rm -f /etc/machine-id && touch /etc/machine-id")
        self("commit", "-q", maker, name)
        self("rm", maker)
        return name
