"""Port 25: for whom mail is taken, what is said about it, how long it is tried, what is bounced and what is traced."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import DomainCase, HostCase, SiteCase
from gmconf.controls.control import BY_MTA, Control
from gmconf.controls.expect import (
    NOTHING,
    AtLeast,
    AtMost,
    First,
    Guarded,
    Has,
    Model,
    OneOf,
    Only,
    OnMsa,
    Within,
    exactly,
)
from gmconf.controls.files import ACTIONS, DOVECOT, LUA, MAIN, MAPS, MASTER, PROXY, RSPAMD
from gmconf.controls.result import Observation
from gmconf.controls.routes import milter
from gmconf.derived.limits import chain
from gmconf.model import Role

CHECKS = (
    "reject_",
    f"check_recipient_access lmdb:{MAPS}/",
    f"check_client_access cidr:{MAPS}/",
    f"check_sender_access lmdb:{MAPS}/",
    "check_policy_service ",
)


def _own(case: HostCase) -> list[str]:
    """Hosts that hand mail over which they have had judged, or need not."""
    if not case.has(Role.MTA):
        return []
    others = [h for h in case.site.hosts if h.name != case.host.name and not {Role.MTA} & set(h.roles)]
    return [f"[{a}]/128" if ":" in a else f"{a}/32" for h in others for a in h.addresses]


class Present(Control):
    """A mail transfer agent runs on a server of the site.

    Without an MTA of its own a site cannot hold to anything that is asked of one.
    """

    id, level, sources = "mta.present", "basic", ("H:mta",)
    live = ("smtp",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """At least one host has the role."""
        names = [h.name for h in case.site.hosts if Role.MTA in h.roles]
        yield Observation("a host with role mta", ", ".join(names) or "none", bool(names), "hosts")


class LocalOnly(Control):
    """Port 25 takes mail for this site's own domains only, from anyone.

    An open relay is found within hours, sends other people's spam, and gets the site's addresses listed. Port 25
    therefore has no login at all: one socket cannot prove both "no relay" and "users may send".
    """

    id, level = "mta.local-only", "basic"
    sources = ("G:6a", "M:34", "F:21", "RFC 2505 section 2.1")
    settings: ClassVar = {
        MAIN: {
            "mynetworks": Model(_own, "hosts of this site without a filter"),
            "mydestination": "",
            "relay_domains": NOTHING,
            "permit_mx_backup_networks": NOTHING,
            "parent_domain_matches_subdomains": "",
            "virtual_mailbox_domains": Model(
                lambda c: f"lmdb:{MAPS}/domains" if c.has(Role.MTA, Role.MSA) else "", "the site's domains"
            ),
            "strict_rfc821_envelopes": True,
            "allow_percent_hack": False,
            "swap_bangpath": False,
            "resolve_dequoted_address": True,
            "smtpd_relay_before_recipient_restrictions": True,
            "smtpd_sasl_auth_enable": False,
            "smtpd_relay_restrictions": (
                Only("permit_mynetworks", "reject_unauth_destination"),
                Has("reject_unauth_destination"),
            ),
        },
        MASTER: {
            "postscreen": Model(
                lambda c: "postscreen" if c.has(Role.MTA) else "", "postscreen in front of port 25, on MTA hosts only"
            )
        },
    }
    live = ("relay", "no-auth-on-25")


class RecipientValidation(Control):
    """Unknown recipients are refused at RCPT.

    What is accepted and cannot be delivered must be returned, and with a forged sender the notice hits a stranger. A
    catch-all knows every address; it has to end in a mailbox here, since another server may refuse what is passed on to
    it.
    """

    id, level = "mta.recipient-validation", "basic"
    sources = ("RFC 5321 section 6.2", "RFC 2505 section 2.10")
    on = (Role.MTA, Role.MSA)
    settings: ClassVar = {
        MAIN: {
            "smtpd_recipient_restrictions": (Has("reject_unlisted_recipient"), Guarded(("permit_mynetworks",), CHECKS)),
            "submission_recipient_restrictions": (
                OnMsa(Has("reject_non_fqdn_recipient", "reject_unlisted_recipient")),
                OnMsa(Guarded(("permit_sasl_authenticated",), ("reject",))),
            ),
            "virtual_mailbox_maps": f"lmdb:{MAPS}/mailboxes",
            "virtual_alias_maps": [f"lmdb:{MAPS}/host-aliases", f"lmdb:{MAPS}/aliases"],
            "unknown_virtual_mailbox_reject_code": NOTHING,
            "unknown_virtual_alias_reject_code": NOTHING,
            "unknown_relay_recipient_reject_code": NOTHING,
            "soft_bounce": NOTHING,
        }
    }
    files = (f"{MAPS}/mailboxes", f"{MAPS}/aliases")
    live = ("unknown-recipient",)

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """Where a catch-all ends."""
        if case.domain.catch_all:
            away = sorted(t for t in case.mail.ends(case.domain.catch_all) if not case.mail.has(t))
            yield Observation(
                f"mail to unknown addresses of {case.domain.name} ends in a mailbox here",
                f"it goes to {', '.join(away)}" if away else "it does",
                not away,
                "domains",
                remedy=(
                    f"let the catch-all of {case.domain.name} lead to a mailbox of the site, or list the addresses as"
                    " aliases"
                ),
            )


class BannerMin(Control):
    """The greeting says the host's name and ESMTP, no product or version.

    RFC 5321 wants the name; a version only helps whoever looks for a hole in it.
    """

    id, level, sources = "mta.banner-min", "basic", ("F:46", "RFC 5321 section 4.2")
    settings: ClassVar = {
        MAIN: {"smtpd_banner": "$myhostname ESMTP", "postscreen_greet_banner": "$smtpd_banner"},
        "/etc/dovecot/dovecot.conf": {"greeting": "ready"},
    }
    live = ("banner", "imap")


class Smuggling(Control):
    """A message ends with CR LF . CR LF only.

    Servers that take a bare line feed for the end let a stranger hide a second message, with a forged sender, in the
    first.
    """

    id, level, sources = "mta.smuggling", "basic", ("CVE-2023-51764",)
    settings: ClassVar = {
        MAIN: {
            "smtpd_forbid_bare_newline": "normalize",
            "smtpd_forbid_bare_newline_exclusions": "",
            "smtpd_forbid_unauth_pipelining": True,
            "cleanup_replace_stray_cr_lf": True,
            "smtpd_data_restrictions": OneOf("reject_unauth_pipelining", ["reject_unauth_pipelining"]),
        }
    }
    live = ("pipelining",)


class Helo(Control):
    """HELO is asked for and must be well-formed, but need not match DNS.

    RFC 5321 forbids to refuse mail only because the name does not resolve to the client.
    """

    id, level, sources = "mta.helo", "basic", ("F:25", "RFC 5321 section 4.1.4")
    on = BY_MTA
    settings: ClassVar = {
        MAIN: {
            "smtpd_helo_required": True,
            "smtpd_recipient_restrictions": Has("reject_invalid_helo_hostname", "reject_non_fqdn_helo_hostname"),
        }
    }
    live = ("helo",)


class NullSender(Control):
    """The null sender is always accepted, and so are our own names as sender of a notice.

    Notices come from <>; who refuses them never learns that a message did not arrive.
    """

    id, level = "mta.null-sender", "basic"
    sources = ("RFC 5321 section 4.5.5", "RFC 2505 section 2.6")
    on = BY_MTA
    settings: ClassVar = {
        MAIN: {
            "smtpd_recipient_restrictions": First(
                f"check_recipient_access lmdb:{MAPS}/exempt", "reject_non_fqdn_sender"
            )
        }
    }
    live = ("null-sender",)


class SizeLimit(Control):
    """Oversize is refused at MAIL, and nothing larger than the scanners read is accepted.

    A sender told in the dialogue knows at once; what a scanner cannot read whole must not pass unread.
    """

    id, level, sources = "mta.size-limit", "basic", ("P:81", "RFC 1870")
    settings: ClassVar = {
        MAIN: {"message_size_limit": Model(lambda c: chain(c.site).message_size, "limits.message_size")}
    }
    live = ("size",)


class NoProbing(Control):
    """VRFY, EXPN and ETRN give nothing away.

    They tell a stranger which addresses exist, or make the queue run on demand. Nor are success notices (DSN) promised.
    """

    id, level = "mta.no-probing", "basic"
    sources = ("P:35", "RFC 2505 section 2.11", "RFC 2505 section 2.12")
    settings: ClassVar = {
        MAIN: {
            "disable_vrfy_command": True,
            "smtpd_etrn_restrictions": "reject",
            "fast_flush_domains": "",
            "smtpd_discard_ehlo_keywords": exactly("silent-discard", "dsn", "etrn"),
        }
    }
    live = ("vrfy",)


def _every_host(case: HostCase) -> list[str]:
    return [f"[{a}]" if ":" in a else a for host in case.site.hosts for a in host.addresses]


class RefuseLists(Control):
    """Senders without a domain that exists are refused, and so is whom the site blocks.

    A sender that cannot be answered cannot be told of a failure either. The former are asked to come again: a resolver
    that is wrong says that nobody exists, and must not cost any mail.
    """

    id, level = "mta.refuse-lists", "basic"
    sources = ("RFC 2505 section 2.5", "RFC 2505 section 2.7", "RFC 2505 section 2.9", "RFC 2505 section 2.13")
    on = BY_MTA
    settings: ClassVar = {
        MAIN: {
            "smtpd_recipient_restrictions": Has("reject_non_fqdn_sender", "reject_unknown_sender_domain"),
            "unknown_address_reject_code": 450,
        }
    }
    live = ("sender-domain",)


class Blocklist(Control):
    """Senders and clients that the site blocks are refused, each with a reason and a date of review.

    A permanent ban outlives its cause. An entry past its date is a finding, so that somebody looks at it again.
    """

    id, level, sources = "mta.blocklist", "basic", ("P:111", "P:122")
    on = BY_MTA
    settings: ClassVar = {
        MAIN: {
            "smtpd_recipient_restrictions": Has(
                f"check_client_access cidr:{MAPS}/blocked-clients", f"check_sender_access lmdb:{MAPS}/blocked-senders"
            )
        }
    }
    files = (f"{MAPS}/blocked-clients", f"{MAPS}/blocked-senders")

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """No entry is past its date."""
        for number, block in enumerate(case.site.filter.blocks):
            what = f"{block.sender or block.client} reviewed by {block.review_by}"
            yield Observation(
                what, f"today is {case.today}", block.review_by >= case.today, f"filter.blocks[{number}].review_by"
            )


class Retry(Control):
    """Mail is retried for days before it is returned.

    The standard says four to five days: a server that is down over a weekend loses nothing.
    """

    id, level, sources = "mta.retry", "basic", ("RFC 5321 section 4.5.4",)
    settings: ClassVar = {
        MAIN: {
            "maximal_queue_lifetime": Within(86400, 5 * 86400, "limits.queue_life, one to five days"),
            "bounce_queue_lifetime": Within(86400, 5 * 86400, "limits.queue_life, one to five days"),
        }
    }


class TimeoutsLimits(Control):
    """Time-outs, recipients and hops are at least as large as the standard asks.

    Smaller ones break mail with servers that do nothing wrong.
    """

    id, level = "mta.timeouts-limits", "basic"
    sources = ("F:25", "RFC 5321 section 4.5.3", "RFC 5321 section 6.3")
    settings: ClassVar = {
        MAIN: {
            "unverified_sender_reject_code": 450,
            "smtpd_recipient_limit": AtLeast(100),
            "hopcount_limit": Within(100, 1000, "100 to 1000"),
        }
    }
    live = ("recipients",)


class FloodControl(Control):
    """One client cannot occupy the service.

    Connections, errors and talking too early are bounded for each client, so that a flood slows its sender down first.
    """

    id, level, sources = "mta.flood-control", "basic", ("P:139", "RFC 2505 section 2.8")
    settings: ClassVar = {
        MAIN: {
            "default_process_limit": AtLeast(50),
            "smtpd_client_connection_count_limit": AtMost(50),
            "smtpd_client_connection_rate_limit": AtMost(3000),
            "smtpd_client_event_limit_exceptions": Model(
                lambda c: ["$mynetworks", *_every_host(c)], "only the hosts of this site"
            ),
            "smtpd_error_sleep_time": (AtLeast(1), AtMost(10)),
            "smtpd_soft_error_limit": AtMost(10),
            "smtpd_hard_error_limit": AtMost(20),
            "postscreen_access_list": (
                Has("permit_mynetworks", "cidr:"),
                Only("permit_mynetworks", f"cidr:{MAPS}/postscreen-access"),
            ),
            "postscreen_greet_action": "enforce",
            "postscreen_greet_wait": "${stress?{1}:{2}}s",
            "postscreen_cache_map": "lmdb:$data_directory/postscreen_cache",
        },
        "/etc/nftables.conf": {
            "limited_tcp": Model(lambda c: 25 if c.has(Role.MTA) else 0, "port 25 on MTA hosts"),
            "per_client": AtMost(1000),
        },
    }
    on = BY_MTA
    files = (f"{MAPS}/postscreen-access",)


class NoBackscatter(Control):
    """No notice goes to outside senders after acceptance.

    Their addresses may be forged. What fails later, as at a server that an alias or a mailbox passes mail on to, goes
    to the postmaster. What users' scripts write (vacation, reject) passes the filter, which lets no answer go to a
    sender whom nothing proved.
    """

    id, level, sources = (
        "mta.no-backscatter",
        "basic",
        ("P:81", "RFC 5321 section 6.1", "RFC 5321 section 6.2", "RFC 3834"),
    )
    on = (Role.MTA, Role.MSA, Role.FILTER, Role.STORE)
    settings: ClassVar = {
        DOVECOT: {"sieve.sends": "127.0.0.1:10026"},
        MAIN: {
            "bounce_size_limit": AtMost(50000),
            "internal_mail_filter_classes": "bounce",
            "non_smtpd_milters": Model(
                milter, "the filter, on hosts that send: it redirects notices about mail from outside"
            ),
        },
        LUA: {
            "postmaster": Model(lambda c: c.site.organisation.postmaster, "organisation.postmaster"),
            "host_mail": "gmconf-own",
        },
        f"{RSPAMD}/notices.lua": {},
    }


class EightBit(Control):
    """8BITMIME and PIPELINING are offered as standards define them, and nothing is offered that cannot be kept.

    Text in other scripts arrives unharmed. SMTPUTF8 is not offered: the LMTP of Dovecot 2.3 and 2.4 does not take it,
    so that Postfix would accept such a message and then return it. Addresses in other scripts have to wait for that.
    """

    id, level, sources = "mta.8bit-eai", "basic", ("RFC 6152", "RFC 6531")
    settings: ClassVar = {MAIN: {"smtputf8_enable": False}}
    live = ("extensions",)


class Trace(Control):
    """Received lines and logs let every message be traced.

    A complaint can only be answered if it can be told who handed a message in, when, from where, and how it was
    protected.
    """

    id, level = "mta.trace", "basic"
    sources = ("RFC 2505 section 2.2", "RFC 2505 section 2.3", "RFC 2505 section 2.4", "RFC 5068")
    settings: ClassVar = {MAIN: {"smtpd_tls_loglevel": 1, "smtp_tls_loglevel": 1}}


class SpamReject(Control):
    """What is certainly spam is refused in the dialogue.

    The sender's server keeps the message and its owner is told; nothing vanishes, and no notice goes to a forged
    sender.
    """

    id, level, sources = "mta.spam-reject", "basic", ("G:9",)
    on = (Role.FILTER,)
    settings: ClassVar = {
        PROXY: {"reject_message": "Refused: this looks like spam"},
        ACTIONS: {"reject": Model(lambda c: c.site.filter.reject, "filter.reject")},
    }
    live = ("spam",)
