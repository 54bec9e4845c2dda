"""ClamAV: clamd on a UNIX socket, freshclam where there is something to fetch, one signature that is always there."""

from __future__ import annotations

from collections.abc import Iterator

from gmconf.controls import control
from gmconf.derived.limits import chain
from gmconf.dialects import ini
from gmconf.dialects.clamav import spell
from gmconf.model import Role
from gmconf.services.clamav import signatures as clamav_own
from gmconf.services.clamav import watch as clamav_watch
from gmconf.services.plan import Command, ExecProbe, File, Judge, LineFile, Plan, PlannedFile, Unit, View
from gmconf.settings import Reason, Settings, need

CLAMD, FRESHCLAM = "/etc/clamav/clamd.conf", "/etc/clamav/freshclam.conf"
SOCKET = "/run/clamav/clamd.ctl"
DATABASE = "/var/lib/clamav"
OWN = "/etc/gmconf/clamav"
TEST_SIGNATURE, FILE_NAMES = f"{OWN}/gmconf.ndb", f"{OWN}/gmconf.cdb"
UNIT_FILE = "/etc/systemd/system/clamav-daemon.service"
DROP_IN = "/etc/systemd/system/clamav-freshclam.service.d/gmconf.conf"
APPARMOR = "/etc/apparmor.d/local/usr.bin.freshclam"
OFFICIAL = ("main", "daily", "bytecode")
"""What freshclam gets from a mirror."""
CONFINED = "! systemctl --quiet is-active apparmor.service || systemctl reload apparmor.service"
"""Not every host has AppArmor: containers do not."""
READS = (
    'test -r "$0" -a -s "$0" || { echo "filter.signatures.urls: user clamav cannot read $0, or it is empty"; exit 1; }'
)
"""Said before anything changes: freshclam would only say it in its log,
and clamd waits for what freshclam is to fetch.
"""
GIB = 1024**3
RELOAD_MEMORY = 6 * GIB
"""The engine takes 1.3 GiB, twice that while two databases are loaded; the rest of the host needs as much again."""


def plan(view: View) -> Plan:
    """ClamAV on a filter host; nothing elsewhere."""
    if not view.has(Role.FILTER):
        return Plan(name="clamav")
    proof = control("flt.virus-reject")
    runs = need(
        "clamav", "clamd owns its socket itself, so that a stopped scanner is seen as stopped and mail gets 4xx"
    )
    files: list[PlannedFile] = [
        File(CLAMD, "clamav", proof, "clamav/clamd.conf.j2", clamd(view), spell),
        File(UNIT_FILE, "clamav", runs, "clamav/clamav-daemon.service.j2", _unit(runs), ini.spell),
        LineFile(TEST_SIGNATURE, "clamav", proof, lines=lambda: clamav_own.contents(view), comment=""),
        *clamav_watch.files(view.site.filter.signatures.mirrors, view.site.filter.signatures.urls),
        LineFile(
            FILE_NAMES, "clamav", control("flt.risky-attachments"), lines=lambda: clamav_own.names(view), comment=""
        ),
    ]
    updates = bool(sources(view))
    if updates:
        files.append(
            File(FRESHCLAM, "clamav", control("ops.update-7d"), "clamav/freshclam.conf.j2", freshclam(view), spell)
        )
        files.append(
            File(
                DROP_IN,
                "clamav",
                need("clamav", "freshclam never runs as root"),
                "clamav/freshclam.service.conf.j2",
                _drop_in(),
                ini.spell,
            )
        )
    local = [url for url in view.site.filter.signatures.urls if url.startswith("file:")]
    if local:
        files.append(LineFile(APPARMOR, "clamav", view.why("filter.signatures.urls"), lines=lambda: _apparmor(local)))
    units = [
        Unit(
            "clamav-daemon.service", restart_paths=(CLAMD, UNIT_FILE, TEST_SIGNATURE, FILE_NAMES, clamav_watch.PROGRAM)
        ),
        Unit(clamav_watch.TIMER, on_change="restart"),
        *((Unit("clamav-freshclam.service", on_change="restart", restart_paths=(DROP_IN,)),) if updates else ()),
    ]
    return Plan(
        name="clamav",
        packages=("clamav", "clamav-daemon", "clamav-freshclam", "clamdscan"),
        files=tuple(files),
        directories=tuple(
            (folder, "root", "root", "0755")
            for folder in (
                "/etc/gmconf",
                "/usr/local/lib/gmconf",
                OWN,
                *((DROP_IN.rpartition("/")[0],) if updates else ()),
            )
        ),
        absent=() if updates else (DROP_IN,),
        # 12 and 13 start freshclam once from a timer too; the daemon does it anyway.
        mask=(
            "clamav-daemon.socket",
            "clamav-freshclam-once.service",
            "clamav-freshclam-once.timer",
            *(() if updates else ("clamav-freshclam.service",)),
        ),
        stage_prefixes=("/etc/clamav/",),
        validate=(
            Judge(
                ("clamconf", "--config-dir={/etc/clamav}"),
                refuse=("^ERROR", "^WARNING", "Unknown option", "Can't parse"),
            ),
            *(Judge(("runuser", "-u", "clamav", "--", "sh", "-c", READS, path)) for path in _paths(local)),
        ),
        units=tuple(units),
        commands=(
            Command("systemd", argv=("systemctl", "daemon-reload"), when=(UNIT_FILE, *clamav_watch.UNITS)),
            *((Command("apparmor", argv=("sh", "-c", CONFINED), when=(APPARMOR,)),) if local else ()),
        ),
        probes=(
            # What it loads first is fetched meanwhile.
            ExecProbe("clamd", argv=(clamav_watch.PROGRAM, "once"), expect="^scans", within=900 if updates else 60),
        ),
    )


