"""Roll-outs: unchanged, refused, rolled back, looked at beforehand."""

from __future__ import annotations

import contextlib
import imaplib
import os
import poplib
import re
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import demo
import lab
import mail
import pytest
import sites
from clients import authenticate, find, imap, message, outside, submission, trust

# Content, kind, mode and owner of everything in /etc.
ETC = (
    "(find /etc -xdev -not -path /etc/mtab -printf '%p %y %m %u %g %l\\n' | sort; "
    "find /etc -xdev -type f -print0 | sort -z | xargs -0 sha256sum) | sha256sum"
)


@pytest.mark.promise("a second roll-out changes nothing")
def test_second_run_changes_nothing(mx) -> None:
    done = mx.roll_out()
    assert done.returncode == 0, done.stdout
    assert "changed=0" in done.stdout


@pytest.mark.promise("a refused configuration leaves /etc as it was")
@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "postfix: {no_such_parameter: '1'}",
            "postconf: warning: /etc/postfix/main.cf: unused parameter: no_such_parameter=1",
        ),
        (
            "dovecot: {mail_fsync: sometimes}",
            r"doveconf: Fatal: Error in configuration file /etc/dovecot/dovecot.conf line \d+: .*sometimes",
        ),
        ("rspamd: {options.task_timeout: '{'}", "parse error: cannot convert string to double in option task_timeout"),
    ],
    ids=["postfix", "dovecot", "rspamd"],
)
def test_broken_override_is_refused(mx, override: str, words: str) -> None:
    """In the daemon's own words, with the real paths; /etc keeps every byte, mode and owner."""
    before = mx.ssh(ETC)
    try:
        mx.write_site(f"overrides: {{{override}}}\n")
        done = mx.roll_out()
        assert done.returncode != 0
        assert re.search(words, done.stdout + done.stderr), done.stdout
        assert mx.ssh(ETC) == before
    finally:
        mx.write_site()
    assert "changed=0" in mx.roll_out().stdout


@pytest.mark.promise("a refused configuration leaves /etc as it was")
def test_own_signatures_are_fetched_without_a_mirror(mx) -> None:
    """freshclam takes the site's file alone, once user clamav can read it; clamd finds what is in it."""
    before, file = mx.ssh(ETC), "/srv/signatures/lab.ndb"
    mx.ssh(f"install -d -m 0700 /srv/signatures; echo Lab.Own:0:*:{b'gmconf-own-signature'.hex()} > {file}")
    try:
        mx.write_site(change=("signatures: {mirrors: []}", f'signatures: {{mirrors: [], urls: ["file://{file}"]}}'))
        refused = mx.roll_out()
        assert refused.returncode != 0
        assert f"user clamav cannot read {file}" in refused.stdout, refused.stdout
        assert mx.ssh(ETC) == before
        mx.ssh("chmod 0755 /srv/signatures")
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout
        assert "Lab.Own" in mx.ssh("printf gmconf-own-signature | clamdscan --no-summary - || true")
    finally:
        mx.write_site()
        mx.roll_out()
        mx.ssh("rm -rf /srv/signatures /var/lib/clamav/lab.ndb; systemctl restart clamav-daemon")
        mx.accepts()


@pytest.mark.promise("--check --diff tells the truth")
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


@pytest.mark.promise("a roll-out that goes wrong takes itself back")
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


