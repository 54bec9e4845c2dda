"""The picture: everything inside its box, no box on another, no line through a box, every open port shown."""

from __future__ import annotations

import re

import pytest
from report_sites import many, prepared

from gmconf.daemons import listening
from gmconf.report.picture import Box, Picture, picture
from gmconf.report.ports import groups, matrix
from gmconf.report.rendered import sides
from gmconf.site.load import load

WIDE = {"mono": 7.3, "small": 6.6}
"""Pixels of a letter, generously."""


@pytest.fixture(scope="session", params=["trixie", "everything", "six", 12, 100], ids=str)
def drawn(request, tmp_path_factory):
    work = tmp_path_factory.mktemp(f"picture{request.param}")
    loaded = many(request.param, work) if isinstance(request.param, int) else load(prepared(request.param, work))
    hosts = list(sides(loaded))
    return hosts, picture(groups(hosts), "from everywhere")


def apart(a: Box, b: Box) -> bool:
    return a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y


def test_boxes_hold_their_texts_and_do_not_touch(drawn) -> None:
    found: Picture = drawn[1]
    for number, box in enumerate(found.boxes):
        assert 0 <= box.y
        assert box.y + box.height <= found.height
        assert box.x + box.width <= found.width
        for text in box.texts:
            assert box.y < text.y <= box.y + box.height, text
            assert text.x + len(text.text) * WIDE.get(text.kind, 7.6) <= box.x + box.width or box.kind == "note", text
        assert all(apart(box, other) for other in found.boxes[:number])


def points(path: str) -> list[tuple[float, float]]:
    """Points along a line made of M, H, V, q and C."""
    x = y = 0.0
    out = []
    for command, rest in re.findall(r"([MHVqC])([^MHVqC]*)", path):
        n = [float(v) for v in rest.split()]
        start = (x, y)
        if command == "H":
            x = n[0]
        elif command == "V":
            y = n[0]
        elif command == "q":
            x, y = x + n[2], y + n[3]
        elif command == "C":
            a, b, end = (n[0], n[1]), (n[2], n[3]), (n[4], n[5])
            for t in (i / 40 for i in range(41)):
                out.append(
                    tuple(
                        (1 - t) ** 3 * start[k]
                        + 3 * (1 - t) ** 2 * t * a[k]
                        + 3 * (1 - t) * t**2 * b[k]
                        + t**3 * end[k]
                        for k in (0, 1)
                    )
                )
            x, y = end
            continue
        else:
            x, y = n
        out += (
            [(start[0] + (x - start[0]) * i / 20, start[1] + (y - start[1]) * i / 20) for i in range(21)]
            if command != "M"
            else []
        )
    return out


def test_lines_run_between_boxes(drawn) -> None:
    found: Picture = drawn[1]
    assert found.wires
    for wire in found.wires:
        for x, y in points(wire.path):
            assert -2 <= x <= found.width
            assert -2 <= y <= found.height
            for box in found.boxes:
                assert not (box.x < x < box.x + box.width and box.y < y < box.y + box.height), (
                    wire.path,
                    box.kind,
                    x,
                    y,
                )


def test_every_open_port_is_in_picture_and_table(drawn) -> None:
    hosts, found = drawn
    shown = {
        t.text.split()[0] for box in found.boxes for t in box.texts if t.kind.startswith("port") or box.kind == "note"
    }
    for side, row in zip(hosts, matrix(hosts), strict=True):
        for _, port in listening(side.case.site, side.case.host):
            assert str(port.number) in shown
            assert f"{port.number} " in {"any": row.public, "site": row.site, "admin": row.admin}[port.reach]


def test_each_party_reaches_the_hosts_that_listen_for_it(drawn) -> None:
    hosts, found = drawn
    kinds = {wire.kind for wire in found.wires}
    assert {"servers", "users"} <= kinds
    assert ("site" in kinds) == (len(hosts) > 1)
    for kind in ("servers", "users"):
        doors = [box for box in found.boxes if kind in box.doors]
        assert len(doors) == sum(wire.kind == kind for wire in found.wires)
        ends = {points(wire.path)[-1] for wire in found.wires if wire.kind == kind}
        assert ends == {(box.x, box.doors[kind]) for box in doors}


def test_a_picture_of_hundred_hosts_is_no_larger_than_of_twelve(tmp_path) -> None:
    hosts = list(sides(many(100, tmp_path)))
    found = picture(groups(hosts), "from everywhere")
    assert found.height < 700
    assert "and 29 more" in {t.text for box in found.boxes for t in box.texts}
