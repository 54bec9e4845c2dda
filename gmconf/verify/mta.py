"""Port 25 as a stranger sees it. Nothing here gets further than RCPT; messages are in content.py."""

from __future__ import annotations

from gmconf.controls.result import Observation
from gmconf.derived.limits import chain
from gmconf.model import Role
from gmconf.verify.probe import Looks, NothingToSayError, on_host
from gmconf.verify.run import At, sample
from gmconf.verify.smtp import Reply, Smtp, mta

REPLAY = "roll out the site again: cd build && ansible-playbook site.yml"
NOBODY = "no-such-mailbox-gmconf-verify"
ERRORS = 3
"""Refusals in one session before Postfix slows down; probes start a new one."""
ABROAD = "probe@gmconf.invalid"
RECIPIENTS = 100
"""RFC 5321 section 4.5.3.1.8."""


def said(wanted: str, reply: Reply, holds: bool, remedy: str = REPLAY) -> Observation:
    """What was wanted of an answer, and the answer."""
    return Observation(wanted, str(reply), holds, remedy="" if holds else remedy)


def stranger(at: At) -> None:
    """Raises NothingToSayError where port 25 would know us: a host of the site sees other rules than the world."""
    with mta(at) as smtp:
        here = smtp.wire.socket.getsockname()[0]
    if here in {a for host in at.run.loaded.site.hosts for a in (*host.addresses, *host.public_addresses)}:
        raise NothingToSayError("run it from a machine that is no host of the site: hosts may do more than strangers")


def resident(at: At) -> str:
    """An address that takes mail: of the first mailbox (it is asked for in RCPT and never written to)."""
    login = at.run.login
    found = login.address if login else next((a.login for a in at.run.loaded.mail.receiving), None)
    if found is None:
        raise NothingToSayError("no mailbox of the site receives mail")
    return found


@on_host("smtp", Role.MTA)
def answers(at: At) -> Looks:
    """Port 25 greets on every address of the host.

    Connects and says QUIT.
    """
    for address in at.host.outside:
        try:
            with mta(at, address) as smtp:
                yield said(f"220 from {address} port 25", smtp.greeting, smtp.greeting.code == 220)
                smtp.say("QUIT")
        except OSError as error:
            yield Observation(
                f"220 from {address} port 25",
                str(error),
                holds=False,
                remedy=(
                    "is Postfix running, and does the firewall on the way (many access networks close port 25) let you"
                    " through?"
                ),
            )


@on_host("banner", Role.MTA)
def banner(at: At) -> Looks:
    """The greeting is the host's name and ESMTP, without product or version.

    Connects and reads.
    """
    with mta(at) as smtp:
        wanted = f"{at.host.name} ESMTP"
        yield said(f"220 {wanted}", smtp.greeting, set(smtp.greeting.lines) == {wanted})


@on_host("helo", Role.MTA)
def helo(at: At) -> Looks:
    """HELO is asked for, and a name that is none is refused.

    Ends at RCPT, with one refusal in each of two sessions.
    """
    with mta(at) as smtp:
        reply = smtp.say("MAIL FROM:<>")
        yield said("503 to MAIL before EHLO", reply, reply.code == 503)
    with mta(at) as smtp:
        smtp.ehlo("not_a_name!")
        reply = smtp.envelope("", resident(at))
        yield said("5xx to a client called not_a_name!", reply, reply.refused)


@on_host("extensions", Role.MTA)
def extensions(at: At) -> Looks:
    """8BITMIME, PIPELINING and the right SIZE are offered; DSN, ETRN, VRFY and SMTPUTF8 are not.

    Connects, says EHLO and QUIT.
    """
    with mta(at) as smtp:
        smtp.ehlo()
        offered = smtp.extensions
    wanted = {"8BITMIME", "PIPELINING", "ENHANCEDSTATUSCODES", "SIZE"}
    lacking, extra = sorted(wanted - set(offered)), sorted({"DSN", "ETRN", "SMTPUTF8", "VRFY"} & set(offered))
    size = chain(at.run.loaded.site).message_size
    listed = ", ".join(offered)
    yield Observation(f"EHLO offers {', '.join(sorted(wanted))}", listed, not lacking, remedy=REPLAY if lacking else "")
    yield Observation(
        "EHLO offers neither DSN nor ETRN nor VRFY nor SMTPUTF8", listed, not extra, remedy=REPLAY if extra else ""
    )
    yield Observation(
        f"SIZE {size}", f"SIZE {offered.get('SIZE', 'missing')}", offered.get("SIZE") == str(size), remedy=REPLAY
    )