@contextlib.contextmanager
def mail_comes_in(mx, pause: float = 0.3) -> Iterator[None]:
    """Messages arrive all the while; each that was acknowledged is delivered once, and not all were put off."""
    to, sent, stop = f"bob@{mx.domain}", [], threading.Event()

    def send() -> None:
        while not stop.is_set():
            built = message("x@sender.example", to)
            try:
                with outside(mx) as smtp:
                    smtp.sendmail("", [to], built.as_bytes())
                sent.append(built)
            except (OSError, smtplib.SMTPException):
                pass  # its sender comes back
            time.sleep(pause)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
        time.sleep(2)
    finally:
        stop.set()
        sender.join()
    mx.queue_flushes(90)
    assert len(sent) >= 5
    assert find(mx, to, sent[-1])
    with imap(mx, to) as client:
        client.select("INBOX", readonly=True)
        stored = str(client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
    assert {
        built["Subject"]: stored.count(built["Subject"]) for built in sent if stored.count(built["Subject"]) != 1
    } == {}


@pytest.mark.promise("a roll-out that goes wrong takes itself back")
@pytest.mark.parametrize(
    ("override", "words"),
    [
        pytest.param(
            "postfix: {smtpd_banner: another.example ESMTP}",
            "probe smtp: expected",
            id="banner",
            marks=pytest.mark.long,
        ),
        pytest.param("postfix: {smtpd_tls_security_level: nonsense}", "probe smtp: expected", id="smtpd dies"),
        pytest.param(
            "dovecot: {service lmtp/executable: /bin/false}",
            "probe lmtp: expected",
            id="no LMTP",
            marks=pytest.mark.long,
        ),
    ],
)
def test_failed_probe_rolls_back(mx, override: str, words: str) -> None:
    """What the daemons' own tools accept but does not work is taken back, by itself and soon, and mail keeps coming."""
    before = mx.ssh(ETC)
    try:
        mx.write_site(f"overrides: {{{override}}}\n")
        with mail_comes_in(mx):
            start = time.monotonic()
            done = mx.roll_out()
            assert time.monotonic() - start < 100
            assert done.returncode != 0
            assert "rolled back: " in done.stdout + done.stderr
            assert words in done.stdout + done.stderr
            assert mx.ssh(ETC) == before
    finally:
        mx.write_site()
    assert "changed=0" in mx.roll_out().stdout


@pytest.mark.control("gov.minimal")
def test_protocol_that_is_switched_on_is_served(mx) -> None:
    """POP3 goes and comes back without anybody's help: its port is closed meanwhile and speaks afterwards."""
    try:
        mx.write_site(change=("pop3: {enabled: true}", "pop3: {enabled: false}"))
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout
        with pytest.raises(OSError):
            socket.create_connection((mx.ip4, 995), 3)
    finally:
        mx.write_site()
        done = mx.roll_out()
    assert done.returncode == 0, done.stdout
    with mail._At(mx.ip4):
        client = poplib.POP3_SSL(mx.name, 995, context=trust(mx), timeout=10)
    assert client.getwelcome().startswith(b"+OK")
    client.quit()


def sends(mx, smtp: smtplib.SMTP, login: str) -> None:
    smtp.sendmail(login, [f"alice@{mx.domain}"], message(login, f"alice@{mx.domain}").as_bytes())


def is_open(smtp: smtplib.SMTP) -> bool:
    """Whether the server has not hung up."""
    try:
        return smtp.noop()[0] == 250
    except (smtplib.SMTPServerDisconnected, OSError):
        return False


@pytest.mark.control("prc.abuse-stop")
def test_changed_logins_end_their_sessions(mx) -> None:
    """Whoever is logged in while suspended is sent away and sends no more; nobody else notices, and nobody at all a
    reload."""
    login, other, to, mark = f"carol@{mx.domain}", f"bob@{mx.domain}", f"alice@{mx.domain}", mx.ssh("date +%s").strip()
    # Debian 12 cannot tell two apart that come from one address and have sent nothing yet.
    elsewhere = "" if mx.machine.release == "trixie" else mx.sink.address
    gone, stays = imap(mx, login), imap(mx, other)
    mx.ssh("systemctl reload dovecot; sleep 1")
    assert gone.noop()[0] == "OK"
    unused, untouched = submission(mx, login, 587), submission(mx, other, 587, elsewhere)
    silenced, speaks, writes = submission(mx, login), submission(mx, other), submission(mx, login)
    unknown = submission(mx)
    sends(mx, silenced, login)
    sends(mx, speaks, other)
    half = message(login, to)
    for line in (f"MAIL FROM:<{login}>", f"RCPT TO:<{to}>", "DATA"):
        assert writes.docmd(line)[0] < 400
    writes.send(half.as_bytes().replace(b"\n", b"\r\n") + b"and so")
    try:
        mx.write_site(change=("{name: carol}", "{name: carol, suspended: case 2}"))
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout
        with pytest.raises(imaplib.IMAP4.abort):
            gone.noop()
        with pytest.raises(imaplib.IMAP4.error):
            imap(mx, login)
        with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
            writes.send(b" on\r\n.\r\n")
            writes.getreply()
        assert [is_open(smtp) for smtp in (silenced, unused, speaks, untouched)] == [False, False, True, True]
        if not elsewhere:
            assert is_open(unknown), "nobody has logged in there"
        assert stays.noop()[0] == "OK"
        with pytest.raises(smtplib.SMTPAuthenticationError):
            submission(mx, login)
        sends(mx, submission(mx, other), other)
        assert not find(mx, to, half, within=3), "its author was not told that it was taken"
        # Where Dovecot cannot be asked for one of them, all are sent away.
        mx.ssh("mv /run/dovecot/doveadm-server /run/dovecot/elsewhere")
    finally:
        mx.write_site()
        done = mx.roll_out()
        mx.ssh("mv /run/dovecot/elsewhere /run/dovecot/doveadm-server", check=False)
        for client in (silenced, unused, writes, speaks, untouched, unknown):
            client.close()
        gone.shutdown()
    assert done.returncode == 0, done.stdout
    with pytest.raises(imaplib.IMAP4.abort):
        stays.noop()
    stays.shutdown()
    with imap(mx, login) as client:
        assert client.noop()[0] == "OK"
    assert "throttling" not in mx.ssh(f"journalctl -t postfix/master --since @{mark} --no-pager -o cat"), (
        "Postfix would take no submission for a minute"
    )


@pytest.mark.control("auth.compromise-lock")
def test_a_new_password_ends_sessions(mx) -> None:
    """The thief who knows the old one is out, whether he has sent something or not."""
    login, other = f"joe@{mx.domain}", f"bob@{mx.domain}"
    env = {**os.environ, "ANSIBLE_VAULT_PASSWORD_FILE": str(demo.vault_password())}
    kept = {path: path.read_bytes() for path in (mx.folder / "keys/passwords").rglob("joe")}
    used, unused, stays = submission(mx, login), submission(mx, login, 587), submission(mx, other)
    sends(mx, used, login)
    sends(mx, stays, other)
    try:
        argv = [*demo.GMCONF, "passwd", str(mx.folder / "site.yml"), login, "--stdin"]
        subprocess.run(argv, env=env, check=True, input="another-horse-9-battery\n", text=True)
        mx.write_site()
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout
        assert [is_open(smtp) for smtp in (used, unused, stays)] == [False, False, True]
        with pytest.raises(smtplib.SMTPAuthenticationError):
            submission(mx, login)
        assert authenticate(submission(mx), login, "another-horse-9-battery")[0] == 235
    finally:
        for path, data in kept.items():
            path.write_bytes(data)
        mx.write_site()
        done = mx.roll_out()
        for client in (used, unused, stays):
            client.close()
    assert done.returncode == 0, done.stdout
    submission(mx, login).close()


@pytest.mark.promise("a roll-out that would make a published record false is refused before it touches the host")
def test_a_selector_that_is_not_published(mx) -> None:
    """Refused, under --check too, while nobody finds the new key; done as soon as it is published; back to the old one,
    still published."""
    keys = "ls -l --time-style=full-iso /etc/gmconf/dkim"
    before = mx.ssh(ETC), mx.ssh(keys)
    try:
        mx.write_site(change=(f"  - name: {mx.domain}\n", f"  - name: {mx.domain}\n    dkim: {{selector: next1}}\n"))
        for more in ((), ("--check",)):
            done = mx.roll_out(*more)
            assert done.returncode != 0
            assert (
                f"next1-rsa._domainkey.{mx.domain} TXT is not published, and the key before it would go" in done.stdout
            )
            assert "nothing was touched" in done.stdout
            assert (mx.ssh(ETC), mx.ssh(keys)) == before
        parts = "\n".join(line for line in dns(mx).splitlines() if "next1-" in line)
        assert parts.count("next1-") == 2
        lab.zone(f"next-{mx.machine.name}", parts + "\n")
        time.sleep(6)  # what was not there is remembered for five seconds
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout
        assert "changed=1" in done.stdout
        mx.accepts()
    finally:
        mx.write_site()
        done = mx.roll_out()
        lab.zone(f"next-{mx.machine.name}", "")
    assert done.returncode == 0, done.stdout
    assert mx.ssh(ETC) == before[0]


@pytest.mark.promise("a roll-out that would make a published record false is refused before it touches the host")
def test_a_certificate_that_no_published_record_fits(mx) -> None:
    """Senders that know the TLSA record would take the host for another; who lost the key may go on all the same."""
    folder = mx.folder / "keys/tls"
    mine = {name: (folder / name).read_bytes() for name in (f"mail.{mx.domain}.crt", f"mail.{mx.domain}.key.vault")}
    before = mx.ssh(ETC)
    try:
        for name in mine:
            (folder / name).unlink()
        mx.write_site()
        done = mx.roll_out()
        assert done.returncode != 0
        assert (
            f"_25._tcp.mail.{mx.domain} TLSA fits no certificate of this roll-out; it has to be there first: 3 1 1 "
            in done.stdout
        )
        assert mx.ssh(ETC) == before
        done = mx.roll_out("-e", "gmconf_against_dns=true")
        assert done.returncode == 0, done.stdout
        assert "rolled out against DNS: _25._tcp" in done.stdout + done.stderr
    finally:
        for name, data in mine.items():
            (folder / name).write_bytes(data)
        mx.write_site()
        done = mx.roll_out()
    assert done.returncode == 0, done.stdout
    assert mx.ssh(ETC) == before


@pytest.mark.promise("a roll-out that would make a published record false is refused before it touches the host")
def test_a_policy_that_an_mx_of_its_domain_is_not_in(mx) -> None:
    """Senders that keep to MTA-STS would never deliver to that MX."""
    before = mx.ssh(ETC)
    part, ask_anew = f"backup-{mx.machine.name}", "unbound-control -q flush_zone ."
    try:
        lab.zone(part, f"{mx.domain}. 5 MX 20 backup.sender.example.\n")
        mx.ssh(ask_anew)
        mx.write_site(change=("web: {mta_sts: enforce,", "web: {mta_sts: enforce, max_age: 30d,"))
        done = mx.roll_out()
        assert done.returncode != 0
        assert (
            f"{mx.domain} MX names backup.sender.example, which the MTA-STS policy of this roll-out does not allow; it"
            f" has to be: {mx.name}" in done.stdout
        )
        assert mx.ssh(ETC) == before
        lab.zone(part, "")
        mx.ssh(ask_anew)
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout
    finally:
        lab.zone(part, "")
        mx.write_site()
        done = mx.roll_out()
    assert done.returncode == 0, done.stdout


def dns(mx) -> str:
    """What belongs into DNS for the site as it is written."""
    return subprocess.run(
        [*demo.GMCONF, "dns", str(mx.folder / "site.yml")], check=True, capture_output=True, text=True
    ).stdout


@pytest.mark.promise("a roll-out that goes wrong takes itself back")
def test_a_timer_that_is_wanted_no_more(mx) -> None:
    """It is stopped and forgotten with its files; when the roll-out fails it goes on as before."""
    timer = "systemctl is-enabled gmconf-dmarc-report.timer; systemctl is-active gmconf-dmarc-report.timer"
    off = ("dmarc_reports: true", "dmarc_reports: false")
    try:
        mx.write_site("overrides: {postfix: {smtpd_banner: another.example ESMTP}}\n", off)
        done = mx.roll_out()
        assert "rolled back: " in done.stdout + done.stderr
        assert mx.ssh(timer).split() == ["enabled", "active"]
        mx.write_site(change=off)
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout + done.stderr
        assert mx.ssh(timer, check=False).split()[-1] == "inactive"
        assert "gmconf-dmarc-report" not in mx.ssh(
            "find /etc/systemd/system /run/systemd; systemctl list-timers --all; systemctl --failed"
        )
        assert "changed=0" in mx.roll_out().stdout
    finally:
        mx.write_site()
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout + done.stderr
    assert mx.ssh(timer).split() == ["enabled", "active"]


@pytest.mark.long
@pytest.mark.promise("a roll-out after which the controller cannot come back takes itself back")
def test_a_firewall_that_shuts_the_operator_out(mx) -> None:
    """The old connection goes on, a new one cannot be opened: nobody confirms, the host goes back, and the operator is
    told why."""
    before = mx.ssh(ETC)
    try:
        mx.write_site("network: {admin: [203.0.113.0/24]}\n")
        done = mx.roll_out("-e", "gmconf_confirm=15")
        assert done.returncode != 0
        said = done.stdout + done.stderr
        assert "rolled back: nobody confirmed the roll-out over a new connection in time" in said
        assert "Does the firewall let this machine in (network.admin)?" in said
        assert mx.ssh(ETC) == before
        assert "nobody confirmed the roll-out within 15 s; this host goes back" in mx.ssh(
            "journalctl -t gmconf --no-pager -o cat -n 5"
        )
        mx.accepts()
    finally:
        mx.write_site()
    assert "changed=0" in mx.roll_out().stdout


PLANTED = """\
set -e
echo secret > /etc/victim; chmod 600 /etc/victim
runuser -u clamav -- sh -c 'cd /var/lib/clamav; rm -f gmconf.ndb; ln -s /etc/victim gmconf.ndb
  ln -s /etc/ld.so.red gmconf.ndb.gmconf-new'
runuser -u _rspamd -- sh -c 'cd /var/lib/rspamd; ln -s /etc dkim; ln -s /etc/victim dkim.gmconf-new'
chown redis:redis /etc/redis; chmod 2770 /etc/redis; rm -f /etc/redis/redis.conf
runuser -u redis -- sh -c 'cd /etc/redis; ln -s /etc/victim redis.conf; ln -s /etc/victim redis.conf.gmconf-new'
"""


@pytest.mark.promise("a roll-out follows nothing that a daemon planted")
def test_what_daemons_planted_leads_nowhere(mx) -> None:
    """As their own users; /etc keeps every byte, mode and owner, and nothing of the victim is shown."""
    before, red = mx.ssh(ETC), "test -e /etc/ld.so.red"
    try:
        mx.ssh(PLANTED)
        assert "secret" not in mx.roll_out("--check", "--diff").stdout
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout
        assert mx.ssh("stat -c %U:%a /etc/victim; cat /etc/victim").split() == ["root:600", "secret"]
        assert mx.ssh(f"{red} || echo none").strip() == "none"
        assert mx.ssh("test -e /var/lib/rspamd/dkim || echo none").strip() == "none"
        mx.ssh("rm /etc/victim")
        assert mx.ssh(ETC) == before
        assert "changed=0" in mx.roll_out().stdout
    finally:
        mx.ssh(
            "rm -f /etc/victim /var/lib/clamav/gmconf.ndb* /var/lib/rspamd/dkim.gmconf-new; systemctl restart"
            " clamav-daemon"
        )


PLANTED_BY_TALK = """\
set -e
echo secret > /etc/victim; chmod 600 /etc/victim
runuser -u prosody -- sh -ec 'mkdir -p /var/lib/prosody/custom_plugins/share/lua/5.4; cd /var/lib/prosody/custom_plugins
  for file in share/lua/5.4/lfs.lua share/lua/5.4/lxp.lua share/lua/5.4/lunbound.lua mod_roster.lua; do
    echo "os.execute([[id > /etc/ld.so.red]])" > $file; done'
runuser -u news -- sh -ec 'ln -s /etc /var/spool/news/backoff; ln -s /etc/victim /var/lib/gmconf-news/backoff
  ln -s /etc/victim /var/lib/news/newsgroups.gmconf-new'
"""
LEFT_BY_TALK = (
    "rm -rf /etc/victim /etc/ld.so.red /var/lib/prosody/custom_plugins /var/spool/news/backoff"
    " /var/lib/gmconf-news/backoff /var/lib/news/*.gmconf-new"
)


@pytest.mark.skipif(not sites.TALKS, reason="hosts with chat and news are another lab: make talk")
@pytest.mark.promise("a roll-out follows nothing that a daemon planted")
def test_what_chat_and_news_planted_leads_nowhere(mx) -> None:
    """Links, and code that a tool run as root would load; and where their folders in /etc are theirs, nothing is
    written there."""
    before, red = mx.ssh(ETC), "test -e /etc/ld.so.red"
    kept = "stat -c %U:%a /etc/victim; cat /etc/victim"
    try:
        mx.ssh(PLANTED_BY_TALK)
        assert "secret" not in mx.roll_out("--check", "--diff").stdout
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout
        assert mx.ssh(kept).split() == ["root:600", "secret"]
        assert mx.ssh(f"{red} || echo none").strip() == "none"
        for folder, user, file in (("/etc/news", "news", "inn.conf"), ("/etc/prosody", "prosody", "prosody.cfg.lua")):
            mx.ssh(f"cp -a {folder}/{file} /root/{file}; chown {user} {folder}")
            try:
                mx.ssh(
                    f"cd {folder}; runuser -u {user} -- rm -f {file}; runuser -u {user} -- ln -s /etc/victim {file};"
                    f" runuser -u {user} -- ln -s /etc/ld.so.red {file}.gmconf-new"
                )
                done = mx.roll_out()
                assert (
                    f"nothing was touched:\\n{folder}: others than root can write there" in done.stdout + done.stderr
                ), done.stdout
                assert mx.ssh(kept).split() == ["root:600", "secret"]
                assert mx.ssh(f"{red} || echo none").strip() == "none"
            finally:
                mx.ssh(f"chown root {folder}; cd {folder}; rm -f {file} {file}.gmconf-new; mv /root/{file} {file}")
    finally:
        mx.ssh(LEFT_BY_TALK)
    assert mx.ssh(ETC) == before
    assert "changed=0" in mx.roll_out().stdout
