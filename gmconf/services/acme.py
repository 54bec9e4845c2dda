"""Certificates by ACME (RFC 8555): the host asks for one of the key it was given, checks it, and shows it.

certbot is given a request (CSR) made of that key, so that the key stays where ``gmconf keys`` takes it from one to the
next and TLSA records stay true at every renewal. What decides and checks is roles/gmconf/files/acme.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from functools import partial

from gmconf.controls import control
from gmconf.dialects import ini
from gmconf.keys.names import tsig_file
from gmconf.model import Acme, Role
from gmconf.resources import program
from gmconf.services import nginx, tls
from gmconf.services.plan import File, LineFile, Plan, PlannedFile, SecretFile, Unit, View
from gmconf.settings import Reason, Settings, Value, need

FOLDER, CONF = "/etc/gmconf/acme", "/etc/gmconf/acme.ini"
SECRET = f"{FOLDER}/tsig.secret"
PROGRAM = "/usr/local/lib/gmconf/acme"
FILES = tuple(f"/etc/systemd/system/gmconf-acme.{kind}" for kind in ("service", "timer"))
HTTP = 80


def plan(view: View, others: Sequence[Plan]) -> Plan:
    """What asks for certificates in place of the pairs that the other plans begin with;
    without ACME it is taken away.
    """
    acme = view.site.tls.acme
    if acme is None or view.site.tls.source != "acme":
        return Plan(name="acme", owned=(f"{FOLDER}/",), absent=(CONF, PROGRAM, *FILES))
    return _wanted(view, acme, others)


def _wanted(view: View, acme: Acme, others: Sequence[Plan]) -> Plan:
    because = control("tls.cert-trust")
    pairs = _pairs(others)
    files: list[PlannedFile] = [
        File(CONF, "acme", because, "acme/acme.ini.j2", _settings(view, acme, pairs), ini.spell, mode="0600"),
        LineFile(PROGRAM, "acme", because, lines=partial(program, "files/acme.py"), shared=True, mode="0755"),
        *_units(because, _writes(view, acme, pairs)),
    ]
    for name in sorted({name for name, _, _ in pairs}):
        place = tls.tlsa(view, name)
        files += tls.pair(
            view, name, f"{FOLDER}/{name}", "acme", record=f"{place} TLSA" if place else "", initial=False
        )
    packages = ["certbot", "openssl", "python3-dnspython"]
    if acme.update:
        packages.append("python3-certbot-dns-rfc2136")
        files.append(SecretFile(SECRET, "acme", because, tsig_file(acme.update.key)))
    return Plan(
        name="acme",
        packages=tuple(packages),
        files=tuple(files),
        directories=((FOLDER, "root", "root", "0700"), ("/usr/local/lib/gmconf", "root", "root", "0755")),
        owned=(f"{FOLDER}/",),
        # The package's own timer renews what certbot keeps itself, which is nothing here.
        mask=("certbot.timer",),
        units=(Unit("gmconf-acme.timer", on_change="restart"),),
    )


def _pairs(others: Sequence[Plan]) -> list[tuple[str, str, tuple[str, ...]]]:
    """(name, path without ending, units that read it when they are told to) of every pair that is the host's own."""
    found = []
    for plan in others:
        secrets = {f.path: f.secret for f in plan.files if isinstance(f, SecretFile) and f.initial}
        for path, secret in secrets.items():
            stem = path.removesuffix(".key")
            units = [u.unit for p in others for u in p.units if any(fnmatch(f"{stem}.crt", glob) for glob in u.watch)]
            found.append((secret.removeprefix("tls/").removesuffix(".key.vault"), stem, tuple(units)))
    return found


def _settings(view: View, acme: Acme, pairs: Sequence[tuple[str, str, tuple[str, ...]]]) -> Settings:
    c = Settings(CONF)
    trust, source = control("tls.cert-trust"), view.why("tls.acme")
    c.set("directory", acme.directory, trust, view.why("tls.acme.directory"))
    c.set("email", acme.email, view.why("tls.acme.email"))
    c.set("challenge", acme.challenge, view.why("tls.acme.challenge"))
    c.set("webroot", _webroot(view, acme), need("acme", "nginx has port 80"))
    c.set("authority", f"{tls.FOLDER}/ca.crt" if acme.authority else "", view.why("tls.acme.authority"))
    c.set("server", acme.update.server if acme.update else "", source)
    if acme.update:
        c.set("port", acme.update.port, source)
        c.set("key", f"{acme.update.key}.", source)
        c.set("algorithm", acme.update.algorithm.upper(), source)
        c.set("propagation", acme.update.propagation, source)
        c.set("secret", SECRET, source)
    rows: list[dict[str, tuple[Value, tuple[Reason, ...]]]] = []
    for name in sorted({name for name, _, _ in pairs}):
        mine = [(stem, units) for other, stem, units in pairs if other == name]
        rows.append(
            {
                "name": (name, (trust,)),
                "given": (
                    f"{FOLDER}/{name}",
                    (need("acme", "the key to use, and the certificate of the site's own CA until there is another"),),
                ),
                "shown": ([stem for stem, _ in mine], (need("acme", "where daemons read it"),)),
                "units": (
                    sorted({unit for _, units in mine for unit in units}),
                    (need("acme", "told to read it again"),),
                ),
                "tlsa": (tls.tlsa(view, name), (need("acme", "records that the certificate has to fit"),)),
            }
        )
    c.rows("pairs", rows)
    return c


def _webroot(view: View, acme: Acme) -> str:
    """Where proofs are put for nginx; empty where certbot listens itself, or DNS has them."""
    return nginx.CHALLENGES if view.has(Role.WEB) and acme.challenge == "http-01" else ""


def _writes(view: View, acme: Acme, pairs: Sequence[tuple[str, str, tuple[str, ...]]]) -> list[str]:
    """Directories in which something changes: those of the pairs, and the one whose proofs nginx hands out."""
    return sorted({stem.rpartition("/")[0] for _, stem, _ in pairs} | ({_webroot(view, acme)} - {""}))


def _units(because: Reason, writes: list[str]) -> list[PlannedFile]:
    service, timer = map(Settings, FILES)
    service.set("command", f"/usr/bin/python3 -B {PROGRAM} {CONF}", because)
    shows = need("acme", "where daemons read certificates, and nginx proofs; the rest of the host it cannot change")
    service.set("writes", writes, shows)
    timer.set("first", "15s", need("acme", "a roll-out that changes something here is over by then"))
    timer.set(
        "again",
        "12h",
        need(
            "acme",
            "a CA that is out of order is asked again before anybody notices; CAs ask for no more than twice a day",
        ),
    )
    return [
        File(service.file, "acme", because, "acme/acme.service.j2", service, ini.spell),
        File(timer.file, "acme", because, "acme/acme.timer.j2", timer, ini.spell),
    ]
