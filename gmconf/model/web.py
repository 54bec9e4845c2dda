"""What the site serves by https."""

from __future__ import annotations

from typing import Literal

from gmconf.model.base import Part
from gmconf.model.names import Duration

StsMode = Literal["none", "testing", "enforce"]


class Web(Part):
    """The web server of role web: the MTA-STS policy of every domain that receives (RFC 8461), and what mail programs
    ask."""

    mta_sts: StsMode | None = None
    """enforce: others send over TLS with a trusted certificate of our MX, or not at all; testing: they only report;
    none: the policy is withdrawn. Default: testing, from silver on enforce."""
    max_age: Duration | None = None
    """Seconds that senders keep the policy; default: two weeks when it is enforced, else a day."""
    autoconfig: bool = False
    """true: autoconfig.DOMAIN of every domain with logins tells mail programs their servers. Each name has a
    certificate of its own."""
