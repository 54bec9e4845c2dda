"""Mailboxes from files beside site.yml: CSV with a header line, or JSON lines; line numbers are kept."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gmconf.errors import Mark, Problem, SiteError
from gmconf.model import Mailbox, Site, UserFile
from gmconf.model.complaints import sentence
from gmconf.model.document import Document, read_text

User = tuple[str, Mailbox, str]
"""(domain, mailbox, "file:line")."""
_LISTS = ("forward", "senders")
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_users(site: Site, base: Path, document: Document) -> tuple[tuple[User, ...], list[Problem], tuple[str, ...]]:
    """All users of the site's user files, the problems found, and the files' names."""
    users: list[User] = []
    problems: list[Problem] = []
    for number, entry in enumerate(site.users):
        path = base / entry.file
        mark = document.mark(("users", number, "file"))
        if (path.is_absolute() and entry.file.startswith("/")) or ".." in Path(entry.file).parts:
            problems.append(Problem(mark, f"users[{number}].file", "a path below the folder of site.yml is needed"))
            continue
        try:
            text = read_text(path, entry.file, instead="divide it into several files and name each under users:")
        except SiteError as error:
            # What has a place in the file is told there, anything else where the file is named.
            problems += [
                p if p.mark.line else Problem(mark, f"users[{number}].file", f"{entry.file}: {p.message}")
                for p in error.problems
            ]
            continue
        for line, row in _rows(entry.file, text, problems):
            user = _user(entry, line, row, problems)
            if user:
                users.append(user)
    return tuple(users), problems, tuple(entry.file for entry in site.users)


def _rows(name: str, text: str, problems: list[Problem]) -> Iterator[tuple[int, dict[str, Any]]]:
    if name.endswith((".jsonl", ".ndjson")):
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                try:
                    row = json.loads(line, object_pairs_hook=_once)
                except RecursionError:
                    problems.append(Problem(Mark(name, number, 1), "", "nested too deeply; a mailbox is one object"))
                    continue
                except ValueError as error:
                    problems.append(
                        Problem(
                            Mark(name, number, 1),
                            "",
                            f"not JSON: {error}" if isinstance(error, json.JSONDecodeError) else str(error),
                        )
                    )
                    continue
                if isinstance(row, dict):
                    yield number, row
                else:
                    problems.append(Problem(Mark(name, number, 1), "", "a JSON object is needed on every line"))
        return
    import csv

    # Line ends of all systems, old ones included.
    reader = csv.reader(io.StringIO(text, newline=None), strict=True)
    try:
        head = [column.strip() for column in next(reader, [])]
        unknown = [column for column in head if column not in Mailbox.model_fields]
        twice = [column for column in dict.fromkeys(head) if head.count(column) > 1]
        if unknown or twice or "name" not in head:
            problems.append(Problem(Mark(name, 1, 1), "", _header(head, unknown, twice)))
            return
        start = reader.line_num + 1
        for cells in reader:
            at, start = start, reader.line_num + 1
            if not cells:
                continue
            if len(cells) != len(head):
                problems.append(
                    Problem(Mark(name, at, 1), "", f"{len(cells)} columns where the header has {len(head)}")
                )
                continue
            yield at, {key: _cell(key, cell.strip()) for key, cell in zip(head, cells, strict=True) if cell.strip()}
    except csv.Error as error:
        problems.append(Problem(Mark(name, reader.line_num, 1), "", f"not CSV: {error}"))


def _header(head: list[str], unknown: list[str], twice: list[str]) -> str:
    """What is wrong with a header line."""
    for sign, spoken in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(head) == 1 and sign in head[0]:
            return f"the columns are divided by {spoken}; save the file with commas"
    if twice:
        return f"the column {twice[0]!r} stands here twice; keep one"
    what = f"unknown column {unknown[0]!r}" if unknown else "no column name"
    return f"{what}; the header line names some of: {', '.join(Mailbox.model_fields)}"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys differ. Raises ValueError: of two values one would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands here twice; keep one")
    return found


def _cell(key: str, cell: str) -> Any:
    if key in _LISTS:
        return cell.split()
    if key in ("send", "receive", "keep"):
        return _FLAGS.get(cell.lower(), cell)
    return cell


def _user(entry: UserFile, line: int, row: dict[str, Any], problems: list[Problem]) -> User | None:
    mark = Mark(entry.file, line, 1)
    domain, name = entry.domain, str(row.get("name", ""))
    if domain is None:
        name, at, domain = name.rpartition("@")
        if not at:
            problems.append(
                Problem(mark, "name", "a full address is needed, because users: names no domain for the file")
            )
            return None
        row = {**row, "name": name}
    try:
        return domain.lower(), Mailbox.model_validate(row), f"{entry.file}:{line}"
    except ValidationError as error:
        for found in error.errors(include_url=False):
            problems.append(Problem(mark, ".".join(map(str, found["loc"])), sentence(found)))
        return None
