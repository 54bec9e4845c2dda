"""MTA-STS policies of receivers (RFC 8461): Debian's resolver, and a program before it that lets DANE go first.

Postfix asks its policy maps for a domain; an answer replaces ``smtp_tls_security_level``, dane too. The resolver
answers for every domain with a policy, so alone it would switch DANE off, which RFC 8461 forbids.
"""

from __future__ import annotations

from functools import partial

from gmconf.controls import control
from gmconf.dialects import ini
from gmconf.model import Role
from gmconf.resources import program
from gmconf.services.plan import File, LineFile, Plan, TcpProbe, Unit, View
from gmconf.settings import Settings, need

CONF = "/etc/mta-sts-daemon.yml"
PROGRAM = "/usr/local/lib/gmconf/tls-policy"
UNIT = "/etc/systemd/system/gmconf-tls-policy.service"
USER = "_mta-sts"
"""Who fetches policies; the package makes it."""
HOST, FIRST, RESOLVER = "127.0.0.1", 8462, 8461
MAP = f"socketmap:inet:{HOST}:{FIRST}:postfix"
"""The table, as Postfix names it."""
NOBODY = ".gmconf.invalid"
"""A name that both answer for without asking anybody: parent domains have no policy."""


def maps(view: View) -> list[str]:
    """What Postfix asks on an MTA host."""
    return [MAP] if view.has(Role.MTA) and view.site.tls.enforce_mta_sts else []


def plan(view: View) -> Plan:
    """Both daemons, on the loopback address."""
    if not maps(view):
        return Plan(name="mta-sts", absent=(PROGRAM, UNIT))
    enforced, here = control("sts.out"), need("mta-sts", "Postfix on this host asks, nobody else")
    c = Settings(CONF)
    c.set("host", HOST, here, enforced)
    c.set("port", RESOLVER, here, enforced)
    c.set(
        "cache",
        "/var/lib/mta-sts/cache.db",
        need("mta-sts", "a policy outlives a restart, so that an attacker gains nothing by blocking it then"),
    )
    c.set("refresh", "true", enforced, need("mta-sts", "a policy is fetched again before it ends"))
    unit = Settings(UNIT)
    unit.set("command", [PROGRAM, f"{HOST}:{FIRST}", f"{HOST}:{RESOLVER}", f"{HOST}:53"], enforced, here)
    unit.set("user", USER, need("mta-sts", "a user without rights that is there anyway"))
    question = f"postfix {NOBODY}"
    return Plan(
        name="mta-sts",
        packages=("postfix-mta-sts-resolver", "python3-dnspython"),
        files=(
            File(CONF, "mta-sts", enforced, "mta-sts/mta-sts-daemon.yml.j2", c, ini.word),
            LineFile(
                PROGRAM,
                "mta-sts",
                enforced,
                lines=partial(program, "files/tls_policy.py"),
                shared=True,
                comment="",
                mode="0755",
            ),
            File(UNIT, "mta-sts", enforced, "mta-sts/tls-policy.service.j2", unit, ini.spell),
        ),
        directories=(("/usr/local/lib/gmconf", "root", "root", "0755"),),
        units=(
            Unit("postfix-mta-sts-resolver.service", on_change="restart"),
            Unit("gmconf-tls-policy.service", on_change="restart"),
        ),
        probes=(
            TcpProbe(
                "tls-policy", address=HOST, port=FIRST, send=f"{len(question)}:{question},", expect="^9:NOTFOUND ,"
            ),
        ),
    )
