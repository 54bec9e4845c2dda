"""Certificates by ACME: asked for, renewed while mail comes in, refused when they would do harm."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
import time
from collections.abc import Iterator

import authority
import demo
import lab
import nameserver
import pytest
import sites
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from test_rollout import dns, mail_comes_in
from test_sni import wrapped
from test_web import fetch, sts_names

from gmconf.keys import vault

LIFE = 60
"""Seconds that certificates of this CA live: a third of it is left after 40, and the alarm is due after 46."""
RUN = "systemctl start gmconf-acme.service"
SAID = "journalctl -u gmconf-acme.service -n 30 --no-pager -o cat"


def site(mx, more: str = "", change: tuple[str, str] = ("", "")) -> None:
    """The site with certificates by ACME, written. It has no chat: the names of its domains lead elsewhere; and no web
    server, so that it has one name."""
    sites.write(
        mx.machine,
        f"""\
tls:
  source: acme
  acme:
    directory: {authority.directory(mx.machine)}
    email: alice@{mx.domain}
    terms_agreed: true
    authority: lab
{more}""",
        change,
        mail_only=True,
    )


@pytest.fixture(scope="module")
def ca(mx) -> Iterator[str]:
    """The host under a CA of the lab: the file of its roots. Afterwards it is as it was before."""
    roots = mx.folder / "keys/ca/lab.crt"
    roots.write_text(new_ca(mx))
    site(mx)
    mx.ssh("systemctl stop nginx")  # a daemon whose role was taken away is left alone
    try:
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout + done.stderr
        both = mx.folder / "roots.crt"
        both.write_text(roots.read_text() + (mx.folder / "keys/ca/ca.crt").read_text())
        mx.roots = str(both)
        yield str(roots)
    finally:
        mx.roots = ""
        authority.halt(mx.machine)
        mx.write_site()
        sites.publish(mx.machine)
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout + done.stderr
        assert "gmconf-acme" not in mx.ssh("systemctl list-timers --all; ls /etc/systemd/system")
        mx.accepts()


def shown(mx, roots: str, name: str = "") -> tuple[str, float]:
    """Digest of the key, as TLSA has it, and end of the certificate on port 25, which these roots must vouch for."""
    with smtplib.SMTP(mx.ip4, 25, local_hostname="client.sender.example", timeout=30) as smtp:
        smtp._host = name or mx.name
        smtp.starttls(context=ssl.create_default_context(cafile=roots))
        found = x509.load_der_x509_certificate(smtp.sock.getpeercert(binary_form=True))
    key = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest(), found.not_valid_after_utc.timestamp()


def run(mx, *, fails: bool = False) -> str:
    """What the service says when it is started."""
    since = mx.ssh("date '+%F %T'").strip()
    time.sleep(1)
    mx.ssh(RUN, check=not fails)
    assert mx.ssh("systemctl show -p Result --value gmconf-acme.service").strip() == (
        "exit-code" if fails else "success"
    )
    return mx.ssh(f"journalctl -u gmconf-acme.service --since '{since}' --no-pager -o cat")


def new_ca(mx) -> str:
    """Another CA in the place of the first, with a root of its own, to which the host's account means nothing."""
    mx.ssh("rm -rf /etc/letsencrypt/accounts")
    return authority.start(mx.machine, LIFE)


def placeholder(mx) -> None:
    """The host shows the certificate of the site's own CA, as on its first day."""
    mx.ssh(f"cp /etc/gmconf/acme/{mx.name}.crt /etc/gmconf/tls/{mx.name}.crt")


@pytest.mark.control("tls.cert-trust")
@pytest.mark.control("tls.cert")
@pytest.mark.control("dane.in")
def test_first_certificate_by_http(mx, ca) -> None:
    """It comes by itself, for the key that DNS knows; the host keeps it when it is rolled out again."""
    mx.until(
        f"! cmp -s /etc/gmconf/acme/{mx.name}.crt /etc/gmconf/tls/{mx.name}.crt && test $(systemctl is-active"
        " gmconf-acme.service) = inactive",
        90,
    )
    key, end = shown(mx, ca)
    assert f"3 1 1 {key}" in dns(mx)
    assert end - time.time() < LIFE
    done = mx.roll_out()
    assert "changed=0" in done.stdout, done.stdout
    assert shown(mx, ca) == (key, end)


@pytest.mark.control("tls.cert-trust")
@pytest.mark.control("tls.cert")
def test_names_that_a_domain_has_for_the_host(mx, ca) -> None:
    """Each gets a certificate of the CA by itself, shown to who asks for the name; the key of the MX name is the one
    that DNS knows."""
    domain = f"a.{mx.domain}"
    clients, mx_name = f"imap.{domain}", f"mx.{domain}"
    roots = ssl.create_default_context(cafile=ca)
    try:
        site(mx, change=(f"name: {domain}, ", f"name: {domain}, server_names: {{clients: {clients}, mx: {mx_name}}}, "))
        sites.publish(mx.machine)
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout + done.stderr
        for name in (clients, mx_name):
            mx.until(f"! cmp -s /etc/gmconf/acme/{name}.crt /etc/gmconf/tls/{name}.crt", 90)
        mx.until("test $(systemctl is-active gmconf-acme.service) = inactive")
        run(mx)
        for port, name in (
            (25, mx_name),
            (465, clients),
            (587, clients),
            (993, clients),
            (4190, clients),
            (25, mx.name),
        ):
            with wrapped(mx, port, name, roots) as wire:
                assert wire.getpeercert()["subjectAltName"] == (("DNS", name),)
        assert f"3 1 1 {shown(mx, ca, mx_name)[0]}" in dns(mx)
    finally:
        site(mx)
        sites.publish(mx.machine)
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.control("tls.cert-trust")
@pytest.mark.promise("a renewed certificate stops no mail")
def test_renewal_while_mail_comes_in(mx, ca) -> None:
    placeholder(mx)
    run(mx)
    key, end = shown(mx, ca)
    assert "is asked for" not in run(mx)
    time.sleep(max(0, end - LIFE / 3 - time.time() + 1))
    with mail_comes_in(mx):
        assert "0 days are left" in run(mx)
        time.sleep(2)
    assert shown(mx, ca)[0] == key
    assert shown(mx, ca)[1] > end


