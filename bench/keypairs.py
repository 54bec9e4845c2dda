"""Key files of a generated site: as many as there must be, of which only the certificate is one."""

from __future__ import annotations

import subprocess
from pathlib import Path

VAULT = "$ANSIBLE_VAULT;1.1;AES256\n00\n"


def write(keys: Path, domains: int, hosts: int, *, rsa: str, ed25519: str) -> None:
    """DKIM keys of d0.example and so on, certificates of h0.large.example and so on, passwords."""
    for n in range(domains):
        folder = keys / f"dkim/d{n}.example"
        folder.mkdir(parents=True)
        for kind, text in (("rsa", rsa), ("ed25519", ed25519)):
            (folder / f"gm1-{kind}.pub").write_text(text + "\n")
            (folder / f"gm1-{kind}.key.vault").write_text(VAULT)
    (keys / "tls").mkdir()
    certificate = subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "3650",
            "-keyout",
            "/dev/null",
            "-subj",
            "/CN=large.example",
            "-addext",
            "subjectAltName=DNS:*.large.example",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for n in range(hosts):
        (keys / f"tls/h{n}.large.example.crt").write_text(certificate)
        (keys / f"tls/h{n}.large.example.key.vault").write_text(VAULT)
    (keys / "passwords.vault").write_text(VAULT)
