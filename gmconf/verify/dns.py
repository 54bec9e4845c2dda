"""DNS as the world sees it, against the records the site needs (``gmconf dns``): a probe for each kind of record."""

from __future__ import annotations

from gmconf.controls.result import Observation
from gmconf.model import Domain, Role
from gmconf.verify.probe import Looks, NothingToSayError, on_domain, on_host, on_site
from gmconf.verify.run import At, Run

HARMLESS = "Asks DNS; touches no host."


def told(run: Run, control: str, *subjects: str) -> Looks:
    """What live DNS says about some hosts and domains, or all, as far as a control asks for it. Raises OSError where
    nobody answers."""
    found = [r for r in run.dns().results if r.control == control and (not subjects or r.subject in subjects)]
    for result in found:
        if result.status == "error":
            raise OSError(f"DNS, {result.where}: {result.observed}")
        expected = f"{result.where}: {result.expected}" if result.where else result.expected
        yield Observation(expected, result.observed, result.status != "fail", remedy=result.remedy)
    if not found:
        raise NothingToSayError("the site publishes nothing of it")


def _host(name: str, control: str, title: str, *roles: str) -> None:
    def look(at: At) -> Looks:
        # Of these controls a domain has nothing but what goes with its own names for the hosts.
        named = [d.name for d in at.run.domains if d.own_names] if control in ("dns.caa", "dane.in") else []
        return told(at.run, control, at.host.name, *named)

    look.__doc__ = f"{title}.\n\n{HARMLESS}"
    on_host(name, *roles)(look)


def _domain(name: str, control: str, title: str, *kinds: str) -> None:
    def look(run: Run, domain: Domain) -> Looks:
        return told(run, control, domain.name)

    look.__doc__ = f"{title}.\n\n{HARMLESS}"
    on_domain(name, *kinds)(look)


_host("fcrdns", "dns.fcrdns", "Every address has the host's name in reverse DNS, and the name has the address")
_host("helo-spf", "auth.spf-publish", "The name in HELO has an SPF record for its own addresses", Role.MTA)
_host("caa", "dns.caa", "CAA says which CA may certify the host, and the names that domains have for the hosts")
_host(
    "tlsa",
    "dane.in",
    "TLSA names the key of the host and no other, and those of the names that domains have for the MX",
    Role.MTA,
)
_domain(
    "mx",
    "dns.mx-valid",
    "MX records name the hosts of the site, or the domain's own name for them, and no others",
    "hosted",
    "alias",
)
_domain("null-mx", "dns.null-mx", "A parked domain says that it receives nothing", "parked")
_domain("parked", "dns.parked", "A parked domain says that nobody sends in its name", "parked")
_domain("spf", "auth.spf-publish", "One SPF record allows our hosts and nobody else", "hosted", "alias")
_domain("dkim-records", "auth.dkim-key", "Both DKIM keys are published as they lie beside the site", "hosted", "alias")
_domain("dmarc", "auth.dmarc-publish", "One DMARC record says what the site wants", "hosted", "alias")
_domain(
    "dmarc-reports",
    "auth.dmarc-extreport",
    "Whoever gets reports about the domain has allowed it",
    "hosted",
    "alias",
    "parked",
)
_domain("tls-reports", "tls.rpt", "Reports about TLS go where the site wants them", "hosted", "alias")
_domain("srv", "dns.srv", "SRV records lead programs to what is offered, TLS first", "hosted", "alias")


@on_site("stale")
def stale(run: Run) -> Looks:
    """Nothing is left that the site uses no more, at its domains and hosts.

    Asks DNS; touches no host.
    """
    return told(run, "dns.no-stale")
