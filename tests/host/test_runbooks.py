"""The commands of the runbooks, taken from the rendered document and run on the host as they stand there."""

from __future__ import annotations

import imaplib
import json
import poplib
import re
import smtplib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import lab
import mail
import pytest
from clients import Raw, find, imap, message, outside, submission, trust

FACTS = """\
procedures:
  abuse_answer: 7d
  incident_contacts: [{name: CERT, phone: "+49 228 5550110"}]
"""
VICTIM = "carol"
SUSPENDED = "cat /etc/dovecot/suspended; stat -c '%U:%G %a' /etc/dovecot/suspended"


class Book:
    """A rendered document: the blocks of commands below each heading."""

    def __init__(self, mx, path: Path) -> None:
        self.mx = mx
        self.blocks: dict[tuple[str, str], list[str]] = {}
        chapter = part = ""
        for heading, level, kind, block in self._pieces(path.read_text()):
            if heading and len(level) == 2:
                chapter, part = heading, ""
            elif heading:
                part = heading
            elif kind == "sh":
                self.blocks.setdefault((chapter, part), []).append(block)

    @staticmethod
    def _pieces(text: str) -> Iterator[tuple[str, str, str, str]]:
        for found in re.finditer(r"^(#{2,3}) ([^\n]+)$|^```(\w+)\n(.*?)^```$", text, re.M | re.S):
            yield found[2] or "", found[1] or "", found[3] or "", found[4] or ""

    def run(self, chapter: str, part: str = "", number: int | None = None, *, check: bool = True, **words: str) -> str:
        """Run the blocks below a heading, or one of them, with the words in capitals set; what they printed."""
        blocks = self.blocks[chapter, part]
        return "".join(self._run(block, check, words) for block in (blocks if number is None else [blocks[number]]))

    def _run(self, block: str, check: bool, words: dict[str, str]) -> str:
        for name in set(re.findall(r"^([A-Z_]+)=", block, re.M)):
            block = re.sub(rf"^{name}=.*$", f"{name}={words[name]}", block, flags=re.M)
        done = lab.ssh(self.mx.machine, "bash -eu -s", input=block, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert not check or done.returncode == 0, f"{block}\n{done.stdout}"
        return done.stdout


@pytest.fixture(scope="module")
def books(mx) -> dict[str, Book]:
    """The documents of the very site that the host runs, with the few facts they need."""
    mx.write_site(FACTS)
    folder = mx.folder / "build/documents"
    found = {path.stem: Book(mx, path) for path in folder.glob("*.md")}
    mx.write_site()
    return found


@pytest.fixture
def runbook(books) -> Book:
    return books["runbooks"]


def login(mx, name: str = VICTIM) -> str:
    return f"{name}@{mx.domain}"


def waiting(mx, sender: str) -> dict[str, str]:
    """Queue ids of a sender's messages, and in which queue they are."""
    entries = [json.loads(line) for line in mx.ssh("postqueue -j").splitlines()]
    return {entry["queue_id"]: entry["queue_name"] for entry in entries if entry["sender"] == sender}


def let_in(mx, name: str = VICTIM, within: float = 30) -> None:
    """Wait until an account can log in again, for reading and for sending."""
    deadline = time.monotonic() + within
    while True:
        try:
            imap(mx, login(mx, name)).logout()
            submission(mx, login(mx, name)).quit()
            return
        except (imaplib.IMAP4.error, smtplib.SMTPException, OSError):
            assert time.monotonic() < deadline
            time.sleep(1)


def shut_out(mx, name: str = VICTIM) -> None:
    with pytest.raises(imaplib.IMAP4.error):
        imap(mx, login(mx, name))
    with pytest.raises(smtplib.SMTPAuthenticationError) as error:
        submission(mx, login(mx, name))
    assert error.value.smtp_code == 535


class Sieve:
    """A ManageSieve session."""

    def __init__(self, mx, name: str) -> None:
        import base64

        plain = socket.create_connection((mx.ip4, 4190), 15)
        self._until_ok(plain.makefile("rb"))
        plain.sendall(b"STARTTLS\r\n")
        self._until_ok(plain.makefile("rb"))
        self.socket = trust(mx).wrap_socket(plain, server_hostname=mx.name)
        self.file = self.socket.makefile("rb")
        self._until_ok(self.file)
        token = base64.b64encode(f"\0{name}\0{mx.password}".encode()).decode()
        self.socket.sendall(f'AUTHENTICATE "PLAIN" "{token}"\r\n'.encode())
        self._until_ok(self.file)

    @staticmethod
    def _until_ok(file) -> None:
        while line := file.readline():
            if line.startswith((b"OK", b"NO", b"BYE")):
                assert line.startswith(b"OK"), line
                return
        raise AssertionError("closed")

    def alive(self) -> bool:
        """Whether the server still answers."""
        try:
            self.socket.sendall(b"NOOP\r\n")
            self._until_ok(self.file)
        except (OSError, AssertionError):
            return False
        return True


def pop3(mx, name: str) -> poplib.POP3_SSL:
    with mail._At(mx.ip4):
        client = poplib.POP3_SSL(mx.name, 995, context=trust(mx), timeout=15)
    client.user(name)
    client.pass_(mx.password)
    return client


@pytest.mark.control("prc.abuse-stop")
@pytest.mark.control("auth.compromise-lock")
def test_suspend_an_account_at_once(mx, runbook) -> None:
    """All kinds of sessions end, no new one begins, mail is still delivered; and all of it can be taken back."""
    name = login(mx)
    reading, fetching, rules, sending = imap(mx, name), pop3(mx, name), Sieve(mx, name), submission(mx, name)
    other = imap(mx, login(mx, "bob"))
    before = mx.ssh(SUSPENDED)
    try:
        assert sending.mail(name)[0] == 250
        assert sending.rset()[0] == 250
        assert rules.alive()
        said = runbook.run("Suspend an account", "At once", ACCOUNT=name)
        for protocol in ("imap", "pop3"):
            assert protocol in said, said
        with pytest.raises((imaplib.IMAP4.abort, OSError)):
            for _ in range(3):
                reading.noop()
        with pytest.raises((poplib.error_proto, OSError)):
            for _ in range(3):
                fetching.noop()
        assert not rules.alive()
        with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
            sending.docmd("NOOP")
        shut_out(mx)
        assert other.noop()[0] == "OK", "nobody else is concerned"
        mx.ssh(f"printf 'redirect \"exfil@{mx.out}\";' | doveadm sieve put -u {name} -a exfil")
        mx.accepts()
        built = message("x@sender.example", name)
        with outside(mx) as smtp:
            smtp.sendmail("x@sender.example", [name], built.as_bytes())
        happened = runbook.run("Suspend an account", "Look what happened", ACCOUNT=name)
        assert "INBOX" in happened
        assert f"<{name}>" in happened
        mx.until(f"doveadm fetch -u {name} uid mailbox INBOX header subject '{built['Subject']}' | grep -q uid")
        assert not [taken for taken in mx.sink.taken if f"exfil@{mx.out}" in taken.recipients], (
            "its scripts send nothing"
        )
    finally:
        mx.ssh(f"doveadm sieve deactivate -u {name}; doveadm sieve delete -u {name} exfil", check=False)
        runbook.run("Suspend an account", "Let it in again", ACCOUNT=name)
    let_in(mx)
    assert len(find(mx, name, built)) == 1, "its mail was kept"
    with submission(mx, name) as smtp:
        assert not smtp.sendmail(name, [login(mx, "alice")], message(name, login(mx, "alice")).as_bytes())
    assert mx.ssh("cat /etc/rspamd/local.d/maps.d/suspended.map").count(name) == 0
    assert mx.ssh(SUSPENDED) == before, "a roll-out will find nothing to do"


@pytest.mark.control("prc.abuse-stop")
def test_suspend_an_account_for_good(mx, runbook) -> None:
    """By site.yml and a roll-out; what was done at once for another account ends with that roll-out,
    as the page says.
    """
    runbook.run("Suspend an account", "At once", 0, ACCOUNT=login(mx, "joe"))
    try:
        mx.write_site(change=("{name: carol}", '{name: carol, suspended: "ticket 17: sent spam"}'))
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout
        shut_out(mx)
        let_in(mx, "joe")
        code = Raw(mx.ip4)
        code.reply()
        code.say("EHLO client.sender.example")
        code.say("MAIL FROM:<>")
        assert code.say(f"RCPT TO:<{login(mx)}>").startswith("250"), "mail is still taken"
    finally:
        mx.write_site()
        assert mx.roll_out().returncode == 0
    let_in(mx)


@pytest.mark.control("prc.abuse-stop")
def test_hold_inspect_release_delete(mx, runbook) -> None:
    """Everything a login handed in, under whatever sender; nothing of others."""
    name, other, to = login(mx, "bob"), login(mx, "alice"), f"later@{mx.out}"
    mine = [message(sender, to, "Secret.\n") for sender in (name, f"info@{mx.domain}")]
    with submission(mx, name) as smtp:
        for built in mine:
            smtp.sendmail(built["From"], [to], built.as_bytes())
    with submission(mx, other) as smtp:
        smtp.sendmail(other, [to], message(other, to).as_bytes())
    try:
        mx.until('test $(postqueue -j | grep -c \'"queue_name": "deferred"\') -ge 3')
        runbook.run("Hold the mail of an account", ACCOUNT=name)
        held = waiting(mx, name) | waiting(mx, f"info@{mx.domain}")
        assert sorted(held.values()) == ["hold", "hold"]
        assert set(waiting(mx, other).values()) == {"deferred"}
        first, second = held
        said = runbook.run("Hold the mail of an account", "Inspect", QUEUE_ID=first)
        assert f"{first}!" in said
        assert "Subject: test " in said
        assert "Secret." not in said, "headers only"
        runbook.run("Hold the mail of an account", "Release", QUEUE_ID=first)
        assert (waiting(mx, name) | waiting(mx, f"info@{mx.domain}"))[first] != "hold"
        runbook.run("Hold the mail of an account", "Delete", QUEUE_ID=second)
        assert second not in waiting(mx, name) | waiting(mx, f"info@{mx.domain}")
        mx.ssh("postsuper -d - < /run/suspect-ids")
        assert not waiting(mx, name) | waiting(mx, f"info@{mx.domain}")
    finally:
        for sender in (name, f"info@{mx.domain}", other):
            for number in waiting(mx, sender):
                mx.ssh(f"postsuper -d {number}")


@pytest.mark.control("prc.headers-proof")
@pytest.mark.control("log.correlate")
def test_find_the_account_behind_a_message(mx, books) -> None:
    """From what a stranger complains about: the queue id of our Received line, or the Message-ID."""
    name, to = login(mx, "bob"), f"someone@{mx.out}"
    built = message(f"info@{mx.domain}", to)
    with submission(mx, name) as smtp:
        smtp.sendmail(built["From"], [to], built.as_bytes())
    head = " ".join(mx.sink.wait(built).data.decode().split("\r\n\r\n")[0].split())
    number = re.search(rf"by {re.escape(mx.name)} \(Postfix\) with ESMTPSA id (\w+)", head)[1]
    chapter = "Find the account behind a message"
    for book in (books["runbooks"], books["abuse"]):
        assert f"sasl_username={name}" in book.run(chapter, "", 0, QUEUE_ID=number)
        assert f"{number}: message-id=" in book.run(chapter, "", 1, MESSAGE_ID=built["Message-ID"].strip("<>"))
        assert f"{number}: client=" in book.run(chapter, "", 2, ACCOUNT=name)


@pytest.mark.control("prc.incident-isolate")
def test_isolate_a_host_and_lift_it(mx, runbook) -> None:
    """Nothing but the administrators' way in; open sessions of others are cut; after it all is as before."""
    open_session = outside(mx)
    open_session.ehlo()
    runbook.run("Isolate a host")
    try:
        for port in (25, 465, 993):
            for address in (mx.ip4, mx.ip6):
                with pytest.raises(OSError):
                    socket.create_connection((address, port), 3)
        open_session.sock.settimeout(3)
        with pytest.raises((OSError, smtplib.SMTPException)):
            open_session.noop()
        out = f"timeout 3 bash -c 'exec 3<>/dev/tcp/{lab.NS.addresses[0]}/53'"
        assert "out" not in mx.ssh(f"{out} && echo out; true")
        assert mx.ssh("systemctl is-active postfix") == "active\n", "services run on; the way in is open"
    finally:
        runbook.run("Isolate a host", "Lift the isolation")
    mx.accepts()


@pytest.mark.control("mta.blocklist")
def test_block_a_sender_or_a_network_at_once(mx, runbook) -> None:
    sender, to, elsewhere = "pest@sender.example", login(mx, "alice"), mx.sink.address

    def answer() -> str:
        with Raw(mx.ip4) as session:
            session.reply()
            session.say("EHLO client.sender.example")
            session.say(f"MAIL FROM:<{sender}>")
            return session.say(f"RCPT TO:<{to}>")

    assert answer().startswith("250")
    try:
        runbook.run("Block a sender or a network", "At once", 0, SENDER=sender)
        assert answer().startswith("550 5.7.1")
        socket.create_connection((mx.ip4, 25), 5, (elsewhere, 0)).close()
        runbook.run("Block a sender or a network", "At once", 1, NETWORK=f"{elsewhere}/32")
        with pytest.raises(OSError):
            socket.create_connection((mx.ip4, 25), 3, (elsewhere, 0))
        socket.create_connection((mx.ip4, 25), 5).close()
    finally:
        runbook.run("Block a sender or a network", "Lift the block", SENDER=sender)
    assert answer().startswith("250")
    socket.create_connection((mx.ip4, 25), 5, (elsewhere, 0)).close()


@pytest.mark.control("mta.blocklist")
def test_block_for_good(mx) -> None:
    block = 'blocks: [{sender: pest.example, reason: "ticket 18", review_by: 2099-12-31}, '
    try:
        mx.write_site(change=("blocks: [", block))
        assert mx.roll_out().returncode == 0
        with Raw(mx.ip4) as session:
            session.reply()
            session.say("EHLO client.sender.example")
            session.say("MAIL FROM:<anybody@pest.example>")
            assert session.say(f"RCPT TO:<{login(mx, 'alice')}>").startswith("550 5.7.1")
    finally:
        mx.write_site()
        assert mx.roll_out().returncode == 0


@pytest.mark.control("out.ip-switch")
def test_switch_the_sending_address(mx, runbook) -> None:
    """With a second address on the host: mail leaves from it after the roll-out, and from the first again after the
    next."""
    name, to, second = login(mx, "alice"), f"someone@{mx.out}", f"{lab.NET4}.{mx.machine.number + 150}"

    def left_from() -> str:
        built = message(name, to)
        with submission(mx, name) as smtp:
            smtp.sendmail(name, [to], built.as_bytes())
        return mx.sink.wait(built).client

    assert left_from() == mx.ip4
    device = mx.ssh("ip -o -4 route show default | awk '{ print $5 }'").strip()
    mx.ssh(f"ip address add {second}/24 dev {device}")
    try:
        plain = f'addresses: [{mx.ip4}, "{mx.ip6}"]'
        mx.write_site(
            change=(
                plain,
                (
                    f'addresses: [{mx.ip4}, {second}, "{mx.ip6}"], sends_from: {{address: {second}, fix_reference:'
                    ' "ticket 20"}'
                ),
            )
        )
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout
        assert runbook.run("Switch the address that mail is sent from") == f"{second}\n"
        assert left_from() == second
    finally:
        mx.write_site()
        assert mx.roll_out().returncode == 0
        mx.ssh(f"ip address del {second}/24 dev {device}")
    assert left_from() == mx.ip4


@pytest.mark.control("ops.rolling")
def test_empty_the_queue_and_take_a_host_out_of_service(mx, runbook) -> None:
    runbook.run("Empty the queue")
    chapter = "Empty the queue"
    waits = outside(mx)
    waits.ehlo()
    try:
        runbook.run(chapter, "Take a host out of service")
        for port in (25, 465, 587):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((mx.ip4, port), 5)
        socket.create_connection((mx.ip4, 993), 5).close()
        built = message("x@sender.example", login(mx, "alice"))
        waits.sendmail("x@sender.example", [login(mx, "alice")], built.as_bytes())
        assert len(find(mx, login(mx, "alice"), built)) == 1, "a session that was open ends in peace"
    finally:
        runbook.run(chapter, "Back into service")
    mx.accepts()


@pytest.mark.control("prc.updates")
def test_commands_about_updates(mx, books) -> None:
    said = books["updates"].run("What alarms")
    assert "apt-daily-upgrade.timer" in said
    assert re.search(r"^ClamAV \d", said, re.M)


@pytest.mark.control("prc.written")
def test_every_block_was_run(books) -> None:
    """A new runbook needs a test here."""
    assert set(books["runbooks"].blocks) == {
        ("Find the account behind a message", ""),
        ("Suspend an account", "At once"),
        ("Suspend an account", "Look what happened"),
        ("Suspend an account", "Let it in again"),
        ("Hold the mail of an account", ""),
        ("Hold the mail of an account", "Inspect"),
        ("Hold the mail of an account", "Release"),
        ("Hold the mail of an account", "Delete"),
        ("Isolate a host", ""),
        ("Isolate a host", "Lift the isolation"),
        ("Block a sender or a network", "At once"),
        ("Block a sender or a network", "Lift the block"),
        ("Switch the address that mail is sent from", ""),
        ("Empty the queue", ""),
        ("Empty the queue", "Take a host out of service"),
        ("Empty the queue", "Back into service"),
    }
