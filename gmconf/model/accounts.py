"""Who may log in: people's mailboxes, and accounts of printers and programs."""

from pydantic import Field

from gmconf.model.base import Part
from gmconf.model.names import AccountName, Address, Count, DomainName, Line, OwnSender, Size
from gmconf.model.networks import Network


class Mailbox(Part):
    """A mailbox; its login is the full address, its password lies in the vault (``gmconf passwd``)."""

    name: AccountName
    """The local part."""
    full_name: Line | None = None
    """The person's name, for documents only."""
    quota: Size | None = None
    """Bytes this mailbox may hold; default: the domain's, then limits.quota."""
    send: bool = True
    """false makes it receive-only: the login cannot submit mail."""
    receive: bool = True
    """false makes it send-only: mail to it is refused at RCPT."""
    senders: tuple[OwnSender, ...] = ()
    """Further addresses of this site that the login may use as sender; "@example.org" are all of that domain but those
    of other accounts."""
    forward: tuple[Address, ...] = ()
    """Addresses that get a copy of all mail for this mailbox."""
    keep: bool = True
    """false: forwarded mail is not kept in the mailbox as well."""
    suspended: Line | None = None
    """Why this account may not log in or send for now; its mail is still kept."""
    messages_per_hour: Count | None = None
    """Messages (recipients) the login may send an hour; default: limits.messages_per_hour."""


class ServiceAccount(Part):
    """An account of a printer, a program, a website: it can only send, and only as itself."""

    login: Address
    """What it logs in with."""
    owner: Line
    """Who answers for it."""
    senders: tuple[OwnSender, ...] = Field(min_length=1)
    """The addresses it may use; nothing else. "@example.org" are all of that domain but those of other accounts."""
    suspended: Line | None = None
    """Why it may not log in for now."""
    messages_per_hour: Count = 100
    """Recipients an hour."""
    networks: tuple[Network, ...] = ()
    """Where it may log in from; default: anywhere. For machines only: people travel."""


class UserFile(Part):
    """Many mailboxes in a file beside site.yml: CSV with a header line, or JSON lines.

    Columns are the fields of a mailbox: name, full_name, quota, send, receive, keep, messages_per_hour,
    forward and senders (several addresses separated by blanks).
    """

    file: Line
    """Path relative to site.yml."""
    domain: DomainName | None = None
    """The domain of all its mailboxes; without it each ``name`` is a full address."""
