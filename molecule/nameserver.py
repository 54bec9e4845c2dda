"""The name server of the lab: one signed zone, the root, made of parts that each site publishes, and two below it for
what DNSSEC does not prove."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from machines import NET4, NS, ssh, stop

ZONE = "/var/lib/knot/root.zone"
CONF, MORE = "/etc/knot/knot.conf", "/etc/knot/more"
SOA = (
    ". 5 SOA ns.lab.example. hostmaster.lab.example. 1 60 60 3600 5\n. 5 NS ns.lab.example.\nns.lab.example. 5 A"
    f" {NET4}.53"
)
UNSIGNED, BOGUS = "unsigned.example", "bogus.example"
"""Zones without signatures: the root says so of the first, and has the digest of a key for the second,
which is a lie.
"""
SOA += (
    "".join(f"\n{cut}. 5 NS ns.lab.example." for cut in (UNSIGNED, BOGUS)) + f"\n{BOGUS}. 5 DS 12345 13 2 {'ab' * 32}"
)
HEADS = {"": SOA} | {
    cut: f"{cut}. 5 SOA ns.lab.example. hostmaster.lab.example. 1 60 60 3600 5\n{cut}. 5 NS ns.lab.example."
    for cut in (UNSIGNED, BOGUS)
}
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
""" + "".join(
    f"""\
  - domain: {cut}
    file: /var/lib/knot/{cut}.zone
    serial-policy: unixtime
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
"""
    for cut in (UNSIGNED, BOGUS)
)


def start_name_server() -> None:
    """Knot with an empty root zone, signed with a key of its own."""
    empty = "".join(
        f"test -e {file(cut)} || echo '{head}' > {file(cut)}; chown knot: {file(cut)}; " for cut, head in HEADS.items()
    )
    done = ssh(
        NS,
        "set -e; command -v knotd >/dev/null || { apt-get -qq update; DEBIAN_FRONTEND=noninteractive apt-get -qq"
        f" install -y knot; }}; cat > {CONF}; {empty}systemctl restart knot",
        input=KNOT,
        capture_output=True,
    )
    if done.returncode:
        stop(f"the lab's name server: {done.stdout}{done.stderr}")


def file(cut: str) -> str:
    """Where a zone lies."""
    return f"/var/lib/knot/{cut}.zone" if cut else ZONE


def zone(part: str, records: str, cut: str = "") -> None:
    """Publish records (zone file lines, names with a final dot) as one part of all there is in DNS, or in one of the
    zones below the root."""
    kind = f"{cut}.part" if cut else "root.part"
    script = (
        f"cd /var/lib/knot && cat > {part}-{kind} && (echo '{HEADS[cut]}' && cat *-{kind}) > {kind}.new && chown knot:"
        f" {kind}.new && mv {kind}.new {file(cut)} && knotc -b zone-reload {cut or '.'}"
    )
    done = ssh(NS, f'flock /var/lib/knot/lab.lock sh -c "{script}"', input=records, capture_output=True)
    if done.returncode:
        stop(f"zone: {done.stdout}{done.stderr}")


def updated(part: str, names: Iterable[str], key: str, secret: str) -> None:
    """Zones of their own, not signed, which take updates by RFC 2136 with a TSIG key; whoever delegates them does so by
    ``zone``."""
    head = (
        f"key:\n  - id: {key}\n    algorithm: hmac-sha256\n    secret: {secret}\nacl:\n  - id: {part}\n    key: {key}\n"
        "    action: [query, update]\n"
    )
    empty = "@ 5 SOA ns.lab.example. hostmaster.lab.example. 1 60 60 3600 5\n@ 5 NS ns.lab.example.\n"
    _serve(part, head, f"    acl: {part}\n    zonefile-sync: 0\n", dict.fromkeys(names, empty))


def prepared(part: str, zones: Mapping[str, str]) -> None:
    """Zones of their own, served as their texts are, signatures and all; whoever delegates them does so by ``zone``."""
    _serve(part, "", "    zonefile-sync: -1\n", zones)


def _serve(part: str, head: str, options: str, zones: Mapping[str, str]) -> None:
    conf = head + "zone:\n" + "".join(f"  - domain: {name}\n    file: {file(name)}\n{options}" for name in zones)
    files = "".join(
        f"cat > {file(name)} <<'END'\n{text}\nEND\nchown knot: {file(name)}\n" for name, text in zones.items()
    )
    script = (
        f"set -e; mkdir -p {MORE}\ncat > {MORE}/{part}.conf <<'END'\n{conf}END\n{files}grep -q {MORE} {CONF} || echo"
        f" 'include: {MORE}/*.conf' >> {CONF}\nknotc conf-check\nknotc -b reload\n"
    )
    done = ssh(NS, "flock /var/lib/knot/lab.lock sh -s", input=script, capture_output=True)
    if done.returncode:
        stop(f"zones of {part}: {done.stdout}{done.stderr}")


def trust_anchor() -> str:
    """DS line of the lab's root."""
    # Just started, Knot may not have made its key yet, or the host may not let us in.
    for _ in range(20):
        done = ssh(NS, "keymgr . ds", capture_output=True)
        found = [line.split()[2:] for line in done.stdout.splitlines() if line.split()[-2:-1] == ["2"]]
        if found:
            return f". IN DS {' '.join(found[0])}"
        time.sleep(0.5)
    return stop(f"the lab's root has no key: {done.stdout}{done.stderr}")
