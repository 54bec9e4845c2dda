"""Mail that a host sends for its users, by their Sieve scripts, and for its programs: judged, limited and signed as
what a user hands in."""

from __future__ import annotations

import contextlib
import email
import smtplib
import socket
import time
from collections.abc import Iterator

import lab
import pytest
from clients import GTUBE, Taken, find, imap, message, outside, stored, submission
from test_outgoing import signatures

pytestmark = pytest.mark.control("msa.sender-rights")


@contextlib.contextmanager
def script(mx, login: str, text: str) -> Iterator[None]:
    """A script of a user, active for the time of a test; nobody has been answered by it yet."""
    text = text.replace('"', '\\"')
    mx.ssh(
        f'printf "%s" "{text}" | doveadm sieve put -u {login} -a test; rm -f'
        f" /var/vmail/{mx.domain}/{login.partition('@')[0]}/.dovecot.lda-dupes"
    )
    try:
        yield
    finally:
        mx.ssh(f"doveadm sieve deactivate -u {login}; doveadm sieve delete -u {login} test")


@pytest.fixture(scope="module")
def friend(mx) -> str:
    """A domain on the Internet whose senders are proved, when the mail comes from the test's address; its MX is the
    sink."""
    name = f"friend.{mx.out}"
    lab.zone(
        f"friend-{mx.machine.name}", f'{name}. 5 MX 10 mx.{mx.out}.\n{name}. 5 TXT "v=spf1 ip4:{lab.NET4}.1 -all"\n'
    )
    mx.ssh("unbound-control -q flush_zone example")
    return name


def comes(mx, sender: str, login: str, text: str = "Good morning.\n", **headers: str) -> str:
    """A message from outside that is stored for a user; its subject."""
    built = message(sender or f"daemon@{mx.out}", login, text, **headers)
    with outside(mx) as smtp:
        smtp.sendmail(sender, [login], built.as_bytes())
    return built["Subject"]


def sent(mx, words: str, within: float = 0) -> list[Taken]:
    """All that the outside took with these words."""
    deadline = time.monotonic() + within
    while True:
        found = [taken for taken in mx.sink.taken if words.encode() in taken.data]
        if found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def nothing_is_sent(mx, words: str, login: str, subject: str) -> None:
    """The message itself is there, the queue is empty, and nothing went out."""
    assert len(stored(mx, login, "Subject", f'"{subject}"', ("INBOX", "Junk"))) == 1
    mx.queue_empties()
    assert not sent(mx, words)


def test_a_vacation_notice_is_its_owners(mx, friend) -> None:
    login = f"bob@{mx.domain}"
    with script(mx, login, 'require "vacation"; vacation :subject "away-own" "Back on Monday.";'):
        comes(mx, f"x1@{friend}", login)
        (taken,) = sent(mx, "away-own", 30)
    built = email.message_from_bytes(taken.data)
    assert (taken.sender, taken.recipients, built["From"]) == (login, (f"x1@{friend}",), f"<{login}>")
    assert signatures(taken.data) == {"rsa-sha256": True, "ed25519-sha256": True}


def test_a_vacation_notice_speaks_for_nobody_else(mx, friend) -> None:
    login, colleague, d = f"bob@{mx.domain}", f"carol@{mx.domain}", mx.domain
    with submission(mx, colleague) as smtp:
        for author in (
            f"The Boss <alice@{d}>",
            "ceo@bank.example",
            f"postmaster@{d}",
            f"root@mail.{d}",
            f"alice @ {d}",
        ):
            with script(
                mx,
                login,
                f'require "vacation"; vacation :from "{author}" :subject "away-as-another" "Pay invoice 4711.";',
            ):
                subject = comes(mx, f"x2@{friend}", login)
                inside = message(colleague, login)
                smtp.sendmail(colleague, [login], inside.as_bytes())
                assert find(mx, login, inside)
                assert stored(mx, login, "Subject", f'"{subject}"')
    mx.queue_empties()
    assert not sent(mx, "away-as-another")
    assert not stored(mx, colleague, "Subject", "away-as-another", ("INBOX", "Junk"), within=2)


def test_a_header_of_a_notice_lends_no_rights(mx, friend) -> None:
    """A notice can have lines of its own; none of them makes it somebody else's mail that is only sent on."""
    login = f"bob@{mx.domain}"
    text = (
        f'require "vacation"; vacation :mime :from "alice@{mx.domain}" :subject "away-forged" "X-Sieve: Pigeonhole'
        f' Sieve 0.5\nX-Sieve-Redirected-From: {login}\nContent-Type: text/plain\n\nPay.\n";'
    )
    with script(mx, login, text):
        nothing_is_sent(mx, "away-forged", login, comes(mx, f"x3@{friend}", login))


