"""What ClamAV is told."""

import pytest
from test_rspamd import texts, view

from gmconf.limits import chain
from gmconf.services import clamav


def number(text, key):
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith(f"{key} ")))


def test_sizes_do_not_shrink_on_the_way():
    v = view(limits={"message_size": "50 MiB"})
    text = texts(clamav, v)[clamav.CLAMD]
    limits = chain(v.site)
    assert limits.message_size < limits.max_message < number(text, "StreamMaxLength") <= number(text, "MaxScanSize")
    assert "AlertExceedsMax yes" in text


@pytest.mark.parametrize(("memory", "word"), [("4 GiB", "no"), ("8 GiB", "yes")])
def test_reload_beside_scanning_needs_memory(memory, word):
    hosts = [{"name": "m.example.org", "release": "trixie", "addresses": ["192.0.2.1", "2001:db8::1"], "memory": memory}]
    assert f"ConcurrentDatabaseReload {word}" in texts(clamav, view(hosts=hosts))[clamav.CLAMD]


def test_nothing_to_fetch_means_no_freshclam():
    plan = clamav.plan(view(filter={"signatures": {"mirrors": []}}))
    assert "clamav-freshclam.service" in plan.mask
    assert [u.unit for u in plan.units] == ["clamav-daemon.service", "gmconf-clamd-watch.timer"]
    assert clamav.FRESHCLAM not in {f.path for f in plan.files}


def test_own_signatures_of_a_closed_network():
    v = view(filter={"signatures": {"mirrors": [], "urls": ["file:///var/lib/gmconf/signatures/local.hdb"]}})
    found = texts(clamav, v)
    assert "DatabaseCustomURL file:///var/lib/gmconf/signatures/local.hdb" in found[clamav.FRESHCLAM]
    assert "/var/lib/gmconf/signatures/local.hdb r," in found[clamav.APPARMOR]


def test_the_test_signature_is_always_there():
    line = texts(clamav, view())[clamav.TEST_SIGNATURE].splitlines()[0]
    assert bytes.fromhex(line.rpartition(":")[2]).startswith(b"X5O!P%@AP") and len(line.rpartition(":")[2]) == 136


def test_freshclam_is_never_root():
    """Its package gives its configuration to clamav at every upgrade."""
    assert "[Service]\nUser=clamav\nGroup=clamav\nCapabilityBoundingSet=\nNoNewPrivileges=yes\n" in texts(clamav, view())[clamav.DROP_IN]
    assert clamav.DROP_IN in clamav.plan(view(filter={"signatures": {"mirrors": []}})).absent


def test_what_cannot_be_unpacked_is_named_unless_it_is_let_in():
    closed, opened = texts(clamav, view()), texts(clamav, view(filter={"unread_files": "accept", "refused_files": []}))
    assert "Gmconf.Unread.Rar:" in closed[clamav.TEST_SIGNATURE] and r"\.(ade|adp" in closed[clamav.FILE_NAMES]
    assert "Gmconf.Unread" not in opened[clamav.TEST_SIGNATURE] + opened[clamav.FILE_NAMES]
    assert opened[clamav.FILE_NAMES].startswith("Gmconf.Program:")


@pytest.mark.parametrize(
    ("signatures", "wanted"),
    [({}, "main.c[lv]d daily.c[lv]d"), ({"mirrors": []}, ""), ({"mirrors": [], "urls": ["https://signatures.example.org/a/own'.hdb"]}, "'own'\"'\"'.hdb'")],
)
def test_clamd_starts_with_what_the_site_fetches(signatures, wanted):
    found = texts(clamav, view(filter={"signatures": signatures}))
    assert f"for name in {wanted};" in found["/usr/local/lib/gmconf/clamd-scans"]
    assert "ExecStart=/usr/local/lib/gmconf/clamd-scans run" in found[clamav.UNIT_FILE]
