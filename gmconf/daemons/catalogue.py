"""All services, in the order in which documents list them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gmconf.daemons.service import Duty, Port, Service
from gmconf.model import Host, Role, Site

_SENDING = (Role.MTA, Role.MSA)


def _others(site: Site, host: Host) -> Iterator[Host]:
    return (h for h in site.hosts if h.name != host.name)


def _stores_for_others(site: Site, host: Host) -> bool:
    """Another host hands mail to this store."""
    return any(set(_SENDING) & set(h.roles) for h in _others(site, host))


def _filters_for_others(site: Site, host: Host) -> bool:
    """Another host without a filter asks this one."""
    return any(set(_SENDING) & set(h.roles) and Role.FILTER not in h.roles for h in _others(site, host))


def _federation(site: Site, host: Host) -> bool:
    del host
    return site.chat is None or site.chat.federation


def _http_proofs(site: Site, host: Host) -> bool:
    del host
    acme = site.tls.acme
    return site.tls.source == "acme" and acme is not None and acme.challenge == "http-01"


def _pop3(site: Site, host: Host) -> bool:
    del host
    return site.pop3.enabled


def _ssh(site: Site, host: Host) -> int:
    return site.network.ssh(host)


SERVICES: tuple[Service, ...] = (
    Service(
        "postfix",
        "Postfix",
        duties=(
            Duty("takes mail from outside, sends mail out, keeps the queue (MTA)", (Role.MTA,)),
            Duty("takes mail from users (MSA)", (Role.MSA,)),
        ),
        ports=(
            Port(25, "SMTP", "STARTTLS offered", roles=(Role.MTA,), servers=True),
            Port(465, "submission", "TLS", roles=(Role.MSA,)),
            Port(587, "submission", "STARTTLS required", roles=(Role.MSA,)),
        ),
        files=("/etc/postfix/main.cf", "/etc/postfix/master.cf", "/etc/postfix/openssl.cnf"),
        partial={"/etc/postfix/submission-headers": (Role.MSA,)},
        overrides="postfix",
        user="postfix",
    ),
    Service(
        "mta-sts",
        "MTA-STS resolver",
        (Role.MTA,),
        files=("/etc/mta-sts-daemon.yml", "/etc/systemd/system/gmconf-tls-policy.service"),
        user="_mta-sts",
    ),
    Service("quickack", "quick acknowledgements"),
    Service(
        "dovecot",
        "Dovecot",
        (Role.STORE, Role.MSA),
        duties=(
            Duty("checks logins and passwords"),
            Duty("delivers into mailboxes, files spam, keeps quotas (MDA)", (Role.STORE,)),
            Duty("gives access to mailboxes: IMAP, POP3, ManageSieve (MAA)", (Role.STORE,)),
        ),
        ports=(
            Port(143, "IMAP", "STARTTLS required", roles=(Role.STORE,)),
            Port(993, "IMAP", "TLS", roles=(Role.STORE,)),
            Port(995, "POP3", "TLS", roles=(Role.STORE,), where=_pop3),
            Port(4190, "ManageSieve", "STARTTLS required", roles=(Role.STORE,)),
            Port(24, "LMTP", "with TLS", "site", (Role.STORE,), _stores_for_others),
            Port(12340, "quota look-up", "", "site", (Role.STORE,), _stores_for_others),
        ),
        files=("/etc/dovecot/dovecot.conf",),
        partial={"/etc/dovecot/protocols.conf": (Role.STORE,)},
        overrides="dovecot",
        user="dovecot",
    ),
    Service(
        "rspamd",
        "rspamd",
        (Role.FILTER,),
        duties=(Duty("judges mail, checks SPF, DKIM and DMARC, signs, counts what a login sends"),),
        ports=(Port(11332, "milter", "", "site", where=_filters_for_others),),
        files=("/etc/rspamd/local.d/",),
        overrides="rspamd",
        user="_rspamd",
    ),
    Service("dmarc-report", "DMARC reports", (Role.FILTER,)),
    Service(
        "clamav",
        "ClamAV",
        (Role.FILTER,),
        duties=(Duty("finds viruses"),),
        files=("/etc/clamav/",),
        overrides="clamd",
        user="clamav",
    ),
    Service(
        "redis",
        "Redis or Valkey",
        (Role.FILTER,),
        duties=(Duty("keeps what the filter learns and counts"),),
        files=("/etc/redis/",),
    ),
    Service(
        "unbound",
        "Unbound",
        duties=(Duty("resolves and validates names"),),
        files=("/etc/unbound/unbound.conf", "/etc/resolv.conf"),
        overrides="unbound",
        user="unbound",
    ),
    Service(
        "knot",
        "Knot DNS",
        (Role.NAMESERVER,),
        duties=(Duty("signs the site's zones and answers for them"),),
        ports=(Port(53, "DNS", udp=True, servers=True),),
        files=("/etc/knot/knot.conf",),
        user="knot",
    ),
    Service(
        "prosody",
        "Prosody",
        (Role.CHAT,),
        duties=(Duty("serves chat (XMPP)"),),
        ports=(
            Port(5222, "XMPP of users", "STARTTLS required"),
            Port(5223, "XMPP of users", "TLS"),
            Port(5269, "XMPP of servers", "STARTTLS required", where=_federation, servers=True),
            Port(5270, "XMPP of servers", "TLS", where=_federation, servers=True),
        ),
        files=("/etc/prosody/prosody.cfg.lua",),
        user="prosody",
    ),
    Service(
        "inn",
        "INN",
        (Role.NEWS,),
        duties=(Duty("keeps the articles of the local newsgroups, and serves them to readers (NNTP)"),),
        files=("/etc/news/",),
        user="news",
    ),
    Service(
        "nnrpd",
        "INN's nnrpd",
        (Role.NEWS,),
        ports=(Port(119, "NNTP", "STARTTLS"), Port(563, "NNTP", "TLS")),
        files=tuple(
            f"/etc/systemd/system/gmconf-{name}{kind}"
            for name in ("nntp", "nntps")
            for kind in (".socket", "@.service")
        ),
    ),
    Service("cron", "cron", (Role.NEWS,)),
    Service(
        "nginx",
        "nginx",
        (Role.WEB,),
        duties=(Duty("serves MTA-STS policies and the set-up of mail programs (HTTPS)"),),
        ports=(Port(80, "HTTP, leads to HTTPS"), Port(443, "HTTPS")),
        files=("/etc/nginx/nginx.conf",),
    ),
    Service(
        "acme",
        "certbot, by gmconf-acme",
        duties=(Duty("gets certificates from the CA (ACME)"),),
        ports=(Port(80, "HTTP, proofs for the CA", where=_http_proofs),),
    ),
    Service(
        "nftables",
        "nftables",
        duties=(Duty("filters packets"),),
        files=("/etc/nftables.conf", "/etc/gmconf/isolate.nft"),
    ),
    Service("sshd", "sshd", ports=(Port(22, "SSH", reach="admin", number_at=_ssh),)),
    Service(
        "time",
        "systemd-timesyncd",
        duties=(Duty("keeps the time"),),
        files=("/etc/systemd/timesyncd.conf.d/gmconf.conf",),
        user="systemd-timesync",
    ),
    Service(
        "updates",
        "unattended-upgrades and needrestart",
        duties=(Duty("installs security updates"),),
        files=("/etc/apt/apt.conf.d/99gmconf", "/etc/needrestart/conf.d/gmconf.conf"),
    ),
    Service("logs", "systemd-journald", files=("/etc/systemd/journald.conf.d/gmconf.conf",)),
    Service("tls", "Certificates"),
    Service("recover", "recovery of roll-outs"),
    Service("mailname", "/etc/mailname"),
)
BY_NAME = {service.name: service for service in SERVICES}


def listening(site: Site, host: Host) -> tuple[tuple[Service, Port], ...]:
    """What listens on a host on other addresses than loopback, by number; each with its service."""
    found = [
        (service, replace(port, number=port.number_at(site, host)) if port.number_at else port)
        for service in SERVICES
        if service.on(host)
        for port in service.ports
        if (not port.roles or set(port.roles) & set(host.roles)) and port.where(site, host)
    ]
    return tuple(sorted(found, key=lambda pair: (pair[1].number, pair[0].name)))
