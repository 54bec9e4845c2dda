"""Watching the service. This version renders no monitoring: each control asks for evidence of the site's own."""

from __future__ import annotations

from gmconf.controls.control import Control, Evidence


class AllAgents(Control):
    """Every server-side agent is monitored: MTA, MSA, MDA, MAA, filter, scanner, resolver.

    Users must not be the ones who find out.
    """

    id, level, sources = "mon.all-agents", "basic", ("G:19a",)
    evidence = Evidence(
        "the monitoring's list of checks: ports 25, 465, 587, 993, 4190, the filter and the scanner", 366
    )


class VitalSigns(Control):
    """The vital signs are watched: log-ins, queue, disk, certificates, DNS, signatures' age, failed logins.

    The original list is lost; this is ours. Each of these has stopped mail somewhere before anything "was down".
    """

    id, level, sources = "mon.vital-signs", "basic", ("G:20",)
    evidence = Evidence("the monitoring's thresholds for queue, disk, certificates, signatures and failed logins", 366)


class External(Control):
    """The service is looked at from outside too.

    From inside a broken line looks like a quiet day.
    """

    id, level, sources = "mon.external", "basic", ("G:21",)
    evidence = Evidence("where the outside check stands, and what it checks", 366)


class Purpose(Control):
    """Every check says what it is for: alarm, trend, capacity, support.

    The original list of functions is lost; checks without a purpose raise alarms that nobody reads.
    """

    id, level, sources = "mon.purpose", "basic", ("G:22",)
    evidence = Evidence("the purposes in the list of checks", 366)


class Availability(Control):
    """The service is measured as users see it: submit, deliver, fetch.

    A server that is up may serve nobody.
    """

    id, level, sources = "mon.availability", "basic", ("Q:20", "Q:24")
    evidence = Evidence("the check that sends a message and fetches it; gmconf verify can be run for it", 366)
    live = ("roundtrip",)


class RelayTest(Control):
    """It is tested regularly that the hosts are no open relay.

    One wrong line makes them one.
    """

    id, level, sources = "mon.relay-test", "bronze", ("F:23b",)
    evidence = Evidence("how often gmconf verify, or another relay test, runs and who reads its result", 92)
    live = ("relay",)


class Baseline(Control):
    """The normal load is known: queue, messages, connections over the day and the week.

    What is unusual can only be seen by who knows what is usual.
    """

    id, level, sources = "mon.baseline", "bronze", ("M:52a",)
    evidence = Evidence("the graphs of queue and messages, and how far back they go", 366)


class Bounces(Control):
    """Bounced and deferred mail is counted, by user and by destination.

    A rise is the first sign of a listing, or of a stolen account.
    """

    id, level, sources = "mon.bounces", "bronze", ("M:102",)
    evidence = Evidence("the counters of bounced and deferred mail, and their alarm", 366)


class BounceSurge(Control):
    """A burst of errors for addresses that exist raises an alarm, and the logs are read.

    It is a fault of ours until shown otherwise.
    """

    id, level, sources = "mon.bounce-surge", "bronze", ("P:28",)
    evidence = Evidence("the alarm for refused mail to existing addresses", 366)


class Latency(Control):
    """The delay within which nine of ten messages are delivered is measured, in and out.

    Availability alone does not say whether mail is slow.
    """

    id, level, sources = "mon.latency-p90", "bronze", ("Q:25",)
    evidence = Evidence("the measured delay of the last month for 90 % of the messages", 92)


class Canary(Control):
    """Messages of our own travel to a mailbox here and to mailboxes elsewhere, and their travel time is recorded.

    It is the only measure of what happens beyond our hosts.
    """

    id, level, sources = "mon.canary", "bronze", ("Q:47",)
    evidence = Evidence("where the probe's mailboxes are and how long its messages take", 92)


class Rejects(Control):
    """What is refused, in and out, is counted by reason.

    Too many is a fault of ours, too few one of the filter.
    """

    id, level, sources = "mon.rejects", "bronze", ("Q:28",)
    evidence = Evidence("the counters of refused mail by reason and direction", 366)


class FilterMetrics(Control):
    """Spam and viruses are counted.

    A filter that finds nothing is broken more often than lucky.
    """

    id, level, sources = "mon.filter", "bronze", ("Q:29",)
    evidence = Evidence("the counters of the filter and the scanner", 366)


class PerUser(Control):
    """Use is counted by user: messages, bytes, storage.

    Who grows tenfold over night was broken into, or needs another offer.
    """

    id, level, sources = "mon.per-user", "bronze", ("Q:31",)
    evidence = Evidence("the counters by user", 366)
