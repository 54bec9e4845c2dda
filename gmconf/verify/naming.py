"""DNS as the world sees it: names that fit, keys that are published, records that help programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmconf.model import Domain, Role
from gmconf.verify.probe import Looks, Seen, on_domain, on_host
from gmconf.verify.run import At, Run

if TYPE_CHECKING:
    from dns.resolver import Resolver

SECONDS = 5.0
"""For one question, all its repetitions included."""


def ask(run: Run, name: str, kind: str) -> list[str]:
    """Text of all records of a kind; empty when there is none. Raises OSError when nobody answers."""
    import dns.exception
    import dns.resolver

    try:
        answer = _resolver(run).resolve(name, kind, lifetime=SECONDS, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except dns.exception.DNSException as error:
        raise OSError(f"DNS, {kind} of {name}: {error}") from None
    return [_text(record.to_text()) for record in answer]


def _resolver(run: Run) -> Resolver:
    import dns.resolver

    resolver = dns.resolver.Resolver(configure=run.resolver is None)
    if run.resolver:
        resolver.nameservers = [run.resolver]
    return resolver


def _text(record: str) -> str:
    """A TXT record's parts as one text; names without their final dot, in lower case elsewhere."""
    return "".join(record.split('"')[1::2]) if record.startswith('"') else record.rstrip(".").lower()


@on_host("fcrdns", Role.MTA)
def fcrdns(at: At) -> Looks:
    """Every address has the host's name in reverse DNS, and the name has the address.

    Asks DNS; touches no host.
    """
    import dns.reversename

    for address in at.host.addresses:
        names = ask(at.run, dns.reversename.from_address(address).to_text(), "PTR")
        fix = "have the keeper of the address range set the PTR record"
        yield Seen(f"PTR of {address} is {at.host.name}", ", ".join(names) or "none", names == [at.host.name], "" if names == [at.host.name] else fix)
        kind = "AAAA" if ":" in address else "A"
        found = ask(at.run, at.host.name, kind)
        yield Seen(f"{kind} of {at.host.name} has {address}", ", ".join(found) or "none", address in found, "" if address in found else f"add the {kind} record to the zone")


@on_domain("dkim-records", "hosted", "alias")
def dkim(run: Run, domain: Domain) -> Looks:
    """Both DKIM keys of the domain are published as they lie beside the site.

    Asks DNS; touches no host.
    """
    for kind in ("rsa", "ed25519"):
        stem = f"{domain.dkim.selector}-{kind}"
        wanted = "".join(run.loaded.public[f"dkim/{domain.name}/{stem}.pub"].split())
        found = ask(run, f"{stem}._domainkey.{domain.name}", "TXT")
        tags = [dict(part.strip().partition("=")[::2] for part in text.split(";") if "=" in part) for text in found]
        holds = len(tags) == 1 and "".join(tags[0].get("p", "").split()) == wanted and tags[0].get("k", "rsa") == kind
        yield Seen(f"one record {stem}._domainkey.{domain.name} with our {kind} key", "; ".join(text[:60] for text in found) or "none", holds,
                   "" if holds else f"publish keys/dkim/{domain.name}/{stem}.pub, or roll out the key that is published")  # fmt: skip


@on_domain("srv", "hosted")
def srv(run: Run, domain: Domain) -> Looks:
    """SRV records lead mail programs to submission and access over TLS.

    Asks DNS; touches no host.
    """
    services = [("_submissions._tcp", 465, Role.MSA), ("_imaps._tcp", 993, Role.STORE)]
    services += [("_pop3s._tcp", 995, Role.STORE)] if run.loaded.site.pop3.enabled else []
    for name, port, role in services:
        hosts = {h.name for h in run.loaded.site.hosts if role in h.roles}
        found = ask(run, f"{name}.{domain.name}", "SRV")
        places = [(words[2], words[3]) for words in map(str.split, found) if len(words) == 4]
        holds = bool(places) and all(int(p) == port and host in hosts for p, host in places)
        yield Seen(f"SRV {name}.{domain.name} to port {port} of {', '.join(sorted(hosts))}", "; ".join(found) or "none", holds,
                   "" if holds else "publish the record (RFC 6186, RFC 8314 section 5.1)")  # fmt: skip


@on_domain("parked", "parked")
def parked(run: Run, domain: Domain) -> Looks:
    """A parked domain says that it neither receives nor sends.

    Asks DNS; touches no host.
    """
    for name, kind, wanted, good in (
        (domain.name, "MX", "0 . (RFC 7505)", lambda text: text.split() in (["0", "."], ["0"])),
        (domain.name, "TXT", "v=spf1 -all", lambda text: text.strip() == "v=spf1 -all"),
        (f"_dmarc.{domain.name}", "TXT", "v=DMARC1; p=reject", lambda text: text.replace(" ", "").startswith("v=DMARC1;p=reject")),
    ):
        found = ask(run, name, kind)
        holds = any(map(good, found)) and (kind != "MX" or len(found) == 1)
        yield Seen(f"{kind} of {name}: {wanted}", "; ".join(found) or "none", holds, "" if holds else "publish the record")
