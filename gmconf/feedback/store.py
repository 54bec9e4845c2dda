"""Reports where they arrive: in a mailbox of the site, read over ssh through Dovecot's own IMAP, without leaving a
mark."""

from __future__ import annotations

import imaplib
import re
import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile

from gmconf.derived import policies as published
from gmconf.derived import ssh as remote
from gmconf.derived.accounts import Directory
from gmconf.errors import GmconfError
from gmconf.feedback.files import LARGEST, TOO_LARGE
from gmconf.feedback.model import Left
from gmconf.feedback.unpacked import Item
from gmconf.model import Host, Role

MOST = 20000
"""Messages of one mailbox."""
_FOLDER = re.compile(rb'\((?P<flags>[^)]*)\) (?:"(?:[^"\\]|\\.)*"|NIL) (?P<name>.+)')
_SUBJECTS = 'OR SUBJECT "report domain" SUBJECT "dmarc"'
"""What subjects of reports hold (RFC 8460 section 5.3, RFC 9990); the rest of a postmaster's mail stays where it is."""


def mailboxes(mail: Directory) -> dict[str, str]:
    """Login: the address whose reports it gets. Raises GmconfError where all of them are kept elsewhere."""
    found: dict[str, str] = {}
    wanted = dict.fromkeys((*published.reports_to(mail.site), *published.tls_reports_to(mail.site)))
    for address in wanted:
        for login in _logins(mail, address, set()):
            found.setdefault(login, address)
    if not found:
        raise GmconfError(
            f"reports go to {' and '.join(wanted)}, where this site has no mailbox; name the files, mbox or Maildir"
            " that they are kept in"
        )
    return found


def _logins(mail: Directory, address: str, seen: set[str]) -> Iterator[str]:
    if address in seen:
        return
    seen.add(address)
    targets = mail.aliases.get(address) or mail.aliases.get(f"@{address.rpartition('@')[2]}", ())
    for target in targets:
        if target != address:
            yield from _logins(mail, target, seen)
    if mail.has(address) and (not targets or address in targets):
        yield address


def items(mail: Directory, options: tuple[str, ...], since: datetime) -> Iterator[Item | Left]:
    """Messages that came after a time and may be reports; those that cannot be read are named. Raises GmconfError when
    a host cannot be asked."""
    for login in mailboxes(mail):
        for host in mail.hosts[Role.STORE]:
            yield from _of_login(mail, host, login, options, since)


def _of_login(
    mail: Directory, host: Host, login: str, options: tuple[str, ...], since: datetime
) -> Iterator[Item | Left]:
    where = host.ansible_host or host.name
    argv = [*remote.ssh(mail.site.network, host, options), shlex.join(["doveadm", "exec", "imap", "-u", login])]
    with NamedTemporaryFile(prefix="gmconf-") as said:
        try:
            imap = imaplib.IMAP4_stream(f"{shlex.join(argv)} 2>{shlex.quote(said.name)}")
        except (imaplib.IMAP4.error, OSError) as error:
            raise GmconfError(
                f"ssh {where}, mailbox {login}: {_last(said.name) or str(error) or 'no answer'}; give what ssh needs"
                " with --ssh-option, or name the files to read"
            ) from None
        with imap:
            try:
                for folder in _folders(imap):
                    yield from _of_folder(imap, login, folder, since)
            except (imaplib.IMAP4.error, OSError) as error:
                raise GmconfError(f"ssh {where}, mailbox {login}: {_last(said.name) or error}") from None


def _last(file: str) -> str:
    """The last line that ssh, or Dovecot by its mouth, had to say."""
    lines = [text.strip() for text in Path(file).read_text("utf-8", "replace").splitlines() if text.strip()]
    return lines[-1] if lines else ""


def _folders(imap: imaplib.IMAP4) -> Iterator[bytes]:
    """All of them: a rule or a hand may have moved a report. Names as they were spelled, quotes and all."""
    for line in imap.list()[1]:
        found = _FOLDER.match(line) if isinstance(line, bytes) else None
        if found and b"\\noselect" not in found["flags"].lower():
            yield found["name"]


def _of_folder(imap: imaplib.IMAP4, login: str, folder: bytes, since: datetime) -> Iterator[Item | Left]:
    name = folder.decode("ascii", "replace")
    place = f"{login}, {name.strip(chr(34))}"
    if imap.select(name, readonly=True)[0] != "OK":
        yield Left(place, "a folder that cannot be opened")
        return
    # Reports come a day and more after what they tell of, and days are the host's.
    day = imaplib.Time2Internaldate(since - timedelta(days=1)).strip('"').split()[0]
    for number in _search(imap, f"SINCE {day} LARGER {LARGEST} {_SUBJECTS}"):
        yield Left(f"{place} {number}", TOO_LARGE)
    numbers = _search(imap, f"SINCE {day} NOT LARGER {LARGEST} {_SUBJECTS}")
    if len(numbers) > MOST:
        yield Left(place, f"{len(numbers)} messages that may be reports; all before the last {MOST} are not looked at")
    for number in numbers[-MOST:]:
        _, parts = imap.uid("FETCH", number, "(BODY.PEEK[])")
        found = [part[1] for part in parts if isinstance(part, tuple)]
        if not found:
            yield Left(f"{place} {number}", "a message that cannot be fetched")
        yield from (Item(f"{place} {number}", data, message=True, names=()) for data in found)


def _search(imap: imaplib.IMAP4, what: str) -> list[str]:
    _, (numbers,) = imap.uid("SEARCH", what)
    return (numbers or b"").decode().split()
