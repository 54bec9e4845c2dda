"""MTA-STS: a policy of our own, and those of receivers followed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from gmconf.controls.case import DomainCase, HostCase, SiteCase
from gmconf.controls.control import Control
from gmconf.controls.expect import Model
from gmconf.controls.files import MAIN, NGINX, STS, TLS_POLICY
from gmconf.controls.result import Observation
from gmconf.derived.policies import sts_id, sts_mode
from gmconf.model import Role


def webs(case: HostCase, shape: str = "{}") -> list[str]:
    """The names under which a web host shows the policies, each put into a shape."""
    return (
        [shape.format(f"mta-sts.{d.name}") for d in case.site.domains if d.kind != "parked"]
        if case.has(Role.WEB)
        else []
    )


def _policies(case: HostCase) -> list[str]:
    receiving = [d for d in case.site.domains if d.kind != "parked"] if case.has(Role.WEB) else []
    return [f"/etc/nginx/gmconf-policies/{d.name}.txt" if d.own_mx else "/etc/nginx/mta-sts.txt" for d in receiving]


class StsIn(Control):
    """Senders without DNSSEC learn over https that our MX take mail over TLS, with certificates for their names.

    Who stands in between cannot strip TLS, once a sender has read the policy.
    """

    id, level, sources = "sts.in", "bronze", ("RFC 8461", "BSI TR-03108-07-R", "BSI Grundschutz++ KONF.13.11")
    on = (Role.WEB,)
    settings: ClassVar = {
        NGINX: {
            "servers[*].name": Model(webs, "mta-sts. and each domain that receives"),
            "servers[*].policy": Model(_policies, "the policy, another one where MX have names of the domain's own"),
        }
    }
    live = ("mta-sts",)

    @classmethod
    def of_host(cls, case: HostCase) -> Iterable[Observation]:
        """The policies are on the host."""
        yield from case.there(*dict.fromkeys(_policies(case)))

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """A host serves it, and it asks for something."""
        served = any(Role.WEB in h.roles for h in case.site.hosts)
        yield Observation(
            "a host with the role web",
            "there" if served else "none",
            served,
            "hosts",
            remedy="give the role web to a host",
        )
        mode = sts_mode(case.site)
        yield Observation("web.mta_sts: testing or enforce", mode, mode != "none", "web.mta_sts")

    @classmethod
    def of_domain(cls, case: DomainCase) -> Iterable[Observation]:
        """The record that tells of it, and the name under which it is found."""
        if case.domain.kind != "parked":
            found = [
                "".join(r.rdata) for r in case.records if r.owner == f"_mta-sts.{case.domain.name}" and r.type == "TXT"
            ]
            there = any(r.owner == f"mta-sts.{case.domain.name}" and r.type in ("A", "AAAA") for r in case.records)
            good = len(found) == 1 and found[0] == f"v=STSv1; id={sts_id(case.site, case.domain)}" and there
            yield Observation(
                f"_mta-sts.{case.domain.name} TXT with the policy's id, and an address of mta-sts.{case.domain.name}",
                ", ".join(found) or "nothing",
                good,
                "dns",
            )


class StsEnforce(Control):
    """The MTA-STS policy is enforced: without TLS and a right certificate senders do not deliver.

    As long as it is only tested, an attack is reported and the message delivered all the same.
    """

    id, level, sources = "sts.enforce", "silver", ("RFC 8461", "BSI TR-03108-07-R")
    live = ("mta-sts",)

    @classmethod
    def of_site(cls, case: SiteCase) -> Iterable[Observation]:
        """As web.mta_sts says."""
        mode = sts_mode(case.site)
        yield Observation("web.mta_sts: enforce", mode, mode == "enforce", "web.mta_sts")


class StsOut(Control):
    """MTA-STS policies of receivers are enforced, unless DANE says more: a certificate for a name of the policy, or the
    message waits.

    Receivers without DNSSEC say it over https. Where both are published DANE decides (RFC 8461): the packaged resolver
    does not know, so gmconf's program asks DNS before Postfix hears its answer.
    """

    id, level, sources = "sts.out", "silver", ("BSI TR-03108-08-R", "RFC 8461", "BSI Grundschutz++ KONF.13.11")
    on = (Role.MTA,)
    settings: ClassVar = {
        MAIN: {
            "smtp_tls_policy_maps": ["lmdb:/etc/postfix/maps/tls-destinations", "socketmap:inet:127.0.0.1:8462:postfix"]
        },
        STS: {"host": "127.0.0.1", "port": 8461, "refresh": "true"},
        TLS_POLICY: {
            "command": ["/usr/local/lib/gmconf/tls-policy", "127.0.0.1:8462", "127.0.0.1:8461", "127.0.0.1:53"]
        },
    }
    files = ("/usr/local/lib/gmconf/tls-policy",)
    live = ("tls-policy",)
