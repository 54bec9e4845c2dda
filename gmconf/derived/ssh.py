"""How hosts are reached by ssh: as Ansible does, without asking anybody anything."""

from __future__ import annotations

from collections.abc import Iterable

from gmconf.model import Host
from gmconf.model.firewall import Network


def ssh(network: Network, host: Host, options: Iterable[str], user: str = "root") -> list[str]:
    """The command line, to which the command for the host is added; ``options`` are KEY=VALUE of ssh_config(5)."""
    argv = ["ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=10"]
    for option in options:
        argv += ["-o", option]
    # Of two values ssh takes the first: a port among the options is the user's.
    return [*argv, "-p", str(network.ssh(host)), f"{user}@{host.ansible_host or host.name}"]
