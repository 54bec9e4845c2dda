"""Mail domains."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from gmconf.model.accounts import Mailbox
from gmconf.model.base import Part
from gmconf.model.names import Address, DomainName, LocalPart, Size
from gmconf.model.senders import OtherSender

_DATED = re.compile(r"\D*(\d{4})(\d{2})(\d{2})[a-z]?")


class Dkim(Part):
    """DKIM signing (RFC 6376) with one RSA-2048 and one Ed25519 key (RFC 8463)."""

    selector: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$")] = "gm1"
    """Base of the two selectors: <selector>-rsa and <selector>-ed25519. Never use one again after its key is retired.
    Once ``gmconf keys next`` has begun to change the keys, rollover.yml beside them says which one signs."""
    retired: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$")], ...] = ()
    """Bases of selectors that are used no more: their records must be gone."""
    since: date | None = None
    """The day from which that key signs, when neither its name tells (s20261101) nor rollover.yml; for
    auth.dkim-rotation."""

    @property
    def began(self) -> date | None:
        """The day from which the key signs, or the day in its name; None where nobody knows."""
        return self.since or day_in(self.selector)


def day_in(selector: str) -> date | None:
    """The day that a selector's base is named by: s20261101, or s20261101b for the second key of that day."""
    found = _DATED.fullmatch(selector)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


_USUAL = Dkim.model_construct()
"""Of most domains; frozen, so they share it."""


class ServerNames(Part):
    """Names for the site's servers that lie below a domain, with a certificate of their own (SNI, RFC 6066).

    Who connects to another name is shown the host's certificate. Needs certificates of the same source as ``tls`` has
    for hosts.
    """

    clients: DomainName | None = None
    """What users' programs connect to: submission, IMAP, POP3, ManageSieve; default: the hosts' names."""
    mx: DomainName | None = None
    """What MX names instead of the hosts with role mta; may be the same as ``clients``."""


class Domain(Part):
    """A domain this site receives mail for, or protects from being abused."""

    name: DomainName
    kind: Literal["hosted", "alias", "parked"] = "hosted"
    """hosted: has addresses of its own; alias: every address equals the one of alias_of; parked: neither sends nor
    receives."""
    alias_of: DomainName | None = None
    """For kind alias: the hosted domain whose addresses it mirrors."""
    mailboxes: tuple[Mailbox, ...] = ()
    """People; more of them may come from user files."""
    aliases: dict[LocalPart, tuple[Address, ...]] = Field(default_factory=dict)
    """Local part: where its mail goes. May lead outside the site (a forward)."""
    catch_all: Address | None = None
    """Gets mail to every address of the domain that is not named. Attracts spam; off unless set."""
    postmaster: tuple[Address, ...] = ()
    """Where mail to postmaster@ goes; default: organisation.postmaster."""
    abuse: tuple[Address, ...] = ()
    """Where mail to abuse@ goes; default: organisation.abuse."""
    quota: Size | None = None
    """Bytes per mailbox; default: limits.quota."""
    dkim: Dkim = Field(default_factory=lambda: _USUAL)
    server_names: ServerNames | None = None
    """The domain's own names for the servers; default: everybody sees the hosts' names."""
    senders: tuple[OtherSender, ...] = ()
    """Services of others that may send in the domain's name; its SPF record lets them. Default:
    only this site sends.
    """

    @property
    def own_mx(self) -> str | None:
        """The domain's own name for the MX."""
        return self.server_names.mx if self.server_names else None

    @property
    def own_clients(self) -> str | None:
        """The domain's own name for what programs connect to."""
        return self.server_names.clients if self.server_names else None

    @property
    def own_names(self) -> tuple[str, ...]:
        """The domain's own names for the servers, each once."""
        return tuple(dict.fromkeys(name for name in (self.own_clients, self.own_mx) if name))

    @field_validator("aliases", mode="before")
    @classmethod
    def _aliases_once(cls, value: object) -> object:
        """Local parts are the same in upper and lower case; of two the second would replace the first."""
        first: dict[str, str] = {}
        for key in value if isinstance(value, dict) else ():
            if first.setdefault(str(key).lower(), key) != key:
                raise ValueError(f"{first[key.lower()]} and {key} are one address; keep one")
        return value