@on_host("null-sender", Role.MTA)
def null_sender(at: At) -> Looks:
    """A notice (sender <>) to a mailbox is accepted.

    Ends at RCPT and is taken back with RSET; no message is sent.
    """
    with mta(at) as smtp:
        smtp.ehlo()
        reply = smtp.envelope("", resident(at))
        yield said(f"250 to RCPT {resident(at)} from <>", reply, reply.taken)
        smtp.say("RSET")


@on_host("size", Role.MTA)
def size(at: At) -> Looks:
    """A message larger than the limit is refused at MAIL.

    Announces a size and sends nothing.
    """
    limit = chain(at.run.loaded.site).message_size
    with mta(at) as smtp:
        smtp.ehlo()
        reply = smtp.say(f"MAIL FROM:<> SIZE={limit + 1}")
        yield said(f"552 to SIZE={limit + 1}", reply, reply.code == 552)


@on_host("vrfy", Role.MTA)
def vrfy(at: At) -> Looks:
    """VRFY, EXPN and ETRN give nothing away.

    Three refused commands in one session.
    """
    with mta(at) as smtp:
        smtp.ehlo()
        for command in (f"VRFY {resident(at)}", f"EXPN {resident(at)}", f"ETRN {at.run.loaded.site.domains[0].name}"):
            reply = smtp.say(command)
            yield said(f"5xx to {command.split()[0]}", reply, reply.refused)


@on_host("pipelining", Role.MTA)
def pipelining(at: At) -> Looks:
    """Who sends commands before EHLO was answered is cut off.

    One session that the host ends; its half of what is called SMTP smuggling. No message is sent.
    """
    with mta(at) as smtp:
        smtp.wire.send(b"EHLO gmconf.invalid\r\nMAIL FROM:<>\r\n")
        reply = smtp.reply()
        yield said("554 to commands sent ahead", reply, reply.code == 554)


def _forms(at: At) -> list[str]:
    local, _, domain = ABROAD.partition("@")
    ours, name, ip = (
        at.run.loaded.site.domains[0].name,
        at.host.name,
        f"[{at.address}]" if ":" not in at.address else f"[IPv6:{at.address}]",
    )
    return [
        f"<{ABROAD}>",
        f"<{local}%{domain}@{ours}>",
        f"<{local}%{domain}@{ip}>",
        f"<{domain}!{local}@{ours}>",
        f"<@{ours}:{ABROAD}>",
        f'<"{ABROAD}">',
        f'<"{ABROAD}"@{ours}>',
        f"<{ABROAD}@{ours}>",
        f"<{ABROAD}@{ip}>",
        f'<"{local}%{domain}">',
        f"<{local}@[192.0.2.99]>",
        f"<{domain}!{local}>",
        f"<@{name}:{ABROAD}>",
        f'<"{local}%{domain}"@{ours}>',
        f"<{domain}!{local}@{ip}>",
    ]


@on_host("relay", Role.MTA)
def relay(at: At) -> Looks:
    """Mail for others is refused, in every form of address that ever opened a relay.

    Ends at RCPT; the addresses lie in .invalid, which leads nowhere. At most three refusals in a session.
    """
    stranger(at)
    forms = _forms(at)
    for start in range(0, len(forms), ERRORS):
        with mta(at) as smtp:
            smtp.ehlo()
            smtp.say("MAIL FROM:<>")
            for form in forms[start : start + ERRORS]:
                reply = smtp.say(f"RCPT TO:{form}")
                yield said(f"5xx to RCPT {form}", reply, reply.refused)


