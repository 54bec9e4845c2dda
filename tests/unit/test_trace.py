"""Why lines are there is kept once for all hosts that are alike."""

from __future__ import annotations

import json

import pytest

from gmconf.build import explain
from gmconf.errors import GmconfError
from gmconf.render.render import likeness
from gmconf.render.trace import Trace
from gmconf.services.plan import File
from gmconf.settings import Settings, need

ONE, TWO = need("postfix", "one"), need("postfix", "two")


def settings(value: object = 1, *because: object) -> Settings:
    c = Settings("/etc/x")
    c.set("key", value, *(because or (ONE,)))
    return c


def test_alike_hosts_share_a_part(tmp_path) -> None:
    trace = Trace()
    for host, why in (("a.example.org", ONE), ("b.example.org", ONE), ("c.example.org", TWO)):
        printed = list(settings(1, why).flat())
        trace.add(host, [("/etc/x", trace.entry(ONE, {3: printed})), ("/etc/y", trace.entry(TWO, {}, "y.vault"))])
    written = trace.dump()
    assert len(json.loads(written)["parts"]) == 2
    (tmp_path / "trace.json").write_text(written)
    read = explain.read_trace(tmp_path)
    assert read["hosts"]["a.example.org"] == read["hosts"]["b.example.org"]
    assert read["hosts"]["c.example.org"]["/etc/x"]["lines"]["3"] == [["key", [1]]]
    assert read["hosts"]["c.example.org"]["/etc/y"] == {"because": 1, "secret": "y.vault"}
    assert [r["text"] for r in read["reasons"]] == ["one", "two"]


def test_trace_of_another_version_is_refused(tmp_path) -> None:
    (tmp_path / "trace.json").write_text('{"format": 1, "reasons": [], "hosts": {}}')
    with pytest.raises(GmconfError, match="render again"):
        explain.read_trace(tmp_path)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (settings(1), settings(True)),
        (settings(["a"]), settings(["b"])),
        (settings(1), settings(1, TWO)),
        (settings(1), settings(1, ONE, TWO)),
    ],
    ids=["type", "list", "reason", "more reasons"],
)
def test_files_that_differ_are_rendered_each(one, other) -> None:
    def of(found: Settings) -> object:
        return likeness(File("/etc/x", "postfix", ONE, "x.j2", found, str))

    assert of(one) != of(other)
    assert of(one) == of(one)
