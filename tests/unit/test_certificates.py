"""A certificate that was put beside the site must be the one of its host."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from commands import gmconf
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gmconf.keys.certificates import wrong


def issued(*names: str) -> str:
    """A self-signed certificate whose subject is always the host: clients do not look at it."""
    key, day = ec.generate_private_key(ec.SECP256R1()), datetime(2026, 1, 1, tzinfo=UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.example.org")])
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(day).not_valid_after(day + timedelta(days=90))
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (("mail.example.org",), None),
        (("www.example.org", "MAIL.example.org"), None),
        (("*.example.org",), None),
        (("*.mail.example.org", "example.org"), "is for *.mail.example.org, example.org, not for mail.example.org"),
        ((), "has no subjectAltName"),
    ],
)
def test_names(names: tuple[str, ...], complaint: str | None) -> None:
    found = wrong(issued(*names), "mail.example.org")
    assert (found is None) is (complaint is None)
    assert (found or "").startswith(complaint or "")


def test_site_with_files_of_its_own(site) -> None:
    text = (site / "site.yml").read_text() + "tls: {source: files}\n"
    (site / "site.yml").write_text(text)
    line = next(n for n, words in enumerate(text.split("\n"), 1) if "release: trixie" in words)
    file = site / "keys/tls/mail.example.org.crt"
    for pem, words in (
        (issued("mx.example.org"), "is for mx.example.org, not for mail.example.org"),
        ("not PEM\n", "is not a certificate in PEM"),
    ):
        file.write_text(pem)
        done = gmconf("render", "site.yml", "-o", "build", cwd=site)
        assert done.returncode == 2
        assert done.stderr.startswith(f"site.yml:{line}:12: hosts[0].name: keys/tls/mail.example.org.crt {words}"), (
            done.stderr
        )
        assert not (site / "build").exists()
    file.write_text(issued("mail.example.org"))
    assert gmconf("render", "site.yml", "-o", "build", cwd=site).returncode == 0


@pytest.fixture(scope="module")
def family() -> dict[str, str]:
    """A root, an intermediate, another one, a leaf, its key, as PEM by name."""
    day = datetime(2026, 1, 1, tzinfo=UTC)

    def make(name: str, key, issuer: str, issuer_key, *, ca: bool) -> str:
        subject, parent = (x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, n)]) for n in (name, issuer))
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(parent)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
        )
        made = (
            made.not_valid_before(day)
            .not_valid_after(day + timedelta(days=900))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if not ca:
            made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("mail.example.org")]), critical=False)
        return made.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    root, inter, other, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(4))
    kinds = (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL)
    keys = [
        leaf.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode() for kind in kinds
    ]
    return {
        "root": make("Root", root, "Root", root, ca=True),
        "inter": make("Inter", inter, "Root", root, ca=True),
        "twin": make("Inter", other, "Root", root, ca=True),
        "leaf": make("mail.example.org", leaf, "Inter", inter, ca=False),
        "key": keys[0],
        "ec": keys[1],
    }


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("leaf inter", None),
        ("leaf inter root", None),
        ("leaf", None),
        ("bag leaf bag inter", None),
        ("crlf", None),
        ("leaf inter key", "holds a private key"),
        ("key leaf inter", "holds a private key"),
        ("leaf ec inter", "holds a private key"),
        ("inter leaf", "begins with another certificate; the one of mail.example.org is number 2"),
        ("root inter leaf", "begins with another certificate"),
        ("leaf root", "is in no chain: certificate 1 was not signed by the one after it; CN=Inter did"),
        (
            "leaf root inter",
            "is in no chain: certificate 1 was not signed by the one after it; number 3 did; put them in order",
        ),
        ("leaf twin", "is in no chain"),
        ("leaf inter leaf", "is in no chain"),
        ("cut", "holds a block that is cut"),
        ("joined", "holds a block that is cut"),
        ("bad", "holds 2 certificates, one of which cannot be read"),
        ("request", "is not a certificate in PEM"),
        ("empty", "is not a certificate in PEM"),
    ],
)
def test_chains(family, form: str, said: str | None) -> None:
    leaf, inter = family["leaf"], family["inter"]
    odd = {
        "crlf": (leaf + inter).replace("\n", "\r\n"),
        "cut": leaf + inter[: len(inter) // 2],
        "joined": leaf.rstrip("\n") + inter,
        "bad": leaf + inter.replace(inter.split("\n")[3], inter.split("\n")[3][::-1]),
        "request": leaf.replace("CERTIFICATE", "CERTIFICATE REQUEST"),
        "empty": "",
    }
    parts = {**family, "bag": "Bag Attributes\n    friendlyName: x\n"}
    text = odd[form] if form in odd else "".join(parts[word] for word in form.split())
    found = wrong(text, "mail.example.org")
    assert (found is None) is (said is None), found
    assert (found or "").startswith(said or "")


def test_private_keys_never_leave_in_public_files(site, family) -> None:
    """Whatever file it is, and wherever certificates come from."""
    for name in (
        "tls/mail.example.org.crt",
        "ca/ca.crt",
        "dkim/example.org/gm1-rsa.pub",
        "tls/mail.example.org.next.pub",
    ):
        file = site / "keys" / name
        before = file.read_text() if file.exists() else None
        file.write_text((before or "") + family["key"])
        for argv in (("validate",), ("render",), ("dns",), ("check",)):
            done = gmconf(*argv, "site.yml", cwd=site)
            assert (done.returncode, done.stdout) == (2, ""), (name, argv)
            assert f"keys/{name} holds a private key" in done.stderr
        assert not (site / "build").exists()
        file.unlink() if before is None else file.write_text(before)


def test_unreadable_is_not_missing(site) -> None:
    for name, data, said in (
        ("tls/mail.example.org.crt", b"\x30\x82\x01\xff", "is not text"),
        ("dkim/example.org/gm1-rsa.pub", None, "cannot be read: Is a directory"),
        ("dkim/example.org/gm1-rsa.key.vault", None, "cannot be read: Is a directory"),
    ):
        file = site / "keys" / name
        before = file.read_bytes()
        file.unlink()
        file.mkdir() if data is None else file.write_bytes(data)
        done = gmconf("validate", "site.yml", cwd=site)
        assert done.returncode == 2
        assert f"keys/{name} {said}" in done.stderr
        assert "missing" not in done.stderr
        file.rmdir() if data is None else file.unlink()
        file.write_bytes(before)


def test_dates_are_a_finding_of_validate(site) -> None:
    (site / "site.yml").write_text((site / "site.yml").read_text() + "tls: {source: files}\n")
    (site / "keys/tls/mail.example.org.crt").write_text(issued("mail.example.org"))
    done = gmconf("validate", "site.yml", cwd=site)
    assert done.returncode == 2
    assert "keys/tls/mail.example.org.crt ended on 2026-04-01; renew it" in done.stderr
    assert gmconf("render", "site.yml", cwd=site).returncode == 0
