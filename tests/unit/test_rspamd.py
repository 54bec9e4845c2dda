"""What rspamd, ClamAV and Redis are told, for both releases and several hosts."""

import pytest

from gmconf.daemons import listening
from gmconf.derived.accounts import Directory
from gmconf.model import Site
from gmconf.render.render import render
from gmconf.resources import folder
from gmconf.services import redis
from gmconf.services.clamav import main as clamav
from gmconf.services.plan import LineFile, View
from gmconf.services.rspamd import guard
from gmconf.services.rspamd import main as rspamd
from gmconf.settings import Reason
from gmconf.verify.messages import STRANGER


def view(release="trixie", hosts=None, host=0, **more):
    site = Site.model_validate(
        {
            "organisation": {"name": "Example", "postmaster": "alice@example.org"},
            "domains": [
                {
                    "name": "example.org",
                    "mailboxes": [
                        {"name": "alice"},
                        {"name": "bob", "senders": ["info@example.org"], "messages_per_hour": 5},
                    ],
                },
                {"name": "example.com", "kind": "alias", "alias_of": "example.org"},
                {"name": "example.net", "kind": "parked"},
            ],
            "hosts": hosts
            or [{"name": "mail.example.org", "release": release, "addresses": ["192.0.2.1", "2001:db8::1"]}],
            **more,
        }
    )
    return View(site, site.hosts[host], Directory(site), lambda path: Reason("site", "site.yml:1:1", path))


def texts(module, v):
    found = {}
    for file in module.plan(v).files:
        if hasattr(file, "secret"):
            continue
        found[file.path] = "\n".join(file.lines()) if isinstance(file, LineFile) else render(file).text
    return found


FLEET = [
    {"name": "mx.example.org", "release": "trixie", "addresses": ["192.0.2.1", "2001:db8::1"], "roles": ["mta", "msa"]},
    {"name": "store.example.org", "release": "trixie", "addresses": ["192.0.2.2", "2001:db8::2"], "roles": ["store"]},
    {
        "name": "filter.example.org",
        "release": "bookworm",
        "addresses": ["192.0.2.3", "2001:db8::3"],
        "roles": ["filter"],
    },
]
LOCAL = "/etc/rspamd/local.d"


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("options.inc", "soft_reject_on_timeout = true;"),
        ("options.inc", "task_timeout = 7;"),
        ("options.inc", 'nameserver = ["127.0.0.1"];'),
        ("worker-proxy.inc", 'bind_socket = ["/run/rspamd/milter.sock mode=0660 owner=_rspamd group=postfix"];'),
        ("worker-normal.inc", "enabled = false;"),
        ("worker-controller.inc", "group=vmail"),
        ("actions.conf", "reject = 15.0;"),
        ("actions.conf", "greylist = null;"),
        ("greylist.conf", "enabled = false;"),
        ("rbl.conf", "enabled = false;"),
        ("fuzzy_check.conf", "enabled = false;"),
        ("dmarc.conf", 'quarantine = "add header";'),
        ("dkim_signing.conf", "(o)from:(o)sender"),
        ("maps.d/senders.map", "info@example.org bob@example.org"),
        ("maps.d/senders.map", "alice@example.com alice@example.org"),
        ("maps.d/limits.map", "bob@example.org 5"),
        ("maps.d/domains.map", "example.net"),
        (
            "maps.d/dkim-domains.conf",
            '"example.org" { selectors [ { selector = "gm1-rsa"; path = "/etc/gmconf/dkim/example.org.gm1-rsa.key"; }',
        ),
        ("gmconf-data.lua", "  scan_retries = 1,"),
    ],
)
def test_single_host(release, file, line):
    assert line in texts(rspamd, view(release))[f"{LOCAL}/{file}"]


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_rules_are_all_delivered_and_of_one_version(release):
    """Every program in the folder arrives, the loader loads it, and all of them and their data end alike."""
    found = texts(rspamd, view(release))
    written = {path.name for path in (folder("roles") / "gmconf/files/rspamd").iterdir()}
    delivered = {path.removeprefix(f"{LOCAL}/"): text for path, text in found.items() if path.endswith(".lua")}
    assert set(delivered) == written | {"gmconf-data.lua"}
    for name, text in delivered.items():
        last = text.rstrip("\n").splitlines()[-1]
        assert last.startswith("return ") and last.endswith(f'"{guard.version()}"'), name
        assert "@version@" not in text, name
        # The module ratelimit loads its part by itself.
        assert name in ("rspamd.lua", "ratelimit.lua") or f'"{name[:-4]}"' in delivered["rspamd.lua"], name


