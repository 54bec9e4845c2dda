"""Clients in numbers: connections that crawl, that stop in the middle of TLS, that send lines without end. Users are
served meanwhile."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator

import lab
import pytest
from clients import EICAR, GTUBE, arrives, find, imap, message, outside, submission
from test_faults import fill, sent

CROWD = 5
"""Addresses that the crowd comes from; each opens a hundred connections."""


def device() -> str:
    """The bridge of the lab on this machine."""
    lines = subprocess.check_output(["ip", "-o", "-4", "addr"], text=True).splitlines()
    return next(words[1] for words in map(str.split, lines) if words[3].startswith(f"{lab.NET4}.1/"))


@contextlib.contextmanager
def addresses(names: list[str]) -> Iterator[None]:
    """Further addresses of this machine in the lab."""
    at = device()
    for name in names:
        subprocess.run(["ip", "addr", "replace", name, "dev", at, *(["nodad"] if ":" in name else [])], check=True)
    try:
        yield
    finally:
        for name in names:
            subprocess.run(["ip", "addr", "del", name, "dev", at], check=False)


def connect(target: str, port: int, source: str) -> socket.socket | None:
    """A connection, or None where none is to be had."""
    client = socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET)
    client.settimeout(2)
    try:
        client.bind((source, 0))
        client.connect((target, port))
    except OSError:
        client.close()
        return None
    return client


@contextlib.contextmanager
def crawling(target: str, port: int, sources: list[str], each: int) -> Iterator[list[socket.socket]]:
    """Connections that send a byte a second, from each address so many; closed ones are opened again."""
    held: dict[tuple[str, int], socket.socket | None] = {
        (source, n): connect(target, port, source) for source in sources for n in range(each)
    }
    over = threading.Event()

    def crawl() -> None:
        until = time.monotonic() + 120
        while not over.wait(1) and time.monotonic() < until:
            for (source, number), client in list(held.items()):
                try:
                    assert client
                    client.send(b"E")
                except (OSError, AssertionError):
                    if not over.is_set():
                        held[source, number] = connect(target, port, source) if number % 10 == 0 else None

    thread = threading.Thread(target=crawl, daemon=True)
    thread.start()
    try:
        yield [client for client in held.values() if client]
    finally:
        over.set()
        thread.join()
        for client in held.values():
            if client:
                client.close()


def serves(mx) -> None:
    """Mail comes in and is read, users send."""
    to, login = f"bob@{mx.domain}", f"alice@{mx.domain}"
    mx.accepts(90)
    arrives(mx, built := message("x@sender.example", to), to)
    assert built
    sent_on = message(login, to)
    with submission(mx, login) as smtp:
        smtp.sendmail(login, [to], sent_on.as_bytes())
    assert len(find(mx, to, sent_on)) == 1


@pytest.mark.control("mta.flood-control")
@pytest.mark.parametrize("port", [25, 465, 587, 143, 993])
def test_five_hundred_connections_that_crawl_keep_nobody_out(mx, port: int) -> None:
    crowd = [f"{lab.NET4}.{200 + n}" for n in range(CROWD)]
    with addresses([f"{a}/24" for a in crowd]), crawling(mx.ip4, port, crowd, 100) as held:
        assert held
        serves(mx)
    serves(mx)


@pytest.mark.control("mta.flood-control")
def test_a_hundred_and_twenty_addresses_of_one_network_are_one_client(mx) -> None:
    """Whoever has a /64 has as many addresses as there are drops in the sea."""
    crowd = [f"{lab.NET6}a:{n:x}" for n in range(1, 121)]
    with addresses([f"{a}/64" for a in crowd]), contextlib.ExitStack() as held:
        clients = [connect(mx.ip6, 25, a) for a in crowd]
        for client in filter(None, clients):
            held.callback(client.close)
        assert sum(c is not None for c in clients) <= 100
        serves(mx)


@pytest.mark.control("tls.mua-required")
@pytest.mark.parametrize("port", [465, 993])
def test_handshakes_that_stop_half_way_keep_nobody_out(mx, port: int) -> None:
    hello = ssl.MemoryBIO()
    half = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), hello, server_hostname=mx.name)
    with contextlib.suppress(ssl.SSLWantReadError):
        half.do_handshake()
    first = hello.read()
    crowd = [f"{lab.NET4}.{200 + n}" for n in range(CROWD)]
    with addresses([f"{a}/24" for a in crowd]), contextlib.ExitStack() as held:
        for number in range(300):
            client = connect(mx.ip4, port, crowd[number % CROWD])
            if client:
                with contextlib.suppress(OSError):
                    client.send(first)
                held.callback(client.close)
        serves(mx)


@pytest.mark.control("maa.dos")
def test_lines_without_end_take_no_memory(mx) -> None:
    """64 MiB without a line's end, before a login and after it: the session ends, its process stays small, others read
    their mail."""
    context = ssl.create_default_context(cafile=mx.ca)
    for login in ("", f"alice@{mx.domain}"):
        plain = socket.create_connection((mx.ip4, 993), 30)
        with context.wrap_socket(plain, server_hostname=mx.name) as client:
            client.recv(4096)
            if login:
                client.sendall(f'a LOGIN "{login}" "{mx.password}"\r\n'.encode())
                assert b"a OK" in client.recv(4096)
            ended = False
            for _ in range(64):
                try:
                    client.sendall(b"A" * 1024**2)
                except OSError:
                    ended = True
                    break
            with contextlib.suppress(OSError):
                client.settimeout(60)
                while data := client.recv(65536):
                    ended = ended or b"BYE" in data or b"BAD" in data
                ended = True
            assert ended
        largest = int(
            mx.ssh("ps -eo rss=,comm= | awk '$2 ~ /^imap/ {print $1}' | sort -n | tail -1; true").split()[-1:][0] or 0
        )
        assert largest < 300 * 1024, largest
        with imap(mx, f"bob@{mx.domain}") as other:
            assert other.select("INBOX", readonly=True)[0] == "OK"


@pytest.mark.control("flt.fail-closed")
def test_no_room_for_what_the_filter_keeps(mx) -> None:
    """/var/lib/rspamd is full: what is bad is not let in, what is clean arrives or is put off, and nothing is lost."""
    to, kept = f"alice@{mx.domain}", []
    with mx.small("/var/lib/rspamd", 2, "rspamd"):
        mx.accepts(180)
        fill(mx, "/var/lib/rspamd", 0)
        for _ in range(3):
            built = message("x@sender.example", to)
            code = sent(mx, built, to)
            assert code == 250 or 400 <= code < 500
            kept += [built] if code == 250 else []
        for text in (EICAR.decode(), GTUBE + "\n"):
            assert sent(mx, message("x@sender.example", to, text), to) >= 400
    mx.accepts(180)
    for built in kept:
        assert len(find(mx, to, built)) == 1
    with outside(mx) as smtp:
        assert smtp.ehlo()[0] == 250
