"""A YAML 1.2 document that remembers where everything stands.

PyYAML's C composer gives a node tree with positions. Words stay text and the model decides what is a number or yes and
no, so that a name may be ``no``, ``007`` or ``1.10``; only null means nothing. Duplicate keys, merge keys and runaway
anchors are refused.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from gmconf.errors import Mark, Problem, SiteError

PathParts = tuple[str | int, ...]
Data = None | str | list["Data"] | dict[str, "Data"]

MAX_BYTES = 16 * 1024 * 1024
MAX_NODES = 2_000_000
MAX_DEPTH = 30
_NOTHING = ("", "~", "null", "Null", "NULL")
_TAB = re.compile(r"^[^\S\n\t]*\t(?=[^\S\n]*\S)", re.MULTILINE)

_BEFORE_COMMENT = re.compile(r"^[ \t]*\t[ \t]*(?=#)", re.MULTILINE)


# PyYAML built without libyaml has no CSafeLoader: what the base is shows at run time only, and a type checker cannot
# know it.
class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Makes nodes; what kind of word a scalar is, the model decides, so nothing is guessed here."""

    def resolve(self, *_: object) -> str:
        return "tag:yaml.org,2002:str"

    def descend_resolver(self, *_: object) -> None:
        """There are no resolvers for certain places of a document."""

    def ascend_resolver(self) -> None:
        """As above."""


class Document:
    """A parsed file: ``data`` is plain Python, ``mark(path)`` tells where a path of it stands."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self._problems: list[Problem] = []
        self._count = 0
        self._root = self._compose(text)
        self.data: Data = self._build(self._root, ())
        if self._problems:
            raise SiteError(self._problems)

    def _compose(self, text: str) -> yaml.Node:
        loader = _Loader(text)
        try:
            root: yaml.Node | None = loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            # Between brackets and before a comment tabs are blanks like others; it is the indentation that must have
            # none.
            plain = _BEFORE_COMMENT.sub(lambda found: " " * len(found[0]), text)
            if plain != text:
                return self._compose(plain)
            tab = _TAB.search(text)
            if tab and mark and text.count("\n", 0, tab.end()) <= mark.line:
                raise self._fail(
                    text.count("\n", 0, tab.end()) + 1,
                    tab.end() - tab.start(),
                    "a tab in the indentation; YAML wants spaces",
                ) from None
            what = " ".join(filter(None, (error.context, error.problem)))
            raise self._fail(
                mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, f"not YAML: {what}"
            ) from None
        except yaml.YAMLError as error:
            raise self._fail(1, 1, f"not YAML: {error}") from None
        finally:
            loader.dispose()
        if root is None:
            raise self._fail(1, 1, "the file is empty; start with organisation, domains and hosts (see gmconf schema)")
        return root

    def _fail(self, line: int, column: int, message: str) -> SiteError:
        return SiteError([Problem(Mark(self.name, line, column), "", message)])

    def _note(self, node: yaml.Node, path: PathParts, message: str) -> None:
        mark = Mark(self.name, node.start_mark.line + 1, node.start_mark.column + 1)
        self._problems.append(Problem(mark, spell_path(path), message))

    def _build(self, node: yaml.Node, path: PathParts) -> Data:
        self._count += 1
        if self._count > MAX_NODES or len(path) > MAX_DEPTH:
            raise self._endless(node)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        if isinstance(node, yaml.SequenceNode):
            return [self._build(child, (*path, number)) for number, child in enumerate(node.value)]
        assert isinstance(node, yaml.MappingNode)  # a YAML node is one of three
        built: dict[str, Data] = {}
        first: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._note(key, path, "a key must be a word, not a list or a mapping")
                continue
            name = str(key.value)
            if name == "<<" and not key.style:
                self._note(key, path, "merge keys (<<) are not part of YAML 1.2; write the values out")
            elif name in first:
                line = first[name].start_mark.line + 1
                self._note(key, (*path, name), f"the key stands here again; it is already in line {line}; keep one")
            else:
                first[name] = key
                built[name] = self._build(value, (*path, name))
        return built

    def _endless(self, last: yaml.Node) -> SiteError:
        """The error for what unfolds too far, at the anchor that does: the first whose own values are few enough, or
        that holds itself."""
        sizes: dict[int, float] = {}
        opened: set[int] = set()
        found: list[yaml.Node] = []

        def size(node: yaml.Node, depth: int) -> float:
            if id(node) in opened:
                found.append(node)
                return 0
            if id(node) not in sizes:
                opened.add(id(node))
                below = (
                    node.value
                    if isinstance(node, yaml.SequenceNode)
                    else [part for pair in node.value for part in pair]
                )
                sizes[id(node)] = 1 + sum(
                    1 if isinstance(child, yaml.ScalarNode) else size(child, depth + 1)
                    for child in below
                    if depth <= MAX_DEPTH
                )
                opened.remove(id(node))
                if sizes[id(node)] > MAX_NODES:
                    found.append(node)
            return sizes[id(node)]

        size(self._root, 0)
        if not found:
            return self._fail(
                last.start_mark.line + 1,
                last.start_mark.column + 1,
                f"nested deeper than {MAX_DEPTH} levels; no field of a site is",
            )
        at = found[0].start_mark
        return self._fail(
            at.line + 1, at.column + 1, "anchors and aliases unfold without end from here; write the values out"
        )

    def mark(self, path: PathParts, *, key: bool = False) -> Mark:
        """Where a path stands; with ``key`` the place of the key itself. The deepest known part counts."""
        node, place = self._root, self._root
        for part in path:
            if isinstance(node, yaml.MappingNode):
                hit = next(((k, v) for k, v in node.value if getattr(k, "value", None) == part), None)
                if hit is None:
                    break
                place, node = hit
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
                node = place = node.value[part]
            else:
                break
        start = (place if key else node).start_mark
        return Mark(self.name, start.line + 1, start.column + 1)

    def has(self, path: PathParts) -> bool:
        """Whether the path is written in the file."""
        data: Data = self.data
        for part in path:
            if isinstance(data, dict):
                if part not in data:
                    return False
                data = data[str(part)]
            elif isinstance(data, list) and isinstance(part, int) and part < len(data):
                data = data[part]
            else:
                return False
        return True


def _scalar(node: yaml.ScalarNode) -> str | None:
    text: str = node.value
    return None if not node.style and text in _NOTHING else text


def spell_path(path: PathParts) -> str:
    """("domains", 0, "name") -> "domains[0].name"."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text if text.isprintable() else ascii(text)[1:-1]


