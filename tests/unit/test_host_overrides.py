"""Raw lines of one host (hosts[].overrides): they go before those of the site, and are judged, opened and listed like
these."""

from __future__ import annotations

import re

import pytest
from dnssite import SITE, made
from test_rspamd import view

from gmconf.build.project import project_readme
from gmconf.derived.accounts import Directory
from gmconf.model import Role
from gmconf.render.render import render
from gmconf.report.deviations import overrides
from gmconf.services import dovecot, openings, unbound
from gmconf.services.clamav import main as clamav
from gmconf.services.effective import host_case
from gmconf.services.postfix import main as postfix
from gmconf.services.rspamd import main as rspamd
from gmconf.site.rules.accounts import overrides_have_a_daemon, roles_agree
from gmconf.site.rules.invariants import broken

TWO = [
    {
        "name": "mx.example.org",
        "release": "trixie",
        "addresses": ["192.0.2.1", "2001:db8::1"],
        "roles": ["mta", "msa", "filter"],
        "overrides": {
            "postfix": {"relayhost": "[192.0.2.99]:587", "header_size_limit": "51200"},
            "rspamd": {"options.dns_max_requests": "32"},
        },
    },
    {"name": "store.example.org", "release": "bookworm", "addresses": ["192.0.2.2", "2001:db8::2"], "roles": ["store"]},
]
EVERYWHERE = {"postfix": {"header_size_limit": "40000"}}


def text(module, path: str, host: int) -> str:
    (found,) = (
        render(f).text
        for f in module.plan(view(hosts=TWO, host=host, overrides=EVERYWHERE)).files
        if f.path == path and getattr(f, "settings", None)
    )
    return found


def test_they_are_for_that_host_and_go_before_the_sites() -> None:
    mx, store = (text(postfix, "/etc/postfix/main.cf", host).splitlines() for host in (0, 1))
    assert "relayhost = [192.0.2.99]:587" in mx
    assert "header_size_limit = 51200" in mx
    assert "header_size_limit = 40000" in store
    assert "relayhost = [mx.example.org]" in store
    assert "dns_max_requests = 32;" in text(rspamd, "/etc/rspamd/override.d/options.inc", 0)


def test_the_firewall_opens_what_they_name_on_that_host_only() -> None:
    opened = [
        [(one.ports, one.networks) for one in openings.outgoing(view(hosts=TWO, host=host, overrides=EVERYWHERE))]
        for host in (0, 1)
    ]
    assert opened == [[((587,), ("192.0.2.99",))], []]


def test_controls_see_them() -> None:
    v = view(hosts=TWO, host=0, overrides=EVERYWHERE)
    found = host_case(v, [postfix.plan(v)]).value("/etc/postfix/main.cf", "relayhost")
    assert found
    assert (found.value, found.because[0].text) == ("[192.0.2.99]:587", "hosts[0].overrides.postfix.relayhost")


def test_numbers_are_compared_across_hosts() -> None:
    """Mail that the MTA takes passes through the filter of the other host."""
    large = {**TWO[0], "overrides": {"postfix": {"message_size_limit": "104857600"}}}
    fields = {field for field, _ in broken(view(hosts=[large, TWO[1]]).site)}
    assert fields == {"hosts[0].overrides.postfix.message_size_limit"}
    other = {**TWO[1], "overrides": {"postfix": {"recipient_delimiter": "-"}}}
    assert [field for field, _ in broken(view(hosts=[TWO[0], other]).site)] == [
        "hosts[1].overrides.postfix.recipient_delimiter"
    ]


def test_lines_that_nobody_would_read_are_refused() -> None:
    site = view(hosts=[TWO[0], {**TWO[1], "overrides": {"clamd": {"MaxThreads": "4"}}}]).site
    assert [field for field, _ in overrides_have_a_daemon(site, Directory(site))] == ["hosts[1].overrides.clamd"]


LINES = {
    "postfix": {"header_size_limit": "51201"},
    "dovecot": {"mail_max_lock_timeout": "51202"},
    "rspamd": {"options.dns_max_requests": "51203"},
    "unbound": {"num-threads": "51204"},
    "clamd": {"MaxThreads": "51205"},
}
EACH = [
    {
        "name": f"{role}.example.org",
        "release": release,
        "roles": [role],
        "addresses": [f"192.0.2.{number}", f"2001:db8::{number}"],
    }
    for release in ("bookworm", "trixie")
    for number, role in enumerate(("mta", "msa", "store", "filter", "web", "nameserver"), 1)
]


