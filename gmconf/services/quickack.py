"""Routes to filters on other hosts acknowledge at once.

The milter protocol sends small packets in turns; over TCP each waits for the other side's delayed acknowledgement, some
40 ms a message. Linux lets a route switch the delay off (ip-route(8), quickack); both ends need it.
"""

from __future__ import annotations

from gmconf.dialects import ini
from gmconf.model import Role
from gmconf.services.plan import File, LineFile, Plan, Unit, View
from gmconf.settings import Settings, need

PROGRAM = "/usr/local/lib/gmconf/quickack"
UNIT = "/etc/systemd/system/gmconf-quickack.service"
SCRIPT = (
    "#!/bin/sh",
    (
        "# The present route to each address, as a route of its own that acknowledges at once. Again after a change of"
        " routes."
    ),
    "for address; do",
    (
        '    route=$(ip -o route get "$address" | sed \'s/ from [^ ]*//; s/'
        " \\(src\\|uid\\|metric\\|proto\\|pref\\|table\\|cache\\) .*//; s/^local .*//')"
    ),
    '    test -z "$route" || ip route replace $route quickack 1 || exit 1',
    "done",
)


def plan(view: View) -> Plan:
    """A service that sets the routes at boot and after a change; nothing where the filter is on the same host."""
    peers = _peers(view)
    if not peers:
        return Plan(name="quickack")
    why = need("quickack", "a milter over TCP stalls every message by the delay of acknowledgements")
    unit = Settings(UNIT)
    unit.set("command", [PROGRAM, *peers], why, view.why("hosts"))
    return Plan(
        name="quickack",
        files=(
            LineFile(PROGRAM, "quickack", why, lines=lambda: SCRIPT, comment="", mode="0755"),
            File(UNIT, "quickack", why, "system/quickack.service.j2", unit, ini.spell),
        ),
        directories=(("/usr/local/lib/gmconf", "root", "root", "0755"),),
        units=(Unit("gmconf-quickack.service", on_change="restart"),),
    )


def _peers(view: View) -> list[str]:
    if view.has(Role.FILTER):
        peers = [h for h in view.site.hosts if Role.FILTER not in h.roles and {Role.MTA, Role.MSA} & set(h.roles)]
    elif view.has(Role.MTA, Role.MSA):
        peers = [view.hosts(Role.FILTER)[0]]  # the one its milter setting names
    else:
        peers = []
    return sorted(a for h in peers for a in h.addresses)
