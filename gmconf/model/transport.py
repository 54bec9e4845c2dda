"""How mail leaves the site."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from gmconf.model.base import Part
from gmconf.model.names import DomainName, Line

CertificateName = Annotated[str, StringConstraints(pattern=r"^\.?[a-z0-9-]+(\.[a-z0-9-]+)+$", max_length=254)]
TlsLevel = Literal["may", "encrypt", "dane-only", "secure"]


class Destination(Part):
    """What TLS to one domain must be, instead of what its DNS and its MTA-STS policy ask for."""

    domain: DomainName
    """As it stands behind the @; its subdomains are others."""
    level: TlsLevel
    """dane-only: never without TLSA; secure: a certificate of a CA that the host trusts, with the name of ``match``.
    encrypt (any certificate) and may (without TLS if need be) switch DANE and MTA-STS off for this domain: they need a
    reason."""
    match: tuple[CertificateName, ...] = ()
    """With secure: names one of which the certificate must have (.example.org: any below it); default: the domain, or a
    name below it."""
    reason: Line | None = None
    """Why less than the default is enough."""
