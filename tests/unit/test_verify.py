"""gmconf verify without a host: what is declared, what is parsed, and that nothing makes it wait for ever."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from commands import gmconf

from gmconf.assess.check import check
from gmconf.assess.text import live
from gmconf.controls import CATALOGUE
from gmconf.controls.result import Observation
from gmconf.errors import GmconfError
from gmconf.site.load import load
from gmconf.verify import dns as naming
from gmconf.verify import drift, engine, nft, ports, ssh
from gmconf.verify import host_script as inside
from gmconf.verify.connection import SilentError, connected
from gmconf.verify.engine import PROBES, Outcome
from gmconf.verify.probe import Probe, Task
from gmconf.verify.run import At, Bounds, Run, Ssh, account
from gmconf.verify.smtp import Smtp


def test_controls_and_probes_name_each_other() -> None:
    named = {name for control in CATALOGUE.values() for name in control.live}
    assert named == set(PROBES)
    assert all(len(p.harmless) > 10 and p.proves for p in PROBES.values())


@contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """A local port on which each connection is handled by a function."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=talk, args=(client,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def dripping(client: socket.socket) -> None:
    """Always something, never a line."""
    try:
        while True:
            client.sendall(b"x")
            time.sleep(0.05)
    except OSError:
        return


def endless(client: socket.socket) -> None:
    try:
        while True:
            client.sendall(b"x" * 65536)
    except OSError:
        return


@pytest.mark.parametrize(
    ("talk", "within"),
    [(lambda _: time.sleep(30), 2), (dripping, 2), (endless, 2)],
    ids=["silent", "dripping", "endless"],
)
def test_a_host_that_never_answers_is_left(talk, within) -> None:
    start = time.monotonic()
    with server(talk) as port, connected("127.0.0.1", port, start + 1) as wire, pytest.raises(SilentError):
        Smtp(wire)
    assert time.monotonic() - start < within


def test_a_probe_that_never_ends_does_not_stop_the_run(site) -> None:
    run = Run(load(site / "site.yml"), "mark", bounds=Bounds(whole=1))
    hung = Probe("hung", "Hangs", "nothing", lambda _: iter([("site", lambda: time.sleep(60) or ())]))
    quick = Probe(
        "quick", "Answers", "nothing", lambda _: iter([("site", lambda: [Observation("a", "a", holds=True)])])
    )
    start = time.monotonic()
    found = engine.verify(run, [hung, quick])
    assert time.monotonic() - start < 5
    assert [o.status for o in found] == ["error", "pass"]
    assert "no result within 1 s" in found[0].text


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(111, "Connection refused"),
        ValueError("not a number"),
        UnicodeDecodeError("ascii", b"\xff", 0, 1, "odd"),
    ],
)
def test_what_goes_wrong_is_told(site, error) -> None:
    def look() -> list[Observation]:
        raise error

    run = Run(load(site / "site.yml"), "mark")
    (found,) = engine.verify(run, [Probe("one", "One", "nothing", lambda _: iter([("site", look)]))])
    assert found.status == "error"
    assert str(error) in found.text


def test_what_was_found_before_an_error_is_kept(site) -> None:
    def look() -> Iterator[Observation]:
        yield Observation("a", "b", holds=False)
        raise OSError("gone")

    run = Run(load(site / "site.yml"), "mark")
    (found,) = engine.verify(run, [Probe("one", "One", "nothing", lambda _: iter([("site", look)]))])
    assert found.status == "fail"
    assert [s.observed for s in found.seen] == ["b", "gone"]


@pytest.mark.parametrize(
    ("said", "code", "lines"),
    [
        (b"220-mail.example.org ESMTP\r\n220 mail.example.org ESMTP\r\n", 220, ("mail.example.org ESMTP",) * 2),
        (b"250\r\n", 250, ("",)),
        (b"554 5.7.1 no\n", 554, ("5.7.1 no",)),
    ],
)
def test_answers(said, code, lines) -> None:
    with server(lambda c: c.sendall(said)) as port, connected("127.0.0.1", port, time.monotonic() + 2) as wire:
        reply = Smtp(wire).greeting
    assert (reply.code, reply.lines) == (code, lines)


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n", b"\r\n", b"22"])
def test_no_answers(said) -> None:
    def talk(client: socket.socket) -> None:
        client.sendall(said)
        client.close()

    with server(talk) as port, connected("127.0.0.1", port, time.monotonic() + 2) as wire, pytest.raises(OSError):
        Smtp(wire)