@pytest.mark.parametrize("host", EACH, ids=lambda host: f"{host['roles'][0]} on {host['release']}")
def test_lines_are_refused_where_no_file_has_them_and_only_there(host: dict) -> None:
    others = [{**one, "name": f"b.{one['name']}"} for one in EACH[:6] if one["roles"] != host["roles"]]
    v = view(hosts=[host, *others], overrides=LINES)
    filters, logins = v.has(Role.FILTER), v.has(Role.STORE, Role.MSA)
    services = (postfix, unbound, *((clamav, rspamd) if filters else ()), *((dovecot,) if logins else ()))
    files = [file for service in services for file in service.plan(v).files if getattr(file, "settings", None)]
    numbers = set(re.findall(r"\b512\d\d\b", "\n".join(render(file).text for file in files)))
    read = {section for section, lines in LINES.items() if numbers & set(lines.values())}
    site = view(hosts=[{**host, "overrides": LINES}, *map(dict, EACH)]).site
    refused = {field.removeprefix("hosts[0].overrides.") for field, _ in overrides_have_a_daemon(site, Directory(site))}
    assert (read | refused, read & refused) == (set(LINES), set())
    ours = view(hosts=EACH, role_overrides={host["roles"][0]: LINES}).site
    assert {field.rpartition(".")[2] for field, _ in overrides_have_a_daemon(ours, Directory(ours))} == refused


def test_they_are_listed(tmp_path) -> None:
    loaded = made(
        tmp_path,
        SITE.replace('"2001:db8::1"]}', '"2001:db8::1"], overrides: {rspamd: {options.dns_max_requests: "32"}}}'),
    )
    (row,) = overrides(loaded)
    assert (row.service, row.key, row.place.startswith("site.yml:10:")) == (
        "rspamd on mail.example.org",
        "options.dns_max_requests",
        True,
    )
    assert "- rspamd on mail.example.org: `options.dns_max_requests = 32`" in project_readme(loaded.site)


ROLES = {
    "store": {
        "dovecot": {
            "service imap-login/process_limit": "500",
            "mail_max_lock_timeout": "30 secs",
            "namespace inbox/mailbox Trash/comment": "x",
        }
    }
}


def test_those_of_a_role_go_before_the_sites_and_a_hosts_before_both() -> None:
    everywhere = {"dovecot": {"mail_max_lock_timeout": "10 secs", "auth_cache_size": "1 M"}}
    hosts = [TWO[0], {**TWO[1], "overrides": {"dovecot": {"auth_cache_size": "2 M"}}}]
    v = view(hosts=hosts, host=1, overrides=everywhere, role_overrides=ROLES)
    found = {key: value for key, (value, _) in v.site.overriding(v.host, "dovecot").items()}
    assert (found["mail_max_lock_timeout"], found["auth_cache_size"]) == ("30 secs", "2 M")
    assert v.site.overriding(v.site.hosts[0], "dovecot").keys() == {
        "mail_max_lock_timeout",
        "auth_cache_size",
    }, "the MSA has no role store"
    assert {"", "hosts with role store", "store.example.org"} <= {raw.where for raw in v.site.overridden()}


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_blocks_of_dovecot(release: str) -> None:
    hosts = [TWO[0], {**TWO[1], "release": release}]
    v = view(hosts=hosts, host=1, role_overrides=ROLES)
    (found,) = (render(f).text for f in dovecot.plan(v).files if f.path == "/etc/dovecot/dovecot.conf")
    lines = found[found.index("# Raw overrides") :].splitlines()[1:]
    assert lines == [
        "mail_max_lock_timeout = 30 secs",
        "namespace inbox {",
        "mailbox Trash {",
        "comment = x",
        "}",
        "}",
        "service imap-login {",
        "process_limit = 500",
        "}",
    ]


@pytest.mark.parametrize(
    ("roles", "path"),
    [
        ({"chat": {"postfix": {"header_size_limit": "1"}}}, "role_overrides.chat"),
        ({"store": {"rspamd": {"options.dns_max_requests": "32"}}}, "role_overrides.store.rspamd"),
        (
            {"mta": {"postfix": {"line_length_limit": "1"}}, "msa": {"postfix": {"line_length_limit": "2"}}},
            "role_overrides.msa.postfix.line_length_limit",
        ),
    ],
)
def test_roles_that_nobody_has_or_that_differ_are_refused(roles: dict, path: str) -> None:
    site = view(hosts=TWO, role_overrides=roles).site
    assert path in [
        field for rule in (overrides_have_a_daemon, roles_agree) for field, _ in rule(site, Directory(site))
    ]


def test_a_block_hides_nothing_that_daemons_share() -> None:
    site = view(hosts=TWO, overrides={"dovecot": {"protocol lmtp/recipient_delimiter": "-"}}).site
    assert [field for field, _ in broken(site)] == ["overrides.dovecot.protocol lmtp/recipient_delimiter"]


@pytest.mark.parametrize(
    "key",
    [
        "service imap-login{/x",
        "service a b/x",
        "/x",
        "x/",
        "service imap-login/process limit",
        "a\nb",
        "service\timap/x",
        "!include /etc/x",
    ],
)
def test_names_of_blocks(key: str) -> None:
    with pytest.raises(ValueError, match="overrides"):
        view(overrides={"dovecot": {key: "1"}})
