"""Chat and news: where they may live, whose certificates they need, and how their languages are spelled."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from conftest import PASSWORD
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from gmconf.dialects import inn, lua
from gmconf.errors import GmconfError, SiteError
from gmconf.keys import credentials
from gmconf.keys import make as keys
from gmconf.model import Site
from gmconf.site.load import load
from gmconf.site.rules.talk import misplaced

NOW = datetime(2026, 11, 23, tzinfo=UTC)
GROUPS = {"groups": [{"name": "local.talk", "description": "Everything"}]}


def site(*roles: str, **more: object) -> Site:
    return Site.model_validate(data(*roles, **more))


def data(*roles: str, **more: object) -> dict:
    return {
        "organisation": {"name": "Example", "postmaster": "alice@example.org"},
        "domains": [
            {"name": "example.org", "mailboxes": [{"name": "alice"}]},
            {"name": "example.net"},
            {"name": "example.com", "kind": "alias", "alias_of": "example.org"},
            {"name": "parked.example", "kind": "parked"},
        ],
        "hosts": [
            {
                "name": "mail.example.org",
                "release": "trixie",
                "addresses": ["192.0.2.1", "2001:db8::1"],
                "roles": ["mta", "msa", "store", "filter", *roles],
            }
        ],
        **more,
    }


@pytest.mark.parametrize(
    ("roles", "more", "wrong"),
    [
        ((), {}, []),
        (("chat",), {}, []),
        (("chat",), {"chat": {"retention": "30d", "federation": False}}, []),
        ((), {"chat": {}}, ["chat"]),
        (("news",), {"news": GROUPS}, []),
        (("news",), {}, ["hosts[0].roles"]),
        (("news",), {"news": {"retention": "30d"}}, ["hosts[0].roles"]),
        (("news",), {"news": {**GROUPS, "port": 119}}, ["news.port"]),
        (("news",), {"news": {**GROUPS, "host": "news.example.net"}}, ["news.host"]),
        ((), {"news": {"host": "news.example.net", "port": 1563}}, []),
        ((), {"news": {"host": "news.example.net", **GROUPS}}, ["news.groups"]),
        (
            (),
            {"news": {"host": "news.example.net", "retention": "30d", "article_size": 4096}},
            ["news.retention", "news.article_size"],
        ),
        ((), {"news": GROUPS}, ["news"]),
        ((), {"news": {}}, ["news"]),
    ],
)
def test_what_fits_together(roles: tuple[str, ...], more: dict, wrong: list[str]) -> None:
    assert [path for path, _ in misplaced(site(*roles, **more))] == wrong


def test_only_one_host_has_them() -> None:
    found = data("chat")
    found["hosts"].append(
        {"name": "b.example.org", "release": "trixie", "addresses": ["192.0.2.2", "2001:db8::2"], "roles": ["chat"]}
    )
    seen = dict(misplaced(Site.model_validate(found)))
    assert list(seen) == ["hosts[1].roles"]


@pytest.mark.parametrize(
    "name",
    [
        "talk",
        "control.talk",
        "to.us",
        "junk.food",
        "example.talk",
        "local.all",
        "local.ctl.x",
        "local.2026",
        "Local.talk",
        "local..talk",
        ".local.talk",
        "local.talk.",
        "local.t/k",
        "local.*",
        "local.!talk",
        "x" * 31 + ".talk",
        "local talk",
    ],
)
def test_names_that_no_group_may_have(name: str) -> None:
    with pytest.raises(ValueError, match="groups"):
        site("news", news={"groups": [{"name": name, "description": "x"}]})


@pytest.mark.parametrize("name", ["local.talk", "example-org.general", "de.comp.lang.c++", "local.x2026"])
def test_names_that_a_group_may_have(name: str) -> None:
    assert site("news", news={"groups": [{"name": name, "description": "x"}]}).news.groups[0].name == name


def names(file: Path) -> list[str]:
    found = x509.load_pem_x509_certificate(file.read_bytes()).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    return found.value.get_values_for_type(x509.DNSName)


def test_each_hosted_domain_has_a_certificate_of_its_own(tmp_path) -> None:
    """None for an alias or parked domain: nobody has an address there that is a login."""
    made = keys.create_missing(site("chat"), tmp_path, PASSWORD, now=NOW)
    assert [m for m in made if m.startswith("tls/")] == [
        "tls/mail.example.org.crt",
        "tls/example.org.crt",
        "tls/example.net.crt",
    ]
    for name in ("mail.example.org", "example.org", "example.net"):
        assert names(tmp_path / f"keys/tls/{name}.crt") == [name]
    assert keys.create_missing(site("chat"), tmp_path, PASSWORD, now=NOW) == []


def test_without_chat_no_certificate_names_a_mail_domain(tmp_path) -> None:
    made = keys.create_missing(site(), tmp_path, PASSWORD, now=NOW)
    assert [m for m in made if m.startswith("tls/")] == ["tls/mail.example.org.crt"]


@pytest.fixture
def written(tmp_path) -> Path:
    """A site with chat and all its keys."""
    file = tmp_path / "site.yml"
    file.write_text(yaml.safe_dump(data("chat")))
    keys.create_missing(load(file, keys=False).site, tmp_path, PASSWORD, now=NOW)
    credentials.store(tmp_path / "keys", {"alice@example.org": "{X}one"}, PASSWORD)
    load(file)
    return file


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "example.net"),
        ("no certificate\n", "is not a certificate in PEM"),
    ],
)
def test_a_certificate_for_another_name_is_refused_before_rendering(written, content: str | None, word: str) -> None:
    written.write_text(yaml.safe_dump(data("chat", tls={"source": "files"})))
    load(written)
    folder = written.parent / "keys/tls"
    (folder / "example.net.crt").write_text(content or (folder / "mail.example.org.crt").read_text())
    with pytest.raises(SiteError) as error:
        load(written)
    [problem] = error.value.problems
    assert problem.path == "domains[1]"
    assert problem.message.startswith("keys/tls/example.net.crt ")
    assert word in problem.message.removeprefix("keys/tls/example.net.crt ")


def test_a_trusted_ca_must_be_there(written) -> None:
    written.write_text(yaml.safe_dump({**yaml.safe_load(written.read_text()), "tls": {"trusted": ["partner"]}}))
    with pytest.raises(
        SiteError, match=r"keys/ca/partner\.crt is missing; put the certificate \(PEM\) of that CA there"
    ):
        load(written)


@given(st.text(max_size=60))
def test_lua_reads_back_what_was_written(text: str) -> None:
    """Lua 5.4 manual section 3.1: between quotes only the backslash and the quote are not themselves."""
    try:
        spelled = lua.spell(text)
    except GmconfError:
        assert not text.isprintable()
        return
    assert re.fullmatch(r'"(?:[^"\\\n]|\\["\\])*"', spelled)
    assert re.sub(r"\\(.)", r"\1", spelled[1:-1]) == text


@given(st.lists(st.text(max_size=20), max_size=4))
def test_lists_of_lua_stay_lists(items: list[str]) -> None:
    try:
        spelled = lua.spell(items)
    except GmconfError:
        return
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', spelled)
    assert bare == ("{ " + ", ".join(['""'] * len(items)) + " }" if items else "{ }")


@given(st.text(max_size=60))
def test_inn_holds_no_sign_that_ends_a_value(text: str) -> None:
    """inn.conf(5) and readers.conf(5) disagree about escapes, so there are none."""
    for spell in (inn.spell, inn.word):
        try:
            spelled = spell(text)
        except GmconfError:
            continue
        assert spelled in (f'"{text}"', text)
        assert not set(text) & set('"\\#\n\r') and text.isprintable()


def test_words_of_inn_hold_no_field() -> None:
    for text in ("a b", "a;b", "", "a\tb", "${x}", "a|b"):
        with pytest.raises(GmconfError):
            inn.word(text)
