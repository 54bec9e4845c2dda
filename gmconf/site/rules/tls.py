"""What must hold about certificates by ACME: each rule is a function that yields (path, sentence)."""

from __future__ import annotations

from collections.abc import Iterator

from gmconf.derived.accounts import Directory
from gmconf.model import Role, Site

Finding = tuple[str, str]


def acme_is_whole(site: Site, _: Directory) -> Iterator[Finding]:
    """tls.source and tls.acme belong together, and so do dns-01 and the way to publish its proofs."""
    acme = site.tls.acme
    if site.tls.source == "acme" and acme is None:
        yield "tls.source", "acme needs tls.acme: directory, email, terms_agreed"
    if acme is None:
        return
    if not acme.terms_agreed:
        yield (
            "tls.acme.terms_agreed",
            "the CA issues nothing to who has not accepted its terms; read them, then say true",
        )
    if site.tls.source != "acme":
        yield "tls.acme", f"is not used with source {site.tls.source}; say source: acme, or remove it"
    if acme.challenge == "dns-01" and acme.update is None:
        yield "tls.acme.challenge", "dns-01 needs update: the name server that takes the proofs, and a TSIG key"
    if acme.challenge == "http-01" and acme.update:
        yield "tls.acme.update", "only dns-01 publishes something; say challenge: dns-01, or remove update"


def names_are_answered(site: Site, _: Directory) -> Iterator[Finding]:
    """A mail domain's own name leads to its web server, which knows nothing of a proof made here."""
    acme = site.tls.acme
    if acme and acme.challenge == "http-01":
        for number, host in enumerate(site.hosts):
            if Role.CHAT in host.roles:
                yield (
                    f"hosts[{number}].roles",
                    (
                        "chat needs certificates for the mail domains, whose names need not lead here:"
                        " tls.acme.challenge has to be dns-01"
                    ),
                )


def caa_lets_it(site: Site, _: Directory) -> Iterator[Finding]:
    """CAA records do not forbid the way of proof that the hosts take (RFC 8657)."""
    acme = site.tls.acme
    issuers = site.dns.caa
    if acme and issuers and all(i.validation_methods and acme.challenge not in i.validation_methods for i in issuers):
        yield (
            "dns.caa",
            (
                f"no issuer may accept {acme.challenge}, by which the hosts prove their names (tls.acme.challenge); add"
                " it to validation_methods"
            ),
        )


ACME_RULES = (acme_is_whole, names_are_answered, caa_lets_it)
