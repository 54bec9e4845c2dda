"""The operator's documents: which there are, and what each needs to know from the site before it can be written."""

from __future__ import annotations

from dataclasses import dataclass

from gmconf.facts import filled
from gmconf.model import Site


@dataclass(frozen=True, slots=True)
class Document:
    """A document of build/documents; ``needs`` are paths of the site that must be filled, else it is not written."""

    name: str
    title: str
    needs: tuple[str, ...] = ()


DOCUMENTS = (
    Document("support", "Support", ("support.hours", "support.email", "support.tickets")),
    Document("abuse", "Complaints about abuse", ("procedures.abuse_answer", "organisation.abuse_url")),
    Document("updates", "Updates"),
    Document("postmaster", "Postmaster's manual", ("procedures.duty", "procedures.trained", "procedures.incident_contacts")),
    Document("acceptable-use", "Acceptable use policy", ("policies.bulk_threshold",)),
    Document("sla", "Service level agreement", ("policies.sla", "support.hours", "procedures.abuse_answer")),
    Document("onboarding", "Bringing a domain", ("support.email",)),
    Document("topology", "Hosts, ports and programs"),
    Document("runbooks", "Runbooks", ("procedures.incident_contacts",)),
    Document("client-setup", "Setting up programs", ("support.email", "clients")),
    Document("security", "Reports of security holes", ("policies.security_contact", "policies.security_expires")),
)


def written(site: Site) -> tuple[Document, ...]:
    """The documents that the site's facts suffice for."""
    return tuple(d for d in DOCUMENTS if all(filled(site, path) for path in d.needs))
