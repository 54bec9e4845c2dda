"""What users and their programs get: mail, news, chat."""

from __future__ import annotations

from collections.abc import Iterable

from gmconf.controls.case import Claim, SiteCase
from gmconf.controls.control import Control, Evidence


class MuaSupplied(Control):
    """Users are offered a mail program that follows the standards, set up for this service.

    Whether they use it is up to them.
    """

    id, level, sources = "mua.supplied", "basic", ("H:mua",)
    documents = ("client-setup",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """One program of kind mail."""
        names = [c.name for c in case.site.clients if c.kind == "mail"]
        yield Claim("a program of kind mail in clients", ", ".join(names) or "none", bool(names), "clients")


class ExtraClients(Control):
    """Users are offered programs for news and chat.

    A service without a program is one for experts.
    """

    id, level, sources = "mua.extra-clients", "bronze", ("H:clients",)
    documents = ("client-setup",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """One program of each kind."""
        for kind in ("news", "chat"):
            names = [c.name for c in case.site.clients if c.kind == kind]
            yield Claim(f"a program of kind {kind} in clients", ", ".join(names) or "none", bool(names), "clients")


class NoRemote(Control):
    """The supplied program does not load remote content by itself.

    A picture from afar tells its owner who reads, when and where.
    """

    id, level, sources = "mua.no-remote-content", "basic", ("D:remote",)
    documents = ("client-setup",)


class Autoconfig(Control):
    """Mail programs can set themselves up, with TLS and no other choice.

    Typed settings are wrong settings. ``build/documents`` has Thunderbird's file and Apple's profile for every domain.
    """

    id, level, sources = "mua.autoconfig", "bronze", ("BSI TR-03108-01-M",)
    documents = ("client-setup",)


class Hardening(Control):
    """Computers with access to mail are kept up to date and protected.

    A stolen password is mostly stolen there.
    """

    id, level, sources = "mua.hardening", "bronze", ("F:88",)
    evidence = Evidence("the rules for the computers of staff, and what customers are told", 731)


class News(Control):
    """Users have access to an NNTP server.

    It need not be our own: hosted here (role news), or an external one named in ``news``.
    """

    id, level, sources = "nntp.access", "bronze", ("H:nntp",)
    live = ("news",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """Either of both."""
        hosts = [h.name for h in case.site.hosts if "news" in h.roles]
        outside = case.site.news.host if case.site.news else None
        found = [*hosts, *([outside] if outside else [])]
        yield Claim("a host with role news, or news.host", ", ".join(found) or "none", bool(found), "hosts")


class Chat(Control):
    """Users have a Jabber address that is their mail address.

    Hosted here (role chat), with the same login, TLS required to users and to other servers.
    """

    id, level, sources = "xmpp.server", "bronze", ("H:xmpp",)
    live = ("chat",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """One host."""
        hosts = [h.name for h in case.site.hosts if "chat" in h.roles]
        yield Claim("a host with role chat", ", ".join(hosts) or "none", bool(hosts), "hosts")
