"""The fields of site.yml with types, defaults and examples, from the model and its docstrings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from gmconf.model import Site, names, networks
from gmconf.model.base import Part, docstrings
from gmconf.model.complaints import FORMS
from gmconf.model.firewall import Ports, SystemUser
from gmconf.model.hosts import Port
from gmconf.reference.links import code, control, spot, text

_WORDS: tuple[tuple[object, str, str], ...] = (
    (names.DomainName, "domain name", "example.org"),
    (names.LocalPart, "local part of an address", "info"),
    (names.AccountName, "local part of a mailbox", "alice"),
    (names.Address, "address", "alice@example.org"),
    (names.Addresses, "one address, or a list of them", "[alice@example.org]"),
    (names.OwnSender, "address, or @DOMAIN for all of a domain", '"@example.org"'),
    (names.Sender, "address, or @DOMAIN for all of a domain", '"@example.com"'),
    (names.Line, "text of one line", "some text"),
    (names.Text, "text of one line, may be empty", "some text"),
    (names.Score, "number", "4.5"),
    (names.Count, "whole number", "100"),
    (names.Size, "size, such as 500 MiB", "500 MiB"),
    (names.Duration, "duration, such as 12h or 5d", "5d"),
    (networks.Ip, "IP address", '"2001:db8:1::13"'),
    (networks.Peer, "IP address", "192.0.2.53"),
    (networks.Network, "network or IP address", "192.0.2.0/24"),
    (Port, "port", "2222"),
    (Ports, "port, or a range of ports", "9100-9199"),
    (SystemUser, "user of the system", "backup"),
    (str, "text", "some text"),
    (bool, "true or false", "true"),
    (int, "whole number", "100"),
    (float, "number", "99.5"),
    (date, "day, YYYY-MM-DD", "2027-03-31"),
)
_EXAMPLES = {
    "Dkim.selector": "s20261101",
    "Dkim.retired": "[gm1]",
    "OtherSender.include": "_spf.newsletter.example",
    "OtherSender.selectors": "[news1]",
    "Host.ansible_host": "192.0.2.13",
    "Overrides.postfix": '{smtpd_banner: "$myhostname ESMTP"}',
    "Overrides.dovecot": '{service imap-login/process_limit: "500"}',
    "Overrides.rspamd": '{options.dns_max_requests: "32"}',
    "Overrides.unbound": '{cache-max-ttl: "3600"}',
    "Overrides.clamd": '{MaxThreads: "4"}',
    "Tls.trusted": "[partner]",
    "Acme.authority": "partner",
    "Destination.match": "[mx.example.net]",
    "Block.sender": "spam@example.com",
    "Signatures.urls": '["https://signatures.example/own.ndb"]',
    "Resolver.trust_anchors": '["example.org. IN DS 12345 13 2 49FD46E6C4B45C55D4AC"]',
    "Issuer.account_uri": "https://acme.example/acct/1234",
    "Other.name": "www.example.org",
    "Network.time_servers": "[ntp.example.net]",
    "Secrets.folder": "keys",
    "Client.file": "clients/mail-program.deb",
    "Group.name": "example-org.announce",
    "Waiver.control": "dns.dnssec",
}
"""Of fields whose type alone tells none."""
_SUCH = re.compile(r"(.*?) (?:is|are) needed(?:[:,;].*?)?(?:,? such as:? (.+))?$")


class Row(NamedTuple):
    """One field of a part."""

    part: type[Part]
    name: str
    info: FieldInfo
    hint: Any
    about: str


class Place(NamedTuple):
    """A part, and where it stands: ``domains[].mailboxes[]``."""

    part: type[Part]
    paths: tuple[str, ...]


def places() -> tuple[Place, ...]:
    """Every part of the model in the order in which site.yml is read, with all places where it may stand."""
    found: dict[type[Part], list[str]] = {}

    def enter(part: type[Part], path: str) -> None:
        found.setdefault(part, []).append(path)
        for row in rows(part):
            for inner, end in _inner(row.hint):
                enter(inner, f"{path}.{row.name}{end}".removeprefix("."))

    enter(Site, "")
    return tuple(Place(part, tuple(paths)) for part, paths in found.items())


def rows(part: type[Part]) -> Iterator[Row]:
    """The fields of a part."""
    hints, about = get_type_hints(part, include_extras=True), dict(docstrings(part))
    for name, info in part.model_fields.items():
        yield Row(part, name, info, hints[name], about.get(name, ""))


def _inner(hint: Any) -> Iterator[tuple[type[Part], str]]:
    """Parts in a type, and how they are reached: [] of lists, .NAME of mappings."""
    if isinstance(hint, type) and not get_args(hint):
        if issubclass(hint, Part):
            yield hint, ""
        return
    if get_origin(hint) is Literal:
        return
    for arg in get_args(hint):
        end = {tuple: "[]", dict: ".NAME"}.get(get_origin(hint), "")
        for part, more in _inner(arg):
            yield part, f"{end}{more}"


def kind(hint: Any) -> tuple[str, str]:
    """A type in words, and an example of it as it is written in site.yml."""
    for known, words, example in _WORDS:
        if hint == known:
            return words, example
    args = [arg for arg in get_args(hint) if arg not in (type(None), Ellipsis)]
    origin = get_origin(hint)
    if isinstance(hint, type) and issubclass(hint, Part):
        return f"mapping, see [{hint.__name__}](#{spot('part', hint.__name__)})", ""
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _choice([str(entry.value) for entry in hint])
    if origin is Literal:
        return _choice([str(arg) for arg in args])
    if origin is Annotated:
        return _annotated(hint, args)
    if origin is tuple:
        words, example = kind(args[0])
        return f"list of: {words}", f"[{example}]" if example else ""
    if origin is dict:
        (key, of_key), (value, of_value) = kind(args[0]), kind(args[1])
        return f"mapping of {key} to {value}", f"{{{of_key}: {of_value}}}" if of_value else ""
    if args:  # one type, or nothing
        return kind(args[0])
    return hint.__name__, ""


def _choice(values: Sequence[str]) -> tuple[str, str]:
    return "one of " + ", ".join(code(value) for value in values), values[-1]


def _annotated(hint: Any, args: Sequence[Any]) -> tuple[str, str]:
    for more in hint.__metadata__:
        if isinstance(more, StringConstraints) and isinstance(more.pattern, str) and more.pattern in FORMS:
            found = _SUCH.match(FORMS[more.pattern])
            if found:
                return re.sub(r"^(an?|the) ", "", found.group(1)), found.group(2) or ""
    rest = hint.__metadata__[:-1]  # a narrower kind of a known one: what was added last is left away
    plain = Annotated[(args[0], *rest)] if rest else args[0]
    return kind(plain)


def example(row: Row) -> str:
    """An example of a field, as it is written in site.yml; empty for parts, which have a table of their own."""
    return _EXAMPLES.get(f"{row.part.__name__}.{row.name}", kind(row.hint)[1])


def default(row: Row) -> str:
    """A field's default as it would be written; where there is none, whether it must be given."""
    if row.info.is_required():
        return "**must be given**"
    value = row.info.get_default(call_default_factory=True)
    if isinstance(value, Part):
        return "its own defaults"
    if value in (None, (), {}):
        return "none"
    if isinstance(value, bool):
        return code(str(value).lower())
    if isinstance(value, tuple):
        return code("[" + ", ".join(map(str, value)) + "]")
    if isinstance(value, int) and kind(row.hint)[0].startswith(("size", "duration")):
        return code(_unit(value, kind(row.hint)[0].startswith("size")))
    return code(str(value))


