"""Postfix: MTA on port 25, MSA on 465 and 587, or a null client."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from gmconf.controls import control
from gmconf.derived.limits import chain
from gmconf.dialects.ini import word
from gmconf.dialects.postfix import spell
from gmconf.model import Host, Role
from gmconf.services import ending, host_mail, mta_sts, tls
from gmconf.services.plan import Compile, File, Judge, LineFile, Plan, Probe, TcpProbe, Unit, View
from gmconf.services.postfix import flush as postfix_flush
from gmconf.services.postfix import maps as postfix_maps
from gmconf.settings import Reason, Settings, Value, need

AUTHORITIES = "/etc/ssl/certs"
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"
NAMED = "it is reached by its own address, which stands in no certificate; its name does"
COMPLAINTS = (r"\b(warning|fatal|panic): ",)
"""How Postfix tools speak of what they do not like."""
MAIN, MASTER, OPENSSL = "/etc/postfix/main.cf", "/etc/postfix/master.cf", "/etc/postfix/openssl.cnf"
SIGNATURES = ":".join(
    [
        "ECDSA+SHA256",
        "ECDSA+SHA384",
        "ECDSA+SHA512",
        "ed25519",
        *(f"{kind}+SHA{size}" for kind in ("RSA-PSS", "RSA") for size in (256, 384, 512)),
    ]
)


def plan(view: View) -> Plan:
    """Packages, files, judges and probes of Postfix on one host."""
    msa = view.has(Role.MSA)
    files: list[File | LineFile] = [
        File(MAIN, "postfix", need("postfix", "its main configuration"), "postfix/main.cf.j2", _main(view), spell),
        File(MASTER, "postfix", need("postfix", "its processes"), "postfix/master.cf.j2", _master(view), spell),
        File(OPENSSL, "postfix", control("tls.sigalgs"), "postfix/openssl.cnf.j2", _openssl(), word),
        *postfix_maps.files(view),
        *postfix_flush.files(view),
    ]
    if msa:
        settings = _checks(view)
        because = control("msa.privacy")
        files.append(File(settings.file, "postfix", because, "postfix/submission-headers.j2", settings, spell))
        files.append(ending.file("postfix", "submissions"))
    compiled = [
        Compile(
            source=f"{postfix_maps.FOLDER}/{name}",
            argv=("postmap", "-c", "{/etc/postfix}", f"lmdb:{{{postfix_maps.FOLDER}/{name}}}"),
            makes=f"{postfix_maps.FOLDER}/{name}.lmdb",
        )
        for name in postfix_maps.COMPILED
        if any(file.path == f"{postfix_maps.FOLDER}/{name}" for file in files)
    ]
    return Plan(
        name="postfix",
        packages=("postfix", "postfix-lmdb"),
        files=tuple(files),
        directories=((postfix_maps.FOLDER, "root", "root", "0755"), *((ending.DIRECTORY,) if msa else ())),
        owned=(f"{postfix_maps.FOLDER}/",),
        stage_prefixes=("/etc/postfix/",),
        compile=tuple(compiled),
        validate=(
            Judge(("postfix", "-c", "{/etc/postfix}", "check"), refuse=COMPLAINTS),
            Judge(("postconf", "-c", "{/etc/postfix}", "-n"), refuse=COMPLAINTS),
            Judge(("postconf", "-c", "{/etc/postfix}", "-M"), refuse=COMPLAINTS),
        ),
        commands=(ending.command("submissions", "systemctl restart postfix.service"),) if msa else (),
        units=(Unit("postfix.service", watch=(f"{tls.FOLDER}/*",)), *postfix_flush.units(view)),
        probes=_probes(view),
    )


def _probes(view: View) -> tuple[Probe, ...]:
    greeting = f"^220 {view.host.name} ESMTP"
    probes: list[Probe] = []
    if view.has(Role.MTA):
        probes.append(TcpProbe("smtp", address="127.0.0.1", port=25, expect=greeting, within=20))
    if view.has(Role.MSA):
        probes += [
            TcpProbe("submission", address="127.0.0.1", port=587, expect=greeting, within=20),
            TcpProbe("submissions", address="127.0.0.1", port=465, tls=True, expect=greeting, within=20),
        ]
    return tuple(probes)


def milters(view: View) -> str:
    """Where mail is judged: the filter on this host over a UNIX socket, else the first filter host over TCP.

    A host that only hands its own mail over has none: the MTA host asks for it.
    """
    if not view.has(Role.MTA, Role.MSA):
        return ""
    if view.has(Role.FILTER):
        return "unix:/run/rspamd/milter.sock"
    return f"inet:{_bracket(view.hosts(Role.FILTER)[0])}:11332"


def _bracket(host: Host) -> str:
    address = host.addresses[0]
    return f"[{address}]" if ":" in address else address


def _reached(host: Host) -> str:
    """A host as others of the site reach it: by name; by its own address where that leads outside and through NAT."""
    inner = next((a for a in host.addresses if ":" not in a), host.addresses[0])
    return f"[{inner if host.public_addresses else host.name}]"


def _shown(host: Host | None) -> str:
    """The name that a host's certificate must be for, where it is reached by an address; empty where by that name."""
    return host.name if host and host.public_addresses else ""


