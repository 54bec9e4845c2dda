"""Dovecot: MDA (LMTP) and MAA (IMAP, POP3, ManageSieve) of a store, and logins for an MSA."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from gmconf.controls import control
from gmconf.derived.limits import chain
from gmconf.dialects import ini
from gmconf.dialects.dovecot import spell
from gmconf.model import LOGIN_ROLES, Role
from gmconf.resources import program
from gmconf.services import ending, host_mail, tls
from gmconf.services.plan import (
    Command,
    File,
    Judge,
    LineFile,
    Plan,
    PlannedFile,
    Probe,
    Rows,
    SecretFile,
    Source,
    TcpProbe,
    Unit,
    UnixProbe,
    User,
    View,
)
from gmconf.settings import Reason, Settings, Value, need

CONF, PROTOCOLS, FOLDER = "/etc/dovecot/dovecot.conf", "/etc/dovecot/protocols.conf", "/etc/dovecot"
MAIL = "/var/vmail"
SIEVE = f"{FOLDER}/sieve"
END_ALL = "doveadm kick '*' || test $? = 68"
"""A reload ends no session, so that a new certificate disturbs nobody. The accounts that have changed are sent away all
the same, and everybody where that fails: Dovecot says 68 where nobody was there."""
LESSONS = 30
"""Messages by which one login teaches the filter in an hour: a morning's spam, not a mailbox."""
SCRIPTS = ("junk", "learn-spam", "learn-ham")


def plan(view: View) -> Plan:
    """Packages, files, judges and probes of Dovecot on a store or an msa host."""
    store, old = view.has(Role.STORE), view.host.release == "bookworm"
    settings = _settings(view)
    template = f"dovecot/{'2.3' if old else '2.4'}/{'dovecot' if store else 'auth'}.conf.j2"
    files: list[PlannedFile] = [
        File(CONF, "dovecot", need("dovecot", "its whole configuration"), template, settings, spell),
        SecretFile(
            f"{FOLDER}/passwords",
            "dovecot",
            control("auth.password-policy"),
            "passwords.vault",
            "root",
            "dovecot",
            "0640",
        ),
    ]
    files.append(
        LineFile(
            f"{FOLDER}/suspended",
            "dovecot",
            control("prc.abuse-stop"),
            lines=Rows(lambda: _suspended(view)),
            shared=True,
            group="dovecot",
            mode="0640",
        )
    )
    packages = ["dovecot-core"]
    if store:
        packages += ["dovecot-imapd", "dovecot-lmtpd", "dovecot-managesieved", "dovecot-sieve"]
        packages += ["dovecot-pop3d"] if view.site.pop3.enabled else []
        quota = "userdb_quota_rule=*:bytes=" if old else "userdb_quota_storage_size="
        because = control("maa.virtual-domains")
        files.append(
            LineFile(
                f"{FOLDER}/users",
                "dovecot",
                because,
                lines=Rows(lambda: _users(view, quota)),
                shared=True,
                group="dovecot",
                mode="0640",
            )
        )
        files.append(
            File(PROTOCOLS, "dovecot", control("gov.minimal"), "dovecot/protocols.conf.j2", _protocols(view), spell)
        )
        files.append(ending.file("dovecot", "sessions"))
        files += _sieve(view)
    return Plan(
        name="dovecot",
        packages=tuple(packages),
        files=tuple(files),
        users=(User("vmail", group="vmail", home=MAIL),) if store else (),
        directories=(
            ((MAIL, "vmail", "vmail", "0700"), (SIEVE, "root", "root", "0755"), ending.DIRECTORY) if store else ()
        ),
        stage_prefixes=(f"{FOLDER}/",),
        validate=(
            Judge(("doveconf", "-c", f"{{{CONF}}}", "-n"), refuse=(r"(?i)\b(warning|error|fatal): ",)),
            *(Judge(("sievec", "-c", f"{{{CONF}}}", f"{{{SIEVE}/{name}.sieve}}")) for name in _scripts(view)),
        ),
        # Compiled in place: a compiled script knows its path, and mail processes may not write here.
        commands=(
            (
                Command("sievec", argv=("sievec", SIEVE), when=(f"{SIEVE}/*.sieve", CONF)),
                ending.command(
                    "sessions",
                    END_ALL,
                    when=(*ending.LOGINS, f"{FOLDER}/users"),
                    first="systemctl -q is-active dovecot.service || exit 0; ",
                ),
            )
            if store
            else ()
        ),
        units=(Unit("dovecot.service", restart_paths=(PROTOCOLS,), watch=(f"{tls.FOLDER}/*",)),),
        probes=_probes(view),
    )


def _scripts(view: View) -> tuple[str, ...]:
    if not view.has(Role.STORE):
        return ()
    return SCRIPTS if view.has(Role.FILTER) else SCRIPTS[:1]


def _remote(view: View) -> bool:
    return any(host.name != view.host.name for host in (*view.hosts(Role.MTA), *view.hosts(Role.MSA)))


