"""The topology as a drawing: boxes, rows of ports in them, and lines to those who use them. Pixels of an SVG.

Outside parties stand left, hosts that face the Internet in the middle, hosts behind them right. Lines run in the gaps
between the columns, so none crosses a box.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gmconf.model import Role
from gmconf.report.ports import Group, Port

LINE, PAD, GAP = 19, 12, 26
BOX, PARTY, GUTTER = 330, 150, 96
LOOP = 30
"""How far a line between two boxes of one column swings out."""
NAMED = 6
"""Hosts named in a box; of more, the number is given."""
LETTERS = 33
"""Of the fixed-width font that fit into a box."""


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text; ``kind`` is its style class."""

    x: int
    y: int
    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A coloured bar beside rows of ports."""

    x: int
    y: int
    height: int
    kind: str


@dataclass
class Box:
    """A rectangle with texts, and where its groups of ports can be joined: kind of party -> middle of its rows."""

    x: int
    y: int
    width: int
    kind: str
    height: int = 0
    texts: list[Text] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    doors: dict[str, int] = field(default_factory=dict)

    def write(self, text: str, kind: str) -> int:
        """Add a line at the bottom; returns its middle."""
        self.height += LINE
        self.texts.append(Text(self.x + PAD, self.y + self.height - 5, text, kind))
        return self.y + self.height - LINE // 2


@dataclass(frozen=True, slots=True)
class Wire:
    """A line from one box to another."""

    path: str
    kind: str


@dataclass(frozen=True)
class Picture:
    """The drawing; ``label`` says in words what it shows."""

    width: int
    height: int
    label: str
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]


def picture(groups: Sequence[Group], admins: str) -> Picture:
    """Draw the groups of hosts of a site; ``admins`` are the networks that may reach SSH."""
    front = [g for g in groups if {Role.MTA, Role.MSA} & set(g.roles)] or list(groups)
    back = [g for g in groups if g not in front]
    columns = (0, PARTY + GUTTER, PARTY + BOX + 2 * GUTTER)
    boxes: dict[int, Box] = {}
    bottom = 0
    for x, members in ((columns[1], front), (columns[2], back)):
        y = 0
        for group in members:
            box = boxes[id(group)] = _host_box(group, x, y)
            y += box.height + GAP
        bottom = max(bottom, y - GAP)
    middle = max((b.y + b.height for b in boxes.values() if b.x == columns[1]), default=0)
    lane = middle + GAP // 2 + 6
    parties = list(_parties(groups, boxes))
    wires = [w for party in parties for w in _public(party, boxes.values(), columns[1], lane)]
    wires += list(_between(groups, boxes, columns[1]))
    under = any(b.x > columns[1] and set(b.doors) & {p.kind for p in parties} for b in boxes.values())
    height = max(bottom, lane + 8 if under else 0, *(p.y + p.height for p in parties)) + GAP
    note = Box(-PAD, height, columns[1] + BOX if not back else columns[2] + BOX, "note")
    ssh = sorted({p.number for g in groups for p in g.ports if p.reach == "admin"})
    note.write(f"{', '.join(map(str, ssh))} SSH on every host: {admins}", "small")
    width = (columns[2] if back else columns[1]) + BOX + LOOP + 4
    names = "; ".join(f"{g.title}: {len(g.hosts)} {'host' if len(g.hosts) == 1 else 'hosts'}" for g in groups)
    return Picture(
        width,
        height + note.height + 6,
        f"Hosts and who reaches them. {names}.",
        (*parties, *boxes.values(), note),
        tuple(wires),
    )


def _host_box(group: Group, x: int, y: int) -> Box:
    box = Box(x, y, BOX, "host", PAD // 2)
    box.write(group.title, "strong")
    named = group.hosts if len(group.hosts) <= NAMED else group.hosts[: NAMED - 1]
    for side in named:
        box.write(_short(side.case.host.name), "mono")
    if len(named) < len(group.hosts):
        box.write(f"and {len(group.hosts) - len(named)} more", "small")
    for kind, ports in _by_party(group):
        box.height += 5
        top = box.y + box.height
        middles = [box.write(f"{port.number} {port.protocol}", f"port {kind}") for port in ports]
        box.marks.append(Mark(x, top + 2, LINE * len(ports) - 2, kind))
        box.doors[kind] = (middles[0] + middles[-1]) // 2
    box.height += PAD // 2 + 2
    return box


def _short(name: str) -> str:
    return name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}\u2026"


def _by_party(group: Group) -> Iterator[tuple[str, list[Port]]]:
    for kind in ("servers", "users", "site"):
        found = [port for port in group.ports if _kind(port) == kind]
        if found:
            yield kind, found


def _kind(port: Port) -> str:
    if port.reach == "any":
        return "servers" if port.servers else "users"
    return port.reach


def _parties(groups: Sequence[Group], boxes: dict[int, Box]) -> Iterator[Box]:
    """Who comes from outside, each beside the first box it talks to."""
    y = 0
    for kind, title, words in (
        ("servers", "Other servers", "of the Internet"),
        ("users", "Users", "and their programs"),
    ):
        wanted = [boxes[id(g)].doors[kind] for g in groups if kind in boxes[id(g)].doors]
        if wanted:
            party = Box(0, max(y, min(wanted) - LINE - PAD), PARTY, "party", PAD // 2)
            party.kind = kind
            party.write(title, "strong")
            party.write(words, "small")
            party.height += PAD // 2 + 2
            y = party.y + party.height + GAP
            yield party


def _public(party: Box, boxes: Iterable[Box], front: int, lane: int) -> Iterator[Wire]:
    """From a party to every box that it reaches; boxes of the last column are reached below those of the middle."""
    x, y = party.x + party.width, party.y + party.height // 2
    for box in boxes:
        if party.kind not in box.doors:
            continue
        door = box.doors[party.kind]
        if box.x == front:
            yield Wire(_curve(x, y, box.x, door), party.kind)
        else:
            turn, before = x + GUTTER // 3, box.x - GUTTER // 2
            yield Wire(
                f"M{x} {y}H{turn - 8}q8 0 8 8V{lane - 8}q0 8 8 8H{before}{_curve(before, lane, box.x, door, start='')}",
                party.kind,
            )


def _between(groups: Sequence[Group], boxes: dict[int, Box], front: int) -> Iterator[Wire]:
    """From hosts that ask to hosts of the site that answer."""
    for asking in groups:
        for answering in groups:
            served = {port.number for port in answering.ports if port.reach == "site"}
            if asking is answering or not served & set(asking.asks):
                continue
            a, b = boxes[id(asking)], boxes[id(answering)]
            door, start = b.doors["site"], a.y + PAD // 2 + LINE // 2
            if a.x == b.x:
                out = b.x + b.width
                yield Wire(f"M{out} {start}C{out + LOOP} {start} {out + LOOP} {door} {out} {door}", "site")
            elif a.x == front:
                yield Wire(_curve(a.x + a.width, start, b.x, door), "site")
            else:
                yield Wire(_curve(a.x, start, b.x + b.width, door), "site")


def _curve(x: int, y: int, to_x: int, to_y: int, start: str = "M") -> str:
    bend = (x + to_x) // 2
    return (f"M{x} {y}" if start else "") + f"C{bend} {y} {bend} {to_y} {to_x} {to_y}"
