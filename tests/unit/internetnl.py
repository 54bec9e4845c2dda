"""A site, its zones and its mail host as internet.nl's test would find them, each of which can be spoiled."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID
from dnssite import whole, zones
from nameserver import Knot, Unbound, free_port
from sitekeys import PASSWORD

from gmconf.dns import records
from gmconf.dns.tlsa import associations
from gmconf.keys import vault
from gmconf.site.load import Loaded

TODAY = date(2026, 11, 25)
HOST = "mail.example.org"
NS = [f"ns{n}.lab.test. 60 {kind}" for n in (1, 2) for kind in ("A 127.0.0.2", "AAAA ::1")]
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def lines(site: Loaded, out: str = "", into: Sequence[str] = ()) -> list[str]:
    """All records of the site, the mail host on loopback; lines that match are taken out, others put in."""
    found = [text for part in zones(records(site)).values() for text in part]
    found = [text for text in found if not re.match(rf"{HOST}\. \d+ (A|AAAA) ", text)] + [
        f"{HOST}. 60 A 127.0.0.1",
        f"{HOST}. 60 AAAA ::1",
    ]
    return [text for text in (*NS, *found) if not (out and re.search(out, text))] + list(into)


@contextmanager
def serving(
    folder: Path,
    found: Sequence[str],
    *,
    unsigned: str = "",
    bogus: str = "",
    nameservers: str = "ns1.lab.test. ns2.lab.test.",
    refusing: bool = False,
) -> Iterator[tuple[str, int]]:
    """One signed root with everything in it, and a resolver that validates: its address, and the port of both.

    A zone that is ``unsigned`` is delegated without DS, one that is ``bogus`` with one that is false. ``nameservers``
    are those that the resolver names for each domain; ``refusing``: at their IPv6 address is a server that knows
    nothing of them.
    """
    port = free_port()
    cut = unsigned or bogus
    inside = [text for text in found if cut and re.match(rf"(\S+\.)?{re.escape(cut)}\. ", text)]
    rest = [text for text in found if text not in inside]
    if cut:
        rest.append(f"{cut}. 60 NS ns1.lab.test.")
    if bogus:
        rest.append(f"{bogus}. 60 DS 12345 13 2 {'ab' * 32}")
    knot = Knot(
        folder / "knot",
        ["127.0.0.2"] if refusing else ["127.0.0.2", "::1"],
        port,
        {".": whole(".", rest)} | ({cut: whole(cut, inside)} if cut else {}),
        signed={"."},
    )
    daemons = [knot]
    own = [
        f"{domain}. 60 NS {name}"
        for domain in ("example.org", "example.net", "parked.example")
        for name in nameservers.split()
    ]
    try:
        if refusing:
            daemons.append(Knot(folder / "refusing", ["::1"], port, {"other.example": whole("other.example", [])}))
        daemons.append(
            Unbound(folder / "unbound", "127.0.0.5", port, knot, knot.anchor("."), [cut] if cut else [], own)
        )
        yield "127.0.0.5", port
    finally:
        for daemon in daemons:
            daemon.stop()


def own_pair(site: Loaded, folder: Path) -> tuple[Path, Path]:
    """Certificate and key of the site's host, as a host has them."""
    folder.mkdir(parents=True, exist_ok=True)
    chain, key = folder / "own.crt", folder / "own.key"
    chain.write_text(site.public[f"tls/{HOST}.crt"])
    key.write_bytes(vault.decrypt((site.secrets / f"tls/{HOST}.key.vault").read_bytes(), PASSWORD, "key"))
    return chain, key


def pair(
    folder: Path,
    key: Private,
    *,
    name: str = HOST,
    alone: bool = False,
    days: int = 90,
    digest: hashes.HashAlgorithm | str | None = None,
    authority: Private | None = None,
) -> tuple[Path, Path, str]:
    """A certificate of an authority made for it (or of its own key), its private key, and the TLSA of its key; files as
    a daemon has them."""
    folder.mkdir(parents=True, exist_ok=True)
    above = key if alone else authority or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = subject if alone else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An authority")])
    old, digest = digest if isinstance(digest, str) else "", None if isinstance(digest, str) else digest
    digest = None if isinstance(above, ed25519.Ed25519PrivateKey) else digest or hashes.SHA256()
    now = datetime.now(UTC)
    start = now + timedelta(days=min(days, 0) - 10)

    def signed(
        subject: x509.Name, own: Private, hash_: hashes.HashAlgorithm | None, until: datetime
    ) -> x509.Certificate:
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
        )
        made = (
            made.not_valid_before(start)
            .not_valid_after(until)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        )
        return made.add_extension(x509.BasicConstraints(ca=own is above, path_length=None), critical=True).sign(
            above, hash_
        )

    chain = [signed(subject, key, digest, now + timedelta(days=days))]
    if not alone:
        chain.append(signed(issuer, above, None if digest is None else hashes.SHA256(), now + timedelta(days=400)))
    pem = "".join(c.public_bytes(serialization.Encoding.PEM).decode() for c in chain)
    (folder / "host.crt").write_text(pem)
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "host.key").write_bytes(plain)
    if not alone:
        (folder / "authority.crt").write_bytes(chain[1].public_bytes(serialization.Encoding.PEM))
        (folder / "authority.key").write_bytes(
            above.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    if old:
        # The library signs with nothing that weak any more; openssl does.
        for argv in (
            "-in host.crt -x509toreq -signkey host.key -copy_extensions copy -out host.csr",
            (
                f"-req -in host.csr -CA authority.crt -CAkey authority.key -set_serial 7 -{old} -days {days}"
                " -copy_extensions copy -out old.crt"
            ),
        ):
            subprocess.run(["openssl", "x509", *argv.split()], check=True, capture_output=True, cwd=folder)
        pem = (folder / "old.crt").read_text() + chain[1].public_bytes(serialization.Encoding.PEM).decode()
        (folder / "host.crt").write_text(pem)
    (tlsa,) = associations({f"tls/{HOST}.crt": pem}, HOST)
    return folder / "host.crt", folder / "host.key", tlsa
