"""What a roll-out that changes tables tells commands: the names of the changed entries, or that it cannot be told."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from ansible.module_utils.gmconf_host import entries, host, rollout, units
from ansible.module_utils.gmconf_host.journal import Journal
from test_switch import archive, digest, manifest

HEAD = "# managed by gmconf\n"
OLD = "alice@example.org:{CRYPT}1\nbob@example.org:{CRYPT}2\ncarol@example.org:{CRYPT}3\n"
NEW = OLD.replace("2\n", "9\n").encode()


@pytest.mark.parametrize(
    ("before", "after", "names"),
    [
        (OLD, OLD, []),
        (HEAD + OLD, "# managed by another gmconf\n" + OLD, []),
        (OLD, OLD.replace("2\n", "9\n"), ["bob@example.org"]),
        (OLD, OLD.replace("carol@example.org:{CRYPT}3\n", ""), ["carol@example.org"]),
        (OLD, OLD + "dora@example.org:{CRYPT}4\n", ["dora@example.org"]),
        (OLD, OLD + "alice@example.org:{CRYPT}5\n", ["alice@example.org"]),
        (OLD, "".join(reversed(OLD.splitlines(True))), []),
        ("", "bob@example.org:{PLAIN}!\n", ["bob@example.org"]),
        (None, OLD, ["*"]),
        (OLD, None, ["*"]),
        (OLD, OLD + "no colon\n", ["*"]),
        (OLD, OLD + ":no name\n", ["*"]),
        (OLD, OLD + "\udcff:x\n", ["*"]),
    ],
    ids=[
        "same",
        "comment",
        "password",
        "removed",
        "added",
        "twice",
        "order",
        "suspended",
        "no table before",
        "none after",
        "no colon",
        "no name",
        "no text",
    ],
)
def test_names_of_changed_entries(before: str | None, after: str | None, names: list[str]) -> None:
    def reads(text: str | None):
        def read(path: str) -> io.BytesIO:
            assert path == "/table"
            if text is None:
                raise FileNotFoundError(path)
            return io.BytesIO(text.encode("utf-8", "surrogateescape"))

        return read

    assert entries.changed(["/table"], reads(before), reads(after)) == names


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(host, "ROOT", str(tmp_path))
    for folder in ("etc", "var/lib/gmconf"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def table() -> dict:
    """A manifest with a table, whose command writes down all that it reads and all that its command line says."""
    wanted = {**manifest(), "owned": [], "absent": []}
    wanted["files"] = [{**wanted["files"][0], "path": "/etc/table", "sha256": digest(NEW)}]
    script = f"tr '\\0' ' ' < /proc/$$/cmdline >> {host.ROOT}/line; cat >> {host.ROOT}/told"
    wanted["commands"] = [{"name": "sessions", "argv": ["sh", "-c", script], "when": ["/etc/table"], "entries": True}]
    return wanted


def test_a_command_is_told_of_those_alone(root) -> None:
    (root / "etc/table").write_text(OLD)
    rollout.apply(table(), archive(root, NEW))
    assert (root / "told").read_text() == "bob@example.org"
    assert "bob" not in (root / "line").read_text()
    rollout.apply(table(), archive(root, NEW))
    assert (root / "told").read_text() == "bob@example.org", "nothing changed, nobody is told"


def test_nothing_to_compare_with(root) -> None:
    rollout.apply(table(), archive(root, NEW))
    assert (root / "told").read_text() == "*"


def test_another_owner_tells_nobody(root) -> None:
    (root / "etc/table").write_bytes(NEW)
    (root / "etc/table").chmod(0o600)
    rollout.apply(table(), archive(root, NEW))
    assert not (root / "told").exists()


def test_going_back_tells_them_again(root, monkeypatch) -> None:
    """Who logged in with what is taken back goes too."""
    monkeypatch.setattr(rollout, "run", lambda argv: (0, ""))  # no systemd here
    (root / "etc/table").write_text(OLD)
    wanted = table() | {"probes": [{"name": "never", "kind": "unix", "path": str(root / "nowhere"), "within": 0}]}
    with pytest.raises(host.Refused, match="probe never"):
        rollout.apply(wanted, archive(root, NEW))
    assert (root / "told").read_text() == "bob@example.org" * 2
    assert (root / "etc/table").read_text() == OLD


def test_a_journal_that_does_not_say(root) -> None:
    """Of an earlier gmconf, or cut off: all are told."""
    (root / "etc/table").write_text(OLD)
    Journal(host.STATE, str(root)).open(["/etc/table"], {}, {})
    units.act(table(), ["/etc/table"], {})
    assert (root / "told").read_text() == "*"
