"""What everything else on the host needs: where things lie, how to run a command, when to stop."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from ansible.module_utils.gmconf_host.places import Places

ROOT = ""
"""Another one than "" only in tests."""
STATE = "/var/lib/gmconf"
"""Root only: ``stage`` the tree being judged, ``saved`` the bytes of the previous generation, ``journal`` what is being
switched (present only meanwhile), ``generation`` what is live."""


class Refused(Exception):
    """The roll-out stops; the text is for the operator. ``details`` goes into the task's result."""

    def __init__(self, message: str, **details: bool) -> None:
        super().__init__(message)
        self.details = details


def at(path: str) -> str:
    """A host path below the root."""
    return ROOT + path


def filesystem() -> Places:
    """The host's files, below the root."""
    return Places(ROOT)


def run(argv: Sequence[str], timeout: float = 120, told: str | None = None) -> tuple[int, str]:
    """(exit code, output of both streams); ``told`` is what the command reads."""
    try:
        done = subprocess.run(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
            input=(told or "").encode(),
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
    except FileNotFoundError:
        return 127, f"{argv[0]}: not installed"
    except subprocess.TimeoutExpired:
        return 124, f"{argv[0]}: no answer within {timeout} s"
    return done.returncode, done.stdout.decode("utf-8", "replace").strip()