def test_data_is_sent_as_it_must_be() -> None:
    """Dots are doubled, lines end with CR LF, and one dot ends it all."""
    got = bytearray()

    def talk(client: socket.socket) -> None:
        client.sendall(b"220 x\r\n")
        client.recv(100)
        client.sendall(b"354 go\r\n")
        while not got.endswith(b"\r\n.\r\n"):
            got.extend(client.recv(1000))
        client.sendall(b"250 ok\r\n")

    with server(talk) as port, connected("127.0.0.1", port, time.monotonic() + 2) as wire:
        assert Smtp(wire).data(b"A: b\n\n.x\n..\nend").code == 250
    assert bytes(got) == b"A: b\r\n\r\n..x\r\n...\r\nend\r\n.\r\n"


def test_open_ports() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as other,
    ):
        mine, theirs = listener.getsockname()[1], other.getsockname()[1]
        assert ports.opened(("127.0.0.1", "::1"), (mine, theirs, 9), 1) == {"127.0.0.1": {mine}, "::1": {theirs}}


def test_postfix_settings_are_read_as_postfix_reads_them() -> None:
    text = "# a comment\na = 1\nlist = x,\n    y\n# between\n\tz\n\nempty =\n"
    assert drift.settings(text) == {"a": "1", "list": "x, y z", "empty": ""}
    rendered = "smtp  inet n - n - 1  postscreen\nsubmission inet n - n - - smtpd\n# why\n  -o a=b\n  -o c=d\n"
    assert drift.services(rendered) == drift.services(
        "smtp       inet  n       -       n       -       1       postscreen\n"
        "submission inet  n       -       n       -       -       smtpd\n    -o a=b\n    -o c=d\n"
    )


def test_switches_of_unbound() -> None:
    text = (
        'server:\n    do-ip6: yes\n    module-config: "validator iterator"\n    port: 53\nremote-control:\n   '
        " control-enable: yes\n"
    )
    assert ssh.switches(text) == {"do-ip6": "yes", "module-config": "validator iterator"}


FILE = """\
inet (null) (null) use 0 type filter hook input prio 0 packets 0 bytes 0
site4 gmconf 0
site4 gmconf 0
\telement 4d0200c0  : 0 [end]
clients4 gmconf 20 size 65535
__set%d gmconf 3 size 2
__set%d gmconf 0
\telement 00005000  : 0 [end]\telement 0000bb01  : 0 [end]
__set%d gmconf 3 size 2
__set%d gmconf 0
\telement 00000000  : 0 [end]\telement 00000064  : 0 [end]
inet gmconf output
  [ payload load 2b @ transport header + 2 => reg 1 ]
  [ lookup reg 1 set __set%d ]
  [ meta load skuid => reg 1 ]
  [ lookup reg 1 set __set%d ]
  [ immediate reg 0 accept ]

inet gmconf input
  [ counter pkts 0 bytes 0 ]
  [ immediate reg 0 drop ]
"""
TABLE = """\
inet gmconf @site4
\telement 4d0200c0  : 0 [end]
inet gmconf @clients4
\telement 016433c6  : 0 [end]
inet gmconf @__set0
\telement 0000bb01  : 0 [end]
\telement 00005000  : 0 [end]
inet gmconf @__set1
\telement 00000064  : 0 [end]
\telement 00000000  : 0 [end]
inet gmconf output 3
  [ payload load 2b @ transport header + 2 => reg 1 ]
  [ lookup reg 1 set __set0 0x0 ]
  [ meta load skuid => reg 1 ]
  [ lookup reg 1 set __set1 0x0 ]
  [ immediate reg 0 accept ]

inet gmconf input 4
  [ counter pkts 77 bytes 4000 ]
  [ immediate reg 0 drop ]
"""
POLICY = "type filter hook input priority filter; policy drop;"


def test_rules_of_a_file_equal_those_loaded_from_it() -> None:
    assert list(nft.differences(FILE, TABLE, POLICY, POLICY)) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "element 00000064",
            "element 00000065",
            "chain output: 1 loaded rule that the file does not have, 1 of the file not loaded",
        ),
        ("element 4d0200c0", "element 4e0200c0", "the set site4 holds other addresses"),
        (
            "inet gmconf input 4\n",
            "inet gmconf input 9\n  [ immediate reg 0 accept ]\n\ninet gmconf input 4\n",
            "chain input: 1 loaded rule that",
        ),
        ("immediate reg 0 drop", "immediate reg 0 accept", "chain input"),
        ("inet gmconf @site4\n\telement 4d0200c0  : 0 [end]\n", "", "the set site4 is not loaded"),
    ],
)
def test_rules_that_differ(old, new, words) -> None:
    assert old in TABLE
    assert words in "\n".join(nft.differences(FILE, TABLE.replace(old, new), POLICY, POLICY))