@pytest.mark.control("tls.cert-trust")
def test_record_that_contradicts(mx, ca) -> None:
    """A certificate that the published TLSA record does not fit is not shown."""
    placeholder(mx)
    stem = f"/etc/gmconf/tls/{mx.name}"
    before = mx.ssh(f"cat {stem}.crt {stem}.key | sha256sum")
    records = dns(mx)
    key = records.split(f"_25._tcp.{mx.name}.")[1].split("3 1 1 ")[1].split()[0]
    try:
        lab.zone(mx.machine.name, records.replace(key, "00" * 32))
        time.sleep(6)  # what was there is remembered for five seconds
        assert f"publish first: 3 1 1 {key}" in run(mx, fails=True)
        assert mx.ssh(f"cat {stem}.crt {stem}.key | sha256sum") == before
    finally:
        sites.publish(mx.machine)
        time.sleep(6)
    assert "shown from now on" in run(mx)


@pytest.mark.control("tls.cert-trust")
def test_ca_that_fails(mx, ca) -> None:
    """What is shown stays; when it is about to end, the service says so and fails."""
    placeholder(mx)
    run(mx)
    key, end = shown(mx, ca)
    authority.halt(mx.machine)
    time.sleep(max(0, end - LIFE * 21 / 90 - time.time() + 1))
    said = run(mx, fails=True)
    assert "nothing was changed: certbot" in said
    assert f"ALARM: /etc/gmconf/tls/{mx.name}.crt ends in 0.0 days" in said
    assert shown(mx, ca) == (key, end)
    assert "gmconf-acme.service" in mx.ssh("systemctl --failed --plain")


@pytest.mark.control("tls.cert-trust")
def test_ca_that_nobody_knows(mx, ca) -> None:
    """A certificate of another CA than the one whose roots were given is not shown."""
    placeholder(mx)
    stranger = new_ca(mx)
    api = stranger[stranger.rindex("-----BEGIN") :]
    roots = mx.ssh("cat /etc/gmconf/tls/ca.crt")
    assert stranger.split("-----")[2] not in roots
    assert api in roots
    before = mx.ssh(f"sha256sum /etc/gmconf/tls/{mx.name}.*")
    assert "the chain leads to no CA that is believed" in run(mx, fails=True)
    assert mx.ssh(f"sha256sum /etc/gmconf/tls/{mx.name}.*") == before


@pytest.mark.control("tls.cert-trust")
@pytest.mark.control("dns.caa")
def test_certificate_by_dns(mx, ca) -> None:
    """The proof is published by an update (RFC 2136) in a zone of its own."""
    roots = mx.folder / "keys/ca/lab.crt"
    roots.write_text(new_ca(mx))
    zone, key = f"_acme-challenge.{mx.name}", f"update.{mx.domain}"
    site(mx, f"    challenge: dns-01\n    update: {{server: {lab.NS.addresses[0]}, key: {key}, propagation: 1s}}\n")
    secret = (
        vault.decrypt(
            (mx.folder / f"keys/acme/{key}.vault").read_bytes(), demo.vault_password().read_bytes().strip(), key
        )
        .decode()
        .strip()
    )
    nameserver.updated(mx.machine.name, [zone], key, secret)
    lab.zone(f"acme-{mx.machine.name}", f"{zone}. 5 NS ns.lab.example.\n")
    done = mx.roll_out()
    assert done.returncode == 0, done.stdout + done.stderr
    placeholder(mx)
    assert "shown from now on" in run(mx)
    shown(mx, ca)
    # Port 80 is shut again: nothing listens there.
    assert (
        "80" not in mx.ssh("nft list chain inet gmconf input | grep 'tcp dport {' | tr -d ' {}' | tr , '\\n'").split()
    )
    for text in (mx.ssh(SAID), mx.ssh("cat /var/log/letsencrypt/letsencrypt.log"), mx.ssh("ls -lR /tmp")):
        assert secret not in text


@pytest.mark.control("tls.cert-trust")
@pytest.mark.control("sts.in")
def test_certificates_of_the_web_server(mx, ca) -> None:
    """nginx has port 80, and hands out the proofs of all names."""
    roots = mx.folder / "keys/ca/lab.crt"
    roots.write_text(new_ca(mx))
    site(mx, "", ("filter]", "filter, web]"))
    sites.publish(mx.machine)
    done = mx.roll_out()
    assert done.returncode == 0, done.stdout + done.stderr
    run(mx)
    for name in sts_names(mx):
        with fetch(mx.ip4, name, "/.well-known/mta-sts.txt", str(roots)) as answer:
            assert answer.status == 200, name