def _main(view: View) -> Settings:
    c = Settings(MAIN)
    _identity(c, view)
    _tls(c, view)
    _inbound(c, view)
    _submission(c, view)
    _filters(c, view)
    _delivery(c, view)
    rows: list[dict[str, tuple[Value, Sequence[Reason]]]] = []
    for key, value, why in view.overrides("postfix"):
        # Postfix warns of a parameter that stands twice: one that is printed anyway is replaced where it stands.
        if not c.override(key, value, why):
            rows.append({"key": (key, (why,)), "value": (value, (why,))})
    c.rows("overrides", rows)
    return c


def _identity(c: Settings, view: View) -> None:
    works = need("postfix", "Postfix needs to know who and where it is")
    c.set(
        "compatibility_level",
        "3.7" if view.host.release == "bookworm" else "3.10",
        control("gov.options-on"),
        need("postfix", "defaults of this release, without surprises"),
    )
    c.set("myhostname", view.host.name, control("dns.fcrdns"))
    c.set("myorigin", "$myhostname", works)
    c.set("mydestination", "", works)
    c.set("inet_interfaces", "all", need("postfix", "master.cf says what listens; a change here would need a restart"))
    families = view.site.address_families
    c.set("inet_protocols", "all" if len(families) > 1 else families[0], control("net.ipv6"))
    translated = [a for a in view.host.outside if a not in view.host.addresses]
    c.set(
        "proxy_interfaces",
        translated,
        need("postfix", "addresses that lead here by NAT: mail to them is not sent out again"),
        view.why("hosts"),
    )
    c.set(
        "mynetworks",
        _networks(postfix_maps.trusted(view)),
        control("mta.local-only"),
        need("postfix", "programs of this host are no network to be trusted: they hand mail in by sendmail"),
    )
    c.set("authorized_submit_users", host_mail.submitters(view), control("msa.sender-rights"))
    c.set("recipient_delimiter", "+", need("postfix", "sub-addresses: alice+lists@ reaches alice"))
    c.set(
        "message_size_limit", chain(view.site).message_size, control("mta.size-limit"), view.why("limits.message_size")
    )
    c.set("mailbox_size_limit", 0, need("postfix", "quotas are Dovecot's business"))
    c.set(
        "smtputf8_enable",
        False,
        control("mta.8bit-eai"),
        need("postfix", "Dovecot's LMTP does not take it: what was accepted would be returned"),
    )


