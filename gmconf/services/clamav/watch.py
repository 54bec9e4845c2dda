"""A scanner that does not scan is noticed: it has to find the test virus, and to have all signatures that the site
gets.

clamd answers PING without an engine, and with gmconf's own signatures alone it calls every virus clean. So it starts
when freshclam has fetched what it is told to fetch (until then mail is put off), the roll-out lets it scan, and so does
a timer, which starts it anew.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from gmconf.controls import control
from gmconf.dialects import ini
from gmconf.services.plan import File, LineFile
from gmconf.settings import Settings, need

PROGRAM = "/usr/local/lib/gmconf/clamd-scans"
UNITS = tuple(f"/etc/systemd/system/gmconf-clamd-watch.{kind}" for kind in ("service", "timer"))
TIMER = "gmconf-clamd-watch.timer"
SCANS = need("clamav", "a scanner without its signatures, or without an engine, is no scanner")
OFFICIAL = ("main.c[lv]d", "daily.c[lv]d")


def files(mirrors: tuple[str, ...], urls: tuple[str, ...]) -> tuple[File | LineFile, ...]:
    """The program that looks, and the units that call it."""
    why = control("flt.fail-closed")
    wanted = [*(OFFICIAL if mirrors else ()), *(shlex.quote(url.rpartition("/")[2]) for url in urls)]
    service, timer = map(Settings, UNITS)
    service.set("command", [PROGRAM, "watch"], SCANS)
    timer.set("every", "1min", SCANS)
    return (
        LineFile(PROGRAM, "clamav", why, lines=lambda: _program(wanted), comment="", mode="0755"),
        File(service.file, "clamav", SCANS, "clamav/clamd-watch.service.j2", service, ini.spell),
        File(timer.file, "clamav", SCANS, "clamav/clamd-watch.timer.j2", timer, ini.spell),
    )


def _program(wanted: list[str]) -> Iterator[str]:
    yield from (
        "#!/bin/sh",
        (
            "# Managed by gmconf. run: clamd, as soon as its signatures are there. once: whether it scans. watch: start"
            " it anew if not."
        ),
        "lost() {",
        "    cd /var/lib/clamav || exit 1",
        f"    for name in {' '.join(wanted)}; do",
        '        test -s "$name" || printf "%s " "$name"',
        "    done",
        "}",
        "scans() {",
        "    printf %s%s 'X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR' '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*' |",
        '        timeout "$1" clamdscan --config-file=/etc/clamav/clamd.conf --no-summary - 2>&1 | grep -q FOUND',
        "}",
        "missing=$(lost)",
        'words="freshclam has not fetched ${missing}yet: mail is put off; journalctl -u clamav-freshclam"',
        "case $1 in",
        "run)",
        '    test -z "$missing" || echo "$words" >&2',
        '    while test -n "$(lost)"; do sleep 5; done',
        "    exec /usr/sbin/clamd --foreground=true",
        "    ;;",
        "once)",
        '    test -z "$missing" || { echo "$words"; exit 1; }',
        '    scans 15 && echo "scans"',
        "    ;;",
        "watch)",
        "    # It makes its socket when it has loaded its signatures.",
        "    test -S /run/clamav/clamd.ctl || exit 0",
        '    test -n "$missing" || for try in 1 2 3; do scans 30 && exit 0; sleep 5; done',
        '    echo "<4>clamd does not scan, it is started anew: mail is put off meanwhile"',
        "    systemctl restart clamav-daemon.service",
        "    ;;",
        "esac",
    )
