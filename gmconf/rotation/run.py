"""``gmconf keys next``: asks DNS, makes keys and certificates, then writes the state. A kill in between leaves the old
state or the new."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gmconf.dns.live.ask import Server
from gmconf.errors import GmconfError
from gmconf.keys import make as making
from gmconf.keys import vault
from gmconf.keys.certificates import wrong
from gmconf.keys.names import DKIM_KINDS
from gmconf.keys.rollover import FILE, FIRST, Key, public_file, read, spell, stem
from gmconf.lock import alone
from gmconf.rotation import evidence as dns
from gmconf.rotation import subjects as about
from gmconf.rotation.steps import Event, Evidence, advance
from gmconf.rotation.subjects import Subject
from gmconf.site.load import Loaded


@dataclass(frozen=True)
class Call:
    """What ``gmconf keys next`` was asked to do."""

    now: datetime
    resolver: Callable[[], Server]
    """Asked for when DNS is needed."""
    password: Callable[[], bytes]
    """The vault password, asked for when a key is made or a certificate issued."""
    port: int = 53
    only: str | None = None
    start: bool = False
    """Begin a rollover that is not due yet."""
    rolled_out: bool = False
    """All hosts have been rolled out since the last switch."""


@dataclass(frozen=True, slots=True)
class Done:
    """An event of one domain or host."""

    subject: Subject
    event: Event

    @property
    def refused(self) -> bool:
        """Whether a step was to be taken and may not be."""
        return self.event.action in ("waits", "lost")


def take(loaded: Loaded, call: Call) -> list[Done]:
    """Every key one step on if it may take it. Raises GmconfError when nothing can be found out or made; nothing is
    written then."""
    with _alone(loaded):
        wanted = about.subjects(loaded, call.only)
        if call.start and call.only is None:
            raise GmconfError("--start begins a rollover before it is due; say whose: --only DOMAIN or HOST")
        proofs: Mapping[str, Evidence] = {}
        if any(s.key("next") for s in wanted):
            proofs = dns.gather(loaded, wanted, call.resolver(), call.port)
        done: list[Done] = []
        state = loaded.rollover
        for subject in wanted:
            proof = _with_certificate(loaded, subject, proofs.get(subject.name))
            fresh = about.fresh(loaded, subject, call.now) if _may_start(loaded, subject, call) else ""
            after, events = advance(
                subject.keys, call.now, linger=subject.linger, evidence=proof, fresh=fresh, rolled_out=call.rolled_out
            )
            for event in events:
                if event.action == "made":
                    _make(loaded, subject, event.key, call)
                if event.action == "switched" and subject.kind == "tls":
                    _switch(loaded, subject, event.key, call)
            done += [Done(subject, event) for event in events] or [_idle(loaded, subject)]
            if after != subject.keys:
                state = about.put(state, subject, after)
        if state != loaded.rollover:
            vault.write_file(loaded.secrets / FILE, spell(state).encode(), 0o644)
        return done


@contextmanager
def _alone(loaded: Loaded) -> Iterator[None]:
    """One at a time, and on the state that was read. Raises GmconfError."""
    with ExitStack() as lock:
        try:
            lock.enter_context(alone(loaded.secrets, wait=False))
        except BlockingIOError:
            raise GmconfError(
                "another gmconf keys or gmconf passwd is at work here; run it again when that one is done"
            ) from None
        if read(loaded.secrets, FILE).rollover != loaded.rollover:
            raise GmconfError(f"{FILE} has changed meanwhile; run it again")
        yield


def _may_start(loaded: Loaded, subject: Subject, call: Call) -> bool:
    if subject.key("next"):
        return False
    if subject.kind == "tls":
        return call.start and not subject.key("retiring")
    if call.start:
        return True
    when = about.due(loaded, subject)
    return not subject.key("retiring") and (when is None or when <= call.now)


def _idle(loaded: Loaded, subject: Subject) -> Done:
    when = about.due(loaded, subject) if subject.kind == "dkim" else None
    text = (
        f"is active; its successor is due on {when:%Y-%m-%d}"
        if when
        else "is active; its successor is made when you ask for it: --start"
    )
    return Done(subject, Event("nothing", subject.active.name, text, when))


def _make(loaded: Loaded, subject: Subject, name: str, call: Call) -> None:
    folder = loaded.secrets
    if subject.kind == "tls":
        if (folder / f"tls/{subject.name}.next.pub").exists():
            raise GmconfError(
                f"{folder.name}/tls/{subject.name}.next.pub lies there already; remove it, {FILE} says from now on"
                " which key is next"
            )
        making.make_tls(
            folder, stem(subject.name, name), subject.name, call.password(), request=loaded.site.tls.source == "files"
        )
        return
    longest = f"{name}-ed25519._domainkey.{subject.name}"
    if len(longest) > 253:
        raise GmconfError(f"{longest} is longer than the 253 characters of a name in DNS")
    for kind in DKIM_KINDS:
        making.make_dkim(folder, f"dkim/{subject.name}/{name}-{kind}", kind, call.password())


def _switch(loaded: Loaded, subject: Subject, name: str, call: Call) -> None:
    """Everything that the new state needs: the certificate of the new key, the public half of the old one."""
    active: Key = subject.active
    if loaded.site.tls.own_ca:
        making.issue(loaded.secrets, stem(subject.name, name), subject.name, call.password(), call.now)
    if active.name == FIRST:
        chain = loaded.public[f"tls/{subject.name}.crt"]
        vault.write_file(loaded.secrets / public_file(subject.name, FIRST), _public(chain), 0o644)


def _with_certificate(loaded: Loaded, subject: Subject, proof: Evidence | None) -> Evidence | None:
    """Where a CA elsewhere certifies, the switch needs what it sent for the new key."""
    key = subject.key("next")
    if proof is None or key is None or subject.kind != "tls" or loaded.site.tls.source != "files":
        return proof
    name = f"{stem(subject.name, key.name)}.crt"
    file: Path = loaded.secrets / name
    request = name.removesuffix("crt") + "csr"
    if not file.exists():
        return Evidence(
            proof.lacking,
            proof.ttl,
            f"put the chain that the CA issues for {request} into {loaded.site.secrets.folder}/{name} first",
        )
    text = file.read_text(errors="replace")
    complaint = wrong(text, subject.name)
    if complaint is None and _public(text) != (loaded.secrets / public_file(subject.name, key.name)).read_bytes():
        complaint = f"is not for the key of {request}; have it issued for that"
    return Evidence(proof.lacking, proof.ttl, f"{loaded.site.secrets.folder}/{name} {complaint}" if complaint else "")


def _public(chain: str) -> bytes:
    from cryptography import x509

    return making.public_pem(x509.load_pem_x509_certificate(chain.encode()).public_key())
