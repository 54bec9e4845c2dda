"""Chat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import HostCase, SiteCase
from gmconf.controls.control import Control
from gmconf.controls.expect import AtMost, Model, exactly
from gmconf.controls.files import DOVECOT, NFT, PROSODY
from gmconf.controls.login_sockets import SOCKETS
from gmconf.controls.net import federated
from gmconf.controls.result import Observation
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


def _domains(case: HostCase, spelled: str = "{}") -> list[str]:
    return [spelled.format(d.name) for d in case.site.domains if d.kind == "hosted"]


_CHAT_FILES = ("/usr/local/lib/gmconf/prosody/mod_auth_gmconf.lua",)


class Chat(Control):
    """Users have a Jabber address that is their mail address.

    Hosted here (role chat), with the same login, TLS required to users and to other servers.
    """

    id, level, sources = "xmpp.server", "bronze", ("H:xmpp",)
    settings: ClassVar = {
        DOVECOT: SOCKETS,
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
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """One host."""
        hosts = [h.name for h in case.site.hosts if "chat" in h.roles]
        yield Observation(
            "a host with role chat",
            ", ".join(hosts) or "none",
            bool(hosts),
            "hosts",
            remedy="give the role chat to the store",
        )

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """The module that asks for logins, where it is hosted."""
        return case.there(*(_CHAT_FILES if case.has(Role.CHAT) else ()))
