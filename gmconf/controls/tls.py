"""TLS: in, out, and for users."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from gmconf.controls.case import DomainCase, HostCase, SiteCase
from gmconf.controls.control import Control, Evidence
from gmconf.controls.expect import Has, Model, OneOf, Only, Parts, exactly, on_msa, spelled
from gmconf.controls.files import ACME, DOVECOT, INN, MAIN, MASTER, NGINX, NNTPS, OPENSSL, PROSODY, READERS
from gmconf.controls.records import at, claim
from gmconf.controls.result import Observation
from gmconf.controls.routes import filters, route
from gmconf.controls.sts import webs
from gmconf.derived import tag_lists as taglist
from gmconf.keys.certificates import distrusted, weak
from gmconf.keys.names import server_names, tells_programs
from gmconf.model import Role


class TlsReports(Control):
    """Domains that receive ask for reports about TLS, by mail.

    They tell who could not deliver to us and why, before anybody calls.
    """

    id, level = "tls.rpt", "bronze"
    sources = ("RFC 8460", "BSI TR-03108-10-M", "BSI IT-Grundschutz APP.5.3.A13")
    live = ("tls-reports",)

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """One record, mailto only."""
        if case.domain.kind != "parked":
            found = at(case.records, f"_smtp._tls.{case.domain.name}", "TXT")
            seen = taglist.parse("".join(found[:1]))
            good = (
                len(found) == 1
                and not seen.wrong
                and seen.tags.get("v") == "TLSRPTv1"
                and seen.tags.get("rua", "").startswith("mailto:")
            )
            yield claim(f"one TLSRPT record of {case.domain.name} with a mail address", found, good, "dns.tls_reports")


class TlsReportsEval(Control):
    """Reports about TLS are counted regularly, and somebody reads the numbers.

    A certificate or policy that senders refuse costs mail that nobody here sees. ``gmconf reports`` counts them.
    """

    id, level, sources = "tls.rpt-eval", "silver", ("BSI TR-03108-11-R", "RFC 8460")
    evidence = Evidence(
        "how often gmconf reports, or another program, counts the reports, and who reads the numbers", 92
    )


TLS, SNI = "/etc/gmconf/tls", "/etc/postfix/maps/server-names"
SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"


def _remote(case: HostCase) -> bool:
    return case.has(Role.MTA, Role.MSA) and not case.has(Role.STORE)


def _by_address(case: HostCase, role: Role) -> str:
    """The name of the first host with a role, where others of the site reach it by its own address, behind NAT; else
    empty."""
    first = next((h for h in case.site.hosts if role in h.roles), None)
    return first.name if first and first.public_addresses else ""


def _programs(case: HostCase, shape: str = "autoconfig.{}") -> list[str]:
    told = case.has(Role.WEB) and tells_programs(case.site)
    return [shape.format(d.name) for d in case.site.domains if d.kind != "parked"] if told else []


def _own(case: HostCase, shape: str = "{}", *roles: Role) -> list[str]:
    return [
        shape.format(name) for name in sorted({name for name, _ in server_names(case.site, roles or case.host.roles)})
    ]


def _stored(case: HostCase, shape: str = "{}") -> list[str]:
    return _own(case, shape, Role.STORE) if case.has(Role.STORE) else []


class MtaIn(Control):
    """STARTTLS is offered on port 25 and not required, unless the site says so.

    RFC 3207 forbids a public MX to require it. ``tls.inbound: encrypt`` refuses mail in clear; the report says so.
    """

    id, level, sources = "tls.mta-in", "basic", ("G:18", "BSI TR-03108-03-M", "RFC 3207 section 4")
    settings: ClassVar = {MAIN: {"smtpd_tls_security_level": OneOf("may", "encrypt")}}
    live = ("smtp-tls",)


class MtaOut(Control):
    """STARTTLS is used when it is offered, and a published TLSA record is believed.

    The weakest promise that costs nothing: nobody who only listens reads the mail.
    """

    id, level, sources = (
        "tls.mta-out",
        "basic",
        ("G:18", "BSI TR-03108-04-M", "large mailbox providers (2024): TLS for transmission"),
    )
    settings: ClassVar = {
        MAIN: {
            "smtp_tls_security_level": OneOf("dane", "may", "secure"),
            "smtp_tls_CAfile": Model(
                lambda c: f"{TLS}/ca.crt" if not c.has(Role.MTA) and c.site.tls.own_ca else "",
                "the site's own CA if it has one, where mail goes to another host of the site",
                optional=True,
            ),
            "smtp_tls_secure_cert_match": Model(
                lambda c: "" if c.has(Role.MTA) else _by_address(c, Role.MTA),
                "the name of the MTA host that takes the mail, where it is reached by an address",
                optional=True,
            ),
            "smtp_dns_support_level": "dnssec",
        }
    }


class Implicit(Control):
    """Submission and access are offered with TLS from the first byte: 465, 993 (995 with POP3).

    Nothing can be taken away from a dialogue that never was in clear.
    """

    id, level, sources = "tls.implicit", "basic", ("BSI TR-03108-01-M", "RFC 8314")
    settings: ClassVar = {
        MASTER: {"submissions": on_msa("smtpd"), "wrapper": on_msa("yes")},
        PROSODY: {"c2s.direct": exactly("5223")},
        f"{NNTPS}@.service": {"program": "/usr/lib/news/bin/nnrpd -n -S"},
    }
    live = ("submissions", "imap", "chat", "news")


class StarttlsAll(Control):
    """STARTTLS is there in every protocol that starts in clear: SMTP, submission, IMAP, ManageSieve, and chat and news
    if hosted.

    The original list is lost; this is every protocol the site speaks.
    """

    id, level, sources = "tls.starttls-all", "basic", ("G:17", "G:18", "D:encryption", "BSI TR-03108-02-R")
    settings: ClassVar = {
        MAIN: {"smtpd_tls_security_level": OneOf("may", "encrypt"), "smtpd_tls_chain_files": Has(f"{TLS}/")},
        DOVECOT: {
            "ssl.required": "required",
            "ssl.certificate": Model(lambda c: f"{TLS}/{c.host.name}.crt", "the host's certificate"),
        },
        PROSODY: {"c2s.tls": True, "s2s.tls": True},
        READERS: {"encryption": True},
        INN: {"tls.certificate": "/etc/news/tls/host.crt"},
    }
    live = ("smtp-tls", "submission", "imap-starttls", "sieve", "chat", "news")


class MuaRequired(Control):
    """Users' passwords and mail never cross a net in clear, nor does mail between hosts of the site.

    Required, not offered: a program that is set up wrong fails at once instead of leaking for years. A filter on
    another host gets every message by the milter protocol, which has no TLS. (The question whether a mailbox is full
    carries an address, no mail.)
    """

    id, level, sources = (
        "tls.mua-required",
        "basic",
        ("G:18", "BSI TR-03108-01-M", "BSI IT-Grundschutz APP.5.3.A2", "RFC 8314 section 4.1", "RFC 8997"),
    )
    settings: ClassVar = {
        DOVECOT: {"ssl.required": "required", "auth.cleartext": False},
        PROSODY: {"auth.plain": False, "c2s.tls": True},
        READERS: {"encryption": True},
        MASTER: {"users_tls": on_msa("encrypt")},
        MAIN: {
            "lmtp_tls_security_level": Model(
                lambda c: "verify" if _remote(c) else "", "verify, where the store is another host"
            ),
            "lmtp_tls_CAfile": Model(
                lambda c: f"{TLS}/ca.crt" if _remote(c) and c.site.tls.own_ca else "", "the site's own CA if it has one"
            ),
            "lmtp_tls_verify_cert_match": Model(
                lambda c: _by_address(c, Role.STORE) if _remote(c) else "",
                "the name of the store, where it is reached by an address",
                optional=True,
            ),
            "lmtp_tls_CApath": Model(
                lambda c: "/etc/ssl/certs" if _remote(c) and c.site.tls.source != "internal-ca" else "",
                "public CAs if the certificates are theirs",
            ),
        },
    }
    live = ("auth-needs-tls",)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """No message goes to a filter on another host, and none without TLS to the MTA host that takes it."""
        for name in filters(case):
            yield Observation(
                "the filter on the host itself",
                f"mail goes to {name} by the milter protocol, in clear",
                holds=False,
                where=f"{MAIN}:smtpd_milters",
                remedy=f"give the role filter to {case.host.name}",
            )
        level = case.value(MAIN, "smtp_tls_security_level")
        if route(case).relays and level:
            yield Observation(
                "TLS on the way to the next host",
                spelled(level.value),
                level.value in _ENCRYPTED,
                f"{MAIN}:smtp_tls_security_level",
            )


_ENCRYPTED = ("encrypt", "secure", "verify", "fingerprint", "dane-only")


class Versions(Control):
    """TLS 1.2 and 1.3, nothing older.

    Older versions are broken or deprecated, and every mail server of the last ten years can do better.
    """

    id, level, sources = "tls.versions", "basic", ("RFC 8996", "NCSC-NL TLS guidelines 2025-05 section 3.3.1")
    settings: ClassVar = {
        DOVECOT: {"ssl.min_protocol": OneOf("TLSv1.2", "TLSv1.3")},
        PROSODY: {"ssl.protocol": "tlsv1_2+"},
        INN: {"tls.protocols": Only("TLSv1.2", "TLSv1.3")},
        NGINX: {"tls.protocols": Only("TLSv1.2", "TLSv1.3")},
        OPENSSL: {"min_protocol": OneOf("TLSv1.2", "TLSv1.3")},
        MAIN: dict.fromkeys(
            (f"{side}_tls{kind}_protocols" for side in ("smtpd", "smtp", "lmtp") for kind in ("", "_mandatory")),
            OneOf(">=TLSv1.2", ">=TLSv1.3"),
        ),
    }
    live = ("tls-versions",)


class Ciphers(Control):
    """Forward secrecy and authenticated encryption only.

    ECDHE with AES-GCM or ChaCha20; what was recorded today cannot be read with a key stolen tomorrow.
    """

    id, level, sources = (
        "tls.ciphers",
        "bronze",
        ("NCSC-NL TLS guidelines 2025-05", "internet.nl mail test: tls_ciphers"),
    )
    settings: ClassVar = {
        DOVECOT: {"ssl.ciphers": SUITES},
        PROSODY: {"ssl.ciphers": SUITES},
        INN: {"tls.ciphers": SUITES, "tls.order": True},
        NGINX: {"tls.ciphers": SUITES},
        MAIN: {
            "smtpd_tls_ciphers": "high",
            "smtpd_tls_mandatory_ciphers": "high",
            "smtp_tls_mandatory_ciphers": "high",
            "tls_high_cipherlist": f"{SUITES}:@SECLEVEL=2",
            "tls_preempt_cipherlist": True,
        },
    }
    live = ("tls-ciphers",)


class Sigalgs(Control):
    """No SHA-1 in the signatures of a key exchange.

    Postfix lowers OpenSSL's own floor; security level 2 in its cipher list raises it again, and a configuration file of
    its own leaves SHA-224 out as well.
    """

    id, level, sources = (
        "tls.sigalgs",
        "bronze",
        ("NCSC-NL TLS guidelines 2025-05 section 3.3.5", "internet.nl mail test: kex_hash_func"),
    )
    settings: ClassVar = {
        MAIN: {
            "tls_config_file": OPENSSL,
            "tls_config_name": "postfix",
            "tls_high_cipherlist": f"{SUITES}:@SECLEVEL=2",
        },
        OPENSSL: {
            "signatures": Parts(
                ":",
                tuple(f"{kind}+SHA{size}" for kind in ("ECDSA", "RSA-PSS", "RSA") for size in (256, 384, 512)),
                ("ed25519", "ed448"),
            )
        },
    }
    files = (OPENSSL,)
    live = ("tls-sigalgs",)


class ExtendedMasterSecret(Control):
    """TLS 1.2 binds its keys to the whole handshake (extended master secret).

    Else a server in between can make two sessions with the same keys. It is OpenSSL's default; here it is written down.
    """

    id, level, sources = "tls.ems", "bronze", ("internet.nl mail test: extended_master_secret", "BSI TR-03108")
    settings: ClassVar = {MAIN: {"tls_config_file": OPENSSL}, OPENSSL: {"options": "ExtendedMasterSecret"}}


class NoRenegotiation(Control):
    """No renegotiation by clients, no TLS compression.

    The first wears a server out, the second leaks what was compressed.
    """

    id, level, sources = (
        "tls.no-reneg-compress",
        "bronze",
        ("internet.nl mail test: renegotiation_client, tls_compression",),
    )
    settings: ClassVar = {
        MAIN: {"tls_ssl_options": exactly("NO_RENEGOTIATION", "NO_COMPRESSION")},
        PROSODY: {
            "ssl.options": exactly("cipher_server_preference", "no_compression", "no_renegotiation", "no_ticket")
        },
        INN: {"tls.compression": False},
    }
    live = ("tls-renegotiation",)


class Certificate(Control):
    """Certificate and key belong together, name the host, and are strong.

    A domain's own name for the host has a certificate of its own. They are checked before a roll-out switches to them;
    ECDSA P-256 is what gmconf makes. Of certificates that come as files, key and signature are looked at: RSA of 2048
    bits at least, no SHA-1.
    """

    id, level, sources = (
        "tls.cert",
        "basic",
        ("NCSC-NL TLS guidelines 2025-05", "internet.nl mail test: cert_pubkey, cert_signature", "BSI TR-03108"),
    )
    settings: ClassVar = {
        DOVECOT: {
            "ssl.certificate": Model(lambda c: f"{TLS}/{c.host.name}.crt", "the host's certificate"),
            "ssl.key": Model(lambda c: f"{TLS}/{c.host.name}.key", "the host's key"),
            "own[*].name": Model(_stored, "the domains' own names for the host"),
            **{
                f"own[*].{key}": Model(partial(_stored, shape=f"{TLS}/{{}}.{end}"), "that of its name")
                for key, end in (("certificate", "crt"), ("key", "key"))
            },
        },
        MAIN: {
            "smtpd_tls_chain_files": Model(
                lambda c: [f"{TLS}/{c.host.name}.key", f"{TLS}/{c.host.name}.crt"], "the host's key and certificate"
            ),
            "tls_server_sni_maps": Model(
                lambda c: f"texthash:{SNI}" if _own(c) else "",
                "the table of the domains' own names, if there are any",
                optional=True,
            ),
        },
        PROSODY: {"ssl.certificates": "/etc/prosody/tls"},
        INN: {"tls.certificate": "/etc/news/tls/host.crt", "tls.key": "/etc/news/tls/host.key"},
        NGINX: {
            f"{rows}[*].{key}": Model(partial(names, shape=f"/etc/nginx/gmconf-tls/{shape}.{end}"), "that of its name")
            for rows, names, shape in (("servers", webs, "{}"), ("programs", _programs, "autoconfig.{}"))
            for key, end in (("certificate", "crt"), ("key", "key"))
        },
    }
    live = ("certificates",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """Those that come as files are strong; gmconf makes the others itself, or their keys."""
        for name, chain in sorted(case.public.items()) if case.site.tls.source == "files" else ():
            if name.startswith("tls/") and name.endswith(".crt"):
                found = weak(chain)
                yield Observation(
                    f"{name} has strong keys and signatures",
                    found or "it has",
                    not found,
                    name,
                    remedy="have it issued again for a new key: ECDSA P-256, or RSA of 3072 bits",
                )

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """Both halves are on the host, and the site's own CA if it has one."""
        names = [f"{case.host.name}.crt", f"{case.host.name}.key", *(["ca.crt"] if case.site.tls.own_ca else [])]
        paths = [f"{TLS}/{name}" for name in names]
        if own := _own(case):
            paths += [f"{TLS}/{name}.{end}" for name in own for end in ("crt", "key")]
            paths += [SNI] if MAIN in case.settings else []
        if case.has(Role.CHAT):
            paths += [
                f"/etc/prosody/tls/{d.name}.{end}"
                for d in case.site.domains
                if d.kind == "hosted"
                for end in ("crt", "key")
            ]
        if case.has(Role.NEWS):
            paths += ["/etc/news/tls/host.crt", "/etc/news/tls/host.key"]
        paths += [
            f"/etc/nginx/gmconf-tls/{name}.{end}" for name in (*webs(case), *_programs(case)) for end in ("crt", "key")
        ]
        if case.site.tls.source == "acme":
            paths += [f"/etc/gmconf/acme/{name}.{end}" for name in _shown(case) for end in ("crt", "key")]
        yield from case.there(*paths)