def _tls(c: Settings, view: View) -> None:
    c.set("smtpd_tls_chain_files", [tls.key(view), tls.certificate(view)], control("tls.cert"))
    c.set(
        "tls_server_sni_maps",
        f"texthash:{postfix_maps.SNI}" if tls.own_names(view) else "",
        control("tls.cert"),
        view.why("domains"),
        need(
            "postfix", "read by the processes themselves when they start, as root: no copy of the keys lies in a table"
        ),
    )
    c.set("smtpd_tls_security_level", view.site.tls.inbound, control("tls.mta-in"), view.why("tls.inbound"))
    c.set("smtpd_tls_auth_only", True, control("auth.mech"))
    for name in (
        "smtpd_tls_protocols",
        "smtpd_tls_mandatory_protocols",
        "smtp_tls_protocols",
        "smtp_tls_mandatory_protocols",
        "lmtp_tls_protocols",
        "lmtp_tls_mandatory_protocols",
    ):
        c.set(name, ">=TLSv1.2", control("tls.versions"))
    for name in ("smtpd_tls_ciphers", "smtpd_tls_mandatory_ciphers", "smtp_tls_mandatory_ciphers"):
        c.set(name, "high", control("tls.ciphers"))
    c.set("tls_high_cipherlist", CIPHERS, control("tls.ciphers"), control("tls.sigalgs"))
    c.set("tls_preempt_cipherlist", True, control("tls.ciphers"))
    c.set("tls_ssl_options", ["NO_RENEGOTIATION", "NO_COMPRESSION"], control("tls.no-reneg-compress"))
    c.set("tls_config_file", "/etc/postfix/openssl.cnf", control("tls.sigalgs"))
    c.set("tls_config_name", "postfix", control("tls.sigalgs"))
    c.set("smtpd_tls_received_header", True, control("tls.received"))
    c.set("smtpd_tls_loglevel", 1, control("mta.trace"))
    c.set("smtp_tls_loglevel", 1, control("mta.trace"))
    _tls_out(c, view)
    c.set("smtp_dns_support_level", "dnssec", control("tls.mta-out"), control("dns.validating-resolver"))
    c.set("smtp_tls_CApath", AUTHORITIES, need("postfix", "to tell verified from unverified in the log"))


def _tls_out(c: Settings, view: View) -> None:
    """An MTA host does what receivers ask for; another one knows whom it hands its mail to, and what name that has."""
    sends = view.has(Role.MTA)
    c.set("smtp_tls_security_level", "dane" if sends else "secure", control("tls.mta-out"))
    agreed = [f"lmdb:{postfix_maps.FOLDER}/tls-destinations"] if sends else []
    c.set(
        "smtp_tls_policy_maps",
        [*agreed, *mta_sts.maps(view)],
        control("sts.out"),
        view.why("tls.enforce_mta_sts"),
        view.why("tls.destinations"),
    )
    own_ca = not sends and view.site.tls.own_ca
    c.set("smtp_tls_CAfile", f"{tls.FOLDER}/ca.crt" if own_ca else "", control("tls.mta-out"))
    relay = None if sends else view.hosts(Role.MTA)[0]
    named = need("postfix", NAMED)
    c.set("smtp_tls_secure_cert_match", _shown(relay), named, view.why("hosts"))