_DOTTED = "overrides.rspamd."


def parse_path(text: str) -> PathParts:
    """The reverse of spell_path. No key has a dot but those of overrides.rspamd, which are module.key."""
    before, dotted, key = text.partition(_DOTTED)
    parts: list[str | int] = []
    for word, number in re.findall(r"([^.\[\]]+)|\[([0-9]{1,9})\]", before + dotted):
        parts.append(int(number) if number else word)
    return (*parts, key) if key else tuple(parts)


def read_text(path: Path, name: str, *, instead: str = "put mailboxes into a CSV file and name it under users:") -> str:
    """A text file as str. Raises SiteError when it is missing, too large (``instead`` says what to do then), or not
    UTF-8."""

    def fail(line: int, column: int, message: str) -> SiteError:
        return SiteError([Problem(Mark(name, line, column), "", message)])

    try:
        # Its size may be unknown before: a pipe, a device.
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise fail(0, 0, "no such file") from None
    except ValueError:
        raise fail(0, 0, "a file's name holds no NUL") from None
    except OSError as error:
        raise fail(0, 0, f"cannot be read: {error.strerror}") from None
    if len(raw) > MAX_BYTES:
        raise fail(1, 1, f"larger than {MAX_BYTES // 1024**2} MiB; {instead}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        raise fail(line, column, f"not UTF-8: byte 0x{raw[error.start]:02x}; save the file as UTF-8") from None
