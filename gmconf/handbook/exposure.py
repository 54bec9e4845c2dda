"""What runs on a host, what listens and what may leave, taken from the very plans that its firewall is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gmconf.model import Host
from gmconf.plan import File, Plan, Reach, View
from gmconf.services.nftables import CONF
from gmconf.settings import Reason, Scalar, Setting


@dataclass(frozen=True, slots=True)
class Port:
    """A TCP port that listens on other addresses than loopback."""

    number: int
    reach: Reach
    program: str
    """Name of the plan that opens it."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way out of the host: ports (or "any") to somewhere, for a user of the system."""

    ports: tuple[Scalar, ...]
    to: str
    user: str
    because: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Exposure:
    """One host as the net sees it."""

    host: Host
    programs: tuple[str, ...]
    """Names of the plans with packages."""
    ports: tuple[Port, ...]
    ways: tuple[Way, ...]

    def open(self, port: int) -> bool:
        """Whether everybody may reach a port."""
        return any(p.number == port and p.reach == "any" for p in self.ports)


def exposure(view: View, plans: Sequence[Plan]) -> Exposure:
    """What a host's plans let in and out."""
    ports = {Port(number, reach, plan.name) for plan in plans for number, reach in plan.listens}
    firewall = next(f for plan in plans for f in plan.files if isinstance(f, File) and f.path == CONF)
    assert firewall.settings is not None  # it is printed by a template
    rules = {s.key: s for s in firewall.settings.flat()}
    programs = tuple(plan.name for plan in plans if plan.packages)
    return Exposure(view.host, programs, tuple(sorted(ports, key=lambda p: (p.number, p.program))), tuple(_ways(rules)))


def _ways(rules: dict[str, Setting]) -> list[Way]:
    """The output chain's accepting rules, in its order."""
    found = [_way(rules, "", "anywhere", "smtp_user", 25), _way(rules, "site_ports", "hosts of this site", "")]
    forwarders = _list(rules["forwarders4"]) + _list(rules["forwarders6"])
    where = ", ".join(map(str, forwarders)) if forwarders else "anywhere"
    found += [_way(rules, "" if forwarders else "recursive", where, "dns_user", 53), _way(rules, "", "anywhere", "time_user", 123)]
    found.append(_way(rules, "web", "anywhere", "web_users"))
    proxies = _list(rules["proxies4"]) + _list(rules["proxies6"])
    if proxies:
        found.append(Way(("any",), ", ".join(map(str, proxies)), _names(rules["web_users"]), rules["proxies4"].because))
    found.append(_way(rules, "fuzzy", "anywhere", "filter_user"))
    return [way for way in found if way is not None]


def _way(rules: dict[str, Setting], ports: str, to: str, user: str, fixed: int = 0) -> Way | None:
    """The rule made of these settings; None when its ports are not opened."""
    if ports and not rules[ports].value:
        return None
    because = rules[ports or user].because
    return Way(_list(rules[ports]) if ports else (fixed,), to, _names(rules[user]) if user else "every program", because)


def _list(setting: Setting) -> tuple[Scalar, ...]:
    value = setting.value
    if isinstance(value, str | int | float):
        return (value,) if value else ()
    return tuple(value)


def _names(setting: Setting) -> str:
    return ", ".join(map(str, _list(setting)))
