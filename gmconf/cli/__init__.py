"""The command line: one module for each group of commands, put together here."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn

from gmconf.cli import build, dns, docs, keys, report, reports
from gmconf.cli import check as judgement
from gmconf.cli import medium as papers
from gmconf.cli import passwd as secrets
from gmconf.cli import verify as live
from gmconf.cli.app import app
from gmconf.errors import GmconfError, SiteError
from gmconf.printable import printing

__all__ = ["app", "build", "dns", "docs", "judgement", "keys", "live", "main", "papers", "report", "reports", "secrets"]


def _die(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(2)


def main() -> None:
    """Entry point: errors of the user end in a message and exit code 2, never in a traceback."""
    # Plugins that happen to be installed for pydantic must not see a site, and looking for them takes time.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    # A command ends soon and keeps nearly all it makes: looking for cycles, also at exit, would be a fifth of its time.
    gc.disable()
    try:
        with printing():
            run()
    finally:
        gc.freeze()


def run() -> None:
    """One call, as the shell sees it: messages, and SystemExit with 0, 1 or 2."""
    try:
        app()
    except SiteError as error:
        _die(str(error))
    except GmconfError as error:
        _die(f"gmconf: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        _die(f"gmconf: {error.filename}: {error.strerror}" if error.filename else f"gmconf: {error.strerror or error}")
