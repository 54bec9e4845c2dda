"""News (NNTP): who gets in, what is taken, which groups there are."""

from __future__ import annotations

import re
import time
import uuid

import pytest
from nntp import Reader


def subject() -> str:
    return f"test {uuid.uuid4()}"


@pytest.mark.control("nntp.access")
@pytest.mark.control("tls.mua-required")
def test_nothing_without_tls(mx) -> None:
    """Port 119 only takes STARTTLS; a password is refused before it is looked at."""
    with Reader(mx, 119) as reader:
        reader.say("CAPABILITIES")
        seen = reader.block()
        assert "STARTTLS" in seen
        assert "AUTHINFO USER" not in seen
        for command in ("LIST", "GROUP local.talk", "POST", "NEWNEWS * 20260101 000000", "IHAVE <x@y.example>"):
            assert reader.say(command)[:3] in ("480", "483", "502"), command
        assert reader.say(f"AUTHINFO USER alice@{mx.domain}").startswith("483")
        assert reader.say(f"AUTHINFO PASS {mx.password}").startswith("483")
        reader.starttls()
        assert reader.login(f"alice@{mx.domain}").startswith("281")


@pytest.mark.control("nntp.access")
@pytest.mark.control("tls.implicit")
def test_nothing_without_a_login(mx) -> None:
    with Reader(mx) as reader:
        assert "no posting" in reader.greeting
        for command in ("LIST", "GROUP local.talk", "POST", "ARTICLE 1", "NEWNEWS * 20260101 000000"):
            assert reader.say(command)[:3] in ("480", "502"), command


@pytest.mark.control("nntp.access")
@pytest.mark.control("prc.abuse-stop")
@pytest.mark.parametrize("name", ["alice", "nobody", "locked", "printer"])
def test_login_is_refused(mx, name: str) -> None:
    """A wrong password, nobody, a suspended account, a machine that may only send mail."""
    with Reader(mx) as reader:
        start = time.monotonic()
        assert reader.login(f"{name}@{mx.domain}", "wrong-3" if name == "alice" else None).startswith("481")
        assert name == "printer" or time.monotonic() - start > 1, "guesses are slow"
        assert reader.say("LIST").startswith("480")


@pytest.mark.control("nntp.access")
def test_post_and_read(mx) -> None:
    title, alice, joe = subject(), f"alice@{mx.domain}", f"joe@a.{mx.domain}"
    with Reader(mx) as reader:
        assert reader.login(alice).startswith("281")
        assert reader.post(f"Alice Archer <{alice}>", title, text="..two dots").startswith("240")
    with Reader(mx) as reader:
        assert reader.login(joe.upper()).startswith("281")
        article = reader.find(title)
    assert f"Sender: {alice}" in article
    assert f"From: Alice Archer <{alice}>" in article
    assert article[-1] == ".two dots"
    assert mx.ip4.rpartition(".")[0] + "." not in "\n".join(article), "where she was stays with her"


@pytest.mark.control("nntp.access")
def test_nobody_writes_in_another_name(mx) -> None:
    alice, bob = f"alice@{mx.domain}", f"bob@{mx.domain}"
    with Reader(mx) as reader:
        reader.login(alice)
        for sender in (
            f"Bob <{bob}>",
            bob,
            f"{bob} (Bob)",
            f"{bob}, {alice}",
            f'"<{alice}>" <{bob}>',
            f"{alice} <{bob}>",
        ):
            title = subject()
            assert reader.post(sender, title).startswith("441"), sender
            assert reader.find(title) == []
        title = subject()
        assert reader.post(f"{alice} (Alice)", title, f"Sender: {bob}").startswith("240")
        assert f"Sender: {alice}" in reader.find(title)


@pytest.mark.control("nntp.access")
def test_nobody_removes_what_another_wrote(mx) -> None:
    title, alice, bob = subject(), f"alice@{mx.domain}", f"bob@{mx.domain}"
    with Reader(mx) as reader:
        reader.login(alice)
        reader.post(alice, title)
        number = next(line for line in reader.find(title) if line.startswith("Message-ID: ")).split()[1]
    with Reader(mx) as reader:
        reader.login(bob)
        for header in (
            f"Control: cancel {number}",
            f"Supersedes: {number}",
            "Control: rmgroup local.talk",
            f"Approved: {bob}",
        ):
            assert reader.post(bob, f"cmsg {title}", header).startswith("441"), header
        assert reader.find(title)


