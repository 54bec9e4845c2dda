"""Keeps certificates by ACME: asks for what is missing or old, checks what comes, shows it, and fails when one is about
to end.

    acme CONFIG

The key of each name is given; certbot gets a request made of it. What comes is shown only when it is for that key and
that name, is valid, leads to a CA that clients believe, and fits the TLSA records that are published. Otherwise the
pair before it stays.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import dns.exception
import dns.resolver
from places import Places

RENEW, ALARM = 1 / 3, 21 / 90
"""Parts of a certificate's life that are left when a new one is asked for, and when somebody has to be told."""
DAY = 86400
Section = configparser.SectionProxy
Tlsa = tuple[int, int, int, str]
PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


class Refused(Exception):
    """What somebody has to be told."""


TROUBLE = (Refused, OSError, ValueError, subprocess.SubprocessError)


def run(
    *argv: str, text: str = "", env: Mapping[str, str] | None = None, timeout: float | None = None
) -> tuple[int, str]:
    """(exit code, output and errors)."""
    done = subprocess.run(
        argv,
        input=text,
        env=env,
        timeout=timeout,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    return done.returncode, done.stdout.strip()


def read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def public_of_key(path: str) -> str:
    return run("openssl", "pkey", "-in", path, "-pubout")[1]


def public_of_chain(chain: str) -> str:
    return run("openssl", "x509", "-noout", "-pubkey", text=chain)[1]


def life(chain: str) -> tuple[int, int]:
    """(begin, end) of the first certificate, seconds since the epoch."""
    code, out = run("openssl", "x509", "-noout", "-startdate", "-enddate", text=chain)
    if code:
        raise Refused(f"no certificate: {out}")
    begin, end = (ssl.cert_time_to_seconds(line.partition("=")[2]) for line in out.splitlines()[:2])
    return begin, end


def wanted(name: str, pair: Section, now: float) -> str | None:
    """Why a new certificate is needed; None when it is not."""
    for stem in pair["shown"].split():
        try:
            chain, mine = read(f"{stem}.crt"), public_of_key(f"{stem}.key")
        except OSError as error:
            return str(error)
        if chain.strip() == read(f"{pair['given']}.crt").strip():
            return "the one of the site's own CA stands in for it"
        if not mine == public_of_key(f"{pair['given']}.key") == public_of_chain(chain):
            return "the key has changed"
        if not names(chain, name):
            return "the one that is shown is for another name"
        begin, end = life(chain)
        if end - now < (end - begin) * RENEW:
            return f"{(end - now) / DAY:.0f} days are left"
    return None


def names(chain: str, name: str) -> bool:
    return "does match" in run("openssl", "x509", "-noout", "-checkhost", name, text=chain)[1]


def order(common: Section, name: str, pair: Section, folder: str) -> str:
    """The chain that the CA issues. Raises Refused."""
    code, out = run(
        "openssl",
        "req",
        "-new",
        "-key",
        f"{pair['given']}.key",
        "-subj",
        "/",
        "-addext",
        f"subjectAltName=DNS:{name}",
        "-out",
        f"{folder}/request.pem",
    )
    if code:
        raise Refused(f"openssl req: {out}")
    argv = [
        "certbot",
        "certonly",
        "--non-interactive",
        "--agree-tos",
        "--email",
        common["email"],
        "--server",
        common["directory"],
        "--csr",
        f"{folder}/request.pem",
        "--cert-path",
        f"{folder}/cert.pem",
        "--chain-path",
        f"{folder}/chain.pem",
        "--fullchain-path",
        f"{folder}/fullchain.pem",
    ]
    if common["challenge"] == "dns-01":
        argv += [
            "--authenticator",
            "dns-rfc2136",
            "--dns-rfc2136-credentials",
            credentials(common, folder),
            "--dns-rfc2136-propagation-seconds",
            common["propagation"],
        ]
    elif "webroot" in common:
        argv += ["--webroot", "--webroot-path", common["webroot"]]
    else:
        argv += ["--standalone", "--preferred-challenges", "http"]
    trusted = {"REQUESTS_CA_BUNDLE": common["authority"]} if "authority" in common else {}
    try:
        code, out = run(*argv, env={**os.environ, **trusted}, timeout=600)
    except subprocess.TimeoutExpired:
        raise Refused("certbot came to no end within 10 minutes") from None
    if code:
        raise Refused(f"certbot: {out[-2000:]}")
    return read(f"{folder}/fullchain.pem")


def credentials(common: Section, folder: str) -> str:
    """certbot's file for updates by RFC 2136, readable by root only."""
    path = f"{folder}/rfc2136.ini"
    lines = {
        "server": common["server"],
        "port": common["port"],
        "name": common["key"],
        "secret": read(common["secret"]).strip(),
        "algorithm": common["algorithm"],
    }
    with open(
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w", encoding="utf-8"
    ) as file:
        file.writelines(f"dns_rfc2136_{key} = {value}\n" for key, value in lines.items())
    return path


def check(common: Section, name: str, pair: Section, chain: str, folder: str, now: float) -> None:
    """Raises Refused when a chain must not be shown."""
    if public_of_chain(chain) != public_of_key(f"{pair['given']}.key"):
        raise Refused("the certificate is for another key")
    if not names(chain, name):
        raise Refused("the certificate is for another name")
    begin, end = life(chain)
    if not begin <= now < end:
        raise Refused(f"the certificate is valid from {time.ctime(begin)} to {time.ctime(end)}, which is not now")
    trusted = ("-CAfile", common["authority"]) if "authority" in common else ("-CApath", "/etc/ssl/certs")
    with open(f"{folder}/checked.pem", "w", encoding="utf-8") as file:
        file.write(chain)
    code, out = run(
        "openssl",
        "verify",
        "-purpose",
        "sslserver",
        *trusted,
        "-untrusted",
        f"{folder}/checked.pem",
        f"{folder}/checked.pem",
    )
    if code:
        raise Refused(f"the chain leads to no CA that is believed: {out}")
    if "tlsa" in pair:
        against(pair["tlsa"], published(pair["tlsa"]), PEM.findall(chain))


def published(name: str) -> list[Tlsa]:
    """TLSA records as (usage, selector, matching type, hex), asked of the host's own resolver. Raises Refused without
    an answer."""
    try:
        found = dns.resolver.resolve(name, "TLSA", raise_on_no_answer=False, lifetime=20)
    except dns.resolver.NXDOMAIN:
        return []
    except dns.exception.DNSException as error:
        raise Refused(
            f"no answer from DNS about {name} TLSA, so nobody knows whether the certificate fits: {error}"
        ) from None
    return [(r.usage, r.selector, r.mtype, r.cert.hex()) for r in found.rrset or ()]


def against(name: str, records: Iterable[Tlsa], chain: Sequence[str]) -> None:
    """Raises Refused when records can be used and none fits (RFC 7672 section 3.1)."""
    digests = (bytes.hex, lambda der: hashlib.sha256(der).hexdigest(), lambda der: hashlib.sha512(der).hexdigest())
    forms = [(ssl.PEM_cert_to_DER_cert(pem), public_der(pem)) for pem in chain]
    usable = [r for r in records if r[0] in (2, 3) and r[1] in (0, 1) and r[2] in (0, 1, 2)]
    for usage, selector, matching, digest in usable:
        if digest in [digests[matching](form[selector]) for form in (forms[:1] if usage == 3 else forms)]:
            return
    if usable:
        raise Refused(f"{name} TLSA fits no certificate of the chain; publish first: 3 1 1 {digests[1](forms[0][1])}")


def public_der(pem: str) -> bytes:
    return subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"],
        input=public_of_chain(pem).encode(),
        stdout=subprocess.PIPE,
        check=True,
    ).stdout


