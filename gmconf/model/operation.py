"""Support, duties, promises and proof: what the operator's documents are made of."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from gmconf.model.base import Part
from gmconf.model.names import Address, Count, Duration, Line

Phone = Annotated[str, StringConstraints(pattern=r"^\+[0-9][0-9 ()-]{4,30}$")]
WebPage = Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9._~:/?=&%+-]+$", max_length=300)]


class Contact(Part):
    """Somebody who can be reached."""

    name: Line
    phone: Phone | None = None
    email: Address | None = None
    hours: Line | None = None
    """When; default: always."""


class Tickets(Part):
    """How a question is kept track of: in a system, or by the one person who took it."""

    system: Line | None = None
    """Its name."""
    url: WebPage | None = None
    single_owner: bool = False
    """true: no system; whoever took a question keeps it until it is answered."""


class Support(Part):
    """Help for users."""

    hours: Line
    """When somebody answers."""
    email: Address
    url: WebPage | None = None
    phone: Phone | None = None
    """For paying users; bronze asks for it."""
    max_hold_minutes: int | None = Field(default=None, ge=0, le=1_000_000)
    """Minutes a caller waits at most; bronze asks for 15 or less."""
    escalation: tuple[Contact, ...] = ()
    """Tiers, first to last; bronze asks for two."""
    tickets: Tickets | None = None
    media: Line | None = None
    """How a user gets the portable medium with programs and settings, and what it costs."""


class Trained(Part):
    """Somebody who was trained for the postmaster's duty."""

    name: Line
    day: date


class Registration(Part):
    """Where others look for our contact: RDAP, abuse.net, a CERT, a feedback loop."""

    at: Line
    reviewed: date


class Procedures(Part):
    """Who does what, and how soon."""

    abuse_answer: Duration | None = None
    """Seconds until a complaint about abuse has been answered by a person: basic a week, bronze two days,
    silver one.
    """
    postmaster_check: Duration = 86400
    """Seconds between two looks into postmaster@."""
    update_days: int = Field(default=7, ge=1, le=7)
    """Days until a security update is installed at the latest."""
    duty: tuple[Contact, ...] = ()
    """The roster of the postmaster's duty, in turn."""
    trained: tuple[Trained, ...] = ()
    incident_contacts: tuple[Contact, ...] = ()
    """CERT, provider, vendor."""
    registrations: tuple[Registration, ...] = ()


class Sla(Part):
    """Numbers that are promised."""

    availability: float = Field(ge=90, le=100, allow_inf_nan=False)
    """Percent of a month in which mail can be sent, received and read."""
    delivery: Duration
    """Nine of ten messages between our users arrive within."""
    restore: Duration
    """A lost mailbox is back within."""
    maintenance: Line
    """When work that interrupts is done, and how early it is announced."""


class Policies(Part):
    """What customers agree to."""

    bulk: bool = False
    """true: the site sends bulk mail or runs lists, and list.one-click applies."""
    bulk_threshold: Count
    """Messages a day from which on mail counts as marketing."""
    bulk_contact: Address | None = None
    """Who helps customers that want to send more."""
    complaint_law: Line | None = None
    """Place of jurisdiction or law, if the policy is to name one."""
    security_contact: Address | None = None
    """For finders of security holes (security.txt)."""
    security_expires: date | None = None
    """Expires of security.txt; within a year of its publication."""
    sla: Sla | None = None


class Client(Part):
    """A program that users are offered."""

    kind: Literal["mail", "news", "chat"]
    name: Line
    version: Line
    licence: Line
    url: WebPage
    """Where it is fetched from."""
    file: (
        Annotated[
            str,
            StringConstraints(
                pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$", max_length=200
            ),
        ]
        | None
    ) = None
    """Installer beside site.yml that goes onto the portable medium."""


def _said(value: str) -> str:
    """Refuse words that stand for nothing."""
    if not re.sub(r"[\W_]+", "", value) or _NOTHING.fullmatch(value.strip(" .-?!<>()[]")):
        raise ValueError(
            f'"{value}" shows nothing; name the document, page or ticket (or the person), or remove the entry and waive'
            " the control"
        )
    return value


_NOTHING = re.compile(
    r"(?:none|no|nil|null|nothing|nowhere|n/?a|not (?:yet|applicable|available|there)|tb[ads]|to ?do|to be"
    r" (?:done|defined|decided|written)|fix ?me|x{1,9}|later|"
    r"unknown|missing|empty|pending|placeholder|dummy|test|example|somewhere|someone|somebody|nobody|soon|https?|(?:https?|file)://)",
    re.IGNORECASE,
)
Telling = Annotated[Line, AfterValidator(_said)]
"""A line that says something."""


class Shown(Part):
    """Proof of what no program can see."""

    where: Telling
    """The document, page or ticket that shows it; words such as "none" or "later" are refused."""
    by: Telling
    """Who answers for it."""
    day: date
    """When it was last looked at."""


ANY_DAY = date.min
"""Today, for those who must not look at a clock."""


class Waiver(Part):
    """A control that is knowingly not held, for a time."""

    control: Annotated[str, StringConstraints(pattern=r"^[a-z]+\.[a-z0-9-]+$")]
    reason: Line
    owner: Line
    until: date
    """Last day; after it the waiver is an error."""
