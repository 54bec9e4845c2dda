"""Whatever is written into site.yml, no field can add a line, a directive, a block or a map entry.

Every text in a site with all options is replaced, one at a time, by hostile ones. Each is either refused by the model,
or the rendered files have the same skeleton as before: what is left when quoted texts and the values of lines are taken
away.
"""

from __future__ import annotations

import collections
import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gmconf.derived.accounts import Directory
from gmconf.dialects import (
    clamav,
    dovecot,
    ini,
    markdown,
    nftables,
    postfix,
    redis,
    securitytxt,
    ucl,
    unbound,
    xml,
    zone,
)
from gmconf.dialects.markdown import Code, Link, Verbatim
from gmconf.documents import html
from gmconf.documents import writer as book
from gmconf.documents.context import Desk
from gmconf.documents.exposure import exposure
from gmconf.errors import GmconfError
from gmconf.model import Site
from gmconf.render.render import render
from gmconf.services.plan import LineFile, SecretFile, View
from gmconf.services.registry import plans
from gmconf.settings import Reason

DATA = yaml.safe_load((Path(__file__).parents[1] / "golden/sites/everything/site.yml").read_text()) | {"users": []}
HOSTILE = (
    "x\nsmtpd_tls_security_level = none",
    "x\r\n\tcontinued",
    'x"; evil = "y',
    "x'; } evil {",
    "x}\n}",
    "x # comment",
    "x; drop",
    "$(reboot)",
    "`reboot`",
    "${config_directory}",
    "$mynetworks",
    "%{user}",
    "%u",
    "<x",
    "</etc/shadow",
    "x\\",
    'x\\"',
    "!include /etc/shadow",
    ".include /etc/shadow",
    "{{ c.x }}",
    "{% raw %}",
    "x, permit",
    "x\0y",
    "x\u2028y",
    "x\x85y",
    "x\x0by",
    "{",
    "}",
    "[",
    "]]",
    '"',
    "'",
    "/*",
    "*/",
    "//",
    "=",
    ": ",
    " ",
    "\t",
    "-",
    "@",
    "a@b",
    "a b@example.org",
    '"a b"@example.org',
    "a@example.org b@example.org",
    "a,b@example.org",
    "x*",
    "*",
    ".",
    "..",
    "../../etc",
    "/etc/passwd",
    "permit_mynetworks",
    "0.0.0.0/0",
    "::/0",
    "example.org.",
    "-e",
    "--help",
    "ex\u00e4mple.org",
    "\u202eexample.org",
)


def leaves(data: Any, path: tuple = ()) -> Iterator[tuple]:
    """Paths of all texts, keys of mappings of the user included."""
    if isinstance(data, str):
        yield path
    elif isinstance(data, list):
        for number, item in enumerate(data):
            yield from leaves(item, (*path, number))
    elif isinstance(data, dict):
        for key, item in data.items():
            yield from leaves(item, (*path, key))


def replaced(path: tuple, text: str) -> dict:
    data = copy.copy(DATA)
    parent = data
    for part in path[:-1]:
        parent[part] = copy.copy(parent[part])
        parent = parent[part]
    parent[path[-1]] = text
    return data


def texts(site: Site) -> dict[str, str]:
    view = View(
        site,
        site.hosts[0],
        Directory(site),
        lambda path: Reason("site", "site.yml:1:1", path),
        collections.defaultdict(lambda: "PEM"),
    )
    found = {}
    for plan in plans(view):
        for file in plan.files:
            if not isinstance(file, SecretFile):
                found[file.path] = "\n".join(file.lines()) if isinstance(file, LineFile) else render(file).text
    return found


def skeleton(path: str, text: str) -> list[str]:
    """Lines without what may differ: quoted texts, and values behind the first word or sign."""
    found = []
    for line in text.split("\n"):
        bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
        if path.startswith(("/etc/rspamd", "/etc/nftables", "/etc/dovecot", "/etc/apt")):
            # Blocks and statements: everything that is a sign counts.
            found.append(re.sub(r"[^\[\]{};=,\"]+", "w", bare) if "/maps.d/" not in path else re.sub(r"\S+", "w", bare))
        elif path.endswith(".xml"):
            found.append(re.sub(r">[^<>]*<", "><", line))
        else:
            found.append(
                re.sub(r"^(\s*[A-Za-z0-9_.-]+).*$", r"\1", bare) if "/maps/" not in path else "line" if line else ""
            )
    return found


TEXTS = texts(Site.model_validate(DATA))
BEFORE = {path: skeleton(path, text) for path, text in TEXTS.items()}


def check(path: tuple, hostile: str) -> bool:
    """Whether the site was accepted; then nothing but values may differ."""
    try:
        site = Site.model_validate(replaced(path, hostile))
    except ValueError:
        return False
    try:
        after = texts(site)
    except GmconfError:
        return False
    after = {file: text for file, text in after.items() if text != TEXTS.get(file)}  # the rest passes if TEXTS does
    for file, text in after.items():
        was, now = BEFORE.get(file), skeleton(file, text)
        if was is None or len(now) != len(was) and "/maps" in file or file.endswith(("users", "passwords")):
            continue  # another address may be another line of a map; what a map line looks like is tested below
        if path[0] == "overrides" or path[-1] in ("release", "kind", "source", "mechanism"):
            assert len(now) - len(was) in (-1, 0, 1), (path, hostile, file)
            continue
        assert now == was, (path, hostile, file)
    assert not unprintable(after), (path, hostile)
    return True


