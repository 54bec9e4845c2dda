"""Reports out of what they are wrapped in: messages, archives, encodings. What strangers packed is bounded, and named
where it is none."""

from __future__ import annotations

import re
import zipfile
import zlib
from base64 import b64decode
from binascii import Error as NoBase64
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterator
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from io import BytesIO
from typing import Literal, NamedTuple

from gmconf.feedback.model import Left
from gmconf.printable import line

UNPACKED = 64 * 1024**2
"""Bytes that all of one message or file may unpack to."""
_LIMIT = f"unpacks to more than the limit of {UNPACKED // 1024**2} MiB"
_FILES = 1000
"""Files of an archive."""
_WITHIN = 3
"""Archives in archives."""
_LINES = 1_000_000
"""Of a message: more than base64 makes of the largest one."""
_PARTS = 50
"""Parts of a message that have parts themselves."""
_BASE64 = re.compile(rb"\s*(H4sI|UEsD|PD94|PGZl|eyJ)[A-Za-z0-9+/=\s]*")
"""Base64 of gzip, zip, ``<?x``, ``<fe`` and ``{"``: attachments whose sender did not say that they are encoded."""
_CALLED = re.compile(r"\.(xml|json|zip|gz|gzip)$", re.IGNORECASE)
_TYPES = re.compile(r"^application/(tlsrpt.*|(x-)?gzip|(x-)?zip(-compressed)?|.*xml)$")
Kind = Literal["zip", "gzip", "xml", "json", ""]


class Item(NamedTuple):
    """A message or a file as it was found."""

    where: str
    data: bytes
    message: bool
    """Whether it came as a message: then whoever sent it is looked at."""
    names: tuple[str, ...]
    """Names and subjects that may tell the domain of a report that leaves it out."""


class Written(NamedTuple):
    """One report as it was written."""

    where: str
    kind: Literal["xml", "json"]
    text: str
    names: tuple[str, ...]
    whole: bool
    """Whether it was there to its end."""


class _Limit:
    """Bytes that may still be unpacked."""

    def __init__(self) -> None:
        self.left = UNPACKED


class TooMuchError(Exception):
    """More was packed than may be unpacked."""


def kind(data: bytes) -> Kind:
    """How a file begins; empty for what no report begins with."""
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if data.startswith(b"\x1f\x8b"):
        return "gzip"
    first = _text(data[:400]).lstrip("\ufeff\0 \t\r\n")[:1]
    return "xml" if first == "<" else "json" if first == "{" else ""


def reports(item: Item) -> Iterator[Written | Left]:
    """All that are in a message or file."""
    limit = _Limit()
    try:
        if item.message:
            yield from _of_message(item, limit)
        else:
            yield from _of_data(item.where, item.data, item.names, limit)
    except TooMuchError:
        yield Left(item.where, _LIMIT)
    except RecursionError:
        yield Left(item.where, "parts within parts, deeper than any report")


def _of_message(item: Item, limit: _Limit) -> Iterator[Written | Left]:
    if item.data.count(b"\n") > _LINES or item.data.lower().count(b"multipart/") > _PARTS:
        yield Left(item.where, "more lines or parts within parts than any report has")
        return
    message = message_from_bytes(item.data)
    subject = _decoded(message.get("Subject", ""))
    domain = f"Report Domain: {message.get('TLS-Report-Domain', '')}"
    none = True
    for part in message.walk():
        if part.get_content_type() == "message/feedback-report":
            yield Left(item.where, "a failure report about one message; it is not counted")
            return
        if part.is_multipart():
            continue
        name = _name(part)
        data = _content(part)
        if not data.strip() or (
            part.get_content_maintype() == "text" and not name and b"<feedback" not in data and kind(data) != "json"
        ):
            continue
        if not kind(data):
            if _CALLED.search(name) or _TYPES.match(part.get_content_type()):
                none = False
                yield Left(f"{item.where}, {line(name, 100) or 'an attachment'}", "neither XML, JSON, zip nor gzip")
            continue
        none = False
        yield from _of_data(
            f"{item.where}, {line(name, 100)}" if name else item.where, data, (domain, name, subject), limit
        )
    if none:
        yield Left(
            item.where,
            f'a message with the subject "{line(subject, 100)}", which is not a valid report: no XML, JSON, zip or gzip'
            " is attached",
        )


