"""Prosody: chat (XMPP) for the users of all hosted domains, with the logins and passwords of their mail."""

from __future__ import annotations

from functools import partial

from gmconf.controls import control
from gmconf.dialects.lua import spell
from gmconf.keys.names import chat_domains
from gmconf.model.talk import Chat
from gmconf.resources import program
from gmconf.services import ending, tls
from gmconf.services.dovecot import auth_socket, user_socket
from gmconf.services.plan import File, Judge, LineFile, Plan, PlannedFile, TcpProbe, Unit, View
from gmconf.settings import Settings, need

CONF, FOLDER = "/etc/prosody/prosody.cfg.lua", "/etc/prosody"
CERTIFICATES, AUTHORITIES = f"{FOLDER}/tls", f"{FOLDER}/authorities.pem"
PLUGINS = "/usr/local/lib/gmconf/prosody"
CLIENTS, CLIENTS_TLS, SERVERS, SERVERS_TLS = 5222, 5223, 5269, 5270
SHELL = "/run/prosody/shell"
BASE = ("admin_shell", "disco", "roster", "saslauth", "tls")
FEATURES = (
    "blocklist",
    "bookmarks",
    "carbons",
    "csi_simple",
    "mam",
    "pep",
    "ping",
    "private",
    "server_contact_info",
    "smacks",
    "vcard4",
    "vcard_legacy",
)
KEEPS_ORDER = ("limits",)
FEDERATION = ("dialback",)
STRANGERS = ("s2s", "s2s_auth_certs")


def plan(view: View) -> Plan:
    """Packages, files, judges and probes of the chat server."""
    because = control("xmpp.server")
    module = f"{PLUGINS}/mod_auth_gmconf.lua"
    files: list[PlannedFile] = [
        File(
            CONF,
            "prosody",
            because,
            "prosody/prosody.cfg.lua.j2",
            _settings(view),
            spell,
            comment="-- ",
            group="prosody",
            mode="0640",
        ),
        LineFile(
            module,
            "prosody",
            need("prosody", "passwords are Dovecot's business"),
            lines=partial(program, "files/prosody/mod_auth_gmconf.lua"),
            shared=True,
            comment="-- ",
        ),
    ]
    files.append(ending.file("prosody", "chats"))
    authorities = [line for name in _authorities(view) for line in view.public[name].rstrip("\n").split("\n")]
    if authorities:
        why = need("prosody", "servers of a closed network show certificates of its own CAs")
        files.append(LineFile(AUTHORITIES, "prosody", why, lines=lambda: authorities, comment=""))
    names = [name for name, _ in chat_domains(view.site)]
    for name in names:
        files += tls.pair(view, name, f"{CERTIFICATES}/{name}", "prosody-tls", group="prosody")
    return Plan(
        name="prosody",
        packages=("lua-unbound", "prosody"),
        files=tuple(files),
        directories=((CERTIFICATES, "root", "prosody", "0750"), (PLUGINS, "root", "root", "0755"), ending.DIRECTORY),
        owned=(f"{CERTIFICATES}/",),
        stage_prefixes=(f"{CERTIFICATES}/",),
        validate=(Judge(("prosodyctl", "--root", "--config", f"{{{CONF}}}", "check", "config")),),
        commands=(
            ending.command(
                "chats",
                "systemctl try-restart prosody.service",
                first="systemctl -q is-active prosody.service || exit 0; ",
            ),
        ),
        # Prosody reads certificates again when it is told to; hosts and modules only when it starts.
        units=(
            Unit("prosody.service", restart_paths=(CONF, f"{PLUGINS}/*", AUTHORITIES), watch=(f"{CERTIFICATES}/*",)),
        ),
        probes=(TcpProbe("chat", address="127.0.0.1", port=CLIENTS, send=_hello(names[0]), expect="<stream:stream "),),
        tls=tuple(pair for name in names for pair in tls.judged(view, f"{CERTIFICATES}/{name}", name)),
    )


def chat(view: View) -> Chat:
    """What the site says about chat, or the defaults."""
    return view.site.chat or Chat()


