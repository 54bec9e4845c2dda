"""The whole of site.yml."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gmconf.model.accounts import ServiceAccount, UserFile
from gmconf.model.acme import Acme
from gmconf.model.base import Part
from gmconf.model.dns import Dns
from gmconf.model.domains import Domain
from gmconf.model.filter import Filter
from gmconf.model.firewall import Network
from gmconf.model.hosts import Host, Role
from gmconf.model.levels import Level
from gmconf.model.names import Address, Count, Duration, Line, Size
from gmconf.model.networks import Peer
from gmconf.model.operation import Client, Policies, Procedures, Shown, Support, Waiver
from gmconf.model.overrides import Overrides, RawLine
from gmconf.model.talk import Chat, News
from gmconf.model.transport import Destination
from gmconf.model.web import Web

RelativePath = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$", max_length=200)]
TrustAnchor = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9.-]+ (?:\d+ )?IN (DS|DNSKEY) [0-9]+ [0-9]+ [0-9]+ [A-Za-z0-9+/= ]+$", max_length=2000
    ),
]


class Organisation(Part):
    """Who runs the service."""

    name: Line
    postmaster: Address
    """Gets mail to postmaster@ of every domain that names nobody else."""
    abuse: Address | None = None
    """Gets mail to abuse@ of every domain that names nobody else; default: the postmaster."""
    abuse_copy: bool = False
    """true: the operator gets a copy of mail to abuse@ of domains that name a contact of their own. It is their mail:
    off."""
    abuse_url: Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9._~:/-]+$", max_length=200)] | None = None
    """Web page that tells strangers how to report abuse; named in a header of every message sent."""


class Limits(Part):
    """Sizes, rates and waiting times."""

    message_size: Size = 30 * 1024**2
    """Bytes of one message, as transferred. The scanners' limits follow from it."""
    quota: Size = 2 * 1024**3
    """Bytes per mailbox where nothing else is said."""
    messages_per_hour: Count = 200
    """Recipients a login may send to in an hour."""
    recipients: int = Field(default=100, ge=100, le=1_000_000)
    """Recipients of one message (RFC 5321 section 4.5.3.1.8 asks for 100 at least)."""
    queue_life: Duration = 5 * 86400
    """Seconds until an undeliverable message is returned (RFC 5321 section 4.5.4.1: four to five days)."""


class Tls(Part):
    """Certificates of the hosts."""

    source: Literal["files", "internal-ca", "acme"] = "internal-ca"
    """files: you put <secrets.folder>/tls/HOST.crt (chain) and HOST.key.vault; internal-ca: ``gmconf keys`` makes a CA
    and certificates, for closed networks and laboratories; acme: hosts ask the CA at ``acme`` for a certificate of the
    key that ``gmconf keys`` made, and show one of the internal CA until they have it. A chat host also needs a
    certificate for each hosted mail domain (DOMAIN.crt, DOMAIN.key.vault), whose name users and other servers check."""
    acme: Acme | None = None
    trusted: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")], ...] = ()
    """Names of other CAs, <secrets.folder>/ca/NAME.crt (PEM), that the chat server believes besides those of the
    system: those of partners in a closed network."""
    inbound: Literal["may", "encrypt"] = "may"
    """encrypt refuses mail in clear on port 25, which RFC 3207 section 4 forbids to a public MX: for closed groups
    only."""
    enforce_mta_sts: bool = True
    """Mail waits where the receiver's MTA-STS policy (RFC 8461) cannot be kept. DANE, where there is,
    goes before it.
    """
    destinations: tuple[Destination, ...] = ()
    """Domains for which something else is agreed."""
    send_reports: bool = False
    """Reports about TLS to other domains (RFC 8460). Refused: no release of Debian has all it takes."""

    @property
    def own_ca(self) -> bool:
        """Whether the site has a CA of its own."""
        return self.source != "files"


class Resolver(Part):
    """The validating resolver on every host."""

    forwarders: tuple[Peer, ...] = ()
    """Ask these instead of the Internet's own servers; needed in a closed network."""
    trust_anchors: tuple[TrustAnchor, ...] = ()
    """DS or DNSKEY lines to trust instead of the Internet's root key, in a closed network."""


