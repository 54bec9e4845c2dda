"""Roll-outs that are cut short: the connection, whoever started them, a full disk, a clock that jumps, a tree that is
not what was rendered.

Mail comes in and goes out meanwhile and is counted; the host works with the old or the new configuration; the next
roll-out succeeds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import smtplib
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import demo
import lab
import pytest
from clients import message, submission
from test_faults import fill
from test_rollout import ETC, mail_comes_in

pytestmark = pytest.mark.long
MOMENTS = {
    "judged": "test -e /var/lib/gmconf/judge/etc",
    "switched": "test -e /var/lib/gmconf/journal",
    "unconfirmed": "test -e /var/lib/gmconf/awaiting",
}
"""Steps of a roll-out, and how they are seen on the host."""
AT_REST = "flock -n /var/lib/gmconf/lock true && ! test -e /var/lib/gmconf/journal && ! test -e /var/lib/gmconf/stage"


def size(number: int) -> tuple[str, str]:
    """A change of the site that every roll-out sees."""
    return "message_size: 1 MiB", f"message_size: {number} MiB"


@contextlib.contextmanager
def mail_flows(mx) -> Iterator[None]:
    """Mail comes in and goes out all the while; what was acknowledged arrives once."""
    login, taken, stop = f"probe@{mx.domain}", [], threading.Event()

    def send() -> None:
        while not stop.wait(3):
            built = message(login, f"someone@{mx.out}")
            with contextlib.suppress(OSError, smtplib.SMTPException), submission(mx, login) as smtp:
                smtp.sendmail(login, [f"someone@{mx.out}"], built.as_bytes())
                taken.append(built)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        with mail_comes_in(mx, pause=2):
            yield
    finally:
        stop.set()
        sender.join()
    assert taken
    mx.queue_flushes(90)
    for built in taken:
        mx.sink.wait(built, 60)
        assert len([one for one in mx.sink.taken if built["Subject"].encode() in one.data]) == 1


def succeeds(mx) -> None:
    """The next roll-out, and the one after it, which changes nothing."""
    done = mx.roll_out()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0" in mx.roll_out().stdout


@contextlib.contextmanager
def site_again(mx) -> Iterator[None]:
    """Afterwards site and host are as they were."""
    before = mx.ssh(ETC)
    try:
        yield
    finally:
        mx.write_site()
        done = mx.roll_out()
    assert done.returncode == 0, done.stdout + done.stderr
    assert mx.ssh(ETC) == before


def start(mx, sockets: Path, *more: str) -> subprocess.Popen[str]:
    """A roll-out with processes of its own, which waits 15 s for a confirmation."""
    argv, env = demo.playbook(mx.machine, "-e", "gmconf_confirm=15", "-e", f"ansible_control_path_dir={sockets}", *more)
    return subprocess.Popen(
        argv,
        cwd=mx.folder / "build",
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def reaches(mx, moment: str) -> None:
    """Wait for a step, seen on the host itself: over ssh it would be missed."""
    script = f"for n in $(seq 30000); do {MOMENTS[moment]} && exit 0; sleep 0.02; done; exit 1"
    lab.Podman()("exec", mx.machine.container, "sh", "-c", script)


def kill(rolling: subprocess.Popen[str], sockets: Path) -> None:
    """ansible-playbook, its workers, and the ssh that stays behind for later connections."""
    os.killpg(rolling.pid, signal.SIGKILL)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(sockets).encode() in (process / "cmdline").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)


@pytest.mark.promise("a roll-out that goes wrong takes itself back")
def test_operator_dies(mx, tmp_path) -> None:
    """ansible-playbook and ssh are killed at one step after the other; nobody confirms, and the host goes back by
    itself."""
    with site_again(mx), mail_flows(mx):
        for number, moment in enumerate(MOMENTS, 2):
            before = mx.ssh(ETC)
            mx.write_site(change=size(number))
            rolling = start(mx, tmp_path)
            reaches(mx, moment)
            kill(rolling, tmp_path)
            rolling.wait()
            mx.until(AT_REST, 300)
            assert mx.ssh(ETC) == before or moment == "unconfirmed"
            mx.accepts(120)
            succeeds(mx)
            assert mx.ssh(ETC) != before


@pytest.mark.promise("a roll-out that goes wrong takes itself back")
def test_network_dies(mx, tmp_path) -> None:
    """Packets of the connection are lost from one step on, without a word: the operator hears of it soon, and the host
    goes back."""
    cut = (
        "nft 'add table inet cut; add chain inet cut c { type filter hook input priority -300; }; add rule inet cut c"
        " tcp dport 22 drop'"
    )
    with site_again(mx), mail_flows(mx):
        for number, moment in enumerate(("judged", "switched"), 2):
            before = mx.ssh(ETC)
            mx.write_site(change=size(number))
            rolling = start(mx, tmp_path)
            reaches(mx, moment)
            lab.Podman()("exec", mx.machine.container, "sh", "-c", cut)
            try:
                said, _ = rolling.communicate(timeout=900)
            finally:
                lab.Podman()("exec", mx.machine.container, "nft", "delete table inet cut")
                if rolling.poll() is None:
                    kill(rolling, tmp_path)
            assert rolling.returncode != 0
            # A quick host may be done by then, and the operator's side tries to confirm.
            assert (
                "the connection ended in the middle of the roll-out; the host goes back by itself" in said
                or "no new connection can be opened" in said
            )
            mx.until(AT_REST, 300)
            assert mx.ssh(ETC) == before
            mx.accepts(120)
            succeeds(mx)


@pytest.mark.promise("a roll-out that goes wrong takes itself back")
def test_no_room_for_the_new_tree(mx) -> None:
    """Where the tree is staged, the disk is full: sooner or later in the roll-out."""
    folder, codes = "/var/lib/gmconf", []
    with site_again(mx):
        before = mx.ssh(ETC)
        mx.write_site(change=size(2))
        mx.ssh(f"cp -a {folder} /root/state")
        mx.enter(f"mount -t tmpfs -o size=64m,mode=0700 small {folder}")
        try:
            mx.ssh(f"cp -a /root/state/. {folder}/")
            with mail_flows(mx):
                for left in (0, 500_000, 1_500_000, 2_500_000, 60_000_000):
                    fill(mx, folder, left)
                    done = mx.roll_out()
                    codes.append(done.returncode)
                    mx.ssh(f"rm -f {folder}/filler")
                    if done.returncode:
                        assert "No space left on device" in done.stdout + done.stderr
                        assert left or "nothing was touched: no room on this host for the roll-out" in done.stdout
                        assert mx.ssh(ETC) == before
                        mx.ssh(AT_REST)
            assert codes[0] != 0
            assert codes[-1] == 0
            succeeds(mx)
        finally:
            mx.enter(f"umount {folder}")
            mx.ssh("rm -rf /root/state")


@pytest.mark.promise("a roll-out that goes wrong takes itself back")
def test_no_room_where_files_are_switched(mx) -> None:
    """Postfix's own folder is full when its turn comes: what was switched before goes back."""
    limit = "postconf -h message_size_limit"
    with site_again(mx), mx.small("/etc/postfix", 1, "postfix"):
        before = mx.ssh(limit)
        mx.write_site(change=size(2))
        with mail_flows(mx):
            fill(mx, "/etc/postfix", 0)
            done = mx.roll_out()
            assert "rolled back: OSError: [Errno 28] No space left on device" in done.stdout + done.stderr, done.stdout
            assert mx.ssh(limit) == before
            mx.ssh(f"{AT_REST}; ! find /etc -name '*.gmconf-new' | grep .")
            mx.accepts(120)
            mx.ssh("rm /etc/postfix/filler")
            succeeds(mx)
        assert mx.ssh(limit) != before


