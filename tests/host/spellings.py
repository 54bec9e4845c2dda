"""Header fields that name an author in ways in which mail programs differ: written down, and made at random from a
seed."""

from __future__ import annotations

import random

FORMS = (
    "{p} ",
    "{u} @ {d}",
    "{u}@ {d}",
    "{u} @{d}",
    "{u}\t@\t{d}",
    "{u}@\r\n {d}",
    "<{u} @ {d}>",
    "< {p} >",
    "<{p} >",
    "<{u}\r\n @{d}>",
    "{p};",
    "{p}; <{x}>",
    "{p} <{x}>",
    "{p}<{x}>",
    "{p} {x}",
    "{p} x",
    "x {p}",
    "<{p}> <{x}>",
    "<{x}> <{p}>",
    "<{x}> {p}",
    "<{x}>{p}",
    "{p}, <{x}",
    "{x},,{p}",
    ",{p}",
    "{p},",
    "{x};{p}",
    "x: {p};",
    "x:{p}, {x};",
    "x:;, {p}",
    "x: <{p}>",
    ":{p}",
    "<{p}",
    "{p}>",
    "<<{p}>>",
    "<{x},{p}>",
    '"{p}',
    '"{p} <{x}>',
    '"x" {p}',
    '"x"{p}',
    '"x\\" <{p}>',
    '"x <{x}>" <{p}>',
    '"{p}" <{x}> "',
    '"x\\", {p}, \\"" <{x}>',
    '"<{p}>" <{x}>',
    '""{p}',
    '"{u}"@{d}',
    '"{u}" @ {d}',
    '<"{u}"@{d}>',
    '"{x}"@{d}',
    '"{u}\\@{d}"@sender.example',
    "(x){p}",
    "(x) <{p}>",
    "{u}(x)@{d}",
    "{u}@(x){d}",
    "{u}@{d}(x)",
    "{p} (x",
    "({x}) {p}",
    "{x} ({p})",
    "{x} (x)) {p}",
    "{x} (x\\) <{p}>",
    '{x} (", {p}, (")',
    "({p}",
    "({p}) <{x}>",
    "x ({p}) <{x}>",
    "(<{p}>) <{x}>",
    "<@sender.example:{p}>",
    "<@{d}:{x}>",
    "@sender.example:{p}",
    "<{u}@{d}.>",
    "{u}@{d}.",
    "{u}@.{d}",
    "{u}@@{d}",
    "{u}@{d}@sender.example",
    "{x}@{d}",
    "{u}@[{d}]",
    "{u}.@{d}",
    ".{u}@{d}",
    "{u}@{d}..",
    '"x\r\n {p}" <{x}>',
    '"{u}\r\n @{d}" <{x}>',
    "=?utf-8?q?{u}=40{d}?=",
    "=?utf-8?q?{u}=40{d}?= <{x}>",
    "=?utf-8?q?{u}=40{d}=2C?= <{x}>",
    "=?utf-8?q?=22{u}=40{d}=22?= <{x}>",
    "=?utf-8?q?=3C{u}=40{d}=3E?= <{x}>",
    "=?utf-7?q?{u}+AEA-{d}?= <{x}>",
    '"=?utf-8?q?{u}=40{d}?=" <{x}>',
    "=?utf-8?q?x?= {p}",
    "=?utf-8?q?{u}?=@{d}",
    "<=?utf-8?q?{u}?=@{d}>",
    "=?utf-8?q?{u}?= =?utf-8?q?=40{d}?= <{x}>",
    "=?utf-8?q?x=0D=0AFrom:_{u}=40{d}?= <{x}>",
    "=?utf-8?q?{u}=40{d}?=@sender.example",
    "\x01{p}",
    "{u}\x7f@{d}",
    "{p}\x0b",
    "{p}\x0c<{x}>",
    "x\r <{p}>",
    "\r{p}",
    "\u2028{p}",
    "x\u202e <{x}>, {p}",
    "\ufeff{p}",
    "{u}\uff20{d}",
    "{u}@\u200b{d}",
    "\xa0{p}",
    "\r\n \r\n {p}",
    "\r\n\t\r\n\t<{p}>",
    "{x}\r\n \r\n , {p}",
    "{x}, {p}",
    "{p}, {x}",
    "{x}, x <{p}>",
    '"a, b" <{x}>, <{p}>',
    "a, b <{p}>",
    "[x] <{p}>",
    "x: y <{p}>",
    "a\\b <{p}>",
    "x\\ <{p}>",
    "{u}\\@{d}",
    "<{u}\\@{d}>",
    "mailto:{p}",
    "<mailto:{p}>",
    "smtp:{p}",
    "'{p}'",
    "'x' <'{p}'>",
    "{U}@{D}",
    "<{U}@{D}>",
    "{u}+x@{d}",
    "{u}@{d} (\r\n x)",
    "x<{p}>y",
    "<{p}>y",
    "%22x%22 <{p}>",
    "{u}%40{d} <{x}>",
    "{u}&#64;{d} <{x}>",
    "{x} via {p}",
    "<>, {p}",
    "<> {p}",
    "<>{p}",
    '"" <> {p}',
    "{p}\r\n\t<{x}>",
)
"""What stands behind ``From:``: p is the address that must not be shown, of user u at d; x is the sender's own."""

