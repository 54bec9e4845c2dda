"""Where certificates come from when an ACME CA issues them (RFC 8555)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gmconf.model.base import Part
from gmconf.model.names import Address, DomainName, Duration
from gmconf.model.networks import Peer

Directory = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9._~:/\[\]-]+$", max_length=200)]


class Update(Part):
    """How the proofs of dns-01 are published: updates (RFC 2136), signed by a key (TSIG, RFC 8945)."""

    server: Peer
    """The primary that takes updates of the zone, or of a zone of its own at _acme-challenge.HOST."""
    port: int = Field(default=53, ge=1, le=65535)
    key: DomainName
    """The TSIG key's name. Its secret (base64) is <secrets.folder>/acme/KEY.vault; ``gmconf keys`` makes one."""
    algorithm: Literal["hmac-sha256", "hmac-sha512"] = "hmac-sha256"
    propagation: Duration = 60
    """Seconds until all name servers show an update."""


class Acme(Part):
    """The CA, and how hosts prove that names are theirs."""

    directory: Directory
    """URL of the CA's directory."""
    email: Address
    """Where the CA writes to."""
    terms_agreed: bool
    """You have read and accept the CA's terms of service."""
    challenge: Literal["http-01", "dns-01"] = "http-01"
    """http-01: the host answers on port 80, which is open for that; dns-01: ``update`` publishes the proof."""
    update: Update | None = None
    authority: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")] | None = None
    """A CA that systems do not know: <secrets.folder>/ca/NAME.crt (PEM) holds its roots, of its certificates and of its
    directory."""
