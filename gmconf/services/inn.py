"""INN: local newsgroups (NNTP) for the users of the site, with the logins and passwords of their mail."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from gmconf.controls import control
from gmconf.dialects import ini, inn
from gmconf.model import News, Role
from gmconf.resources import program
from gmconf.services import ending, tls
from gmconf.services.dovecot import auth_socket, user_socket
from gmconf.services.plan import (
    ExecProbe,
    File,
    Judge,
    LineFile,
    Plan,
    PlannedFile,
    Rows,
    Source,
    TcpProbe,
    Unit,
    View,
)
from gmconf.services.prosody import days
from gmconf.settings import Settings, need

FOLDER = "/etc/news"
CONF, READERS, GROUPS = f"{FOLDER}/inn.conf", f"{FOLDER}/readers.conf", f"{FOLDER}/groups"
STEM = f"{FOLDER}/tls/host"
PROGRAMS = "/usr/local/lib/gmconf"
LOGIN, SYNC = f"{PROGRAMS}/nnrpd-login", f"{PROGRAMS}/news-groups"
BACKOFF, POSTED = "/var/lib/gmconf-news", "/var/spool/news/incoming"
STORE_PORT = 1119
PORTS = {"nntp": 119, "nntps": 563}
CHECKED = ("control.ctl", "expire.ctl", "incoming.conf", "inn.conf", "newsfeeds", "readers.conf", "storage.conf")
SYSTEMD = "/etc/systemd/system"


def plans(view: View) -> tuple[Plan, ...]:
    """The article store (innd), and what readers speak to (nnrpd, started by systemd); nothing on other hosts."""
    if not view.has(Role.NEWS) or view.site.news is None:
        return ()
    # cron looks for new files by itself; it only has to run.
    return _store(view, view.site.news), _readers(view), Plan(name="cron", units=(Unit("cron.service"),))


def _store(view: View, news: News) -> Plan:
    because, alone = control("nntp.access"), need("inn", "a server without feeds takes and gives nothing elsewhere")
    unit = Settings(f"{SYSTEMD}/inn2.service.d/gmconf.conf")
    unit.set(
        "sync", SYNC, need("inn", "groups are those of site.yml whenever the server starts or is told to look again")
    )
    shell = Settings(f"{FOLDER}/innshellvars.local")
    shell.set(
        "newsmaster",
        view.site.organisation.postmaster,
        view.why("organisation.postmaster"),
        need("inn", "what its scripts have to say reaches somebody"),
    )
    cron = Settings("/etc/cron.d/inn2")
    cron.set("expire", "/usr/lib/news/bin/news.daily expireover lowmark delayrm nomail", view.why("news.retention"))
    cron.set("unspool", "/usr/bin/rnews -U", need("inn", "what was posted while the store was away is filed later"))
    expire = Settings(f"{FOLDER}/expire.ctl")
    expire.set("days", days(news.retention), view.why("news.retention"))
    return Plan(
        name="inn",
        packages=("inn2",),
        files=(
            File(CONF, "inn", because, "inn/inn.conf.j2", _settings(view, news), inn.spell),
            File(f"{FOLDER}/storage.conf", "inn", because, "inn/storage.conf.j2", Settings(""), inn.word),
            File(f"{FOLDER}/expire.ctl", "inn", because, "inn/expire.ctl.j2", expire, inn.word),
            File(f"{FOLDER}/newsfeeds", "inn", alone, "inn/newsfeeds.j2", Settings(""), inn.word),
            File(
                f"{FOLDER}/incoming.conf",
                "inn",
                alone,
                "inn/incoming.conf.j2",
                Settings(""),
                inn.word,
                group="news",
                mode="0640",
            ),
            File(f"{FOLDER}/control.ctl", "inn", alone, "inn/control.ctl.j2", Settings(""), inn.word),
            File(shell.file, "inn", because, "inn/innshellvars.j2", shell, ini.word, mode="0755"),
            LineFile(GROUPS, "inn", because, lines=Rows(lambda: _groups(news))),
            _program(SYNC, "inn", "news-groups.sh", comment="", mode="0755"),
            File(unit.file, "inn", because, "inn/inn2.conf.j2", unit, ini.spell),
            File(cron.file, "inn", view.why("news.retention"), "inn/cron.j2", cron, ini.spell),
        ),
        directories=(
            (f"{SYSTEMD}/inn2.service.d", "root", "root", "0755"),
            (PROGRAMS, "root", "root", "0755"),
            (BACKOFF, "news", "news", "0750"),
        ),
        stage_prefixes=(f"{FOLDER}/",),
        retired=("/var/spool/news/backoff",),
        validate=(
            Judge(("env", f"INNCONF={{{CONF}}}", "/usr/lib/news/bin/innconfval", "-C")),
            Judge(("env", f"INNCONF={{{CONF}}}", "/usr/lib/news/bin/inncheck", "--noperm", *CHECKED)),
        ),
        units=(Unit("inn2.service", restart_paths=(CONF, f"{FOLDER}/storage.conf", unit.file)),),
        probes=(
            ExecProbe(
                "news store",
                argv=("/usr/sbin/ctlinnd", "-t", "10", "mode"),
                expect="Server (running|paused|throttled loadav)",
            ),
        ),
    )


def _readers(view: View) -> Plan:
    because = control("nntp.access")
    readers = Settings(READERS)
    readers.set("encryption", True, because, control("tls.mua-required"), control("tls.starttls-all"))
    readers.set("program", f"{LOGIN} {auth_socket('news')} {user_socket('news')}", because)
    readers.set("users", "*@*", because)
    readers.set("groups", "*,!junk,!control,!control.*,!to,!to.*", because)
    files: list[PlannedFile] = [
        File(READERS, "nnrpd", because, "inn/readers.conf.j2", readers, inn.spell),
        _program(LOGIN, "nnrpd", "nnrpd_login.py", comment="", mode="0755"),
        _program(f"{FOLDER}/filter/filter_nnrpd.pl", "nnrpd", "filter_nnrpd.pl"),
        *tls.pair(view, view.host.name, STEM, "nnrpd", group="news"),
        ending.file("nnrpd", "readers"),
    ]
    families = view.site.address_families
    for name, port in PORTS.items():
        socket, service = Settings(f"{SYSTEMD}/gmconf-{name}.socket"), Settings(f"{SYSTEMD}/gmconf-{name}@.service")
        addresses = [
            *([f"0.0.0.0:{port}"] if "ipv4" in families else []),
            *([f"[::]:{port}"] if "ipv6" in families else []),
        ]
        socket.rows("listen", [{"address": (address, (because, control("net.ipv6")))} for address in addresses])
        socket.set("connections", 100, because, need("inn", "processes for readers, at most"))
        socket.set("connections_each", 10, because, need("inn", "one client cannot take all of them"))
        implicit = (control("tls.implicit"),) if name == "nntps" else ()
        unasked = need("inn", "a reader that makes no connections asks no DNS for the client's name")
        service.set(
            "program", f"/usr/lib/news/bin/nnrpd -n{' -S' if name == 'nntps' else ''}", because, *implicit, unasked
        )
        service.set("longest", "1d", because)
        kept = need(
            "inn", "who has to wait how long, and what is posted while the store is away; nothing else is written"
        )
        service.set("keeps", [BACKOFF, POSTED], kept)
        files += [
            File(socket.file, "nnrpd", because, "inn/nnrpd.socket.j2", socket, ini.spell),
            File(service.file, "nnrpd", because, "inn/nnrpd.service.j2", service, ini.spell),
        ]
    return Plan(
        name="nnrpd",
        files=tuple(files),
        directories=((f"{FOLDER}/tls", "root", "news", "0750"), (f"{FOLDER}/filter", "root", "root", "0755")),
        owned=(f"{FOLDER}/tls/", f"{FOLDER}/filter/"),
        validate=(Judge(("perl", "-c", f"{{{FOLDER}/filter/filter_nnrpd.pl}}")),),
        commands=(ending.command("readers", "systemctl stop 'gmconf-nntp*@*.service'"),),
        units=tuple(Unit(f"gmconf-{name}.socket", on_change="restart") for name in PORTS),
        probes=tuple(
            TcpProbe(name, address="127.0.0.1", port=port, tls=name == "nntps", expect="^(20[01]|400 load) ")
            for name, port in PORTS.items()
        ),
        tls=tls.judged(view, STEM, view.host.name),
    )


def _program(path: str, service: str, name: str, *, comment: str = "# ", mode: str = "0644") -> LineFile:
    """A program for this daemon, as it lies in roles/gmconf/files/inn."""
    lines = partial(program, f"files/inn/{name}")
    return LineFile(path, service, control("nntp.access"), lines=lines, shared=True, comment=comment, mode=mode)


def _groups(news: News) -> Iterator[tuple[str, Source]]:
    for number, group in sorted(enumerate(news.groups), key=lambda pair: pair[1].name):
        yield f"{group.name}\t{group.description}", f"news.groups[{number}]"


def _settings(view: View, news: News) -> Settings:
    c = Settings(CONF)
    because, works = control("nntp.access"), need("inn", "INN would not serve this site otherwise")
    alone = need("inn", "the store is for this host's own readers; strangers have nothing to say to it")
    c.set("organization", _plain(view.site.organisation.name), view.why("organisation.name"))
    c.set("pathhost", view.host.name, works)
    c.set("domain", view.host.name.partition(".")[2], works)
    c.set(
        "complaints",
        view.site.organisation.abuse or view.site.organisation.postmaster,
        because,
        view.why("organisation.abuse" if view.site.organisation.abuse else "organisation.postmaster"),
    )
    c.set("etc", FOLDER + "/", works)
    c.set("filter", f"{FOLDER}/filter", works)
    c.set("address4", "127.0.0.1", because, alone)
    c.set("address6", "::1", because, alone)
    c.set("port", STORE_PORT, alone)
    c.set("readers", True, because, need("inn", "readers speak to nnrpd, which asks for TLS and a login"))
    c.set("overview", "tradindexed", works)
    c.set("cancels", "none", because, need("inn", "nobody removes what another has written"))
    c.set("pgp", False, works, need("inn", "control messages are dropped"))
    c.set("size", news.article_size, view.why("news.article_size"))
    c.set("sender", True, because, need("inn", "the login stands in the article, whatever its From says"))
    c.set("account", True, because)
    c.set("client", False, because, need("inn", "where a user is when writing is nobody's business"))
    c.set(
        "backoff.user",
        True,
        because,
        need("inn", "after some posts in a row a user waits longer and longer for the next"),
    )
    c.set("backoff.folder", BACKOFF, because)
    c.set("backoff.free", 20, because)
    c.set("backoff.factor", 2, because)
    c.set("backoff.fast", 5, because)
    c.set("backoff.slow", 60, because)
    c.set("disk", 1024 * 1024, because, need("inn", "KiB: news stops long before it takes the disk from the mail"))
    c.set("html", False, works)
    c.set("tls.certificate", f"{STEM}.crt", control("tls.cert"), control("tls.starttls-all"))
    c.set("tls.key", f"{STEM}.key", control("tls.cert"))
    c.set("tls.protocols", ["TLSv1.2", "TLSv1.3"], control("tls.versions"))
    c.set("tls.ciphers", "ECDHE+AESGCM:ECDHE+CHACHA20", control("tls.ciphers"))
    c.set("tls.order", True, control("tls.ciphers"))
    c.set("tls.compression", False, control("tls.no-reneg-compress"))
    return c


def _plain(name: str) -> str:
    """The organisation's name without what inn.conf cannot hold: it is a courtesy header, no more."""
    return "".join(char for char in name if char not in '"\\#').strip() or "Mail service"
