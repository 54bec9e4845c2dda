"""What messages may hold, on port 25. All of them are to be refused in DATA; what a broken host takes lies in the probe
account."""

from __future__ import annotations

from gmconf.controls.result import Observation
from gmconf.model import Role
from gmconf.verify import messages
from gmconf.verify.mta import REPLAY
from gmconf.verify.probe import Looks, NothingToSayError, on_host
from gmconf.verify.run import At
from gmconf.verify.smtp import Smtp, mta

FILTER = "are rspamd and clamav-daemon running there with what was rolled out? journalctl -u rspamd; then " + REPLAY


def refused(smtp: Smtp, sender: str, to: str, built: bytes, what: str, *words: str) -> Observation:
    """Whether a message is refused for what it is: code 5xx and one of the words in the text (any other refusal proves
    nothing)."""
    reply = smtp.envelope(sender, to)
    if not reply.taken:
        return Observation(
            f"{what} refused in DATA",
            f"refused at RCPT already: {reply}",
            holds=False,
            remedy="make ordinary mail work first: see the other probes",
        )
    reply = smtp.data(built)
    holds = reply.refused and any(word in str(reply).lower() for word in words)
    return Observation(
        f"{what} refused in DATA with 5xx and the reason", str(reply), holds, remedy="" if holds else FILTER
    )


def _outside(at: At, built: bytes, what: str, *words: str) -> Observation:
    assert at.run.login is not None  # probes that need it are not run without
    with mta(at) as smtp:
        smtp.ehlo()
        return refused(smtp, "", at.run.login.address, built, what, *words)


@on_host("spam", Role.MTA, login=True)
def spam(at: At) -> Looks:
    """The agreed spam test text (GTUBE) is refused on port 25.

    One message to the probe account; should it be accepted, it is deleted there.
    """
    yield _outside(at, messages.spam(at.run, messages.STRANGER), "GTUBE", "spam", "gtube")


@on_host("virus", Role.MTA, login=True)
def virus(at: At) -> Looks:
    """The agreed virus test file (EICAR), zipped, is refused on port 25.

    One message to the probe account; should it be accepted, it is deleted there.
    """
    yield _outside(at, messages.virus(at.run, messages.STRANGER), "EICAR in a zip archive", "virus")


@on_host("attachment", Role.MTA, login=True)
def attachment(at: At) -> Looks:
    """A file with the ending of a program is refused on port 25.

    One message with a harmless text file called a program; should it be accepted, it is deleted.
    """
    endings = at.run.loaded.site.filter.refused_files
    if not endings:
        raise NothingToSayError("the site refuses no attached files (filter.refused_files)")
    ending = "exe" if "exe" in endings else endings[0]
    yield _outside(at, messages.program(at.run, messages.STRANGER, ending), f"an attached .{ending}", "programs")


@on_host("malformed", Role.MTA, login=True)
def malformed(at: At) -> Looks:
    """A message without From: is refused on port 25.

    One message to the probe account; should it be accepted, it is deleted there.
    """
    yield _outside(at, messages.nameless(at.run), "a message without author", "5.6.0")