HEADERS = (
    "From: {x}\r\nFrom: {p}\r\n",
    "From: {p}\r\nFrom: {x}\r\n",
    "From: {x}\r\nFROM: {p}\r\n",
    "from: {x}\r\nX: y\r\nfrom: {p}\r\n",
    "From : {p}\r\n",
    "From\t: {p}\r\n",
    "From:{p}\r\nFrom :{x}\r\n",
    "From: {x}\r\nfRoM \t: {p}\r\n",
    "From: {x}\r\nSender: {q}\r\n",
    "From: {x}\r\nSender: {qu} @ {qd}\r\n",
    "From: {x}\r\nSender: {q}, {x}\r\n",
    "From: {x}\r\nSender: {x}\r\nSender: {q}\r\n",
    "From: {x}\r\nResent-From: {q}\r\n",
    "From: {x}\r\nResent-From: {qu} @ {qd}\r\n",
    "From: {x}\r\nResent-Sender: <{q}\r\n",
    "From: {x}\r\nX-Y: z\r\n \r\nFrom: {p}\r\n",
    "no field\r\nFrom: {p}\r\n",
    "From: {x}\r\nno field\r\nFrom: {p}\r\n",
    "X-Y:\r\n\t\r\nFrom: {p}\r\n",
    "From: {x}\r\n\rFrom: {p}\r\n",
    "From: {x}\rFrom: {p}\r\n",
    "From: {x}\nFrom: {p}\r\n",
    "From: {x}\n\rFrom: {p}\r\n",
    "X: y\r\r\nFrom: {p}\r\n",
    ":x\r\nFrom: {p}\r\n",
    "From{p}:\r\nFrom: {p}\r\n",
    "From x Mon Jan  1 00:00:00 2026\r\nFrom: {p}\r\n",
    ">From x\r\nFrom: {p}\r\n",
    "From:\r\nFrom: {p}\r\n",
    "From: \r\n {p}\r\n",
    "From:\r\n\r\n {p}\r\n",
    "Fr\u043em: {x}\r\nFrom: {p}\r\n",
    "From(x): {x}\r\nFrom: {p}\r\n",
    "\u200bFrom: {x}\r\nFrom: {p}\r\n",
)
"""Whole fields; q is an address of ours of user qu at qd: for fields that DMARC does not look at."""

LETTERS = (
    " ",
    "\t",
    "\r\n ",
    ",",
    ";",
    ":",
    "<",
    ">",
    "(",
    ")",
    '"',
    "\\",
    "@",
    ".",
    "(x)",
    '"x"',
    "=?utf-8?q?x?=",
    "\x01",
    "x",
    "'",
    "[",
    "]",
    "\xe9",
    "<>",
    " , ",
    "\r\n\t",
)
STARTS = (
    "{p}",
    "<{p}>",
    "x <{p}>",
    '"x" <{p}>',
    "{p} (x)",
    "{x}, {p}",
    "<{x}>, <{p}>",
    '"{p}" <{x}>',
    "{x} ({p})",
    "=?utf-8?q?x?= <{p}>",
)


