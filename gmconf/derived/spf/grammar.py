"""The grammar of SPF records (RFC 7208 section 12)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

VERSION = "v=spf1"
LOOKUPS, VOID = 10, 2
"""The most terms of one evaluation that ask DNS, and the most of them without an answer (section 4.6.4)."""
ASKING = ("include", "a", "mx", "ptr", "exists")
"""Mechanisms that ask DNS."""
_MACRO = r"%(?:\{[slodiphv](?:0*[1-9][0-9]*)?r?[-.+,/_=]*\}|[%_-])"
_STRING = rf"(?:{_MACRO}|[!-$&-~])*"
_TOP = r"\.(?:[a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])\.?"
_SPEC = rf"(?:{_STRING}(?:{_TOP}|{_MACRO}))"
_FOUR, _SIX = r"(?:/(?P<four>0|[1-9][0-9]?))?", r"(?://(?P<six>0|[1-9][0-9]{0,2}))?"
_SHAPES = {
    "all": "",
    "include": rf":(?P<spec>{_SPEC})",
    "a": rf"(?::(?P<spec>{_SPEC}))?{_FOUR}{_SIX}",
    "mx": rf"(?::(?P<spec>{_SPEC}))?{_FOUR}{_SIX}",
    "ptr": rf"(?::(?P<spec>{_SPEC}))?",
    "exists": rf":(?P<spec>{_SPEC})",
    "ip4": r":(?P<network>[0-9.]+(?:/(?:0|[1-9][0-9]?))?)",
    "ip6": r":(?P<network>[0-9a-f:.]+(?:/(?:0|[1-9][0-9]{0,2}))?)",
}
_READ = {kind: re.compile(rf"(?P<qualifier>[-+?~]?){kind}{shape}", re.IGNORECASE) for kind, shape in _SHAPES.items()}
_KIND = re.compile(r"[-+?~]?([a-z][a-z0-9_.-]*)([=:/]?)", re.IGNORECASE)
_DOMAIN, _TEXT = re.compile(_SPEC, re.IGNORECASE), re.compile(_STRING.replace("slodiphv", "slodiphvcrt"), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Term:
    """A mechanism."""

    text: str
    """As it stands in the record."""
    qualifier: str
    kind: str
    spec: str = ""
    """The domain it names, macros unexpanded; empty where it names none."""
    network: IPv4Network | IPv6Network | None = None
    four: int = 32
    six: int = 128
    """Prefix lengths for the addresses of ``a`` and ``mx``."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record as found."""

    mechanisms: tuple[Term, ...]
    """Up to ``all``: what stands behind it counts for nothing (section 5.1)."""
    redirect: str = ""
    """The domain of redirect=; empty where all stands in the record."""
    wrong: tuple[str, ...] = ()
    """Terms that are none: the whole record is a permanent error."""

    @property
    def end(self) -> str:
        """The qualifier of ``all`` ("-", "~", "?", "+"), or "redirect=NAME", or "" for none."""
        if self.mechanisms and self.mechanisms[-1].kind == "all":
            return self.mechanisms[-1].qualifier
        return f"redirect={self.redirect}" if self.redirect else ""

    @property
    def asking(self) -> tuple[Term, ...]:
        """Mechanisms that ask DNS."""
        return tuple(m for m in self.mechanisms if m.kind in ASKING)

    @property
    def lookups(self) -> int:
        """Terms of this record that ask DNS; those of included records come on top."""
        return len(self.asking) + bool(self.redirect)


def is_spf(text: str) -> bool:
    """Whether a TXT record is an SPF record (section 4.5)."""
    return text.lower() == VERSION or text.lower().startswith(f"{VERSION} ")


def parse(text: str) -> Record:
    """A record as found; only spaces separate its terms."""
    found: list[Term] = []
    wrong: list[str] = []
    modifiers: dict[str, str] = {}
    for word in filter(None, text[len(VERSION) :].split(" ")):
        head = _KIND.match(word)
        if head is None:
            wrong.append(word)
        elif head[2] == "=":
            name, value = word[: head.end() - 1].lower(), word[head.end() :]
            known = name in ("redirect", "exp")
            if (
                not word[0].isalpha()
                or not (_DOMAIN if known else _TEXT).fullmatch(value)
                or (known and name in modifiers)
            ):
                wrong.append(word)
            modifiers[name] = value
        elif term := _mechanism(head[1].lower(), word):
            found.append(term)
        else:
            wrong.append(word)
    kept = next((found[: n + 1] for n, term in enumerate(found) if term.kind == "all"), found)
    return Record(tuple(kept), "" if kept and kept[-1].kind == "all" else modifiers.get("redirect", ""), tuple(wrong))


def _mechanism(kind: str, word: str) -> Term | None:
    read = _READ[kind].fullmatch(word) if kind in _READ else None
    if read is None:
        return None
    parts = read.groupdict()
    qualifier = parts["qualifier"] or "+"
    if text := parts.get("network"):
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            return None
        return Term(word, qualifier, kind, network=network) if f"ip{network.version}" == kind else None
    four, six = int(parts.get("four") or 32), int(parts.get("six") or 128)
    return None if four > 32 or six > 128 else Term(word, qualifier, kind, parts.get("spec") or "", four=four, six=six)
