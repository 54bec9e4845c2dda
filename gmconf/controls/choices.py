"""Where the founding documents and the standards contradict each other: what gmconf does, and what the site chose.

Twenty-six questions; each has a recommended answer. Where site.yml can choose, ``field`` says where, and ``loose``
tells whether the site chose something that protects less, or keeps less to a standard, than what is recommended.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date

from gmconf.derived import policies as published
from gmconf.model.filter import Filter
from gmconf.model.site import Site

DAY = 86400


@dataclass(frozen=True, slots=True)
class Choice:
    """One contradiction and its answer for a site; ``chosen`` and ``alternatives`` are whole sentences."""

    id: str
    """C1 to C26."""
    question: str
    chosen: str
    alternatives: tuple[str, ...] = ()
    """What else could have been chosen; empty where gmconf offers nothing else."""
    field: str = ""
    """Path in site.yml; empty where there is nothing to choose."""
    loose: bool = False


def choices(site: Site, day: date) -> tuple[Choice, ...]:
    """All of them, in their order, with the waivers that count on a day."""
    selected = (answer(site) for answer in _ANSWERS)
    return tuple(sorted((*selected, _news_and_chat(site, site.waived(day)), *SETTLED), key=lambda c: int(c.id[1:])))


def _outbound(site: Site) -> Choice:
    refuse = "Refused in the dialogue with 5xx; the user learns at once, and so can the operator."
    hold = "Kept in the queue, on hold, until a person has looked at it."
    held = site.filter.outbound == "hold"
    return Choice(
        "C1",
        "Users' spam: refuse it, hold it for a ticket, or mark it?",
        hold if held else refuse,
        (refuse if held else hold,),
        "filter.outbound",
        held,
    )


def _submission(site: Site) -> Choice:
    bound = [a.login for a in site.service_accounts if a.networks]
    some = f" Only from named networks: {', '.join(bound)}." if bound else ""
    return Choice(
        "C3",
        "Submission from the customers' networks only, or from anywhere?",
        f"From anywhere, with TLS and login.{some}",
        ("Machines without a person behind them only from their networks.",),
        "service_accounts[].networks",
    )


def _abuse_copy(site: Site) -> Choice:
    off = "It goes to the contact the domain names, to the operator only where none is named."
    on = "The operator gets a copy of every domain's, although it is the customer's mail."
    copied = site.organisation.abuse_copy
    return Choice(
        "C4",
        "Does the operator get a copy of mail to abuse@ of customers' domains?",
        on if copied else off,
        (off if copied else on,),
        "organisation.abuse_copy",
        copied,
    )


def _answers(site: Site) -> Choice:
    wanted = site.procedures.abuse_answer if site.procedures else None
    read = (site.procedures.postmaster_check if site.procedures else DAY) / 3600
    within = (
        f"a person answers within {wanted / DAY:g} days" if wanted else "no time for a person's answer is promised yet"
    )
    return Choice(
        "C5",
        "Complaints: answered within a week, read daily, or as soon as possible?",
        f"Read every {read:g} hours; {within}.",
        ("A week (basic), two days (bronze), one day (silver).",),
        "procedures.abuse_answer",
        bool(wanted and wanted > 7 * DAY),
    )


def _thresholds(site: Site) -> Choice:
    mark, reject = site.filter.mark, site.filter.reject
    usual = Filter()
    return Choice(
        "C8",
        "Spam to us: mark it, or refuse it?",
        f"Both: marked from {mark:g} on, refused in the dialogue from {reject:g} on.",
        (f"Other thresholds than {usual.mark:g} and {usual.reject:g}.",),
        "filter.mark",
        mark > usual.mark or reject > usual.reject,
    )


def _blocks(site: Site) -> Choice:
    count = len(site.filter.blocks)
    some = f"{count} entries, each" if count else "None now; every entry"
    return Choice(
        "C10",
        "Are senders banned for ever?",
        f"No: {some} with a reason and a date of review, after which it is a finding.",
        (),
        "filter.blocks",
    )


def _inbound(site: Site) -> Choice:
    may = "TLS is offered on port 25 and not required, as RFC 3207 section 4 asks of a public MX."
    must = "TLS is required on port 25: mail in clear is refused, which RFC 3207 section 4 forbids to a public MX."
    required = site.tls.inbound == "encrypt"
    return Choice(
        "C11",
        "Must others use TLS to send us mail?",
        must if required else may,
        (may if required else must,),
        "tls.inbound",
        required,
    )


def _hold_time(site: Site) -> Choice:
    most = site.support.max_hold_minutes if site.support else None
    now = f" Here: {most}." if most is not None else ""
    return Choice(
        "C14",
        "\u201cA hold time of no less than fifteen minutes\u201d?",
        f"Read as no more than fifteen: the text can only be a slip.{now}",
        (),
        "support.max_hold_minutes",
        most is not None and most > 15,
    )


def _switch(site: Site) -> Choice:
    moved = [f"{h.name} ({h.sends_from.fix_reference})" for h in site.hosts if h.sends_from]
    now = f" Here: {', '.join(moved)}." if moved else ""
    return Choice(
        "C16",
        "May a listed sender move to another address?",
        f"Only with the reference of the fix on record.{now}",
        (),
        "hosts[].sends_from",
    )


def _news_and_chat(site: Site, waived: Collection[str]) -> Choice:
    roles = {str(role) for host in site.hosts for role in host.roles}

    def state(what: str, role: str, control: str, outside: str) -> str:
        if role in roles:
            return f"{what} hosted here"
        return f"{what} {outside}" if outside else f"{what} waived" if control in waived else f"{what} not offered"

    news = state("news", "news", "nntp.access", f"at {site.news.host}" if site.news else "")
    chat = state("chat", "chat", "xmpp.server", "")
    return Choice(
        "C17",
        "News and chat at bronze, or nothing that mail does not need?",
        f"Part of bronze, as the founding document says: {news}, {chat}.",
        ("Hosted, an external service, or waived with a reason and an end.",),
        "news",
        "nntp.access" in waived or "xmpp.server" in waived,
    )


def _certificates(site: Site) -> Choice:
    sentences = {
        "internal-ca": "ECDSA P-256, from the site's own CA.",
        "acme": "ECDSA P-256, by ACME.",
        "files": "Those of the files the site names; ECDSA P-256 or RSA of at least 3072 bits.",
    }
    others = {
        "internal-ca": "The site's own CA.",
        "acme": "A CA that is asked by ACME.",
        "files": "Files of the site's own.",
    }
    return Choice(
        "C26",
        "RSA or elliptic curves for certificates?",
        sentences[site.tls.source],
        tuple(text for name, text in others.items() if name != site.tls.source),
        "tls.source",
    )


def _spf(site: Site) -> Choice:
    strict = "-all: every sender is known, nobody else may send."
    learning = "~all, while it is not certain that all mail leaves through this site."
    learns = site.dns.spf == "learning"
    return Choice(
        "C18",
        "SPF: -all or ~all?",
        learning if learns else strict,
        (strict if learns else learning,),
        "dns.spf",
        learns,
    )


def _dmarc(site: Site) -> Choice:
    sentences = {
        "none": "none: reports only.",
        "quarantine": "quarantine: what is not ours is marked.",
        "reject": "reject: what is not ours is refused.",
    }
    policy = published.dmarc_policy(site)
    why = " Users post to lists, which break signatures." if site.dns.users_post_to_lists else ""
    return Choice(
        "C19",
        "DMARC: how strict a policy?",
        f"{sentences[policy]}{why} The level asks for {published.dmarc_asked(site)}.",
        tuple(text for name, text in sentences.items() if name != policy),
        "dns.dmarc.policy",
        published.strictness(policy) < published.strictness(published.dmarc_asked(site)),
    )


_ANSWERS: tuple[Callable[[Site], Choice], ...] = (
    _outbound,
    _submission,
    _abuse_copy,
    _answers,
    _thresholds,
    _blocks,
    _inbound,
    _hold_time,
    _switch,
    _certificates,
    _spf,
    _dmarc,
)
SETTLED = (
    Choice(
        "C2",
        "Lock an account after failed logins, although anybody can cause them?",
        "Never on failures: they are slowed by source and show in the log by account. Suspending is for evidence of a"
        " break-in, by a person.",
    ),
    Choice(
        "C6",
        "Viruses: refuse, disinfect, or hold and release?",
        "Refused in the dialogue; while the scanner is down mail waits at its sender. Nothing is disinfected, nothing"
        " released.",
    ),
    Choice(
        "C7",
        "Rewrite messages that break the standard, or leave them alone?",
        "Submitted: completed as RFC 6409 section 8 allows, before signing, and otherwise refused. From outside: only"
        " what nobody signed is repaired.",
    ),
    Choice(
        "C9",
        "Tell senders of blocked content, although they may be forged?",
        "In the dialogue only; after that no stranger gets a notice.",
    ),
    Choice(
        "C12",
        "Hide the greeting, although RFC 5321 wants a name in it?",
        "The host's name and ESMTP; no product, no version.",
    ),
    Choice(
        "C13",
        "Leaving a list: a web form, a mail address, or one click?",
        "All three: https and mailto in List-Unsubscribe, and List-Unsubscribe-Post.",
    ),
    Choice("C15", "May users submit on port 25 too?", "No: no login and no relaying there; 465 and 587 are for users."),
    Choice(
        "C20",
        "DKIM: RSA or Ed25519, and how long a key?",
        "Both: RSA of 2048 bits and Ed25519, each message is signed twice.",
    ),
    Choice(
        "C21",
        "How often are DKIM keys changed?",
        "Every six months (evidence at silver); a selector carries its date and is never used again.",
    ),
    Choice(
        "C22",
        "Seal forwarded mail with ARC?",
        "No: the working group wants it retired, and no level asks for it. Nothing is rendered.",
    ),
    Choice(
        "C23", "TLS reports by https or by mail?", "By mail, to a domain that enforces neither DANE nor MTA-STS itself."
    ),
    Choice("C24", "Ask for failure reports (ruf)?", "No: they carry other people's mail."),
    Choice("C25", "Old TLS for servers that have nothing better?", "No: TLS 1.2 and 1.3 everywhere."),
)
"""Decided once for all; there is nothing to choose in site.yml."""