def unprintable(found: dict[str, str]) -> list[tuple[str, str]]:
    """Lines of maps that hold what nobody sees."""
    return [
        (file, line)
        for file, text in found.items()
        if file.startswith("/etc/postfix/maps/") or file.endswith(".map")
        for line in text.split("\n")
        if not line.isprintable()
    ]


@pytest.mark.parametrize("path", sorted(leaves(DATA), key=str), ids=lambda p: ".".join(map(str, p)))
def test_hostile_text(path: tuple) -> None:
    for hostile in HOSTILE:
        if path[0] == "network" and hostile in ("0.0.0.0/0", "::/0"):
            continue  # a value like any other here, in the list of the other family
        if path[0] == "organisation" and path[-1] == "name":
            assert "\n" not in hostile or not check(path, hostile)
        check(path, hostile)


def test_the_test_can_fail() -> None:
    """A template that printed a text as it is would be noticed."""
    evil = {"/etc/rspamd/local.d/x.conf": 'a = "x"; evil = "y";'}
    assert skeleton(*next(iter(evil.items()))) != skeleton("/etc/rspamd/local.d/x.conf", 'a = "x";')
    assert skeleton("/etc/postfix/main.cf", "a = x\nevil = y") != skeleton("/etc/postfix/main.cf", "a = x")
    assert unprintable({"/etc/postfix/maps/x": "a b\nc\x0bd"}) == [("/etc/postfix/maps/x", "c\x0bd")]
    assert not unprintable(TEXTS)
    assert check(("organisation", "name"), "Harmless")


ANY = st.text(max_size=60)


def spelled(spell, text: str) -> str | None:
    try:
        return spell(text)
    except GmconfError:
        return None


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(ANY)
def test_no_dialect_ends_a_line_early(text: str) -> None:
    for module in (postfix, dovecot, ucl, clamav, redis, unbound, ini, nftables, markdown, xml, zone, securitytxt):
        out = spelled(module.spell, text)
        if out is not None:
            assert not re.search(r"[\n\r\x0b\x0c\x00\x85\u2028\u2029]", out), (module, text)


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(ANY)
def test_ucl_reads_back_what_was_written(text: str) -> None:
    out = spelled(ucl.spell, text)
    if out is not None:
        assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', out)
        assert re.sub(r"\\(.)", r"\1", out[1:-1]) == text


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(ANY)
def test_dovecot_reads_back_what_was_written(text: str) -> None:
    out = spelled(dovecot.spell, text)
    if out is None:
        return
    if out.startswith('"'):
        assert re.fullmatch(r'"(?:[^"\\]|\\.)*"', out)
        assert re.sub(r"\\(.)", r"\1", out[1:-1]) == text
    else:
        assert out == text
        assert not set(out) & set("{}#\"'\\<$;") - {"<"}


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(st.lists(ANY, max_size=4))
def test_lists_stay_lists(items: list[str]) -> None:
    for module in (postfix, ucl, nftables):
        out = spelled(module.spell, items)
        if out is not None:
            assert "\n" not in out


MARKUP = st.text(alphabet=st.sampled_from("[](){}<>!*_`~#+-=|\\&;:.1a \"'/@$^%?\u00a0\u0301"), max_size=30)
PLACES = (
    "{}",
    "before {} after",
    "- {}",
    "1. {}",
    "## {}",
    "> {}",
    "| a | b |\n|---|---|\n| {} | c |",
    "a line\n{}\nanother",
    "**{}**",
    "{}, {}",
    "so {}.",
    "[x](y.md) {}",
    "{}(z)",
)
"""Where a template may print a value."""


def test_no_document_starts_a_line_with_a_value_and_a_dot() -> None:
    """A value that is a number would become the first item of a list."""
    for template in (Path(__file__).parents[2] / "templates/documents").rglob("*.j2"):
        assert not re.search(r"^\s*(\{%[^%]*%\}\s*)*\{\{[^}]*\}\}[.)]", template.read_text(), re.M), template


def parsed(text: str) -> tuple[list[tuple[str, str, str]], str]:
    """Elements of a text with what they lead to, and what a reader reads."""
    elements, words = [], []
    for token in html._converter().parse(text):
        elements.append((token.type, token.tag, ""))
        for child in token.children or ():
            if child.type == "text":
                words.append(child.content)
            elif child.type in ("softbreak", "code_inline"):
                words.append("\n" if child.type == "softbreak" else child.content)
                elements.append((child.type, child.tag, ""))
            else:
                elements.append((child.type, child.tag, str(child.attrGet("href"))))
    return elements, "".join(words)