def days(seconds: int) -> int:
    """Whole days, rounded up."""
    return -(-seconds // 86400)


def _hello(domain: str) -> str:
    return (
        f"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='{domain}'"
        " version='1.0'>"
    )


def _authorities(view: View) -> list[str]:
    own = ["ca/ca.crt"] if view.site.tls.own_ca else []
    return own + [f"ca/{name}.crt" for name in view.site.tls.trusted]


def _settings(view: View) -> Settings:
    c = Settings(CONF)
    chat_, works = chat(view), need("prosody", "Prosody would not serve this site otherwise")
    server, federated = control("xmpp.server"), view.why("chat.federation")
    families = view.site.address_families
    c.set("pidfile", "/run/prosody/prosody.pid", works)
    c.set(
        "interfaces",
        [*(["0.0.0.0"] if "ipv4" in families else []), *(["::"] if "ipv6" in families else [])],
        control("net.ipv6"),
    )
    c.set("plugins", [PLUGINS], works)
    c.set(
        "installer",
        PLUGINS,
        need(
            "prosody",
            "its default lies in Prosody's own folder, and prosodyctl as root would run what Prosody put there",
        ),
    )
    c.set(
        "shell",
        SHELL,
        control("prc.abuse-stop"),
        need("prosody", "root ends sessions of single accounts by it; nobody but Prosody's user and root may open it"),
    )
    open_, shut = (FEDERATION, ()) if chat_.federation else ((), STRANGERS)
    c.set("modules", sorted((*BASE, *FEATURES, *KEEPS_ORDER, *open_)), server, federated)
    c.set("off", list(shut), server, federated)
    c.set("log", "info", need("prosody", "who logged in from where, and which server was spoken to"))
    # Logins
    c.set("auth.provider", "gmconf", server)
    c.set("auth.socket", auth_socket("chat"), server)
    c.set(
        "auth.users", user_socket("chat"), server, need("prosody", "messages to nobody are refused instead of stored")
    )
    c.set("auth.register", False, server)
    c.set("auth.plain", False, server, control("tls.mua-required"))
    # TLS
    c.set("c2s.tls", True, server, control("tls.mua-required"), control("tls.starttls-all"))
    c.set("s2s.tls", True, server, control("tls.starttls-all"))
    c.set(
        "s2s.verify",
        True,
        server,
        need(
            "prosody",
            "a server without a certificate for its name could be anybody; dialback only proves that DNS was asked",
        ),
    )
    c.set("c2s.direct", [CLIENTS_TLS], server, control("tls.implicit"))
    c.set("s2s.direct", [SERVERS_TLS] if chat_.federation else [], server, federated)
    c.set("ssl.certificates", CERTIFICATES, control("tls.cert"), server)
    c.set("ssl.protocol", "tlsv1_2+", control("tls.versions"))
    c.set("ssl.ciphers", "ECDHE+AESGCM:ECDHE+CHACHA20", control("tls.ciphers"))
    c.set(
        "ssl.options",
        ["cipher_server_preference", "no_compression", "no_renegotiation", "no_ticket"],
        control("tls.no-reneg-compress"),
    )
    c.set("ssl.system", "/etc/ssl/certs", need("prosody", "CAs that the system believes"))
    c.set(
        "ssl.authorities",
        AUTHORITIES if _authorities(view) else "",
        need("prosody", "CAs of the closed network"),
        view.why("tls.trusted"),
    )
    # Limits
    c.set("limits.client", "10kb/s", server, need("prosody", "one user's flood is slowed down, nobody else's messages"))
    c.set("limits.server", "30kb/s", server)
    c.set("limits.client_stanza", 256 * 1024, server)
    c.set("limits.server_stanza", 512 * 1024, server)
    c.set("limits.archive", 10000, server, need("prosody", "messages kept for one user"))
    c.set("retention", f"{days(chat_.retention)}d", view.why("chat.retention"))
    resolver = need("prosody", "the host's own resolver, which validates")
    c.set("resolver.file", "/etc/resolv.conf", resolver)
    c.set("resolver.hosts", False, resolver)
    c.rows(
        "hosts",
        [
            {
                "name": (domain, (server, view.why(field))),
                "abuse": (f"mailto:abuse@{domain}", (server,)),
                "admin": (f"mailto:postmaster@{domain}", (server,)),
            }
            for domain, field in chat_domains(view.site)
        ],
    )
    return c
