"""Procedures that people follow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import HostCase, SiteCase
from gmconf.controls.control import Control, Evidence, Fact
from gmconf.controls.expect import AtMost, Model
from gmconf.controls.files import APT, DOVECOT, ISOLATE, LUA, NEEDRESTART, PROSODY, RSPAMD
from gmconf.controls.net import admin
from gmconf.controls.result import Observation
from gmconf.model import Role


class LogReview(Control):
    """Somebody reads what the logs add up to, regularly.

    Abuse that no rule knows yet shows in numbers first.
    """

    id, level, sources = "prc.log-review", "basic", ("F:23c",)
    evidence = Evidence("who reads the summary of the logs, how often, and when last", 31)


class IncidentLogs(Control):
    """Logs survive the host they are about.

    Whoever breaks in wipes them first.
    """

    id, level, sources = "prc.incident-logs", "basic", ("P:120",)
    evidence = Evidence("where the hosts' journals are copied to, and who can delete there", 366)


REVIEW_DAYS, LIFETIME = 731, 100 * 366
SUSPENDED = "/etc/dovecot/suspended"
ENDS = "/usr/local/lib/gmconf/end-"
"""How the programs begin that end sessions of single accounts."""


class AbuseProcedure(Control):
    """There is a procedure for complaints about spam.

    Who complains does us a favour; the procedure says what happens with it.
    """

    id, level, sources = "prc.abuse", "basic", ("G:11a",)
    facts = (Fact("procedures.abuse_answer"),)
    documents = ("abuse",)


class AbuseWeek(Control):
    """Every complaint is answered within a week.

    The ticket system, or whoever takes it, says at once that it has come; this is about the answer of a person.
    """

    id, level, sources = "prc.abuse-sla", "basic", ("G:11b",)
    facts = (Fact("procedures.abuse_answer", most=7 * 86400),)
    documents = ("abuse",)


class AbuseTwoDays(Control):
    """Every complaint is answered within two working days.

    What is exceptional today is that somebody answers while it still matters.
    """

    id, level, sources = "prc.abuse-2d", "bronze", ("G:11b", "P:56")
    facts = (Fact("procedures.abuse_answer", most=2 * 86400),)
    documents = ("abuse",)


class AbuseDay(Control):
    """Every complaint is answered within a day.

    A spam run lasts hours.
    """

    id, level, sources = "prc.abuse-1d", "silver", ("G:11b", "P:56")
    facts = (Fact("procedures.abuse_answer", most=86400),)
    documents = ("abuse",)


class AbuseStop(Control):
    """Abuse from our own accounts is stopped, and stays stopped.

    The runbook suspends the account, ends its sessions and holds its queue with commands that were tried on these
    hosts.
    """

    id, level, sources = "prc.abuse-stop", "basic", ("G:11c", "P:129")
    on = (Role.STORE, Role.MSA, Role.FILTER)
    settings: ClassVar = {
        DOVECOT: {"auth.suspended": SUSPENDED},
        LUA: {"suspended": f"{RSPAMD}/maps.d/suspended.map"},
        PROSODY: {"shell": "/run/prosody/shell"},
    }
    documents = ("abuse", "runbooks")

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """Who may log in no more, whose sessions a roll-out ends, and whose mail is refused in those that were open."""
        ends = ((Role.STORE, "sessions"), (Role.MSA, "submissions"), (Role.CHAT, "chats"), (Role.NEWS, "readers"))
        files = (
            ((Role.STORE, Role.MSA), SUSPENDED),
            ((Role.FILTER,), f"{RSPAMD}/maps.d/suspended.map"),
            *(((role,), f"{ENDS}{name}") for role, name in ends),
        )
        for roles, file in files:
            if case.has(*roles):
                yield from case.there(file)


class Graduated(Control):
    """A customer gets the chance to solve his own problem, unless it cannot wait.

    Notify, limit, suspend, in this order; a compromised account is suspended first.
    """

    id, level, sources = "prc.abuse-graduated", "bronze", ("M:22",)
    documents = ("abuse",)


class Updates(Control):
    """There is a procedure for updates of software and signatures.

    The hosts do it by themselves; the procedure says what happens when they cannot.
    """

    id, level, sources = "prc.updates", "basic", ("G:12a",)
    settings: ClassVar = {APT: {"update": AtMost(7), "upgrade": AtMost(7)}, NEEDRESTART: {"restart": "a"}}
    documents = ("updates",)


class Written(Control):
    """The postmaster's duties are written down.

    So that they are done the same way by whoever has the duty.
    """

    id, level, sources = "prc.written", "basic", ("P:6a", "P:23", "P:50", "P:104")
    documents = ("postmaster",)


class Training(Control):
    """Whoever has the duty was trained for it.

    A manual nobody has read is of no use at three in the morning.
    """

    id, level, sources = "prc.training", "basic", ("P:6b", "BSI IT-Grundschutz APP.5.3.A7")
    facts = (Fact("procedures.trained", least=1),)
    documents = ("postmaster",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """Everybody on duty was, on a day that has passed."""
        procedures = case.site.procedures
        if procedures and procedures.trained:
            trained = {person.name for person in procedures.trained if case.within(person.day, LIFETIME)}
            missing = [person.name for person in procedures.duty if person.name not in trained]
            yield Observation(
                "everybody in procedures.duty was trained",
                f"not {', '.join(missing)}" if missing else "they were",
                not missing,
                "procedures.trained",
                remedy="add them to procedures.trained, spelled as in procedures.duty, with the day",
            )


class Daily(Control):
    """postmaster@ is read at least once a day.

    The roster says by whom.
    """

    id, level, sources = "prc.postmaster-daily", "basic", ("P:20",)
    facts = (Fact("procedures.postmaster_check", most=86400), Fact("procedures.duty", least=1))
    documents = ("postmaster",)


class PrivacyLookup(Control):
    """Addresses and contact details of people are not given out.

    A request is passed on, and they decide themselves.
    """

    id, level, sources = "prc.privacy-lookup", "basic", ("P:35", "P:50")
    documents = ("postmaster",)


class Complaints(Control):
    """Complaints are acknowledged, investigated, and answered; whoever complained is kept informed.

    Those that come by e-mail are treated like all others.
    """

    id, level, sources = "prc.complaints", "basic", ("P:56", "P:62", "P:136")
    documents = ("postmaster", "abuse")


class Registered(Control):
    """The contacts are registered where others look for them: RDAP, abuse.net, CERT.

    A complaint that does not find us finds our provider.
    """

    id, level, sources = "prc.contact-registry", "bronze", ("P:67",)
    facts = (Fact("procedures.registrations", least=1),)
    documents = ("postmaster",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """Somebody looked at each within the last two years: contacts change."""
        for number, one in enumerate(case.site.procedures.registrations if case.site.procedures else ()):
            yield Observation(
                f"{one.at} reviewed within the last two years",
                f"{one.reviewed}",
                case.within(one.reviewed, REVIEW_DAYS),
                f"procedures.registrations[{number}].reviewed",
                remedy=f"look at {one.at}, correct it, and write down the day",
            )


class ReportOut(Control):
    """Spam to us is reported to those it came from, in a form their programs read.

    ARF (RFC 5965); the manual says when and to whom.
    """

    id, level, sources = "prc.report-out", "bronze", ("P:107", "RFC 5965")
    documents = ("postmaster", "abuse")


class Isolate(Control):
    """A compromised host is taken off the net in one step, and stays reachable for whoever investigates.

    The rules lie ready on every host.
    """

    id, level, sources = "prc.incident-isolate", "basic", ("P:116",)
    settings: ClassVar = {
        ISOLATE: {
            "admin_tcp": Model(lambda c: [c.site.network.ssh(c.host)], "network.ssh_port"),
            "admin4": admin(4),
            "admin6": admin(6),
        }
    }
    files = (ISOLATE,)
    documents = ("runbooks",)


class IncidentContacts(Control):
    """CERT, provider and vendor can be reached by telephone.

    Mail may be what does not work.
    """

    id, level, sources = "prc.incident-contacts", "basic", ("P:125", "P:144")
    facts = (Fact("procedures.incident_contacts", least=1),)
    documents = ("runbooks", "postmaster")


class HeadersProof(Control):
    """From the headers of a message it can be told which account sent it, or that it was forged.

    Ours carry our signature and a queue id that the log knows.
    """

    id, level, sources = "prc.headers-proof", "basic", ("P:131",)
    documents = ("abuse",)
