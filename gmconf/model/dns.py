"""What the site publishes in DNS, and who keeps its zones."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, StringConstraints, model_validator

from gmconf.model.base import Part
from gmconf.model.names import Addresses, DomainName, Duration, Line
from gmconf.model.networks import Ip
from gmconf.model.operation import Contact

DmarcPolicy = Literal["none", "quarantine", "reject"]
Capability = Literal["dnssec", "tlsa", "caa", "srv", "long-txt", "wildcard", "null-mx"]
CAPABILITIES: tuple[Capability, ...] = get_args(Capability)
RecordType = Literal[
    "A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NS", "PTR", "SRV", "SSHFP", "SVCB", "TLSA", "TXT"
]
RecordName = Annotated[
    str,
    StringConstraints(
        pattern=r"^(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", max_length=253
    ),
]
AccountUri = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9._~:/?#@!$&()*+,=%-]+$", max_length=200)]


class Nameserver(Part):
    """An authoritative name server of the site's zones, as the world sees it (hidden primaries are none of these)."""

    name: DomainName
    addresses: tuple[Ip, ...] = ()
    """Needed only where its name lies in a zone of this site and it is no host of it."""


class Issuer(Part):
    """A CA that may issue certificates for the hosts (RFC 8659), if wanted for one account and by some ways only (RFC
    8657)."""

    name: DomainName
    """As the CA's documentation says, such as letsencrypt.org."""
    account_uri: AccountUri | None = None
    """The ACME account that alone may order."""
    validation_methods: tuple[Literal["http-01", "dns-01", "tls-alpn-01"], ...] = ()
    """Ways of proof the CA may accept; empty: all."""


class Dmarc(Part):
    """What receivers do with mail in our name that is neither signed nor sent by us (RFC 9989)."""

    policy: DmarcPolicy | None = None
    """Default by level: none, from bronze quarantine, from silver reject. A looser one has to be waived
    (auth.dmarc-...)."""
    subdomains: DmarcPolicy | None = None
    """For subdomains that are no domains of this site; default: the policy."""
    alignment: Literal["strict", "relaxed"] = "strict"
    """relaxed lets a subdomain's signature or envelope sender speak for the domain."""


class Provider(Part):
    """Who keeps the zones."""

    name: Line
    contact: Contact
    """How they are reached quickly."""
    capabilities: tuple[Capability, ...] = CAPABILITIES
    """What they can publish; default: everything. What they cannot is left out, and a level that asks for it is
    refused."""


class Other(Part):
    """A record of the site's zones that has nothing to do with its mail: a web site, a proof of ownership, a
    delegation."""

    name: RecordName
    """Fully qualified, without the final dot; ``*`` and underscores may stand in it."""
    type: RecordType
    value: Line
    """As a zone file has it (RFC 1035 section 5.1), names with their final dot; of TXT the plain text."""

    @model_validator(mode="after")
    def value_is_of_type(self) -> Self:
        """What cannot be read as a record of this type is refused, and so are names without their final dot."""
        if self.type != "TXT":
            complaint = unreadable(self.type, self.value)
            if complaint:
                raise ValueError(complaint)
        elif not self.value.isascii():
            raise ValueError("TXT is ASCII here")
        return self


def unreadable(type_: str, value: str) -> str:
    """What is wrong with a record's value; empty when it can be read."""
    import dns.exception
    import dns.name
    import dns.rdata
    import dns.rdatatype

    try:
        dns.rdata.from_text("IN", type_, value, relativize=False).to_wire()
    except dns.name.NeedAbsoluteNameOrOrigin:
        return f"a name in {value!r} needs its final dot"
    except (dns.exception.DNSException, ValueError) as error:
        return f"{value!r} is no value of {type_}: {error or type(error).__name__}"
    return ""


class Dns(Part):
    """DNS of the site's domains and hosts."""

    nameservers: tuple[Nameserver, ...] = ()
    """With them ``gmconf dns`` writes whole zones (SOA, NS), without them parts to include."""
    zones: tuple[DomainName, ...] = ()
    """Further zone cuts: the zone that the hosts' names lie in, reverse zones, a domain that is a zone of its own below
    another."""
    ttl: Duration = 3600
    """Seconds that answers may be kept."""
    spf: Literal["strict", "learning"] = "strict"
    """strict: -all; learning: ~all, while it is not certain that all mail leaves through this site."""
    dmarc: Dmarc = Field(default_factory=Dmarc.model_construct)
    users_post_to_lists: bool = False
    """true: DMARC stays at quarantine from silver on, since lists break signatures (RFC 9989 section 7.4)."""
    reports: Addresses = ()
    """Get DMARC's aggregate reports: an address, or a list; default: organisation.postmaster."""
    tls_reports: Addresses = ()
    """Get reports about TLS (RFC 8460): an address, or a list; default: where DMARC's go. Their domains should not
    themselves enforce TLS."""
    caa: tuple[Issuer, ...] = ()
    """CAs of the hosts' certificates. Empty with tls.source internal-ca: no public CA may issue."""
    provider: Provider | None = None
    tlsa: bool | None = None
    """Publish TLSA (DANE) for the hosts; default: from silver on. Needs signed zones."""
    records: tuple[Other, ...] = ()
    """Records of the site's zones besides those of the mail service: ``gmconf dns`` prints them, name servers of the
    site serve them."""
    blocklists: tuple[DomainName, ...] = ()
    """DNS lists that ``gmconf dns check`` asks about every sending address; none is asked unless named here."""
