"""What ClamAV is told."""

import subprocess

import pytest
from test_rspamd import texts, view

from gmconf.derived.accounts import Directory
from gmconf.derived.limits import chain
from gmconf.services.clamav import main as clamav
from gmconf.site.rules.signatures import SIGNATURE_RULES


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
    hosts = [
        {"name": "m.example.org", "release": "trixie", "addresses": ["192.0.2.1", "2001:db8::1"], "memory": memory}
    ]
    assert f"ConcurrentDatabaseReload {word}" in texts(clamav, view(hosts=hosts))[clamav.CLAMD]


def test_nothing_to_fetch_means_no_freshclam():
    plan = clamav.plan(view(filter={"signatures": {"mirrors": []}}))
    assert "clamav-freshclam.service" in plan.mask
    assert [u.unit for u in plan.units] == ["clamav-daemon.service", "gmconf-clamd-watch.timer"]
    assert clamav.FRESHCLAM not in {f.path for f in plan.files}


def test_own_signatures_of_a_closed_network():
    v = view(filter={"signatures": {"mirrors": [], "urls": ["file:///srv/signatures/local.hdb"]}})
    found = texts(clamav, v)
    assert "DatabaseCustomURL file:///srv/signatures/local.hdb" in found[clamav.FRESHCLAM]
    assert "/srv/signatures/local.hdb r," in found[clamav.APPARMOR]


def test_freshclam_starts_without_a_mirror():
    """Of itself it says "No DatabaseMirror or PrivateMirror servers set" and ends."""
    alone = texts(
        clamav, view(filter={"signatures": {"mirrors": [], "urls": ["https://signatures.example.org/own.ndb"]}})
    )
    lines = alone[clamav.FRESHCLAM].splitlines()
    assert [line for line in lines if line.startswith(("PrivateMirror", "ExcludeDatabase"))] == [
        "PrivateMirror localhost",
        "ExcludeDatabase main",
        "ExcludeDatabase daily",
        "ExcludeDatabase bytecode",
    ]
    both = texts(clamav, view(filter={"signatures": {"urls": ["https://signatures.example.org/own.ndb"]}}))[
        clamav.FRESHCLAM
    ]
    assert "DatabaseMirror database.clamav.net" in both
    assert "PrivateMirror" not in both and "ExcludeDatabase" not in both


def test_the_roll_out_asks_whether_clamav_can_read_its_files(tmp_path):
    urls = ["https://signatures.example.org/own.ndb", "file:///srv/signatures/local.hdb"]
    judges = clamav.plan(view(filter={"signatures": {"urls": urls}})).validate[1:]
    assert [judge.argv[:6] + judge.argv[7:] for judge in judges] == [
        ("runuser", "-u", "clamav", "--", "sh", "-c", "/srv/signatures/local.hdb"),
    ]
    words = judges[0].argv[4:7]
    there, empty = tmp_path / "there.ndb", tmp_path / "empty.ndb"
    there.write_text("Own:0:*:4142434445464748\n")
    empty.touch()
    assert subprocess.run([*words, there], check=False, capture_output=True).returncode == 0
    for path in (empty, tmp_path / "missing.ndb"):
        done = subprocess.run([*words, path], check=False, capture_output=True, text=True)
        assert (done.returncode, done.stdout) == (
            1,
            f"filter.signatures.urls: user clamav cannot read {path}, or it is empty\n",
        )


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        (["https://a.example/x.ndb", "file:///srv/signatures/y.yara"], []),
        (["https://a.example/own.txt"], ["passes over own.txt"]),
        (["https://a.example/ndb"], ["passes over ndb"]),
        (["https://a.example/own/"], ["passes over this"]),
        (
            ["https://a.example/x.ndb", "https://b.example/x.ndb"],
            ["https://a.example/x.ndb is kept under the name x.ndb too"],
        ),
        (["https://a.example/gmconf.ndb"], ["gmconf's own"]),
        (["file:///var/lib/gmconf/own.ndb"], ["freshclam cannot take it from /var/lib/gmconf: only root can read it"]),
        (["file:///tmp/own.ndb"], ["a /tmp of its own"]),
        (["file:///var/lib/clamav/own.ndb"], ["freshclam copies it there"]),
        (["file:///srv/../root/own.ndb"], ["name the file itself"]),
        (["file://srv/own.ndb"], ["name the file itself"]),
        (["file:///srv/a%20b.ndb"], ["name the file itself"]),
    ],
)
def test_databases_that_bring_nothing_are_refused(urls, said):
    site = view(filter={"signatures": {"mirrors": [], "urls": urls}}).site
    found = [(path, words) for rule in SIGNATURE_RULES for path, words in rule(site, Directory(site))]
    assert [path for path, _ in found] == [f"filter.signatures.urls[{len(urls) - 1}]"] * len(said)
    assert all(expected in words for expected, (_, words) in zip(said, found, strict=True))


def test_the_test_signature_is_always_there():
    line = texts(clamav, view())[clamav.TEST_SIGNATURE].splitlines()[0]
    assert bytes.fromhex(line.rpartition(":")[2]).startswith(b"X5O!P%@AP") and len(line.rpartition(":")[2]) == 136


def test_freshclam_is_never_root():
    """Its package gives its configuration to clamav at every upgrade."""
    assert (
        "[Service]\nUser=clamav\nGroup=clamav\nCapabilityBoundingSet=\nNoNewPrivileges=yes\n"
        in texts(clamav, view())[clamav.DROP_IN]
    )
    assert clamav.DROP_IN in clamav.plan(view(filter={"signatures": {"mirrors": []}})).absent


def test_what_cannot_be_unpacked_is_named_unless_it_is_let_in():
    closed, opened = texts(clamav, view()), texts(clamav, view(filter={"unread_files": "accept", "refused_files": []}))
    assert "Gmconf.Unread.Rar:" in closed[clamav.TEST_SIGNATURE] and r"\.(ade|adp" in closed[clamav.FILE_NAMES]
    assert "Gmconf.Unread" not in opened[clamav.TEST_SIGNATURE] + opened[clamav.FILE_NAMES]
    assert opened[clamav.FILE_NAMES].startswith("Gmconf.Program:")


@pytest.mark.parametrize(
    ("signatures", "wanted"),
    [
        ({}, "main.c[lv]d daily.c[lv]d"),
        ({"mirrors": []}, ""),
        ({"mirrors": [], "urls": ["https://signatures.example.org/a/own'.hdb"]}, "'own'\"'\"'.hdb'"),
    ],
)
def test_clamd_starts_with_what_the_site_fetches(signatures, wanted):
    found = texts(clamav, view(filter={"signatures": signatures}))
    assert f"for name in {wanted};" in found["/usr/local/lib/gmconf/clamd-scans"]
    assert "ExecStart=/usr/local/lib/gmconf/clamd-scans run" in found[clamav.UNIT_FILE]
