"""What users and their programs get: mail, news, chat."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from gmconf.controls.case import Claim, DomainCase, HostCase, SiteCase
from gmconf.controls.control import Control, Evidence
from gmconf.controls.expect import AtMost, Model, exactly
from gmconf.controls.files import DOVECOT, INN, NFT, NGINX, NNTP, NNTPS, PROSODY, READERS
from gmconf.controls.network import federated, listening
from gmconf.keys.names import tells_programs
from gmconf.model import Role

_FEATURES = (
    "admin_shell",
    "blocklist",
    "bookmarks",
    "carbons",
    "csi_simple",
    "disco",
    "limits",
    "mam",
    "pep",
    "ping",
    "private",
    "roster",
    "saslauth",
    "server_contact_info",
    "smacks",
    "tls",
    "vcard4",
    "vcard_legacy",
)


def _sockets(case: HostCase, column: str) -> list[str]:
    """What Dovecot opens for chat and news, in the order of its rows: a socket for logins and one that knows the users,
    each."""
    users = {Role.CHAT: "prosody", Role.NEWS: "news"}
    old = case.host.release == "bookworm"
    rows = [
        {"path": f"auth-{role.value}{end}", "kind": "" if old else kind, "user": users[role]}
        for role in (Role.CHAT, Role.NEWS)
        if case.has(role)
        for end, kind in (("", "auth"), ("-userdb", "userdb"))
    ]
    return [row[column] for row in rows]


def _domains(case: HostCase, spelled: str = "{}") -> list[str]:
    return [spelled.format(d.name) for d in case.site.domains if d.kind == "hosted"]


def _told(case: HostCase) -> list[str]:
    """Domains whose servers mail programs are told of by this host."""
    return (
        [d.name for d in case.site.domains if d.kind != "parked"]
        if case.has(Role.WEB) and tells_programs(case.site)
        else []
    )


_NEWS_FILES = (
    "/etc/news/expire.ctl",
    "/etc/news/storage.conf",
    "/etc/news/newsfeeds",
    "/etc/news/incoming.conf",
    "/etc/news/control.ctl",
    "/etc/news/groups",
    "/etc/news/innshellvars.local",
    "/etc/news/filter/filter_nnrpd.pl",
    "/etc/cron.d/inn2",
    "/etc/systemd/system/inn2.service.d/gmconf.conf",
    "/usr/local/lib/gmconf/news-groups",
    "/usr/local/lib/gmconf/nnrpd-login",
)
_CHAT_FILES = ("/usr/local/lib/gmconf/prosody/mod_auth_gmconf.lua",)
_SOCKETS = {
    f"sockets[*].{name}": Model(
        partial(_sockets, column=name), "one socket for logins, one for users, to the server's own user"
    )
    for name in ("path", "kind", "user")
}


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
    def of_host(cls, case: HostCase) -> Iterable[Claim]:
        """The pages are on the host."""
        yield from case.there(*(f"/etc/nginx/gmconf-autoconfig/{d}.xml" for d in _told(case)))

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Claim]:
        """Programs find the name."""
        if case.domain.kind != "parked" and tells_programs(case.site):
            name = f"autoconfig.{case.domain.name}"
            found = [r.type for r in case.records if r.owner == name and r.type in ("A", "AAAA")]
            yield Claim(f"an address of {name}", ", ".join(found) or "nothing", bool(found), "web.autoconfig")


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
    settings: ClassVar = {
        DOVECOT: _SOCKETS,
        INN: {
            "account": True,
            "sender": True,
            "readers": True,
            "client": False,
            "cancels": "none",
            "address4": "127.0.0.1",
            "address6": "::1",
            "complaints": Model(
                lambda c: c.site.organisation.abuse or c.site.organisation.postmaster, "organisation.abuse"
            ),
            "backoff.user": True,
            "backoff.folder": "/var/lib/gmconf-news",
            "backoff.free": 20,
            "backoff.factor": 2,
            "backoff.fast": 5,
            "backoff.slow": 60,
            "disk": 1024 * 1024,
        },
        READERS: {
            "encryption": True,
            "users": "*@*",
            "groups": "*,!junk,!control,!control.*,!to,!to.*",
            "program": "/usr/local/lib/gmconf/nnrpd-login /run/dovecot/auth-news /run/dovecot/auth-news-userdb",
        },
        f"{NNTP}.socket": {
            "connections": AtMost(100),
            "connections_each": AtMost(10),
            "listen[*].address": Model(lambda c: listening(c, 119), "port 119"),
        },
        f"{NNTPS}.socket": {
            "connections": AtMost(100),
            "connections_each": AtMost(10),
            "listen[*].address": Model(lambda c: listening(c, 563), "port 563"),
        },
        f"{NNTP}@.service": {"program": "/usr/lib/news/bin/nnrpd -n", "longest": "1d"},
        f"{NNTPS}@.service": {"program": "/usr/lib/news/bin/nnrpd -n -S", "longest": "1d"},
    }
    live = ("news",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """Either of both."""
        hosts = [h.name for h in case.site.hosts if "news" in h.roles]
        outside = case.site.news.host if case.site.news else None
        found = [*hosts, *([outside] if outside else [])]
        yield Claim(
            "a host with role news, or news.host",
            ", ".join(found) or "none",
            bool(found),
            "hosts",
            remedy="give the role news to the store, or name a server of others: news: {host: ...}",
        )

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Claim]:
        """The server's other files, where it is hosted."""
        return case.there(*(_NEWS_FILES if case.has(Role.NEWS) else ()))


