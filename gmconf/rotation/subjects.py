"""Whose keys there are: domains that send (DKIM), hosts and names of MX that TLSA is published for (TLS); how old each
is, and when it is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from gmconf.derived import policies as published
from gmconf.errors import GmconfError
from gmconf.keys.names import DKIM_KINDS, mx_of_domains
from gmconf.keys.rollover import FIRST, KEY_DAYS, Key, Rollover
from gmconf.model import Role
from gmconf.site.load import Loaded

CONTROL = "auth.dkim-rotation"
LONGEST, EARLY = timedelta(days=KEY_DAYS), timedelta(days=30)
"""A key signs six months at most (BSI TR-03182-03-M); its successor is due this much before, so that there is time to
publish it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A domain, a host or a domain's MX, and its keys, the oldest first."""

    kind: Literal["dkim", "tls"]
    name: str
    keys: tuple[Key, ...]
    linger: int
    """Seconds that a record stays after the last host stopped using its key: as long as mail may lie in a queue. 0 for
    TLS: who knew the old record knew the new one beside it."""
    since: date | None = None
    """The day from which the active key signs, as site.yml says it or its name."""

    @property
    def active(self) -> Key:
        """The key in use."""
        return next(k for k in self.keys if k.state == "active")

    def key(self, state: str) -> Key | None:
        """The first key in a state."""
        return next((k for k in self.keys if k.state == state), None)


def subjects(loaded: Loaded, only: str | None = None) -> list[Subject]:
    """Every domain that sends, every host with TLSA and every name of a domain's MX, or one of them, by name. Raises
    GmconfError for one that has no such keys."""
    site, state = loaded.site, loaded.rollover
    found = [
        Subject(
            "dkim",
            d.name,
            state.domains.get(d.name) or (Key(name=d.dkim.selector, state="active"),),
            site.limits.queue_life,
            d.dkim.began,
        )
        for d in loaded.mail.sending
    ]
    if published.tlsa(site):
        shown = [*(h.name for h in site.hosts if Role.MTA in h.roles), *(name for name, _ in mx_of_domains(site))]
        found += [
            Subject("tls", name, state.hosts.get(name) or (Key(name=FIRST, state="active"),), 0)
            for name in sorted(shown)
        ]
    if only is not None:
        wanted = only.lower().rstrip(".")
        found = [s for s in found if s.name == wanted]
        if not found:
            raise GmconfError(f'"{only}" is not a domain, host or MX name of this site that has keys')
    return found


def began(loaded: Loaded, subject: Subject) -> datetime | None:
    """Since when the active key is in use: the file, site.yml, the day in its name, or the day of the evidence; None
    where nobody knows."""
    active = subject.active
    if active.since or subject.kind == "tls":
        return active.since
    told = loaded.site.evidence.get(CONTROL)
    day = subject.since or (told.day if told else None)
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None


def overdue(loaded: Loaded, subject: Subject, now: datetime) -> bool:
    """Whether a DKIM key signs for longer than six months, or nobody knows for how long."""
    since = began(loaded, subject)
    return subject.kind == "dkim" and (since is None or now - since > LONGEST)


def due(loaded: Loaded, subject: Subject) -> datetime | None:
    """When the successor of a DKIM key is to be made; None where that is now, since nobody knows the age."""
    since = began(loaded, subject)
    return None if since is None else since + LONGEST - EARLY


def fresh(loaded: Loaded, subject: Subject, now: datetime) -> str:
    """A name with the day that no key of the subject has had, whatever became of it."""
    base = f"{'s' if subject.kind == 'dkim' else 'k'}{now:%Y%m%d}"
    taken = {k.name for k in subject.keys}
    if subject.kind == "dkim":
        domain = next(d for d in loaded.site.domains if d.name == subject.name)
        taken |= {domain.dkim.selector, *domain.dkim.retired}
    for ending in ("", *"bcdefghijklmnopqrstuvwxyz"):
        name = f"{base}{ending}"
        if name not in taken and not any((loaded.secrets / file).exists() for file in files(subject, name)):
            return name
    raise GmconfError(f"{subject.name}: 26 keys of one day are enough; come again tomorrow")


def files(subject: Subject, name: str) -> list[str]:
    """Halves of a key, below the secrets folder, as they are before it is active."""
    if subject.kind == "tls":
        return [f"tls/{subject.name}.{name}.pub", f"tls/{subject.name}.{name}.key.vault"]
    return [f"dkim/{subject.name}/{name}-{kind}.{end}" for kind in DKIM_KINDS for end in ("pub", "key.vault")]


def put(state: Rollover, subject: Subject, keys: tuple[Key, ...]) -> Rollover:
    """The state with other keys of one subject."""
    group = "domains" if subject.kind == "dkim" else "hosts"
    return state.model_copy(update={group: {**getattr(state, group), subject.name: keys}})
