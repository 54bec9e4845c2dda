"""Where every DKIM and TLS key stands on its way from its making to its end: ``<secrets>/rollover.yml``, written by
``gmconf keys next``.

Rendering and DNS read this file and never the clock. Without it every key of the site is the active one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationError

from gmconf.errors import Mark, Problem, SiteError
from gmconf.keys.names import mx_of_domains
from gmconf.model import Domain, Site
from gmconf.model.base import Part
from gmconf.model.complaints import sentence
from gmconf.model.document import Document, parse_path, read_text, spell_path
from gmconf.model.names import DomainName

FILE = "rollover.yml"
FIRST = "first"
"""The TLS key that a host had before its first rollover; its files are named by the host alone."""
HEAD = "# Where every key stands. Written by gmconf keys next, do not edit; commit it with the key files.\n"
KEY_DAYS = 184
"""A DKIM key signs six months at most (BSI TR-03182-03-M)."""
_SHAPE = "%Y-%m-%dT%H:%M:%SZ"


def _instant(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return datetime.strptime(value, _SHAPE).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("a time in UTC is needed, such as 2026-11-25T10:00:00Z") from None


def _whole(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time in UTC is needed")
    return value.astimezone(UTC).replace(microsecond=0)


Instant = Annotated[datetime, BeforeValidator(_instant), AfterValidator(_whole)]
State = Literal["next", "active", "retiring", "retired"]
"""next: made, to be published; active: signs or is shown; retiring: used no more, still published; retired: must not be
published."""


class Key(Part):
    """One key and its state. For DKIM the name is the base of both selectors, RSA and Ed25519, which roll together."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$")]
    state: State
    since: Instant | None = None
    """When the state began; nobody knows it of the key that was active before the first rollover."""
    seen: Instant | None = None
    """next: since when all name servers show its record."""
    ttl: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None
    """Seconds that resolvers may keep an older answer: the record's TTL or the zone's negative one, whichever is
    larger."""
    rolled_out: Instant | None = None
    """retiring: since when no host uses it, as the operator says."""


class Rollover(Part):
    """The keys of domains (DKIM) and hosts (TLS; so are the names that domains have for their MX) that have been rolled
    over or are about to be, the oldest first."""

    domains: dict[DomainName, tuple[Key, ...]] = {}
    hosts: dict[DomainName, tuple[Key, ...]] = {}

    def published(self, domain: str) -> list[str]:
        """Bases of selectors that are published beside the active one."""
        return [k.name for k in self.domains.get(domain, ()) if k.state in ("next", "retiring")]

    def place(self, name: str) -> str:
        """Where a file of the secrets folder really lies: those of a host's active key carry the key's name."""
        return self._places.get(name, name)

    @cached_property
    def _places(self) -> dict[str, str]:
        return {
            f"tls/{host}.{ending}": f"{stem(host, key.name)}.{ending}"
            for host, keys in self.hosts.items()
            for key in keys
            if key.state == "active"
            for ending in ("crt", "key.vault")
        }

    def public_files(self, site: Site) -> Iterator[tuple[str, str, tuple[str, str, int]]]:
        """(name it is known by, file, path in rollover.yml) of further public halves, all of them needed."""
        for domain in sorted({d.name for d in site.domains if d.kind != "parked"} & self.domains.keys()):
            for number, key in enumerate(self.domains[domain]):
                if key.state in ("next", "retiring"):
                    for kind in ("rsa", "ed25519"):
                        name = f"dkim/{domain}/{key.name}-{kind}.pub"
                        yield name, name, ("domains", domain, number)
        for host in sorted(
            {*(h.name for h in site.hosts), *(name for name, _ in mx_of_domains(site))} & self.hosts.keys()
        ):
            for number, key in enumerate(self.hosts[host]):
                if key.state in ("next", "retiring"):
                    known = "next" if key.state == "next" else "previous"
                    yield f"tls/{host}.{known}.pub", public_file(host, key.name), ("hosts", host, number)


def stem(host: str, name: str) -> str:
    """The path of a TLS key's files without their ending."""
    return f"tls/{host}" if name == FIRST else f"tls/{host}.{name}"


def public_file(host: str, name: str) -> str:
    """The public half (PEM) of a TLS key that is not the active one."""
    return f"tls/{host}.{name}.pub"


NOTHING = Rollover.model_construct(domains={}, hosts={})


class Read(NamedTuple):
    """What the file says, and where."""

    rollover: Rollover
    document: Document | None = None

    def mark(self, path: tuple[str | int, ...]) -> Mark:
        """Where a path of the file stands."""
        return self.document.mark(path) if self.document else Mark(FILE)


def read(folder: Path, shown: str) -> Read:
    """The file of a secrets folder; ``shown`` is its name in messages. Raises SiteError when it cannot be used."""
    path = folder / FILE
    if not path.exists():
        return Read(NOTHING)
    document = Document(shown, read_text(path, shown))
    if not isinstance(document.data, dict):
        raise SiteError([Problem(document.mark(()), "", "a mapping is needed: domains, hosts")])
    try:
        found = Rollover.model_validate(document.data)
    except ValidationError as error:
        problems = []
        for wrong in error.errors(include_url=False):
            loc = tuple(p for p in wrong["loc"] if p != "[key]")
            extra = wrong["type"] == "extra_forbidden"
            text = "unknown key; remove it" if extra else sentence(wrong)
            problems.append(Problem(document.mark(loc, key=extra), spell_path(loc), text))
        raise SiteError(problems) from None
    problems = [Problem(document.mark(loc), spell_path(loc), text) for loc, text in _broken(found)]
    if problems:
        raise SiteError(problems)
    return Read(found, document)


