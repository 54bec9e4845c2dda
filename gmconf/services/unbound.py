"""The validating resolver of every host, and /etc/resolv.conf, which makes everything else ask it."""

from __future__ import annotations

from gmconf.controls import control
from gmconf.dialects import ini, unbound
from gmconf.errors import GmconfError
from gmconf.services.plan import ExecProbe, File, Judge, LineFile, Plan, Unit, View
from gmconf.settings import Settings, need

CONF = "/etc/unbound/unbound.conf"
ROOT_KEY = "/var/lib/unbound/root.key"
MIB = 1024 * 1024

# Options of the server clause that take two arguments (unbound.conf(5)).
_TWO = {
    "access-control",
    "access-control-tag",
    "access-control-view",
    "interface-action",
    "local-zone",
    "local-zone-override",
    "local-zone-tag",
    "ratelimit-below-domain",
    "ratelimit-for-domain",
    "response-ip",
    "response-ip-data",
    "wait-limit-netblock",
}
# They open another clause or read another file, so they are not options of the server clause.
_CLAUSES = {
    "auth-zone",
    "cachedb",
    "dnscrypt",
    "dnstap",
    "dynlib",
    "forward-zone",
    "include",
    "include-toplevel",
    "ipset",
    "python",
    "remote-control",
    "rpz",
    "server",
    "stub-zone",
    "view",
}

# "localhost. A?" over UDP to 127.0.0.1. A name of the resolver's own: whether the Internet can be reached is no
# reason to take a configuration back.
_ASK = (
    "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); "
    "s.sendto(bytes([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 9]) + b'localhost' + bytes([0, 0, 1, 0, 1]), "
    "('127.0.0.1', 53)); print('rcode', s.recv(4096)[3] & 15)"
)


def plan(view: View) -> Plan:
    """Unbound on the loopback addresses only, and nobody else who writes resolv.conf."""
    keeps = need("unbound", "a DHCP client would put its network's resolver into resolv.conf, which validates nothing")
    return Plan(
        name="unbound",
        packages=("unbound", "dns-root-data"),
        files=(
            File(
                CONF,
                "unbound",
                control("dns.validating-resolver"),
                "unbound/unbound.conf.j2",
                _conf(view),
                unbound.spell,
            ),
            File(
                "/etc/resolv.conf",
                "unbound",
                control("dns.validating-resolver"),
                "unbound/resolv.conf.j2",
                _resolv(view),
                ini.word,
            ),
            LineFile(
                "/etc/dhcp/dhclient-enter-hooks.d/gmconf",
                "unbound",
                keeps,
                lines=lambda: ("make_resolv_conf() { :; }",),
            ),
            LineFile(
                "/etc/dhcpcd.enter-hook", "unbound", keeps, lines=lambda: ('skip_hooks="$skip_hooks resolv.conf"',)
            ),
        ),
        directories=(
            ("/etc/dhcp", "root", "root", "0755"),
            ("/etc/dhcp/dhclient-enter-hooks.d", "root", "root", "0755"),
        ),
        validate=(
            # Before its first start the package has not laid down the root key, which the checker asks for: it gets one
            # in the copy.
            Judge(("install", "-D", "-m", "0644", "/usr/share/dns/root.key", f"{{{ROOT_KEY}}}")),
            Judge(("unbound-checkconf", f"{{{CONF}}}"), refuse=("warning:", "error:")),
        ),
        stage_prefixes=(ROOT_KEY,),
        units=(Unit("unbound.service"),),
        mask=("systemd-resolved.service", "unbound-resolvconf.service"),
        probes=(ExecProbe("dns", argv=("python3", "-c", _ASK), expect="^rcode 0"),),
    )


def _addresses(view: View) -> tuple[str, ...]:
    found = {"ipv4": "127.0.0.1", "ipv6": "::1"}
    return tuple(found[family] for family in sorted(view.site.address_families))


def _resolv(view: View) -> Settings:
    c = Settings("/etc/resolv.conf")
    c.rows("nameservers", ({"address": (a, (control("dns.validating-resolver"),))} for a in _addresses(view)))
    c.set("timeout", 5, need("unbound", "the resolver may have to ask several servers that are slow"))
    c.set("attempts", 2, need("unbound", "it runs on this host: what two tries do not get, a third will not"))
    return c


