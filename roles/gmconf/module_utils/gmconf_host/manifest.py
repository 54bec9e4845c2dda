"""The manifest of a host as gmconf writes it (gmconf/build/manifest.py), and what is found out with it. Types only."""

from __future__ import annotations

from io import BufferedReader
from typing import Literal, NotRequired, Protocol, TypedDict


class Placed(TypedDict):
    """A place on the host, and whose it is; ``mode`` in octal digits."""

    path: str
    owner: str
    group: str
    mode: str


class Entry(Placed):
    """A whole file. ``source`` or ``secret`` is where the controller finds its content; ``sha256`` of secrets is the
    controller's to fill in."""

    service: str
    sha256: str
    source: NotRequired[str]
    secret: NotRequired[str]
    records: NotRequired[list[str]]
    initial: NotRequired[bool]


class User(TypedDict):
    """A system user to make, or one that is there to be put into groups."""

    name: str
    groups: list[str]
    group: NotRequired[str]
    home: NotRequired[str]


class Compile(TypedDict):
    """A file that a tool of the host makes of another."""

    source: str
    makes: str
    argv: list[str]


class Judge(TypedDict):
    """A tool of the host that reads the new configuration; a line that fits ``refuse`` is a refusal too."""

    name: str
    argv: list[str]
    refuse: NotRequired[list[str]]


class Pair(TypedDict):
    """A certificate, its key, and the names it must have."""

    certificate: str
    key: str
    names: list[str]


class Service(TypedDict):
    """A systemd unit; paths are globs."""

    unit: str
    name: str
    enabled: bool
    on_change: Literal["reload", "restart"]
    restart_paths: list[str]
    watch: list[str]
    at_boot: bool


class Command(TypedDict):
    """What runs when a file that ``when`` fits has changed; with ``entries`` it reads the names of changed lines."""

    name: str
    argv: list[str]
    when: list[str]
    entries: NotRequired[bool]


class _Probe(TypedDict):
    name: str
    units: NotRequired[list[str]]
    expect: NotRequired[str]
    within: NotRequired[int]


class ExecProbe(_Probe):
    """A command, and what it prints."""

    kind: Literal["exec"]
    argv: list[str]


class UnixProbe(_Probe):
    """A socket in the file system."""

    kind: Literal["unix"]
    path: str
    send: NotRequired[str]


class TcpProbe(_Probe):
    """A port, at once or after ``send`` with TLS."""

    kind: Literal["tcp"]
    address: str
    port: int
    send: NotRequired[str]
    tls: NotRequired[bool]


Probe = ExecProbe | UnixProbe | TcpProbe


class Manifest(TypedDict):
    """All that a host has to be. ``retired`` are places of an earlier gmconf."""

    format: int
    host: str
    release: str
    packages: list[str]
    users: list[User]
    directories: list[Placed]
    files: list[Entry]
    owned: list[str]
    stage_prefixes: list[str]
    absent: list[str]
    retired: list[str]
    compile: list[Compile]
    validate: list[Judge]
    tls: list[Pair]
    services: list[Service]
    mask: list[str]
    commands: list[Command]
    probes: list[Probe]


class Differs(TypedDict):
    """What a host differs in, by kind; ``interrupted``: an earlier roll-out ended half way."""

    missing_packages: list[str]
    files: list[str]
    removed: list[str]
    retired: list[str]
    directories: list[str]
    compiled: list[str]
    users: list[str]
    units: list[str]
    interrupted: bool


class Found(Differs):
    """The same; ``need`` are the digests that the host lacks, ``published`` the answers of DNS."""

    changed: bool
    need: list[str]
    published: dict[str, list[str]]


class Diff(TypedDict):
    """One file for --diff."""

    prepared: str


class Done(TypedDict):
    """How a roll-out ended; ``confirm``: seconds within which the controller has to come again."""

    changed: bool
    diff: NotRequired[list[Diff]]
    files: NotRequired[list[str]]
    removed: NotRequired[list[str]]
    confirm: NotRequired[int]


class Readable(Protocol):
    """The host's files, or those of the new tree."""

    def open(self, path: str) -> BufferedReader:
        """A file for reading."""

    def is_closed(self, path: str) -> bool:
        """Whether nobody but root can change what lies in a folder."""