class Chat(Control):
    """Users have a Jabber address that is their mail address.

    Hosted here (role chat), with the same login, TLS required to users and to other servers.
    """

    id, level, sources = "xmpp.server", "bronze", ("H:xmpp",)
    settings: ClassVar = {
        DOVECOT: _SOCKETS,
        NFT: {
            "chat_user": Model(
                lambda c: "prosody" if federated(c) else "",
                "prosody, where chat speaks to other servers",
                optional=True,
            )
        },
        PROSODY: {
            "auth.provider": "gmconf",
            "auth.socket": "/run/dovecot/auth-chat",
            "auth.users": "/run/dovecot/auth-chat-userdb",
            "auth.register": False,
            "auth.plain": False,
            "c2s.tls": True,
            "s2s.tls": True,
            "s2s.verify": True,
            "c2s.direct": exactly("5223"),
            "s2s.direct": Model(lambda c: ["5270"] if federated(c) else [], "5270, where chat speaks to other servers"),
            "modules": Model(
                lambda c: sorted((*_FEATURES, *(("dialback",) if federated(c) else ()))),
                "what users of today's programs expect",
            ),
            "off": Model(
                lambda c: [] if federated(c) else ["s2s", "s2s_auth_certs"], "nothing but chat.federation switches off"
            ),
            "ssl.certificates": "/etc/prosody/tls",
            "limits.client": "10kb/s",
            "limits.server": "30kb/s",
            "limits.client_stanza": AtMost(256 * 1024),
            "limits.server_stanza": AtMost(512 * 1024),
            "limits.archive": AtMost(10000),
            "hosts[*].name": Model(_domains, "the hosted domains"),
            "hosts[*].abuse": Model(lambda c: _domains(c, "mailto:abuse@{}"), "abuse@ of each domain"),
            "hosts[*].admin": Model(lambda c: _domains(c, "mailto:postmaster@{}"), "postmaster@ of each domain"),
        },
    }
    live = ("chat",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """One host."""
        hosts = [h.name for h in case.site.hosts if "chat" in h.roles]
        yield Claim(
            "a host with role chat",
            ", ".join(hosts) or "none",
            bool(hosts),
            "hosts",
            remedy="give the role chat to the store",
        )

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Claim]:
        """The module that asks for logins, where it is hosted."""
        return case.there(*(_CHAT_FILES if case.has(Role.CHAT) else ()))
