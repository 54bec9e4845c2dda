"""Commands as benches run them: with caches of their own, in seconds of the processor."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GMCONF = [sys.executable, "-m", "gmconf"]


def environment(work: Path) -> dict[str, str]:
    """Caches of our own, so that the first run fills them whatever the machine's settings are."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return env | {
        "PYTHONPATH": str(ROOT),
        "PYTHONPYCACHEPREFIX": str(work / "bytecode"),
        "XDG_CACHE_HOME": str(work / "cache"),
    }


def run(
    argv: list[str], env: dict[str, str], cwd: Path | None = None, fine: tuple[int, ...] = (0,)
) -> tuple[float, int]:
    """Seconds of processor time of a command, and the most memory it took in MiB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=env, cwd=cwd)
    _, status, usage = os.wait4(process.pid, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if os.waitstatus_to_exitcode(status) not in fine:
        sys.exit(f"{argv}: exit code {os.waitstatus_to_exitcode(status)}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, usage.ru_maxrss // 1024
