"""Receiving mail from and sending it to the world: port 25."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import Claim, DomainCase, HostCase, SiteCase
from gmconf.controls.control import Control, Evidence, Fact
from gmconf.controls.files import ACTIONS, LUA, MAIN, MAPS, MASTER, PROXY, RSPAMD
from gmconf.controls.wants import AtLeast, AtMost, First, Guarded, Has, Model, OneOf, Only, Within, exactly
from gmconf.directory import OPERATOR_ADDRESSES, ROLE_ADDRESSES, Directory
from gmconf.limits import chain
from gmconf.model import Role

BY_MTA = (Role.MTA,)
BY_MSA = (Role.MSA,)
CHECKS = (
    "reject_", f"check_recipient_access lmdb:{MAPS}/", f"check_client_access cidr:{MAPS}/", f"check_sender_access lmdb:{MAPS}/",
    "check_policy_service ",
)  # fmt: skip
_REPORT = "check_sender_access static:{PREPEND X-Report-Abuse: "


def _own(case: HostCase) -> list[str]:
    """Hosts that hand mail over which they have had judged, or need not."""
    if not case.has(Role.MTA):
        return []
    others = [h for h in case.site.hosts if h.name != case.host.name and not {Role.MTA} & set(h.roles)]
    return [f"[{a}]/128" if ":" in a else f"{a}/32" for h in others for a in h.addresses]


def _every_host(case: HostCase) -> list[str]:
    return [f"[{a}]" if ":" in a else a for host in case.site.hosts for a in host.addresses]


def reaching(mail: Directory, address: str) -> list[str]:
    """Who gets what is sent to an address; accounts that nobody may log in to do not count."""
    closed = {a.login for a in mail.accounts if a.suspended or not a.receive}
    return [name for name in mail.aliases.get(address, (address,)) if name not in closed and (name != address or mail.has(name))]


class Present(Control):
    """A mail transfer agent runs on a server of the site.

    Without an MTA of its own a site cannot hold to anything that is asked of one.
    """

    id, level, sources = "mta.present", "basic", ("H:mta",)
    live = ("smtp",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """At least one host has the role."""
        names = [h.name for h in case.site.hosts if Role.MTA in h.roles]
        yield Claim("a host with role mta", ", ".join(names) or "none", bool(names), "hosts")


class LocalOnly(Control):
    """Port 25 takes mail for this site's own domains only, from anyone.

    An open relay is found within hours, sends other people's spam, and gets the site's addresses listed. Port 25 therefore
    has no login at all: one socket cannot prove both "no relay" and "users may send".
    """

    id, level = "mta.local-only", "basic"
    sources = ("G:6a", "M:34", "F:21", "RFC 2505 section 2.1")
    settings: ClassVar = {
        MAIN: {
            "mynetworks": Model(lambda c: ["127.0.0.0/8", "[::1]/128", *_own(c)], "loopback and hosts of this site without a filter"),
            "strict_rfc821_envelopes": True,
            "allow_percent_hack": False,
            "swap_bangpath": False,
            "resolve_dequoted_address": True,
            "smtpd_relay_before_recipient_restrictions": True,
            "smtpd_sasl_auth_enable": False,
            "smtpd_relay_restrictions": (Only("permit_mynetworks", "reject_unauth_destination"), Has("reject_unauth_destination")),
        },
        MASTER: {"postscreen": Model(lambda c: "postscreen" if c.has(Role.MTA) else "", "postscreen in front of port 25, on MTA hosts only")},
    }
    live = ("relay", "no-auth-on-25")


class RecipientValidation(Control):
    """Unknown recipients are refused at RCPT.

    What is accepted and cannot be delivered must be returned, and with a forged sender the notice hits a stranger.
    """

    id, level = "mta.recipient-validation", "basic"
    sources = ("RFC 5321 section 6.2", "RFC 2505 section 2.10")
    on = (Role.MTA, Role.MSA)
    settings: ClassVar = {
        MAIN: {
            "smtpd_recipient_restrictions": (Has("reject_unlisted_recipient"), Guarded(("permit_mynetworks",), CHECKS)),
            "submission_recipient_restrictions": (Has("reject_non_fqdn_recipient", "reject_unlisted_recipient"), Guarded(("permit_sasl_authenticated",), ("reject",))),
            "virtual_mailbox_maps": f"lmdb:{MAPS}/mailboxes",
        }
    }
    files = (f"{MAPS}/mailboxes", f"{MAPS}/aliases")
    live = ("unknown-recipient",)


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

    Servers that take a bare line feed for the end let a stranger hide a second message, with a forged sender, in the first.
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
    settings: ClassVar = {MAIN: {"smtpd_recipient_restrictions": First(f"check_recipient_access lmdb:{MAPS}/exempt", "reject_non_fqdn_sender")}}
    live = ("null-sender",)


class SizeLimit(Control):
    """Oversize is refused at MAIL, and nothing larger than the scanners read is accepted.

    A sender told in the dialogue knows at once; what a scanner cannot read whole must not pass unread.
    """

    id, level, sources = "mta.size-limit", "basic", ("P:81", "RFC 1870")
    settings: ClassVar = {MAIN: {"message_size_limit": Model(lambda c: chain(c.site).message_size, "limits.message_size")}}
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


class RefuseLists(Control):
    """Senders without a domain that exists are refused, and so is whom the site blocks.

    A sender that cannot be answered cannot be told of a failure either.
    """

    id, level = "mta.refuse-lists", "basic"
    sources = ("RFC 2505 section 2.5", "RFC 2505 section 2.7", "RFC 2505 section 2.9", "RFC 2505 section 2.13")
    on = BY_MTA
    settings: ClassVar = {
        MAIN: {"smtpd_recipient_restrictions": Has("reject_non_fqdn_sender", "reject_unknown_sender_domain"), "unknown_address_reject_code": 550}
    }
    live = ("sender-domain",)


class Blocklist(Control):
    """Senders and clients that the site blocks are refused, each with a reason and a date of review.

    A permanent ban outlives its cause. An entry past its date is a finding, so that somebody looks at it again.
    """

    id, level, sources = "mta.blocklist", "basic", ("P:111", "P:122")
    on = BY_MTA
    settings: ClassVar = {
        MAIN: {"smtpd_recipient_restrictions": Has(f"check_client_access cidr:{MAPS}/blocked-clients", f"check_sender_access lmdb:{MAPS}/blocked-senders")}
    }
    files = (f"{MAPS}/blocked-clients", f"{MAPS}/blocked-senders")

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Claim]:
        """No entry is past its date."""
        for number, block in enumerate(case.site.filter.blocks):
            what = f"{block.sender or block.client} reviewed by {block.review_by}"
            yield Claim(what, f"today is {case.today}", block.review_by >= case.today, f"filter.blocks[{number}].review_by")


class Retry(Control):
    """Mail is retried for days before it is returned.

    The standard says four to five days: a server that is down over a weekend loses nothing.
    """

    id, level, sources = "mta.retry", "basic", ("RFC 5321 section 4.5.4",)
    settings: ClassVar = {
        MAIN: {"maximal_queue_lifetime": Within(86400, 5 * 86400, "limits.queue_life, one to five days"),
               "bounce_queue_lifetime": Within(86400, 5 * 86400, "limits.queue_life, one to five days")}
    }  # fmt: skip


class TimeoutsLimits(Control):
    """Time-outs, recipients and hops are at least as large as the standard asks.

    Smaller ones break mail with servers that do nothing wrong.
    """

    id, level = "mta.timeouts-limits", "basic"
    sources = ("F:25", "RFC 5321 section 4.5.3", "RFC 5321 section 6.3")
    settings: ClassVar = {MAIN: {"unverified_sender_reject_code": 450, "smtpd_recipient_limit": AtLeast(100), "hopcount_limit": Within(100, 1000, "100 to 1000")}}
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
            "smtpd_client_event_limit_exceptions": Model(lambda c: ["$mynetworks", *_every_host(c)], "only the hosts of this site"),
            "smtpd_error_sleep_time": (AtLeast(1), AtMost(10)),
            "smtpd_soft_error_limit": AtMost(10),
            "smtpd_hard_error_limit": AtMost(20),
            "postscreen_access_list": (Has("permit_mynetworks", "cidr:"), Only("permit_mynetworks", f"cidr:{MAPS}/postscreen-access")),
            "postscreen_greet_action": "enforce",
            "postscreen_greet_wait": "${stress?{1}:{2}}s",
            "postscreen_cache_map": "lmdb:$data_directory/postscreen_cache",
        },
        "/etc/nftables.conf": {"limited_tcp": Model(lambda c: 25 if c.has(Role.MTA) else 0, "port 25 on MTA hosts"), "per_client": AtMost(1000)},
    }
    on = BY_MTA
    files = (f"{MAPS}/postscreen-access",)


class NoBackscatter(Control):
    """No notice goes to outside senders after acceptance.

    Their addresses may be forged. What fails later goes to the postmaster of this site.
    """

    id, level, sources = "mta.no-backscatter", "basic", ("P:81", "RFC 5321 section 6.1", "RFC 5321 section 6.2", "RFC 3834")
    settings: ClassVar = {
        MAIN: {"bounce_size_limit": AtMost(50000)},
        LUA: {"postmaster": Model(lambda c: c.site.organisation.postmaster, "organisation.postmaster")},
    }


class EightBit(Control):
    """8BITMIME and PIPELINING are offered as standards define them, and nothing is offered that cannot be kept.

    Text in other scripts arrives unharmed. SMTPUTF8 is not offered: the LMTP of Dovecot 2.3 and 2.4 does not take it, so that
    Postfix would accept such a message and then return it. Addresses in other scripts have to wait for that.
    """

    id, level, sources = "mta.8bit-eai", "basic", ("RFC 6152", "RFC 6531")
    settings: ClassVar = {MAIN: {"smtputf8_enable": False}}
    live = ("extensions",)


class Trace(Control):
    """Received lines and logs let every message be traced.

    A complaint can only be answered if it can be told who handed a message in, when, from where, and how it was protected.
    """

    id, level = "mta.trace", "basic"
    sources = ("RFC 2505 section 2.2", "RFC 2505 section 2.3", "RFC 2505 section 2.4", "RFC 5068")
    settings: ClassVar = {MAIN: {"smtpd_tls_loglevel": 1, "smtp_tls_loglevel": 1}}


class SpamReject(Control):
    """What is certainly spam is refused in the dialogue.

    The sender's server keeps the message and its owner is told; nothing vanishes, and no notice goes to a forged sender.
    """

    id, level, sources = "mta.spam-reject", "basic", ("G:9",)
    on = (Role.FILTER,)
    settings: ClassVar = {
        PROXY: {"reject_message": "Refused: this looks like spam"},
        ACTIONS: {"reject": Model(lambda c: c.site.filter.reject, "filter.reject")},
    }
    live = ("spam",)


class Postmaster(Control):
    """postmaster, with and without domain, takes mail from anyone.

    The one address that RFC 5321 says must work is how others tell us that something is wrong; no filter may stand before it.
    """

    id, level = "role.postmaster", "basic"
    sources = ("P:9", "P:16", "RFC 5321 section 4.5.1")
    on = BY_MTA
    settings: ClassVar = {
        MAIN: {
            "smtpd_recipient_restrictions": (
                First(f"check_recipient_access lmdb:{MAPS}/exempt", "reject_unknown_sender_domain"),
                First(f"check_recipient_access lmdb:{MAPS}/host-exempt", "reject_unknown_sender_domain"),
            ),
            "virtual_alias_domains": ["$myhostname", f"lmdb:{MAPS}/alias-domains"],
        },
        f"{RSPAMD}/settings.conf": {"roles": "gm_roles", "never": AtLeast(1000)},
    }
    files = (f"{MAPS}/host-aliases", f"{MAPS}/host-exempt", f"{MAPS}/exempt")
    live = ("postmaster",)


class Abuse(Control):
    """abuse@ exists for every domain and reaches a person; the customer's own if one is named, else the operator.

    A copy of customers' abuse mail to the operator is off unless ``organisation.abuse_copy`` says so: it is their mail.
    """

    id, level = "role.abuse", "basic"
    sources = ("M:13", "RFC 2142")
    on = (Role.FILTER,)
    settings: ClassVar = {f"{RSPAMD}/settings.conf": {"roles": "gm_roles", "never": AtLeast(1000)}}
    live = ("abuse",)

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Claim]:
        """The address leads somewhere."""
        if case.domain.kind == "hosted":
            address = f"abuse@{case.domain.name}"
            reached = reaching(case.mail, address)
            yield Claim(f"{address} reaches somebody", ", ".join(reached) or "nobody", bool(reached), "domains")


class RoleAddresses(Control):
    """The addresses that RFC 2142 names for the services of this site lead to somebody.

    postmaster@ and abuse@ in every domain; hostmaster@, noc@ and security@ in the domain of the postmaster, who runs DNS, network
    and hosts. They go to the postmaster unless the site names somebody else.
    """

    id, level, sources = "role.rfc2142", "basic", ("P:16", "RFC 2142")

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Claim]:
        """Each address is an alias or a mailbox."""
        if case.domain.kind != "hosted":
            return
        own = case.site.organisation.postmaster.rpartition("@")[2] == case.domain.name
        for role in (*ROLE_ADDRESSES, *(OPERATOR_ADDRESSES if own else ())):
            reached = reaching(case.mail, f"{role}@{case.domain.name}")
            yield Claim(f"{role}@{case.domain.name} reaches somebody", ", ".join(reached) or "nobody", bool(reached), "domains")


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
    files = (f"{RSPAMD}/ratelimit.conf", f"{RSPAMD}/ratelimit.lua", f"{RSPAMD}/maps.d/limits.map")


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

    What we ask of others we must give: matching names, SPF, two DKIM signatures, TLS. The live tests send from one host of a
    site to another that applies all of this.
    """

    id, level, sources = "out.self-check", "basic", ("F:6",)
    evidence = Evidence("a message to a strict receiver or a public test page that scored without a finding", 366)


