"""Disks that are full or broken, names that nobody answers for, daemons that die under load: nothing lost, nothing let
in."""

from __future__ import annotations

import contextlib
import smtplib
import threading
import time
import uuid

import pytest
from clients import EICAR, GTUBE, find, imap, message, outside, submission

AGAIN = range(400, 500)
SCANS = "/usr/local/lib/gmconf/clamd-scans"


def sent(mx, built, to: str, sender: str = "") -> int:
    """Sends over port 25; the reply code."""
    with outside(mx) as smtp:
        try:
            refused = smtp.sendmail(sender, [to], built.as_bytes())
        except smtplib.SMTPRecipientsRefused as error:
            return error.recipients[to][0]
        except smtplib.SMTPResponseException as error:
            return error.smtp_code
    assert not refused
    return 250


def bounces(mx, mark: str) -> str:
    return mx.ssh(
        f"journalctl --since @{mark} --no-pager -o cat | grep -E 'status=bounced|sender non-delivery' || true"
    ).strip()


def fill(mx, folder: str, left: int) -> None:
    """Leaves so many bytes of a small file system."""
    mx.ssh(
        f"rm -f {folder}/filler; n=$(df --output=avail -B1 {folder} | tail -1); head -c $((n - {left})) /dev/zero >"
        f" {folder}/filler || test {left} = 0"
    )


@pytest.mark.control("mda.durable")
def test_store_full_mail_waits(mx) -> None:
    """No room for mailboxes: mail is taken or put off, nothing is returned,
    and all is there when there is room again.
    """
    to, mark = f"alice@{mx.domain}", mx.ssh("date +%s").strip()
    kept = []
    with mx.small("/var/vmail", 16, "dovecot"):
        fill(mx, "/var/vmail", 0)
        for _ in range(3):
            built = message("x@sender.example", to, ("y" * 70 + "\n") * 2000)
            code = sent(mx, built, to)
            assert code == 250 or code in AGAIN
            kept += [built] if code == 250 else []
        assert kept
        mx.until(f'test $(postqueue -j | grep -c \'"queue_name": "deferred"\') -ge {len(kept)}', 30)
        assert not bounces(mx, mark)
        mx.ssh("rm /var/vmail/filler")
        mx.queue_flushes()
        for built in kept:
            assert len(find(mx, to, built)) == 1
        mx.ssh(f"doveadm force-resync -u {to} INBOX")
    assert not bounces(mx, mark)