@settings(max_examples=600, suppress_health_check=list(HealthCheck))
@given(st.one_of(MARKUP, ANY), st.sampled_from(PLACES))
def test_markdown_values_are_text(text: str, place: str) -> None:
    """No value opens anything, wherever it is printed, and a reader reads the very value."""
    out = spelled(markdown.spell, text)
    if out is None or not out:
        return
    elements, words = parsed(place.replace("{}", out))
    plain, marked = parsed(place.replace("{}", "word"))
    assert elements == plain
    assert words == marked.replace("word", text.strip())


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.one_of(MARKUP, ANY), st.one_of(MARKUP, ANY))
def test_markdown_links_lead_where_they_should(text: str, target: str) -> None:
    if not text.strip():
        return
    out = spelled(markdown.spell, Link(text, target))
    if out is not None:
        elements, words = parsed(f"see {out} here")
        assert [e for e in elements if e[0].startswith("link")] == [
            ("link_open", "a", target),
            ("link_close", "a", "None"),
        ]
        assert words == f"see {text.strip()} here"
        assert re.match(r"https://|mailto:|tel:|[^:]*$", target)


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.one_of(MARKUP, ANY))
def test_markdown_code_is_code(text: str) -> None:
    out = spelled(markdown.spell, Code(text))
    if out is not None:
        elements, words = parsed(f"see {out} here")
        assert [e[0] for e in elements] == ["paragraph_open", "inline", "code_inline", "paragraph_close"]
        assert words == f"see {text} here"
    block = spelled(markdown.spell, Verbatim(text))
    if block is not None:
        tokens = html._converter().parse(f"```sh\n{block}\nA={block}\n```\nend\n")
        assert [t.type for t in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
        assert tokens[0].content == f"{block}\nA={block}\n"


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(ANY)
def test_xml_reads_back_what_was_written(text: str) -> None:
    from xml.etree import ElementTree as ET

    out = spelled(xml.spell, text)
    if out is not None:
        root = ET.fromstring(f'<a b="{out}"><c>{out}</c></a>')
        assert (root.get("b"), root.findtext("c")) == (text, text)
        assert len(root) == 1


HOSTILE_PROSE = (
    (
        "x](https://evil.example) [y](javascript:alert(1)) <script>alert(1)</script> <https://evil.example>"
        " https://evil.example"
    ),
    "`rm -rf` **bold** _em_ ~~no~~ | cell | &lt;b&gt; ![i](x.png) \\",
    "| a | b |",
    "# heading",
    "1. one",
    "- item",
    "```",
    "---",
    "</td></main>",
    "$x$ {{ c.x }}",
)
TOLD = ("organisation", "support", "procedures", "policies", "clients", "news", "domains", "hosts", "network", "filter")


def prose(site: Site) -> dict[str, str]:
    """All documents of a site."""
    mail = Directory(site)

    def why(path: str) -> Reason:
        return Reason("site", "site.yml:1:1", path)

    view = View(site, site.hosts[0], mail, why, collections.defaultdict(lambda: "PEM"))
    return {
        file.path: file.rendered.text for file in book.written(Desk(site, mail, why, (exposure(view, plans(view)),)))
    }


def outline(path: str, text: str) -> list[str]:
    """Tags of pages and XML without their values; signs of the rest."""
    if path.endswith((".html", ".xml", ".mobileconfig")):
        return re.sub(
            r'(href|id)="[^"]*"', r"\1", re.sub(r">[^<]*<", "><", text.partition("</style>")[2] or text)
        ).split("\n")
    return [re.sub(r"\S+", "w", line)[:1] for line in text.split("\n")]


def renamed(path: tuple, text: str) -> dict:
    """Whoever is on duty was trained under the same name."""
    data = replaced(path, text)
    if path[0] == "procedures" and path[-1] == "name":
        old = DATA["procedures"][path[1]][path[2]]["name"]
        for role in ("duty", "trained"):
            people = [
                {**person, "name": text} if person["name"] == old else person for person in data["procedures"][role]
            ]
            data["procedures"] = {**data["procedures"], role: people}
    return data


PROSE = {path: outline(path, text) for path, text in prose(Site.model_validate(DATA)).items()}


@pytest.mark.parametrize(
    "path", sorted((p for p in leaves(DATA) if p[0] in TOLD), key=str), ids=lambda p: ".".join(map(str, p))
)
def test_hostile_prose(path: tuple) -> None:
    """Nobody who may write a field of the site can write into the pages that others read."""
    for hostile in HOSTILE_PROSE:
        try:
            site = Site.model_validate(renamed(path, hostile))
            after = prose(site)
        except (ValueError, GmconfError):
            continue
        for file, text in after.items():
            assert outline(file, text) == PROSE[file], (path, hostile, file)


def test_the_outline_would_notice() -> None:
    page = "documents/support.html"
    assert outline(page, "<p>x</p>") != outline(page, "<p>x <a href='y'>z</a></p>")
    assert outline(page, "<td>a</td>") != outline(page, "<td>a</td><td>b</td>")
    site = Site.model_validate(replaced(("organisation", "name"), HOSTILE_PROSE[0]))
    assert "&lt;script&gt;" in prose(site)[page]
