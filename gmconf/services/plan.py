"""What a service asks of a host: packages, files, units, judges, probes. Data only; tree.py writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

from gmconf.derived.accounts import Directory
from gmconf.keys.rollover import NOTHING, Rollover
from gmconf.model import Host, Role, Site
from gmconf.settings import Reason, Settings, Value

Spell = Callable[[Value], str]
Source = str | tuple[str, ...]


@dataclass(frozen=True)
class View:
    """A site as one host sees it; the only thing a service's plan is made from."""

    site: Site
    host: Host
    mail: Directory
    why: Callable[[str], Reason]
    """Reason for a field of site.yml by its path ("limits.message_size"): where it stands,
    or that it is the default.
    """

    public: Mapping[str, str] = field(default_factory=dict)
    """Public files of the secrets folder by relative path ("tls/HOST.crt", "dkim/DOMAIN/SELECTOR.pub")."""

    rollover: Rollover = NOTHING
    """Which keys are published besides those in use."""

    def hosts(self, role: Role) -> tuple[Host, ...]:
        """All hosts of the site that have a role."""
        return self.mail.hosts[role]

    def overrides(self, section: str) -> list[tuple[str, str, Reason]]:
        """(key, value, reason) of the raw lines for a daemon here, by key."""
        return [(key, value, self.why(path)) for key, (value, path) in self.site.overriding(self.host, section).items()]

    def has(self, *roles: Role) -> bool:
        """Whether this host has one of these roles."""
        return any(role in self.host.roles for role in roles)


class Rows:
    """Lines of a table, each with the source that it comes from; made anew whenever somebody asks, kept by nobody.

    A source is an address (mailbox, alias, ``@domain`` for a catch-all), a path of the site (``domains[0]``), or a
    tuple of such; ``build/sources.py`` finds their places.
    """

    __slots__ = ("pairs",)

    def __init__(self, pairs: Callable[[], Iterable[tuple[str, Source]]]) -> None:
        self.pairs = pairs
        """Yields (line, source)."""

    def __call__(self) -> Iterator[str]:
        """Yield the lines alone, as ``File.lines`` does."""
        return (line for line, _ in self.pairs())


class File(NamedTuple):
    """A whole file on a host, owned by gmconf, printed by a template."""

    path: str
    service: str
    because: Reason
    template: str
    """Below templates/, e.g. "postfix/main.cf.j2"."""
    settings: Settings
    spell: Spell
    """The dialect of the file: without one nothing would quote what the template prints."""
    comment: str = "# "
    """How the language starts a comment line; the header is written with it ("" = no header)."""
    owner: str = "root"
    group: str = "root"
    mode: str = "0644"
    records: tuple[str, ...] = ()
    """Names and types of what may be published about its content: TLSA, the TXT of a DKIM key, MX and TXT of the
    domains of an MTA-STS policy. The roll-out is refused where DNS disagrees."""
    initial: bool = False
    """Delivered where it is missing; what lies there is the host's own and stays."""


class LineFile(NamedTuple):
    """A whole file of lines that code writes, and spells: tables, policies, programs. They have one reason."""

    path: str
    service: str
    because: Reason
    lines: Callable[[], Iterable[str]]
    """Yields lines without line feed; those of tables sorted."""
    shared: bool = False
    """Follows from the site alone: made once, and the same on every host that has the file."""
    comment: str = "# "
    """As that of ``File``."""
    owner: str = "root"
    group: str = "root"
    mode: str = "0644"
    records: tuple[str, ...] = ()
    """As those of ``File``."""
    initial: bool = False
    """As that of ``File``."""


class SecretFile(NamedTuple):
    """A file whose content is an Ansible Vault file beside the site (path relative to the secrets folder)."""

    path: str
    service: str
    because: Reason
    secret: str
    owner: str = "root"
    group: str = "root"
    mode: str = "0600"
    records: tuple[str, ...] = ()
    """As those of ``File``."""
    initial: bool = False
    """As that of ``File``."""


PlannedFile = File | LineFile | SecretFile


class Unit(NamedTuple):
    """A systemd unit to keep running; ``restart_paths`` are globs of files for which reload is not enough."""

    unit: str
    on_change: Literal["reload", "restart"] = "reload"
    restart_paths: tuple[str, ...] = ()
    enabled: bool = True
    watch: tuple[str, ...] = ()
    """Globs of files of other services whose change concerns this unit too (certificates)."""
    at_boot: bool = False
    """Started by nothing but the next boot: a roll-out only enables it."""


@dataclass(frozen=True)
class User:
    """A system user to create, or one that is there to be put into groups."""

    name: str
    groups: tuple[str, ...] = ()
    group: str | None = None
    home: str | None = None


@dataclass(frozen=True)
class Compile:
    """A file that a tool of the host makes of another."""

    source: str
    makes: str
    argv: tuple[str, ...]


@dataclass(frozen=True)
class Judge:
    """A tool of the host that reads the new configuration before the switch. It refuses by its exit code, or by a line
    that fits one of the patterns ``refuse``."""

    argv: tuple[str, ...]
    refuse: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, to be looked at before the switch: they belong together, are valid, hold the names."""

    certificate: str
    key: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Command:
    """Run when a file that a glob of ``when`` fits has changed. With ``entries`` it reads the names of changed lines
    (NAME:...), "*" where that cannot be told."""

    name: str
    argv: tuple[str, ...]
    when: tuple[str, ...]
    entries: bool = False


@dataclass(frozen=True)
class ExecProbe:
    """A command that has to end well, and print what fits the pattern ``expect``; ``within`` so many seconds."""

    kind: ClassVar[str] = "exec"
    name: str
    argv: tuple[str, ...]
    expect: str = ""
    within: int | None = None


@dataclass(frozen=True)
class UnixProbe:
    """A UNIX socket that has to take a connection, and answer what fits ``expect`` if there is one."""

    kind: ClassVar[str] = "unix"
    name: str
    path: str
    expect: str = ""
    within: int | None = None


@dataclass(frozen=True)
class TcpProbe:
    """A TCP port that has to answer what fits ``expect``, after ``send`` where the client speaks first."""

    kind: ClassVar[str] = "tcp"
    name: str
    address: str
    port: int
    expect: str
    send: str = ""
    tls: bool | None = None
    """Whether TLS begins at once; None: it does not, and the manifest does not say so."""
    within: int | None = None


Probe = ExecProbe | UnixProbe | TcpProbe


class Plan(NamedTuple):
    """One service on one host. Paths in argv written as {/path} mean the staged copy."""

    name: str
    packages: tuple[str, ...] = ()
    files: tuple[PlannedFile, ...] = ()
    users: tuple[User, ...] = ()
    directories: tuple[tuple[str, str, str, str], ...] = ()
    """(path, owner, group, mode)."""
    owned: tuple[str, ...] = ()
    """Directories in which only planned files may lie."""
    stage_prefixes: tuple[str, ...] = ()
    """Path prefixes rewritten when the staged tree is judged."""
    absent: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    """Places where an earlier gmconf kept files, in folders of daemons: removed with all in them once the new
    generation stands."""
    compile: tuple[Compile, ...] = ()
    validate: tuple[Judge, ...] = ()
    units: tuple[Unit, ...] = ()
    mask: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()
    probes: tuple[Probe, ...] = ()
    tls: tuple[Pair, ...] = ()