def sources(view: View) -> tuple[str, ...]:
    """Where freshclam can get anything from; empty: it is not run, it would only fail."""
    signatures = view.site.filter.signatures
    return (*signatures.mirrors, *signatures.urls)


def clamd(view: View) -> Settings:
    """clamd.conf."""
    c = Settings(CLAMD)
    size, proof = chain(view.site), control("flt.virus-reject")
    closed, closes = control("gov.minimal"), control("flt.fail-closed")
    c.set("socket", SOCKET, closed)
    c.set("socket_group", "clamav", closed, need("clamav", "rspamd is in group clamav"))
    c.set("socket_mode", 660, closed)
    c.set("stale", True, need("clamav", "a crash must not keep clamd from starting again"))
    c.set("user", "clamav", closed)
    c.set("database", DATABASE, need("clamav", "where freshclam puts signatures"))
    c.set("log", True, control("log.correlate"))
    c.set("log_facility", "LOG_MAIL", control("log.correlate"))
    c.set("log_time", False, need("clamav", "the journal has the time already"))
    sizes = "not smaller than the largest message that rspamd takes: nothing passes because it is big"
    for key in ("stream", "file_size"):
        c.set(key, size.stream_max, closes, need("clamav", sizes), view.why("limits.message_size"))
    c.set(
        "scan_size",
        size.stream_max * 4,
        closes,
        need("clamav", "an archive may unpack to four times the message"),
        view.why("limits.message_size"),
    )
    c.set("exceeds", True, closes, need("clamav", "what is too big or too deep to scan is reported, not passed"))
    c.set(
        "scan_time",
        size.av_timeout * 1000,
        closes,
        view.why("filter.scan_timeout"),
        need("clamav", "longer than rspamd waits is work for nobody"),
    )
    c.set("recursion", 16, closes)
    c.set("files", 10000, closes)
    c.set("encrypted_archive", True, control("flt.encrypted-policy"))
    c.set(
        "encrypted_doc",
        False,
        control("flt.encrypted-policy"),
        need(
            "clamav",
            "password-protected PDF and Office files are everyday mail of banks and offices; archives hide programs",
        ),
    )
    c.set("mail", True, proof)
    c.set("archive", True, proof)
    c.set(
        "phishing_urls", False, need("clamav", "its guesses about links call newsletters viruses; rspamd judges links")
    )
    c.set(
        "threads",
        max(4, 2 * view.host.cpus),
        view.why("hosts"),
        need("clamav", "scans wait for memory, not for processors only"),
    )
    c.set("queue", 2 * size.milter_clients, need("clamav", "all messages that rspamd may hold at once fit in"))
    c.set(
        "read_timeout",
        10 * size.av_timeout,
        view.why("filter.scan_timeout"),
        need("clamav", "a client that stopped sending frees its thread"),
    )
    c.set(
        "command_timeout",
        size.av_timeout,
        view.why("filter.scan_timeout"),
        need("clamav", "a client that sends nothing frees its thread"),
    )
    c.set("selfcheck", 600, need("clamav", "own signatures are found within ten minutes even if nobody reloads"))
    c.set(
        "concurrent_reload",
        view.host.memory >= RELOAD_MEMORY,
        view.why("hosts"),
        need(
            "clamav",
            "two databases at once take 2.6 GiB; with less memory scans wait for the new one, and mail gets 4xx"
            " meanwhile",
        ),
    )
    c.rows(
        "overrides", [{"key": (key, (why,)), "value": (value, (why,))} for key, value, why in view.overrides("clamd")]
    )
    return c


