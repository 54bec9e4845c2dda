"""gmconf verify: a clean host passes every probe, and every probe fails once, on a host that was spoiled for it.

What spoils a host changes files on it, so that drift is seen too; a row says what else cannot help but fail.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import demo
import lab
import pytest
from test_journal import unexplained

from gmconf.site.load import load
from gmconf.verify import dns as naming
from gmconf.verify import engine, roundtrip
from gmconf.verify.engine import PROBES
from gmconf.verify.run import HEADER, Login, Run, Ssh

HERE = Path(__file__).resolve().parents[2]
UNHOSTED = {"chat", "news", "dmarc-reports"}
"""The sites of the lab have no use for them; tests/unit/test_verify_talk.py and test_verify_dns.py run them."""
TLS = {"tls-versions", "tls-ciphers", "tls-sigalgs", "tls-renegotiation", "certificates"}


def options(mx) -> tuple[str, ...]:
    return (
        f"HostName={mx.ip4}",
        f"IdentityFile={lab.KEY}",
        "StrictHostKeyChecking=no",
        "UserKnownHostsFile=/dev/null",
        "LogLevel=ERROR",
    )


def run_of(mx) -> Run:
    """A run as the command makes it."""
    loaded = load(mx.folder / "site.yml")
    return Run(
        loaded,
        os.urandom(4).hex(),
        (),
        Login(f"probe@{mx.domain}", mx.password),
        ssh=Ssh(options(mx)),
        resolver=lab.NS.addresses[0],
    )


def outcomes(mx, *names: str) -> list[engine.Outcome]:
    run = run_of(mx)
    _ = run.tree
    return engine.verify(run, engine.chosen(names or [n for n in PROBES if n != "wrong-password"]))


def bad(found: list[engine.Outcome]) -> dict[str, str]:
    """What did not pass: probe -> what it says."""
    return {
        o.task.probe.name: (
            o.text or "\n".join(f"{s.expected}: {s.observed} -> {s.remedy}" for s in o.seen if not s.holds)
        )
        for o in found
        if o.status in ("fail", "error")
    }


def gmconf(mx, *argv: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "GMCONF_PASSWORD": mx.password, "PYTHONPATH": str(HERE)}
    words = [word for option in options(mx) for word in ("--ssh-option", option)]
    command = [
        sys.executable,
        "-m",
        "gmconf",
        "verify",
        str(mx.folder / "site.yml"),
        "--resolver",
        lab.NS.addresses[0],
        *words,
        *argv,
    ]
    return subprocess.run(command, env=env, text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)


@pytest.mark.promise("gmconf verify tells what is true of a host, and leaves nothing behind")
def test_clean_host_passes_every_probe_within_a_minute(mx, tmp_path) -> None:
    assert {name for row in SPOILS for name in row.probes} == set(PROBES) - UNHOSTED, "a probe without a row of its own"
    file = tmp_path / "results.json"
    done = gmconf(mx, "--login", f"probe@{mx.domain}", "--format", "json", "--output", str(file))
    assert done.returncode == 0, file.read_text() + done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    found = json.loads(file.read_text())
    assert {r["where"] for r in found["results"] if r["status"] == "pass"} == set(PROBES) - UNHOSTED
    assert {r["where"] for r in found["results"] if r["status"] == "na"} == UNHOSTED
    assert found["seconds"] < 60
    assert {"form", "site", "started", "seconds", "results"} == set(found)
    assert mx.password not in file.read_text()


@pytest.mark.promise("gmconf verify tells what is true of a host, and leaves nothing behind")
def test_without_login_nothing_that_needs_one_is_called_passed(mx) -> None:
    done = gmconf(mx, "--no-drift", "--format", "json")
    assert done.returncode == 0, done.stdout
    status = {r["where"]: r["status"] for r in json.loads(done.stdout)["results"]}
    assert {n for n, p in PROBES.items() if p.login or p.inside} <= {n for n, s in status.items() if s == "na"}


@pytest.mark.promise("gmconf verify tells what is true of a host, and leaves nothing behind")
def test_nothing_is_left_behind(mx) -> None:
    """No message in the queue or in the mailbox, and no limit of the host was hit."""
    mark = mx.ssh("date +%s").strip()
    assert bad(outcomes(mx)) == {}
    assert mx.ssh("postqueue -j") == ""
    assert mx.ssh(f"grep -rl --exclude='dovecot*' {HEADER} /var/vmail/{mx.domain}/probe || true") == ""
    assert unexplained(mx, f"--since=@{mark}") == {}
    log = mx.ssh(f"journalctl --since @{mark} -o cat --no-pager")
    assert not [line for line in log.splitlines() if "too many" in line.lower() or "rate limit" in line.lower()]


@dataclass(frozen=True)
class Spoil:
    """What spoils a host, and which probes must fail then (and no other)."""

    probes: tuple[str, ...]
    """Shown failing by this row."""
    do: str
    also: tuple[str, ...] = ("drift",)
    """Cannot help but fail too."""
    undo: str = ""
    says: str = ""
    """In what the first of the probes tells the operator."""


def postfix(*settings: str) -> str:
    return "keep /etc/postfix/main.cf; " + " ".join(f"postconf -e '{s}';" for s in settings) + " fresh postfix"


def service(*settings: str) -> str:
    return "keep /etc/postfix/master.cf; " + " ".join(f"postconf -P '{s}';" for s in settings) + " fresh postfix"


def without(word: str) -> str:
    """A word less in the restrictions of port 25."""
    return (
        'keep /etc/postfix/main.cf; postconf -e "smtpd_recipient_restrictions=$(postconf -h'
        " smtpd_recipient_restrictions | "
        f"sed 's#{word},* *##')\" smtpd_reject_unlisted_recipient=no; fresh postfix"
    )


def edited(path: str, script: str, then: str) -> str:
    """A file changed with sed."""
    return f"keep {path}; sed -i '{script}' {path}; {then}"


DOVECOT = "/etc/dovecot/dovecot.conf"
BLOCK6 = "nft insert rule inet gmconf input meta nfproto ipv6 tcp dport {} reject"
NFT = "systemctl reload nftables"
SPOILS = (
    Spoil(("smtp",), BLOCK6.format(25), ("drift", "ports"), NFT, "port 25"),
    Spoil(("banner",), postfix("smtpd_banner=$myhostname ESMTP Postfix (Debian)"), says="ESMTP Postfix (Debian)"),
    Spoil(("helo",), postfix("smtpd_helo_required=no"), says="503 to MAIL before EHLO"),
    Spoil(("extensions",), postfix("smtpd_discard_ehlo_keywords=silent-discard,etrn"), says="DSN"),
    Spoil(
        ("null-sender",),
        postfix("smtpd_sender_restrictions=check_sender_access inline:{ {<> = REJECT} }"),
        ("drift", "recipients", "unknown-recipient", "spam", "virus", "attachment", "malformed"),
        says="from <>",
    ),
    Spoil(("size",), postfix("message_size_limit=9000000"), ("drift", "extensions"), says="552"),
    Spoil(("vrfy",), postfix("disable_vrfy_command=no"), ("drift", "extensions"), says="VRFY"),
    Spoil(("pipelining",), postfix("smtpd_forbid_unauth_pipelining=no"), says="554"),
    Spoil(
        ("relay",),
        postfix("mynetworks=0.0.0.0/0 [::]/0"),
        ("drift", "helo", "sender-domain", "spoof"),
        says="probe@gmconf.invalid",
    ),
    Spoil(("no-auth-on-25",), postfix("smtpd_sasl_auth_enable=yes"), says="AUTH"),
    Spoil(("unknown-recipient",), without("reject_unlisted_recipient"), says="550 to RCPT"),
    Spoil(("sender-domain",), without("reject_unknown_sender_domain"), says=".invalid"),
    Spoil(
        ("postmaster",),
        edited("/etc/postfix/maps/exempt", "/^postmaster@/d", "postmap lmdb:/etc/postfix/maps/exempt"),
        says="PostMaster@",
    ),
    Spoil(
        ("abuse",),
        edited("/etc/postfix/maps/exempt", "/^abuse@/d", "postmap lmdb:/etc/postfix/maps/exempt"),
        says="abuse@",
    ),
    Spoil(("recipients",), postfix("smtpd_recipient_limit=50"), says="452"),
    Spoil(("spoof",), without("check_sender_access lmdb:/etc/postfix/maps/own-domains"), says="from outside"),
    Spoil(
        ("spam", "submission-spam"),
        postfix("smtpd_milters="),
        (
            "drift",
            "virus",
            "submission-virus",
            "attachment",
            "malformed",
            "submission-malformed",
            "submission-sender",
            "roundtrip",
        ),
        says="GTUBE",
    ),
    Spoil(
        ("virus", "submission-virus"),
        edited("/etc/gmconf/clamav/gmconf.ndb", "s/58354f/59354f/", "fresh clamav-daemon"),
        says="EICAR",
    ),
    # Filter and scanner both know the endings.
    Spoil(
        ("attachment",),
        "keep /etc/gmconf/clamav/gmconf.cdb; sed -i 's/|exe|/|/' /etc/gmconf/clamav/gmconf.cdb; fresh clamav-daemon; "
        + edited("/etc/rspamd/local.d/gmconf-data.lua", 's/"exe", //', "fresh rspamd"),
        says=".exe",
    ),
    Spoil(
        ("malformed", "submission-malformed"),
        edited("/etc/rspamd/local.d/gmconf-data.lua", "s/^  strict = true/  strict = false/", "fresh rspamd"),
        says="without author",
    ),
    Spoil(("submission",), service("submission/inet/smtpd_tls_security_level=may"), says="530"),
    Spoil(("submissions",), BLOCK6.format(465), ("drift", "ports"), NFT, "port 465"),
    Spoil(
        ("submission-auth",),
        service(
            *(
                f"submission/inet/{key}"
                for key in (
                    "smtpd_client_restrictions=",
                    "smtpd_sender_restrictions=",
                    "smtpd_relay_restrictions=reject_unauth_destination",
                    "smtpd_recipient_restrictions=",
                )
            )
        ),
        says="without login",
    ),
    Spoil(
        ("auth-mechanisms",),
        edited(
            DOVECOT,
            "s/^auth_mechanisms = .*/auth_mechanisms = plain login scram-sha-256/",
            "fresh dovecot; fresh postfix",
        ),
        says="SCRAM-SHA-256",
    ),
    Spoil(
        ("auth-needs-tls",),
        edited(
            DOVECOT,
            "s/^ssl = required/ssl = yes/; s/^disable_plaintext_auth = .*/disable_plaintext_auth = no/; "
            "s/^auth_allow_cleartext = .*/auth_allow_cleartext = yes/",
            "fresh dovecot",
        ),
        says="LOGINDISABLED",
    ),
    Spoil(
        ("submission-sender",),
        postfix("submission_sender_restrictions=permit_sasl_authenticated,reject"),
        says="5xx to probe@",
    ),
    Spoil(
        ("wrong-password",),
        edited(DOVECOT, "s/^auth_failure_delay = .*/auth_failure_delay = 0/", "fresh dovecot"),
        says="after a second",
    ),
    # Without any signature the filter takes nothing.
    Spoil(
        ("roundtrip",),
        edited(
            "/etc/rspamd/local.d/maps.d/dkim-domains.conf", 's/, { selector = "[^"]*-ed25519"[^}]*}//', "fresh rspamd"
        ),
        says="signatures",
    ),
    Spoil(
        ("imap",),
        edited(DOVECOT, "s/^login_greeting = .*/login_greeting = Dovecot ready./", "fresh dovecot"),
        says="Dovecot ready",
    ),
    # What comes from the host itself counts as safe: Dovecot then offers logins and no TLS.
    Spoil(
        ("imap-starttls",),
        "strip",
        ("drift", "listening", "auth-needs-tls", *TLS),
        undo=f"systemctl stop spoil; nft delete table ip spoil; {NFT}",
        says="STARTTLS",
    ),
    Spoil(
        ("sieve",),
        f"keep {DOVECOT}; printf 'protocol sieve {{\\n  ssl = no\\n}}\\n' >> {DOVECOT}; fresh dovecot",
        ("drift", *TLS),
        says="4190",
    ),
    Spoil(
        ("imap-auth",),
        edited(
            DOVECOT,
            "s/^auth_mechanisms = .*/auth_mechanisms = plain login anonymous\\nauth_anonymous_username = nobody/",
            "fresh dovecot",
        ),
        says="ANONYMOUS",
    ),
    Spoil(("capabilities",), "xcapability", says="XSECRET"),
    Spoil(("imap-login",), edited(DOVECOT, "s/special_use = .*Junk//", "fresh dovecot"), says="Junk"),
    Spoil(
        ("quota",), edited("/etc/dovecot/users", "/^probe@/s/2147483648/734003200/", "fresh dovecot"), says="STORAGE"
    ),
    Spoil(("smtp-tls",), postfix("smtpd_tls_security_level=none"), ("drift", "dane", *TLS), says="STARTTLS on port 25"),
    Spoil(
        ("tls-versions",),
        "keep /etc/postfix/openssl.cnf; sed -i 's/^MinProtocol.*/MinProtocol = TLSv1/' /etc/postfix/openssl.cnf; "
        + postfix("smtpd_tls_protocols=>=TLSv1", "tls_high_cipherlist=ECDHE+AESGCM:ECDHE+AES:@SECLEVEL=0"),
        ("drift", "tls-ciphers"),
        says="TLSv1",
    ),
    Spoil(("tls-ciphers",), postfix("tls_high_cipherlist=ECDHE+AES"), says="port 25"),
    Spoil(
        ("tls-sigalgs",),
        edited("/etc/postfix/openssl.cnf", "s/^SignatureAlgorithms = /&ECDSA+SHA1:/", "true; ")
        + postfix("tls_high_cipherlist=ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=0"),
        says="SHA-1",
    ),
    # Bit 8 is SSL_OP_ALLOW_CLIENT_RENEGOTIATION, which OpenSSL 3 leaves off and Postfix 3.10 does not let anybody set.
    Spoil(
        ("tls-renegotiation",),
        "keep /etc/postfix/openssl.cnf; echo 'Options = -ExtendedMasterSecret' >> /etc/postfix/openssl.cnf; "
        + postfix("tls_ssl_options=0x100"),
        says="extended master secret on port 25: no",
    ),
    Spoil(("certificates", "dane"), "certificate", says="5 days"),
    Spoil(("fcrdns",), "zone {reverse}. 5 PTR another.example.", (), says="PTR"),
    Spoil(("helo-spf",), 'zone mail.{d}. 5 TXT "v=spf1 +all"', (), says="mail."),
    Spoil(("caa",), 'zone mail.{d}. 5 CAA 0 issue "ca.example"', (), says="ca.example"),
    Spoil(("tlsa",), "zone _25._tcp.mail.{d}. 5 TLSA 2 0 1 " + "ab" * 32, (), says="abab"),
    Spoil(("mx",), "zone {d}. 5 MX 20 mx.elsewhere.example.", (), says="mx.elsewhere.example"),
    Spoil(("null-mx",), "zone parked.{d}. 5 MX 10 mail.{d}.", (), says="mail."),
    Spoil(("parked",), 'zone parked.{d}. 5 TXT "v=spf1 mx -all"', (), says="mx"),
    Spoil(("spf",), 'zone {d}. 5 TXT "v=spf1 +all"', (), says="+all"),
    Spoil(("dkim-records",), 'zone gm1-rsa._domainkey.{d}. 5 TXT "v=DKIM1; k=rsa; p=AAAA"', (), says="gm1-rsa"),
    Spoil(("dmarc",), 'zone _dmarc.{d}. 5 TXT "v=DMARC1; p=none"', (), says="_dmarc"),
    Spoil(
        ("tls-reports",),
        'zone _smtp._tls.{d}. 5 TXT "v=TLSRPTv1; rua=mailto:x@elsewhere.example"',
        (),
        says="elsewhere.example",
    ),
    Spoil(("srv",), "zone _imaps._tcp.{d}. 5 SRV 0 1 993 elsewhere.example.", (), says="_imaps"),
    Spoil(("mta-sts",), edited("/etc/nginx/mta-sts.txt", "s/enforce/testing/", "true"), says="mode: testing"),
    Spoil(("stale",), 'zone gm2-rsa._domainkey.{d}. 5 TXT "v=DKIM1; k=rsa; p=AAAA"', (), says="gm2-rsa"),
    Spoil(
        ("ports", "listening"),
        "nft insert rule inet gmconf input tcp dport 8080 accept; systemd-run -q --unit=spoil python3 -m http.server"
        " 8080",
        undo=f"systemctl stop spoil; {NFT}",
        says="8080",
    ),
    Spoil(
        ("drift",),
        "systemctl stop gmconf-queue-flush.path",
        (),
        "systemctl start gmconf-queue-flush.path",
        "gmconf-queue-flush",
    ),
    Spoil(("egress",), "nft insert rule inet gmconf output tcp dport 25 accept", undo=NFT, says="root"),
    Spoil(
        ("resolver",),
        edited(
            "/etc/unbound/unbound.conf", 's/module-config:.*/module-config: "iterator"/', "systemctl restart unbound"
        ),
        ("drift", "dnssec"),
        says="insecure",
    ),
    Spoil(
        ("dnssec",),
        "unbound-control -q insecure_add {d}; unbound-control -q flush_zone {d}",
        (),
        "unbound-control -q insecure_remove {d}; unbound-control -q flush_zone {d}",
        says="insecure",
    ),
    Spoil(
        ("tls-policy",),
        "systemctl stop postfix-mta-sts-resolver",
        undo="systemctl start postfix-mta-sts-resolver",
        says="8462",
    ),
    Spoil(
        ("updates",),
        "systemctl stop apt-daily-upgrade.timer",
        undo="systemctl start apt-daily-upgrade.timer",
        says="timer inactive",
    ),
)


FILTER = {"rspamd", "clamav"}
# Files are kept with owner, mode and date; ``fresh`` has a service read its configuration and waits until it has.
SHELL = """\
set -e
keep() { mkdir -p /root/kept$(dirname $1); test -e /root/kept$1 || cp -a $1 /root/kept$1; }
plant() { if test -e $1; then keep $1; else echo $1 >> /root/planted; fi; echo "$2" >> $1; chmod 644 $1; }
fresh() {
  case $1 in
    rspamd|unbound) systemctl restart $1;;
    clamav*) systemctl restart clamav-daemon; clamdscan --config-file=/etc/clamav/clamd.conf --ping=60;;
    *) systemctl reload $1;;
  esac
  sleep 1.5
}
"""
RESTORE = (
    SHELL
    + """\