@pytest.mark.control("mta.retry")
def test_queue_full_is_told_at_once(mx) -> None:
    """No room in the queue: "come back later" before the message is sent;
    what was acknowledged nevertheless arrives.
    """
    to, kept, codes = f"alice@{mx.domain}", [], []

    def large() -> None:
        built = message("x@sender.example", to, ("y" * 70 + "\n") * 13000)
        with contextlib.suppress(smtplib.SMTPServerDisconnected):
            code = sent(mx, built, to)
            codes.append(code)
            if code == 250:
                kept.append(built)

    mx.queue_empties()
    with mx.small("/var/spool/postfix", 16, "postfix"):
        mx.ssh("systemctl stop dovecot")  # nothing leaves the queue
        fill(mx, "/var/spool/postfix", 1_000_000)
        with outside(mx) as smtp:
            smtp.ehlo()
            assert smtp.docmd("MAIL FROM:<>")[0] == 452
        fill(mx, "/var/spool/postfix", 3_000_000)
        senders = [threading.Thread(target=large) for _ in range(8)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        assert set(codes) & set(AGAIN), codes
        assert set(codes) <= {250, *AGAIN}, codes
        mx.ssh("rm -f /var/spool/postfix/filler; systemctl start dovecot")
        mx.accepts()
        mx.queue_flushes(90)
        for built in kept:
            assert len(find(mx, to, built)) == 1


@pytest.mark.control("mda.durable")
def test_disk_that_does_not_keep_what_it_is_given(mx) -> None:
    """fsync fails: the queue does not acknowledge; the store does not either, and the message stays in the queue."""
    to = f"bob@{mx.domain}"
    with mx.broken("m=$(tr -d ' ' < /var/spool/postfix/pid/master.pid); echo $m $(pgrep -P $m)", "fsync,fdatasync"):
        for _ in range(3):
            assert sent(mx, message("x@sender.example", to), to) in AGAIN
        login = f"alice@{mx.domain}"
        with submission(mx, login) as smtp, pytest.raises(smtplib.SMTPResponseException) as error:
            smtp.sendmail(login, [to], message(login, to).as_bytes())
        assert error.value.smtp_code in AGAIN
    mx.accepts()
    built = message("x@sender.example", to)
    with mx.broken("m=$(cat /run/dovecot/master.pid); echo $m $(pgrep -P $m)", "fsync,fdatasync"):
        assert sent(mx, built, to) == 250
        mx.until('postqueue -j | grep -q \'"queue_name": "deferred"\'', 30)
    mx.queue_flushes()
    assert len(find(mx, to, built)) == 1


def judged(mx, limit: float) -> None:
    """Clean mail flows within some seconds, and what is bad is refused for good or put off."""
    to = f"alice@{mx.domain}"
    start = time.monotonic()
    built = message("x@sender.example", to)
    assert sent(mx, built, to) == 250
    assert time.monotonic() - start < limit
    for text in (EICAR.decode(), GTUBE + "\n"):
        assert sent(mx, message("x@sender.example", to, text), to) == 554
    assert len(find(mx, to, built)) == 1


@pytest.mark.control("flt.fail-closed")
@pytest.mark.parametrize("how", ["stopped", "hung"])
def test_redis_gone_bad_mail_is_still_refused(mx, how: str) -> None:
    unit = mx.ssh("systemctl list-units --no-legend 'redis-server*' 'valkey*' | awk '{print $1; exit}'").strip()
    mx.ssh(f"systemctl stop {unit}" if how == "stopped" else "pkill -STOP -x 'redis-server|valkey-server'")
    try:
        judged(mx, 10)
    finally:
        mx.ssh(f"systemctl start {unit}" if how == "stopped" else "pkill -CONT -x 'redis-server|valkey-server'")
    mx.accepts()


@pytest.mark.control("flt.fail-closed")
def test_broken_signatures_open_no_door(mx) -> None:
    """A database that clamd cannot read: the old one judges on, or mail is put off; a virus is never let in."""
    to = f"alice@{mx.domain}"
    mx.ssh(
        "echo 'no signature at all' > /var/lib/clamav/broken.ndb; clamdscan --reload"
        " --config-file=/etc/clamav/clamd.conf || true"
    )
    try:
        for _ in range(6):
            assert sent(mx, message("x@sender.example", to, EICAR.decode()), to) in (554, *AGAIN)
            time.sleep(0.3)
    finally:
        mx.ssh("rm /var/lib/clamav/broken.ndb; systemctl reset-failed clamav-daemon; systemctl restart clamav-daemon")
    mx.accepts()


@pytest.mark.control("mta.refuse-lists")
def test_resolver_that_denies_everything_costs_no_mail(mx) -> None:
    """It says of every domain that there is none: senders are asked to come again."""
    to, sender = f"alice@{mx.domain}", "x@sender.example"
    mx.ssh("unbound-control -q local_zone . always_nxdomain; unbound-control -q flush_zone .")
    try:
        assert {sent(mx, message(sender, to), to, sender) for _ in range(3)} == {450}
    finally:
        mx.ssh("unbound-control -q local_zone_remove .; unbound-control -q flush_zone .")
    mx.accepts()
    assert sent(mx, message(sender, to), to, sender) == 250


SPOILED = {
    "hangs": ("pkill -STOP -x clamd", "true"),
    "empty": (
        ": > /var/lib/clamav/gmconf.ndb; clamdscan --reload --config-file=/etc/clamav/clamd.conf || true",
        "true",
    ),
    "broken": (
        "echo nonsense > /var/lib/clamav/gmconf.ndb; clamdscan --reload --config-file=/etc/clamav/clamd.conf || true",
        "true",
    ),
    "cannot start": (
        "echo nonsense > /var/lib/clamav/broken.ndb; systemctl restart clamav-daemon",
        "rm /var/lib/clamav/broken.ndb",
    ),
}


@pytest.mark.control("flt.fail-closed")
@pytest.mark.parametrize("how", SPOILED)
def test_scanner_that_does_not_scan_comes_back_by_itself(mx, how: str) -> None:
    """Mail is put off, nobody does anything but what he did wrong, and mail flows again."""
    to = f"alice@{mx.domain}"
    spoil, mend = SPOILED[how]
    before = mx.ssh("systemctl show -p ExecMainStartTimestampMonotonic clamav-daemon").strip()
    mx.ssh(spoil)
    try:
        if how != "empty":  # clean by such signatures, until it is noticed
            assert sent(mx, message("x@sender.example", to, EICAR.decode()), to) in (554, *AGAIN)
        if how in ("hangs", "cannot start"):
            assert sent(mx, message("x@sender.example", to), to) in AGAIN
    finally:
        mx.ssh(mend)
    mx.until(
        f"test \"$(systemctl show -p ExecMainStartTimestampMonotonic clamav-daemon)\" != '{before}' && {SCANS} once",
        600,
    )
    mx.accepts()
    assert sent(mx, message("x@sender.example", to, EICAR.decode()), to) == 554


@pytest.mark.control("flt.fail-closed")
def test_scanner_waits_for_the_signatures_that_the_site_gets(mx) -> None:
    """Before they have been fetched, and when they are lost, mail is put off: gmconf's own find no virus but the test
    file."""
    to, local = f"alice@{mx.domain}", "/var/lib/clamav/local.hdb"
    mx.ssh(
        f"cp -a {SCANS} /root/scans; sed -i 's/for name in ;/for name in local.hdb;/' {SCANS}; grep -q local.hdb"
        f" {SCANS}; systemctl restart clamav-daemon"
    )
    try:
        assert sent(mx, message("x@sender.example", to), to) in AGAIN
        assert "has not fetched local.hdb yet" in mx.ssh(f"{SCANS} once", check=False)
        mx.ssh(f"echo 44d88612fea8a8f36de82e1278abb02f:68:Other-Test > {local}")
        mx.accepts(300)
        mx.ssh(f"rm {local}")
        mx.until("! test -S /run/clamav/clamd.ctl", 300)
        assert sent(mx, message("x@sender.example", to), to) in AGAIN
    finally:
        mx.ssh(f"rm -f {local}; cp -a /root/scans {SCANS}; systemctl restart clamav-daemon")
    mx.accepts(300)


@pytest.mark.control("flt.virus-reject")
def test_virus_while_signatures_are_loaded_again(mx) -> None:
    to = f"alice@{mx.domain}"
    stop = threading.Event()

    def reload() -> None:
        while not stop.is_set():
            mx.ssh("clamdscan --reload --config-file=/etc/clamav/clamd.conf", check=False)

    loader = threading.Thread(target=reload)
    loader.start()
    try:
        codes = [sent(mx, message("x@sender.example", to, EICAR.decode()), to) for _ in range(15)]
    finally:
        stop.set()
        loader.join()
    assert set(codes) <= {554, *AGAIN}, codes
    mx.accepts()


@contextlib.contextmanager
def no_names(mx, how: str):
    """The resolver is gone, or all it says is SERVFAIL."""
    mx.ssh(
        "systemctl stop unbound"
        if how == "dead"
        else "unbound-control -q forward_add . 127.0.0.1@9; unbound-control -q flush_zone ."
    )
    try:
        yield
    finally:
        mx.ssh("systemctl restart unbound")


@pytest.mark.control("dns.validating-resolver")
@pytest.mark.parametrize("how", ["dead", "servfail"])
def test_no_dns_means_later(mx, how: str) -> None:
    """Without DNS nobody is called unknown or forged: 4xx from outside, users' mail waits, nothing is returned."""
    to, login, mark = f"alice@{mx.domain}", f"bob@{mx.domain}", mx.ssh("date +%s").strip()
    outgoing = message(login, f"later.{how}@{mx.out}")
    with no_names(mx, how):
        for sender in ("x@sender.example", "x@strict.example"):
            assert sent(mx, message(sender, to), to, sender) in AGAIN
        start, code = time.monotonic(), sent(mx, message("x@sender.example", to), to)
        assert code == 250 or code in AGAIN
        assert time.monotonic() - start < 20
        for text in (EICAR.decode(), GTUBE + "\n"):
            assert sent(mx, message("x@sender.example", to, text), to) in (554, *AGAIN)
        with submission(mx, login) as smtp:
            smtp.sendmail(login, [f"someone@{mx.out}", to], outgoing.as_bytes())
        assert len(find(mx, to, outgoing)) == 1
        mx.until('postqueue -j | grep -q \'"queue_name": "deferred"\'', 60)
        assert not bounces(mx, mark)
    mx.until("getent hosts client.sender.example", 20)
    mx.ssh("postqueue -f")
    assert mx.sink.wait(outgoing).recipients == (f"someone@{mx.out}",)
    mx.queue_empties()
    assert not bounces(mx, mark)
    mx.accepts()


@pytest.mark.control("auth.no-lockout")
def test_no_login_server_means_later(mx) -> None:
    """A right password is never called wrong because Dovecot is away: the user's program tries again."""
    mx.ssh("systemctl stop dovecot")
    try:
        with submission(mx) as smtp, pytest.raises(smtplib.SMTPAuthenticationError) as error:
            smtp.login(f"alice@{mx.domain}", mx.password)
        assert error.value.smtp_code in AGAIN, error.value
    except smtplib.SMTPServerDisconnected:
        pass  # it says nothing at all: as good
    finally:
        mx.ssh("systemctl start dovecot")
    mx.until("doveadm auth lookup nobody >/dev/null 2>&1; test -S /run/dovecot/auth-smtp", 20)
    with submission(mx, f"alice@{mx.domain}") as smtp:
        assert smtp.noop()[0] == 250


@pytest.mark.control("mda.durable")
def test_daemons_killed_under_load(mx) -> None:
    """Postfix and Dovecot die again and again while mail comes in; all that was acknowledged is there, nearly all of it
    once."""
    to, run = f"carol@{mx.domain}", uuid.uuid4().hex
    acknowledged: list[str] = []
    stop, counter, lock = threading.Event(), iter(range(100_000)), threading.Lock()

    def send() -> None:
        while not stop.is_set():
            with lock:
                number = next(counter)
            built = message("x@sender.example", to)
            built.replace_header("Subject", f"load {run} {number}.")
            try:
                if sent(mx, built, to, "x@sender.example") == 250:
                    acknowledged.append(f"load {run} {number}.")
            except (OSError, smtplib.SMTPException):
                time.sleep(0.1)  # its sender would try again

    senders = [threading.Thread(target=send) for _ in range(6)]
    for sender in senders:
        sender.start()
    try:
        for _ in range(4):
            time.sleep(1.5)
            mx.ssh(
                "m=$(tr -d ' ' < /var/spool/postfix/pid/master.pid); kill -KILL $m $(pgrep -P $m); sleep 0.3; systemctl"
                " reset-failed 'postfix*'; systemctl restart postfix"
            )
            time.sleep(1.5)
            mx.ssh(
                "m=$(cat /run/dovecot/master.pid); kill -KILL $m $(pgrep -P $m); sleep 0.3; systemctl reset-failed"
                " dovecot; systemctl restart dovecot"
            )
        time.sleep(1)
    finally:
        stop.set()
        for sender in senders:
            sender.join()
    mx.queue_empties(150)
    assert len(acknowledged) >= 100
    with imap(mx, to) as client:
        client.select("INBOX", readonly=True)
        stored = str(client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
    assert not [subject for subject in acknowledged if subject not in stored]
    twice = sum(stored.count(subject) - 1 for subject in acknowledged)
    assert twice <= max(5, len(acknowledged) // 20), (twice, len(acknowledged))