@pytest.mark.control("mta.no-backscatter")
def test_nobody_unproved_is_answered(mx, friend) -> None:
    """The address may be anybody's: nothing goes there. Neither where the mail looks like spam."""
    login = f"bob@{mx.domain}"
    with script(mx, login, 'require "vacation"; vacation :subject "away-unproved" "Back on Monday.";'):
        nothing_is_sent(mx, "away-unproved", login, comes(mx, f"victim@{mx.out}", login))
        comes(mx, f"x4@{friend}", login)
        assert sent(mx, "away-unproved", 30)
    assert {r for taken in sent(mx, "away-unproved") for r in taken.recipients} == {f"x4@{friend}"}


@pytest.mark.control("mta.no-backscatter")
def test_a_script_that_refuses_tells_no_stranger(mx, friend) -> None:
    login = f"bob@{mx.domain}"
    with script(mx, login, 'require "reject"; reject "not-wanted-here";'):
        subject = comes(mx, f"victim@{mx.out}", login)
        mx.queue_empties()
        assert not sent(mx, "not-wanted-here")
        assert not sent(mx, subject)
        comes(mx, f"x5@{friend}", login)
        mx.queue_empties()
    assert {r for taken in sent(mx, "not-wanted-here", 30) for r in taken.recipients} == {f"x5@{friend}"}


def test_notify_writes_as_its_owner(mx, friend) -> None:
    login = f"bob@{mx.domain}"
    with script(
        mx,
        login,
        f'require "enotify"; notify :from "alice@{mx.domain}" :message "note-as-alice" "mailto:n1@{mx.out}"; notify'
        f' :from "{login}" :message "note-as-bob" "mailto:n2@{mx.out}";',
    ):
        subject = comes(mx, f"x6@{friend}", login)
        (taken,) = sent(mx, "note-as-bob", 30)
        assert taken.sender == login
        assert signatures(taken.data) == {"rsa-sha256": True, "ed25519-sha256": True}
        nothing_is_sent(mx, "note-as-alice", login, subject)


def test_what_is_sent_on_stays_its_authors(mx, friend) -> None:
    """A redirect keeps sender and author, and is not signed as if it were ours."""
    login = f"bob@{mx.domain}"
    with script(mx, login, f'redirect "r1@{mx.out}";'):
        subject = comes(mx, f"x7@{friend}", login)
        (taken,) = sent(mx, subject, 30)
        assert taken.sender == f"x7@{friend}" and b"\nDKIM-Signature" not in b"\n" + taken.data
        # A colleague's mail was signed when it was handed in, and is so still.
        inside = message(f"carol@{mx.domain}", login)
        with submission(mx, f"carol@{mx.domain}") as smtp:
            smtp.sendmail(f"carol@{mx.domain}", [login], inside.as_bytes())
        (taken,) = sent(mx, inside["Subject"], 30)
    assert signatures(taken.data) == {"rsa-sha256": True, "ed25519-sha256": True}


@pytest.mark.control("out.ratelimit")
def test_scripts_have_the_limit_of_their_owner(mx, friend) -> None:
    """limited@ may send to five recipients an hour. What is above is kept in the mailbox, not lost, not put off."""
    login = f"limited@{mx.domain}"
    mx.ssh(
        "redis-cli -s /run/redis/redis-server.sock --scan --pattern 'RL*' | xargs -r redis-cli -s"
        " /run/redis/redis-server.sock del >/dev/null || true",
        check=False,
    )
    targets = " ".join(f'redirect "l{n}@{mx.out}";' for n in range(4))
    with script(mx, login, targets):
        subjects = [comes(mx, f"x8@{friend}", login) for _ in range(5)]
        mx.queue_empties()
        left = [taken for subject in subjects for taken in sent(mx, subject)]
        kept = [
            copy for subject in subjects for copy in stored(mx, login, "Subject", f'"{subject}"', ("INBOX",), within=2)
        ]
    assert 1 <= len(left) <= 6, len(left)
    assert len(kept) >= 3
    for subject in subjects:
        assert sent(mx, subject) or stored(mx, login, "Subject", f'"{subject}"', ("INBOX",), within=2), "lost"


@pytest.mark.control("prc.abuse-stop")
@pytest.mark.parametrize(
    "text",
    [
        'redirect "exfil@{out}";',
        'require "vacation"; vacation :subject "away-locked" "x";',
        'require "enotify"; notify :message "note-locked" "mailto:exfil@{out}";',
    ],
    ids=["redirect", "vacation", "notify"],
)
def test_a_suspended_account_sends_nothing_by_script(mx, friend, text: str) -> None:
    login = f"locked@{mx.domain}"
    with script(mx, login, text.format(out=mx.out)):
        subject = comes(mx, f"x9@{friend}", login)
        mx.queue_empties()
        assert not [t for t in mx.sink.taken if f"exfil@{mx.out}" in t.recipients or b"away-locked" in t.data]
        kept = mx.ssh(f"doveadm fetch -u {login} hdr.subject mailbox '*' header subject '{subject}'")
        assert subject in kept, "kept in the mailbox"


