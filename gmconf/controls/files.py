"""Short names for the files that controls look into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gmconf.daemons import SERVICES
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
ONLY_IF_WANTED = (f"{RSPAMD}/groups.conf",)


def belongs(file: str, case: HostCase) -> bool:
    """Whether a host with these roles cannot be without a file, as the declaration of its service says."""
    return file not in ONLY_IF_WANTED and any(service.keeps(file, case.host) for service in SERVICES)


def counts(file: str, key: str, case: HostCase) -> bool:
    """Whether a setting counts on a host: where Dovecot only knows the logins, it has few; the first name server alone
    signs."""
    if file == KNOT:
        return keepers(case.site)[0].name == case.host.name
    return file != DOVECOT or case.has(Role.STORE) or key.startswith(("auth.", "log.", "ssl.certificate", "ssl.key"))
