"""After all that: no warning and no error in the journal that nobody can explain."""

from __future__ import annotations

import json
import re

import pytest

# What the tests of failure and attack provoke, and what is a property of containers: program, words, why.
EXPLAINED = (
    (
        "(",
        "ProtectHostname=yes is configured, but UTS namespace setup is prohibited",
        "containers have no such namespaces",
    ),
    (
        "(",
        "PrivateNetwork=yes is configured, but network namespace setup failed, ignoring: Operation not permitted",
        "containers may not make one",
    ),
    (
        "dbus-daemon",
        'Unknown username "systemd-timesync"',
        "the package that brings the user is installed while dbus reads its rules",
    ),
    ("dbus-daemon", "Failed to set fd limit", "a container may not raise its limits"),
    ("sshd", "Unable to open env file: /etc/default/locale", "the image has no locales"),
    (
        "sshd",
        "kex_exchange_identification: .*Connection (reset|closed) by",
        "gmconf verify tries whether the port is open",
    ),
    (
        "postfix/",
        (
            "TLS library problem: .*(no shared cipher|no shared signature algorithms|unsupported protocol|alert"
            " handshake failure|no suitable)"
        ),
        "test_tls and gmconf verify ask for them",
    ),
    ("postfix/cleanup", "message rejected: hopcount exceeded", "the corpus has a message that went round 120 times"),
    (
        "postfix/",
        "(AUTH command|auth) rate limit exceeded|too many AUTH",
        "the tests log in more often than one client may",
    ),
    ("postfix/", "SASL (LOGIN|PLAIN) authentication failed", "wrong passwords, or a store that is down"),
    (
        "postfix/",
        "connect to Milter service unix:/run/rspamd/milter.sock: (No such file|Connection refused)",
        "the filter is stopped; mail waits",
    ),
    (
        "dovecot",
        "user not found from (any )?userdb|Authenticated user not found from userdb",
        "a service account tries IMAP",
    ),
    (
        "dovecot",
        "[Rr]ebuilding index|'junk/junk' was aborted due to temporary failure",
        "after the crash; the message is tried again",
    ),
    ("dovecot", "SIGHUP received - reloading configuration", "roll-outs reload"),
    (
        "knotd",
        r"DS check, outgoing, remote (127\.0\.0\.1|::1)@53 .*failed \((connection|timeout|no route)",
        "tests restart, stop and kill the resolver that it asks",
    ),
    # INN's notices are warnings to syslog: what it does, who reads and how long. What is wrong has other words.
    (
        "innd",
        (
            "^SERVER (descriptors|outgoing|ccsetup|lcsetup|newgroup|rmgroup|reload"
            " all|paused|running|servermode|flushlogs)"
        ),
        "it starts, is told, and expires",
    ),
    (
        "innd",
        "^SERVER (bad_newsfeeds no feeding sites|perl filter not defined|Python filtering disabled)",
        "it feeds nobody, and nnrpd filters what users post",
    ),
    (
        "innd",
        "^(localhost connected|python is not initialized|reloading pyfilter|pyfilter .* not installed)",
        "local posts; no filter in Python",
    ),
    (
        "nnrpd",
        (
            " (times user|user [^ ]+@|group|posts received|artstats get|exit articles|timeout|post sleep"
            " time)|^starttls: TLSv1|^SERVER perl filtering enabled$"
        ),
        "readers",
    ),
    ("nnrpd", " bad_auth$", "wrong passwords"),
    ("prosody", "Received SIGTERM|Dovecot does not answer", "test_chat restarts it, and stops Dovecot"),
    (
        "prosody",
        "Forbidding insecure connection|certificate (is not trusted|could not be validated)",
        "test_chat takes a CA away, test_tls has no certificate",
    ),
    ("dovecot", "Killed with signal 15|stats-writer\\) failed: Connection refused", "test_chat stops it"),
)


def unexplained(mx, *options: str) -> dict[str, int]:
    """Warnings and errors that stand in no line above, and how often."""
    command = "journalctl --merge --no-pager -o json --output-fields=SYSLOG_IDENTIFIER,MESSAGE -p warning"
    lines = mx.ssh(" ".join((command, *options))).splitlines()
    seen: dict[str, int] = {}
    for line in lines:
        entry = json.loads(line)
        text = entry.get("MESSAGE") or ""
        name = entry.get("SYSLOG_IDENTIFIER", "")
        if not any(name.startswith(who) and re.search(words, text) for who, words, _ in EXPLAINED if words):
            key = f"{name}: {re.sub(r'[0-9a-fA-F]{6,}|[0-9]+', '#', text)}"
            seen[key] = seen.get(key, 0) + 1
    return seen


@pytest.mark.control("log.correlate")
def test_journal(mx) -> None:
    seen = unexplained(mx)
    assert not seen, "\n".join(f"{count} x {text}" for text, count in sorted(seen.items()))
