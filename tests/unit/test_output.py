"""Writing build/: interrupted at any step there is a whole tree, the old one or the new one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import gmconf, process

from gmconf.build import output
from gmconf.errors import GmconfError

OLD = {".gmconf": b"", "a": b"old a", "sub/b": b"old b", "sub/gone": b"goes"}
NEW = {".gmconf": b"", "a": b"new a", "sub/b": b"new b", "more/c": b"new c" * 2000}


def tree(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def killed(work: Path, stop_at: int, number: int) -> bool:
    """Renders in a child that gets a signal at one of its system calls; False when it came to its end before."""
    child = os.fork()
    if child == 0:
        count = 0

        def counted(module, name: str) -> None:
            real = getattr(module, name)

            def call(*args, **more):
                nonlocal count
                count += 1
                if count == stop_at:
                    os.kill(os.getpid(), number)
                return real(*args, **more)

            setattr(module, name, call)

        import builtins

        for name in ("mkdir", "makedirs", "link", "rename", "chmod", "unlink", "rmdir"):
            counted(os, name)
        counted(builtins, "open")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            output.replace(NEW, work / "build")
        except KeyboardInterrupt:
            os._exit(130)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 130


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_interrupted_at_every_step(tmp_path, number: int) -> None:
    stopped = 0
    for step in range(1, 200):
        work = tmp_path / str(step)
        work.mkdir()
        output.replace(OLD, work / "build")
        if not killed(work, step, number):
            break
        stopped += 1
        seen = tree(work / "build")
        assert seen in (OLD, NEW), step
        output.replace(NEW, work / "build")
        assert tree(work / "build") == NEW
        if number == signal.SIGINT and seen == OLD:
            assert [p.name for p in work.iterdir()] == ["build"], step
    assert stopped > 8


def test_command_killed_at_many_moments(site) -> None:
    """SIGKILL from outside, at moments spread over the whole run and close together while files are written."""
    assert gmconf("render", "site.yml", "-o", "build", cwd=site).returncode == 0
    old = tree(site / "build")
    (site / "site.yml").write_text((site / "site.yml").read_text() + "limits: {message_size: 10 MiB}\n")
    began = time.monotonic()
    assert process("render", "site.yml", "-o", "whole", cwd=site).returncode == 0
    lasts = time.monotonic() - began
    new = tree(site / "whole")
    assert old != new
    command = [sys.executable, "-m", "gmconf", "render", "site.yml", "-o", "build"]
    while_writing = seen_old = 0
    # (seconds to wait, whether from the moment on at which the first file is written)
    moments = [(lasts * part / 6, False) for part in range(1, 6)] + [(0.002 * step, True) for step in range(14)]
    for seconds, writing in moments:
        with subprocess.Popen(command, cwd=site, stdout=subprocess.DEVNULL) as child:
            while writing and child.poll() is None and not any(site.glob(".build.*/*")):
                time.sleep(0.0005)
            time.sleep(seconds)
            child.kill()
        left = [*site.glob(".build.*")]
        while_writing += bool(left) and child.returncode == -signal.SIGKILL
        seen = tree(site / "build")
        assert seen in (old, new), (seconds, writing)
        seen_old += seen == old
        for folder in left:
            shutil.rmtree(folder)
        if seen == new:
            shutil.rmtree(site / "build")
            output.replace(old, site / "build")
    assert while_writing > 3
    assert seen_old > 3
    assert gmconf("render", "site.yml", "-o", "build", cwd=site).returncode == 0
    assert tree(site / "build") == new


def test_nothing_of_others_is_replaced(tmp_path) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build/thesis.txt").write_text("years of work")
    with pytest.raises(GmconfError, match="was not written by gmconf"):
        output.replace(NEW, tmp_path / "build")
    assert tree(tmp_path / "build") == {"thesis.txt": b"years of work"}


def test_links_are_followed_and_devices_written_to(site) -> None:
    """Whatever is named with -o: neither a link nor a device is ever replaced."""
    (site / "real").mkdir()
    (site / "lb").symlink_to("real")
    assert gmconf("render", "site.yml", "-o", "lb", cwd=site).returncode == 0
    assert (site / "lb").is_symlink()
    assert (site / "real/.gmconf").is_file()
    (site / "page.html").write_text("old")
    (site / "link.html").symlink_to("page.html")
    assert gmconf("report", "site.yml", "-o", "link.html", cwd=site).returncode == 0
    assert (site / "link.html").is_symlink()
    assert "<html" in (site / "page.html").read_text()
    os.mkfifo(site / "pipe")
    with (site / "got").open("wb") as got, subprocess.Popen(["cat", "pipe"], cwd=site, stdout=got) as reader:
        assert gmconf("report", "site.yml", "-o", "pipe", cwd=site).returncode == 0
        assert reader.wait() == 0
    assert b"<html" in (site / "got").read_bytes()
    assert (site / "pipe").is_fifo()
    done = gmconf("render", "site.yml", "-o", "page.html", cwd=site)
    assert (done.returncode, "page.html is not a directory" in done.stderr) == (2, True)
    assert not list(site.glob(".*"))


def test_left_overs_of_killed_runs_go(tmp_path) -> None:
    left = tmp_path / ".build.abcd1234"
    left.mkdir()
    os.utime(left, (1, 1))
    output.replace(NEW, tmp_path / "build")
    assert [p.name for p in tmp_path.iterdir()] == ["build"]


def test_any_locale_writes_utf8(site, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    (site / "site.yml").write_text(
        (site / "site.yml")
        .read_text()
        .replace("Alice Archer", "Älice Ärcher")
        .replace("Example Organisation", "Bücher"),
        "utf-8",
    )
    for argv in (
        ("check", "site.yml", "--format", "sarif"),
        ("dns", "site.yml", "--format", "json"),
        ("validate", "site.yml"),
    ):
        done = subprocess.run([sys.executable, "-m", "gmconf", *argv], cwd=site, capture_output=True, check=False)
        assert b"Traceback" not in done.stderr
        done.stdout.decode("utf-8")
    done = process("explain", "", cwd=site)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
