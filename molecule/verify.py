#!/usr/bin/env python3
"""Runs tests/host for several hosts at once, and shows their lines as they come.

python3 molecule/verify.py HOST ... [-- PYTEST OPTIONS]
"""

from __future__ import annotations

import subprocess
import sys
import threading

import lab


def follow(name: str, process: subprocess.Popen[str]) -> None:
    """Prints each line with the host before it."""
    assert process.stdout
    for line in process.stdout:
        print(f"{name}  {line.rstrip()}", flush=True)


def main(argv: list[str]) -> int:
    """Exit code: 0 when all tests of all hosts passed."""
    split = argv.index("--") if "--" in argv else len(argv)
    running = {}
    for name in argv[:split]:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-v",
            "--tb=short",
            str(lab.ROOT / "tests/host"),
            "--host",
            name,
            *argv[split + 1 :],
        ]
        running[name] = subprocess.Popen(
            command, cwd=lab.ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    threads = [threading.Thread(target=follow, args=item) for item in running.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    codes = {name: process.wait() for name, process in running.items()}
    return int(any(codes.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
