"""Services of others that send mail in the name of a domain: newsletters, invoices, tickets."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, Field

from gmconf.model.base import Part
from gmconf.model.names import Line
from gmconf.model.networks import Network

WIDEST = {4: 16, 6: 32}
"""The shortest prefixes of networks that one service sends from: 65536 IPv4 addresses,
what one provider gets of IPv6.
"""
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"({_LABEL}\.)+[a-z0-9]([a-z0-9-]{{0,61}}[a-z0-9])?\Z")
_SELECTOR = re.compile(rf"{_LABEL}(\.{_LABEL})*\Z")


def spf_name(value: str) -> str:
    """The name of an SPF record, which may have underscores."""
    text = value.lower()
    if text.startswith("include:"):
        raise ValueError(f'the name alone is needed; write "{text.removeprefix("include:")}"')
    if text.endswith("."):
        raise ValueError(f'no dot at the end; write "{text.rstrip(".")}"')
    if len(text) > 253 or not _NAME.match(text) or text.rpartition(".")[2].isdigit():
        raise ValueError(
            "not the name of an SPF record, such as _spf.newsletter.example; addresses and networks stand in networks"
        )
    return text


def sending_network(value: str) -> str:
    """A network that one service sends from."""
    widest = WIDEST[ip_network(value).version]
    if ip_network(value).prefixlen < widest:
        raise ValueError(
            f"{value} would let strangers send in the name of the domain; /{widest} is the widest here, name the"
            " service's own networks"
        )
    return value


def selector(value: str) -> str:
    """A DKIM selector (RFC 6376 section 3.1): one or more labels."""
    text = value.lower()
    if "_domainkey" in text:
        raise ValueError(f'the selector alone is needed; write "{text.partition("._domainkey")[0]}"')
    if len(text) > 100 or not _SELECTOR.match(text):
        raise ValueError("not a DKIM selector: letters, digits, - and _ between single dots, 100 characters at most")
    return text


class OtherSender(Part):
    """A service outside this site that sends mail in the name of the domain. It must sign it, or send it as the domain
    in the envelope."""

    reason: Line
    """The service, and what it sends; the report shows it."""
    include: Annotated[str, AfterValidator(spf_name), Field(max_length=300)] | None = None
    """The SPF record that the service keeps for its customers; the domain's own includes it."""
    networks: tuple[Annotated[Network, AfterValidator(sending_network)], ...] = ()
    """Addresses and networks that the service sends from, where it keeps no such record."""
    selectors: tuple[Annotated[str, AfterValidator(selector), Field(max_length=300)], ...] = ()
    """Selectors of its DKIM keys below the domain. Their records (TXT, or CNAME into the service's zone) are the
    service's: ``gmconf dns check`` leaves them alone."""
