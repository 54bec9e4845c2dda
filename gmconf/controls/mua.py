"""What users get for their mail: programs, and how these are set up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import DomainCase, HostCase, SiteCase
from gmconf.controls.control import Control, Evidence
from gmconf.controls.expect import Model
from gmconf.controls.files import NGINX
from gmconf.controls.result import Observation
from gmconf.keys.names import tells_programs
from gmconf.model import Role


def _told(case: HostCase) -> list[str]:
    """Domains whose servers mail programs are told of by this host."""
    return (
        [d.name for d in case.site.domains if d.kind != "parked"]
        if case.has(Role.WEB) and tells_programs(case.site)
        else []
    )


class MuaSupplied(Control):
    """Users are offered a mail program that follows the standards, set up for this service.

    Whether they use it is up to them.
    """

    id, level, sources = "mua.supplied", "basic", ("H:mua",)
    documents = ("client-setup",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """One program of kind mail."""
        names = [c.name for c in case.site.clients if c.kind == "mail"]
        yield Observation("a program of kind mail in clients", ", ".join(names) or "none", bool(names), "clients")


class ExtraClients(Control):
    """Users are offered programs for news and chat.

    A service without a program is one for experts.
    """

    id, level, sources = "mua.extra-clients", "bronze", ("H:clients",)
    documents = ("client-setup",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """One program of each kind."""
        for kind in ("news", "chat"):
            names = [c.name for c in case.site.clients if c.kind == kind]
            yield Observation(
                f"a program of kind {kind} in clients", ", ".join(names) or "none", bool(names), "clients"
            )


class NoRemote(Control):
    """The supplied program does not load remote content by itself.

    A picture from afar tells its owner who reads, when and where.
    """

    id, level, sources = "mua.no-remote-content", "basic", ("D:remote",)
    documents = ("client-setup",)


class Autoconfig(Control):
    """Mail programs can set themselves up, with TLS and no other choice.

    Typed settings are wrong settings. ``build/documents`` has Thunderbird's file and Apple's profile for every domain;
    with ``web.autoconfig`` the web server has the first one where programs look for it.
    """

    id, level, sources = "mua.autoconfig", "bronze", ("BSI TR-03108-01-M",)
    documents = ("client-setup",)
    settings: ClassVar = {
        NGINX: {
            "programs[*].name": Model(
                lambda c: [f"autoconfig.{d}" for d in _told(c)],
                "autoconfig. and each domain with logins, where web.autoconfig says so",
            ),
            "programs[*].page": Model(
                lambda c: [f"/etc/nginx/gmconf-autoconfig/{d}.xml" for d in _told(c)], "the domain's servers"
            ),
        }
    }

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """The pages are on the host."""
        yield from case.there(*(f"/etc/nginx/gmconf-autoconfig/{d}.xml" for d in _told(case)))

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """Programs find the name."""
        if case.domain.kind != "parked" and tells_programs(case.site):
            name = f"autoconfig.{case.domain.name}"
            found = [r.type for r in case.records if r.owner == name and r.type in ("A", "AAAA")]
            yield Observation(f"an address of {name}", ", ".join(found) or "nothing", bool(found), "web.autoconfig")


class Hardening(Control):
    """Computers with access to mail are kept up to date and protected.

    A stolen password is mostly stolen there.
    """

    id, level, sources = "mua.hardening", "bronze", ("F:88",)
    evidence = Evidence("the rules for the computers of staff, and what customers are told", 731)
