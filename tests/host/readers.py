"""Whom mail programs show as the author of a stored message: Dovecot's ENVELOPE and Python's two parsers."""

from __future__ import annotations

import contextlib
import email.header
import email.policy
import email.utils
import re

from clients import imap

SHOWN = ("From", "Sender", "Resent-From", "Resent-Sender")


def listed(text: str) -> list:
    """A parenthesised list of IMAP, with nested lists."""
    top: list = []
    open_: list[list] = [top]
    for sign, said, atom in re.findall(r'([()])|"((?:[^"\\]|\\.)*)"|([^\s()"]+)', text, re.DOTALL):
        if sign == "(":
            open_[-1].append([])
            open_.append(open_[-1][-1])
        elif sign == ")":
            open_.pop()
        else:
            open_[-1].append(None if atom == "NIL" else atom or re.sub(r"\\(.)", r"\1", said))
    return top


def envelopes(answers: list) -> dict[str, set[str]]:
    """By number of the message: the addresses in From and Sender of its ENVELOPE."""
    texts: dict[str, str] = {}
    for answer in answers:
        said, literal = answer if isinstance(answer, tuple) else (answer, None)
        words = said.decode("utf-8", "replace")
        if begins := re.match(r"(\d+) \(ENVELOPE", words):
            number = begins[1]
            texts[number] = ""
        # A literal follows its length; quoted it reads alike.
        texts[number] += words if literal is None else re.sub(r"\{\d+\}$", "", words)
        if literal is not None:
            texts[number] += '"' + literal.decode("utf-8", "replace").replace("\\", "\\\\").replace('"', '\\"') + '"'
    found = {}
    for number, text in texts.items():
        envelope = next(part for part in listed(text[text.index("ENVELOPE") :]) if isinstance(part, list))
        rows = [row for part in (envelope[2], envelope[3]) for row in part or []]
        found[number] = {f"{user}@{domain}".lower() for _, _, user, domain in rows if user and domain}
    return found


def parsed(data: bytes) -> set[str]:
    """What the old and the new parser of Python say, and programs that decode first and look for addresses then."""
    found: set[str] = set()
    old, new = email.message_from_bytes(data), email.message_from_bytes(data, policy=email.policy.default)
    for name in SHOWN:
        values = [str(value) for value in old.get_all(name, [])]
        decoded = []
        for value in values:
            with contextlib.suppress(LookupError, ValueError):
                decoded.append(str(email.header.make_header(email.header.decode_header(value))))
        for value in (*values, *decoded):
            found.add(email.utils.parseaddr(value)[1].lower())
        found |= {address.lower() for _, address in email.utils.getaddresses(values)}
        with contextlib.suppress(Exception):  # a parser that gives up shows nobody
            found |= {address.addr_spec.lower() for value in new.get_all(name, []) for address in value.addresses}
    return {address.replace('"', "") for address in found if "@" in address}


def stored(mx, login: str, header: str, run: str) -> dict[str, tuple[set[str], set[str]]]:
    """Of every stored message of a run, by its number in that header: what Dovecot and what Python show."""
    found = {}
    with imap(mx, login) as client:
        for folder in ("INBOX", "Junk"):
            if client.select(folder, readonly=True)[0] != "OK":
                continue
            numbers = client.search(None, "HEADER", header, run)[1][0].decode().replace(" ", ",")
            if not numbers:
                continue
            seen = envelopes(client.fetch(numbers, "(ENVELOPE)")[1])
            for answer in client.fetch(numbers, "(BODY.PEEK[])")[1]:
                if isinstance(answer, tuple):
                    number = re.search(rb"%s-(\d+)" % run.encode(), answer[1])[1].decode()
                    found[number] = (seen[answer[0].split()[0].decode()], parsed(answer[1]))
    return found
