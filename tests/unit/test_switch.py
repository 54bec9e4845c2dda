"""The switch on a host, stopped dead at every step:
what boots afterwards is the whole old or the whole new generation.
"""

from __future__ import annotations

import hashlib
import io
import os
import signal
import stat
import tarfile
import time
from pathlib import Path

import pytest
from ansible.module_utils.gmconf_host import compare, host, rollout, stage
from ansible.module_utils.gmconf_host.journal import Journal

OLD = {"/etc/a.conf": b"old a\n", "/etc/sub/b.conf": b"old b\n", "/etc/gone.conf": b"goes\n"}
NEW = {
    "/etc/a.conf": b"new a\n",
    "/etc/sub/b.conf": b"old b\n",
    "/etc/new/c.conf": b"new c\n",
    "/etc/link.conf": b"was a link\n",
}
CALLS = ("replace", "unlink", "fsync", "makedirs", "mkdir", "open", "symlink", "fchmod", "fchown")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def manifest() -> dict:
    import grp
    import pwd

    me, mine = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    return {
        "packages": [],
        "users": [],
        "directories": [],
        "owned": ["/etc/sub"],
        "stage_prefixes": [],
        "absent": ["/etc/gone.conf"],
        "compile": [],
        "validate": [],
        "tls": [],
        "services": [],
        "mask": [],
        "retired": [],
        "commands": [],
        "probes": [],
        "files": [
            {"path": path, "owner": me, "group": mine, "mode": "0640", "service": "x", "sha256": digest(data)}
            for path, data in NEW.items()
        ],
    }


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(host, "ROOT", str(tmp_path))
    prepare(tmp_path)
    return tmp_path


