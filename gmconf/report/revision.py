"""Which version of the site this is, as git knows it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gmconf.site.load import Loaded


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit. ``commit`` is empty when there is none, ``why`` then says so; ``changed`` are inputs that differ from
    it."""

    commit: str
    day: str
    why: str
    changed: tuple[str, ...]

    @property
    def words(self) -> str:
        """In one line."""
        if not self.commit:
            return self.why
        dirty = f", with changes that are not committed: {', '.join(self.changed)}" if self.changed else ""
        return f"git {self.commit[:12]} of {self.day}{dirty}"


def revision(loaded: Loaded) -> Revision:
    """The commit of the site's directory, and which of the files that the site is made of are not as committed."""
    folder = loaded.path.parent
    head = _git(folder, "log", "-1", "--format=%H %cs")
    if head is None:
        inside = _git(folder, "rev-parse", "--is-inside-work-tree")
        return Revision("", "", "not in git" if inside is None else "in git, but nothing is committed yet", ())
    commit, _, day = head.strip().partition(" ")
    inputs = [*loaded.inputs, *([loaded.site.secrets.folder] if loaded.secrets.exists() else [])]
    return Revision(commit, day, "", tuple(_changed(folder, inputs)))


def _changed(folder: Path, inputs: Sequence[str]) -> list[str]:
    """Inputs with changes, and those that git does not know."""
    found = []
    for name in inputs:
        state = _git(folder, "status", "--porcelain", "--", name)
        if state or not _git(folder, "ls-files", "--", name):
            found.append(name)
    return found


def _git(folder: Path, *argv: str) -> str | None:
    """What git prints, or None where it refuses or is not there. Variables of a surrounding git command would mislead
    it."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder.absolute()), *argv], capture_output=True, text=True, env=env, check=False
        )
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