def test_parked_domains_have_no_keys():
    found = texts(rspamd, view())
    assert "example.net" not in found[f"{LOCAL}/maps.d/dkim-domains.conf"]
    assert "example.net" not in found[f"{LOCAL}/maps.d/signing.map"]


def test_filter_for_other_hosts():
    v = view(hosts=FLEET, host=2)
    plan = rspamd.plan(v)
    assert [(s.name, p.number, p.reach) for s, p in listening(v.site, v.host) if s.name == "rspamd"] == [
        ("rspamd", 11332, "site")
    ]
    found = texts(rspamd, v)
    assert '"*:11332"' in found[f"{LOCAL}/worker-proxy.inc"]
    assert "11334" not in found[f"{LOCAL}/worker-controller.inc"], "nobody elsewhere teaches"
    assert "vmail" not in plan.users[0].groups
    assert '"192.0.2.2"' in found[f"{LOCAL}/gmconf-data.lua"] and '"192.0.2.1"' not in found[f"{LOCAL}/gmconf-data.lua"]


@pytest.mark.parametrize("module", [rspamd, clamav, redis])
def test_only_filter_hosts_have_it(module):
    assert module.plan(view(hosts=FLEET, host=0)).files == ()


def test_greylisting_and_lists_only_when_asked():
    found = texts(rspamd, view(filter={"greylist": 4, "dnsbls": [{"zone": "bl.example.net", "score": 3}]}))
    assert "greylist = 4.0;" in found[f"{LOCAL}/actions.conf"]
    assert "enabled = true;" in found[f"{LOCAL}/greylist.conf"]
    assert f"{LOCAL}/rbl.conf" not in found
    assert 'rbl = "bl.example.net";' in found["/etc/rspamd/override.d/rbl.conf"]
    assert "SITE_DNSBL_1 { weight = 3.0; }" in found[f"{LOCAL}/groups.conf"].replace('"', "")


def test_lists_of_the_site_besides_those_of_the_package():
    found = texts(rspamd, view(filter={"network_checks": True, "dnsbls": [{"zone": "bl.example.net", "score": 3}]}))
    assert 'rbl = "bl.example.net";' in found[f"{LOCAL}/rbl.conf"]
    assert "rbls" not in found["/etc/rspamd/override.d/rbl.conf"]


def test_overrides_come_last_and_cannot_break_out():
    found = texts(rspamd, view(overrides={"rspamd": {"options.max_urls": "5", "greylist.message": 'x"; evil = "y'}}))
    assert found["/etc/rspamd/override.d/options.inc"].rstrip().endswith("max_urls = 5;")
    assert r'message = "x\"; evil = \"y";' in found["/etc/rspamd/override.d/greylist.conf"]


def test_redis_has_no_network():
    assert "\nport 0\n" in texts(redis, view())["/etc/redis/redis.conf"]


def test_no_map_knows_the_stranger_of_gmconf_verify():
    """What ends every map is a name of ours to the rules: mail of `gmconf verify` under it would be refused as forged,
    whatever is in it."""
    stranger = STRANGER.partition("@")[2]
    maps = {path: text.splitlines() for path, text in texts(rspamd, view()).items() if path.endswith(".map")}
    assert maps
    assert not [path for path, lines in maps.items() for line in lines if line.split()[:1] == [stranger]]
