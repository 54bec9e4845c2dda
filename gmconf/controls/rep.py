"""What others think of the site: feedback loops, blocklists, the pages of large receivers."""

from __future__ import annotations

from gmconf.controls.control import Control, Evidence, Fact


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
