"""What controls look at: the site, a host with the values that will be rendered for it, a domain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from gmconf.controls.result import Observation
from gmconf.derived.accounts import Directory
from gmconf.derived.records import Record
from gmconf.model import Domain, Host, Role, Site
from gmconf.model.operation import ANY_DAY
from gmconf.settings import Setting


class SiteCase(NamedTuple):
    """The site on a day; ``documents`` are the names of the documents that can be written from it."""

    site: Site
    mail: Directory
    today: date
    documents: frozenset[str] = frozenset()
    public: Mapping[str, str] = MappingProxyType({})
    """Public key files and certificates beside the site, by relative path."""
    hashes: Mapping[str, str] | None = None
    """Password hashes by login; None where the vault was not opened."""

    def within(self, day: date, days: int) -> bool:
        """Whether a day has come, ``days`` ago at most. Documents follow from the site and no clock: on ANY_DAY it
        always has."""
        return self.today == ANY_DAY or 0 <= (self.today - day).days <= days


@dataclass(frozen=True)
class HostCase:
    """One host: settings by file and key, the paths of all its files, and what it has in DNS."""

    site: Site
    mail: Directory
    host: Host
    settings: Mapping[str, Mapping[str, Setting]] = field(default_factory=dict)
    files: frozenset[str] = frozenset()
    records: tuple[Record, ...] = ()

    def has(self, *roles: Role) -> bool:
        """Whether the host has one of these roles."""
        return any(role in self.host.roles for role in roles)

    def value(self, file: str, key: str) -> Setting | None:
        """One setting, or None when no such line is rendered."""
        if "[*]" in key:
            return self._column(file, *key.split("[*]"))
        return self.settings.get(file, {}).get(key)

    def there(self, *paths: str) -> Iterator[Observation]:
        """That these files are on the host."""
        for path in paths:
            yield Observation(
                f"{path} on the host", "there" if path in self.files else "missing", path in self.files, path
            )

    def _column(self, file: str, rows: str, name: str) -> Setting:
        """All rows of a list as one value: ``mirrors[*].name``."""
        found = [
            s for k, s in self.settings.get(file, {}).items() if k.startswith(f"{rows}[") and k.endswith(f"]{name}")
        ]
        return Setting(
            file,
            f"{rows}[*]{name}",
            [str(s.value) for s in found],
            tuple(dict.fromkeys(r for s in found for r in s.because)),
        )


class DomainCase(NamedTuple):
    """One domain of the site; ``public`` are the public key files beside it, by relative path.

    ``publish`` makes what it has in DNS, with what allows reports about it elsewhere.
    """

    site: Site
    mail: Directory
    domain: Domain
    public: Mapping[str, str] = MappingProxyType({})
    publish: Callable[[], tuple[Record, ...]] = tuple
    zone: str = ""
    report_zones: Mapping[str, str] = MappingProxyType({})
    """Domain of an address that gets DMARC reports: its zone."""

    @property
    def records(self) -> tuple[Record, ...]:
        """What it has in DNS. Not kept: there may be ten thousand domains."""
        return self.publish()
