"""Chat (XMPP) and news (NNTP) beside the mail."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from gmconf.model.base import Part
from gmconf.model.names import DomainName, Duration, Line, Size

_RESERVED_FIRST, _RESERVED = {"control", "example", "junk", "to"}, {"all", "ctl"}


def group_name(value: str) -> str:
    """A newsgroup's name (RFC 5536 section 3.1.4) that is none of the reserved ones."""
    parts = value.split(".")
    if len(parts) < 2 or parts[0] in _RESERVED_FIRST or _RESERVED & set(parts) or any(part.isdigit() for part in parts):
        raise ValueError(
            "a group is named with two or more parts, none reserved or of digits alone, such as example-org.general"
        )
    return value


GroupName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9+_-]{0,29}(\.[a-z0-9][a-z0-9+_-]{0,29}){0,8}$", max_length=120),
    AfterValidator(group_name),
]


class Group(Part):
    """A local newsgroup."""

    name: GroupName
    description: Line
    """What it is about; news programs show it."""


class News(Part):
    """News (NNTP) for users: an external server (host), or groups on the host of this site that has the role news."""

    host: DomainName | None = None
    """The external server."""
    port: int = Field(default=563, ge=1, le=65535)
    """The external server's port, with TLS from the first byte."""
    groups: tuple[Group, ...] = ()
    """Groups of the host with role news. They are local: nothing is fed to other servers or taken from them."""
    retention: Duration = 90 * 86400
    """Seconds that articles are kept; whole days."""
    article_size: Size = 1024**2
    """Bytes of one article."""


class Chat(Part):
    """Chat (XMPP) on the host of this site that has the role chat;
    addresses and passwords are those of the mailboxes.
    """

    retention: Duration = 7 * 86400
    """Seconds that messages are kept on the server for a user's other devices; whole days."""
    federation: bool = True
    """false: no connections from and to other servers; users of this site write to each other only."""