def _broken(found: Rollover) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What must hold between the states of one domain or host."""
    for group, subjects in (("domains", found.domains), ("hosts", found.hosts)):
        for subject, keys in subjects.items():
            states = [k.state for k in keys]
            if states.count("active") != 1:
                yield (group, subject), f"exactly one key is active; here {states.count('active')} are"
            if states.count("next") > 1:
                yield (group, subject), "one key at most is next"
            if group == "hosts" and states.count("retiring") > 1:
                yield (group, subject), "one key at most is retiring"
            for number, key in enumerate(keys):
                path = (group, subject, number)
                if key.name in [k.name for k in keys[:number]]:
                    yield (*path, "name"), f"{key.name} stands here twice; a name is never used again"
                if key.since is None and key.state != "active":
                    yield path, f"since is missing; a key that is {key.state} has been so since some time"
                if key.seen and key.state != "next":
                    yield (*path, "seen"), "only of a key that is next"
                if key.rolled_out and key.state != "retiring":
                    yield (*path, "rolled_out"), "only of a key that is retiring"
                if key.seen and key.ttl is None:
                    yield path, "seen needs ttl beside it"
                for later in (key.seen, key.rolled_out):
                    if key.since and later and later < key.since:
                        yield path, "something that happened before the state began"


def apply(site: Site, found: Rollover) -> Site:
    """The site with the selectors that the file says: its active key in place of the one in site.yml, retired ones
    added."""
    if not any(d.name in found.domains and d.kind != "parked" for d in site.domains):
        return site
    return site.model_copy(update={"domains": tuple(_applied(d, found) for d in site.domains)})


def _applied(domain: Domain, found: Rollover) -> Domain:
    keys = found.domains.get(domain.name)
    if not keys or domain.kind == "parked":
        return domain
    (active,) = (k for k in keys if k.state == "active")
    since = active.since.date() if active.since else domain.dkim.since if active.name == domain.dkim.selector else None
    retired = dict.fromkeys([*domain.dkim.retired, *(k.name for k in keys if k.state == "retired")])
    return domain.model_copy(
        update={
            "dkim": domain.dkim.model_copy(update={"selector": active.name, "retired": tuple(retired), "since": since})
        }
    )


def aged(site: Site, made: Mapping[str, date]) -> Site:
    """The site with the days on which its DKIM keys were made (by the name of the public half), where nothing else says
    how old they are."""
    found = [
        made.get(f"dkim/{d.name}/{d.dkim.selector}-rsa.pub") if d.dkim.began is None else None for d in site.domains
    ]
    if not any(found):
        return site
    known = (
        d.model_copy(update={"dkim": d.dkim.model_copy(update={"since": day})}) if day else d
        for d, day in zip(site.domains, found, strict=True)
    )
    return site.model_copy(update={"domains": tuple(known)})


def disagreements(site: Site, found: Rollover, document: Document) -> Iterator[Problem]:
    """Where site.yml (not applied) and the file contradict each other."""
    for number, domain in enumerate(site.domains):
        keys = found.domains.get(domain.name)
        if not keys or domain.kind == "parked":
            continue
        states = {k.name: k.state for k in keys}
        if domain.dkim.selector not in states:
            path = f"domains[{number}].dkim.selector"
            text = (
                f"{domain.dkim.selector} is no key that {FILE} knows of {domain.name}; remove selector here, gmconf"
                " keys next changes it"
            )
            yield Problem(document.mark(parse_path(path)), path, text)
        for name in domain.dkim.retired:
            if states.get(name, "retired") != "retired":
                path = f"domains[{number}].dkim.retired"
                yield Problem(
                    document.mark(parse_path(path)),
                    path,
                    f"{name} is {states[name]} in {FILE}; remove it here, gmconf keys next retires it",
                )


def spell(found: Rollover) -> str:
    """The file's text: the same state gives the same bytes."""
    lines = [HEAD.rstrip("\n"), "---"]
    groups: tuple[tuple[str, Mapping[str, tuple[Key, ...]]], ...] = (("domains", found.domains), ("hosts", found.hosts))
    for group, subjects in groups:
        lines.append(f"{group}:" if subjects else f"{group}: {{}}")
        for subject in sorted(subjects):
            lines.append(f'  "{subject}":')
            for key in subjects[subject]:
                pairs = [f'name: "{key.name}"', f"state: {key.state}"]
                pairs += [
                    f'{field}: "{instant(value)}"'
                    for field in ("since", "seen", "rolled_out")
                    if (value := getattr(key, field))
                ]
                pairs += [f"ttl: {key.ttl}"] if key.ttl is not None else []
                lines.append(f"    - {{{', '.join(pairs)}}}")
    return "\n".join(lines) + "\n"


def instant(value: datetime) -> str:
    """A time as the file has it."""
    return value.astimezone(UTC).strftime(_SHAPE)
