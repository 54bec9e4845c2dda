"""The form of messages."""

from __future__ import annotations

from typing import ClassVar

from gmconf.controls.control import SENDING, Control
from gmconf.controls.files import LUA, MAIN, RSPAMD
from gmconf.model import Role


class Conform(Control):
    """Submitted messages are completed as far as RFC 6409 allows, and refused when they stay non-compliant.

    Added before signing: Date and Message-ID that are missing, domains that local parts lack. Whatever else breaks the
    standard is refused with 5.6.0, so that its author mends it; a rewritten message would carry a signature for what
    nobody wrote.
    """

    id, level, sources = "msg.conform-msa", "bronze", ("G:8a", "RFC 6409 section 8", "RFC 5322")
    on = (Role.FILTER, *SENDING)
    settings: ClassVar = {
        LUA: {"repair": True, "strict": True},
        f"{RSPAMD}/form.lua": {},
        MAIN: {"message_reject_characters": "\\0"},
    }
    live = ("submission-malformed",)


class ConformIn(Control):
    """Incoming messages that are unsigned and repairable are repaired before delivery; gross violations are refused.

    A missing Date or Message-ID is added, doubled headers are reduced to the first. Signed messages are never touched:
    their signature is worth more than their form.
    """

    id, level, sources = "msg.conform-in", "bronze", ("G:8a", "RFC 5322")
    on = (Role.FILTER, *SENDING)
    settings: ClassVar = {
        LUA: {"repair": True, "strict": True},
        f"{RSPAMD}/form.lua": {},
        MAIN: {"message_reject_characters": "\\0", "lmtp_line_length_limit": 0},
    }
    live = ("malformed",)
