"""gmconf's commands as tests call them: in this process, or in one of their own.

A process of its own costs 0.3 s of the processor. It proves what only a process has: start-up, signals, locale, real
streams, commands side by side. All else is the same call (``cli.main``) with arguments, streams, folder and
environment of its own, and what it changes of this process is put back.
"""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from gmconf import cli

Done = subprocess.CompletedProcess[str]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGALRM)


def process(*argv: str, cwd: Path, stdin: str = "") -> Done:
    """A command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "gmconf", *argv], cwd=cwd, text=True, capture_output=True, check=False, input=stdin
    )


def gmconf(*argv: str, cwd: Path, stdin: str = "") -> Done:
    """A command in this process, answered as a process answers. What escapes it as a traceback fails the test."""
    assert threading.current_thread() is threading.main_thread(), "folder and streams are those of the whole process"
    out, err = _stream(), _stream()
    with unchanged():
        os.chdir(cwd)
        sys.argv = ["gmconf", *argv]
        sys.modules["__main__"] = ModuleType("__main__")  # else click calls the command "python -m pytest.gmconf"
        sys.stdin, sys.stdout, sys.stderr = _stream(stdin), out, err
        code = 0
        try:
            cli.main()
        except SystemExit as stop:
            assert stop.code is None or isinstance(stop.code, int), stop.code
            code = stop.code or 0
    return subprocess.CompletedProcess(["gmconf", *argv], code, _text(out), _text(err))


@contextlib.contextmanager
def unchanged() -> Iterator[None]:
    """What belongs to the whole process is the same afterwards as before."""
    folder, environment, mask = os.getcwd(), dict(os.environ), _mask()
    streams, program = (sys.argv, sys.stdin, sys.stdout, sys.stderr), sys.modules["__main__"]
    handlers = [signal.getsignal(number) for number in SIGNALS]
    root = logging.getLogger()
    logs, level, collecting = list(root.handlers), root.level, gc.isenabled()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        gc.unfreeze()
        if collecting:
            gc.enable()
        root.handlers[:] = logs
        root.setLevel(level)
        for number, handler in zip(SIGNALS, handlers, strict=True):
            signal.signal(number, handler)
        sys.argv, sys.stdin, sys.stdout, sys.stderr = streams
        sys.modules["__main__"] = program
        os.umask(mask)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)


def _mask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _stream(text: str = "") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(text.encode()), "utf-8")


def _text(stream: io.TextIOWrapper) -> str:
    """What was printed, with the ends of lines that a process's output has when it is read as text."""
    stream.flush()
    return stream.buffer.getvalue().decode().replace("\r\n", "\n").replace("\r", "\n")