def _inbound(c: Settings, view: View) -> None:
    limits = chain(view.site)
    helo, unknown, spoof = control("mta.helo"), control("mta.recipient-validation"), control("auth.no-spoof")
    c.set("smtpd_banner", "$myhostname ESMTP", control("mta.banner-min"))
    c.set("smtpd_helo_required", True, helo)
    c.set("disable_vrfy_command", True, control("mta.no-probing"))
    c.set("smtpd_etrn_restrictions", "reject", control("mta.no-probing"))
    c.set("fast_flush_domains", "", control("mta.no-probing"))
    c.set("smtpd_discard_ehlo_keywords", ["silent-discard", "dsn", "etrn"], control("mta.no-probing"))
    c.set("strict_rfc821_envelopes", True, control("mta.local-only"))
    c.set("allow_percent_hack", False, control("mta.local-only"))
    c.set("swap_bangpath", False, control("mta.local-only"))
    c.set("smtpd_forbid_bare_newline", "normalize", control("mta.smuggling"))
    c.set("smtpd_forbid_bare_newline_exclusions", "", control("mta.smuggling"))
    c.set("smtpd_forbid_unauth_pipelining", True, control("mta.smuggling"))
    c.set("cleanup_replace_stray_cr_lf", True, control("mta.smuggling"))
    c.set("message_reject_characters", "\\0", control("msg.conform-msa"), control("msg.conform-in"))
    c.set("resolve_dequoted_address", True, control("mta.local-only"))
    c.set("smtpd_relay_before_recipient_restrictions", True, control("mta.local-only"))
    c.set(
        "parent_domain_matches_subdomains",
        "",
        need("postfix", "a subdomain may be somebody else's: only the names of the model are ours"),
    )
    c.set("smtpd_sasl_auth_enable", False, control("mta.local-only"))
    c.set(
        "smtpd_client_restrictions",
        f"check_client_access cidr:{postfix_maps.OWN_CLIENTS}",
        control("msa.sender-rights"),
        need("postfix", "no program of this host writes as anybody past sendmail's list"),
    )
    c.set("smtpd_relay_restrictions", ["permit_mynetworks", "reject_unauth_destination"], control("mta.local-only"))
    checks = [
        "reject_unlisted_recipient",
        f"check_recipient_access lmdb:{postfix_maps.FOLDER}/host-exempt",
        f"check_recipient_access lmdb:{postfix_maps.FOLDER}/exempt",
        "permit_mynetworks",
        f"check_client_access cidr:{postfix_maps.FOLDER}/blocked-clients",
        f"check_sender_access lmdb:{postfix_maps.FOLDER}/blocked-senders",
        "reject_invalid_helo_hostname",
        "reject_non_fqdn_helo_hostname",
        "reject_non_fqdn_sender",
        "reject_unknown_sender_domain",
        f"check_sender_access lmdb:{postfix_maps.FOLDER}/own-domains",
        *([f"check_policy_service {_quota(view)}"] if view.has(Role.MTA) else []),
    ]
    c.set(
        "smtpd_recipient_restrictions",
        checks,
        unknown,
        control("role.postmaster"),
        control("mta.refuse-lists"),
        helo,
        *([spoof, control("maa.quota")] if view.has(Role.MTA) else []),
        control("mta.null-sender"),
        control("mta.blocklist"),
        view.why("filter.blocks"),
    )
    c.set(
        "smtpd_policy_service_default_action",
        "DUNNO",
        need("postfix", "while Dovecot is down mail is still taken and queued; quota is then told by LMTP"),
    )
    c.set("smtpd_policy_service_max_idle", "60s", need("postfix", "no stale connections after Dovecot reloads"))
    c.set("smtpd_policy_service_try_limit", 1, need("postfix", "an absent policy service costs no waiting"))
    c.set("smtpd_policy_service_timeout", "5s", need("postfix", "a hung policy service costs five seconds at most"))
    c.set("smtpd_data_restrictions", "reject_unauth_pipelining", control("mta.smuggling"))
    c.set(
        "unknown_address_reject_code",
        450,
        control("mta.refuse-lists"),
        need(
            "postfix",
            "a resolver that is wrong says of all domains that they do not exist: then mail waits, and none is lost",
        ),
    )
    c.set("unverified_sender_reject_code", 450, control("mta.timeouts-limits"))
    c.set(
        "smtpd_recipient_limit",
        view.site.limits.recipients,
        control("mta.timeouts-limits"),
        view.why("limits.recipients"),
    )
    c.set("hopcount_limit", 100, control("mta.timeouts-limits"))
    flood = control("mta.flood-control")
    c.set("default_process_limit", limits.smtpd_processes, flood)
    c.set("smtpd_client_connection_count_limit", limits.client_connections, flood)
    c.set("smtpd_client_connection_rate_limit", 1200, flood)
    c.set("smtpd_client_auth_rate_limit", 60, control("auth.bruteforce"))
    c.set(
        "smtpd_client_event_limit_exceptions",
        ["$mynetworks", *_bracketed(view.mail.host_addresses)],
        flood,
        view.why("hosts"),
    )
    c.set("smtpd_error_sleep_time", "2s", control("auth.bruteforce"), flood)
    c.set("smtpd_soft_error_limit", 3, flood)
    c.set("smtpd_hard_error_limit", 10, flood)
    c.set("postscreen_access_list", ["permit_mynetworks", f"cidr:{postfix_maps.FOLDER}/postscreen-access"], flood)
    c.set("postscreen_greet_action", "enforce", flood)
    c.set(
        "postscreen_greet_banner",
        "$smtpd_banner",
        control("mta.banner-min"),
        need("postfix", "without this first line there is no wait, and who talks too early is not noticed"),
    )
    c.set("postscreen_greet_wait", "${stress?{1}:{2}}s", flood)
    c.set("postscreen_cache_map", "lmdb:$data_directory/postscreen_cache", flood)