all=$(cd /root/kept 2>/dev/null && find . -type f || true; cat /root/planted 2>/dev/null || true)
cd /root/kept 2>/dev/null && find . -type f | while read f; do cp -a $f /${f#./}; touch /${f#./}; done || true
test ! -e /root/planted || xargs rm -f < /root/planted
case "$all" in *rspamd*) fresh rspamd;; esac
case "$all" in *postfix/maps*) postmap lmdb:/etc/postfix/maps/exempt;; esac
for unit in postfix dovecot clamav unbound nginx; do
  case "$all" in *$unit*|*gmconf/tls*) fresh $unit;; esac
  # Postfix remembers the mechanisms that Dovecot had.
  case "$all" in *dovecot.conf*) test $unit != dovecot || fresh postfix;; esac
done
rm -rf /root/kept /root/planted
"""
)


# Somebody in between who takes STARTTLS out of what the host says.
STRIP = """\
import socket, sys, threading
def copy(source, target):
    while data := source.recv(65536):
        target.sendall(data.replace(b" STARTTLS", b" XTARTTLS"))
    target.shutdown(socket.SHUT_WR)
with socket.create_server((sys.argv[1], 1143)) as listener:
    while True:
        client, _ = listener.accept()
        server = socket.create_connection((sys.argv[1], 143))
        for ends in ((server, client), (client, server)):
            threading.Thread(target=copy, args=ends, daemon=True).start()
