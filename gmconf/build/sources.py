"""The fields of a site that rows of tables come from: looked up when somebody asks, never kept while a site is
rendered."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cached_property

from gmconf.build.variants import field_of
from gmconf.derived.accounts import NOBODY, OPERATOR_ADDRESSES, ROLE_ADDRESSES
from gmconf.errors import GmconfError
from gmconf.model.document import PathParts, parse_path
from gmconf.services.plan import LineFile, Rows, Source, View
from gmconf.services.registry import plans
from gmconf.settings import Reason
from gmconf.site.load import Loaded


class Sources:
    """A site, its tables, and the place of every address."""

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._tables: dict[str, dict[str, LineFile]] = {}

    def tables(self, host: str) -> dict[str, LineFile]:
        """Tables of a host by path; none for a host that the site does not have."""
        if host not in self._tables:
            loaded = self._loaded
            found = [h for h in loaded.site.hosts if h.name == host]
            views = [View(loaded.site, h, loaded.mail, loaded.why, loaded.public, loaded.rollover) for h in found]
            self._tables[host] = {
                file.path: file
                for view in views
                for plan in plans(view)
                for file in plan.files
                if isinstance(file, LineFile) and isinstance(file.lines, Rows)
            }
        return self._tables[host]

    def reasons(self, source: Source) -> tuple[Reason, ...]:
        """Places of a row's source, each once."""
        return tuple(dict.fromkeys(self._reason(field) for field in self.fields(source)))

    def fields(self, source: Source) -> tuple[str, ...]:
        """Paths of the site, or FILE:LINE of user files, that a row's source stands for."""
        named = (source,) if isinstance(source, str) else source
        return tuple(
            dict.fromkeys(
                field for one in named if one != NOBODY for field in (self._address(one) if "@" in one else (one,))
            )
        )

    def address(self, address: str) -> tuple[str, tuple[str, ...]]:
        """(address as the site has it, fields that define it). Raises GmconfError for an address that nobody has.

        Looked up as mail is delivered: whole, without what follows the plus, by catch-all.
        """
        address = address.lower()
        local, _, domain = address.rpartition("@")
        known = {d.name for d in self._loaded.site.domains}
        if domain not in known and address not in self._index:
            close = difflib.get_close_matches(domain, sorted(known), 1)
            hint = f'; did you mean "{local}@{close[0]}"?' if close else ""
            raise GmconfError(f"{address}: {domain} is no domain of {self._loaded.path.name}{hint}")
        for tried in (address, f"{local.partition('+')[0]}@{domain}", f"@{domain}"):
            if fields := self._address(tried):
                return tried, fields
        same = [one for one in self._index if one.rpartition("@")[2] == domain]
        close = difflib.get_close_matches(address, same, 1)
        hint = f'; did you mean "{close[0]}"?' if close else ""
        raise GmconfError(f"{address} is no mailbox, alias, catch-all or service account of the site{hint}")

    def knows(self, field: str) -> bool:
        """Whether the site has such a field."""
        try:
            field_of(self._loaded.site, field)
        except GmconfError:
            return False
        return True

    def kind(self, address: str, field: str) -> str:
        """A word for an address as a field defines it."""
        if field.endswith(".alias_of"):
            return "address of an alias domain"
        if field.endswith(".catch_all"):
            return "catch-all"
        if ".aliases." in field:
            return "alias"
        account = next((a for a in self._loaded.mail.listed if a.origin == field), None)
        if account is None:
            return "role address"
        named = "mailbox" if account.mailbox else "service account"
        return named if account.login == address else f"{named} {account.login} may send as this address"

    def _reason(self, field: str) -> Reason:
        file, colon, line = field.rpartition(":")
        if colon and line.isdigit():
            return Reason("site", field, f"line {line} of {file}")
        path, document = self._path(field), self._loaded.document
        if document.has(path):
            return Reason("site", str(document.mark(path, key=True)), field)
        # A default of an entry that is written: its place is where the field would go.
        place = str(document.mark(path, key=True)) if document.has(path[:1]) else document.name
        return Reason("site", place, f"{field} (default)")

    @staticmethod
    def _path(field: str) -> PathParts:
        before, aliases, local = field.partition(".aliases.")  # the local part may hold full stops
        return (*parse_path(before), "aliases", local) if aliases else parse_path(field)

    def _address(self, address: str) -> tuple[str, ...]:
        found = tuple(self._index.get(address, ()))
        local, _, domain = address.rpartition("@")
        mirrored = next((d for d in self._loaded.mail.mirrored if d.name == domain), None) if not found else None
        if mirrored is None:
            return found
        behind = self._address(f"{local}@{mirrored.alias_of}")
        return (f"{self._loaded.mail.places[domain]}.alias_of", *behind) if behind else ()

    @cached_property
    def _index(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for address, field in self._defined():
            found.setdefault(address, []).append(field)
        return found

    def _defined(self) -> Iterator[tuple[str, str]]:
        """(address, field that says something of it), fields that define it first."""
        mail, organisation = self._loaded.mail, self._loaded.site.organisation
        for account in mail.listed:
            yield account.login, account.origin
        home = organisation.postmaster.rpartition("@")[2]
        taken = {account.login for account in mail.receiving}
        for domain in mail.hosted:
            place = mail.places[domain.name]
            for local in domain.aliases:
                yield f"{local}@{domain.name}", f"{place}.aliases.{local}"
            if domain.catch_all:
                yield f"@{domain.name}", f"{place}.catch_all"
            for role in (*ROLE_ADDRESSES, *(OPERATOR_ADDRESSES if domain.name == home else ())):
                address = f"{role}@{domain.name}"
                if address not in taken and role not in domain.aliases:
                    yield address, self._role(place, role, (domain.abuse, domain.postmaster))
        for account in mail.listed:
            for sender in account.senders:
                if sender != account.login:
                    yield sender, account.origin

    def _role(self, place: str, role: str, own: tuple[tuple[str, ...], tuple[str, ...]]) -> str:
        """The field that says where mail to a role's address goes, as ``Directory.role_targets`` decides."""
        abuse, postmaster = own
        if role == "abuse" and abuse:
            return f"{place}.abuse"
        if role in ROLE_ADDRESSES and postmaster:
            return f"{place}.postmaster"
        named = role == "abuse" and self._loaded.site.organisation.abuse
        return f"organisation.{'abuse' if named else 'postmaster'}"


__all__ = ["Sources"]