def _content(part: Message) -> bytes:
    """The bytes of a part, whether or not it says how they are encoded."""
    found = part.get_payload(decode=True)
    data = found if isinstance(found, bytes) else b""
    if _BASE64.fullmatch(data):
        try:
            return b64decode(data)
        except NoBase64:
            return data
    return data


def _name(part: Message) -> str:
    try:
        return _decoded(part.get_filename() or "")
    except Exception:  # as below; names have more ways to be wrong
        return ""


def _decoded(value: object) -> str:
    """A header as its sender meant it; as it is written where that cannot be told."""
    try:
        return str(make_header(decode_header(str(value))))
    except Exception:  # the library has many words for it: charsets, lengths, halves of characters
        return str(value)


def _of_data(
    where: str, data: bytes, names: tuple[str, ...], limit: _Limit, within: int = 0, *, whole: bool = True
) -> Iterator[Written | Left]:
    """Reports in a file, whether packed or not."""
    found = kind(data)
    if found in ("xml", "json"):
        yield Written(where, found, _text(data), names, whole)
    elif not found:
        yield Left(where, "neither XML, JSON, zip nor gzip" if data.strip() else "empty")
    elif within == _WITHIN:
        yield Left(where, "an archive within archives, deeper than any report")
    elif found == "gzip":
        for inner, complete in _gunzipped(data, limit):
            yield from _of_data(where, inner, names, limit, within + 1, whole=complete)
    else:
        yield from _unzipped(where, data, names, limit, within + 1)


def _gunzipped(data: bytes, limit: _Limit) -> Iterator[tuple[bytes, bool]]:
    """What is in a gzip file, each of several, and whether it was there to its end."""
    start = 0
    for _ in range(_FILES):
        out, pieces = zlib.decompressobj(zlib.MAX_WBITS | 16), []
        try:
            while not out.eof and start < len(data):
                # Bit by bit: what comes before a broken place is kept.
                piece = out.decompress(data[start : start + 2**16], limit.left + 1)
                start += 2**16
                pieces.append(piece)
                limit.left -= len(piece)
                if limit.left < 0:
                    raise TooMuchError
        except zlib.error:
            start = len(data)
        yield b"".join(pieces), out.eof
        start = min(start, len(data)) - len(out.unused_data)
        if not out.eof or data[start : start + 2] != b"\x1f\x8b":
            return


def _unzipped(where: str, data: bytes, names: tuple[str, ...], limit: _Limit, within: int) -> Iterator[Written | Left]:
    try:
        archive = zipfile.ZipFile(BytesIO(data))
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    except Exception as error:  # whatever a broken table of contents makes of it
        yield Left(where, f"a zip file that cannot be read: {line(str(error), 200)}")
        return
    if not entries:
        yield Left(where, "a zip file without files")
    if len(entries) > _FILES:
        yield Left(where, f"{len(entries)} files in a zip file; all after the first {_FILES} are not looked at")
    for entry in entries[:_FILES]:
        place = f"{where}: {line(entry.filename, 100)}" if len(entries) > 1 else where
        try:
            with archive.open(entry) as file:
                inner = file.read(limit.left + 1)
        except Exception as error:  # encrypted, damaged, packed in a way that nobody knows here
            yield Left(place, f"cannot be unpacked: {line(str(error), 200)}")
            continue
        limit.left -= len(inner)
        if limit.left < 0:
            raise TooMuchError
        yield from _of_data(place, inner, (*names, entry.filename), limit, within)


def _text(data: bytes) -> str:
    """Bytes as text: by byte order mark, as UTF-8, as the XML declaration says,
    else as Windows writes Western letters.
    """
    for mark, name in ((BOM_UTF8, "utf-8"), (BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return data.removeprefix(mark).decode(name, "replace")
    if b"\0" in data[:2]:
        return data.decode("utf-16-be" if data.startswith(b"\0") else "utf-16-le", "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        said = re.match(rb"\s*<\?xml[^>]{0,200}encoding=[\"']([A-Za-z0-9._-]{1,40})", data)
        try:
            return data.decode(said[1].decode() if said else "cp1252", "replace")
        except (LookupError, ValueError):
            return data.decode("cp1252", "replace")
