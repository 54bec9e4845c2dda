"""What must hold about role web: each rule is a function that yields (path, sentence)."""

from __future__ import annotations

from collections.abc import Iterator

from gmconf.derived.accounts import Directory
from gmconf.derived.policies import sts_mode
from gmconf.model import Role, Site

Finding = tuple[str, str]


def web_is_somewhere(site: Site, _: Directory) -> Iterator[Finding]:
    """One host serves the policy, and what is said about it is carried out."""
    holders = [number for number, host in enumerate(site.hosts) if Role.WEB in host.roles]
    if site.web and not holders:
        yield "web", "no host has the role web; add it to a host, or remove web"
    if len(holders) > 1:
        yield f"hosts[{holders[1]}].roles", "only one host can have the role web in this version; remove it here"
    if holders and all(d.kind == "parked" for d in site.domains):
        yield f"hosts[{holders[0]}].roles", "no domain receives mail, so there is nothing to serve; remove the role web"


def senders_can_believe(site: Site, _: Directory) -> Iterator[Finding]:
    """Senders outside refuse to send to certificates they do not know once the policy is enforced."""
    unknown = site.tls.source == "internal-ca" or bool(site.tls.acme and site.tls.acme.authority)
    closed = bool(site.resolver.trust_anchors)
    if any(Role.WEB in h.roles for h in site.hosts) and sts_mode(site) == "enforce" and unknown and not closed:
        path = "web.mta_sts" if site.web and site.web.mta_sts else "tls.source"
        yield (
            path,
            (
                "an enforced MTA-STS policy needs certificates of a public CA (RFC 8461), or nobody outside could send;"
                " tls.source: acme or files, or web.mta_sts: testing"
            ),
        )


WEB_RULES = (web_is_somewhere, senders_can_believe)
