"""rspamd: judges every message before it is accepted, signs what goes out, counts what a login sends."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from gmconf.controls import control
from gmconf.derived.accounts import Directory
from gmconf.derived.limits import chain
from gmconf.dialects.ucl import literal, spell, spell_raw
from gmconf.model import Role
from gmconf.services.plan import File, Judge, Plan, PlannedFile, SecretFile, Unit, UnixProbe, User, View
from gmconf.services.redis import SOCKET as REDIS
from gmconf.services.rspamd import dmarc_reports
from gmconf.services.rspamd import guard as rspamd_guard
from gmconf.services.rspamd import maps as rspamd_maps
from gmconf.services.rspamd import rules as rspamd_rules
from gmconf.settings import Reason, Settings, need

LOCAL, OVERRIDE, DKIM = "/etc/rspamd/local.d", "/etc/rspamd/override.d", rspamd_maps.KEYS
MILTER, CONTROLLER = "/run/rspamd/milter.sock", "/run/rspamd/controller.sock"
OWN_OVERRIDES = ("options", "rbl")

NETWORK_MODULES = ("asn", "fuzzy_check", "mx_check", "phishing", "surbl", "url_redirector", "whitelist")
"""They ask servers on the Internet, or fetch lists from them."""
UNUSED = ("bimi", "clickhouse", "elastic", "history_redis", "metadata_exporter", "neural", "p0f", "rspamd_update")
SIGNED = (
    "(o)from:(o)sender:(o)reply-to:(o)subject:(o)date:(o)message-id:(o)to:(o)cc:(o)mime-version:(o)content-type:"
    "(o)content-transfer-encoding:resent-to:resent-cc:resent-from:resent-sender:resent-message-id:(o)in-reply-to:"
    "(o)references:list-id:list-help:list-owner:list-unsubscribe:list-unsubscribe-post:list-subscribe:list-post"
)


def plan(view: View) -> Plan:
    """rspamd on a filter host; nothing elsewhere."""
    if not view.has(Role.FILTER):
        return Plan(name="rspamd")
    keys = _keys(view.mail)
    groups = ("clamav", "postfix", "redis", *(("vmail",) if view.has(Role.STORE) else ()))
    remote = [h for h in view.site.hosts if Role.FILTER not in h.roles and {Role.MTA, Role.MSA} & set(h.roles)]
    files: tuple[PlannedFile, ...] = (
        *_local(view, bool(remote)),
        *_override(view),
        *rspamd_rules.files(view),
        *rspamd_maps.files(view),
        *keys,
    )
    return Plan(
        name="rspamd",
        packages=("rspamd",),
        users=(User("_rspamd", groups=groups),),
        files=(*files, *rspamd_guard.files(files, view.host.release)),
        directories=(
            (LOCAL, "root", "root", "0755"),
            (rspamd_maps.FOLDER, "root", "root", "0755"),
            (OVERRIDE, "root", "root", "0755"),
            ("/etc/gmconf", "root", "root", "0755"),
            ("/usr/local/lib/gmconf", "root", "root", "0755"),
            (rspamd_guard.UNIT_FOLDER, "root", "root", "0755"),
            (DKIM, "root", "_rspamd", "0750"),
        ),
        owned=(f"{LOCAL}/", f"{OVERRIDE}/", f"{DKIM}/"),
        retired=("/var/lib/rspamd/dkim",),
        validate=(
            Judge(
                ("rspamadm", "--var=LOCAL_CONFDIR={/etc/rspamd}", "configtest", "--strict"),
                refuse=(r"\berror\b", r"\bcritical\b", r"cannot ", r"syntax (?!OK)", r"unknown "),
            ),
        ),
        # Sockets are bound once, and group membership is taken at the start; all else follows a reload.
        units=(
            Unit(
                "rspamd.service",
                restart_paths=(
                    rspamd_guard.UNIT,
                    f"{LOCAL}/worker-*.inc",
                    f"{LOCAL}/redis.conf",
                    f"{LOCAL}/options.inc",
                    f"{OVERRIDE}/redis.conf",
                    f"{OVERRIDE}/options.inc",
                ),
            ),
        ),
        probes=(
            UnixProbe("milter", path=MILTER, within=60),
            UnixProbe("controller", path=CONTROLLER, within=60),
        ),
    )


@cache
def _keys(mail: Directory) -> tuple[SecretFile, ...]:
    because = control("auth.dkim-sign")
    names = ((domain.name, f"{domain.dkim.selector}-{kind}") for domain in mail.sending for kind in ("rsa", "ed25519"))
    return tuple(
        SecretFile(
            f"{DKIM}/{name}.{selector}.key",
            "rspamd",
            because,
            f"dkim/{name}/{selector}.key.vault",
            group="_rspamd",
            mode="0640",
            records=(f"{selector}._domainkey.{name} TXT",),
        )
        for name, selector in names
    )


def _local(view: View, remote: bool) -> list[File]:
    def file(name: str, fill: Callable[[Settings], None], because: Reason) -> File:
        settings = Settings(f"{LOCAL}/{name}")
        fill(settings)
        return File(
            settings.file,
            "rspamd",
            because,
            f"rspamd/{name}.j2",
            settings,
            spell_raw if name == "actions.conf" else spell,
        )

    filtered = control("flt.spam-in")
    files = [
        file("options.inc", lambda c: _options(c, view), control("flt.fail-closed")),
        file("logging.inc", _logging, control("log.correlate")),
        file("worker-proxy.inc", lambda c: _proxy(c, view, remote), filtered),
        file("worker-normal.inc", _normal, control("gov.minimal")),
        file("worker-controller.inc", lambda c: _controller(c, view), control("gov.minimal")),
        file("actions.conf", lambda c: _actions(c, view), filtered),
        file("redis.conf", _redis, need("rspamd", "where it keeps what it learns and counts")),
        file("milter_headers.conf", _headers, control("mda.spam-mark")),
        file("dmarc.conf", lambda c: _dmarc(c, view), control("auth.dmarc-verify")),
        file("dkim_signing.conf", _signing, control("auth.dkim-sign")),
        file("settings.conf", lambda c: _settings(c, view), control("msa.spam-reject-nomodify")),
        file("ratelimit.conf", _ratelimit, control("out.ratelimit")),
        file("greylist.conf", lambda c: _greylist(c, view), view.why("filter.greylist")),
    ]
    if view.site.filter.dnsbls:
        files.append(file("groups.conf", lambda c: _scores(c, view), view.why("filter.dnsbls")))
        if view.site.filter.network_checks:
            files.append(file("rbl.conf", lambda c: _lists(c, view), view.why("filter.dnsbls")))
    why = need("rspamd", "the virus scanner is asked by local.d/virus.lua, which also notices when it was not asked")
    off = {name: need("rspamd", "not used by gmconf") for name in UNUSED} | {"antivirus": why}
    if not view.site.filter.network_checks:
        off |= dict.fromkeys(NETWORK_MODULES, view.why("filter.network_checks"))
        if not view.site.filter.dnsbls:
            off["rbl"] = view.why("filter.dnsbls")
    for name, reason in sorted(off.items()):
        settings = Settings(f"{LOCAL}/{name}.conf")
        settings.set("enabled", False, reason)
        files.append(File(settings.file, "rspamd", reason, "rspamd/off.conf.j2", settings, spell_raw))
    return files


def _options(c: Settings, view: View) -> None:
    limits = chain(view.site)
    c.set(
        "task_timeout",
        limits.task_timeout,
        control("flt.fail-closed"),
        view.why("filter.scan_timeout"),
        need("rspamd", "longer than all tries of the virus scanner"),
    )
    c.set("soft_reject", True, control("flt.fail-closed"))
    c.set("max_message", limits.max_message, control("flt.fail-closed"), view.why("limits.message_size"))
    c.set(
        "gtube",
        "disable" if view.host.release != "bookworm" else "",
        need("rspamd", "the test string is a rule of ours, so that it obeys the exemption of postmaster@ and abuse@"),
    )
    resolver = control("dns.validating-resolver")
    c.set("nameserver", ["127.0.0.1"], resolver)
    c.set("dnssec", True, resolver)
    slow = need(
        "rspamd",
        "lookups of a message follow each other; a dead name server must not use up its time, and asking twice does not"
        " help",
    )
    c.set("timeout", 1.5, resolver, slow)
    c.set("retransmits", 1, slow)


def _logging(c: Settings) -> None:
    why = control("log.correlate")
    c.set("type", "console", why, need("rspamd", "systemd passes it to the journal"))
    c.set("systemd", True, why)
    c.set("level", "info", why)


def _proxy(c: Settings, view: View, remote: bool) -> None:
    local = need("rspamd", "a UNIX socket is several times faster than TCP: no waiting for delayed acknowledgements")
    sockets = [f"{MILTER} mode=0660 owner=_rspamd group=postfix"]
    c.set("sockets", [*sockets, *(["*:11332"] if remote else [])], local, control("gov.minimal"))
    c.set("count", max(1, view.host.cpus), view.why("hosts"))
    c.set("self_scan", True, need("rspamd", "the process that talks to Postfix scans itself: one hop less to fail"))
    c.set("timeout", 300.0, need("rspamd", "an SMTP session may be idle that long; a scan ends with task_timeout"))
    c.set("reject_message", "Refused: this looks like spam", control("mta.spam-reject"))


def _normal(c: Settings) -> None:
    c.set("enabled", False, control("gov.minimal"), need("rspamd", "the proxy scans itself"))


def _controller(c: Settings, view: View) -> None:
    group = "vmail" if view.has(Role.STORE) else "_rspamd"
    sockets = [f"{CONTROLLER} mode=0660 owner=_rspamd group={group}"]
    learn = need("rspamd", "users' moves to and from Junk teach the filter")
    c.set("sockets", sockets, control("gov.minimal"), learn)
    c.set("trusted", ["127.0.0.1", "::1"], control("gov.minimal"), learn)


def _actions(c: Settings, view: View) -> None:
    wanted = view.site.filter
    c.set("reject", wanted.reject, control("mta.spam-reject"), view.why("filter.reject"))
    c.set("mark", wanted.mark, control("mda.spam-mark"), view.why("filter.mark"))
    c.set("greylist", wanted.greylist if wanted.greylist is not None else "null", view.why("filter.greylist"))


def _redis(c: Settings) -> None:
    c.set("servers", REDIS, control("gov.minimal"))
    c.set(
        "timeout",
        1.0,
        need(
            "rspamd",
            "without Redis mail is still judged: it costs a second at most, and rates, Bayes and greylisting let pass",
        ),
    )


def _headers(c: Settings) -> None:
    mark, kept = control("mda.spam-mark"), control("msa.spam-reject-nomodify")
    c.set(
        "use",
        ["x-spamd-bar", "x-spam-level", "x-spam-status", "authentication-results", "spam-header", "remove-headers"],
        mark,
        control("auth.ar-header"),
        control("auth.spf-verify"),
        control("auth.dkim-verify"),
    )
    c.set("skip_local", True, kept)
    c.set("skip_authenticated", True, kept)
    c.set("flag", "X-Spam-Flag", mark)
    c.set("yes", "YES", mark)
    c.set("all", 0, mark, need("rspamd", "0 removes every such header that came from outside"))


def _dmarc(c: Settings, view: View) -> None:
    why = control("auth.dmarc-verify")
    c.set("quarantine", "add header", why)
    c.set("reject", "reject", why)
    dmarc_reports.fill(c, view)


def _signing(c: Settings) -> None:
    sign = control("auth.dkim-sign")
    c.set(
        "use_domain",
        'return require("gmconf").signing_domain',
        sign,
        need("rspamd", "MAILER-DAEMON@mail.example.org is signed as example.org: bounces get a signature too"),
    )
    c.set("headers", SIGNED, sign)
    c.set("yes", True, sign, need("rspamd", "the From: header has been compared with the login before"))
    c.set("no", False, sign, need("rspamd", "local.d/results.lua decides what is ours and which domain signs it"))


def _settings(c: Settings, view: View) -> None:
    keep = control("msa.spam-reject-nomodify")
    c.set("reject", view.site.filter.reject, keep, view.why("filter.reject"))
    own = [a for h in view.site.hosts for a in h.addresses]
    c.set(
        "own",
        ["127.0.0.0/8", "::1", *sorted(own)],
        keep,
        view.why("hosts"),
        need("rspamd", "bounces and the mail of our own hosts"),
    )
    c.set("roles", "gm_roles", control("role.postmaster"), control("role.abuse"))
    c.set(
        "never",
        1000000.0,
        control("role.postmaster"),
        control("role.abuse"),
        need("rspamd", "complaints quote the spam that they are about; they are marked, not refused"),
    )


def _ratelimit(c: Settings) -> None:
    limit = control("out.ratelimit")
    c.set("custom", f"{LOCAL}/ratelimit.lua", limit)
    c.set("one", 1, limit, need("rspamd", "a limit is what the site says: it does not grow or shrink with the score"))
    c.set("exempt", ["nobody@invalid"], limit, need("rspamd", "by default a copy to postmaster would lift the limit"))


def _lists(c: Settings, view: View) -> None:
    why = (view.why("filter.dnsbls"),)
    c.rows(
        "lists",
        [
            {"id": (f"site{n}", why), "symbol": (f"SITE_DNSBL_{n}", why), "zone": (d.zone, why)}
            for n, d in enumerate(view.site.filter.dnsbls, 1)
        ],
    )


def _scores(c: Settings, view: View) -> None:
    why = (view.why("filter.dnsbls"),)
    c.rows(
        "lists",
        [
            {"symbol": (f"SITE_DNSBL_{n}", why), "score": (d.score, why)}
            for n, d in enumerate(view.site.filter.dnsbls, 1)
        ],
    )


def _greylist(c: Settings, view: View) -> None:
    c.set("enabled", view.site.filter.greylist is not None, view.why("filter.greylist"))


def _override(view: View) -> list[File]:
    """override.d: what must replace the package's lists instead of adding to them, and the site's own lines."""
    raw: dict[str, list[tuple[str, str, Reason]]] = {name: [] for name in OWN_OVERRIDES}
    for key, value, why in view.overrides("rspamd"):
        module, _, name = key.partition(".")
        raw.setdefault(module, []).append((name, value, why))
    files = []
    for module, rows in sorted(raw.items()):
        ending = "inc" if module == "options" or module.startswith("worker-") or module == "logging" else "conf"
        c = Settings(f"{OVERRIDE}/{module}.{ending}")
        template = "rspamd/override.conf.j2"
        if module == "options":
            template = "rspamd/override-options.inc.j2"
            own = [a for h in view.site.hosts for a in h.addresses]
            c.set(
                "local_addrs",
                ["127.0.0.0/8", "::1", *sorted(own)],
                view.why("hosts"),
                need("rspamd", "only our own hosts are local, not every private network"),
            )
        if module == "rbl":
            template = "rspamd/override-rbl.conf.j2"
            only = not view.site.filter.network_checks
            c.set("only", only, view.why("filter.network_checks"))
            if only:
                _lists(c, view)
        c.rows("overrides", [{"key": (name, (why,)), "value": (literal(value), (why,))} for name, value, why in rows])
        files.append(File(c.file, "rspamd", need("rspamd", "replaces lists of the package"), template, c, spell_raw))
    return files
