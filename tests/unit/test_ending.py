"""Programs that end sessions: what they read from logs, and what they tell daemons."""

from __future__ import annotations

import re

import pytest
from conftest import program

submissions, chats, readers = program("submissions"), program("chats"), program("readers")


@pytest.mark.parametrize(
    ("line", "login"),
    [
        (
            "4DEEA71DA93E: client=client.example.org[192.0.2.1], sasl_method=PLAIN, sasl_username=alice@example.org",
            "alice@example.org",
        ),
        (
            (
                "4XyZ1b2c3dz: client=unknown[2001:db8::1], sasl_method=LOGIN, sasl_username=a,b@example.org,"
                " orig_queue_id=A1, orig_client=x"
            ),
            "a,b@example.org",
        ),
        (
            (
                "4D: client=unknown[192.0.2.1], sasl_method=PLAIN, sasl_username=eve@example.org, sasl_sender=x,"
                " sasl_username=bob@example.org"
            ),
            "eve@example.org",
        ),
        ("4D: client=unknown[192.0.2.1]", None),
        (
            (
                "NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 554; helo=<x: client=y, sasl_method=PLAIN,"
                " sasl_username=bob@example.org>"
            ),
            None,
        ),
        ("warning: unknown[192.0.2.1]: SASL PLAIN authentication failed: , sasl_username=bob@example.org", None),
    ],
    ids=["sent", "comma", "forged", "no login", "in a helo", "wrong password"],
)
def test_login_of_a_submission_session(line: str, login: str | None) -> None:
    """As Postfix writes it; what a client says does not count."""
    found = submissions.SENT.fullmatch(line)
    assert (found and found[1]) == login


def told(monkeypatch, postfix: dict[int, list[tuple[int, str]]], dovecot: list[tuple[int, str]]) -> None:
    """The journal, oldest first."""

    def journal(*words: str):
        pids = [int(word.removeprefix("_PID=")) for word in words if word.startswith("_PID=")]
        if pids:
            lines = sorted((at, pid, text) for pid in pids for at, text in postfix.get(pid, ()))
            yield from (
                {"_PID": str(pid), "__REALTIME_TIMESTAMP": str(at), "MESSAGE": text}
                for at, pid, text in reversed(lines)
            )
        else:
            yield from ({"__REALTIME_TIMESTAMP": str(at), "MESSAGE": text} for at, text in dovecot)

    monkeypatch.setattr(submissions, "journal", journal)


SENT = "4D: client=a[192.0.2.1], sasl_method=PLAIN, sasl_username="
EVENT = 'stats: {{"event":"auth_request_finished","fields":{{{pid}"remote_ip":"{ip}","user":"{user}"}}}}'


@pytest.mark.parametrize(
    ("postfix", "dovecot", "theirs"),
    [
        ([(10, "connect from a[192.0.2.1]"), (20, SENT + "eve@example.org")], [], True),
        (
            [
                (10, "connect from a[192.0.2.1]"),
                (20, SENT + "Eve@example.org"),
                (30, "disconnect from a[192.0.2.1]"),
                (40, "connect from b[192.0.2.1]"),
            ],
            [],
            False,
        ),
        (
            [(10, "connect from a[192.0.2.1]"), (20, SENT + "bob@example.org")],
            [(15, EVENT.format(pid="", ip="192.0.2.1", user="eve@example.org"))],
            False,
        ),
        (
            [(10, "connect from a[192.0.2.1]")],
            [(15, EVENT.format(pid='"remote_pid":7,', ip="192.0.2.1", user="Eve@example.org"))],
            True,
        ),
        (
            [(10, "connect from a[192.0.2.1]")],
            [(15, EVENT.format(pid='"remote_pid":8,', ip="192.0.2.1", user="eve@example.org"))],
            False,
        ),
        (
            [(10, "connect from a[192.0.2.1]")],
            [(15, EVENT.format(pid="", ip="192.0.2.1", user="eve@example.org"))],
            True,
        ),
        (
            [(10, "connect from a[192.0.2.1]")],
            [(15, EVENT.format(pid="", ip="192.0.2.2", user="eve@example.org"))],
            False,
        ),
        (
            [(10, "connect from a[192.0.2.1]")],
            [(5, EVENT.format(pid='"remote_pid":7,', ip="192.0.2.1", user="eve@example.org"))],
            False,
        ),
        (
            [(10, "connect from a[192.0.2.1]")],
            [
                (15, "lmtp(x): msgid=" + EVENT.format(pid="", ip="192.0.2.1", user="eve@example.org")),
                (15, "stats: {"),
                (15, "stats: []"),
            ],
            False,
        ),
        ([], [], True),
        ([(10, "disconnect from a[192.0.2.1]")], [], True),
        ([(10, "disconnect from a[192.0.2.1]"), (20, SENT + "bob@example.org")], [], False),
    ],
    ids=[
        "sent",
        "of the session before",
        "another has sent",
        "its process",
        "another process",
        "its address",
        "another address",
        "an earlier login",
        "no event",
        "nothing logged",
        "its beginning is lost",
        "lost, but another's",
    ],
)
def test_whose_session_it_is(
    monkeypatch, postfix: list[tuple[int, str]], dovecot: list[tuple[int, str]], theirs: bool
) -> None:
    told(monkeypatch, {7: postfix}, dovecot)
    session = submissions.Session(7, None, "192.0.2.1")
    assert submissions.of({"eve@example.org"}, [session]) == [session] * theirs


def test_what_the_shell_of_the_chat_server_is_told() -> None:
    """A login is a string of Lua and text of XML, whatever it holds."""
    (line,) = chats.orders(['a"); os.exit() --<&\\@example.org'])
    text = re.fullmatch(r'c2s:close\("((?:\\\d{3})+)", "the account has changed", "not-authorized"\)', line)
    assert bytes(int(number) for number in text[1].split("\\")[1:]).decode() == 'a"); os.exit() --<&\\@example.org'
    assert chats.orders(["alice@example.org", "*"]) == ['c2s:closeall("the account has changed", "not-authorized")']


@pytest.mark.parametrize(
    ("line", "login"),
    [
        ("client.example.org user alice@example.org", "alice@example.org"),
        ("client.example.org auth authenticator successful, user alice@example.org", None),
        ("client.example.org group local.talk user alice@example.org", None),
    ],
)
def test_login_of_a_news_reader(line: str, login: str | None) -> None:
    found = readers.LOGIN.fullmatch(line)
    assert (found and found[1]) == login