class Static(Control):
    """Mail leaves from addresses that are ours for good.

    Dynamically assigned addresses are listed as such, their owner of yesterday has spoilt them, and their names are not ours.
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
    """A second path out is kept warm: another data centre, with DNS that covers it, used for a small share all the time.

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
        MAIN: {"smtp_bind_address": Model(lambda c: str(c.host.sends_from.address) if c.host.sends_from else "", "hosts[].sends_from")}
    }

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Claim]:
        """A host that sends from another address than its first says why; and there is one to switch to."""
        host = case.host
        spare = [a for a in host.addresses if ":" not in a]
        yield Claim("a second IPv4 address to switch to", ", ".join(spare), len(spare) > 1, "hosts")


class ClosedLoop(Control):
    """Nobody is put on a list without having confirmed it from the address itself.

    Else anybody can subscribe anybody. This site runs no lists unless ``policies.bulk`` says so.
    """

    id, level, sources = "list.coi", "basic", ("F:34",)
    evidence = Evidence("the list program's set-up: a subscription takes effect when its address has confirmed it", 366)

    @classmethod
    def applies(cls, case: SiteCase) -> str:
        """Only where lists are run."""
        return "" if case.site.policies and case.site.policies.bulk else "the site sends no bulk mail (policies.bulk)"


