"""The firewall in network namespaces: a host with the rendered rules, and a machine elsewhere.
Real connections decide.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from test_rspamd import view

from gmconf.render.render import render
from gmconf.services.nftables import CONF
from gmconf.services.openings import endpoints
from gmconf.services.registry import plans
from gmconf.site.rules.firewall import NETWORK_RULES

HOST, ELSEWHERE, OTHER = "198.51.100.13", "198.51.100.1", "198.51.100.2"
HOST6, ELSEWHERE6 = "2001:db8:1::13", "2001:db8:1::1"
UIDS = {"root": 0, "postfix": 40001, "www-data": 33, "dovecot": 40002, "_rspamd": 40003, "nobody": 65534}
PORTS = (22, 25, 53, 80, 443, 587, 636, 993, 2222, 3306, 5432, 6514, 8005, 9091, 9100, 9154, 11334)
NETWORK = {
    "ssh_port": 2222,
    "allow": {
        "incoming": [
            {"ports": [80, 443], "reason": "the association's website"},
            {
                "ports": [9100, "9150-9160", 9154],
                "networks": [f"{ELSEWHERE}/32", "2001:db8:1::1/128"],
                "reason": "metrics",
            },
            {"ports": ["8000-8010"], "hosts": ["another.example.org"], "reason": "on another host only"},
        ],
        "outgoing": [
            {
                "ports": [22],
                "user": "root",
                "networks": [f"{ELSEWHERE}/32", "198.51.100.0/28", "2001:db8:1::/64"],
                "reason": "backup over ssh",
            },
            {"ports": [443], "user": "www-data", "reason": "the website calls an API"},
            {"ports": [6514, 9091], "reason": "log shipping and metrics"},
            {
                "ports": [3306, 5432],
                "user": "www-data",
                "networks": ["2001:db8:1::/64", "198.51.100.0/24"],
                "reason": "databases",
            },
        ],
    },
}
OVERRIDES = {
    "postfix": {"relayhost": "[smtp.provider.example]:submission"},
    "dovecot": {"ldap_uris": "ldaps://ldap.example.org"},
}
ASK = """
import json, os, socket, sys
from concurrent.futures import ThreadPoolExecutor
uid, tries = int(sys.argv[1]), json.loads(sys.argv[2])
os.setgroups([]); os.setgid(uid); os.setuid(uid)
def ask(one):
    source, target, port = one
    with socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET) as client:
        client.settimeout(2)
        try:
            client.bind((source, 0))
            client.connect((target, port))
            return "open"
        except OSError as error:
            return f"{type(error).__name__}: {error}"
with ThreadPoolExecutor(len(tries)) as pool:
    print(json.dumps(list(pool.map(ask, tries))))
"""
LISTEN = """
import socket, sys, threading
for port in map(int, sys.argv[1].split(",")):
    server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=64)
    threading.Thread(target=lambda s: [s.accept() for _ in iter(int, 1)], args=(server,), daemon=False).start()
