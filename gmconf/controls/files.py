"""Short names for the files that controls look into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmconf.derived.name_servers import keepers
from gmconf.model import Role

if TYPE_CHECKING:
    from gmconf.controls.case import HostCase

MAIN = "/etc/postfix/main.cf"
MASTER = "/etc/postfix/master.cf"
OPENSSL = "/etc/postfix/openssl.cnf"
USERS_HEADERS = "/etc/postfix/submission-headers"
STS, TLS_POLICY = "/etc/mta-sts-daemon.yml", "/etc/systemd/system/gmconf-tls-policy.service"
DOVECOT = "/etc/dovecot/dovecot.conf"
PROTOCOLS = "/etc/dovecot/protocols.conf"
CLAMD = "/etc/clamav/clamd.conf"
FRESHCLAM = "/etc/clamav/freshclam.conf"
NFT = "/etc/nftables.conf"
ISOLATE = "/etc/gmconf/isolate.nft"
UNBOUND = "/etc/unbound/unbound.conf"
RESOLV = "/etc/resolv.conf"
REDIS = "/etc/redis/redis.conf"
JOURNALD = "/etc/systemd/journald.conf.d/gmconf.conf"
TIMESYNCD = "/etc/systemd/timesyncd.conf.d/gmconf.conf"
APT = "/etc/apt/apt.conf.d/99gmconf"
NEEDRESTART = "/etc/needrestart/conf.d/gmconf.conf"
RSPAMD = "/etc/rspamd/local.d"
LUA = f"{RSPAMD}/gmconf-data.lua"
"""What the rules in Lua know of the site."""
HEADERS = f"{RSPAMD}/milter_headers.conf"
ACTIONS = f"{RSPAMD}/actions.conf"
OPTIONS = f"{RSPAMD}/options.inc"
PROOF = f"{RSPAMD}/force_actions.conf"
WHOLE = "/usr/local/lib/gmconf/rspamd-whole"
GUARD = "/etc/systemd/system/rspamd.service.d/gmconf.conf"
PROXY = f"{RSPAMD}/worker-proxy.inc"
MAPS = "/etc/postfix/maps"
PROSODY = "/etc/prosody/prosody.cfg.lua"
INN = "/etc/news/inn.conf"
READERS = "/etc/news/readers.conf"
NNTP, NNTPS = "/etc/systemd/system/gmconf-nntp", "/etc/systemd/system/gmconf-nntps"
"""Each with .socket and @.service."""
ACME = "/etc/gmconf/acme.ini"
NGINX = "/etc/nginx/nginx.conf"
KNOT = "/etc/knot/knot.conf"
LOGGING = f"{RSPAMD}/logging.inc"
EVERYWHERE = (MAIN, MASTER, OPENSSL, NFT, ISOLATE, UNBOUND, RESOLV, JOURNALD, TIMESYNCD, APT, NEEDRESTART)
"""Every host has these."""


def belongs(file: str, case: HostCase) -> bool:
    """Whether a host with these roles cannot be without a file."""
    if file.startswith((RSPAMD, "/etc/clamav/", "/etc/redis/")):
        return case.has(Role.FILTER) and file not in _ONLY_IF_WANTED
    if file == PROTOCOLS:
        return case.has(Role.STORE)
    if file == DOVECOT:
        return case.has(Role.STORE, Role.MSA)
    if file == PROSODY:
        return case.has(Role.CHAT)
    if file.startswith(("/etc/news/", NNTP)):
        return case.has(Role.NEWS)
    if file == NGINX:
        return case.has(Role.WEB)
    if file == KNOT:
        return case.has(Role.NAMESERVER)
    if file in (STS, TLS_POLICY):
        return case.has(Role.MTA)
    if file == USERS_HEADERS:
        return case.has(Role.MSA)
    return file in EVERYWHERE


def counts(file: str, key: str, case: HostCase) -> bool:
    """Whether a setting counts on a host: where Dovecot only knows the logins, it has few; the first name server alone
    signs."""
    if file == KNOT:
        return keepers(case.site)[0].name == case.host.name
    return file != DOVECOT or case.has(Role.STORE) or key.startswith(("auth.", "log.", "ssl.certificate", "ssl.key"))


_ONLY_IF_WANTED = (f"{RSPAMD}/groups.conf",)
