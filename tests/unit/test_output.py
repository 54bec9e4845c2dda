"""Writing build/: interrupted at any step there is a whole tree, the old one or the new one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from gmconf import output
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


def test_nothing_of_others_is_replaced(tmp_path) -> None:
    (tmp_path / "build").mkdir()
    (tmp_path / "build/thesis.txt").write_text("years of work")
    with pytest.raises(GmconfError, match="was not written by gmconf"):
        output.replace(NEW, tmp_path / "build")
    assert tree(tmp_path / "build") == {"thesis.txt": b"years of work"}
