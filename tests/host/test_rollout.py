"""Roll-outs: unchanged, refused, rolled back, looked at beforehand."""

from __future__ import annotations

import re
import subprocess
import sys
import threading

import lab
import pytest
from clients import outside

ETC = "find /etc -xdev \\( -type f -o -type l \\) -not -name '*.lmdb' -not -path /etc/mtab -print0 | sort -z | xargs -0 sha256sum 2>/dev/null | sha256sum"


def test_second_run_changes_nothing(mx) -> None:
    done = mx.roll_out()
    assert done.returncode == 0, done.stdout
    assert "changed=0" in done.stdout


@pytest.mark.parametrize(
    ("override", "word"),
    [("postfix: {smtpd_tls_security_level: nonsense, no_such_parameter: '1'}", "no_such_parameter"),
     ("dovecot: {mail_fsync: sometimes}", "sometimes"), ("rspamd: {options.task_timeout: '{'}", "task_timeout")],
    ids=["postfix", "dovecot", "rspamd"],
)  # fmt: skip
def test_broken_override_is_refused(mx, override: str, word: str) -> None:
    before = mx.ssh(ETC)
    try:
        mx.write_site(f"overrides: {{{override}}}\n")
        done = mx.roll_out()
        assert done.returncode != 0
        assert word in done.stdout + done.stderr
        assert mx.ssh(ETC) == before
    finally:
        mx.write_site()
    assert "changed=0" in mx.roll_out().stdout


def test_check_and_diff_tell_the_truth(mx) -> None:
    """What --check announces is what happens then, and it changes nothing itself."""
    before = mx.ssh(ETC)
    try:
        mx.write_site(change=("message_size: 1 MiB", "message_size: 2 MiB"))
        said = mx.roll_out("--check", "--diff")
        assert said.returncode == 0, said.stdout
        assert "changed=1" in said.stdout
        assert "-message_size_limit = 1048576" in said.stdout
        assert "+message_size_limit = 2097152" in said.stdout
        assert mx.ssh(ETC) == before
        assert mx.ssh("ls /var/lib/gmconf").split() == ["generation", "lock", "saved"]
        done = mx.roll_out("--diff")
        assert files_named(done.stdout) == files_named(said.stdout)
        assert mx.ssh(ETC) != before
        assert "changed=0" in mx.roll_out("--check", "--diff").stdout
    finally:
        mx.write_site()
        mx.roll_out()
    assert mx.ssh(ETC) == before


def files_named(text: str) -> set[str]:
    return set(re.findall(r"^--- (?:before: )?(/\S+)", text, re.M))


def test_crash_in_the_middle_of_a_rollout(mx) -> None:
    """The host dies while files are switched; it boots with the previous generation, and mail flows."""
    before = mx.ssh(ETC)
    try:
        mx.write_site(change=("message_size: 1 MiB", "message_size: 3 MiB"))
        rolling = threading.Thread(target=mx.roll_out)
        rolling.start()
        mx.ssh("for n in $(seq 3000); do test -e /var/lib/gmconf/journal && exit 0; sleep 0.02; done; exit 1")
        subprocess.run([sys.executable, str(lab.ROOT / "molecule/lab.py"), "kill", mx.machine.name], check=True)
        rolling.join()
        subprocess.run([sys.executable, str(lab.ROOT / "molecule/lab.py"), "start", mx.machine.name], check=True)
        assert mx.ssh(ETC) == before
        assert "put back /etc/postfix/main.cf" in mx.ssh("journalctl -u gmconf-recover --no-pager -o cat")
        mx.accepts(120)
    finally:
        mx.write_site()
    assert "changed=0" in mx.roll_out().stdout


def test_failed_probe_rolls_back(mx) -> None:
    before = mx.ssh(ETC)
    try:
        mx.write_site("overrides: {postfix: {smtpd_banner: another.example ESMTP}}\n")
        done = mx.roll_out()
        assert done.returncode != 0
        assert "rolled back" in done.stdout + done.stderr
        assert mx.ssh(ETC) == before
    finally:
        mx.write_site()
    with outside(mx) as smtp:
        assert smtp.ehlo()[0] == 250