def _probes(view: View) -> tuple[Probe, ...]:
    if not view.has(Role.STORE):
        return (UnixProbe("logins", path="/run/dovecot/auth-smtp"),)
    return (
        TcpProbe("imaps", address="127.0.0.1", port=993, tls=True, expect=r"^\* OK ", within=20),
        UnixProbe("lmtp", path="/run/dovecot/lmtp", expect="^220 ", within=20),
        *(
            [TcpProbe("pop3s", address="127.0.0.1", port=995, tls=True, expect=r"^\+OK", within=20)]
            if view.site.pop3.enabled
            else []
        ),
    )


def _suspended(view: View) -> Iterator[tuple[str, Source]]:
    for account in view.mail.accounts:
        if account.suspended:
            yield f"{account.login}:{{PLAIN}}!", account.login


def _users(view: View, quota: str) -> Iterator[tuple[str, Source]]:
    for account in view.mail.mailboxes:
        yield f"{account.login}:::::::{quota}{account.quota}", account.login


def _sieve(view: View) -> list[File | LineFile]:
    because = {"junk": control("mda.junk-folder")}
    learns = need("dovecot", "moving a message into or out of Junk teaches the filter")
    files: list[File | LineFile] = [
        LineFile(
            f"{SIEVE}/{name}.sieve",
            "dovecot",
            because.get(name, learns),
            lines=partial(program, f"files/sieve/{name}.sieve"),
            shared=True,
        )
        for name in _scripts(view)
    ]
    if view.has(Role.FILTER):
        teach = Settings(f"{SIEVE}/rspamc-learn")
        teach.set(
            "most",
            LESSONS,
            learns,
            need(
                "dovecot",
                "all users share what is learned; a stolen account, or an angry user, must not turn the filter",
            ),
        )
        files.append(
            File(
                teach.file, "dovecot", learns, "dovecot/sieve/rspamc-learn.j2", teach, ini.word, comment="", mode="0755"
            )
        )
    return files


def auth_socket(service: str) -> str:
    """Where a service of this host asks whether a password is right."""
    return f"/run/dovecot/auth-{service}"


def user_socket(service: str) -> str:
    """Where a service of this host asks whether there is such a mailbox. Dovecot 2.3 takes the kind from the end of the
    name."""
    return f"/run/dovecot/auth-{service}-userdb"


def _protocols(view: View) -> Settings:
    c = Settings(PROTOCOLS)
    pop3 = ["pop3"] if view.site.pop3.enabled else []
    c.set("protocols", ["imap", "lmtp", "sieve", *pop3], control("gov.minimal"), view.why("pop3.enabled"))
    return c


def _sockets(c: Settings, view: View) -> None:
    users = {"chat": ("prosody", control("xmpp.server")), "news": ("news", control("nntp.access"))}
    old = view.host.release == "bookworm"
    rows = []
    for role in LOGIN_ROLES:
        if view.has(role):
            user, because = users[role]
            rows += [
                {
                    "path": (path.rpartition("/")[2], (because,)),
                    "kind": ("" if old else kind, (because,)),
                    "user": (user, (because,)),
                }
                for path, kind in ((auth_socket(role), "auth"), (user_socket(role), "userdb"))
            ]
    c.rows("sockets", rows)


def _scripting(c: Settings, view: View) -> None:
    """Users' own Sieve scripts, and those of the site around them."""
    c.set("sieve.junk", f"{SIEVE}/junk.sieve", control("mda.junk-folder"))
    rights = control("msa.sender-rights")
    c.set(
        "sieve.sends",
        f"{host_mail.ADDRESS}:{host_mail.PORT}",
        rights,
        need(
            "dovecot", "sendmail would hand it in as the system's own mail; in a container it could not write the queue"
        ),
    )
    c.set("sieve.as_owner", True, rights, need("dovecot", "MAIL FROM says whose notice it is"))
    c.set("sieve.notifies", "recipient", rights)
    c.set("sieve.redirects", 4, control("maa.dos"), need("dovecot", "one message makes four at most"))
    c.set("sieve.scripts", 50, control("maa.dos"))
    c.set(
        "sieve.room",
        "4M",
        control("maa.dos"),
        need("dovecot", "scripts are files beside the mailbox: its quota does not count them"),
    )
    learn = view.has(Role.FILTER)
    learns = need("dovecot", "moving a message into or out of Junk teaches the filter")
    c.set("sieve.learn_spam", f"{SIEVE}/learn-spam.sieve" if learn else "", learns)
    c.set("sieve.learn_ham", f"{SIEVE}/learn-ham.sieve" if learn else "", learns)
    c.set("sieve.programs", SIEVE if learn else "", learns)


