"""Parts that fail while mail comes in. Every message that was taken is counted when it is all over."""

from __future__ import annotations

import smtplib
import subprocess
import threading
import time
import uuid

import clients
import lab
import pytest
from clients import EICAR, find, imap, message, outside, submission


def each_refuses(mx, built_for=message, codes=range(400, 500)) -> float:
    """Both ports answer "try again later"; the longest wait in seconds."""
    to, sender = f"alice@{mx.domain}", f"bob@{mx.domain}"
    longest = 0.0
    for connect, envelope in ((lambda: outside(mx), ""), (lambda: submission(mx, sender), sender)):
        start = time.monotonic()
        # Without its filter Postfix already answers AUTH with "try again later".
        with pytest.raises(smtplib.SMTPResponseException) as error, connect() as smtp:
            smtp.sendmail(envelope, [to], built_for(envelope or "x@sender.example", to).as_bytes())
        assert error.value.smtp_code in codes, error.value
        longest = max(longest, time.monotonic() - start)
    return longest


def virus(sender: str, to: str):
    return message(sender, to, EICAR.decode())


@pytest.mark.control("flt.fail-closed")
@pytest.mark.parametrize("unit", ["clamav-daemon", "rspamd"])
def test_filter_down_means_try_again(mx, unit: str) -> None:
    mx.ssh("systemctl stop clamav-daemon.socket 2>/dev/null; true")
    mx.ssh(f"systemctl stop {unit}")
    try:
        each_refuses(mx)
        each_refuses(mx, virus)
    finally:
        mx.ssh(f"systemctl start {unit}")
    mx.accepts()


@pytest.mark.control("flt.fail-closed")
@pytest.mark.parametrize("process", ["rspamd", "clamd"])
def test_filter_hangs(mx, process: str) -> None:
    mx.ssh(f"pkill -STOP -x {process}")
    try:
        assert each_refuses(mx) < 25
    finally:
        mx.ssh(f"pkill -CONT -x {process}")
    mx.accepts()


@pytest.mark.control("mta.retry")
def test_redis_down_mail_flows_and_log_says_so(mx) -> None:
    to = f"alice@{mx.domain}"
    unit = mx.ssh("systemctl list-units --no-legend 'redis-server*' 'valkey*' | awk '{print $1; exit}'").strip()
    mark = mx.ssh("date +%s").strip()
    mx.ssh(f"systemctl stop {unit}")
    try:
        clients.arrives(mx, message("x@sender.example", to), to)
        login = f"bob@{mx.domain}"
        built = message(login, to)
        with submission(mx, login) as smtp:
            smtp.sendmail(login, [to], built.as_bytes())
        assert len(find(mx, to, built)) == 1
    finally:
        mx.ssh(f"systemctl start {unit}")
    assert "redis" in mx.ssh(f"journalctl -u rspamd --since @{mark} --no-pager").lower()
    mx.accepts()


@pytest.mark.control("mta.retry")
def test_store_down_mail_waits_and_is_delivered_at_once_when_it_is_back(mx) -> None:
    to = f"alice@{mx.domain}"
    sent = [message("x@sender.example", to) for _ in range(5)]
    mx.ssh("systemctl stop dovecot")
    try:
        for built in sent:
            with outside(mx) as smtp:
                smtp.sendmail("", [to], built.as_bytes())
        mx.until("test $(postqueue -j | wc -l) -ge 5")
    finally:
        mx.ssh("systemctl start dovecot")
    mx.until("test $(postqueue -j | wc -l) -eq 0", 20)
    for built in sent:
        assert len(find(mx, to, built)) == 1


@pytest.mark.control("mda.durable")
def test_crash_loses_nothing_that_was_acknowledged(mx) -> None:
    """Everything on the host is killed while 200 messages come in; what was answered with 250 is there afterwards."""
    to = f"bob@{mx.domain}"
    run = uuid.uuid4().hex
    acknowledged: list[int] = []
    stop = threading.Event()

    def send(first: int) -> None:
        for number in range(first, 200, 4):
            if stop.is_set():
                return
            try:
                with outside(mx) as smtp:
                    built = message("x@sender.example", to)
                    built.replace_header("Subject", f"crash {run} {number}.")
                    smtp.sendmail("x@sender.example", [to], built.as_bytes())
                acknowledged.append(number)
            except (OSError, smtplib.SMTPException):
                return

    senders = [threading.Thread(target=send, args=(first,)) for first in range(4)]
    for sender in senders:
        sender.start()
    while len(acknowledged) < 60 and any(s.is_alive() for s in senders):
        time.sleep(0.01)
    subprocess.run(["python3", str(lab.ROOT / "molecule/lab.py"), "kill", mx.machine.name], check=True)
    stop.set()
    for sender in senders:
        sender.join()
    subprocess.run(["python3", str(lab.ROOT / "molecule/lab.py"), "start", mx.machine.name], check=True)
    mx.accepts(120)
    # A store that mends its indexes may put a message off once.
    mx.until("test $(postqueue -j | wc -l) -eq 0", 180)
    assert len(acknowledged) >= 60
    assert len(acknowledged) < 200, "the crash came too late"
    with imap(mx, to) as client:
        client.select("INBOX", readonly=True)
        stored = str(client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
    lost = [number for number in acknowledged if f"crash {run} {number}." not in stored]
    assert not lost


@pytest.mark.control("mda.durable")
def test_after_the_crash_the_host_is_as_it_was(mx) -> None:
    done = mx.roll_out()
    assert "changed=0" in done.stdout, done.stdout
