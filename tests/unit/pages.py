"""Reads HTML pages strictly: every tag closed in order, ids and links remembered, texts by element."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "br", "hr", "img", "link", "input"}
MUST_SAY_SOMETHING = {"td", "li", "p", "h1", "h2", "h3", "a", "code", "title"}


class Page(HTMLParser):
    """A parsed page; raises AssertionError where it is not well-formed or an element says nothing."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.path, self.stack, self.ids, self.links, self.sources = path, [], set(), [], []
        self.texts: list[str] = []
        self.cells: list[list[str]] = []
        text = path.read_text()
        assert text.startswith("<!DOCTYPE html>")
        self.feed(text)
        self.close()
        assert not self.stack, (path, self.stack)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if "id" in found:
            assert found["id"] not in self.ids, (self.path, found["id"])
            self.ids.add(found["id"])
        self.links += [found["href"]] if tag == "a" else []
        self.sources += [value for key, value in attrs if key == "src" or key == "href" and tag != "a"]
        assert not any(key.startswith("on") for key in found), self.path
        if tag == "tr":
            self.cells.append([])
        if tag not in VOID:
            self.stack.append(tag)
            self.texts.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID, (self.path, tag)
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack and self.stack[-1] == tag, (self.path, self.getpos(), tag, self.stack)
        self.stack.pop()
        text = self.texts.pop()
        if tag in MUST_SAY_SOMETHING:
            assert text.strip(" \n,;:.()"), (self.path, self.getpos(), tag)
        if tag in ("td", "th"):
            self.cells[-1].append(text.strip())
        if self.texts:
            self.texts[-1] += text

    def handle_data(self, data: str) -> None:
        if self.texts:
            self.texts[-1] += data
