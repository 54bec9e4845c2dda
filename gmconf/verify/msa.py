"""Ports 465 and 587: who may send, as whom, what."""

from __future__ import annotations

import time

from gmconf.controls.result import Observation
from gmconf.model import Role
from gmconf.verify import messages
from gmconf.verify.connection import dial, neutral
from gmconf.verify.content import refused
from gmconf.verify.mta import REPLAY, resident, said
from gmconf.verify.probe import Looks, NothingToSayError, on_host
from gmconf.verify.run import At
from gmconf.verify.smtp import SUBMISSIONS, Smtp, logged_in, msa

SUBMISSION = 587
MECHANISMS = {"PLAIN", "LOGIN"}


def _me(at: At) -> str:
    assert at.run.login is not None  # probes that need it are not run without
    return at.run.login.address


@on_host("submission", Role.MSA)
def submission(at: At) -> Looks:
    """Port 587 answers on every address, offers STARTTLS, and takes nothing without it.

    Connects and says MAIL once without TLS, which is refused.
    """
    for address in at.host.outside:
        with dial(at, SUBMISSION, address) as wire:
            smtp = Smtp(wire)
            smtp.ehlo()
            yield Observation(
                f"STARTTLS on {address} port 587",
                ", ".join(smtp.extensions),
                "STARTTLS" in smtp.extensions,
                remedy=REPLAY,
            )
            reply = smtp.say("MAIL FROM:<>")
            yield said("530 to MAIL without TLS", reply, reply.code == 530)


@on_host("submissions", Role.MSA)
def submissions(at: At) -> Looks:
    """Port 465 speaks TLS from the first byte, on every address.

    Connects, says EHLO and QUIT.
    """
    for address in at.host.outside:
        with dial(at, SUBMISSIONS, address) as wire:
            wire.secure(neutral(), at.host.name)
            smtp = Smtp(wire)
            yield said(f"220 over TLS from {address} port 465", smtp.greeting, smtp.greeting.code == 220)
            smtp.say("QUIT")


@on_host("submission-auth", Role.MSA)
def needs_login(at: At) -> Looks:
    """Nothing is taken from who is not logged in, on both ports.

    Ends at RCPT, with one refusal in each session; no login is tried.
    """
    for port in (SUBMISSIONS, SUBMISSION):
        with msa(at, port) as smtp:
            reply = smtp.envelope(resident(at), resident(at))
            yield said(f"5xx at RCPT on port {port} without login", reply, reply.refused)


@on_host("auth-mechanisms", Role.MSA)
def mechanisms(at: At) -> Looks:
    """Only PLAIN and LOGIN are offered, and only over TLS.

    Connects and says EHLO.
    """
    for port in (SUBMISSIONS, SUBMISSION):
        with msa(at, port) as smtp:
            offered = set(smtp.extensions.get("AUTH", "").split())
            yield Observation(
                f"AUTH PLAIN LOGIN on port {port} over TLS",
                " ".join(sorted(offered)) or "no AUTH",
                bool(offered) and offered <= MECHANISMS,
                remedy=REPLAY,
            )


@on_host("submission-sender", Role.MSA, login=True)
def sender(at: At) -> Looks:
    """A login may use its own address and no other, neither in the envelope nor in From:.

    Two dialogues end at RCPT; one message with a strange From: is refused in DATA, or deleted from the probe account.
    """
    me = _me(at)
    allowed = at.run.loaded.mail.senders
    strange = next(
        (a.login for a in at.run.loaded.mail.accounts if me not in allowed.get(a.login, ())), f"x@{at.host.name}"
    )
    with logged_in(at) as smtp:
        reply = smtp.envelope(me, me)
        yield said(f"250 to {me} as itself", reply, reply.taken)
        smtp.say("RSET")
        reply = smtp.envelope(strange, me)
        yield said(f"5xx to {me} as {strange}", reply, reply.refused)
        smtp.say("RSET")
        reply = smtp.envelope(me, me)
        if reply.taken:
            reply = smtp.data(messages.message(at.run, strange, "strange author").as_bytes())
            yield said(f"5xx to From: {strange}", reply, reply.refused)


@on_host("submission-spam", Role.MSA, login=True)
def spam(at: At) -> Looks:
    """GTUBE is refused from our own users too.

    One message to the probe account; should it be accepted, it is deleted there.
    """
    if at.run.loaded.site.filter.outbound == "hold":
        raise NothingToSayError(
            "filter.outbound is hold: the test would stay in the queue until a person has looked at it"
        )
    with logged_in(at) as smtp:
        yield refused(smtp, _me(at), _me(at), messages.spam(at.run, _me(at)), "GTUBE", "spam", "gtube")


@on_host("submission-virus", Role.MSA, login=True)
def virus(at: At) -> Looks:
    """EICAR, zipped, is refused from our own users too.

    One message to the probe account; should it be accepted, it is deleted there.
    """
    with logged_in(at) as smtp:
        yield refused(smtp, _me(at), _me(at), messages.virus(at.run, _me(at)), "EICAR in a zip archive", "virus")


@on_host("submission-malformed", Role.MSA, login=True)
def malformed(at: At) -> Looks:
    """A message with two Subject: lines is refused from our own users, so that they mend it.

    One message to the probe account; should it be accepted, it is deleted there.
    """
    with logged_in(at) as smtp:
        yield refused(smtp, _me(at), _me(at), messages.doubled(at.run, _me(at)), "a message with two subjects", "5.6.0")


@on_host("wrong-password", Role.MSA, login=True, last=True)
def wrong_password(at: At) -> Looks:
    """A wrong password is refused slowly, and locks nobody out.

    One failed login of the probe account, on the first MSA host of the run only, followed by a right one. Runs last,
    because the host makes our address wait afterwards.
    """
    if at is not next(other for other in at.run.hosts if other.has(Role.MSA)):
        raise NothingToSayError("one failed login a run is enough; it was made on another host")
    assert at.run.login is not None  # probes that need it are not run without
    with msa(at, SUBMISSIONS, at.run.trust()) as smtp:
        start = time.monotonic()
        reply = smtp.login(_me(at), f"wrong-{at.run.mark}")
        took = time.monotonic() - start
        yield said("535 to a wrong password", reply, reply.code == 535)
        yield Observation("an answer after a second or more", f"{took:.1f} s", took >= 1, remedy=REPLAY)
        reply = smtp.login(_me(at), at.run.login.password)
        yield said("the right password right afterwards", reply, reply.code == 235)
