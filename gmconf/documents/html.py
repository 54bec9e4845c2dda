"""Pages from Markdown: each whole in itself, readable on a phone, printable."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache, lru_cache
from html import escape
from typing import TYPE_CHECKING

from gmconf.resources import folder

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_STAND_IN = "the-domain.invalid"
"""Stands for a domain while its sheet is converted: sheets of all domains are the same page but for that name."""


def page(text: str, title: str, home: str) -> str:
    """A whole page; links to .md become links to .html. ``home`` is the way to the index."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_style()}</style>\n</head>\n<body>\n"
        f'<nav><a href="{escape(home)}">All documents</a></nav>\n<main>\n{_body(text)}</main>\n</body>\n</html>\n'
    )


def sheet(text: str, title: str, home: str, domain: str) -> str:
    """The page of one domain: converted once for all domains whose sheets say the same."""
    if _STAND_IN in text + title:
        return page(text, title, home)
    return _sheet(text.replace(domain, _STAND_IN), title.replace(domain, _STAND_IN), home).replace(_STAND_IN, domain)


@lru_cache(8)
def _sheet(text: str, title: str, home: str) -> str:
    return page(text, title, home)


@cache
def _style() -> str:
    return (folder("templates") / "documents/style.css").read_text("utf-8")


def _body(text: str) -> str:
    converter = _converter()
    tokens = converter.parse(text)
    seen: Counter[str] = Counter()
    for number, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag != "h1":
            anchor = _anchor(tokens[number + 1].content)
            token.attrSet("id", f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
            seen[anchor] += 1
        for child in token.children or ():
            _relink(child)
    return str(converter.renderer.render(tokens, converter.options, {}))


def _relink(token: Token) -> None:
    target = token.attrGet("href")
    if token.type == "link_open" and isinstance(target, str) and ":" not in target:
        token.attrSet("href", re.sub(r"\.md(?=#|$)", ".html", target))


def _anchor(heading: str) -> str:
    """As GitHub does it for plain words."""
    return re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


@cache
def _converter() -> MarkdownIt:
    # Imported for sites that have documents only: it takes as long as half of the rendering of a small one.
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": False}).enable("table")

    # Wide tables scroll on their own.
    made.add_render_rule("table_open", lambda *_: '<div class="table"><table>\n')
    made.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return made
