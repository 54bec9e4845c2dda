"""News."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import HostCase, SiteCase
from gmconf.controls.control import Control
from gmconf.controls.expect import AtMost, Model
from gmconf.controls.files import DOVECOT, INN, NNTP, NNTPS, READERS
from gmconf.controls.login_sockets import SOCKETS
from gmconf.controls.net import listening
from gmconf.controls.result import Observation
from gmconf.model import Role

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


class News(Control):
    """Users have access to an NNTP server.

    It need not be our own: hosted here (role news), or an external one named in ``news``.
    """

    id, level, sources = "nntp.access", "bronze", ("H:nntp",)
    settings: ClassVar = {
        DOVECOT: SOCKETS,
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
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """Either of both."""
        hosts = [h.name for h in case.site.hosts if "news" in h.roles]
        outside = case.site.news.host if case.site.news else None
        found = [*hosts, *([outside] if outside else [])]
        yield Observation(
            "a host with role news, or news.host",
            ", ".join(found) or "none",
            bool(found),
            "hosts",
            remedy="give the role news to the store, or name a server of others: news: {host: ...}",
        )

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """The server's other files, where it is hosted."""
        return case.there(*(_NEWS_FILES if case.has(Role.NEWS) else ()))
