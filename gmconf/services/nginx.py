"""nginx: the MTA-STS policy of every domain (RFC 8461), its autoconfig where the site wants it, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from gmconf.controls import control
from gmconf.derived import policies as published
from gmconf.dialects import xml
from gmconf.dialects.nginx import spell
from gmconf.keys.names import tells_programs, web_names
from gmconf.model import Domain
from gmconf.services import autoconfig, tls
from gmconf.services.plan import File, Judge, LineFile, Plan, PlannedFile, TcpProbe, Unit, View
from gmconf.settings import Settings, need

FOLDER = "/etc/nginx"
CONF, POLICY, CERTIFICATES = f"{FOLDER}/nginx.conf", f"{FOLDER}/mta-sts.txt", f"{FOLDER}/gmconf-tls"
POLICIES = f"{FOLDER}/gmconf-policies"
"""Of domains whose MX have a name of their own."""
PROGRAMS = f"{FOLDER}/gmconf-autoconfig"
CHALLENGES = "/var/lib/gmconf-challenges"
"""Not below /var/lib/gmconf, which is root's alone."""
PLAIN, SECURE = 80, 443


def plan(view: View) -> Plan:
    """The web server of a host with role web."""
    sts = control("sts.in")
    names = [name for name, _ in web_names(view.site)]
    files: list[PlannedFile] = [
        File(CONF, "nginx", sts, "nginx/nginx.conf.j2", _settings(view, names), spell),
        *_policies(view, names),
        *_programs(view),
    ]
    for name in names:
        files += tls.pair(view, name, f"{CERTIFICATES}/{name}", "nginx")
    return Plan(
        name="nginx",
        packages=("nginx",),
        files=tuple(files),
        directories=(
            (CERTIFICATES, "root", "root", "0755"),
            (POLICIES, "root", "root", "0755"),
            (PROGRAMS, "root", "root", "0755"),
            (CHALLENGES, "root", "root", "0755"),
        ),
        owned=(f"{CERTIFICATES}/", f"{POLICIES}/", f"{PROGRAMS}/"),
        stage_prefixes=(f"{CERTIFICATES}/",),
        validate=(Judge(("nginx", "-t", "-q", "-c", f"{{{CONF}}}")),),
        units=(Unit("nginx.service", watch=(f"{CERTIFICATES}/*",)),),
        probes=(
            TcpProbe(
                "web",
                address="127.0.0.1",
                port=PLAIN,
                send=f"GET / HTTP/1.0\r\nHost: {names[0]}\r\n\r\n",
                expect="HTTP/1.1 301 ",
            ),
        ),
        tls=tuple(pair for name in names for pair in tls.judged(view, f"{CERTIFICATES}/{name}", name)),
    )


def _policies(view: View, names: list[str]) -> Iterator[LineFile]:
    """One for all domains whose MX are the hosts, and one for each of the others."""
    by_path: dict[str, list[Domain]] = {}
    for domain in view.site.domains:
        if f"mta-sts.{domain.name}" in names:
            by_path.setdefault(_policy(domain), []).append(domain)
    for path, domains in by_path.items():
        records = tuple(record for d in domains for record in (f"{d.name} MX", f"_mta-sts.{d.name} TXT"))
        yield LineFile(
            path,
            "nginx",
            control("sts.in"),
            lines=partial(published.sts_policy, view.site, domains[-1]),
            comment="",
            records=records,
        )


def _programs(view: View) -> Iterator[File]:
    """What mail programs are told of a domain, the same that build/documents has."""
    reaches = autoconfig.reached(view.site)
    same = (need("nginx", "as build/documents/clients has it"),)
    for number, domain in _told(view):
        c = Settings(f"{PROGRAMS}/{domain.name}.xml")
        autoconfig.fill(c, view.site, number, reaches, view.why, autoconfig.Because(same, same, same))
        yield File(
            c.file, "nginx", control("mua.autoconfig"), "documents/clients/config-v1.1.xml.j2", c, xml.spell, comment=""
        )


def _told(view: View) -> list[tuple[int, Domain]]:
    return [(n, d) for n, d in enumerate(view.site.domains) if d.kind != "parked"] if tells_programs(view.site) else []


def _policy(domain: Domain) -> str:
    return f"{POLICIES}/{domain.name}.txt" if domain.own_mx else POLICY


def _settings(view: View, names: list[str]) -> Settings:
    c = Settings(CONF)
    sts, works = control("sts.in"), need("nginx", "nginx would not serve this site otherwise")
    flood = need("nginx", "a slow client holds its connection for a moment only, and nothing is ever sent to us")
    c.set("user", "www-data", works)
    c.set("log", "syslog:server=unix:/dev/log", need("nginx", "the journal keeps it as long as everything else"))
    c.set("connections", 1024, works)
    c.set("tokens", False, need("nginx", "the version is nobody's business"))
    c.set("body", 1, flood)
    c.set("patience", 10, flood)
    c.set("tls.protocols", ["TLSv1.2", "TLSv1.3"], control("tls.versions"))
    c.set("tls.ciphers", "ECDHE+AESGCM:ECDHE+CHACHA20", control("tls.ciphers"))
    c.set("tls.order", True, need("nginx", "the stronger suite is taken"))
    c.set("tls.tickets", False, need("nginx", "a key for tickets that never changes would undo forward secrecy"))
    families = view.site.address_families
    why = (control("net.ipv6"), view.why("address_families"))
    for key, port in (("plain", PLAIN), ("secure", SECURE)):
        sockets = [
            *([f"0.0.0.0:{port}"] if "ipv4" in families else []),
            *([f"[::]:{port}"] if "ipv6" in families else []),
        ]
        c.rows(key, [{"address": (socket, why)} for socket in sockets])
    acme = view.site.tls.acme
    c.set("challenges", CHALLENGES if acme and acme.challenge == "http-01" else "", view.why("tls.acme"))
    c.set("strangers", True, need("nginx", "no name, no certificate: nobody learns whom we serve"))
    policies = {f"mta-sts.{d.name}": _policy(d) for d in view.site.domains}
    c.rows(
        "servers",
        [
            {
                "name": (name, (sts,)),
                "certificate": (f"{CERTIFICATES}/{name}.crt", (control("tls.cert"),)),
                "key": (f"{CERTIFICATES}/{name}.key", (control("tls.cert"),)),
                "policy": (policies[name], (sts,)),
            }
            for name in names
            if name in policies
        ],
    )
    told, own = control("mua.autoconfig"), control("tls.cert")
    c.rows(
        "programs",
        [
            {
                "name": (f"autoconfig.{d.name}", (told,)),
                "certificate": (f"{CERTIFICATES}/autoconfig.{d.name}.crt", (own,)),
                "key": (f"{CERTIFICATES}/autoconfig.{d.name}.key", (own,)),
                "page": (f"{PROGRAMS}/{d.name}.xml", (told,)),
            }
            for _, d in _told(view)
        ],
    )
    return c
