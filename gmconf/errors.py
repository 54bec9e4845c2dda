"""What can be wrong with a site, told with file, line, column and what to do."""

from __future__ import annotations

from typing import NamedTuple


class Mark(NamedTuple):
    """A place in a file; line and column count from 1, 0 means the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}"


class Problem(NamedTuple):
    """One mistake: where it stands, which field it is about, and a sentence that says what to do."""

    mark: Mark
    path: str
    message: str

    def __str__(self) -> str:
        middle = f" {self.path}:" if self.path else ""
        return f"{self.mark}:{middle} {self.message}"

    def json(self) -> dict[str, str | int]:
        """As plain data."""
        return {
            "file": self.mark.file,
            "line": self.mark.line,
            "column": self.mark.column,
            "path": self.path,
            "message": self.message,
        }


class SiteError(Exception):
    """The site cannot be used as it is. Holds every problem found, sorted by place (exit code 2)."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(set(problems))
        super().__init__("\n".join(map(str, self.problems)))


class GmconfError(Exception):
    """Anything else that stops a command; its text is the whole message for the user (exit code 2)."""