def _raw(view: View) -> Iterator[Mapping[str, tuple[Value, Sequence[Reason]]]]:
    """Lines of the site's own, one row each: what opens a block, a setting, what closes it. Dovecot adds blocks of one
    name up."""
    for path, value, why in view.overrides("dovecot"):
        *blocks, key = path.split("/")
        for block in blocks:
            yield {"block": (block, (why,)), "key": ("", (why,)), "value": ("", (why,))}
        yield {"block": ("", (why,)), "key": (key, (why,)), "value": (value, (why,))}
        for _ in blocks:
            yield {"block": ("", (why,)), "key": ("", (why,)), "value": ("", (why,))}


def _settings(view: View) -> Settings:
    c = Settings(CONF)
    store, old, cpus = view.has(Role.STORE), view.host.release == "bookworm", view.host.cpus
    works = need("dovecot", "Dovecot would not serve this site otherwise")
    c.set("ssl.certificate", tls.certificate(view), control("tls.cert"))
    c.set("ssl.key", tls.key(view), control("tls.cert"))
    c.set("auth.mechanisms", ["plain", "login"], control("auth.mech"), control("maa.auth"))
    c.set("auth.cleartext", False, control("auth.mech"), control("tls.mua-required"))
    c.set("auth.failure_delay", "2 secs", control("auth.bruteforce"))
    c.set("auth.penalty", 0, control("auth.no-lockout"))
    c.set("auth.suspended", f"{FOLDER}/suspended", control("prc.abuse-stop"))
    c.set("auth.passwords", f"{FOLDER}/passwords", control("maa.auth"), control("msa.service-accounts"))
    c.set("auth.username", "%Lu" if old else "%{user | lower}", control("maa.virtual-domains"))
    c.set(
        "auth.clients",
        2000 + 500 * cpus,
        view.why("hosts"),
        need("dovecot", "at least the sum of what its services may open"),
    )
    c.set("log.facility", "mail", control("log.correlate"))
    _sockets(c, view)
    if not store:
        return c
    families = view.site.address_families
    listen = [*(["*"] if "ipv4" in families else []), *(["::"] if "ipv6" in families else [])]
    c.set("listen", listen if old else ", ".join(listen), control("net.ipv6"), view.why("address_families"))
    c.set(
        "protocols_file",
        PROTOCOLS,
        need("dovecot", "the sockets of a protocol are made when Dovecot starts, not when it reloads"),
    )
    c.set("greeting", "ready", control("mta.banner-min"))
    c.set(
        "shutdown_clients",
        False,
        need(
            "dovecot",
            "a reload, as for a new certificate, ends no session; a roll-out ends those of the accounts that it"
            " changes",
        ),
    )
    c.set("ssl.required", "required", control("tls.mua-required"))
    c.set("ssl.min_protocol", "TLSv1.2", control("tls.versions"))
    c.set("ssl.ciphers", "ECDHE+AESGCM:ECDHE+CHACHA20", control("tls.ciphers"))
    own = [(name, (control("tls.cert"), why)) for name, why in tls.own_names(view, Role.STORE).items()]
    c.rows(
        "own",
        [
            {
                "name": (name, why),
                "certificate": (f"{tls.FOLDER}/{name}.crt", why),
                "key": (f"{tls.FOLDER}/{name}.key", why),
            }
            for name, why in own
        ],
    )
    c.set("users", f"{FOLDER}/users", control("maa.virtual-domains"))
    c.set(
        "home",
        f"{MAIL}/%d/%n" if old else f"{MAIL}/%{{user | domain}}/%{{user | username}}",
        control("maa.virtual-domains"),
    )
    c.set("owner", "vmail", works)
    c.set("mail.driver", "sdbox", need("dovecot", "one file a message, indexes that need no directory scans"))
    c.set("mail.fsync", "optimized", control("mda.durable"))
    c.set("mail.connections", 30, control("maa.session-limits"), control("maa.dos"))
    c.set(
        "lmtp.concurrency",
        chain(view.site).lmtp_user_concurrency,
        control("maa.dos"),
        need("dovecot", "above what Postfix opens to one store"),
    )
    c.set("lmtp.delimiter", "+", need("dovecot", "sub-addresses reach the mailbox"))
    c.set(
        "login.processes",
        cpus,
        view.why("hosts"),
        need("dovecot", "login processes are kept and shared: ten times the logins a second"),
    )
    c.set("quota.full", "552 5.2.2 Mailbox is full", control("maa.quota"))
    c.set(
        "quota.grace",
        chain(view.site).message_size,
        control("maa.quota"),
        view.why("limits.message_size"),
        need(
            "dovecot",
            "the message that fills the mailbox still fits: what was accepted at RCPT is never returned later",
        ),
    )
    _scripting(c, view)
    c.set("pop3", "pop3" if view.site.pop3.enabled else "", view.why("pop3.enabled"))
    c.set("remote.lmtp", 24 if _remote(view) else "", need("dovecot", "MTA hosts elsewhere deliver here, with TLS"))
    c.set("remote.quota", 12340 if _remote(view) else "", control("maa.quota"))
    c.rows("overrides", _raw(view))
    return c
