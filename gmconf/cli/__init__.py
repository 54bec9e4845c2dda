"""The command line: one module for each group of commands, put together here."""

from __future__ import annotations

import sys
from typing import NoReturn

from gmconf.cli import build, judgement, live, secrets
from gmconf.cli.app import app
from gmconf.errors import GmconfError, SiteError

__all__ = ["app", "build", "judgement", "live", "main", "secrets"]


def _die(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(2)


def main() -> None:
    """Entry point: errors of the user end in a message and exit code 2, never in a traceback."""
    try:
        app()
    except SiteError as error:
        _die(str(error))
    except GmconfError as error:
        _die(f"gmconf: {error}")
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        _die(f"gmconf: {error.filename or ''}: {error.strerror}")
