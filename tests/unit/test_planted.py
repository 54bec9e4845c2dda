"""What an unprivileged daemon plants where a roll-out works as root: links, pipes and folders lead nowhere, and no
victim is touched."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.gmconf_host import compare, host, rollout
from ansible.module_utils.gmconf_host.places import FRESH, Places, Unsafe
from test_switch import archive, digest, manifest

DAEMON = 65534
FOLDER = "/srv/daemon"
SECRET = b"root:secret\n"
NEW = b"of gmconf\n"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root and other users")


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """A host with a daemon's folder, and victims that only root may read."""
    monkeypatch.setattr(host, "ROOT", str(tmp_path))
    for folder in ("srv/daemon", "etc/victims", "var/lib/gmconf"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("etc/shadow", "etc/victims/a", "etc/victims/file"):
        (tmp_path / name).write_bytes(SECRET)
        (tmp_path / name).chmod(0o600)
    os.chown(tmp_path / "srv/daemon", DAEMON, DAEMON)
    return tmp_path


def victims(root: Path) -> dict[str, tuple[object, ...]]:
    found = {}
    for path in (root / "etc", *sorted((root / "etc").rglob("*"))):
        seen = path.lstat()
        found[str(path)] = (seen.st_uid, seen.st_gid, seen.st_mode, path.read_bytes() if path.is_file() else b"")
    return found


def wanted(**more) -> dict:
    files = [
        {
            "path": f"{FOLDER}/file",
            "owner": "nobody",
            "group": "nogroup",
            "mode": "0644",
            "service": "x",
            "sha256": digest(NEW),
        }
    ]
    return {**manifest(), "absent": [], "owned": [], "files": files, **more}


GIVEN = {"directories": [{"path": FOLDER, "owner": "root", "group": "nogroup", "mode": "0750"}]}


def link_to_file(path: Path, root: Path) -> None:
    path.symlink_to(root / "etc/shadow")


def link_to_folder(path: Path, root: Path) -> None:
    path.symlink_to(root / "etc/victims")


def link_to_nothing(path: Path, root: Path) -> None:
    path.symlink_to(root / "etc/ld.so.preload")


def hard_link(path: Path, root: Path) -> None:
    os.link(root / "etc/shadow", path)


def pipe(path: Path, root: Path) -> None:
    os.mkfifo(path)


PLANTS = [link_to_file, link_to_folder, link_to_nothing, hard_link, pipe]
each = pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)


@each
@pytest.mark.parametrize("place", [f"{FOLDER}/file", f"{FOLDER}/file{FRESH}"], ids=["path", "fresh"])
def test_a_file_in_a_folder_of_a_daemon_is_refused(root, plant: Callable, place: str) -> None:
    plant(root / place[1:], root)
    before = victims(root)
    with pytest.raises(host.Refused, match="nothing was touched:\n/srv/daemon: others than root can write there"):
        rollout.apply(wanted(), archive(root, NEW))
    assert victims(root) == before


@each
@pytest.mark.parametrize("place", [f"{FOLDER}/file", f"{FOLDER}/file{FRESH}"], ids=["path", "fresh"])
def test_a_folder_that_root_takes_over(root, plant: Callable, place: str) -> None:
    """As the package of Redis leaves /etc/redis: what was planted before is replaced by name."""
    plant(root / place[1:], root)
    before = victims(root)
    assert compare.compare(wanted(**GIVEN))["files"] == [f"{FOLDER}/file"]
    rollout.apply(wanted(**GIVEN), archive(root, NEW))
    assert victims(root) == before
    made = (root / FOLDER[1:] / "file").lstat()
    assert stat.S_ISREG(made.st_mode)
    assert (made.st_uid, made.st_nlink) == (DAEMON, 1)
    assert (root / FOLDER[1:] / "file").read_bytes() == NEW
    assert not (root / f"{FOLDER}/file{FRESH}"[1:]).exists()
    assert (root / FOLDER[1:]).stat().st_uid == 0


@each
def test_what_was_planted_is_not_shown(root, plant: Callable) -> None:
    plant(root / f"{FOLDER}/file"[1:], root)
    before = victims(root)
    for more in (GIVEN, {}):
        try:
            said = str(rollout.apply(wanted(**more), archive(root, NEW), check=True))
        except host.Refused as error:
            said = str(error)
        assert "secret" not in said
    assert victims(root) == before