"""


def ending_soon(mx) -> tuple[str, str]:
    """A certificate of the site's own CA for the host that ends in five days, and its key (PEM)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    from gmconf.keys import vault

    folder = mx.folder / "keys/ca"
    authority = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    plain = vault.decrypt(
        (folder / "ca.key.vault").read_bytes(), vault.read_password(demo.vault_password()), "ca.key.vault"
    )
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
    )
    built = (
        built.serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=5, hours=1))
    )
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(mx.name)]), critical=True)
    signed = built.sign(serialization.load_pem_private_key(plain, None), hashes.SHA256())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return (
        signed.public_bytes(serialization.Encoding.PEM).decode()
        + authority.public_bytes(serialization.Encoding.PEM).decode(),
        pem.decode(),
    )


def shell(mx, row: Spoil) -> str:
    """The commands of a row for a host."""
    if row.do == "certificate":
        stem = f"/etc/gmconf/tls/{mx.name}"
        chain, key = ending_soon(mx)
        return (
            f"keep {stem}.crt; keep {stem}.key; cat > {stem}.crt <<'E'\n{chain}E\ncat > {stem}.key <<'E'\n{key}E\n"
            "fresh postfix; fresh dovecot"
        )
    if row.do == "strip":
        return (
            f"cat > /run/spoil.py <<'E'\n{STRIP}E\nsystemd-run -q --unit=spoil python3 /run/spoil.py {mx.ip4}\nnft"
            " 'table ip spoil { chain pre { type nat hook prerouting priority dstnat; tcp dport 143 redirect to"
            " :1143; }; }'\nnft insert rule inet gmconf input tcp dport 1143 accept; sleep 1"
        )
    if row.do == "xcapability":
        line = (
            "imap_capability = +XSECRET"
            if mx.machine.release == "bookworm"
            else "imap_capability {\\n  XSECRET = yes\\n}"
        )
        return f"keep {DOVECOT}; printf '{line}\\n' >> {DOVECOT}; fresh dovecot"
    return row.do.replace("{d}", mx.domain)


