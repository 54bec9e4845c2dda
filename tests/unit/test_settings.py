"""Settings unite reasons and refuse conflicts; nothing is printed without a reason, nothing with one is lost."""

import pytest
from jinja2 import DictLoader

from gmconf.controls import CATALOGUE, control
from gmconf.errors import GmconfError
from gmconf.render import render as rendering
from gmconf.services.plan import File
from gmconf.settings import Settings, need

A, B = need("postfix", "first"), need("postfix", "second")


@pytest.fixture
def template(monkeypatch):
    """A function that makes a File printed by the given template text."""

    def make(text: str, settings: Settings, **more) -> File:
        monkeypatch.setattr(rendering.environment(), "loader", DictLoader({"t": text}))
        rendering._template.cache_clear()
        return File("/etc/x", "postfix", A, **{"template": "t", "settings": settings, "spell": str, **more})

    yield make
    rendering._template.cache_clear()


def test_same_value_unites_reasons() -> None:
    settings = Settings("/etc/x")
    settings.set("a.b", 1, A)
    assert settings.set("a.b", 1, B).because == (A, B)


def test_other_value_is_refused_with_both() -> None:
    settings = Settings("/etc/x")
    settings.set("a", 1, control("tls.versions"))
    with pytest.raises(GmconfError, match=r"a is 1 because of tls.versions, but 2 because of postfix"):
        settings.set("a", 2, A)


def test_no_reason_no_setting() -> None:
    with pytest.raises(GmconfError, match="has no reason"):
        Settings("/etc/x").set("a", 1)


def test_unknown_control() -> None:
    with pytest.raises(GmconfError, match="no control mta.nonsense"):
        control("mta.nonsense")


def test_catalogue_is_complete() -> None:
    for found in CATALOGUE.values():
        assert found.title
        assert found.sources
        assert found.title[-1] != "."


def test_trace_names_the_line(template) -> None:
    settings = Settings("/etc/x")
    settings.set("size", 5, A)
    settings.set("empty", "", A)
    settings.rows("domains", [{"name": ("example.org", (A,))}, {"name": ("example.net", (B,))}])
    text = (
        "size = {{ c.size }}\n{% if c.empty %}\nempty\n{% endif %}\n{% for d in c.domains %}\nd {{ d.name }}\n{% endfor"
        " %}\n"
    )
    done = rendering.render(template(text, settings, comment=""))
    assert done.text == "size = 5\nd example.org\nd example.net\n"
    assert {n: [(s.key, s.because) for s in lines] for n, lines in done.lines.items()} == {
        1: [("size", (A,))],
        2: [("domains[0].name", (A,))],
        3: [("domains[1].name", (B,))],
    }


def test_unprinted_setting_is_an_error(template) -> None:
    settings = Settings("/etc/x")
    settings.set("lost", 1, A)
    with pytest.raises(GmconfError, match="no template line prints lost"):
        rendering.render(template("nothing\n", settings))


def test_bare_value_is_refused(template) -> None:
    with pytest.raises(GmconfError, match="has no reason"):
        rendering.render(template("{{ 5 }}\n", Settings("/etc/x")))


def test_missing_setting_is_named(template) -> None:
    with pytest.raises(GmconfError, match="nope"):
        rendering.render(template("{{ c.nope }}\n", Settings("/etc/x")))


def test_line_feed_is_refused_whatever_the_dialect(template) -> None:
    settings = Settings("/etc/x")
    settings.set("a", "1\nmynetworks = 0.0.0.0/0", A)
    with pytest.raises(GmconfError, match="more than one line"):
        rendering.render(template("a = {{ c.a }}\n", settings))
