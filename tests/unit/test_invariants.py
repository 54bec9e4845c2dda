"""Numbers of different daemons fit together, by themselves and with overrides."""

from __future__ import annotations

import re

import pytest
from test_rspamd import view

from gmconf.render.render import render
from gmconf.services import dovecot, unbound
from gmconf.services.clamav import main as clamav
from gmconf.services.postfix import main as postfix
from gmconf.site.rules.invariants import SHARED, broken, invariants

BAD = [
    ("postfix", "message_size_limit", "104857600"),
    ("rspamd", "options.max_message", "1M"),
    ("clamd", "StreamMaxLength", "10M"),
    ("clamd", "MaxFileSize", "1M"),
    ("rspamd", "options.task_timeout", "60s"),
    ("rspamd", "options.task_timeout", "2s"),
    ("postfix", "milter_content_timeout", "300s"),
    ("postfix", "milter_content_timeout", "1s"),
    ("postfix", "lmtp_destination_concurrency_limit", "20"),
    ("dovecot", "lmtp_user_concurrency_limit", "5"),
    ("postfix", "default_process_limit", "1000"),
    ("postfix", "smtpd_forbid_bare_newline_exclusions", "$mynetworks"),
    ("postfix", "recipient_delimiter", "-"),
    ("postfix", "recipient_delimiter", "+-"),
    ("dovecot", "recipient_delimiter", "-"),
    ("postfix", "recipient_delimiter", ""),
    ("postfix", "smtputf8_enable", "yes"),
    ("postfix", "smtpd_sasl_path", "private/auth"),
    ("postfix", "smtpd_sasl_type", "cyrus"),
    ("unbound", "port", "5353"),
    ("clamd", "LocalSocket", "/tmp/clamd.sock"),
]
GOOD = [
    ("postfix", "message_size_limit", "1000000"),
    ("dovecot", "lmtp_user_concurrency_limit", "20"),
    ("clamd", "StreamMaxLength", "100M"),
    ("postfix", "milter_content_timeout", "12s"),
    ("postfix", "recipient_delimiter", "+"),
    ("dovecot", "recipient_delimiter", "+"),
    ("rspamd", "options.task_timeout", "${later}"),
]


@pytest.mark.parametrize(("size", "timeout"), [(64 * 1024, 1), (30 * 1024**2, 3), (1024**3, 4)])
def test_every_site_keeps_them(size: int, timeout: int) -> None:
    site = view(limits={"message_size": size}, filter={"scan_timeout": timeout}).site
    assert list(broken(site)) == []
    assert len(invariants(site)) > 8


@pytest.mark.parametrize(("service", "key", "value"), BAD)
def test_overrides_that_break_one(service: str, key: str, value: str) -> None:
    found = list(broken(view(overrides={service: {key: value}}).site))
    assert found
    assert all(field == f"overrides.{service}.{key}" for field, _ in found)


@pytest.mark.parametrize(("service", "key", "value"), GOOD)
def test_overrides_that_break_none(service: str, key: str, value: str) -> None:
    assert list(broken(view(overrides={service: {key: value}}).site)) == []


MOVED = [
    "mail_location",
    "mail_path",
    "mail_home",
    "mail_driver",
    "mail_uid",
    "protocol imap/mail_path",
    "namespace inbox/mail_path",
    "namespace inbox/prefix",
    "namespace shared/separator",
    "namespace shared/inbox",
    "userdb passwd-file/fields/home",
    "auth_username_format",
    "base_dir",
    "protocols",
    "service auth/unix_listener auth-smtp/mode",
    "service lmtp/inet_listener lmtp/port",
    "service quota-status/executable",
    "service auth/unix_listener auth-chat/user",
]
STAYS = [
    "mail_fsync",
    "mail_alt_path",
    "namespace shared/mail_path",
    "namespace shared/prefix",
    "namespace inbox/mailbox Trash/autoexpunge",
    "passdb ldap/driver",
    "userdb ldap/fields/home",
    "service auth/unix_listener own/mode",
    "service lmtp/process_limit",
    "service imap-login/inet_listener imaps/haproxy",
]


@pytest.mark.parametrize("key", MOVED)
def test_nothing_hides_mail_or_parts_dovecot_from_others(key: str) -> None:
    (found,) = broken(view(overrides={"dovecot": {key: "x"}}).site)
    assert found[0] == f"overrides.dovecot.{key}"
    assert found[1].startswith("must stay as gmconf sets it: ")


@pytest.mark.parametrize("key", STAYS)
def test_what_hides_nothing_is_taken(key: str) -> None:
    assert list(broken(view(overrides={"dovecot": {key: "x"}}).site)) == []


@pytest.mark.parametrize(
    ("service", "key"), [("postfix", "queue_directory"), ("clamd", "DatabaseDirectory"), ("clamd", "LocalSocketMode")]
)
def test_nor_those_of_others(service: str, key: str) -> None:
    assert [field for field, _ in broken(view(overrides={service: {key: "x"}}).site)] == [f"overrides.{service}.{key}"]


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
@pytest.mark.parametrize("roles", [None, ["store", "chat", "news", "mta", "filter"]])
def test_the_sockets_that_stay_are_those_that_are_rendered(release: str, roles: list[str] | None) -> None:
    host = {"name": "m.example.org", "release": release, "addresses": ["192.0.2.1", "2001:db8::1"]}
    host |= {"roles": roles} if roles else {}
    text = "".join(render(f).text for f in dovecot.plan(view(hosts=[host])).files if f.path == dovecot.CONF)
    found = set(re.findall(r"unix_listener (\S+)", text)) - {"anvil-auth-penalty"}
    assert found
    for name in found:
        assert list(broken(view(overrides={"dovecot": {f"service x/unix_listener {name}/mode": "0666"}}).site)), name


def test_values_that_others_go_by_are_those_that_are_rendered() -> None:
    """Postfix, Unbound and clamd say them in their files; Dovecot's stands in its templates."""
    keys = {"LocalSocket": "socket"}
    plans = {"postfix": postfix, "unbound": unbound, "clamd": clamav}
    for (service, key), (value, _) in SHARED.items():
        for plan in [plans[service].plan(view())] if service in plans else []:
            found = {
                str(s.value)
                for file in plan.files
                if getattr(file, "settings", None)
                for s in file.settings.flat()
                if s.key == keys.get(key, key)
            }
            assert {v.replace("False", "no") for v in found} == {value}, key


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_a_list_can_be_emptied(release: str) -> None:
    v = view(release, overrides={"postfix": {"tls_ssl_options": "", "authorized_flush_users": ""}})
    (main,) = (render(f).text for f in postfix.plan(v).files if f.path == "/etc/postfix/main.cf")
    assert "\ntls_ssl_options = \n" in main
    assert "\nauthorized_flush_users = \n" in main
