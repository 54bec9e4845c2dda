"""Mail that leaves: how much, from which addresses, and what is done when something is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import HostCase
from gmconf.controls.control import BY_MSA, BY_MTA, Control, Evidence
from gmconf.controls.expect import First, Guarded, Has, Model, Only
from gmconf.controls.files import LUA, MAIN, RSPAMD
from gmconf.controls.result import Observation
from gmconf.model import Role

_REPORT = "check_sender_access static:{PREPEND X-Report-Abuse: "


class RateLimit(Control):
    """A login sends a limited number of messages.

    A stolen password is worth as little as the limit lets it be.
    """

    id, level, sources = "out.ratelimit", "bronze", ("M:52b", "RFC 2505 section 2.8")
    on = (Role.FILTER,)
    settings: ClassVar = {
        f"{RSPAMD}/ratelimit.conf": {
            "custom": f"{RSPAMD}/ratelimit.lua",
            "one": 1,
            "exempt": Only("nobody@invalid"),
        },
        LUA: {
            "limits": f"{RSPAMD}/maps.d/limits.map",
            "rate": Model(lambda c: c.site.limits.messages_per_hour, "limits.messages_per_hour"),
        },
    }
    files = (
        f"{RSPAMD}/ratelimit.conf",
        f"{RSPAMD}/ratelimit.lua",
        f"{RSPAMD}/limits.lua",
        f"{RSPAMD}/maps.d/limits.map",
    )


class AbuseHeader(Control):
    """Outgoing mail says how to report abuse.

    A header at the top saves the receiver a search, and the site a listing. It is the one documented exception to
    "the MSA does not modify".
    """

    id, level, sources = "out.abuse-header", "bronze", ("M:60",)
    on = BY_MSA
    settings: ClassVar = {
        MAIN: {
            "submission_data_restrictions": (
                Has("reject_unauth_pipelining", _REPORT),
                Guarded(("permit_sasl_authenticated",), ("reject", _REPORT)),
                First("reject_unauth_pipelining", "permit_sasl_authenticated"),
            )
        }
    }


class SelfCheck(Control):
    """Our own mail passes a receiver as strict as we are.

    What we ask of others we must give: matching names, SPF, two DKIM signatures, TLS. The live tests send from one host
    of a site to another that applies all of this.
    """

    id, level, sources = "out.self-check", "basic", ("F:6",)
    evidence = Evidence("a message to a strict receiver or a public test page that scored without a finding", 366)


class Static(Control):
    """Mail leaves from addresses that are ours for good.

    Dynamically assigned addresses are listed as such, their owner of yesterday has spoilt them, and their names are not
    ours.
    """

    id, level, sources = "out.no-dynamic", "basic", ("F:15",)
    evidence = Evidence("the provider's assignment of the sending addresses to the site", 731)


class Alert(Control):
    """Somebody is told when a login's mail is refused as spam.

    It is the first sign of a stolen password.
    """

    id, level, sources = "out.alert", "bronze", ("M:82",)
    evidence = Evidence("an alert that rspamd's log of refused authenticated mail raises", 366)


class Fallback(Control):
    """A second path out is kept warm: another data centre, with DNS that covers it, used for a small share all the
    time.

    Addresses that never sent mail are distrusted just when they are needed.
    """

    id, level, sources = "out.fallback-path", "silver", ("M:43",)
    evidence = Evidence("the second path, its share of the mail, and its last test", 184)


class SwitchAddress(Control):
    """The sending address can be switched, but only after the cause was mended.

    Switching without mending is evasion, and spoils the next address. The site records the reference of the fix.
    """

    id, level, sources = "out.ip-switch", "silver", ("Q:54b",)
    documents = ("runbooks",)
    on = BY_MTA
    settings: ClassVar = {
        MAIN: {
            "smtp_bind_address": Model(
                lambda c: str(c.host.sends_from.address) if c.host.sends_from else "", "hosts[].sends_from"
            )
        }
    }

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """A host that sends from another address than its first says why; and there is one to switch to."""
        host = case.host
        spare = [a for a in host.addresses if ":" not in a]
        yield Observation(
            "a second IPv4 address to switch to",
            ", ".join(spare),
            len(spare) > 1,
            "hosts",
            remedy=f"give {host.name} a second IPv4 address",
        )
