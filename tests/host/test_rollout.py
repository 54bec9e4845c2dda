"""Roll-outs: unchanged, refused, rolled back; and filters that are down."""

from __future__ import annotations

import smtplib
import time

import pytest
from test_mail import EICAR, message, outside, submission

ETC = "find /etc -xdev \\( -type f -o -type l \\) -not -name '*.lmdb' -print0 | sort -z | xargs -0 sha256sum 2>/dev/null | sha256sum"


def test_second_run_changes_nothing(mx) -> None:
    done = mx.roll_out()
    assert done.returncode == 0, done.stdout
    assert "changed=0" in done.stdout


@pytest.mark.parametrize(
    ("override", "word"),
    [("postfix: {smtpd_tls_security_level: nonsense, no_such_parameter: '1'}", "no_such_parameter"),
     ("dovecot: {mail_fsync: sometimes}", "mail_fsync"), ("rspamd: {actions.reject: '}{'}", "rspamd")],
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


@pytest.mark.control("flt.fail-closed")
@pytest.mark.parametrize("unit", ["clamav-daemon", "rspamd"])
def test_filter_down_means_try_again(mx, unit: str) -> None:
    to, sender = f"alice@{mx.domain}", f"bob@{mx.domain}"
    mx.ssh("systemctl stop clamav-daemon.socket 2>/dev/null; true")
    mx.ssh(f"systemctl stop {unit}")
    try:
        for smtp, envelope in ((outside(mx), ""), (submission(mx, sender), sender)):
            with smtp, pytest.raises(smtplib.SMTPResponseException) as error:
                smtp.sendmail(envelope, [to], message(envelope or "x@sender.example", to, EICAR.decode()).as_bytes())
            assert 400 <= error.value.smtp_code < 500
    finally:
        mx.ssh(f"systemctl start {unit}")
    deadline = time.monotonic() + 60
    while True:
        try:
            with outside(mx) as smtp:
                smtp.sendmail("", [to], message("x@sender.example", to).as_bytes())
            return
        except smtplib.SMTPException:
            assert time.monotonic() < deadline
            time.sleep(1)
