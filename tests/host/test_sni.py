"""Certificates by name: a domain's own names for the host on every port, what others are shown, and a renewal that ends
no session."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import imaplib
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import demo
import lab
import pytest
import sites
from clients import Raw, find, message
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from test_rollout import ETC, mail_comes_in
from test_web import POLICY, fetch, published

from gmconf.keys import make as keys
from gmconf.keys import vault

POSTFIX, DOVECOT = (25, 465, 587), (143, 993, 995, 4190)
STARTTLS = {25: "smtp", 587: "smtp", 143: "imap", 4190: "sieve"}
SINCE = "systemctl show -p ActiveEnterTimestampMonotonic -p MainPID postfix dovecot"


def own(mx) -> tuple[str, str, str]:
    """A domain, its name for programs, and its name for the MX."""
    return f"a.{mx.domain}", f"imap.a.{mx.domain}", f"mx.a.{mx.domain}"


def write(mx) -> None:
    domain, clients, mx_name = own(mx)
    mx.write_site(
        change=(f"name: {domain}, ", f"name: {domain}, server_names: {{clients: {clients}, mx: {mx_name}}}, ")
    )


@pytest.fixture(scope="module")
def named(mx) -> Iterator[None]:
    """The host with a domain that has names of its own; afterwards it is as it was before."""
    before = mx.ssh(ETC)
    try:
        write(mx)
        sites.publish(mx.machine)
        done = mx.roll_out("-vvv")
        assert done.returncode == 0, done.stdout + done.stderr
        (mx.folder / "rolled-out.log").write_text(done.stdout + done.stderr)
        yield
    finally:
        mx.write_site()
        sites.publish(mx.machine)
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout + done.stderr
    assert mx.ssh(ETC) == before


def wrapped(mx, port: int, name: str | None, context: ssl.SSLContext) -> ssl.SSLSocket:
    """TLS on a port, for a name or for none."""
    if port not in STARTTLS:
        return context.wrap_socket(socket.create_connection((mx.ip4, port), 30), server_hostname=name)
    raw = Raw(mx.ip4, port)
    if STARTTLS[port] == "smtp":
        assert raw.reply().startswith("220")
        raw.send(b"EHLO client.sender.example\r\n")
        assert "STARTTLS" in raw.reply()
        raw.send(b"STARTTLS\r\n")
        assert raw.reply().startswith("220")
    else:
        sieve = STARTTLS[port] == "sieve"
        while not raw.file.readline().startswith(b"OK" if sieve else b"* OK"):
            pass
        raw.send(b"STARTTLS\r\n" if sieve else b"a STARTTLS\r\n")
        while not raw.file.readline().startswith(b"OK" if sieve else b"a OK"):
            pass
    return context.wrap_socket(raw.socket, server_hostname=name)


def shown(mx, port: int, name: str | None) -> x509.Certificate:
    """The certificate that a client gets which believes the site's CA and asks for a name."""
    context = ssl.create_default_context(cafile=mx.ca)
    context.check_hostname = False
    with wrapped(mx, port, name, context) as wire:
        return x509.load_der_x509_certificate(wire.getpeercert(binary_form=True))


def names(certificate: x509.Certificate) -> list[str]:
    return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.DNSName
    )


@pytest.mark.control("tls.cert")
@pytest.mark.parametrize("port", [*POSTFIX, *DOVECOT])
def test_each_name_has_its_certificate(mx, named, port: int) -> None:
    """The domain's names get theirs, checked as programs do; the host's name, a stranger's and none at all get the
    host's."""
    _, clients, mx_name = own(mx)
    expected = {
        clients: clients,
        mx_name: mx_name if port in POSTFIX else mx.name,
        mx.name: mx.name,
        f"mail.stranger.{mx.domain}": mx.name,
        clients.upper(): clients,
        None: mx.name,
    }
    assert {name: names(shown(mx, port, name)) for name in expected} == {
        name: [whose] for name, whose in expected.items()
    }
    for name in (clients, mx.name):
        with wrapped(mx, port, name, ssl.create_default_context(cafile=mx.ca)) as wire:
            assert wire.version() == "TLSv1.3"


