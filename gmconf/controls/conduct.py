"""How the MTA behaves: whom it refuses, how long it tries, what it bounds, what it leaves to be traced."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.authentication import milter
from gmconf.controls.case import Claim, HostCase, SiteCase
from gmconf.controls.control import Control
from gmconf.controls.expect import AtLeast, AtMost, Has, Model, Only, Within
from gmconf.controls.files import ACTIONS, DOVECOT, LUA, MAIN, MAPS, PROXY
from gmconf.model import Role

BY_MTA = (Role.MTA,)


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
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """No entry is past its date."""
        for number, block in enumerate(case.site.filter.blocks):
            what = f"{block.sender or block.client} reviewed by {block.review_by}"
            yield Claim(
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
