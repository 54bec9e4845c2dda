"""Documents that must be written."""

from __future__ import annotations

from collections.abc import Iterable

from gmconf.controls.case import SiteCase
from gmconf.controls.control import Control, Evidence, Fact
from gmconf.controls.files import NFT
from gmconf.controls.result import Observation


class Provider(Control):
    """The limits of the DNS provider are known, and there is a quick way to reach them.

    A level that needs TLSA or DNSSEC cannot be held with a provider who has neither.
    """

    id, level, sources = "doc.dns-provider", "bronze", ("F:79d",)
    facts = (Fact("dns.provider"),)


class Aup(Control):
    """There is an acceptable use policy, and every customer has agreed to it.

    It bans spam, says what happens, and from how many messages on mail counts as marketing.
    """

    id, level, sources = "doc.aup", "basic", ("M:91", "M:98", "P:134")
    facts = (Fact("policies.bulk_threshold"),)
    documents = ("acceptable-use",)
    evidence = Evidence("how customers agree to the policy", 731)


class Suspend(Control):
    """The terms allow to suspend an account at once.

    Else the contract protects the spammer.
    """

    id, level, sources = "doc.tc-suspend", "basic", ("M:112",)
    documents = ("acceptable-use",)


class BulkPath(Control):
    """Customers who want to send marketing mail are told how.

    Else they do it the way that hurts everybody.
    """

    id, level, sources = "doc.bulk-path", "bronze", ("M:88",)
    facts = (Fact("policies.bulk_contact"),)
    documents = ("acceptable-use",)


class AbuseContact(Control):
    """Strangers find out how to report abuse.

    A page on the web, abuse@, and a header in every message.
    """

    id, level, sources = "doc.abuse-contact", "basic", ("M:66",)
    facts = (Fact("organisation.abuse_url"),)
    documents = ("abuse",)


class SecurityTxt(Control):
    """Finders of security holes find out whom to tell.

    ``build/documents`` has the file for /.well-known/security.txt of the organisation's web site.
    """

    id, level, sources = "doc.security-txt", "bronze", ("M:69", "RFC 9116")
    facts = (Fact("policies.security_contact"), Fact("policies.security_expires"))
    documents = ("security",)
    evidence = Evidence("that the file is published", 366)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """Its date of expiry lies ahead: after it finders take the file for abandoned (RFC 9116 section 2.5.5)."""
        expires = case.site.policies.security_expires if case.site.policies else None
        if expires:
            yield Observation(
                f"security.txt is valid on {case.today}",
                f"until {expires}",
                expires >= case.today,
                "policies.security_expires",
                remedy="set a day within the next year, render, and publish the file again",
            )


class Sla(Control):
    """A service level agreement names numbers: availability, delay, answers.

    What is not promised cannot be kept.
    """

    id, level, sources = "doc.sla", "bronze", ("Q:8",)
    facts = (Fact("policies.sla"),)
    documents = ("sla",)


class Topology(Control):
    """A page shows hosts, roles, ports and who may reach what.

    Rendered from the site, so it is never out of date; with it, who runs the network can be reached.
    """

    id, level, sources = "doc.topology", "basic", ("F:64", "F:82")
    facts = (Fact("procedures.incident_contacts", least=1),)
    documents = ("topology",)


class Firewall(Control):
    """The firewall's rules are a table with reasons.

    Whoever asks for a change knows what there is; the contact stands in it.
    """

    id, level, sources = "doc.firewall", "basic", ("F:75",)
    files = (NFT,)
    facts = (Fact("procedures.incident_contacts", least=1),)
    documents = ("topology",)
