"""One run: which hosts, whom to trust, the probe account, and the bounds that keep it harmless."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gmconf.derived.accounts import Account
from gmconf.errors import GmconfError
from gmconf.model import Domain, Host, Role
from gmconf.site.load import Loaded

if TYPE_CHECKING:
    from gmconf.dns.live import Survey

MANY = 50
"""Domains of which each is asked; larger sites are sampled, evenly."""
NEEDED = 20
"""Messages an hour the probe account must be allowed: a run sends fewer to each host."""
HEADER = "X-Gmconf-Verify"
"""Marks every test message."""


@dataclass(frozen=True, slots=True)
class Login:
    """The probe account. Its password is shown nowhere."""

    address: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds for one dialogue and for the whole run, sessions at once to one host."""

    dialogue: float = 15
    whole: float = 55
    more: float = 5
    """Seconds for each further host."""
    sessions: int = 6

    def total(self, hosts: int) -> float:
        """Seconds after which a run of so many hosts is over, whatever is still missing."""
        return self.whole + self.more * max(0, hosts - 1)


@dataclass(frozen=True, slots=True)
class Ssh:
    """How hosts are reached from inside; None in Run means not at all."""

    options: tuple[str, ...] = ()
    user: str = "root"


@dataclass
class Run:
    """What all probes of a run share."""

    loaded: Loaded
    mark: str
    """Stands in every test message."""
    names: tuple[str, ...] = ()
    """Hosts to look at; none: all."""
    login: Login | None = None
    bounds: Bounds = Bounds()
    ssh: Ssh | None = None
    resolver: str | None = None
    """The name server to ask, IP or IP:PORT; default: the system's."""
    _dns: Survey | str | None = None
    """What was found, or why nothing was."""
    _asking: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def hosts(self) -> tuple[At, ...]:
        """The hosts looked at, in the order of the site."""
        return tuple(At(self, h) for h in self.loaded.site.hosts if not self.names or h.name in self.names)

    @cached_property
    def domains(self) -> tuple[Domain, ...]:
        """The domains looked at; at most MANY, evenly taken."""
        return sample(self.loaded.site.domains)

    def dns(self) -> Survey:
        """Live DNS against what the site publishes, asked once for all probes. Raises OSError when nobody answers."""
        with self._asking:
            if self._dns is None:
                # A resolver that is away is waited for once, not by every probe.
                try:
                    self._dns = self._survey()
                except GmconfError as error:
                    self._dns = str(error)
            if isinstance(self._dns, str):
                raise OSError(self._dns)
            return self._dns

    def ask(self, name: str, type_: str) -> tuple[str, ...]:
        """Data of the records under a name, as zone files have it; none where there are none. Raises OSError when
        nobody says."""
        import asyncio

        from gmconf.dns.live.ask import Asker, parse_server, system_resolver

        answer = asyncio.run(
            Asker(parse_server(self.resolver) if self.resolver else system_resolver()).ask(name, type_)
        )
        if answer.status == "failed":
            raise OSError(f"DNS, {name} {type_}: {answer.note}")
        return answer.values

    def _survey(self) -> Survey:
        from gmconf.dns import contract
        from gmconf.dns.live import survey
        from gmconf.dns.live.ask import parse_server, system_resolver

        wanted = contract(self.loaded)
        zones = {
            wanted.zones.of(name) for name in (*(d.name for d in self.domains), *(at.host.name for at in self.hosts))
        }
        zones |= {wanted.zones.reverse(address)[0] for at in self.hosts for address in at.host.outside}
        # What allows reports about a domain lies in the zone of whoever gets them.
        zones |= {*wanted.report_zones.values()} & wanted.all
        server = parse_server(self.resolver) if self.resolver else system_resolver()
        return survey(
            self.loaded, server, datetime.now(UTC).date(), zones=zones, domains=[d.name for d in self.domains]
        )

    @cached_property
    def tree(self) -> dict[str, bytes]:
        """What the site renders now."""
        from gmconf.build.tree import build

        return build(self.loaded).files

    def manifest(self, host: Host) -> dict[str, Any]:
        """What the role would be told of a host."""
        found: dict[str, Any] = json.loads(self.tree[f"hosts/{host.name}/manifest.json"])
        return found

    def rendered(self, host: Host, path: str) -> str | None:
        """The text of a host's file as it renders now; None where it has no such file, or one that is secret."""
        found = self.tree.get(f"hosts/{host.name}/tree{path}")
        return None if found is None else found.decode("utf-8", "replace")

    def trust(self) -> ssl.SSLContext:
        """Checks certificate and name: against the site's own CA, else the system's."""
        return trust(self.loaded)

    def first(self, role: str) -> At:
        """The first host of the site that has a role."""
        for host in self.loaded.site.hosts:
            if role in host.roles:
                return next((at for at in self.hosts if at.host is host), None) or At(self, host)
        raise GmconfError(f"no host has the role {role}")


@dataclass
class At:
    """One host in a run."""

    run: Run
    host: Host
    inside: dict[str, Any] | OSError | None = None
    """What it said of itself over ssh, once it was asked."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Whoever asks it from inside first does so for all."""
    silence: str | None = None
    """What was tried in vain, once somebody tried; empty when it answers."""
    lock_silence: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._gate = threading.BoundedSemaphore(self.run.bounds.sessions)

    def has(self, *roles: str) -> bool:
        """Whether the host has one of these roles."""
        return any(role in self.host.roles for role in roles)

    @property
    def address(self) -> str:
        """Where dialogues are held; whether the others answer too is a probe of its own."""
        return self.host.outside[0]

    @property
    def pop3(self) -> bool:
        """Whether POP3 is offered here."""
        return self.has(Role.STORE) and self.run.loaded.site.pop3.enabled

    @contextmanager
    def session(self) -> Iterator[float]:
        """One of the few sessions at once; yields the moment by which its dialogue must be over."""
        with self._gate:
            yield time.monotonic() + self.run.bounds.dialogue


def trust(loaded: Loaded) -> ssl.SSLContext:
    """Checks certificate and name against the CA that systems do not know and the site's programs do, if it has one,
    else the system's.

    Where certificates come by ACME, one of the site's own CA only stands in for them and does not count.
    """
    tls = loaded.site.tls
    name = tls.acme.authority if tls.acme else "ca"
    return ssl.create_default_context(cadata=loaded.public.get(f"ca/{name}.crt"))


def sample(found: tuple[Domain, ...]) -> tuple[Domain, ...]:
    """At most MANY, evenly taken, so that a run on a large site stays short."""
    step = -(-len(found) // MANY) or 1
    return found[::step]


def account(loaded: Loaded, address: str) -> Account:
    """The probe account. Raises GmconfError when it is not one that tests can be sent to and from without harm."""
    found = next((a for a in loaded.mail.mailboxes if a.login == address.lower()), None)
    why = ""
    if found is None:
        why = "is no mailbox of this site"
    elif found.suspended or not (found.send and found.receive):
        why = "must be able to send and to receive"
    elif found.forward:
        why = "forwards its mail, so test messages would leave the site"
    elif found.messages_per_hour < NEEDED:
        why = f"may send {found.messages_per_hour} messages an hour; a run needs up to {NEEDED}"
    if found is None or why:
        raise GmconfError(f"--login {address}: {address} {why}; name a mailbox that is kept for tests")
    return found
