"""Routes between a filter and the hosts that ask it."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from test_rspamd import FLEET, view

from gmconf.services import quickack
from gmconf.services.quickack import SCRIPT


def test_both_ends_and_nobody_else() -> None:
    words = {h: [u.unit for u in quickack.plan(view(hosts=FLEET, host=h)).units] for h in range(3)}
    assert words == {0: ["gmconf-quickack.service"], 1: [], 2: ["gmconf-quickack.service"]}
    assert quickack.plan(view()).files == ()


@pytest.mark.skipif(not shutil.which("ip"), reason="needs iproute2")
def test_script_sets_what_the_kernel_shows(tmp_path) -> None:
    """In a network namespace of its own, for a neighbour and for a host behind a gateway, over both families."""
    script = tmp_path / "quickack"
    script.write_text("\n".join(SCRIPT) + "\n")
    steps = (
        "set -e; ip link add d0 type veth peer name d1; ip link set d0 up; ip link set d1 up; ip addr add 192.0.2.1/24"
        " dev d0; ip addr add 2001:db8::1/64 dev d0 nodad;ip route add 198.51.100.0/24 via 192.0.2.9; ip route add"
        f" 2001:db8:1::/64 via 2001:db8::9;for n in 1 2; do sh {script} 192.0.2.2 2001:db8::2 198.51.100.2"
        " 2001:db8:1::2 192.0.2.1; done; ip route; ip -6 route"
    )
    done = subprocess.run(["unshare", "--net", "sh", "-c", steps], text=True, capture_output=True, check=False)
    if "Operation not permitted" in done.stderr:
        pytest.skip("no network namespaces here")
    assert done.returncode == 0, done.stderr
    routes = {line.split()[0] for line in done.stdout.splitlines() if "quickack 1" in line}
    assert routes == {"192.0.2.2", "2001:db8::2", "198.51.100.2", "2001:db8:1::2"}