def test_spam_and_viruses_leave_by_no_script(mx, friend) -> None:
    """What scripts send is judged as mail of users is."""
    login = f"bob@{mx.domain}"
    with script(mx, login, f'require "vacation"; vacation :subject "away-spam" "{GTUBE}";'):
        nothing_is_sent(mx, "away-spam", login, comes(mx, f"x10@{friend}", login))


@pytest.mark.control("maa.dos")
def test_scripts_have_a_quota(mx) -> None:
    """Scripts lie beside the mailbox, whose quota does not count them."""
    from test_mailbox import sieve

    login = f"tiny@{mx.domain}"
    body = b"keep;\r\n# " + b"x" * 900_000 + b"\r\n"
    seen = sieve(
        mx,
        login,
        *(b'PUTSCRIPT "s%d" {%d+}\r\n' % (n, len(body)) + body for n in range(8)),
        *(b'DELETESCRIPT "s%d"' % n for n in range(8)),
    )
    put = [text.splitlines()[-1][:2] for text in seen[1:9]]
    assert put[0] == "OK" and put[-1] == "NO", put
    small = b"keep;\r\n"
    seen = sieve(
        mx,
        login,
        *(b'PUTSCRIPT "t%d" {%d+}\r\n' % (n, len(small)) + small for n in range(60)),
        *(b'DELETESCRIPT "t%d"' % n for n in range(60)),
    )
    assert "NO" in {text.splitlines()[-1][:2] for text in seen[1:61]}


@pytest.mark.parametrize("user", ["www-data", "nobody", "clamav", "_rspamd", "unbound", "vmail"])
def test_a_program_of_the_host_writes_as_nobody(mx, user: str) -> None:
    """Neither by sendmail nor on port 25, and the listener for services is theirs alone."""
    out, d = mx.out, mx.domain
    words = f"program-{user}"
    hand = (
        f"printf 'From: alice@{d}\\nTo: p@{out}\\nSubject: {words}\\n\\nhi\\n' | /usr/sbin/sendmail -f alice@{d}"
        f" p@{out} bob@{d}"
    )
    assert "rc=0" not in mx.ssh(f'setpriv --reuid={user} --clear-groups sh -c "{hand}"; echo rc=$?')
    talk = (
        f"import smtplib\nfor host, port in (('127.0.0.1', 25), ('::1', 25), ('{mx.ip4}', 25), ('127.0.0.1', 10026)):\n"
        f" for to in ('p@{out}', 'bob@{d}', 'postmaster@{d}'):\n"
        f"  for sender in ('alice@{d}', 'x@sender.example', ''):\n"
        "   try:\n"
        "    with smtplib.SMTP(host, port, timeout=20) as smtp: smtp.sendmail(sender, [to], "
        f"'From: ceo@bank.example\\r\\nTo: x\\r\\nSubject: {words}\\r\\n\\r\\nhi\\r\\n')\n"
        "    print('TAKEN', host, port, to, sender)\n"
        "   except (OSError, smtplib.SMTPException) as error: print(host, port, error)\n"
    )
    said = mx.ssh(
        f"cat > /run/talk.py <<'END'\n{talk}END\nchmod 644 /run/talk.py; setpriv --reuid={user} --clear-groups python3"
        " /run/talk.py; rm /run/talk.py"
    )
    may = ("vmail", "_rspamd")  # Dovecot's and rspamd's own way: judged by the owner's rights
    if user not in may:
        assert "TAKEN" not in said, said
    assert not [
        line for line in said.splitlines() if line.startswith("TAKEN") and (" 25 " in line or f"alice@{d}" in line)
    ], said
    mx.queue_empties()
    assert not [t for t in sent(mx, words) if b"DKIM-Signature" in t.data]


def test_root_is_heard(mx) -> None:
    """What the system writes to root's mailbox comes on: cron, updates, monitoring."""
    words = f"cron {time.time()}"
    mx.ssh(
        f"printf 'From: root@{mx.name}\\nTo: postmaster@{mx.domain}\\nSubject: {words}\\n\\nhi\\n' | sendmail"
        f" postmaster@{mx.domain}"
    )
    assert stored(mx, f"alice@{mx.domain}", "Subject", f'"{words}"')


@pytest.mark.control("auth.no-lockout")
def test_wrong_guesses_of_a_neighbour_lock_nobody_out(mx) -> None:
    """Behind one address sit a whole campus and somebody who guesses: 60 wrong logins at once, then a right one."""
    import concurrent.futures

    def wrong(_: int) -> None:
        with contextlib.suppress(OSError, smtplib.SMTPException), submission(mx) as smtp:
            smtp.login(f"alice@{mx.domain}", "not the password")

    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        list(pool.map(wrong, range(60)))
    with contextlib.ExitStack() as idle:
        for _ in range(30):
            idle.enter_context(socket.create_connection((mx.ip4, 465), 60))
        fresh = submission(mx)
        assert fresh.login(f"bob@{mx.domain}", mx.password)[0] == 235
        fresh.close()
    with imap(mx, f"bob@{mx.domain}") as client:
        assert client.noop()[0] == "OK"
