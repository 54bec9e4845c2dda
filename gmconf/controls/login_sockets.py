"""The sockets at which chat and news ask Dovecot for logins and users."""

from __future__ import annotations

from functools import partial

from gmconf.controls.case import HostCase
from gmconf.controls.expect import Model
from gmconf.model import Role


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


SOCKETS = {
    f"sockets[*].{name}": Model(
        partial(_sockets, column=name), "one socket for logins, one for users, to the server's own user"
    )
    for name in ("path", "kind", "user")
}
