"""Rules of rspamd that its modules cannot express: programs in Lua (roles/gmconf/files/rspamd), and one table with what
they need to know of the site."""

from __future__ import annotations

from functools import partial

from gmconf.controls import control
from gmconf.derived.limits import chain
from gmconf.dialects.lua import spell
from gmconf.services import host_mail
from gmconf.services.clamav.main import SOCKET
from gmconf.services.plan import File, LineFile, View
from gmconf.services.rspamd import guard as rspamd_guard
from gmconf.services.rspamd.maps import FOLDER
from gmconf.settings import Settings, need

_FOR = {
    f"{rspamd_guard.FOLDER}/{name}.lua": why
    for name, why in {
        "addresses": "auth.no-spoof",
        "attachments": "flt.risky-attachments",
        "complaints": "role.abuse",
        "files": "flt.risky-attachments",
        "form": "msg.conform-msa",
        "limits": "out.ratelimit",
        "notices": "mta.no-backscatter",
        "ratelimit": "out.ratelimit",
        "results": "auth.ar-header",
        "senders": "msa.sender-rights",
        "spoofing": "auth.no-spoof",
        "virus": "flt.virus-reject",
    }.items()
}
"""The control that a part of the rules is for."""


def files(view: View) -> list[File | LineFile]:
    """local.d/rspamd.lua, which both releases load, its parts, and their data."""
    c = Settings(rspamd_guard.DATA)
    limits, fails = chain(view.site), control("flt.fail-closed")
    for name, why in (
        ("senders", "msa.sender-rights"),
        ("limits", "out.ratelimit"),
        ("domains", "auth.no-spoof"),
        ("signing", "auth.dkim-sign"),
        ("hosts", "auth.ar-header"),
        ("networks", "msa.service-accounts"),
        ("suspended", "prc.abuse-stop"),
    ):
        c.set(name, f"{FOLDER}/{name}.map", control(why))
    c.set("rate", view.site.limits.messages_per_hour, control("out.ratelimit"), view.why("limits.messages_per_hour"))
    c.set("last", rspamd_guard.LAST, need("rspamd", "a map without its last entry was cut"))
    version = need("rspamd", "rules of another version, or cut ones, keep rspamd from starting")
    c.set("version", rspamd_guard.version(), version)
    c.set("clamd", SOCKET, control("flt.virus-reject"))
    c.set("scan_timeout", limits.av_timeout, fails, view.why("filter.scan_timeout"))
    c.set("scan_retries", limits.av_retransmits - 1, fails)
    # Hosts that have no filter in front of their own mail: it is signed where it comes through.
    c.set("ours", ["127.0.0.1", "::1", *_silent(view)], control("auth.dkim-sign"))
    c.set(
        "host_mail",
        host_mail.NAME,
        control("msa.sender-rights"),
        need("rspamd", "Postfix says so of what sendmail and the listener for this host's services take"),
    )
    c.set(
        "reporter",
        host_mail.reporter(view),
        control("auth.dmarc-send-rua"),
        need("rspamd", "reports come from an address that need not be anybody's"),
    )
    form = (control("msg.conform-msa"), control("msg.conform-in"))
    c.set("repair", True, *form)
    c.set("strict", True, *form)
    c.set(
        "refused_files",
        list(view.site.filter.refused_files),
        control("flt.risky-attachments"),
        view.why("filter.refused_files"),
    )
    c.set(
        "unread_files", view.site.filter.unread_files, control("flt.encrypted-policy"), view.why("filter.unread_files")
    )
    c.set("hold", view.site.filter.outbound == "hold", control("msa.spam-reject-nomodify"), view.why("filter.outbound"))
    c.set(
        "postmaster",
        view.site.organisation.postmaster,
        control("mta.no-backscatter"),
        view.why("organisation.postmaster"),
    )
    text = need("rspamd", "rules over several facts of a message")
    return [
        File(c.file, "rspamd", text, "rspamd/gmconf-data.lua.j2", c, spell, comment="-- "),
        *(
            LineFile(
                path,
                "rspamd",
                control(_FOR[path]) if path in _FOR else text,
                lines=partial(rspamd_guard.part, path),
                shared=True,
                comment="-- ",
            )
            for path in rspamd_guard.PROGRAMS
        ),
    ]


def _silent(view: View) -> list[str]:
    return [a for h in view.site.hosts if not {"mta", "msa"} & {str(r) for r in h.roles} for a in h.addresses]
