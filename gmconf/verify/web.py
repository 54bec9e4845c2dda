"""MTA-STS as senders meet it: the record, and the policy behind it."""

from __future__ import annotations

import ssl

from gmconf import published
from gmconf.model import Domain, Role
from gmconf.verify.naming import told
from gmconf.verify.probe import Looks, NothingToSayError, Seen, on_domain
from gmconf.verify.run import At, Run
from gmconf.verify.wire import LONGEST, dial

PATH = "/.well-known/mta-sts.txt"
HTTPS = 443


@on_domain("mta-sts", "hosted", "alias")
def mta_sts(run: Run, domain: Domain) -> Looks:
    """The domain has an MTA-STS record, and its policy is served as the site renders it, with a certificate for its name.

    Asks DNS, and fetches one page of each web host.
    """
    if not any(Role.WEB in host.roles for host in run.loaded.site.hosts):
        raise NothingToSayError("no host of the site has the role web")
    yield from told(run, "sts.in", domain.name)
    wanted = "\n".join(published.sts_policy(run.loaded.site, domain))
    for at in (at for at in run.hosts if at.has(Role.WEB)):
        try:
            seen = policy(at, f"mta-sts.{domain.name}")
        except ssl.SSLCertVerificationError as error:
            seen = f"a certificate that senders do not take: {error.verify_message}"
        except ssl.SSLError as error:
            seen = f"no TLS: {error.reason or error}"
        yield Seen(f"https://mta-sts.{domain.name}{PATH} of {at.host.name}: {wanted}", seen, seen == wanted, "" if seen == wanted else "render, roll out; systemctl status nginx")


def policy(at: At, name: str) -> str:
    """What a web host serves under a name; its lines joined, or the status line where that is not 200. Raises OSError."""
    with dial(at, HTTPS) as wire:
        wire.secure(at.run.trust(), name)
        wire.send(f"GET {PATH} HTTP/1.0\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode("ascii"))
        got = b""
        while (more := wire.more()) and len(got) < LONGEST:
            got += more
        head, _, body = got.decode("utf-8", "replace").partition("\r\n\r\n")
    status, *_ = head.splitlines() or [""]
    return "\n".join(body.splitlines()) if " 200 " in f"{status} " else status
