"""The probes of chat and news, against servers that answer as a good and as a bad one would (RFC 6120, RFC 3977)."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gmconf.site.load import load
from gmconf.verify import chat_news as talk
from gmconf.verify.connection import connected, neutral
from gmconf.verify.run import At, Run

TLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>{}</starttls>"
SASL = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>{}</mechanism></mechanisms>"
OPEN = (
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='1'"
    " version='1.0'>"
)


@pytest.fixture(scope="module")
def server_side(tmp_path_factory) -> ssl.SSLContext:
    """TLS with a certificate of its own making."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now, name = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC), x509.Name([])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    signed = (
        built.not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file: Path = tmp_path_factory.mktemp("tls") / "both.pem"
    file.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def loop() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(client,), daemon=True).start()

        threading.Thread(target=loop, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def xmpp(context: ssl.SSLContext, before: str, after: str) -> Callable[[socket.socket], None]:
    def serve(client: socket.socket) -> None:
        client.recv(4096)
        client.sendall(f"{OPEN}<stream:features>{before}</stream:features>".encode())
        if b"starttls" not in client.recv(4096):
            return
        client.sendall(b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        with context.wrap_socket(client, server_side=True) as secure:
            secure.recv(4096)
            secure.sendall(f"{OPEN}<stream:features>{after}</stream:features>".encode())
            secure.recv(4096)

    return serve


@pytest.mark.parametrize(
    ("before", "after", "good"),
    [
        (TLS.format("<required/>"), SASL.format("PLAIN"), True),
        (TLS.format(""), SASL.format("PLAIN"), False),
        (SASL.format("PLAIN"), "", False),
        (TLS.format("<required/>"), SASL.format("ANONYMOUS"), False),
    ],
    ids=["good", "TLS not required", "no TLS", "no password login"],
)
def test_chat(site, server_side, monkeypatch, before, after, good) -> None:
    run = Run(load(site / "site.yml"), "mark")
    at = At(run, run.loaded.site.hosts[0].model_copy(update={"addresses": ("127.0.0.1",)}))
    with listening(xmpp(server_side, before, after)) as port:
        monkeypatch.setattr(talk, "CLIENTS", port)
        monkeypatch.setattr(talk, "SERVERS", port)
        seen = list(talk.chat(at))
    assert all(s.holds for s in seen) is good, seen
    assert {s.expected.split(" for ")[0] for s in seen} == {"TLS required", "SASL PLAIN over TLS"}


@pytest.mark.parametrize(
    ("greeting", "capabilities", "good"),
    [
        ("200 news", ["101 list", "VERSION 2", "READER", "."], True),
        ("400 off", ["101 list", "VERSION 2", "."], False),
        ("201 news", ["500 what"], False),
    ],
)
def test_news(server_side, greeting, capabilities, good) -> None:
    def serve(client: socket.socket) -> None:
        with server_side.wrap_socket(client, server_side=True) as secure:
            secure.sendall(f"{greeting}\r\n".encode())
            secure.recv(100)
            secure.sendall("".join(f"{line}\r\n" for line in capabilities).encode())
            secure.recv(100)

    with listening(serve) as port, connected("127.0.0.1", port, time.monotonic() + 3) as wire:
        wire.secure(neutral(), "news.example.org")
        seen = list(talk._news(wire, "here"))
    assert all(s.holds for s in seen) is good, seen
