"""Which key files a site needs below its secrets folder, and which field of the site asks for each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date

from gmconf.model import Domain, Role, Site

TRANSFER = "dns/transfer.vault"
"""The TSIG key by which name servers of the site know each other, as Knot reads it."""
TRANSFER_KEY = "gmconf-transfer"
PASSWORDS = "passwords.vault"
"""What build/ has of all password hashes."""
DKIM_KINDS = ("rsa", "ed25519")
MADE = "# made on "
"""Begins the line of a DKIM key's public half that says on which day gmconf made it."""


def dkim_names(site: Site) -> Iterator[tuple[str, str, str, str]]:
    """(domain, selector, stem of the key's files, field) for every DKIM key."""
    for number, domain in enumerate(site.domains):
        if domain.kind == "parked":
            continue
        for kind in DKIM_KINDS:
            selector = f"{domain.dkim.selector}-{kind}"
            yield domain.name, selector, f"dkim/{domain.name}/{selector}", f"domains[{number}]"


def undated(text: str) -> tuple[str, date | None]:
    """The public half of a DKIM key without the day on which it was made, and that day;
    None where the file has none.
    """
    key, _, day = text.partition(MADE)
    try:
        return key, date.fromisoformat(day.strip()) if day else None
    except ValueError:
        return key, None


def chat_domains(site: Site) -> Iterator[tuple[str, str]]:
    """(domain, field) of every domain whose name the chat server shows a certificate for (RFC 7590 section 3.4): the
    hosted ones.

    Alias domains have none: nobody logs in there, and a user has one chat address, which is the login.
    """
    if any(Role.CHAT in host.roles for host in site.hosts):
        yield from (
            (domain.name, f"domains[{number}]") for number, domain in enumerate(site.domains) if domain.kind == "hosted"
        )


def tells_programs(site: Site) -> bool:
    """Whether mail programs find their servers at autoconfig.DOMAIN of every domain that receives."""
    return bool(site.web and site.web.autoconfig) and any(Role.WEB in host.roles for host in site.hosts)


def web_names(site: Site) -> Iterator[tuple[str, str]]:
    """(name, field) that the web server shows a certificate for, of every domain that receives.

    mta-sts.DOMAIN (RFC 8461), and autoconfig.DOMAIN where mail programs are told their servers.
    """
    if any(Role.WEB in host.roles for host in site.hosts):
        yield from (
            (f"mta-sts.{domain.name}", f"domains[{number}]")
            for number, domain in enumerate(site.domains)
            if domain.kind != "parked"
        )
    if tells_programs(site):
        yield from (
            (f"autoconfig.{domain.name}", "web.autoconfig") for domain in site.domains if domain.kind != "parked"
        )


def server_names(site: Site, roles: Collection[Role] = tuple(Role)) -> Iterator[tuple[str, str]]:
    """(name, field) that a domain has for the servers, of its own; with ``roles`` those that a host with such roles
    answers to."""
    for number, domain in enumerate(site.domains):
        if own := domain.server_names:
            found: dict[str, str] = {}
            for field, name, reached in (("clients", own.clients, {Role.MSA, Role.STORE}), ("mx", own.mx, {Role.MTA})):
                if name and not reached.isdisjoint(roles):
                    found.setdefault(name, field)
            yield from ((name, f"domains[{number}].server_names.{field}") for name, field in found.items())


def mx_of_domains(site: Site) -> Iterator[tuple[str, Domain]]:
    """(name, domain) of every name that a domain has for its MX, of its own: what it shows has TLSA records like a
    host's."""
    yield from ((domain.own_mx, domain) for domain in site.domains if domain.own_mx)


def served(site: Site) -> Iterator[tuple[str, str]]:
    """(name, field) of every name besides the hosts' that a certificate is shown for."""
    yield from chat_domains(site)
    yield from web_names(site)
    yield from server_names(site)


def public_files(site: Site) -> Iterator[tuple[str, str]]:
    """(relative path, field) of public halves: DKIM keys, certificates."""
    for _, _, stem, field in dkim_names(site):
        yield f"{stem}.pub", field
    for number, host in enumerate(site.hosts):
        yield f"tls/{host.name}.crt", f"hosts[{number}]"
    for name, field in served(site):
        yield f"tls/{name}.crt", field
    if site.tls.own_ca:
        yield "ca/ca.crt", "tls"
    if site.tls.acme and site.tls.acme.authority:
        yield f"ca/{site.tls.acme.authority}.crt", "tls.acme.authority"
    for number, name in enumerate(site.tls.trusted):
        yield f"ca/{name}.crt", f"tls.trusted[{number}]"


def optional_files(site: Site) -> Iterator[str]:
    """Public files that may be there: the key (PEM) that the next certificate of a host, or of a domain's MX, will
    have."""
    for name in (*(host.name for host in site.hosts), *(name for name, _ in mx_of_domains(site))):
        yield f"tls/{name}.next.pub"


def vault_files(site: Site) -> Iterator[tuple[str, str]]:
    """(relative path, field) of secrets that go to a host."""
    if any(Role.FILTER in host.roles for host in site.hosts):
        for _, _, stem, field in dkim_names(site):
            yield f"{stem}.key.vault", field
    for number, host in enumerate(site.hosts):
        yield f"tls/{host.name}.key.vault", f"hosts[{number}]"
    for name, field in served(site):
        yield f"tls/{name}.key.vault", field
    if site.tls.acme and site.tls.acme.update:
        yield tsig_file(site.tls.acme.update.key), "tls.acme.update.key"
    servers = [number for number, host in enumerate(site.hosts) if Role.NAMESERVER in host.roles]
    if len(servers) > 1:
        yield TRANSFER, f"hosts[{servers[1]}]"
    yield PASSWORDS, "domains"


def tsig_file(key: str) -> str:
    """Where the secret of a TSIG key lies."""
    return f"acme/{key}.vault"