def _unit(value: int, size: bool) -> str:
    units = (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)) if size else (("d", 86400), ("h", 3600), ("m", 60))
    for unit, each in units:
        if value % each == 0:
            return f"{value // each} {unit}" if size else f"{value // each}{unit}"
    return str(value) if size else f"{value}s"


def page(keys: Mapping[str, Sequence[str]], asked: Mapping[str, Sequence[str]]) -> str:
    """site.md; ``keys`` are links to rendered keys by field, ``asked`` controls by field that they ask for."""
    lines = [
        "# Fields of site.yml",
        "",
        "Each table is one part of the file, under the places where it may stand. `gmconf schema` prints the same",
        "as JSON schema, so that editors complete and check the file. Examples show the form only.",
        "",
    ]
    for place in places():
        name = place.part.__name__
        where = ", ".join(code(path) for path in place.paths) if place.part is not Site else "the whole file"
        lines += [
            f'## <a id="{spot("part", name)}"></a>{name}',
            "",
            text(place.part.__doc__ or ""),
            "",
            f"Stands at: {where}",
            "",
        ]
        lines += ["| field | type | default | example | meaning |", "|---|---|---|---|---|"]
        for row in rows(place.part):
            words, shown = kind(row.hint)[0], example(row)
            paths = [f"{path}.{row.name}".removeprefix(".") for path in place.paths]
            about = [text(row.about)] if row.about else []
            found = [link for path in paths for link in keys.get(path, ())]
            if found:
                about.append("Rendered as " + ", ".join(dict.fromkeys(found)) + ".")
            controls = [control(id_, "") for path in paths for id_ in asked.get(path, ())]
            if controls:
                about.append("Asked for by " + ", ".join(dict.fromkeys(controls)) + ".")
            shown = code(f"{row.name}: {shown}") if shown else ""
            cells = (f'<a id="{field_spot(row)}"></a>{code(row.name)}', words, default(row), shown, " ".join(about))
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def field_spot(row: Row) -> str:
    """The anchor of a field."""
    return spot("field", row.part.__name__, row.name)


def anchors() -> dict[str, str]:
    """path of a field, lists as ``[]``: its anchor in site.md."""
    return {
        f"{path}.{row.name}".removeprefix("."): field_spot(row)
        for place in places()
        for row in rows(place.part)
        for path in place.paths
    }
