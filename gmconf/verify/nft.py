"""Whether the rules that are loaded are those of the file, compared as the kernel has them.

``nft list`` spells rules in another way than they were written, so that texts cannot be compared; what
``nft --debug=netlink`` prints, for a file that is only checked and for a table that is loaded, can.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

DYNAMIC = 0x20
"""Flag of a set that rules fill (linux/netfilter/nf_tables.h, NFT_SET_EVAL): its contents are no configuration."""
_RULE = re.compile(r"inet gmconf (\w+)(?: \d+.*)?")
_SET = re.compile(r"(?:inet gmconf @)?([\w%]+)(?: gmconf ([0-9a-f]+)(?: size \d+)?)?")
_ELEMENT = re.compile(r"element ([0-9a-f ]+?)\s*(?:flags \d+ )?: (\d+) \[end\]")
_POLICY = re.compile(r"type filter hook (\w+) priority [^;]+; policy (\w+);")


@dataclass
class Rules:
    """Rules in order, and the contents of sets by name."""

    rules: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    """(chain, expressions); anonymous sets are written out."""
    sets: dict[str, frozenset[str]] = field(default_factory=dict)
    dynamic: set[str] = field(default_factory=set)
    """Sets that rules fill, as far as it is told (of a file, not of a table)."""


def read(text: str) -> Rules:
    """What nft --debug=netlink printed, of a file or of a table."""
    found = Rules()
    contents: dict[str, set[str]] = {}
    waiting: list[set[str]] = []
    current, chain, rule = "", "", list[str]()

    def end() -> None:
        if rule:
            found.rules.append((chain, tuple(_spell(line, contents, waiting) for line in rule)))
            rule.clear()
            waiting.clear()

    for line in text.splitlines():
        elements = _ELEMENT.findall(line)
        if line.startswith("  ["):
            rule.append(line.strip())
        elif elements:
            held = waiting[-1] if "%" in current and waiting else contents.setdefault(current, set())
            held.update(f"{' '.join(key.split())} {flag}" for key, flag in elements)
        elif (seen := _RULE.fullmatch(line.strip())) and "@" not in line and " use " not in line:
            end()
            chain = seen[1]
        elif line and not line.startswith(("\t", " ")) and (seen := _SET.fullmatch(line.strip())):
            end()
            current = seen[1]
            # Anonymous sets of a file that is only checked all have the same name; they stand right before their rule,
            # in order.
            if "%" in current and seen[2] != "0":
                waiting.append(set())
            elif "%" not in current:
                contents.setdefault(current, set())
            if seen[2] and int(seen[2], 16) & DYNAMIC:
                found.dynamic.add(current)
    end()
    found.sets = {name: frozenset(c) for name, c in contents.items() if not name.startswith("__")}
    return found


def _spell(line: str, contents: dict[str, set[str]], waiting: list[set[str]]) -> str:
    line = re.sub(r"counter pkts \d+ bytes \d+", "counter", line).replace(" timeout 0ms", "")
    line = re.sub(r"(lookup reg \d+ set \S+) 0x0", r"\1", line)

    def written(match: re.Match[str]) -> str:
        held = (waiting.pop(0) if waiting else set()) if "%" in match[1] else contents.get(match[1], set())
        return "{" + ", ".join(sorted(held)) + "}"

    return re.sub(r"(__set(?:\d+|%d))", written, line)


def differences(file: str, loaded: str, rendered: str, listed: str) -> Iterator[str]:
    """Sentences about what is loaded and does not stand in the file, or the other way round.

    ``file`` and ``loaded`` are what --debug=netlink printed, ``rendered`` the file's text, ``listed`` what nft list
    printed.
    """
    wanted, found = read(file), read(loaded)
    policies, now = dict(_POLICY.findall(rendered)), dict(_POLICY.findall(listed))
    for hook, policy in policies.items():
        if now.get(hook) != policy:
            yield f"the policy of {hook} is {now.get(hook, 'not set')}, in the file {policy}"
    for name, elements in wanted.sets.items():
        if name in found.sets and found.sets[name] != elements and name not in wanted.dynamic:
            yield f"the set {name} holds other addresses than in the file"
    for name in sorted(wanted.sets.keys() ^ found.sets.keys()):
        yield f"the set {name} is {'not loaded' if name in wanted.sets else 'loaded and not in the file'}"
    for chain in sorted({c for c, _ in (*wanted.rules, *found.rules)}):
        mine = [rule for c, rule in wanted.rules if c == chain]
        theirs = [rule for c, rule in found.rules if c == chain]
        if mine == theirs:
            continue
        extra, lost = len([r for r in theirs if r not in mine]), len([r for r in mine if r not in theirs])
        yield (
            f"chain {chain}: {extra} loaded rule{'s' * (extra != 1)} that the file does not have, {lost} of the file"
            " not loaded"
            if extra or lost
            else f"chain {chain}: the rules are loaded in another order or number"
        )