@pytest.mark.control("nntp.access")
def test_groups_are_those_of_the_site(mx) -> None:
    """A new group is there after a roll-out, and gone after the next; the store is not restarted for it."""

    def groups() -> set[str]:
        with Reader(mx) as reader:
            reader.login(f"alice@{mx.domain}")
            assert reader.say("LIST").startswith("215")
            return {line.split()[0] for line in reader.block()}

    assert groups() == {"local.talk", "local.announce"}
    pid = mx.ssh("systemctl show -P MainPID inn2")
    try:
        mx.write_site(change=("  groups:\n", "  groups:\n    - {name: local.new, description: 'New; and short'}\n"))
        done = mx.roll_out()
        assert done.returncode == 0, done.stdout
        assert groups() == {"local.talk", "local.announce", "local.new"}
        assert "local.new\tNew; and short" in mx.ssh("cat /var/lib/news/newsgroups")
    finally:
        mx.write_site()
        mx.roll_out()
    assert groups() == {"local.talk", "local.announce"}
    assert mx.ssh("systemctl show -P MainPID inn2") == pid
    assert "changed=0" in mx.roll_out().stdout


@pytest.mark.control("nntp.access")
def test_articles_that_are_too_big_are_refused(mx) -> None:
    with Reader(mx) as reader:
        reader.login(f"alice@{mx.domain}")
        assert reader.post(f"alice@{mx.domain}", subject(), text="\r\n".join(["x" * 70] * 20000)).startswith("441")


@pytest.mark.control("nntp.access")
def test_old_articles_go(mx) -> None:
    """The nightly run keeps what is young, and is of one mind with site.yml about the rest."""
    title = subject()
    with Reader(mx) as reader:
        reader.login(f"alice@{mx.domain}")
        reader.post(f"alice@{mx.domain}", title)
    assert re.search(r"^\*:A:1:90:90$", mx.ssh("cat /etc/news/expire.ctl"), re.M)
    command = mx.ssh("grep -o 'news.daily.*' /etc/cron.d/inn2").strip()
    mx.ssh(f"runuser -u news -- sh -c 'PATH=/usr/lib/news/bin:$PATH; {command}'")
    with Reader(mx) as reader:
        reader.login(f"alice@{mx.domain}")
        assert reader.find(title)
    mx.ssh("cp -p /etc/news/expire.ctl /root/; sed -i 's/^[*]:A:.*/*:A:0:0:0/' /etc/news/expire.ctl")
    try:
        mx.ssh(f"runuser -u news -- sh -c 'PATH=/usr/lib/news/bin:$PATH; {command}'")
        with Reader(mx) as reader:
            reader.login(f"alice@{mx.domain}")
            assert reader.find(title) == []
    finally:
        mx.ssh("cp -p /root/expire.ctl /etc/news/expire.ctl; rm /root/expire.ctl")


@pytest.mark.control("nntp.access")
def test_posts_wait_while_the_store_is_away(mx) -> None:
    """A reader keeps what is posted; it is filed when the store is back and looks for it."""
    title, alice = subject(), f"alice@{mx.domain}"
    mx.ssh("systemctl stop inn2")
    try:
        with Reader(mx) as reader:
            assert reader.login(alice).startswith("281")
            assert reader.post(alice, title).startswith("240")
        mx.ssh(f"grep -rlF '{title}' /var/spool/news/incoming")
    finally:
        mx.ssh("systemctl start inn2")
    command = mx.ssh("grep -o '/[^ ]*rnews -U' /etc/cron.d/inn2").strip()
    mx.ssh(f"runuser -u news -- {command}")
    with Reader(mx) as reader:
        reader.login(alice)
        assert reader.find(title)


@pytest.mark.control("nntp.access")
def test_the_store_is_not_reached_from_outside(mx) -> None:
    """Nobody feeds it: it listens on loopback, and tells even this host's programs to go away."""
    assert {line.split()[3].rpartition(":")[0] for line in mx.ssh("ss -Hltn sport = :1119").splitlines()} == {
        "127.0.0.1",
        "[::1]",
    }
    seen = mx.ssh(
        "printf 'IHAVE <x@y.example>\\r\\nQUIT\\r\\n' | timeout 5 bash -c 'exec 3<>/dev/tcp/127.0.0.1/1119; cat >&3;"
        " cat <&3' || true"
    )
    assert seen.startswith("502"), seen


@pytest.mark.control("nntp.access")
def test_who_posts_without_a_pause_waits(mx) -> None:
    """After some articles in a row each takes longer; others are not slowed down."""
    login = f"carol@{mx.domain}"
    with Reader(mx) as reader:
        reader.login(login)
        took = []
        for _ in range(25):
            start = time.monotonic()
            assert reader.post(login, subject()).startswith("240")
            took.append(time.monotonic() - start)
            if took[-1] > 2:
                break
        assert took[-1] > 2, took
    with Reader(mx) as reader:
        reader.login(f"joe@{mx.domain}")
        start = time.monotonic()
        assert reader.post(f"joe@{mx.domain}", subject()).startswith("240")
        assert time.monotonic() - start < 1
