"""The tests' way to call commands: what it answers is what a process answers, and nothing is left behind."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import warnings

import pytest
from commands import gmconf, process, unchanged


@pytest.mark.parametrize(
    ("argv", "stdin", "code"),
    [
        (("controls", "mta.smuggling"), "", 0),
        (("controls", "mta.smugling"), "", 2),
        (("render", "site.yml", "--check"), "", 1),
        (("check", "site.yml", "--level", "silver", "--format", "json"), "", 1),
        (("passwd", "site.yml", "bob@example.org", "--stdin"), "tiny\n", 2),
        (("validate", "ü\u202e.yml"), "", 2),
        (("render",), "", 2),
        (("no-such-command",), "", 2),
        ((), "", 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_same_as_a_process(site, argv, stdin, code) -> None:
    here, there = (call(*argv, cwd=site, stdin=stdin) for call in (gmconf, process))
    said = there.stderr.replace("python -m gmconf", "gmconf")
    assert (here.returncode, here.stdout, here.stderr) == (there.returncode, there.stdout, said)
    assert here.returncode == code
    assert here.stdout or here.stderr


def test_nothing_is_left_behind(tmp_path, monkeypatch) -> None:
    def state():
        mask = os.umask(0o022)
        os.umask(mask)
        root = logging.getLogger()
        process_wide = os.getcwd(), dict(os.environ), mask, gc.isenabled(), signal.getsignal(signal.SIGTERM)
        return *process_wide, sys.argv, sys.stdin, sys.stdout, sys.stderr, root.level, list(root.handlers)

    before = state()
    filters = list(warnings.filters)
    with pytest.raises(RuntimeError), unchanged():
        os.chdir(tmp_path)
        os.environ["GMCONF_LEFT"] = "behind"
        del os.environ["PATH"]
        os.umask(0o077)
        gc.disable()
        gc.freeze()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.argv, sys.stdin, sys.stdout, sys.stderr = [], None, None, None
        logging.getLogger().addHandler(logging.NullHandler())
        logging.getLogger().setLevel(logging.DEBUG)
        warnings.simplefilter("error")
        raise RuntimeError
    assert state() == before
    assert warnings.filters == filters
    assert gc.get_freeze_count() == 0