def _shown(case: HostCase) -> list[str]:
    chat = [d.name for d in case.site.domains if d.kind == "hosted"] if case.has(Role.CHAT) else []
    return sorted({case.host.name, *chat, *webs(case), *_programs(case), *_own(case)})


class CertificateTrust(Control):
    """Certificates come from an authority that programs and other servers know.

    Users learn to click warnings away otherwise, and an MTA-STS policy of ours could not be enforced by anybody.
    """

    id, level, sources = "tls.cert-trust", "bronze", ("BSI TR-03108-12-R", "RFC 8461", "RFC 8555")
    settings: ClassVar = {
        ACME: {
            "directory": Model(lambda c: c.site.tls.acme.directory if c.site.tls.acme else "", "that of tls.acme"),
            "pairs[*].name": Model(_shown, "every name that the host shows a certificate for"),
        },
        "/etc/systemd/system/gmconf-acme.service": {
            "command": "/usr/bin/python3 -B /usr/local/lib/gmconf/acme /etc/gmconf/acme.ini"
        },
    }

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """They are the operator's files, or come by ACME."""
        tls = case.site.tls
        own = (
            "a CA of the site's own"
            if tls.source == "internal-ca"
            else f"{tls.acme.authority}, which systems do not know"
            if tls.acme and tls.acme.authority
            else ""
        )
        yield Observation("tls.source: acme, or files", own or tls.source, not own, "tls.source")
        for name, chain in sorted(case.public.items()) if tls.source == "files" else ():
            if name.startswith("tls/") and name.endswith(".crt"):
                wrong = distrusted(chain, case.today)
                yield Observation(
                    f"{name} is valid on {case.today} and leads to an authority that systems know",
                    wrong or "it is",
                    not wrong,
                    "tls.source",
                    remedy=f"have it issued again, and put the whole chain into {name}",
                )

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """What asks for them is there."""
        acme = case.site.tls.acme
        if acme:
            secret = ["/etc/gmconf/acme/tsig.secret"] if acme.update else []
            units = [f"/etc/systemd/system/gmconf-acme.{kind}" for kind in ("service", "timer")]
            yield from case.there(
                ACME, "/usr/local/lib/gmconf/acme", "/usr/local/lib/gmconf/places.py", *units, *secret
            )


class Received(Control):
    """Received lines record how the message was protected.

    Each hop can be judged afterwards.
    """

    id, level, sources = "tls.received", "basic", ("RFC 8314",)
    settings: ClassVar = {MAIN: {"smtpd_tls_received_header": True}}