class OneClick(Control):
    """Every message of a list can be left with one click, and without a browser.

    Both ways, a web address and a mail address, and a signature that covers them. Large receivers refuse bulk mail without it.
    This site runs no lists unless ``policies.bulk`` says so.
    """

    id, level = "list.one-click", "basic"
    sources = ("F:34", "RFC 8058", "large mailbox providers (2024): one-click unsubscribe above 5,000 messages a day")
    evidence = Evidence("the list program's set-up: List-Unsubscribe (https and mailto), List-Unsubscribe-Post, honoured within two days", 366)

    @classmethod
    def applies(cls, case: SiteCase) -> str:
        """Only where lists are run."""
        return "" if case.site.policies and case.site.policies.bulk else "the site sends no bulk mail (policies.bulk)"


class Feedback(Control):
    """The site is enrolled in the feedback loops of the large receivers.

    Their users' complaints reach us before their filters do something about it.
    """

    id, level, sources = "rep.fbl", "bronze", ("Q:52", "RFC 5965", "RFC 6449")
    facts = (Fact("procedures.registrations", least=1),)
    evidence = Evidence("the list of feedback loops and where their reports go", 366)


class Listed(Control):
    """Every sending address and domain is looked up in the blocklists that matter.

    Being listed is noticed in minutes instead of with the first complaint.
    """

    id, level, sources = "rep.rbl-monitor", "bronze", ("Q:53", "BSI IT-Grundschutz APP.5.3.A12")
    evidence = Evidence("the monitoring of blocklists for every sending address", 184)


class Reputation(Control):
    """The reputation of sending addresses and domains is watched where large receivers show it.

    Complaint rates above three in a thousand make them refuse mail (one in a thousand is the goal).
    """

    id, level = "rep.watch", "bronze"
    sources = ("Q:54a", "large mailbox providers (2024): reported spam below 0.3 %")
    evidence = Evidence("access to the receivers' postmaster pages and who looks at them", 184)
