"""Raw lines of one host (hosts[].overrides): they go before those of the site, and are judged, opened and listed like these."""

from __future__ import annotations

from dnssite import SITE, made
from test_rspamd import view

from gmconf.contradictions import overrides_have_a_daemon
from gmconf.directory import Directory
from gmconf.effective import host_case
from gmconf.invariants import broken
from gmconf.project import project_readme
from gmconf.render import render
from gmconf.report.looser import overrides
from gmconf.services import openings, postfix, rspamd

TWO = [
    {"name": "mx.example.org", "release": "trixie", "addresses": ["192.0.2.1", "2001:db8::1"], "roles": ["mta", "msa", "filter"],
     "overrides": {"postfix": {"relayhost": "[192.0.2.99]:587", "header_size_limit": "51200"}, "rspamd": {"options.dns_max_requests": "32"}}},
    {"name": "store.example.org", "release": "bookworm", "addresses": ["192.0.2.2", "2001:db8::2"], "roles": ["store"]},
]  # fmt: skip
EVERYWHERE = {"postfix": {"header_size_limit": "40000"}}


def text(module, path: str, host: int) -> str:
    (found,) = (render(f).text for f in module.plan(view(hosts=TWO, host=host, overrides=EVERYWHERE)).files if f.path == path and getattr(f, "settings", None))
    return found


def test_they_are_for_that_host_and_go_before_the_sites() -> None:
    mx, store = (text(postfix, "/etc/postfix/main.cf", host).splitlines() for host in (0, 1))
    assert "relayhost = [192.0.2.99]:587" in mx
    assert "header_size_limit = 51200" in mx
    assert "header_size_limit = 40000" in store
    assert "relayhost = [mx.example.org]" in store
    assert "dns_max_requests = 32;" in text(rspamd, "/etc/rspamd/override.d/options.inc", 0)


def test_the_firewall_opens_what_they_name_on_that_host_only() -> None:
    opened = [[(one.ports, one.networks) for one in openings.outgoing(view(hosts=TWO, host=host, overrides=EVERYWHERE))] for host in (0, 1)]
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
    assert [field for field, _ in broken(view(hosts=[TWO[0], other]).site)] == ["hosts[1].overrides.postfix.recipient_delimiter"]


def test_lines_that_nobody_would_read_are_refused() -> None:
    site = view(hosts=[TWO[0], {**TWO[1], "overrides": {"clamd": {"MaxThreads": "4"}}}]).site
    assert [field for field, _ in overrides_have_a_daemon(site, Directory(site))] == ["hosts[1].overrides.clamd"]


def test_they_are_listed(tmp_path) -> None:
    loaded = made(tmp_path, SITE.replace('"2001:db8::1"]}', '"2001:db8::1"], overrides: {rspamd: {options.dns_max_requests: "32"}}}'))
    (row,) = overrides(loaded)
    assert (row.service, row.key, row.place.startswith("site.yml:10:")) == ("rspamd on mail.example.org", "options.dns_max_requests", True)
    assert "- rspamd on mail.example.org: `options.dns_max_requests = 32`" in project_readme(loaded.site)
