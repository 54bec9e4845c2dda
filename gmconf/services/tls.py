"""Certificates and keys of the host, where every daemon finds them."""

from __future__ import annotations

from gmconf.controls import control
from gmconf.keys.names import server_names
from gmconf.model import Role
from gmconf.services.plan import LineFile, Pair, Plan, PlannedFile, SecretFile, View
from gmconf.settings import Reason, need

FOLDER = "/etc/gmconf/tls"


def certificate(view: View) -> str:
    """Path of the host's certificate chain (PEM)."""
    return f"{FOLDER}/{view.host.name}.crt"


def key(view: View) -> str:
    """Path of the host's private key (PEM, root only; daemons read it before they drop privileges)."""
    return f"{FOLDER}/{view.host.name}.key"


def own_names(view: View, *roles: Role) -> dict[str, Reason]:
    """Names that domains have for this host in its roles, or in some, each with a certificate of its own, sorted; and
    where the site says so."""
    return {name: view.why(field) for name, field in sorted(server_names(view.site, roles or view.host.roles))}


def pair(
    view: View,
    name: str,
    stem: str,
    service: str,
    *,
    group: str = "root",
    record: str = "",
    initial: bool | None = None,
) -> list[PlannedFile]:
    """Certificate chain and key of a name as STEM.crt and STEM.key; ``group`` is a daemon's that has no privileges to
    drop.

    ``initial``: the host replaces them itself; default: where it gets certificates by ACME.
    """
    chain = view.public[f"tls/{name}.crt"]
    mode = "0600" if group == "root" else "0640"
    own = view.site.tls.source == "acme" if initial is None else initial
    return [
        LineFile(
            f"{stem}.crt",
            service,
            control("tls.cert"),
            lines=lambda: chain.rstrip("\n").split("\n"),
            comment="",
            records=(record,) if record else (),
            initial=own,
        ),
        SecretFile(
            f"{stem}.key", service, control("tls.cert"), f"tls/{name}.key.vault", "root", group, mode, initial=own
        ),
    ]


def tlsa(view: View, name: str) -> str:
    """Where TLSA records of a certificate's name may be; empty for those that no MX has."""
    return f"_25._tcp.{name}" if view.has(Role.MTA) and (name == view.host.name or name in view.mail.mx_names) else ""


def judged(view: View, stem: str, *names: str) -> tuple[Pair, ...]:
    """What a host checks of a pair before it switches: that they belong together, are valid, and hold these names.

    Nothing where the host gets certificates by ACME: it checks them when they come.
    """
    return () if view.site.tls.source == "acme" else (Pair(certificate=f"{stem}.crt", key=f"{stem}.key", names=names),)


def plan(view: View) -> Plan:
    """Certificate and key of the host and of the names that domains have for it, and, in a closed network, the internal
    CA."""
    names = [view.host.name, *own_names(view)]
    files: list[PlannedFile] = []
    for name in names:
        # With ACME it is the key that is given to the host (acme.py), not what the host shows, that DNS has to agree
        # with.
        place = "" if view.site.tls.source == "acme" else tlsa(view, name)
        files += pair(view, name, f"{FOLDER}/{name}", "tls", record=f"{place} TLSA" if place else "")
    if view.site.tls.own_ca:
        acme = view.site.tls.acme
        roots = ("ca/ca.crt", *([f"ca/{acme.authority}.crt"] if acme and acme.authority else []))
        cas = [line for ca in roots for line in view.public[ca].rstrip("\n").split("\n")]
        why = need("tls", "hosts of a closed network trust this site's own CA")
        files.append(LineFile(f"{FOLDER}/ca.crt", "tls", why, lines=lambda: cas, comment=""))
    return Plan(
        name="tls",
        packages=("ca-certificates", "openssl"),
        files=tuple(files),
        directories=(("/etc/gmconf", "root", "root", "0755"), (FOLDER, "root", "root", "0755")),
        owned=(f"{FOLDER}/",),
        tls=tuple(judge for name in names for judge in judged(view, f"{FOLDER}/{name}", name)),
    )