def _random(source: random.Random) -> str:
    """A plain field with some letters more, less or exchanged."""
    text = source.choice(STARTS)
    for _ in range(source.randint(1, 3)):
        text = text.replace("{p}", "{u}@{d}", 1) if source.random() < 0.7 else text
        # Names in braces stay whole.
        cuts = [n for n in range(len(text) + 1) if text.rfind("{", 0, n) <= text.rfind("}", 0, n)]
        at = source.choice(cuts)
        if source.random() < 0.75 or text[at : at + 1] in ("{", ""):
            text = text[:at] + source.choice(LETTERS) + text[at:]
        else:
            text = text[:at] + text[at + 1 :]
    return text


def fields(own: str, foreign: str, mine: str, count: int, seed: int = 15) -> list[str]:
    """So many different header blocks that name ``own`` (an address of ours) or ``foreign`` (p=reject), which ``mine``
    may not."""
    source = random.Random(seed)  # noqa: S311 (repeatable, not secret)
    forms = [*HEADERS, *(f"From: {form}\r\n" for form in FORMS)]
    found: dict[str, None] = {}
    for number in range(20 * count):
        if len(found) >= count:
            break
        form = forms[number] if number < len(forms) else f"From: {_random(source)}\r\n"
        protected = (own, foreign)[number % 2]
        user, _, domain = protected.partition("@")
        sure, _, place = own.partition("@")
        found[
            form.format(
                p=protected, u=user, d=domain, U=user.upper(), D=domain.upper(), x=mine, q=own, qu=sure, qd=place
            )
        ] = None
    return list(found)


PLAIN = {
    "x@sender.example": ("x@sender.example",),
    "<x@sender.example>": ("x@sender.example",),
    "Bob Baker <x@sender.example>": ("x@sender.example",),
    '"Baker, Bob" <x@sender.example>': ("x@sender.example",),
    '"Bob \\"Bobby\\" Baker" <x@sender.example>': ("x@sender.example",),
    "Bob Q. Baker <x@sender.example>": ("x@sender.example",),
    "=?utf-8?q?J=C3=B6rg_M=C3=BCller?= <x@sender.example>": ("x@sender.example",),
    "=?iso-8859-1?Q?M=FCller=2C_J=F6rg?= <x@sender.example>": ("x@sender.example",),
    "=?utf-8?b?SsO2cmc=?= =?utf-8?b?IE3DvGxsZXI=?= <x@sender.example>": ("x@sender.example",),
    "J\xf6rg M\xfcller <x@sender.example>": ("x@sender.example",),
    '"J\xf6rg" <x@sender.example>': ("x@sender.example",),
    "root@sender.example (Cron Daemon)": ("root@sender.example",),
    "x@sender.example (Bob (Robert) Baker)": ("x@sender.example",),
    "Bob Baker (Sales) <x@sender.example>": ("x@sender.example",),
    "MAILER-DAEMON@sender.example (Mail Delivery System)": ("mailer-daemon@sender.example",),
    '"x@sender.example" <x@sender.example>': ("x@sender.example",),
    "'Bob' via List <list@sender.example>": ("list@sender.example",),
    '"bob@other.example via List" <list@sender.example>': ("list@sender.example",),
    "O'Brien <o'brien+news=a.b_c@sender.example>": ("o'brien+news=a.b_c@sender.example",),
    "x@sender.example, y@sender.example": ("x@sender.example", "y@sender.example"),
    '"A name that goes on\r\n on the next line" <x@sender.example>': ("x@sender.example",),
    "a..b@sender.example": ("a..b@sender.example",),
    "<a..b.@sender.example>": ("a..b.@sender.example",),
    "x+y@sender.example": ("x+y@sender.example",),
    'Bob <x@sender.example>,\r\n "Carol, C." <y@sender.example>': ("x@sender.example", "y@sender.example"),
    '\r\n "A name that is so long that it stands on a line of its own" \r\n\t<x@sender.example>': ("x@sender.example",),
    "x@xn--mller-kva.nodmarc.example": ("x@xn--mller-kva.nodmarc.example",),
    "=?iso-2022-jp?B?GyRCOzNFREJATzobKEI=?= <x@sender.example>": ("x@sender.example",),
    "BOB <X@SENDER.EXAMPLE>": ("x@sender.example",),
    '"Bob"<x@sender.example>': ("x@sender.example",),
}
"""What people and machines send, and the authors that everybody sees in it."""