print("ready", flush=True)
"""


@dataclass
class Net:
    """Two namespaces with a cable between them."""

    host: str
    elsewhere: str

    def load(self, rules: str) -> None:
        for name, uid in UIDS.items():
            rules = rules.replace(f'"{name}"', str(uid))
        # Users of daemons that this machine does not have.
        rules = re.sub(r'skuid ("[\w-]+")', "skuid 65533", rules)
        rules = re.sub(r"skuid (?:!= )?\{[^}]*\}", lambda m: re.sub(r'"[\w-]+"', "65533", m[0]), rules)
        subprocess.run(["ip", "netns", "exec", self.host, "nft", "-f", "-"], input=rules, text=True, check=True)

    def ask(self, *tries: tuple[str, str, int], user: str = "nobody", inward: bool = False) -> list[str]:
        space = self.elsewhere if inward else self.host
        argv = ["ip", "netns", "exec", space, sys.executable, "-c", ASK, str(UIDS[user]), json.dumps(tries)]
        return json.loads(subprocess.run(argv, text=True, capture_output=True, check=True).stdout)

    def out(self, user: str, *ports: int) -> dict[int, bool]:
        """Which ports elsewhere a user of the host reaches, over both families alike."""
        four = self.ask(*((HOST, ELSEWHERE, p) for p in ports), user=user)
        six = self.ask(*((HOST6, ELSEWHERE6, p) for p in ports), user=user)
        assert [a == "open" for a in four] == [a == "open" for a in six], (four, six)
        return {port: answer == "open" for port, answer in zip(ports, four, strict=True)}

    def into(self, *ports: int, source: str = ELSEWHERE) -> dict[int, bool]:
        """Which ports of the host an address elsewhere reaches."""
        found = self.ask(*((source, HOST, p) for p in ports), user="root", inward=True)
        return {port: answer == "open" for port, answer in zip(ports, found, strict=True)}


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    if os.geteuid():
        pytest.skip("network namespaces need root")
    names = Net(f"gmfw-host-{os.getpid()}", f"gmfw-else-{os.getpid()}")
    steps = f"""
        ip netns add {names.host}; ip netns add {names.elsewhere}
        ip -n {names.host} link add gm0 type veth peer name gm1 netns {names.elsewhere}
        ip -n {names.host} addr add {HOST}/24 dev gm0; ip -n {names.host} addr add {HOST6}/64 dev gm0 nodad
        ip -n {names.elsewhere} addr add {ELSEWHERE}/24 dev gm1; ip -n {names.elsewhere} addr add {OTHER}/24 dev gm1
        ip -n {names.elsewhere} addr add {ELSEWHERE6}/64 dev gm1 nodad
        for n in {names.host} {names.elsewhere}; do ip -n $n link set lo up; done
        ip netns exec {names.host} sh -c 'echo 0 > /proc/sys/net/ipv6/icmp/ratelimit' || true
        ip -n {names.host} link set gm0 up; ip -n {names.elsewhere} link set gm1 up
    """
    listeners = []
    try:
        done = subprocess.run(["sh", "-ec", steps], text=True, capture_output=True, check=False)
        if "Operation not permitted" in done.stderr:
            pytest.skip("no network namespaces here")
        assert done.returncode == 0, done.stderr
        for space in (names.host, names.elsewhere):
            argv = ["ip", "netns", "exec", space, sys.executable, "-c", LISTEN, ",".join(map(str, PORTS))]
            listeners.append(subprocess.Popen(argv, text=True, stdout=subprocess.PIPE))
            assert listeners[-1].stdout.readline() == "ready\n"
        deadline = time.monotonic() + 60
        while names.ask((HOST6, ELSEWHERE6, 25)) != ["open"]:  # a new IPv6 link is not there at once
            assert time.monotonic() < deadline
        yield names
    finally:
        for process in listeners:
            process.kill()
            process.wait()
        for space in (names.host, names.elsewhere):
            subprocess.run(["ip", "netns", "del", space], check=False)


def rules(**more: object) -> str:
    """The firewall's file of a host that does everything."""
    # Certificates and keys have no part in it.
    host = replace(view(**more), public=defaultdict(str))
    return next(render(f).text for plan in plans(host) for f in plan.files if f.path == CONF)


def test_a_site_that_says_nothing_opens_what_its_roles_need(net) -> None:
    net.load(rules())
    assert net.out("postfix", 25, 587) == {25: True, 587: False}
    assert not any(net.out("nobody", 25, 443, 587, 636, 3306, 5432).values())
    assert net.out("root", 22, 443, 6514, 9091) == {22: False, 443: True, 6514: False, 9091: False}
    assert net.into(22, 25, 80, 443, 993, 9100, 9154) == {
        22: True,
        25: True,
        80: False,
        443: False,
        993: True,
        9100: False,
        9154: False,
    }


def test_what_the_site_allows_is_open_and_nothing_else(net) -> None:
    net.load(rules(network=NETWORK, overrides=OVERRIDES))
    assert net.out("root", 22, 6514, 9091, 3306) == {22: True, 6514: True, 9091: True, 3306: False}
    assert net.out("www-data", 22, 25, 443, 3306, 5432) == {22: False, 25: False, 443: True, 3306: True, 5432: True}
    assert net.out("nobody", 22, 25, 443, 587, 636, 3306, 6514) == {
        22: False,
        25: False,
        443: False,
        587: False,
        636: False,
        3306: False,
        6514: True,
    }
    # A smarthost and a directory that overrides name are reached by their daemons alone.
    assert net.out("postfix", 25, 587, 636) == {25: True, 587: True, 636: False}
    assert net.out("dovecot", 587, 636) == {587: False, 636: True}
    seen = net.into(22, 80, 443, 2222, 8005, 9100, 9154, 11334)
    assert seen == {22: False, 80: True, 443: True, 2222: True, 8005: False, 9100: True, 9154: True, 11334: False}
    assert net.into(80, 9100, 9154, source=OTHER) == {80: True, 9100: False, 9154: False}