def prepare(root: Path) -> None:
    """A host as it is before."""
    for path, data in OLD.items():
        target = root / path[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    (root / "etc/link.conf").symlink_to("a.conf")
    (root / "etc/sub/stray").write_bytes(b"not ours\n")
    (root / "var/lib/gmconf").mkdir(parents=True)


def archive(root: Path, *contents: bytes) -> str:
    """The tar that a roll-out sends, with these contents or those of NEW."""
    path = root / "archive.tar"
    with tarfile.open(path, "w") as tar:
        for data in contents or NEW.values():
            info = tarfile.TarInfo(digest(data))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return str(path)


def picture(root: Path) -> dict[str, object]:
    """All of /etc: content, kind and mode."""
    found: dict[str, object] = {}
    for path in sorted((root / "etc").rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_file():
            found[name] = (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    return found


def switch(root: Path) -> Journal:
    wanted = manifest()
    made = stage.Stage(wanted, archive(root))
    journal = Journal(host.STATE, str(root))
    with host.filesystem() as places:
        changed, extra = compare.changed_files(wanted, places), compare.unwanted(wanted, places)
    rollout.switch(wanted, made, journal, changed, [], extra)
    return journal


def test_switch_and_back(root) -> None:
    before = picture(root)
    journal = switch(root)
    after = picture(root)
    assert {f"/{name}": seen[0] for name, seen in after.items()} == NEW
    with host.filesystem() as places:
        assert compare.changed_files(manifest(), places) == []
        assert compare.unwanted(manifest(), places) == []
    journal.roll_back()
    journal.close()
    assert picture(root) == before


def steps(root: Path, stop_at: int) -> tuple[int, bool]:
    """Runs the switch in a child that kills itself at a certain system call; (calls made, killed)."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0

        def counted(name: str):
            real = getattr(os, name)

            def call(*args, **more):
                nonlocal count
                count += 1
                if count == stop_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **more)

            return call

        for name in CALLS:
            setattr(os, name, counted(name))
        switch(root)
        os.write(writer, str(count).encode())
        os._exit(0)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        return int(answer.read() or 0), os.WIFSIGNALED(status)


def test_killed_at_every_step(root, tmp_path_factory, monkeypatch) -> None:
    before = picture(root)
    total, killed = steps(root, 0)
    assert not killed
    assert total > 40
    for number in range(1, total + 1):
        again = tmp_path_factory.mktemp("root")
        monkeypatch.setattr(host, "ROOT", str(again))
        prepare(again)
        _, killed = steps(again, number)
        assert killed, number
        journal = Journal(host.STATE, str(again))  # as the host does at boot
        journal.roll_back()
        journal.close()
        assert picture(again) == before, f"after a stop at step {number}"
        assert journal.read() is None


def test_damaged_archive_is_refused(root) -> None:
    path = root / "archive.tar"
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo(digest(b"new a\n"))
        info.size = 3
        tar.addfile(info, io.BytesIO(b"bad"))
    before = picture(root)
    with pytest.raises(host.Refused, match="damaged"):
        stage.Stage(manifest(), str(path))
    assert picture(root) == before


def test_archive_is_gone_as_soon_as_it_is_open(root) -> None:
    """Decrypted secrets lie in it; whatever ends the process, it is not left behind."""
    made = archive(root)
    stage.Stage(manifest(), made)
    assert not os.path.exists(made)


def test_second_rollout_at_once_is_refused(root) -> None:
    import fcntl

    with open(root / "var/lib/gmconf/lock", "w") as lock:
        lock.write("pid 1 since yesterday")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(host.Refused, match="another roll-out is under way on this host: pid 1 since yesterday"):
            rollout.apply(manifest(), archive(root))


def test_check_changes_nothing(root, monkeypatch) -> None:
    before = picture(root)
    result = rollout.apply(manifest(), archive(root), check=True)
    assert picture(root) == before
    assert sorted(result["files"]) == ["/etc/a.conf", "/etc/link.conf", "/etc/new/c.conf", "/etc/sub/b.conf"]
    assert "-old a\n+new a\n" in "".join(d["prepared"] for d in result["diff"])


def test_secret_is_never_shown(root) -> None:
    wanted = manifest()
    wanted["files"][0]["secret"] = "secrets/x"
    result = rollout.apply(wanted, archive(root), check=True)
    text = "".join(d["prepared"] for d in result["diff"])
    assert "/etc/a.conf: (secret, not shown)" in text
    assert "new a" not in text


@pytest.fixture
def quiet(monkeypatch) -> None:
    """No systemd here."""
    monkeypatch.setattr("ansible.module_utils.gmconf_host.guardian.run", lambda argv, timeout=0: (0, ""))
    monkeypatch.setattr("ansible.module_utils.gmconf_host.rollout.run", lambda argv, timeout=0: (0, ""))


def goes_back(root: Path, before: dict) -> None:
    """Within a generous time, by itself."""
    for _ in range(600):
        if picture(root) == before and not {"journal", "stage", "judge"} & set(os.listdir(root / "var/lib/gmconf")):
            break
        time.sleep(0.05)
    assert picture(root) == before
    assert not (root / "var/lib/gmconf/journal").exists()
    with pytest.raises(host.Refused, match="nobody confirmed the roll-out over a new connection in time"):
        rollout.confirmed(manifest())
    assert set(os.listdir(root / "var/lib/gmconf")) <= {"lock", "saved"}


def test_not_confirmed_goes_back(root, quiet) -> None:
    before = picture(root)
    assert rollout.apply(manifest(), archive(root), confirm=2)["confirm"] == 2
    assert {f"/{name}": seen[0] for name, seen in picture(root).items()} == NEW
    with pytest.raises(
        host.Refused,
        match=r"another roll-out is under way on this host: pid \d+ waits for a confirmation until \d\d:\d\d:\d\d",
    ):
        rollout.apply(manifest(), archive(root))
    goes_back(root, before)


def test_confirmed_stands(root, quiet) -> None:
    rollout.apply(manifest(), archive(root), confirm=300)
    assert rollout.confirmed(manifest()) == {"changed": True}
    assert {f"/{name}": seen[0] for name, seen in picture(root).items()} == NEW
    assert sorted(os.listdir(root / "var/lib/gmconf")) == ["generation", "lock", "saved"]


def test_confirmed_without_its_guardian(root, quiet) -> None:
    """Somebody killed it: the confirmation does its part."""
    rollout.apply(manifest(), archive(root), confirm=300)
    os.kill(int((root / "var/lib/gmconf/lock").read_text().split()[1]), signal.SIGKILL)
    rollout.confirmed(manifest())
    assert not (root / "var/lib/gmconf/journal").exists()
    assert {f"/{name}": seen[0] for name, seen in picture(root).items()} == NEW


def test_reboot_before_the_confirmation_goes_back(root, quiet) -> None:
    before = picture(root)
    rollout.apply(manifest(), archive(root), confirm=300)
    os.kill(int((root / "var/lib/gmconf/lock").read_text().split()[1]), signal.SIGKILL)
    journal = Journal(host.STATE, str(root))  # as the host does at boot
    journal.roll_back()
    journal.close()
    goes_back(root, before)


@pytest.mark.parametrize("check", [False, True], ids=["apply", "check"])
@pytest.mark.parametrize("moment", ["act", "judge"])
def test_killed_roll_out_goes_back_by_itself(root, quiet, monkeypatch, moment: str, check: bool) -> None:
    """The process on the host dies without a word, while it judges or while services are told."""
    before = picture(root)
    child = os.fork()
    if child == 0:
        mine = os.getpid()
        die = lambda *args: os.kill(os.getpid(), signal.SIGKILL) if os.getpid() == mine else []  # noqa: E731
        if moment == "act":
            monkeypatch.setattr(rollout.units, "act", die)
        else:
            monkeypatch.setattr(stage.Stage, "judge", die)
        rollout.apply(manifest(), archive(root), check=check)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if not (check and moment == "act"):
        assert os.WIFSIGNALED(status)
        goes_back(root, before)
