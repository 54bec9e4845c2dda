"""What runs on a host, what listens and what may leave: from its plans, and from the very rules of its firewall."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gmconf.controls import control
from gmconf.daemons import Port, Service, listening
from gmconf.errors import GmconfError
from gmconf.model import Host
from gmconf.render.render import Rendered, render
from gmconf.services.nftables import CONF
from gmconf.services.openings import Opening, incoming
from gmconf.services.plan import File, Plan, View
from gmconf.settings import Reason

_WAY = re.compile(
    r"(?:udp sport \d+ )?(?:ip6? daddr (?P<to>\{[^}]*\}|\S+) )?(?:meta l4proto (?P<protocols>\{[^}]*\}|\S+) )?"
    r"(?:(?P<protocol>tcp|udp|th) dport (?P<ports>\{[^}]*\}|\S+) )?(?:meta skuid (?P<user>\{[^}]*\}|\S+) )?accept"
)
_SITE = {"@site4": "the other hosts of this site", "@site6": "the other hosts of this site"}


@dataclass(frozen=True, slots=True)
class Way:
    """A way out of the host, one line of the firewall: ports to somewhere, for a user of the system."""

    ports: tuple[str, ...]
    protocol: str
    to: str
    users: tuple[str, ...]
    because: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Exposure:
    """One host as the net sees it."""

    host: Host
    programs: tuple[str, ...]
    """Names of the plans with packages."""
    ports: tuple[tuple[Service, Port], ...]
    """What listens on other addresses than loopback, by number."""
    opened: tuple[Opening, ...]
    """What the site lets in for programs that gmconf does not run."""
    ways: tuple[Way, ...]

    def open(self, port: int) -> bool:
        """Whether everybody may reach a port."""
        return any(p.number == port and p.reach == "any" for _, p in self.ports)


def exposure(view: View, plans: Sequence[Plan]) -> Exposure:
    """What a host's plans let in and out."""
    firewall = next(f for plan in plans for f in plan.files if isinstance(f, File) and f.path == CONF)
    programs = tuple(plan.name for plan in plans if plan.packages)
    return Exposure(
        view.host,
        programs,
        listening(view.site, view.host),
        tuple(incoming(view)),
        tuple(dict.fromkeys(_ways(render(firewall)))),
    )


def _ways(rules: Rendered) -> Iterator[Way]:
    """Lines of the output chain that let a port or a user out. Raises GmconfError for one that cannot be read."""
    inside = False
    for number, line in enumerate(rules.text.split("\n"), 1):
        rule = line.strip()
        if rule.startswith("chain "):
            inside = rule.startswith("chain output ")
        if not inside or not rule.endswith(" accept") or not (" dport " in rule or " skuid " in rule):
            continue
        found = _WAY.fullmatch(rule)
        if found is None:
            raise GmconfError(f"{CONF}:{number}: the page on ports cannot read {rule!r}")
        printed = [reason for setting in rules.lines.get(number, ()) for reason in setting.because]
        protocols = _words(found["protocols"]) if found["protocol"] in (None, "th") else (found["protocol"],)
        yield Way(
            _words(found["ports"]) or ("every port",),
            " and ".join(p.upper() for p in protocols),
            _to(found["to"]),
            _words(found["user"]) or ("every program",),
            tuple(dict.fromkeys([control("net.egress-filter"), *printed])),
        )


def _to(text: str | None) -> str:
    return _SITE.get(text or "", ", ".join(_words(text)) or "anywhere")


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip(' "') for word in (text or "").strip("{} ").split(",") if word.strip())