@cache
def _networks(addresses: tuple[str, ...]) -> list[str]:
    return [f"[{a}]/128" if ":" in a else f"{a}/32" for a in addresses]


@cache
def _bracketed(addresses: tuple[str, ...]) -> list[str]:
    return [f"[{a}]" if ":" in a else a for a in addresses]


def _quota(view: View) -> str:
    if view.has(Role.STORE):
        return "unix:/run/dovecot/quota-status"
    return f"inet:{_bracket(view.hosts(Role.STORE)[0])}:12340"


def _submission(c: Settings, view: View) -> None:
    c.set("smtpd_sasl_type", "dovecot", control("msa.auth-required"))
    c.set("smtpd_sasl_path", "/run/dovecot/auth-smtp", control("msa.auth-required"))
    c.set("smtpd_sasl_security_options", ["noanonymous"], control("msa.auth-required"))
    c.set("smtpd_sender_login_maps", f"lmdb:{postfix_maps.FOLDER}/senders", control("msa.sender-rights"))
    c.set("local_header_rewrite_clients", ["permit_sasl_authenticated"], control("msa.rfc6409"))
    if view.has(Role.MSA):
        _users(c, view)
        return
    # Postfix complains about lists that master.cf does not name.
    for step in ("client", "sender", "data", "recipient"):
        c.set(f"submission_{step}_restrictions", [], need("postfix", "this host takes no mail from users"))


def _users(c: Settings, view: View) -> None:
    """Who submits, as whom and to whom; master.cf names these lists."""
    auth, rights = control("msa.auth-required"), control("msa.sender-rights")
    c.set("submission_client_restrictions", ["permit_sasl_authenticated", "reject"], auth)
    c.set(
        "submission_sender_restrictions",
        [
            f"check_sasl_access lmdb:{postfix_maps.FOLDER}/receive-only",
            "reject_non_fqdn_sender",
            "reject_sender_login_mismatch",
            "permit_sasl_authenticated",
            "reject",
        ],
        rights,
    )
    c.set(
        "submission_data_restrictions",
        [
            "reject_unauth_pipelining",
            f"check_sender_access static:{{PREPEND {_report(view)}}}",
            "permit_sasl_authenticated",
            "reject",
        ],
        control("out.abuse-header"),
        view.why("organisation.abuse_url"),
        auth,
        need("postfix", "RCPT TO:<postmaster> skips the checks at RCPT: without a login it ends here"),
    )
    c.set(
        "submission_recipient_restrictions",
        ["reject_non_fqdn_recipient", "reject_unlisted_recipient", "permit_sasl_authenticated", "reject"],
        auth,
        control("mta.recipient-validation"),
    )


