"""The requirements this version renders something for, by id."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import get_args

from gmconf.errors import GmconfError
from gmconf.model.site import Level
from gmconf.settings import Reason


@dataclass(frozen=True, slots=True)
class Control:
    """A requirement: its level, one sentence, and where it comes from."""

    id: str
    level: Level
    title: str
    sources: str


_ROWS: tuple[tuple[str, Level, str, str], ...] = (
    (
        "mta.local-only",
        "basic",
        "Port 25 takes mail for this site's own domains only, from anyone",
        "GoodMessaging Systems: MTA accepts for local addresses; RFC 2505 section 2.1",
    ),
    (
        "mta.recipient-validation",
        "basic",
        "Unknown recipients are refused at RCPT, so that no notice goes to a forged sender",
        "RFC 5321 section 6.2; RFC 3834",
    ),
    (
        "mta.banner-min",
        "basic",
        "The greeting says the host's name and ESMTP, no product or version",
        "RFC 5321 section 4.2; First, do no harm",
    ),
    ("mta.smuggling", "basic", "A message ends with CR LF . CR LF only", "CVE-2023-51764"),
    (
        "mta.helo",
        "basic",
        "HELO is asked for and must be well-formed, but need not match DNS",
        "RFC 5321 section 4.1.4",
    ),
    (
        "mta.null-sender",
        "basic",
        "The null sender is always accepted",
        "RFC 5321 section 4.5.5; RFC 2505 section 2.6",
    ),
    (
        "mta.size-limit",
        "basic",
        "Oversize is refused at MAIL, and nothing larger than the scanners read is accepted",
        "RFC 1870; postmaster duties",
    ),
    ("mta.no-probing", "basic", "VRFY, EXPN and ETRN give nothing away", "RFC 2505 section 2.11"),
    (
        "mta.refuse-lists",
        "basic",
        "Senders without a domain that exists are refused",
        "RFC 2505 section 2.10",
    ),
    ("mta.retry", "basic", "Mail is retried for days before it is returned", "RFC 5321 section 4.5.4.1"),
    (
        "mta.timeouts-limits",
        "basic",
        "Time-outs, recipients and hops at least as the standard asks",
        "RFC 5321 sections 4.5.3 and 6.3",
    ),
    (
        "mta.flood-control",
        "basic",
        "One client cannot occupy the service",
        "RFC 2505 section 2.8; postmaster duties",
    ),
    ("mta.no-backscatter", "basic", "No notice to outside senders after acceptance", "RFC 5321 section 6.1"),
    (
        "mta.8bit-eai",
        "basic",
        "8BITMIME, SMTPUTF8, PIPELINING, DSN offered as standards define them",
        "RFC 6152; RFC 6531",
    ),
    (
        "mta.trace",
        "basic",
        "Received lines and logs let every message be traced",
        "RFC 2505 section 2.2; GoodMessaging Systems: logging",
    ),
    (
        "role.postmaster",
        "basic",
        "postmaster, with and without domain, takes mail from anyone",
        "RFC 5321 section 4.5.1",
    ),
    ("role.abuse", "basic", "abuse@ exists for every domain", "RFC 2142 section 2"),
    ("msa.port-587", "basic", "Submission listens on 587", "GoodMessaging Systems; RFC 6409 section 3.1"),
    (
        "msa.auth-required",
        "basic",
        "Submission asks for authentication",
        "GoodMessaging Systems; RFC 6409 section 4.3",
    ),
    ("msa.sender-rights", "basic", "A login sends only as itself", "RFC 6409 section 6.1"),
    (
        "msa.spam-reject-nomodify",
        "basic",
        "Outgoing mail is refused when it is spam, and otherwise not changed",
        "GoodMessaging Systems: validation",
    ),
    (
        "msa.service-accounts",
        "bronze",
        "Printers and programs have accounts, senders and limits of their own",
        "First, do no harm: subsystems",
    ),
    ("msa.rfc6409", "basic", "The MSA adds what section 8 allows and nothing else", "RFC 6409 section 8"),
    (
        "msa.privacy",
        "basic",
        "Address and program of the sending client stay inside",
        "RFC 6409 section 8; RFC 8314",
    ),
    (
        "auth.bruteforce",
        "bronze",
        "Failed logins are slowed by source, nobody is locked out",
        "mailop thread",
    ),
    (
        "auth.mech",
        "basic",
        "No password crosses the net in clear; PLAIN and LOGIN over TLS only",
        "RFC 4954 section 4; RFC 8314 section 3",
    ),
    ("auth.password-policy", "basic", "Passwords are stored as slow hashes", "First, do no harm"),
    (
        "out.ratelimit",
        "bronze",
        "A login sends a limited number of messages",
        "RFC 2505 section 2.8; mailop thread",
    ),
    ("out.abuse-header", "bronze", "Outgoing mail says how to report abuse", "RFC 9477; mailop thread"),
    (
        "tls.mta-in",
        "basic",
        "STARTTLS is offered on port 25 and not required",
        "RFC 3207 section 4; BSI TR-03108-03-M",
    ),
    ("tls.mta-out", "basic", "STARTTLS is used when the other side offers it", "BSI TR-03108-04-M"),
    (
        "tls.implicit",
        "basic",
        "TLS from the first byte on 465, 993, 995",
        "RFC 8314 section 3; BSI TR-03108-01-M",
    ),
    ("tls.mua-required", "basic", "Nothing of a user crosses the net without TLS", "RFC 8314 section 4.1"),
    ("tls.versions", "basic", "TLS 1.2 and 1.3 only", "NCSC-NL TLS guidelines 2025; RFC 8996"),
    (
        "tls.ciphers",
        "bronze",
        "AEAD cipher suites with ephemeral elliptic curves only",
        "NCSC-NL TLS guidelines 2025, appendix B",
    ),
    (
        "tls.sigalgs",
        "bronze",
        "No SHA-1 or SHA-224 in handshake signatures",
        "NCSC-NL TLS guidelines 2025 section 3.3.5",
    ),
    (
        "tls.no-reneg-compress",
        "bronze",
        "No renegotiation by the client, no TLS compression",
        "NCSC-NL TLS guidelines 2025",
    ),
    (
        "tls.cert",
        "basic",
        "The certificate bears the host's name and its key is strong",
        "BSI TR-03108-P E-05",
    ),
    ("tls.received", "basic", "Received lines record the TLS version", "RFC 8314 section 4.3"),
    (
        "flt.spam-in",
        "basic",
        "Incoming mail is judged before it is accepted",
        "GoodMessaging Systems: validation",
    ),
    (
        "flt.spam-out",
        "basic",
        "Outgoing mail is judged before it is accepted",
        "GoodMessaging Systems: validation",
    ),
    (
        "flt.virus-reject",
        "basic",
        "Viruses are refused before acceptance; a scanner that fails means try again later",
        "GoodMessaging Systems: validation",
    ),
    (
        "flt.fail-closed",
        "basic",
        "No message passes unscanned: a filter that is down answers 4xx",
        "GoodMessaging Systems: validation",
    ),
    (
        "flt.encrypted-policy",
        "bronze",
        "There is a rule for archives the scanner cannot open",
        "BSI APP.5.3.A4",
    ),
    (
        "mta.spam-reject",
        "basic",
        "Very spammy mail is refused in the session",
        "GoodMessaging Systems: validation",
    ),
    ("mda.spam-mark", "basic", "Spam below that is marked", "GoodMessaging Systems: validation"),
    (
        "mda.junk-folder",
        "basic",
        "Marked mail goes to Junk on the server, if the user wants",
        "GoodMessaging Systems: validation",
    ),
    (
        "auth.spf-verify",
        "basic",
        "SPF of incoming mail is checked and recorded",
        "RFC 7208; BSI TR-03182-02-M",
    ),
    (
        "auth.dkim-verify",
        "basic",
        "DKIM signatures of incoming mail are checked and recorded",
        "RFC 6376; BSI TR-03182-05-M",
    ),
    ("auth.dmarc-verify", "bronze", "DMARC policy of the sender is followed", "RFC 9989; BSI TR-03182-07-M"),
    (
        "auth.dkim-sign",
        "basic",
        "All outgoing mail is signed with RSA and Ed25519, identity headers oversigned",
        "RFC 6376; RFC 8463; BSI TR-03182-04-M",
    ),
    (
        "auth.ar-header",
        "basic",
        "Results are recorded in Authentication-Results, forged ones removed",
        "RFC 8601 section 5",
    ),
    (
        "auth.no-spoof",
        "basic",
        "Mail from outside cannot claim to come from our users",
        "RFC 9989; Sender requirements of large providers",
    ),
    ("maa.auth", "basic", "Every mailbox access is authenticated", "GoodMessaging Developers"),
    (
        "maa.virtual-domains",
        "basic",
        "The login is the whole address: joe@a and joe@b are two people",
        "GoodMessaging Developers",
    ),
    ("maa.quota", "bronze", "Full mailboxes are refused at RCPT", "Quality assurance thread"),
    ("maa.session-limits", "bronze", "One user cannot occupy the service", "First, do no harm"),
    ("mda.durable", "basic", "A message is on disk before it is acknowledged", "RFC 5321 section 6.1"),
    (
        "dns.validating-resolver",
        "basic",
        "Every host asks a DNSSEC-validating resolver of its own",
        "BSI TR-03108-04-M; RFC 4035",
    ),
    ("dns.fcrdns", "basic", "The host greets with the name its address has in DNS", "RFC 1912 section 2.1"),
    (
        "net.ingress-filter",
        "basic",
        "Only the ports of the model are open",
        "GoodMessaging Systems; RFC 2827",
    ),
    (
        "net.egress-filter",
        "basic",
        "Only what the service needs goes out; only the MTA opens port 25",
        "GoodMessaging Systems; RFC 2827",
    ),
    ("net.ipv6", "basic", "IPv6 equals IPv4", "GoodMessaging Developers"),
    ("net.bcp38", "basic", "Packets with impossible source addresses are dropped", "RFC 2827; RFC 3704"),
    (
        "ops.update-7d",
        "basic",
        "Security updates are installed within a week",
        "GoodMessaging Systems: updates",
    ),
    ("ops.time", "basic", "Clocks are right", "GoodMessaging Systems: logging"),
    ("log.correlate", "basic", "Logs let support follow a message", "GoodMessaging Systems: logging"),
    ("log.access", "basic", "Only administrators read the logs", "postmaster duties"),
    ("log.retention", "basic", "Logs are kept as long as said, no longer", "RFC 5068 section 3.1"),
    ("gov.minimal", "basic", "What is not used is not there", "First, do no harm"),
    ("gov.options-on", "basic", "A setting the service needs is set, not hoped for", "GoodMessaging Systems"),
)
LEVELS = get_args(Level)
CATALOGUE = {row[0]: Control(*row) for row in _ROWS}


@cache
def control(id_: str) -> Reason:
    """The reason "because of this control"."""
    found = CATALOGUE.get(id_)
    if found is None:
        raise GmconfError(f"no control {id_} in the catalogue")
    return Reason("control", found.id, f"{found.title} ({found.sources})")


def listed(name: str | None = None, level: str | None = None) -> list[Control]:
    """Controls by id: one, or those that a level asks for, or all. Raises GmconfError for an unknown name."""
    if name is not None:
        if name not in CATALOGUE:
            near = get_close_matches(name, CATALOGUE, 3)
            hint = f"; did you mean {', '.join(near)}?" if near else "; list them: gmconf controls"
            raise GmconfError(f"no control {name}{hint}")
        return [CATALOGUE[name]]
    if level not in (None, *LEVELS):
        raise GmconfError(f"no level {level}; there are {', '.join(LEVELS)}")
    reach = LEVELS[: LEVELS.index(level) + 1] if level else LEVELS
    return [control for _, control in sorted(CATALOGUE.items()) if control.level in reach]
