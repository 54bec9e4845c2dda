"""Knot DNS: the site's zones as the contract has them, signed on the first host with role nameserver, fetched from it
by the others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from gmconf.controls import control
from gmconf.derived.name_servers import keepers, kept
from gmconf.dialects.knot import spell
from gmconf.dns.contract import Contract
from gmconf.dns.zonefile import ZoneFiles
from gmconf.keys.names import TRANSFER, TRANSFER_KEY
from gmconf.model import Host
from gmconf.services.plan import ExecProbe, File, Judge, LineFile, Plan, PlannedFile, SecretFile, Unit, View
from gmconf.settings import Settings, need

FOLDER = "/etc/knot"
CONF, SERVER, SECRET, ZONES = (
    f"{FOLDER}/knot.conf",
    f"{FOLDER}/server.conf",
    f"{FOLDER}/transfer.conf",
    f"{FOLDER}/zones",
)
PORT = 53
DAY = 86400
SERIAL = 1
"""Of every rendered zone: Knot counts itself, by the clock of the host."""

# The SOA of a zone, asked of the address that the world asks; over TCP, so that a lost packet is no failure.
_ASK = (
    "import socket, struct, sys; name = b''.join(bytes([len(l)]) + l.encode() for l in sys.argv[2].split('.')) +"
    " bytes(1); q = struct.pack('>6H', 7, 0, 1, 0, 0, 0) + name + struct.pack('>2H', 6, 1); s ="
    " socket.create_connection((sys.argv[1], 53), 5); s.settimeout(5); s.sendall(struct.pack('>H', len(q)) + q); a ="
    " s.recv(4096); print('authoritative', bool(a[4] & 4), 'rcode', a[5] & 15)"
)


def plan(view: View) -> Plan:
    """The name server of a host with role nameserver."""
    zones, servers = kept(view.site), keepers(view.site)
    others = [host for host in servers if host.name != view.host.name]
    primary = servers[0].name == view.host.name
    works = need("knot", "what the site publishes, as gmconf dns prints it")
    conf = _primary(view, zones, others) if primary else _secondary(zones, servers[0])
    files: list[PlannedFile] = [
        File(
            CONF,
            "knot",
            works,
            f"knot/{'primary' if primary else 'secondary'}.conf.j2",
            conf,
            spell,
            group="knot",
            mode="0640",
        ),
        File(SERVER, "knot", works, "knot/server.conf.j2", _server(view), spell, group="knot", mode="0640"),
    ]
    if others:
        known = need("knot", "an address can be forged: whoever hands out or fetches a zone shows this key")
        files.append(SecretFile(SECRET, "knot", known, TRANSFER, group="knot", mode="0640"))
    published = ZoneFiles(Contract(view.site, view.public, view.why, view.rollover))
    for name in zones if primary else ():
        files.append(
            LineFile(f"{ZONES}/{name}.zone", "knot", works, lines=partial(published.zone, name, SERIAL), comment="")
        )
    judged = [Judge(("knotc", "-c", f"{{{CONF}}}", "conf-check"), refuse=("error", "warning"))]
    if primary:
        judged.append(Judge(("knotc", "-c", f"{{{CONF}}}", "zone-check"), refuse=("error:",)))
    return Plan(
        name="knot",
        packages=("knot",),
        files=tuple(files),
        directories=((FOLDER, "root", "knot", "0750"), (ZONES, "root", "root", "0755")),
        owned=(f"{ZONES}/",),
        absent=() if others else (SECRET,),
        validate=tuple(judged),
        # Addresses are taken when it starts; everything else is read again when it is told to.
        units=(Unit("knot.service", restart_paths=(SERVER,)),),
        # A secondary has no zone before the primary was rolled out.
        probes=(
            ExecProbe(
                "zones",
                argv=("python3", "-c", _ASK, view.host.addresses[0], zones[0]),
                expect="^authoritative True rcode 0" if primary else "^authoritative",
            ),
        ),
    )


def _sockets(host: Host) -> list[str]:
    return [f"{address}@{PORT}" for address in host.addresses]


def _server(view: View) -> Settings:
    c = Settings(SERVER)
    works = need("knot", "the host's own resolver has the loopback addresses")
    c.set("listen", _sockets(view.host), works, view.why("hosts"))
    quiet = need("knot", "nobody needs to know who answers")
    for key in ("identity", "version", "nsid"):
        c.set(key, "", quiet)
    return c


def _common(zones: Sequence[str]) -> Settings:
    c = Settings(CONF)
    works = need("knot", "Knot would not serve this site otherwise")
    c.set("server", SERVER, works)
    c.set("log.target", "syslog", need("knot", "the journal keeps it as long as everything else"))
    c.set("log.level", "info", need("knot", "which key was made, which zone was signed or handed out"))
    flood = need("knot", "answers to a forged address are no weapon")
    c.set(
        "rate.answers", 200, flood, need("knot", "a second and network: far above what resolvers ask of mail domains")
    )
    c.set(
        "rate.slip", 2, flood, need("knot", "every second one is told to come by TCP, so that a victim is not cut off")
    )
    c.set(
        "modules",
        ["mod-cookies", "mod-rrl/site"],
        flood,
        need("knot", "who shows a cookie (RFC 7873) cannot be forged, and is not limited"),
    )
    c.set("zone.sync", -1, need("knot", "the file is what was rendered: Knot never writes it"))
    c.set("zone.journal", "all", need("knot", "the signed zone is kept there, and is whole after a restart"))
    c.rows("zones", [{"name": (name, (works,))} for name in zones])
    return c


def _primary(view: View, zones: Sequence[str], secondaries: Sequence[Host]) -> Settings:
    c = _common(zones)
    signed, works = control("dns.dnssec"), need("knot", "Knot would not serve this site otherwise")
    why = view.why("hosts")
    c.set("secret", SECRET if secondaries else "", works)
    c.rows(
        "secondaries",
        [
            {"name": (h.name, (why,)), "sockets": (_sockets(h), (why,)), "key": (TRANSFER_KEY, (why,))}
            for h in secondaries
        ],
    )
    whole = need("knot", "the site's other name servers fetch whole zones, with the key, and nobody else does")
    c.set("transfer.addresses", [a for h in secondaries for a in h.addresses], whole)
    c.set("transfer.key", TRANSFER_KEY if secondaries else "", whole)
    c.set("transfer.told", [h.name for h in secondaries], need("knot", "secondaries fetch a change at once"))
    _policy(c, view)
    c.set("zone.file", f"{ZONES}/%s.zone", works)
    c.set(
        "zone.load",
        "difference-no-serial",
        need("knot", "a roll-out changes the records that differ; signatures and the serial are Knot's"),
    )
    c.set("zone.serial", "unixtime", need("knot", "it grows even where the journal was lost"))
    c.set("zone.checks", True, need("knot", "a zone that contradicts itself is not loaded; the one before stays"))
    c.set("zone.signing", True, signed)
    c.set("zone.policy", "site", signed)
    return c


def _secondary(zones: Sequence[str], primary: Host) -> Settings:
    c = _common(zones)
    fetched = need("knot", "the zones come from the primary, signed, and from nobody else")
    c.set("secret", SECRET, fetched)
    c.set("primary.name", primary.name, fetched)
    c.set("primary.sockets", _sockets(primary), fetched)
    c.set("primary.addresses", list(primary.addresses), fetched)
    c.set("primary.key", TRANSFER_KEY, fetched)
    c.set("zone.load", "none", need("knot", "there is no file: the zone is what the primary handed over"))
    return c


def _policy(c: Settings, view: View) -> None:
    signed = control("dns.dnssec")
    c.set(
        "policy.algorithm",
        "ecdsap256sha256",
        signed,
        need("knot", "every validator knows it, and answers stay small (RFC 8624)"),
    )
    c.set(
        "policy.nsec3",
        False,
        need("knot", "what is in these zones is no secret, and NSEC is the simplest proof (RFC 9276)"),
    )
    c.set(
        "policy.ksk",
        0,
        need(
            "knot", "the parent has to be told of a new one: knotc zone-key-rollover ZONE ksk, when somebody is there"
        ),
    )
    c.set("policy.zsk", 90 * DAY, need("knot", "changes by itself, which concerns nobody else"))
    c.set("policy.signatures", 28 * DAY, signed)
    c.set(
        "policy.refresh",
        14 * DAY,
        signed,
        need("knot", "secondaries serve for two weeks alone, and signatures last for longer"),
    )
    c.set("policy.cds", "always", need("knot", "a parent that looks for it (RFC 7344) needs no form filled in"))
    addresses = {"ipv4": "127.0.0.1", "ipv6": "::1"}
    c.set(
        "resolver",
        [f"{addresses[f]}@{PORT}" for f in sorted(view.site.address_families)],
        need("knot", "asks for DS at the parent as anybody would"),
    )
    c.set("policy.interval", 3600, need("knot", "a new key is used alone only when the parent vouches for it"))