@each
def test_a_planted_folder_on_the_way(root, plant: Callable) -> None:
    """The folder itself is a link or a pipe of the daemon's, in a folder of the daemon's."""
    plant(root / f"{FOLDER}/dkim"[1:], root)
    before = victims(root)
    entry = {**wanted()["files"][0], "path": f"{FOLDER}/dkim/file"}
    folder = {"path": f"{FOLDER}/dkim", "owner": "nobody", "group": "nogroup", "mode": "0700"}
    for more in (
        {"directories": [folder]},
        {"directories": []},
        {"directories": [folder], "owned": [f"{FOLDER}/dkim/"], "files": []},
    ):
        with pytest.raises((host.Refused, Unsafe)):
            rollout.apply(wanted(**{"files": [entry], **more}), archive(root, NEW))
        assert victims(root) == before


@each
def test_a_place_that_gmconf_has_left(root, plant: Callable) -> None:
    """Only names go, whatever they stand for."""
    (root / "srv/daemon/dkim/deep").mkdir(parents=True)
    plant(root / "srv/daemon/dkim/a.key", root)
    plant(root / "srv/daemon/dkim/deep/b", root)
    plant(root / "srv/daemon/other", root)
    before = victims(root)
    leaving = {"retired": [f"{FOLDER}/dkim", f"{FOLDER}/other", f"{FOLDER}/never"], "files": []}
    assert compare.compare(wanted(**leaving))["retired"] == [f"{FOLDER}/dkim", f"{FOLDER}/other"]
    rollout.apply(wanted(**leaving), archive(root, NEW))
    assert {name: seen[:2] for name, seen in victims(root).items()} == {name: seen[:2] for name, seen in before.items()}
    assert (root / "etc/shadow").read_bytes() == SECRET
    assert os.listdir(root / "srv/daemon") == []
    assert not compare.compare(wanted(**leaving))["changed"]


def test_links_of_roots_own_are_followed(root) -> None:
    """/var/run and /bin are such; a link in a folder that others can write in never is, though root made it."""
    (root / "real").mkdir()
    (root / "etc/link").symlink_to("../real")
    (root / "etc/absolute").symlink_to("/real")
    (root / "srv/daemon/link").symlink_to("/real")
    (root / "etc/round").symlink_to("round")
    with Places(str(root)) as places:
        places.put("/etc/link/a", b"a", 0o600)
        places.put("/etc/absolute/b", b"b", 0o600)
        assert sorted(os.listdir(root / "real")) == ["a", "b"]
        with pytest.raises(Unsafe, match="link in it is a symbolic link that others than root can have made"):
            places.put("/srv/daemon/link/c", b"c", 0o600)
        with pytest.raises(Unsafe):
            places.put("/etc/round/c", b"c", 0o600)


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o1777], ids=oct)
def test_a_folder_of_roots_that_others_write_in(root, mode: int) -> None:
    os.chown(root / "srv/daemon", 0, DAEMON)
    (root / "srv/daemon").chmod(mode)
    with (
        Places(str(root)) as places,
        pytest.raises(Unsafe, match=f"it belongs to user 0 and group {DAEMON}, mode {mode:04o}"),
    ):
        places.put(f"{FOLDER}/file", NEW, 0o600)


@pytest.mark.parametrize("at", range(1, 7))
def test_a_folder_that_is_swapped_on_the_way(root, monkeypatch, at: int) -> None:
    """Between any two steps the daemon puts a link where its folder was; whatever comes of it, no victim is touched."""
    (root / "srv/daemon/dkim").mkdir()
    (root / "srv/daemon/dkim/file").write_bytes(b"old")
    before, count = victims(root), 0

    def swapping(name: str) -> Callable:
        real = getattr(os, name)

        def call(*args, **more):
            nonlocal count
            count += 1
            if count == at and not (root / "srv/daemon/was").exists():
                os.rename(root / "srv/daemon/dkim", root / "srv/daemon/was")
                (root / "srv/daemon/dkim").symlink_to(root / "etc/victims")
            return real(*args, **more)

        return call

    with Places(str(root)) as places:
        for name in ("open", "stat", "unlink", "lstat", "fstat"):
            monkeypatch.setattr(os, name, swapping(name))
        for step in (
            lambda: places.put(f"{FOLDER}/dkim/file", NEW, 0o644, (DAEMON, DAEMON)),
            lambda: places.make(f"{FOLDER}/dkim", 0o700, (DAEMON, DAEMON)),
            lambda: list(places.files(f"{FOLDER}/dkim")),
            lambda: places.remove_all(f"{FOLDER}/dkim"),
        ):
            try:
                step()
            except OSError:
                pass
        monkeypatch.undo()
    assert victims(root) == before
