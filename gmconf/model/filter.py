"""Spam and virus filtering."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gmconf.model.base import Part
from gmconf.model.names import DomainName, Duration, Line, Score, Sender
from gmconf.model.networks import Network

Url = Annotated[str, StringConstraints(pattern=r"^(https?|file)://[A-Za-z0-9._~:/\[\]@!&'()*+,;=%-]+$", max_length=500)]


class Dnsbl(Part):
    """A DNS list of bad clients, asked by rspamd about the address that connects."""

    zone: DomainName
    score: Score = 4.0
    """Added to the message's score when the address is listed."""


class Signatures(Part):
    """Where ClamAV's signatures come from."""

    mirrors: tuple[DomainName, ...] = ("database.clamav.net",)
    """Mirrors of the official database; empty in a closed network."""
    urls: tuple[Url, ...] = ()
    """Further databases (http, https, file): a private mirror, own signatures. Each has a file name of its own, with an
    ending that ClamAV knows; ``file:`` ones lie on every filter host, where user clamav can read them."""
    checks_per_day: int = Field(default=24, ge=1, le=50)


class Block(Part):
    """Somebody whose mail is refused: one of sender and client. Nothing is blocked for ever."""

    sender: Sender | None = None
    """An address, or a domain with all its addresses (not its subdomains)."""
    client: Network | None = None
    """An address or a network."""
    reason: Line
    """For our records; the other side is only told to write to postmaster@."""
    review_by: date
    """After this day the entry is a finding."""


class Filter(Part):
    """Thresholds are rspamd scores; a message is judged once, before it is accepted."""

    mark: Score = 6.0
    """From here mail is marked and filed into Junk."""
    reject: Score = 15.0
    """From here mail is refused in DATA."""
    outbound: Literal["reject", "hold"] = "reject"
    """What happens to users' spam: refused in the dialogue, or kept in the queue until a person has looked at it."""
    refused_files: tuple[Annotated[str, StringConstraints(pattern=r"^[a-z0-9]{1,10}$")], ...] = (
        "ade",
        "adp",
        "apk",
        "bat",
        "chm",
        "cmd",
        "com",
        "cpl",
        "exe",
        "hta",
        "img",
        "iso",
        "jar",
        "js",
        "jse",
        "lnk",
        "msi",
        "msp",
        "pif",
        "ps1",
        "reg",
        "scr",
        "vb",
        "vbe",
        "vbs",
        "vhd",
        "wsc",
        "wsf",
        "wsh",
    )
    """Endings of attached files that are refused, also inside archives: programs and scripts."""
    unread_files: Literal["refuse", "accept"] = "refuse"
    """Archives that ClamAV cannot look into (rar, zip with LZMA, volumes of a split archive ...), yEnc, parts of a
    message: refused or let in unscanned. Encrypted archives are always refused."""
    blocks: tuple[Block, ...] = ()
    greylist: Score | None = None
    """From here unknown senders are asked to come back; default: no greylisting."""
    dnsbls: tuple[Dnsbl, ...] = ()
    """DNS lists; empty: none is asked. Public lists have terms of use, so none is on by default."""
    network_checks: bool = False
    """true: rspamd's own on-line modules (fuzzy hashes, URL lists, phishing feeds),
    which ask servers on the Internet.
    """
    signatures: Signatures = Field(default_factory=Signatures.model_construct)
    dmarc_reports: bool | None = None
    """Tell other domains each day how mail in their name fared here, if they ask for it (RFC 9990); default: from
    silver on."""
    scan_timeout: Duration = 3
    """Seconds ClamAV may take for one try; other time-outs are derived from it."""