ELSEWHEN = """\
apt-get -qq install -y --no-install-recommends faketime >/dev/null 2>&1
cat > /root/python-elsewhen <<'END'
#!/bin/sh
LD_PRELOAD=$(ls /usr/lib/*/faketime/libfaketime.so.1) \\
    FAKETIME_TIMESTAMP_FILE=/root/offset FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1 \\
    exec /usr/bin/python3 "$@"
END
chmod 755 /root/python-elsewhen
"""


@pytest.mark.promise("a roll-out that goes wrong takes itself back")
def test_clock_jumps(mx, tmp_path) -> None:
    """Hours and days, between roll-outs and in the middle, forward and back.

    No container may set the kernel's clock: the programs of the roll-out are told another time, by libfaketime; the
    daemons are not.
    """
    elsewhen = ("-e", "ansible_python_interpreter=/root/python-elsewhen")

    def at(offset: str) -> None:
        lab.Podman()("exec", mx.machine.container, "sh", "-c", f"echo {offset} > /root/offset")

    at("+0s")
    mx.ssh(ELSEWHEN)
    try:
        with site_again(mx), mail_flows(mx):
            for number, (before, jumps) in enumerate(
                [
                    ("+5h", {"judged": "-7h", "switched": "+30h", "unconfirmed": "-48h"}),
                    ("-72h", {"judged": "+24h", "switched": "-48h", "unconfirmed": "+48h"}),
                ],
                2,
            ):
                at(before)
                told = mx.ssh("/root/python-elsewhen -c 'import time; print(int(time.time()))'")
                assert abs(int(told) - time.time()) > 3600, "the programs are told another time"
                mx.write_site(change=size(number))
                rolling = start(mx, tmp_path, *elsewhen)
                for moment, offset in jumps.items():
                    reaches(mx, moment)
                    at(offset)
                said, _ = rolling.communicate(timeout=600)
                assert rolling.returncode == 0, said
                assert "changed=1" in said
                done = mx.roll_out(*elsewhen)
                assert "changed=0" in done.stdout, done.stdout
    finally:
        mx.ssh("rm -f /root/python-elsewhen /root/offset")


@pytest.mark.promise("a refused configuration leaves /etc as it was")
def test_tree_that_is_not_what_was_rendered(mx) -> None:
    """Changed, cut off or lost on the way: it is named, and the host is not touched."""
    build = mx.folder / "build"
    tree = build / "hosts" / mx.name
    cases = {
        tree / "tree/etc/postfix/main.cf": "is not what was rendered: its digest in manifest.json is another",
        tree / "manifest.json": "manifest.json is not what was rendered",
        build / "secrets/passwords.vault": "was changed",
    }
    with site_again(mx):
        before = mx.ssh(ETC)
        for path, words in cases.items():
            for do in (lambda path, data: path.write_bytes(data[:-20]), lambda path, _: path.unlink()):
                mx.write_site(change=size(2))
                do(path, path.read_bytes())
                done = mx.roll_out()
                said = done.stdout + done.stderr
                assert done.returncode != 0
                assert "render the site again" in said.lower(), said
                assert not path.exists() or words in said, said
                assert "Traceback" not in said
                assert mx.ssh(ETC) == before
        mx.write_site(change=size(2))
        succeeds(mx)
