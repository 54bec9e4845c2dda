"""A disk that is full at any step of a roll-out: the old generation stays or comes back, though there is no room for
it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.gmconf_host import host, rollout
from ansible.module_utils.gmconf_host.journal import FULL
from test_switch import NEW, archive, manifest, picture, prepare, switch

PAGE = 4096


def mount(folder: Path) -> None:
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0755", "small", str(folder)], check=False, capture_output=True
    ).returncode:
        pytest.skip("no right to mount here")


@pytest.fixture
def root(tmp_path, monkeypatch) -> Iterator[Path]:
    """A host on a small file system of its own."""
    mount(tmp_path)
    monkeypatch.setattr(host, "ROOT", str(tmp_path))
    monkeypatch.setattr(rollout, "run", lambda argv: (0, ""))  # no systemd here
    prepare(tmp_path)
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def fill(root: Path, pages: int) -> None:
    """Leaves so many pages."""
    free = os.statvfs(root).f_bavail * os.statvfs(root).f_bsize
    (root / "filler").write_bytes(bytes(free - pages * PAGE))


def test_going_back_without_any_room(root) -> None:
    before = picture(root)
    journal = switch(root)
    fill(root, 0)
    assert journal.roll_back()
    assert picture(root) == before
    assert journal.roll_back(), "as after a crash in between"
    journal.close()
    assert picture(root) == before


def test_full_at_every_step(root, tmp_path_factory) -> None:
    """Whatever fails, it is told as what it is, and all is as before;
    as soon as there is room the roll-out succeeds.
    """
    elsewhere = tmp_path_factory.mktemp("archive")
    before, told = picture(root), []
    for pages in range(60):
        packed = archive(elsewhere)
        fill(root, pages)
        try:
            rollout.apply(manifest(), packed)
            break
        except host.Refused as error:
            assert "rolled back: OSError: [Errno 28]" in str(error)
            told.append("back")
        except OSError as error:
            assert error.errno in FULL
            told.append("not begun")
        assert picture(root) == before, pages
        (root / "filler").unlink()
        assert set(os.listdir(root / "var/lib/gmconf")) <= {"lock", "saved"}, pages
    else:
        raise AssertionError("never enough room")
    assert told[0] == "not begun"
    assert told[-1] == "back"
    assert {f"/{name}": seen[0] for name, seen in picture(root).items()} == NEW


def test_what_cannot_go_back_yet(root) -> None:
    """The saved files lie on another disk, so that each needs room: the operator is told, and the next try does the
    rest."""
    mount(root / "var/lib/gmconf")
    before = picture(root)
    try:
        journal = switch(root)
        fill(root, 0)
        with pytest.raises(
            host.Refused, match=r"this host could not go back: .*No space left.*; make room there, then roll out again"
        ):
            rollout._go_back(manifest(), journal)
        (root / "filler").unlink()
        rollout._go_back(manifest(), journal)
        assert picture(root) == before
    finally:
        subprocess.run(["umount", "-l", str(root / "var/lib/gmconf")], check=True)
