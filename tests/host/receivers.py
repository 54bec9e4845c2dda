"""Mail servers and policy hosts of others, with the certificates and faults that a test wants."""

from __future__ import annotations

import contextlib
import http.server
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import lab
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass
class Authority:
    """A CA that signs what it is asked to."""

    name: str
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        self.certificate = _certificate(self.name, self.key, self.name, self.key, ca=True)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, folder: Path, name: str, days: int = 30) -> Pair:
        """A certificate for a host, with the CA's own behind it; negative days: it ended so long ago."""
        key = ec.generate_private_key(ec.SECP256R1())
        return _pair(folder, name, key, [_certificate(name, key, self.name, self.key, days), self.certificate])


@dataclass(frozen=True)
class Pair:
    """Chain and key in one file, and what TLSA may say of the chain's first certificate."""

    file: Path
    chain: tuple[x509.Certificate, ...]

    def tlsa(self, usage: int, selector: int = 1) -> str:
        """The record's data, with SHA-256; usage 2 and 0: of the CA, as are those with the host's certificate for 3 and
        1."""
        which = self.chain[-1] if usage in (0, 2) else self.chain[0]
        return tlsa(which, usage, selector)


def tlsa(which: x509.Certificate, usage: int, selector: int = 1) -> str:
    """A TLSA record's data with the SHA-256 of a certificate or its key."""
    der = serialization.Encoding.DER
    data = (
        which.public_key().public_bytes(der, serialization.PublicFormat.SubjectPublicKeyInfo)
        if selector
        else which.public_bytes(der)
    )
    return f"{usage} {selector} 1 {sha256(data).hexdigest()}"


def self_signed(folder: Path, name: str, key: Key | None = None) -> Pair:
    """A certificate that nobody vouches for."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    return _pair(folder, name, key, [_certificate(name, key, name, key)])


def _pair(folder: Path, name: str, key: Key, chain: list[x509.Certificate]) -> Pair:
    file = folder / f"{name}-{x509.random_serial_number():x}.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + b"".join(c.public_bytes(pem) for c in chain))
    return Pair(file, tuple(chain))


def _certificate(name: str, key: Key, by: str, with_: Key, days: int = 30, *, ca: bool = False) -> x509.Certificate:
    end = datetime.now(UTC) + timedelta(days=days)
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:60])]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by[:60])]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(end, datetime.now(UTC)) - timedelta(days=30))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(with_.public_key()), critical=False)
    )
    if ca:
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        built = built.add_extension(usage, critical=True)
    else:
        built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return built.sign(with_, hashes.SHA256())


def context(pair: Pair, *, old: bool = False) -> ssl.SSLContext:
    """A server's TLS; ``old``: 1.0 and nothing else."""
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if old:
        found.set_ciphers("ALL:@SECLEVEL=0")
        found.minimum_version = found.maximum_version = ssl.TLSVersion.TLSv1
    found.load_cert_chain(pair.file)
    return found


@contextlib.contextmanager
def address(number: int) -> Iterator[str]:
    """An address of the lab's network on this machine."""
    found = f"{lab.NET4}.{number}"
    lines = subprocess.check_output(["ip", "-o", "-4", "addr"], text=True).splitlines()
    device = next(words[1] for words in map(str.split, lines) if words[3].startswith(f"{lab.NET4}.1/"))
    subprocess.run(["ip", "addr", "replace", f"{found}/24", "dev", device], check=True)
    try:
        yield found
    finally:
        subprocess.run(["ip", "addr", "del", f"{found}/24", "dev", device], check=True)


@dataclass
class Receiver:
    """An MX that offers STARTTLS if it has a context. It takes everything and remembers whether that was encrypted."""

    address: str
    tls: ssl.SSLContext | None = None
    taken: list[bool] = field(default_factory=list)
    """For each message, whether it came over TLS."""

    def __enter__(self) -> Receiver:
        mine = self

        class Session(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    mine.talk(self.request)

        self._server = _Server((self.address, 25), Session)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def talk(self, plain: socketserver._RequestType) -> None:
        """One session."""
        session, encrypted = plain, False
        session.settimeout(20)
        lines = session.makefile("rb")
        session.sendall(b"220 receiver ESMTP\r\n")
        while line := lines.readline():
            verb = line.strip().upper()
            answer = b"250 ok"
            if verb.startswith(b"EHLO"):
                answer = b"250-receiver\r\n250 STARTTLS" if self.tls and not encrypted else b"250 receiver"
            elif verb == b"STARTTLS" and self.tls and not encrypted:
                session.sendall(b"220 go\r\n")
                session, encrypted = self.tls.wrap_socket(session, server_side=True), True
                lines = session.makefile("rb")
                continue
            elif verb == b"DATA":
                session.sendall(b"354 go\r\n")
                while (part := lines.readline()) not in (b".\r\n", b""):
                    pass
                if part:
                    self.taken.append(encrypted)
            elif verb == b"QUIT":
                session.sendall(b"221 bye\r\n")
                break
            session.sendall(answer + b"\r\n")
        session.close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextlib.contextmanager
def policy_host(at: str, pair: Pair, text: str) -> Iterator[None]:
    """A web server with one MTA-STS policy."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/.well-known/mta-sts.txt" else 404)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    class Web(http.server.ThreadingHTTPServer):
        allow_reuse_address = True

        def handle_error(self, *_: object) -> None:
            """A client that does not believe the certificate hangs up."""

    server = Web((at, 443), Page)
    server.socket = context(pair).wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def policy(mode: str, *names: str) -> str:
    """The text of a policy."""
    return "\r\n".join(["version: STSv1", f"mode: {mode}", *(f"mx: {n}" for n in names), "max_age: 86400", ""])
