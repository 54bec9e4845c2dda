"""What every host needs around the mail: time, logs, security updates, its mail name, and recovery from a crash."""

from __future__ import annotations

from functools import partial

from gmconf.controls import control
from gmconf.dialects import ini
from gmconf.resources import program
from gmconf.services.plan import Command, File, Judge, LineFile, Plan, Unit, View
from gmconf.settings import Settings, need

MIB = 1024 * 1024
TIME = "/etc/systemd/timesyncd.conf.d/gmconf.conf"
JOURNAL = "/etc/systemd/journald.conf.d/gmconf.conf"
UPDATES = "/etc/apt/apt.conf.d/99gmconf"
RECOVER, PLACES = "/usr/local/lib/gmconf/recover", "/usr/local/lib/gmconf/places.py"
RECOVER_UNIT = "/etc/systemd/system/gmconf-recover.service"


def plans(view: View) -> tuple[Plan, ...]:
    """One plan per unit that is to be told of a change."""
    return (_recover(), _time(view), _logs(view), _updates(), _mailname(view))


def _recover() -> Plan:
    crash = need("system", "a host that went down in the middle of a roll-out starts with the previous generation")
    unit = Settings(RECOVER_UNIT)
    unit.set("journal", "/var/lib/gmconf/journal", crash)
    unit.set("command", f"/usr/bin/python3 -B {RECOVER}", crash)
    return Plan(
        name="recover",
        files=(
            LineFile(
                RECOVER,
                "recover",
                crash,
                lines=partial(program, "module_utils/gmconf_host/journal.py"),
                shared=True,
                mode="0755",
            ),
            LineFile(
                PLACES, "recover", crash, lines=partial(program, "module_utils/gmconf_host/places.py"), shared=True
            ),
            File(RECOVER_UNIT, "recover", crash, "system/recover.service.j2", unit, ini.spell),
        ),
        directories=(("/usr/local/lib/gmconf", "root", "root", "0755"),),
        units=(Unit("gmconf-recover.service", at_boot=True),),
    )


def _time(view: View) -> Plan:
    c = Settings(TIME)
    right = control("ops.time")
    c.set("servers", list(view.site.network.time_servers), right, view.why("network.time_servers"))
    c.set("distance", 5, right, need("time", "a server that is seconds off is worse than none"))
    return Plan(
        name="time",
        packages=("systemd-timesyncd",),
        files=(File(TIME, "time", right, "system/timesyncd.conf.j2", c, ini.spell),),
        directories=(("/etc/systemd/timesyncd.conf.d", "root", "root", "0755"),),
        units=(Unit("systemd-timesyncd.service", on_change="restart"),),
    )


def _logs(view: View) -> Plan:
    c = Settings(JOURNAL)
    keep = control("log.retention")
    follow = control("log.correlate")
    c.set("storage", "persistent", follow, control("log.access"))
    c.set("compress", True, keep)
    c.set("size", view.site.logs.size, keep, view.why("logs.size"))
    c.set("retention", view.site.logs.retention, keep, view.why("logs.retention"))
    c.set(
        "file",
        86400,
        keep,
        need("logs", "whole files are removed, so that no line outlives its time by more than a day"),
    )
    c.set("interval", 30, follow)
    c.set(
        "burst",
        1_000_000,
        follow,
        need("logs", "a busy MTA writes more than the default allows, and lost lines are lost messages to support"),
    )
    return Plan(
        name="logs",
        files=(File(JOURNAL, "logs", keep, "system/journald.conf.j2", c, ini.spell),),
        directories=(
            ("/etc/systemd/journald.conf.d", "root", "root", "0755"),
            ("/var/log/journal", "root", "systemd-journal", "2755"),
        ),
        # What is still in memory only is written down: a crash on the first day would lose it.
        commands=(Command("journal", argv=("journalctl", "--flush"), when=(JOURNAL,)),),
        units=(Unit("systemd-journald.service", on_change="restart"),),
    )


def _updates() -> Plan:
    week = control("ops.update-7d")
    c = Settings(UPDATES)
    c.set("update", 1, week, need("updates", "lists are fetched every day"))
    c.set("upgrade", 1, week, need("updates", "security updates are installed every day"))
    c.set("clean", 7, need("updates", "old packages do not fill the disk"))
    c.set("reboot", False, need("updates", "a mail host restarts when its operator says so"))
    c.set("kernels", True, need("updates", "old kernels do not fill /boot"))
    c.set("syslog", True, control("log.correlate"))
    held = need(
        "updates", "unattended-upgrades skips packages whose configuration was changed unless it knows what to do"
    )
    c.set("confdef", "--force-confdef", week, held)
    c.set("confold", "--force-confold", week, held)
    n = Settings("/etc/needrestart/conf.d/gmconf.conf")
    n.set("restart", "a", week)
    n.set("hints", -1, need("updates", "nobody is there to read a dialogue"))
    return Plan(
        name="updates",
        packages=("needrestart", "unattended-upgrades"),
        files=(
            File(UPDATES, "updates", week, "system/apt.conf.j2", c, ini.apt, comment="// "),
            File(n.file, "updates", week, "system/needrestart.conf.j2", n, ini.perl),
        ),
        directories=(("/etc/needrestart/conf.d", "root", "root", "0755"),),
        validate=(
            Judge(("apt-config", "-c", f"{{{UPDATES}}}", "dump"), refuse=(r"^E:", "Syntax error")),
            Judge(("perl", "-c", f"{{{n.file}}}")),
        ),
        units=(Unit("apt-daily.timer", on_change="restart"), Unit("apt-daily-upgrade.timer", on_change="restart")),
    )


def _mailname(view: View) -> Plan:
    c = Settings("/etc/mailname")
    c.set("name", view.host.name, need("system", "programs that send mail on this host use it as their domain"))
    because = need("system", "the package's own guess may be another name")
    return Plan(
        name="mailname",
        files=(File(c.file, "mailname", because, "system/mailname.j2", c, ini.word, comment=""),),
    )