def test_a_policy_that_differs() -> None:
    assert list(nft.differences(FILE, TABLE, POLICY, POLICY.replace("drop", "accept"))) == [
        "the policy of input is accept, in the file drop"
    ]


def test_files_on_a_host(tmp_path) -> None:
    import grp
    import hashlib
    import os
    import pwd

    owner, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    entry = {
        "sha256": hashlib.sha256(b"same\n").hexdigest(),
        "owner": owner,
        "group": group,
        "mode": "0600",
        "shown": True,
        "own": False,
    }
    for name, text, mode in (
        ("same", "same\n", 0o600),
        ("edited", "other\n", 0o600),
        ("open", "same\n", 0o644),
        ("secret", "word\n", 0o600),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    wanted = {str(tmp_path / n): entry for n in ("same", "edited", "open", "missing")} | {
        str(tmp_path / "secret"): {**entry, "shown": False}
    }
    found = inside.files(wanted)
    assert set(found) == {str(tmp_path / n) for n in ("edited", "open", "missing", "secret")}
    assert found[str(tmp_path / "edited")]["text"] == "other\n"
    assert found[str(tmp_path / "open")]["mode"] == "0644"
    assert found[str(tmp_path / "missing")] is None
    assert found[str(tmp_path / "secret")]["text"] is None


def test_the_program_for_the_host_runs_on_its_own(site) -> None:
    """As it is sent: one text on standard input of another Python, one JSON document back."""
    run = Run(load(site / "site.yml"), "mark")
    (at,) = run.hosts
    asked = {
        **ssh.wanted(at),
        "leaves": [],
        "names": [],
        "commands": {"ls": ["ls", "/"], "none": ["no-such-program"]},
        "packages": [],
    }
    done = subprocess.run([sys.executable, "-I", "-"], input=ssh.program(asked), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert found["files"]["/etc/postfix/main.cf"] is None or found["files"]["/etc/postfix/main.cf"]["sha256"]
    assert set(found) == ssh.ANSWER
    assert found["commands"]["ls"][0] == 0
    assert found["commands"]["none"][0] == 127


def test_ssh_is_never_asked_to_talk_to_a_person(site) -> None:
    run = Run(load(site / "site.yml"), "mark", ssh=ssh.Ssh(("IdentityFile=key",)))
    argv = ssh.command(run.hosts[0], run.ssh)
    assert argv[-3:] == ["root@mail.example.org", "python3", "-"]
    assert "BatchMode=yes" in argv
    assert argv[argv.index("IdentityFile=key") - 1] == "-o"


def rows(site, status: str, seen: tuple[Observation, ...] = (), text: str = "", more: str = "") -> list:
    (site / "site.yml").write_text((site / "site.yml").read_text() + more)
    run = Run(load(site / "site.yml"), "mark")
    probe = PROBES["relay"]
    return engine.results(
        run, [Outcome(Task(probe, "mail.example.org", lambda: ()), status, seen, text)], date(2026, 11, 1)
    )


def test_one_result_for_each_control(site) -> None:
    found = rows(site, "pass", (Observation("a", "b", holds=True),))
    assert {r.control for r in found} == set(PROBES["relay"].proves)
    assert {(r.method, r.where, r.status, r.subject) for r in found} == {("live", "relay", "pass", "mail.example.org")}


def test_many_findings_are_bounded_and_waivers_hold(site) -> None:
    seen = tuple(Observation(str(n), "x", holds=False, remedy="do") for n in range(30))
    more = "waivers: [{control: mta.local-only, reason: moving, owner: A, until: 2026-12-01}]\n"
    found = rows(site, "fail", seen, more=more)
    waived = [r for r in found if r.control == "mta.local-only"]
    assert len(waived) == engine.SHOWN + 1
    assert {r.status for r in waived} == {"waived"}
    assert {r.status for r in found if r.control != "mta.local-only"} == {"fail"}


def test_an_error_says_what_to_do(site) -> None:
    assert all(r.remedy and r.status == "error" for r in rows(site, "error", text="Connection refused"))


def test_static_check_knows_no_live_results(site) -> None:
    assert {r.method for r in check(load(site / "site.yml"), date(2026, 11, 1))} <= {"static", "declared", "evidence"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--only", "relai"), "no probe relai; did you mean relay"),
        (("--host", "mail.example.net"), "no host mail.example.net in site.yml; there are mail.example.org"),
        (("--resolver", "ns.example.org"), "a server is written 192.0.2.53, "),
        (("--login", "nobody@example.org"), "is no mailbox of this site"),
        (("--login", "alice@example.org"), "no password; set GMCONF_PASSWORD"),
    ],
)
def test_wrong_calls(site, options, words) -> None:
    done = gmconf("verify", "site.yml", *options, cwd=site)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("mailbox", "words"),
    [
        ("{name: probe, messages_per_hour: 5}", "may send 5 messages an hour"),
        ("{name: probe, send: false}", "able to send and to receive"),
        ("{name: probe, forward: [x@example.net]}", "forwards its mail"),
    ],
)
def test_accounts_that_cannot_be_used_for_tests(site, mailbox, words) -> None:
    text = (site / "site.yml").read_text()
    (site / "site.yml").write_text(text.replace("    mailboxes:\n", f"    mailboxes:\n      - {mailbox}\n"))
    with pytest.raises(GmconfError, match=words):
        account(load(site / "site.yml"), "probe@example.org")


