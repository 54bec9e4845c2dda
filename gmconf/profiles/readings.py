"""Records of DMARC, SPF and CAA as internet.nl's test reads them: here stricter, there laxer than receivers (CONTROLS
3.2).

The score has to be the one that the test gives, so its slips are followed; receivers' own rules are in ``taglist`` and
``spf``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv6Network
from urllib.parse import urlsplit

_POLICY = "none|quarantine|reject"
_WORD = "[a-z0-9-]*[a-z0-9]"
_TAGS = {
    "p": _POLICY,
    "sp": _POLICY,
    "np": _POLICY,
    "psd": "[ynu]",
    "t": "[yn]",
    "adkim": "[rs]",
    "aspf": "[rs]",
    "pct": "[0-9]{1,3}",
    "ri": "[0-9]+",
    "fo": "[01ds](?: *: *[01ds])*",
    "rf": f"{_WORD}(?: *:{_WORD})*",
    "rua": "[^ ,;]+(?: *, *[^ ,;]+)*",
    "ruf": "[^ ,;]+(?: *, *[^ ,;]+)*",
}
_TAG = re.compile("|".join(f"({name}) *= *({form})" for name, form in _TAGS.items()), re.IGNORECASE)
_VERSION = re.compile("[vV] *= *DMARC1 *")

_MACRO = "%(?:\\{[slodiphcrtv][0-9]*r?[-.+,/_=]*\\}|[%_-])"
_SPEC = f"(?P<spec>(?:{_MACRO}|[!-$&-~])+)"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_FOUR, _SIX = "/(?:3[0-2]|[12][0-9]|[0-9])", "//(?:12[0-8]|1[01][0-9]|[1-9][0-9]|[0-9])"
_SHAPES = (
    "[-+?~]?all",
    f"[-+?~]?include:{_SPEC}",
    f"[-+?~]?a(?::{_SPEC}|(?:{_FOUR})?(?:{_SIX})?)",
    f"[-+?~]?mx(?::{_SPEC}|(?:{_FOUR})?(?:{_SIX})?)",
    f"[-+?~]?ptr(?::{_SPEC})?",
    f"[-+?~]?ip4:(?:{_BYTE}\\.){{3}}{_BYTE}(?:{_FOUR})?",
    "[-+?~]?ip6:(?P<network>.+)",
    f"[-+?~]?exists:{_SPEC}",
    # A modifier must not begin like one of these mechanisms, since that parser never goes back.
    f"(?!a|mx|ptr)[a-z][a-z0-9._-]*={_SPEC}",
)
_TERMS = [re.compile(shape, re.IGNORECASE) for shape in _SHAPES]
_END = re.compile(f"[0-9]*[a-z]|[a-z0-9]+-|{_MACRO}", re.IGNORECASE)

_LABEL = "[a-z0-9](?:-*[a-z0-9])*"
_PARAMETER = f"{_LABEL}[ \t]*=[ \t]*[!-:<-~]*"
_ISSUE = re.compile(
    f"[ \t]*(?:{_LABEL}(?:\\.{_LABEL})*[ \t]*)?(?:;[ \t]*(?P<parameters>{_PARAMETER}(?:[ \t]*;[ \t]*{_PARAMETER})*)?["
    " \t]*)?",
    re.IGNORECASE,
)
_METHODS = ("http-01", "dns-01", "tls-alpn-01", "email-reply-00", "tkauth-01", "onion-csr-01", "bp-nodeid-00")
_ISSUES = ("issue", "issuewild", "issuevmc", "issuemail")
_ADDRESS = re.compile(r"[^@]+@[^@]+")
_PHONE = re.compile(r"\+[-.()]*[0-9][-.()0-9]*(?:;[^;]+)*")


def printed(text: str) -> str:
    """The text of a TXT record as that test sees it: as in a zone file."""
    return "".join(f"\\{c}" if c in '"\\' else c if " " <= c <= "~" else f"\\{ord(c):03}" for c in text)


def dmarc(text: str) -> dict[str, str] | None:
    """The tags of a DMARC record; None where it is none."""
    first, *rest = text.split(";")
    if (
        not rest
        or not _VERSION.fullmatch(first)
        or (rest[-1] and not rest[-1].strip(" ") and len(rest) > 2 and not rest[-2].strip(" "))
    ):
        return None
    if rest[-1].strip(" ") and rest[-1].endswith(" "):
        return None
    found: dict[str, str] = {}
    for place, part in enumerate(rest):
        if not part.strip(" ") and (place in (0, len(rest) - 1)):
            continue
        read = _TAG.fullmatch(part.strip(" "))
        if read is None:
            return None
        name, value = (group for group in read.groups() if group is not None)
        name = name.lower()
        if (
            name in found
            or (name == "p") != (place == 0)
            or (name in ("rua", "ruf") and not all(map(_is_uri, _listed(value))))
        ):
            return None
        found[name] = value if name in ("rua", "ruf") else value.lower()
    return found


def _listed(value: str) -> list[str]:
    return re.split(" *, *", value)


def _is_uri(text: str) -> bool:
    uri, limited, size = text.partition("!")
    if limited and ("!" in size or not re.match("[0-9]", size)):
        return False
    try:
        return bool(urlsplit(uri).scheme)
    except ValueError:
        return False


def report_hosts(tags: dict[str, str]) -> Iterator[str]:
    """The hosts that reports go to."""
    for name in ("rua", "ruf"):
        for uri in _listed(tags.get(name, "").partition("=")[0]):
            try:
                read = urlsplit(uri)
            except ValueError:
                continue
            if not read.netloc and read.path:
                host = read.path.partition("@")[2].partition("!")[0] if "@" in read.path else read.path
                yield host.lower().rstrip(".")


def spf(text: str) -> list[str] | None:
    """The terms of an SPF record in lower case; None where it is none."""
    if text[:6].lower() != "v=spf1" or text[6:7] not in ("", " "):
        return None
    words = [word for word in text[6:].split(" ") if word]
    return [word.lower() for word in words] if all(map(_is_term, words)) else None


def _is_term(word: str) -> bool:
    read = next((found for shape in _TERMS if (found := shape.fullmatch(word))), None)
    if read is None:
        return False
    parts = read.groupdict()
    if spec := parts.get("spec"):
        labels = spec.split(".")
        return bool(_END.match(labels[-2 if spec.endswith(".") else -1]))
    if network := parts.get("network"):
        try:
            IPv6Network(network, strict=False)
        except ValueError:
            return False
    return True


def caa(flags: int, tag: str, value: str) -> str:
    """What is wrong with a CAA record; empty when it is one."""
    kind = tag.lower()
    if flags not in (0, 128):
        return f"flags {flags}: only 0 and 128 mean something"
    if kind in _ISSUES:
        return _issue(value, methods=kind != "issuemail")
    if kind == "iodef":
        return "" if _is_place(value) else f"iodef {value}: neither https:// nor mailto:"
    if kind == "contactemail":
        return "" if _is_address(value) else f"contactemail {value}: no address"
    if kind == "contactphone":
        return "" if _PHONE.fullmatch(value) else f"contactphone {value}: no number"
    return f"{tag} is no property that means something"


def _issue(value: str, *, methods: bool) -> str:
    read = _ISSUE.fullmatch(value)
    if read is None:
        return f"{value} cannot be read"
    pairs = (part.partition("=") for part in (read["parameters"] or "").split(";"))
    # Names of parameters are told apart by case there.
    named = {name.strip(): value.strip() for name, _, value in pairs}.get("validationmethods") if methods else None
    if unknown := [m for m in named.split(",") if m not in _METHODS and not m.startswith("ca-")] if named else []:
        return f"validationmethods {', '.join(unknown)}: no such method"
    return ""


def _is_place(value: str) -> bool:
    try:
        read = urlsplit(value)
    except ValueError:
        return False
    return bool(read.netloc) if read.scheme == "https" else read.scheme == "mailto" and _is_address(read.path)


def _is_address(text: str) -> bool:
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None