def show(pair: Section, chain: str) -> None:
    """Put key and chain where daemons read them, with the owner and mode of what lies there."""
    key = read(f"{pair['given']}.key")
    for stem in pair["shown"].split():
        for path, text in ((f"{stem}.key", key), (f"{stem}.crt", chain)):
            if read(path) == text:
                continue
            with Places() as places:
                before = places.stat(path)
                places.put(path, text.encode(), before.st_mode & 0o777, (before.st_uid, before.st_gid))
    for unit in pair.get("units", "").split():
        if run("systemctl", "is-active", unit)[0] == 0:
            code, out = run("systemctl", "reload", unit)
            if code:
                raise Refused(f"it is shown, but {unit} did not read it: {out}")


def alarm(pair: Section, now: float) -> None:
    """Raises Refused when what is shown is about to end."""
    for stem in pair["shown"].split():
        begin, end = life(read(f"{stem}.crt"))
        if end - now < (end - begin) * ALARM:
            raise Refused(f"ALARM: {stem}.crt ends in {(end - now) / DAY:.1f} days")


def renew(common: Section, name: str, pair: Section) -> None:
    """Whatever is to be done for one name. Raises Refused when it cannot be done."""
    folder = tempfile.mkdtemp(prefix="gmconf-acme-")
    try:
        why = wanted(name, pair, time.time())
        if why is None:
            return
        print(f"{name}: a certificate is asked for: {why}", flush=True)
        chain = order(common, name, pair, folder)
        check(common, name, pair, chain, folder, time.time())
    except TROUBLE as error:
        raise Refused(f"nothing was changed: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    show(pair, chain)
    print(f"{name}: shown from now on, until {time.ctime(life(chain)[1])}", flush=True)


def fails(name: str, step: Callable[..., None], *what: object) -> bool:
    """Whether a step for one name did; the other names have their turn all the same."""
    try:
        step(*what)
    except TROUBLE as error:
        print(f"{name}: {error}", file=sys.stderr, flush=True)
        return True
    return False


def main(path: str) -> int:
    config = configparser.ConfigParser(interpolation=None)
    with open(path, encoding="utf-8") as file:
        config.read_file(file)
    failed = False
    for name in config.sections():
        if name != "acme":
            failed |= fails(name, renew, config["acme"], name, config[name])
            failed |= fails(name, alarm, config[name], time.time())
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