@contextmanager
def spoiled(mx, row: Spoil) -> Iterator[None]:
    """A host for a while as no operator wants it."""
    import ipaddress

    if row.do.startswith("zone "):
        lab.zone(
            f"spoil-{mx.machine.name}",
            row.do.removeprefix("zone ").format(d=mx.domain, reverse=ipaddress.ip_address(mx.ip4).reverse_pointer)
            + "\n",
        )
    else:
        mx.ssh(SHELL + shell(mx, row))
        if FILTER & set(re.findall(r"\w+", row.do)):
            mx.accepts()
    try:
        yield
    finally:
        if row.do.startswith("zone "):
            lab.zone(f"spoil-{mx.machine.name}", "")
        elif row.undo:
            mx.ssh(row.undo.replace("{d}", mx.domain))
        else:
            mx.ssh(RESTORE)
            mx.accepts()


@pytest.mark.promise("gmconf verify tells what is true of a host, and leaves nothing behind")
@pytest.mark.parametrize("row", SPOILS, ids=lambda row: row.probes[0])
def test_spoiled_host_fails(mx, row: Spoil) -> None:
    expected = {*row.probes, *row.also}
    with spoiled(mx, row):
        # A zone concerns the probes of DNS alone; the hosts allow so many logins a minute.
        some = [n for n, p in PROBES.items() if p.harmless == naming.HARMLESS] if row.do.startswith("zone ") else []
        found = outcomes(mx, *(["wrong-password", "drift"] if "wrong-password" in expected else some))
    seen = bad(found)
    assert set(seen) == expected, {name: text for name, text in seen.items() if name not in expected} or set(seen)
    assert row.says in seen[row.probes[0]], seen[row.probes[0]]
    assert all(text.strip() for text in seen.values())