class Logs(Part):
    """The journal on every host."""

    retention: Duration = 30 * 86400
    """Seconds that log lines are kept."""
    size: Size = 1024**3
    """Bytes the journal may take."""


class Secrets(Part):
    """Everything secret lies in Ansible Vault files beside site.yml."""

    folder: RelativePath = "keys"
    """Relative to site.yml: dkim/, tls/, ca/, passwords.vault."""


class Pop3(Part):
    """POP3 over TLS (port 995)."""

    enabled: bool = False


class Site(Part):
    """A mail service: one file, in git."""

    organisation: Organisation
    level: Level | None = None
    """The GoodMessaging level this site means to hold: what it asks for must be there.
    Without it nothing is claimed.
    """
    domains: tuple[Domain, ...] = Field(min_length=1)
    hosts: tuple[Host, ...] = Field(min_length=1)
    service_accounts: tuple[ServiceAccount, ...] = ()
    """Printers, programs, websites that send mail."""
    users: tuple[UserFile, ...] = ()
    """Files with many mailboxes."""
    address_families: tuple[Literal["ipv4", "ipv6"], ...] = Field(default=("ipv4", "ipv6"), min_length=1)
    """What the site promises: every host must have an address of each."""
    tls: Tls = Field(default_factory=Tls.model_construct)
    filter: Filter = Field(default_factory=Filter.model_construct)
    limits: Limits = Field(default_factory=Limits.model_construct)
    pop3: Pop3 = Field(default_factory=Pop3.model_construct)
    resolver: Resolver = Field(default_factory=Resolver.model_construct)
    dns: Dns = Field(default_factory=Dns.model_construct)
    network: Network = Field(default_factory=Network.model_construct)
    logs: Logs = Field(default_factory=Logs.model_construct)
    secrets: Secrets = Field(default_factory=Secrets.model_construct)
    support: Support | None = None
    procedures: Procedures | None = None
    policies: Policies | None = None
    clients: tuple[Client, ...] = ()
    """Programs for users, also on the portable medium."""
    news: News | None = None
    chat: Chat | None = None
    web: Web | None = None
    evidence: dict[Annotated[str, StringConstraints(pattern=r"^[a-z]+\.[a-z0-9-]+$")], Shown] = {}
    """Control: where it is shown that it is held."""
    waivers: tuple[Waiver, ...] = ()
    overrides: Overrides = Field(default_factory=Overrides.model_construct)
    """Raw lines for every host whose daemons they concern; those of a role go before them, those of a host
    (``hosts[].overrides``) before both."""
    role_overrides: dict[Role, Overrides] = {}
    """Raw lines for the hosts of a role."""

    def waived(self, day: date) -> Mapping[str, Waiver]:
        """Waivers by control that count on a day. Nothing else compares their last days; code that must not look at a
        clock, as rendering, asks for ANY_DAY, on which every waiver counts."""
        return {waiver.control: waiver for waiver in self.waivers if day <= waiver.until}

    def overriding(self, host: Host, section: str) -> dict[str, tuple[str, str]]:
        """Raw lines for a daemon of a host, by key: the value, and the path of the field."""
        places = [
            ("overrides.", self.overrides),
            *(
                (f"role_overrides.{role}.", self.role_overrides[role])
                for role in host.roles
                if role in self.role_overrides
            ),
            (f"hosts[{self.hosts.index(host)}].overrides.", host.overrides),
        ]
        found = {
            key: (value, f"{place}{section}.{key}")
            for place, overrides in places
            for key, value in getattr(overrides, section).items()
        }
        return dict(sorted(found.items()))

    def overridden(self) -> Iterator[RawLine]:
        """Every raw line in the file: of all hosts, of roles, of single hosts."""
        owners = [
            ("overrides", "", self.overrides),
            *(
                (f"role_overrides.{role}", f"hosts with role {role}", self.role_overrides[role])
                for role in sorted(self.role_overrides)
            ),
            *((f"hosts[{number}].overrides", host.name, host.overrides) for number, host in enumerate(self.hosts)),
        ]
        for place, name, overrides in owners:
            for section, entries in overrides:
                for key, value in sorted(entries.items()):
                    yield RawLine(section, key, value, f"{place}.{section}", name)