def test_unreachable_host_ends_with_results_and_no_traceback(site) -> None:
    """Nothing answers at a documentation address (RFC 5737), and no name resolves there."""
    text = (
        (site / "site.yml")
        .read_text()
        .replace('addresses: [198.51.100.13, "2001:db8:1::13"]', "addresses: [127.0.0.9]")
    )
    (site / "site.yml").write_text(text.replace("127.0.0.9", "192.0.2.255") + "address_families: [ipv4]\n")
    done = gmconf(
        "verify",
        "site.yml",
        "--only",
        "submission-auth",
        "--only",
        "drift",
        "--format",
        "json",
        "--ssh-option",
        "HostName=127.0.0.1",
        "--ssh-option",
        "Port=9",
        cwd=site,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert json.loads(done.stdout)["form"] == 1
    found = json.loads(done.stdout)["results"]
    assert {r["status"] for r in found} == {"error"}
    assert all(r["remedy"] for r in found)


def test_a_host_that_is_down_is_waited_for_once_and_told_in_one_line(site) -> None:
    text = (site / "site.yml").read_text().replace(
        'addresses: [198.51.100.13, "2001:db8:1::13"]', "addresses: [192.0.2.255]"
    ) + "address_families: [ipv4]\n"
    (site / "site.yml").write_text(text)
    run = Run(load(site / "site.yml"), "mark", bounds=Bounds(dialogue=3), ssh=Ssh(("HostName=127.0.0.1", "Port=9")))
    asked = [
        p
        for p in PROBES.values()
        if p.harmless != naming.HARMLESS and not p.login and [t.subject for t in p.each(run)] == ["mail.example.org"]
    ]
    assert len(asked) > 25
    start = time.monotonic()
    found = engine.results(run, engine.verify(run, asked), date(2026, 11, 29))
    assert time.monotonic() - start < 30
    assert {(r.where, r.observed) for r in found if r.status not in ("error", "na")} == set()
    (line,) = [text for text in live(found) if text.startswith("ERROR")]
    assert line.startswith("ERROR mail.example.org: no answer from 192.0.2.255 on any port (tried 22, 25, ")
    assert "Connection refused" in line
    assert "probes have no result; see whether the host is up and reachable from here" in line
    assert not [text for text in live(found) if text.startswith("    ")]


@pytest.mark.parametrize("form", ["text", "junit", "sarif"])
def test_formats(site, form) -> None:
    done = gmconf("verify", "site.yml", "--only", "news", "--only", "chat", "--format", form, cwd=site)
    assert done.returncode == 0, done.stderr
    assert {"text": "not looked at: chat", "junit": "<testsuite", "sarif": "2.1.0"}[form] in done.stdout


def test_list_of_probes(site) -> None:
    done = gmconf("probes", cwd=site)
    assert done.returncode == 0
    assert done.stdout.count("proves: ") == len(PROBES)
    assert {p["name"] for p in json.loads(gmconf("probes", "--format", "json", cwd=site).stdout)["probes"]} == set(
        PROBES
    )


def test_at_most_a_few_sessions_at_once(site) -> None:
    run = Run(load(site / "site.yml"), "mark", bounds=Bounds(sessions=2))
    at = At(run, run.loaded.site.hosts[0])
    most, now, lock = 0, 0, threading.Lock()

    def hold() -> None:
        nonlocal most, now
        with at.session():
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.02)
            with lock:
                now -= 1

    threads = [threading.Thread(target=hold) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2
