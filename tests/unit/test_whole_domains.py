"""``senders: ["@example.org"]``: all addresses of a domain but those of other accounts,
told Postfix and rspamd alike.
"""

from __future__ import annotations

from datetime import date

import pytest
from dnssite import SITE, made

from gmconf.build.tree import build
from gmconf.model.names import own_sender
from gmconf.report.deviations import looser
from gmconf.services.rspamd.guard import LAST
from gmconf.site.load import Loaded

OTHERS = """\
    mailboxes:
      - {name: alice, senders: ["@example.org"]}
      - {name: reports}
      - {name: silent, send: false, senders: [quiet@example.org]}
      - {name: shut, suspended: case 2}
      - {name: bob, senders: [sales@example.org]}
    catch_all: alice@example.org
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Loaded:
    return made(
        tmp_path_factory.mktemp("site"), SITE.replace("    mailboxes: [{name: alice}, {name: reports}]\n", OTHERS)
    )


def test_both_daemons_read_the_same_and_others_keep_their_addresses(site) -> None:
    """Postfix looks for the address, the address without +tag, and @domain last; the first found is the answer
    (smtpd_sender_login_maps)."""
    files = build(site).files
    postfix = {
        key: logins.split(", ")
        for key, logins in (line.split(" ", 1) for line in text(files, "/etc/postfix/maps/senders"))
    }
    rspamd = {
        key: logins.split(",") for key, logins in (line.split(" ", 1) for line in text(files, "maps.d/senders.map"))
    }
    assert rspamd.pop(LAST) == ["-"]
    assert postfix == rspamd
    for domain in ("example.org", "example.net"):
        assert postfix[f"@{domain}"] == ["alice@example.org"]
        for name in ("reports", "bob"):
            assert postfix[f"{name}@{domain}"] == [f"{name}@example.org"]
        assert postfix[f"sales@{domain}"] == ["bob@example.org"]
        for name in ("silent", "quiet", "shut"):
            assert postfix[f"{name}@{domain}"] == ["-"]
    assert "@a.example.org" not in postfix


def text(files: dict[str, bytes], end: str) -> list[str]:
    (found,) = {data for path, data in files.items() if path.endswith(end)}
    return [line for line in found.decode().splitlines() if line and not line.startswith("#")]


def test_the_report_shows_it(site) -> None:
    (shown,) = (row for row in looser(site, date(2026, 11, 23)) if row.value == "@example.org")
    assert shown.path == "domains[0].mailboxes[0].senders"
    assert "every address of example.org that is no other account's" in shown.means


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("example.org", 'write "@example.org"'),
        ("@", "fully qualified"),
        ("@-x-.org", "not a domain name"),
        ("a b@example.org", "not a local part"),
    ],
)
def test_what_it_cannot_be(text, says) -> None:
    with pytest.raises(ValueError, match=says):
        own_sender(text)
