"""MTA-STS as senders meet it: the record, and the policy behind it."""

from __future__ import annotations

import ssl

from gmconf.controls.result import Observation
from gmconf.derived import policies as published
from gmconf.model import Domain, Role
from gmconf.verify import sts
from gmconf.verify.connection import dial
from gmconf.verify.dns import told
from gmconf.verify.probe import Looks, NothingToSayError, on_domain
from gmconf.verify.run import Run


@on_domain("mta-sts", "hosted", "alias")
def mta_sts(run: Run, domain: Domain) -> Looks:
    """The domain has an MTA-STS record, and its policy is served as the site renders it, with a certificate for its
    name.

    Asks DNS, and fetches one page of each web host.
    """
    if not any(Role.WEB in host.roles for host in run.loaded.site.hosts):
        raise NothingToSayError("no host of the site has the role web")
    yield from told(run, "sts.in", domain.name)
    wanted = "\n".join(published.sts_policy(run.loaded.site, domain))
    for at in (at for at in run.hosts if at.has(Role.WEB)):
        try:
            with dial(at, sts.HTTPS) as wire:
                seen = sts.fetch(wire, run.trust(), f"mta-sts.{domain.name}")
        except ssl.SSLError as error:
            seen = sts.complaint(error)
        yield Observation(
            f"https://mta-sts.{domain.name}{sts.PATH} of {at.host.name}: {wanted}",
            seen,
            seen == wanted,
            remedy="" if seen == wanted else "render, roll out; systemctl status nginx",
        )
