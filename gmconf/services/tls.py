"""Certificates and keys of the host, where every daemon finds them."""

from __future__ import annotations

from gmconf.controls import control
from gmconf.plan import File, Plan, SecretFile, View
from gmconf.settings import need

FOLDER = "/etc/gmconf/tls"


def certificate(view: View) -> str:
    """Path of the host's certificate chain (PEM)."""
    return f"{FOLDER}/{view.host.name}.crt"


def key(view: View) -> str:
    """Path of the host's private key (PEM, root only; daemons read it before they drop privileges)."""
    return f"{FOLDER}/{view.host.name}.key"


def plan(view: View) -> Plan:
    """Certificate, key and, in a closed network, the internal CA."""
    name = view.host.name
    chain = view.public[f"tls/{name}.crt"]
    files: list[File | SecretFile] = [
        File(certificate(view), "tls", control("tls.cert"), lines=lambda: chain.rstrip("\n").split("\n"), comment=""),
        SecretFile(key(view), "tls", control("tls.cert"), f"tls/{name}.key.vault"),
    ]
    if "ca/ca.crt" in view.public:
        ca = view.public["ca/ca.crt"]
        why = need("tls", "hosts of a closed network trust this site's own CA")
        files.append(File(f"{FOLDER}/ca.crt", "tls", why, lines=lambda: ca.rstrip("\n").split("\n"), comment=""))
    return Plan(
        name="tls",
        packages=("ca-certificates", "openssl"),
        files=tuple(files),
        directories=(("/etc/gmconf", "root", "root", "0755"), (FOLDER, "root", "root", "0755")),
        owned=(f"{FOLDER}/",),
        tls=({"certificate": certificate(view), "key": key(view), "names": [name]},),
    )