@on_host("no-auth-on-25", Role.MTA)
def no_auth(at: At) -> Looks:
    """AUTH is not offered on port 25, neither before nor after STARTTLS.

    Connects, says EHLO and STARTTLS; no login is tried.
    """
    from gmconf.verify.connection import neutral

    with mta(at) as smtp:
        for when in ("before", "after"):
            if when == "after":
                smtp.starttls(neutral(), at.host.name)
            else:
                smtp.ehlo()
            yield Observation(
                f"no AUTH {when} STARTTLS", ", ".join(smtp.extensions), "AUTH" not in smtp.extensions, remedy=REPLAY
            )


@on_host("unknown-recipient", Role.MTA)
def unknown(at: At) -> Looks:
    """An address that does not exist is refused at RCPT, in every domain without catch-all.

    Ends at RCPT; at most three refusals in a session, at most twelve domains.
    """
    names = [
        d.name for d in sample(at.run.loaded.mail.hosted + at.run.loaded.mail.mirrored) if not _catches(at, d.name)
    ][:12]
    if not names:
        raise NothingToSayError("every domain has a catch-all")
    for start in range(0, len(names), ERRORS):
        with mta(at) as smtp:
            smtp.ehlo()
            smtp.say("MAIL FROM:<>")
            for name in names[start : start + ERRORS]:
                reply = smtp.say(f"RCPT TO:<{NOBODY}@{name}>")
                yield said(f"550 to RCPT {NOBODY}@{name}", reply, reply.code == 550)


def _catches(at: At, domain: str) -> bool:
    return f"@{domain}" in at.run.loaded.mail.aliases


@on_host("sender-domain", Role.MTA)
def sender_domain(at: At) -> Looks:
    """A sender whose domain does not exist is refused.

    Ends at RCPT, with one refusal.
    """
    with mta(at) as smtp:
        smtp.ehlo()
        reply = smtp.envelope("someone@gmconf.invalid", resident(at))
        yield said("450 to a sender in .invalid, which cannot exist", reply, reply.code == 450)


def _roles(smtp: Smtp, recipients: list[str]) -> Looks:
    smtp.ehlo()
    smtp.say("MAIL FROM:<someone@gmconf.invalid>")
    for recipient in recipients:
        reply = smtp.say(f"RCPT TO:<{recipient}>")
        yield said(f"250 to RCPT {recipient} from anyone", reply, reply.taken)
    smtp.say("RSET")


@on_host("postmaster", Role.MTA)
def postmaster(at: At) -> Looks:
    """postmaster, bare and in every domain, in any case, takes mail even from senders that do not exist.

    Ends at RCPT and is taken back with RSET; at most fifty domains.
    """
    domains = sample(at.run.loaded.mail.hosted + at.run.loaded.mail.mirrored)
    with mta(at) as smtp:
        yield from _roles(
            smtp, ["postmaster", f"postmaster@{at.host.name}", *(f"PostMaster@{d.name}" for d in domains)]
        )


@on_host("abuse", Role.MTA)
def abuse(at: At) -> Looks:
    """abuse@ of every domain takes mail even from senders that do not exist.

    Ends at RCPT and is taken back with RSET; at most fifty domains.
    """
    domains = sample(at.run.loaded.mail.hosted + at.run.loaded.mail.mirrored)
    with mta(at) as smtp:
        yield from _roles(smtp, [f"abuse@{d.name}" for d in domains])


@on_host("recipients", Role.MTA)
def recipients(at: At) -> Looks:
    """One message may have a hundred recipients.

    Asks for the same mailbox a hundred times, ends at RCPT and is taken back with RSET.
    """
    who = resident(at)
    with mta(at) as smtp:
        smtp.ehlo()
        reply = smtp.envelope("", *[who] * RECIPIENTS)
        yield said(f"250 to each of {RECIPIENTS} recipients", reply, reply.taken)
        smtp.say("RSET")


@on_host("spoof", Role.MTA)
def spoof(at: At) -> Looks:
    """A stranger cannot send in the name of our users.

    Ends at RCPT, with one refusal.
    """
    stranger(at)
    who = resident(at)
    with mta(at) as smtp:
        smtp.ehlo()
        reply = smtp.envelope(who, who)
        yield said(f"550 to sender {who} from outside", reply, reply.code == 550)