def test_forwarding_is_dropped_unless_it_is_left_to_others() -> None:
    assert re.search(r"chain forward \{\s+type filter hook forward priority filter; policy drop;", rules())
    assert "hook forward" not in rules(network={"forward": "leave"})


@pytest.mark.parametrize(
    ("section", "key", "value", "found"),
    [
        ("postfix", "relayhost", "[smtp.provider.example]:587", [("smtp.provider.example", 587)]),
        ("postfix", "relayhost", "smtp.provider.example:submissions", [("smtp.provider.example", 465)]),
        (
            "postfix",
            "smtp_fallback_relay",
            "[192.0.2.25]:2525, [2001:db8::25]:2525",
            [("192.0.2.25", 2525), ("2001:db8::25", 2525)],
        ),
        ("postfix", "relayhost", "[IPv6:2001:db8::25]:587", [("IPv6:2001:db8::25", 587)]),
        ("postfix", "default_transport", "smtp:[relay.example.org]:10025", [("relay.example.org", 10025)]),
        (
            "postfix",
            "transport_maps",
            "inline:{example.net=lmtp:inet:lists.example.org:8024}",
            [("lists.example.org", 8024)],
        ),
        (
            "postfix",
            "smtpd_milters",
            "inet:127.0.0.1:11332, inet:filter.example.org:8891",
            [("filter.example.org", 8891)],
        ),
        ("postfix", "smtpd_milters", "inet:localhost:11332 unix:/run/x", []),
        ("postfix", "relay_domains", "example.org, example.net", []),
        ("postfix", "smtpd_banner", "mail.example.org ESMTP at 10:30", []),
        (
            "dovecot",
            "ldap_uris",
            "ldap://a.example.org ldaps://b.example.org:1636",
            [("a.example.org", 389), ("b.example.org", 1636)],
        ),
        ("rspamd", "redis.servers", "192.0.2.6:6380", [("192.0.2.6", 6380)]),
    ],
)
def test_servers_that_overrides_name(section: str, key: str, value: str, found: list[tuple[str, int]]) -> None:
    site = view(overrides={section: {key: value}}).site
    assert [(host, port) for _, _, host, port in endpoints(site, site.hosts[0])] == found


@pytest.mark.parametrize(
    ("network", "path", "words"),
    [
        ({"allow": {"incoming": [{"ports": [11332], "reason": "x"}]}}, "network.allow.incoming[0].ports", "11332"),
        ({"allow": {"incoming": [{"ports": ["1-65535"], "reason": "x"}]}}, "network.allow.incoming[0].ports", "SSH"),
        (
            {"ssh_port": 2222, "allow": {"incoming": [{"ports": [2222], "reason": "x"}]}},
            "network.allow.incoming[0].ports",
            "network.admin",
        ),
        (
            {"allow": {"outgoing": [{"ports": ["20-30"], "user": "www-data", "reason": "x"}]}},
            "network.allow.outgoing[0].ports",
            "Postfix",
        ),
        (
            {"allow": {"outgoing": [{"ports": [443], "hosts": ["post.example.org"], "reason": "x"}]}},
            "network.allow.outgoing[0].hosts[0]",
            "post",
        ),
    ],
)
def test_openings_that_are_refused(network: dict, path: str, words: str) -> None:
    host = view(network=network)
    found = [f for rule in NETWORK_RULES for f in rule(host.site, host.mail)]
    assert found
    assert all(where == path for where, _ in found)
    assert any(words in sentence for _, sentence in found)


@pytest.mark.parametrize(
    "value", ["ldap:/etc/postfix/ldap.cf", "hash:/etc/aliases, proxy:mysql:/etc/postfix/m.cf", "pcre:/etc/postfix/x"]
)
def test_tables_without_their_package(value: str) -> None:
    host = view(overrides={"postfix": {"virtual_mailbox_maps": value}})
    assert [path for rule in NETWORK_RULES for path, _ in rule(host.site, host.mail)] == [
        "overrides.postfix.virtual_mailbox_maps"
    ]


@pytest.mark.parametrize("word", [0, 65536, "80-", "90-80", "-80", "http", "1-2-3", "8²", True, "0x50", ""])
def test_what_is_no_port(word: object) -> None:
    with pytest.raises(ValueError, match="port|text|string"):
        view(network={"allow": {"incoming": [{"ports": [word], "reason": "x"}]}})