def _filters(c: Settings, view: View) -> None:
    limits = chain(view.site)
    c.set("smtpd_milters", milters(view), control("flt.spam-in"), control("flt.spam-out"))
    c.set(
        "smtpd_milter_maps",
        f"cidr:{postfix_maps.HANDED}" if postfix_maps.trusted(view) else "",
        need("postfix", "our other hosts had the mail judged and signed when they took it; twice would sign twice"),
    )
    c.set("non_smtpd_milters", milters(view), control("auth.dkim-sign"))
    c.set("internal_mail_filter_classes", "bounce", control("auth.dkim-sign"))
    c.set("milter_default_action", "tempfail", control("flt.fail-closed"))
    order = need("postfix", "time-outs grow outwards, and a hung filter is answered 4xx within ten seconds")
    c.set("milter_connect_timeout", f"{limits.milter_connect}s", order)
    c.set("milter_command_timeout", f"{limits.milter_command}s", order)
    c.set("milter_content_timeout", f"{limits.milter_content}s", order, view.why("filter.scan_timeout"))


def _delivery(c: Settings, view: View) -> None:
    limits = chain(view.site)
    tables, works = postfix_maps.FOLDER, need("postfix", "all addresses are virtual: no UNIX account gets mail")
    delivers = view.has(Role.MTA, Role.MSA)
    c.set("virtual_mailbox_domains", f"lmdb:{tables}/domains" if delivers else "", works)
    c.set("virtual_mailbox_maps", f"lmdb:{tables}/mailboxes", control("mta.recipient-validation"))
    c.set(
        "virtual_alias_domains",
        ["$myhostname", *([f"lmdb:{tables}/alias-domains"] if delivers else [])],
        works,
        control("role.postmaster"),
    )
    c.set("virtual_alias_maps", [f"lmdb:{tables}/host-aliases", f"lmdb:{tables}/aliases"], works)
    c.set("alias_maps", "", works)
    c.set("alias_database", "", works)
    c.set("local_transport", "error:no local delivery on this host", works)
    c.set("local_recipient_maps", "", works)
    if not delivers:
        transport = "error:this host hands everything to an MTA host"
    elif view.has(Role.STORE):
        transport = "lmtp:unix:/run/dovecot/lmtp"
    else:
        transport = f"lmtp:inet:{_reached(view.hosts(Role.STORE)[0])}:24"
    c.set("virtual_transport", transport, need("postfix", "Dovecot stores the mail"))
    remote = delivers and not view.has(Role.STORE)
    c.set("lmtp_tls_security_level", "verify" if remote else "", control("tls.mua-required"))
    c.set(
        "lmtp_tls_CAfile",
        f"{tls.FOLDER}/ca.crt" if remote and view.site.tls.own_ca else "",
        control("tls.mua-required"),
    )
    store = view.hosts(Role.STORE)[0] if remote else None
    named = need("postfix", NAMED)
    c.set("lmtp_tls_verify_cert_match", _shown(store), named, view.why("hosts"))
    public = remote and view.site.tls.source != "internal-ca"
    c.set("lmtp_tls_CApath", AUTHORITIES if public else "", control("tls.mua-required"), view.why("tls.source"))
    c.set(
        "lmtp_destination_concurrency_limit",
        limits.lmtp_concurrency,
        need(
            "postfix",
            f"below Dovecot's limit of {limits.lmtp_user_concurrency} deliveries to one user: no deferral in a burst",
        ),
    )
    c.set(
        "lmtp_line_length_limit",
        0,
        control("msg.conform-in"),
        need("postfix", "folded lines on the last step would break signatures"),
    )
    c.set(
        "lmtp_destination_recipient_limit",
        1,
        need("postfix", "one recipient must not learn of another, one full mailbox not delay the rest"),
    )
    relay = "" if view.has(Role.MTA) else _reached(view.hosts(Role.MTA)[0])
    c.set("relayhost", relay, need("postfix", "only MTA hosts send mail out"))
    switched = view.host.sends_from
    c.set("smtp_bind_address", str(switched.address) if switched else "", control("out.ip-switch"), view.why("hosts"))
    life = view.why("limits.queue_life")
    soon = need(
        "postfix",
        "what a store or a greylisting host puts off for a moment goes a minute later, not five; then ever less often",
    )
    c.set("queue_run_delay", "60s", soon)
    c.set("minimal_backoff_time", "60s", soon)
    c.set("maximal_queue_lifetime", f"{view.site.limits.queue_life}s", control("mta.retry"), life)
    c.set("bounce_queue_lifetime", f"{view.site.limits.queue_life}s", control("mta.retry"), life)
    c.set("bounce_size_limit", 20000, control("mta.no-backscatter"))
    c.set("notify_classes", ["resource", "software"], need("postfix", "the postmaster hears of what is broken"))
    c.set("biff", False, control("gov.minimal"))