def freshclam(view: View) -> Settings:
    """freshclam.conf."""
    c = Settings(FRESHCLAM)
    signatures, fresh = view.site.filter.signatures, control("ops.update-7d")
    why = view.why("filter.signatures")
    c.set("owner", "clamav", need("clamav", "it runs as the user of clamd"))
    c.set("database", DATABASE, need("clamav", "where clamd reads"))
    c.set("log", True, control("log.correlate"))
    c.set("log_facility", "LOG_MAIL", control("log.correlate"))
    c.set("checks", signatures.checks_per_day, fresh, view.why("filter.signatures.checks_per_day"))
    c.set("test", True, need("clamav", "a broken download must not stop the scanner"))
    c.set("notify", CLAMD, need("clamav", "clamd loads what has arrived"))
    c.set("attempts", 3, need("clamav", "a dead mirror is left after three tries"))
    c.set("connect_timeout", 30, need("clamav", "a dead mirror is not waited for"))
    c.set("receive_timeout", 300, need("clamav", "nor one that stops in the middle"))
    c.rows("mirrors", [{"name": (name, (why, fresh))} for name in signatures.mirrors])
    alone = () if signatures.mirrors else (view.why("filter.signatures.mirrors"),)
    c.rows("nobody", [{"name": ("localhost", alone)}] if alone else [])
    c.rows("not_wanted", [{"name": (name, alone)} for name in OFFICIAL] if alone else [])
    c.rows("urls", [{"url": (url, (why, fresh))} for url in signatures.urls])
    return c


def _unit(runs: Reason) -> Settings:
    c = Settings(UNIT_FILE)
    copied = need(
        "clamav",
        "the folder of signatures is clamav's own: root writes nothing there, and what is lost comes back at the next"
        " start",
    )
    c.set("lay", f"/usr/bin/install -m 0644 -t {DATABASE} {TEST_SIGNATURE} {FILE_NAMES}", copied)
    c.set("run", [clamav_watch.PROGRAM, "run"], runs, clamav_watch.SCANS)
    c.set("database", DATABASE, runs)
    return c


def _drop_in() -> Settings:
    c = Settings(DROP_IN)
    owned = need("clamav", "its configuration becomes clamav's own at every upgrade of the package")
    c.set("user", "clamav", owned)
    c.set("no_more", True, owned)
    c.set("database", DATABASE, owned)
    return c


def _paths(urls: list[str]) -> list[str]:
    """Files that freshclam copies from the host itself."""
    return sorted(url.removeprefix("file://") for url in urls)


def _apparmor(urls: list[str]) -> Iterator[str]:
    return (f"{path} r," for path in _paths(urls))
