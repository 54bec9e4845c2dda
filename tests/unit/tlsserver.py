"""A real mail server's TLS on loopback: SMTP with STARTTLS, by Python's ssl in a process of its own, whose OpenSSL is
configured as told.

python tests/unit/tlsserver.py CONFIG.json    serves until it is ended
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=0"
SIGNATURES = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:RSA-PSS+SHA256:RSA-PSS+SHA384:RSA+SHA256:RSA+SHA384"
VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


class Kind(NamedTuple):
    """How it speaks TLS; the default is as good as it can be."""

    ciphers: str = SUITES
    least: str = "1.2"
    most: str = "1.3"
    prefer: bool = True
    starttls: bool = True
    renegotiation: bool = False
    curve: str = ""
    dh: str = ""
    """A group by OpenSSL's name: ffdhe2048."""
    signatures: str = SIGNATURES
    options: str = "ExtendedMasterSecret"
    suites: str = ""
    """Ciphers of TLS 1.3; empty: as OpenSSL has them."""
    greeting: str = "220 mail.example.org ESMTP"


class TlsServer:
    """Serves on 127.0.0.1 and ::1."""

    def __init__(self, folder: Path, port: int, chain: Path, key: Path, kind: Kind) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        conf = folder / "openssl.cnf"
        suites = f"Ciphersuites = {kind.suites}\n" if kind.suites else ""
        conf.write_text(
            "openssl_conf = c\n[c]\nssl_conf = s\n[s]\nsystem_default = d\n[d]\nSignatureAlgorithms ="
            f" {kind.signatures}\nOptions = {kind.options}\n{suites}"
        )
        dh = ""
        if kind.dh:
            dh = str(folder / "dh.pem")
            subprocess.run(
                ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", f"group:{kind.dh}", "-out", dh],
                check=True,
                capture_output=True,
            )
        config = folder / "config.json"
        config.write_text(json.dumps({**kind._asdict(), "port": port, "chain": str(chain), "key": str(key), "dh": dh}))
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, __file__, str(config)],
                stdout=log,
                stderr=log,
                env={**os.environ, "OPENSSL_CONF": str(conf)},
            )
        deadline = time.monotonic() + 20
        while True:
            assert self.process.poll() is None, self.log.read_text()
            with suppress(OSError), socket.create_connection(("::1", port), 1):
                return
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


def context(config: dict[str, object]) -> ssl.SSLContext:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.set_ciphers(str(config["ciphers"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found.minimum_version, found.maximum_version = VERSIONS[str(config["least"])], VERSIONS[str(config["most"])]
    found.options &= ~(ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION)
    if config["prefer"]:
        found.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    if not config["renegotiation"]:
        found.options |= ssl.OP_NO_RENEGOTIATION
    if config["curve"]:
        found.set_ecdh_curve(str(config["curve"]))
    if config["dh"]:
        found.load_dh_params(str(config["dh"]))
    found.load_cert_chain(str(config["chain"]), str(config["key"]))
    return found


def talk(plain: socket.socket, tls: ssl.SSLContext, *, starttls: bool, greeting: str) -> None:
    plain.settimeout(20)
    wire: socket.socket = plain
    with suppress(OSError, ssl.SSLError):
        wire.sendall(greeting.encode() + b"\r\n")
        while line := _line(wire):
            word = line.split()[0].upper() if line.split() else b""
            if word == b"EHLO":
                wire.sendall(
                    b"250-mail.example.org\r\n250-STARTTLS\r\n250 PIPELINING\r\n"
                    if starttls
                    else b"250 mail.example.org\r\n"
                )
            elif word == b"STARTTLS" and starttls:
                wire.sendall(b"220 go ahead\r\n")
                wire = tls.wrap_socket(plain, server_side=True)
            elif word == b"QUIT":
                wire.sendall(b"221 bye\r\n")
                break
            else:
                wire.sendall(b"502 not here\r\n")
    wire.close()


def _line(wire: socket.socket) -> bytes:
    found = b""
    while not found.endswith(b"\n") and (byte := wire.recv(1)):
        found += byte
    return found


def serve(config: dict[str, object], addresses: Sequence[str] = ("127.0.0.1", "::1")) -> None:
    tls = context(config)

    def accept(listening: socket.socket) -> None:
        while True:
            plain, _ = listening.accept()
            threading.Thread(
                target=talk,
                args=(plain, tls),
                kwargs={"starttls": config["starttls"], "greeting": config["greeting"]},
                daemon=True,
            ).start()

    port = int(str(config["port"]))
    threads = []
    for address in addresses:
        listening = socket.create_server(
            (address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET, backlog=64
        )
        threads.append(threading.Thread(target=accept, args=(listening,), daemon=True))
    for thread in threads:
        thread.start()
    threads[0].join()


if __name__ == "__main__":
    serve(json.loads(Path(sys.argv[1]).read_text()))
