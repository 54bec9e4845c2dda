"""Hosts and what they do."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gmconf.model.base import Part
from gmconf.model.names import DomainName, Line, Size
from gmconf.model.networks import Ip
from gmconf.model.overrides import Overrides


class Role(StrEnum):
    """What a host does in the site. Every host also has a resolver, a firewall and its own time."""

    MTA = "mta"
    """Receives mail for the domains on port 25 and sends mail out."""
    MSA = "msa"
    """Takes mail from the site's users on ports 465 and 587."""
    STORE = "store"
    """Holds the mailboxes: MDA (LMTP) and MAA (IMAP, POP3, ManageSieve), and the logins of all users."""
    FILTER = "filter"
    """rspamd, ClamAV and Redis, for every mta and msa host."""
    CHAT = "chat"
    """Prosody (XMPP) for the users of all hosted domains; on the store, whose logins it uses. Optional."""
    NEWS = "news"
    """INN (NNTP) with local groups for the users; on the store, whose logins it uses. Optional."""
    WEB = "web"
    """nginx, which serves the MTA-STS policies of the domains. Optional."""
    NAMESERVER = "nameserver"
    """Knot, which signs the site's zones and answers for them; the first host with the role is the primary.
    Optional.
    """


LOGIN_ROLES = (Role.CHAT, Role.NEWS)
"""They use the logins of the store, on its host."""
OPTIONAL_ROLES = (*LOGIN_ROLES, Role.WEB, Role.NAMESERVER)
"""A mail service is whole without them."""


Port = Annotated[int, Field(ge=1, le=65535)]


class SendsFrom(Part):
    """Another of the host's own IPv4 addresses to send from,
    for as long as the first one suffers from a mended fault.
    """

    address: Ip
    fix_reference: Line
    """The ticket that shows that the cause was mended. Switching without mending is evasion."""


class Host(Part):
    """One Debian machine."""

    name: DomainName
    """Its name in DNS: greeting, HELO, certificate."""
    release: Literal["bookworm", "trixie"]
    """Debian 12 or Debian 13."""
    addresses: tuple[Ip, ...]
    """IPv4 and IPv6, as its own interfaces have them: services, the firewall and the other hosts use these."""
    public_addresses: tuple[Ip, ...] = ()
    """Where the world reaches it, if NAT one to one stands before it: what DNS, SPF and reverse names say. Those of a
    family stand for all of the host's own of that family; default: the host's own."""
    roles: tuple[Role, ...] = (Role.MTA, Role.MSA, Role.STORE, Role.FILTER)
    """Default: all that a mail service needs, on one host; chat, news, web and nameserver are added by name."""
    memory: Size = 4 * 1024**3
    """Bytes of RAM it has; the memory budget is checked against it."""
    cpus: int = Field(default=2, ge=1, le=1024)
    """Processors; sizes worker counts."""
    sends_from: SendsFrom | None = None
    """Default: whichever address the system chooses, normally the first."""
    ansible_host: (
        Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?$", max_length=253)] | None
    ) = None
    """Where Ansible connects to; default: the name."""
    ssh_port: Port | None = None
    """Port of its sshd; default: ``network.ssh_port``."""
    overrides: Overrides = Field(default_factory=Overrides.model_construct)
    """Raw lines for this host's daemons only; a key here replaces the one in the site's ``overrides``."""

    @property
    def outside(self) -> tuple[str, ...]:
        """The addresses that the world knows it by."""
        translated = {":" in address for address in self.public_addresses}
        return (*self.public_addresses, *(a for a in self.addresses if (":" in a) not in translated))