@pytest.mark.control("dns.mx-valid")
@pytest.mark.control("dane.in")
@pytest.mark.control("sts.in")
def test_others_find_the_name(mx, named) -> None:
    """MX, TLSA and the MTA-STS policy name it, and say what port 25 shows; other domains keep the host's name."""
    domain, clients, mx_name = own(mx)
    assert published(domain, "MX") == [f"10 {mx_name}."]
    assert published(mx.domain, "MX") == [f"10 {mx.name}."]
    for name in (clients, mx_name):
        assert published(name, "A") + published(name, "AAAA") == [mx.ip4, mx.ip6]
    key = shown(mx, 25, mx_name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert published(f"_25._tcp.{mx_name}", "TLSA") == [f"3 1 1 {hashlib.sha256(key).hexdigest()}"]
    assert published(f"_25._tcp.{clients}", "TLSA") == []
    for name, expected in ((domain, mx_name), (mx.domain, mx.name)):
        with fetch(mx.ip4, f"mta-sts.{name}", POLICY, mx.ca) as answer:
            assert f"mx: {expected}\n" in answer.read().decode()


@pytest.mark.control("dns.srv")
def test_programs_find_the_name_and_use_it(mx, named) -> None:
    """By SRV; a message is submitted and read under it."""
    domain, clients, _ = own(mx)
    assert published(f"_imaps._tcp.{domain}", "SRV") == [f"0 1 993 {clients}."]
    assert published(f"_submissions._tcp.{domain}", "SRV") == [f"0 1 465 {clients}."]
    to = f"joe@{domain}"
    built = message(to, to)
    with submitting(mx, clients, to) as smtp:
        smtp.sendmail(to, [to], built.as_bytes())
    assert len(find(mx, to, built)) == 1


@contextlib.contextmanager
def submitting(mx, name: str, login: str) -> Iterator[smtplib.SMTP]:
    """A session on port 587 under a name."""
    with smtplib.SMTP(mx.ip4, 587, local_hostname="laptop.example", timeout=30) as smtp:
        smtp._host = name
        smtp.starttls(context=ssl.create_default_context(cafile=mx.ca))
        smtp.login(login, mx.password)
        yield smtp


@pytest.mark.control("tls.cert")
@pytest.mark.promise("gmconf verify tells what is true of a host, and leaves nothing behind")
def test_verify_looks_at_every_name(mx, named) -> None:
    """It passes; and it sees that one name's certificate is another's."""
    _, clients, _ = own(mx)
    words = [
        sys.executable,
        "-m",
        "gmconf",
        "verify",
        str(mx.folder / "site.yml"),
        "--resolver",
        lab.NS.addresses[0],
        "--no-drift",
    ]
    words += [w for probe in ("certificates", "mx", "tlsa", "caa", "srv") for w in ("--only", probe)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    stem = f"/etc/gmconf/tls/{clients}"
    mx.ssh(
        f"cp -a {stem}.crt {stem}.key /root/; for e in crt key; do cp /etc/gmconf/tls/{mx.name}.$e {stem}.$e; done;"
        " systemctl reload postfix dovecot"
    )
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stdout + done.stderr
        for port in (465, 587, 143, 993, 4190, 995):
            assert f"a certificate for {clients} from an authority we trust on port {port} ({clients})" in done.stdout
        assert "port 25 (" not in done.stdout
    finally:
        mx.ssh(
            f"cp -a /root/{clients}.crt /root/{clients}.key /etc/gmconf/tls/; rm /root/{clients}.*; systemctl reload"
            " postfix dovecot"
        )


@pytest.mark.promise("a renewed certificate stops no mail")
@pytest.mark.control("tls.cert")
def test_renewal_ends_no_session(mx, named) -> None:
    """One name gets a new certificate while mail comes in and sessions under it and under the host's name are open;
    nothing is restarted."""
    domain, clients, _ = own(mx)
    context = ssl.create_default_context(cafile=mx.ca)
    before = {
        (port, name): shown(mx, port, name).serial_number
        for port in (*POSTFIX, *DOVECOT)
        for name in (clients, mx.name)
    }
    since = mx.ssh(SINCE)
    login, to = f"joe@{domain}", f"bob@{mx.domain}"
    with contextlib.ExitStack() as open_:
        boxes = []
        for name in (clients, mx.name):
            box = Under(mx.ip4, name, context)
            open_.callback(box.logout)
            box.login(login, mx.password)
            box.select()
            boxes.append(box)
        smtp = open_.enter_context(submitting(mx, clients, login))
        sieve = open_.enter_context(wrapped(mx, 4190, clients, context))
        password = vault.read_password(demo.vault_password())
        keys.issue(mx.folder / "keys", f"tls/{clients}", clients, password, datetime.now(UTC))
        with mail_comes_in(mx):
            write(mx)
            done = mx.roll_out()
            assert done.returncode == 0, done.stdout + done.stderr
            assert "changed=1" in done.stdout
            after = {key: shown(mx, *key).serial_number for key in before}
            assert {name for (_, name), serial in after.items() if serial != before[_, name]} == {clients}
            assert len({serial for (_, name), serial in after.items() if name == clients}) == 1
        for box in boxes:
            assert box.noop()[0] == "OK"
            assert box.search(None, "ALL")[0] == "OK"
        built = message(login, to)
        smtp.sendmail(login, [to], built.as_bytes())
        assert len(find(mx, to, built)) == 1
        sieve.sendall(b"NOOP\r\n")
        assert b"OK" in sieve.recv(4096)
    assert mx.ssh(SINCE) == since


class Under(imaplib.IMAP4_SSL):
    """A session on port 993 of an address, under a name."""

    def __init__(self, address: str, name: str, context: ssl.SSLContext) -> None:
        self.name = name
        super().__init__(address, 993, ssl_context=context, timeout=30)

    def _create_socket(self, timeout: float | None) -> ssl.SSLSocket:
        return self.ssl_context.wrap_socket(
            socket.create_connection((self.host, self.port), timeout), server_hostname=self.name
        )


@pytest.mark.promise("a refused configuration leaves /etc as it was")
@pytest.mark.control("tls.cert")
def test_a_key_of_another_certificate_is_refused(mx, named) -> None:
    _, clients, _ = own(mx)
    file = mx.folder / f"keys/tls/{clients}.key.vault"
    mine, before = file.read_bytes(), mx.ssh(ETC)
    try:
        file.write_bytes((mx.folder / f"keys/tls/{mx.name}.key.vault").read_bytes())
        write(mx)
        done = mx.roll_out()
        assert done.returncode != 0
        assert f"tls: /etc/gmconf/tls/{clients}.key is not the key of /etc/gmconf/tls/{clients}.crt" in done.stdout
        assert mx.ssh(ETC) == before
    finally:
        file.write_bytes(mine)
        write(mx)
    assert "changed=0" in mx.roll_out().stdout


@pytest.mark.promise("no secret is readable or shown")
def test_keys_lie_in_one_place(mx, named) -> None:
    """Readable by root alone on the host, in no table of Postfix, not in build/ and not in what the roll-out says at
    its loudest."""
    _, clients, mx_name = own(mx)
    password = vault.read_password(demo.vault_password())
    said = (mx.folder / "rolled-out.log").read_text()
    for name in (clients, mx_name):
        plain = vault.decrypt((mx.folder / f"keys/tls/{name}.key.vault").read_bytes(), password, name).decode()
        secret = plain.splitlines()[1]
        # As a table of Postfix would hold it, at each of the three places in which three bytes can begin.
        forms = [secret, *(base64.b64encode(b"x" * shift + secret.encode()).decode()[4:-4] for shift in range(3))]
        assert not any(form in said for form in forms)
        for file in (mx.folder / "build").rglob("*"):
            assert file.is_dir() or not any(form.encode() in file.read_bytes() for form in forms), file
        words = " ".join(f"-e '{form}'" for form in forms)
        found = mx.ssh(f"grep -rlaF --devices=skip {words} /etc /var/lib /var/spool/postfix /run", check=False).split()
        # What Dovecot 2.4 reads its configuration from.
        assert set(found) - {"/run/dovecot/dovecot.conf.binary"} == {f"/etc/gmconf/tls/{name}.key"}
        assert [mx.ssh(f"stat -c '%a %U' {file}") for file in found] == ["600 root\n"] * len(found)
        assert mx.ssh(f"journalctl --no-pager -o cat | grep -cF {words}", check=False).strip() == "0"