@pytest.mark.promise("gmconf verify tells what is true of a host, and leaves nothing behind")
def test_after_all_that_the_host_is_clean(mx) -> None:
    assert bad(outcomes(mx)) == {}
    assert mx.ssh("postqueue -j") == ""
    assert roundtrip.sweep(run_of(mx)) == 0


@pytest.mark.promise("gmconf verify tells what is true of a host, and leaves nothing behind")
def test_drift_names_what_was_changed_and_a_rollout_puts_it_back(mx) -> None:
    mx.ssh(
        "echo 'smtp_helo_timeout = 77s' >> /etc/postfix/main.cf; sed -i 's/reject = .*/reject = 99;/'"
        " /etc/rspamd/local.d/actions.conf; rm /etc/rspamd/local.d/milter_headers.conf; echo x >>"
        " /etc/dovecot/passwords; touch /etc/rspamd/local.d/mine.conf; chmod 640 /etc/mailname; nft insert rule inet"
        " gmconf input tcp dport 6379 accept; systemctl stop gmconf-queue-flush.path"
    )
    try:
        said = bad(outcomes(mx, "drift"))["drift"]
        for words in (
            "/etc/postfix/main.cf as rolled out: changed by hand",
            "+smtp_helo_timeout = 77s",
            "postconf -n: smtp_helo_timeout",
            "+reject = 99",
            "/etc/rspamd/local.d/milter_headers.conf on the host: missing",
            "no /etc/rspamd/local.d/mine.conf",
            "/etc/dovecot/passwords as rolled out: changed by hand\n(secret: not shown)",
            "/etc/mailname belongs to root:root 0644",
            "chain input: 1 loaded rule that the file does not have",
            "gmconf-queue-flush.path enabled and running",
            "postfix.service runs with /etc/postfix/main.cf",
        ):
            assert words in said, (words, said)
        assert "ARGON2" not in said
    finally:
        done = mx.roll_out()
        mx.ssh(NFT)
    assert done.returncode == 0, done.stdout
    assert bad(outcomes(mx, "drift")) == {}


@pytest.mark.promise("gmconf verify tells what is true of a host, and leaves nothing behind")
def test_site_changed_but_not_rolled_out(mx) -> None:
    mx.write_site(change=("message_size: 1 MiB", "message_size: 2 MiB"))
    try:
        said = bad(outcomes(mx, "drift"))["drift"]
    finally:
        mx.write_site()
    assert "the site has changed since" in said
    assert "changed by hand" not in said
    assert "message_size_limit" in said


@pytest.mark.promise("gmconf verify tells what is true of a host, and leaves nothing behind")
def test_host_that_does_not_answer_is_an_error_with_advice(mx) -> None:
    """Port 25 is silent and ssh goes nowhere: an answer all the same, in time."""
    mx.ssh("nft insert rule inet gmconf input tcp dport 25 drop")
    try:
        done = gmconf(
            mx, "--format", "json", "--ssh-option", "Port=9", "--only", "banner", "--only", "drift", "--only", "size"
        )
    finally:
        mx.ssh(NFT)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    rows = json.loads(done.stdout)["results"]
    assert {r["status"] for r in rows} == {"error"}
    assert all(r["remedy"] for r in rows)
