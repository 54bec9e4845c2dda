"""The pages that people read: links lead somewhere, the reference is current, README shows what the program does."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import typer
from commands import gmconf
from conftest import ROOT

from gmconf.cli import app
from gmconf.controls import CATALOGUE
from gmconf.reference.fields import example, kind, places, rows
from gmconf.reference.links import heading
from gmconf.reference.pages import pages

REFERENCE = ROOT / "docs/reference"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages(typer.main.get_command(app))


def test_the_reference_is_current(made) -> None:
    there = {str(p.relative_to(REFERENCE)): p.read_text() for p in REFERENCE.rglob("*.md")}
    stale = sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))
    assert not stale, f"{', '.join(stale)}: run gmconf docs -o docs/reference"


def plain(text: str) -> str:
    """Without blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(path: Path) -> set[str]:
    text = plain(path.read_text())
    found = re.findall(r'<a id="([^"]+)"', text)
    headings = [re.sub(r"<[^>]+>|`", "", h) for h in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    return {*found, *map(heading, headings)}


@pytest.fixture(scope="module")
def places_of() -> dict[Path, set[str]]:
    return {path: anchors(path) for path in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path, places_of) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", plain(page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, place = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (place and place not in places_of.get(file, set())):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("path", sorted(REFERENCE.rglob("*.md")), ids=lambda p: str(p.relative_to(REFERENCE)))
def test_anchors_are_one_of_a_kind(path: Path) -> None:
    counts = Counter(re.findall(r'<a id="([^"]+)"', path.read_text()))
    assert not [name for name, count in counts.items() if count > 1]


def test_every_control_has_its_place(places_of) -> None:
    found = {(p.stem, a) for p in (REFERENCE / "controls").glob("*.md") for a in places_of[p]}
    assert not [c for c in CATALOGUE if (c.partition(".")[0], heading(c)) not in found]


def test_every_type_of_the_model_has_words() -> None:
    """A type that nobody gave words to would be shown by its Python name."""
    for place in places():
        for row in rows(place.part):
            words, _ = kind(row.hint)
            assert " " in words or words in ("text", "number", "address", "port"), (row.part, row.name, words)
            assert example(row) or "see [" in words, (row.part, row.name)


def test_examples_of_simple_fields_are_taken() -> None:
    """Each example is read by the field that it stands at."""
    import yaml
    from pydantic import TypeAdapter

    tried = 0
    for place in places():
        for row in rows(place.part):
            if shown := example(row):
                value = yaml.load(shown, Loader=yaml.BaseLoader)  # noqa: S506  # words, as gmconf reads them
                assert TypeAdapter(row.hint).validate_python(value) is not None
                tried += 1
    assert tried > 100


def test_readme_shows_what_comes_out(tmp_path, vault_password) -> None:
    text = (ROOT / "README.md").read_text()
    (site,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert site.count("\n") == 12
    assert text.count("\n") <= 100
    (tmp_path / "site.yml").write_text(site)
    for call in (["keys", "site.yml"], ["passwd", "site.yml", "--generate"], ["render", "site.yml", "-o", "build"]):
        done = gmconf(*call, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in text
    rendered = (tmp_path / "build/hosts/mail.example.org/tree/etc/postfix/main.cf").read_text().splitlines()
    shown = re.findall(r"^\| `(\w+ = .*?)` \|", text, re.MULTILINE)
    assert len(shown) == 6
    assert set(shown) <= set(rendered)
    explained = gmconf("explain", "main.cf:smtpd_forbid_bare_newline", cwd=tmp_path).stdout
    assert explained.splitlines() == [line[4:] for line in text.splitlines() if line[4:] in explained.splitlines()]
    judged = gmconf("check", "site.yml", "--level", "basic", cwd=tmp_path).stdout.splitlines()[-1]
    assert f"    {judged}\n" in text


def test_readme_counts_controls() -> None:
    text = (ROOT / "README.md").read_text()
    counts = Counter(c.level for c in CATALOGUE.values())
    assert f"{len(CATALOGUE)} controls" in text
    assert f"**basic** asks for {counts['basic']}:" in text
    assert f"**bronze** for {counts['bronze']} more:" in text
    assert f"**silver** for {counts['silver']} more:" in text


def test_limits_has_a_section_for_every_wish(places_of) -> None:
    from gmconf.model.complaints import LIMITS, wish

    known = {row.name for place in places() for row in rows(place.part)}
    tried = [key for keys in LIMITS.values() for key in keys]
    assert len(tried) == len(set(tried))
    for key in tried:
        target = wish(key).partition("docs/limits.md#")[2]
        assert target in places_of[ROOT / "docs/limits.md"], key
    # A word that is a field somewhere is a word in the wrong place there, and gets the usual hint first.
    assert not set(tried) & known