def _master(view: View) -> Settings:
    c = Settings(MASTER)
    runs = control("gov.minimal")
    c.set("postscreen", "postscreen" if view.has(Role.MTA) else "", control("mta.local-only"), runs)
    c.set("submission", "smtpd" if view.has(Role.MSA) else "", control("msa.port-587"))
    c.set("submissions", "smtpd" if view.has(Role.MSA) else "", control("tls.implicit"))
    c.set(
        "services",
        f"{host_mail.ADDRESS}:{host_mail.PORT}" if host_mail.users(view) else "",
        *host_mail.reasons(),
        control("auth.dmarc-send-rua"),
    )
    c.set("own", host_mail.NAME, control("msa.sender-rights"))
    for key, value in (
        ("services_networks", "127.0.0.0/8"),
        ("services_client", "permit_mynetworks,reject"),
        ("services_recipient", "reject_non_fqdn_recipient,reject_unlisted_recipient,permit_mynetworks,reject"),
    ):
        c.set(key, value if host_mail.users(view) else "", *host_mail.reasons())
    asks, rights = control("msa.auth-required"), control("msa.sender-rights")
    sessions = chain(view.site).smtpd_processes // 2
    users: tuple[tuple[str, Value, Reason], ...] = (
        ("users_tls", "encrypt", control("tls.mua-required")),
        ("users_auth", "yes", asks),
        ("users_client", "$submission_client_restrictions", asks),
        ("users_sender", "$submission_sender_restrictions", rights),
        ("users_relay", "permit_sasl_authenticated,reject", asks),
        ("users_recipient", "$submission_recipient_restrictions", asks),
        ("users_headers", "regexp:/etc/postfix/submission-headers", control("msa.privacy")),
        ("wrapper", "yes", control("tls.implicit")),
        ("users_sessions", sessions, control("auth.no-lockout")),
        # As many as that many sessions can try, with two seconds for each wrong one: more come from a program that does
        # not wait.
        ("users_guesses", 30 * sessions, control("auth.bruteforce")),
    )
    for key, wanted, why in users:
        c.set(key, wanted if view.has(Role.MSA) else "", why)
    return c


def _openssl() -> Settings:
    c = Settings(OPENSSL)
    c.set("min_protocol", "TLSv1.2", control("tls.versions"))
    c.set("signatures", SIGNATURES, control("tls.sigalgs"))
    c.set("options", "ExtendedMasterSecret", control("tls.ems"), need("postfix", "OpenSSL's default, written down"))
    return c


def _checks(view: View) -> Settings:
    c = Settings("/etc/postfix/submission-headers")
    c.set("host", view.host.name.replace(".", "[.]"), control("msa.privacy"))
    return c


def _report(view: View) -> str:
    where = view.site.organisation.abuse_url or f"mailto:abuse@{view.mail.hosted[0].name}"
    return f"X-Report-Abuse: {where}"