def _conf(view: View) -> Settings:
    c = Settings(CONF)
    validating = control("dns.validating-resolver")
    hardening = need("unbound", "a forged or careless answer must not steer mail")
    addresses = _addresses(view)
    c.rows("interfaces", ({"address": (a, (validating, control("gov.minimal")))} for a in addresses))
    c.set("port", 53, validating)
    c.set("do_ip4", "127.0.0.1" in addresses, view.why("address_families"))
    c.set("do_ip6", "::1" in addresses, view.why("address_families"), control("net.ipv6"))
    c.set(
        "chroot", "", need("unbound", "systemd and AppArmor confine it; in a chroot it could not update the root key")
    )
    c.set(
        "username", "unbound", need("unbound", "runs without privileges; the firewall lets only this user ask the net")
    )
    c.set("directory", "/etc/unbound", need("unbound", "where its configuration lies"))
    c.set("pidfile", "/run/unbound.pid", need("unbound", "where Debian's AppArmor profile lets it write"))
    c.set(
        "threads",
        min(view.host.cpus, 4),
        view.why("hosts"),
        need("unbound", "a mail host keeps no more than four threads busy with DNS"),
    )
    c.set("modules", "validator iterator", validating)
    _trust(c, view)
    for key in ("hide_identity", "hide_version"):
        c.set(key, True, need("unbound", "nobody needs to know who answers"))
    for key in (
        "harden_glue",
        "harden_dnssec_stripped",
        "harden_below_nxdomain",
        "val_clean_additional",
        "harden_short_bufsize",
        "harden_large_queries",
    ):
        c.set(key, True, hardening)
    c.set("val_permissive", False, control("gov.options-on"))
    c.set("unwanted_reply_threshold", 10_000_000, hardening)
    c.set("qname_minimisation", True, need("unbound", "the root and the registries learn no full names (RFC 9156)"))
    c.set("aggressive_nsec", True, need("unbound", "proven gaps answer for names that do not exist (RFC 8198)"))
    c.set("edns_buffer_size", 1232, need("unbound", "fragments get lost and can be forged; longer answers come by TCP"))
    c.set("msg_cache", 32 * MIB, need("unbound", "half of rrset-cache-size, as its manual advises"))
    c.set("rrset_cache", 64 * MIB, need("unbound", "every message asks dozens of names: MX, SPF, DKIM, DMARC, lists"))
    c.set("max_ttl", 86_400, need("unbound", "a record that was wrong is forgotten within a day"))
    c.set(
        "max_negative_ttl",
        900,
        need("unbound", "a record that was missing is found a quarter of an hour after it is mended"),
    )
    c.set("prefetch", True, need("unbound", "what is asked often never has to wait"))
    c.set("prefetch_key", True, validating)
    c.set("verbosity", 1, control("log.correlate"))
    c.set(
        "val_log_level", 2, control("log.correlate"), need("unbound", "says why a name is bogus, and mail to it waits")
    )
    c.set("log_servfail", True, control("log.correlate"))
    c.set("use_syslog", True, control("log.correlate"))
    c.set("control", True, need("unbound", "unbound-control flush_zone, lookup, stats for the administrator"))
    c.set("control_socket", "/run/unbound.ctl", need("unbound", "a local socket that root alone may use; no TCP port"))
    _forward(c, view)
    _overrides(c, view)
    return c


def _trust(c: Settings, view: View) -> None:
    anchors = view.site.resolver.trust_anchors
    if anchors:
        why = view.why("resolver.trust_anchors")
        c.rows("anchors", ({"anchor": (a, (control("dns.validating-resolver"), why))} for a in anchors))
        c.set("auto_anchor", "", why)
        return
    c.rows("anchors", ())
    c.set(
        "auto_anchor",
        ROOT_KEY,
        control("dns.validating-resolver"),
        need("unbound", "Debian's unit fills it from dns-root-data; Unbound follows key changes (RFC 5011)"),
    )


def _forward(c: Settings, view: View) -> None:
    forwarders = view.site.resolver.forwarders
    why = view.why("resolver.forwarders")
    c.rows("forwarders", ({"address": (a, (why,))} for a in forwarders))
    if not forwarders:
        c.set("root_hints", "/usr/share/dns/root.hints", need("unbound", "kept up to date by dns-root-data"))
        c.set("unblock_lan_zones", False, need("unbound", "questions about private addresses stay here (RFC 6303)"))
        c.set("forward_zone", "", why)
        return
    c.set("root_hints", "", why)
    private = need("unbound", "in a closed network the forwarders know the reverse zones of private addresses")
    c.set("unblock_lan_zones", True, why, private)
    c.set("forward_zone", ".", why)
    c.set("forward_first", False, why, need("unbound", "never asks the Internet behind the forwarders' back"))
    c.set("test_zone", ["test.", "nodefault"], why, need("unbound", "laboratories live below test. (RFC 6761)"))


def _overrides(c: Settings, view: View) -> None:
    rows = []
    for key, value, why in view.overrides("unbound"):
        if key in _CLAUSES:
            raise GmconfError(f"{why.text}: not an option of Unbound's server clause")
        words = value.split(maxsplit=1) if key in _TWO else [value]
        rows.append({"line": ([f"{key}:", *words], (why,))})
    c.rows("overrides", rows)
