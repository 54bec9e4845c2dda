"""The operator's documents: which there are, and what each needs to know from the site before it can be written."""

from __future__ import annotations

from typing import NamedTuple

from gmconf.model import Site
from gmconf.model.fields import filled


class Document(NamedTuple):
    """A document of build/documents; ``needs`` are paths of the site that must be filled, else it is not written."""

    name: str
    title: str
    about: str
    """One sentence: for whom, and what it says."""
    needs: tuple[str, ...] = ()


DOCUMENTS = (
    Document(
        "support",
        "Support",
        "For users: how to get help, and what happens to a question.",
        ("support.hours", "support.email", "support.tickets"),
    ),
    Document(
        "client-setup",
        "Setting up programs",
        "For users: programs, servers, and the settings of every domain.",
        ("support.email", "clients"),
    ),
    Document(
        "acceptable-use",
        "Acceptable use policy",
        "For customers: what the service may be used for, and what follows when it is not.",
        ("policies.bulk_threshold",),
    ),
    Document(
        "sla",
        "Service level agreement",
        "For customers: what is promised, in numbers.",
        ("policies.sla", "support.hours", "procedures.abuse_answer"),
    ),
    Document(
        "onboarding",
        "Bringing a domain",
        "For customers: what to prepare, and which addresses a domain must have.",
        ("support.email",),
    ),
    Document(
        "abuse",
        "Complaints about abuse",
        "For whoever answers abuse@: from the complaint to the last answer.",
        ("procedures.abuse_answer", "organisation.abuse_url"),
    ),
    Document(
        "postmaster",
        "Postmaster's manual",
        "For whoever has the duty: what to do every day, and what to do when.",
        ("procedures.duty", "procedures.trained", "procedures.incident_contacts"),
    ),
    Document(
        "runbooks",
        "Runbooks",
        "For administrators: commands for bad days, tried on these very hosts.",
        ("procedures.incident_contacts",),
    ),
    Document(
        "updates",
        "Updates",
        "For administrators: how software and signatures stay up to date, and what to do when they do not.",
    ),
    Document(
        "topology",
        "Hosts, ports and programs",
        "For administrators and auditors: what runs where, and who may reach it.",
    ),
    Document(
        "security",
        "Reports of security holes",
        "For whoever finds a hole, and whoever gets the report.",
        ("policies.security_contact", "policies.security_expires"),
    ),
)
TITLES = {document.name: document.title for document in DOCUMENTS}
_OPERATION = ("level", "support", "procedures", "policies", "clients")


def written(site: Site) -> tuple[Document, ...]:
    """The documents that the site's facts suffice for; none for a site that says nothing about its operation."""
    if not any(filled(site, path) for path in _OPERATION):
        return ()
    return tuple(d for d in DOCUMENTS if all(filled(site, path) for path in d.needs))


def lacking_facts(site: Site, name: str) -> list[str]:
    """The fields of site.yml that a document still needs; where nothing says that any is wanted, all it needs, or the
    level."""
    needs = next(d.needs for d in DOCUMENTS if d.name == name)
    return [path for path in needs if not filled(site, path)] or ["level"]
