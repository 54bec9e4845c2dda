"""Attached files: programs whose names some mail programs see and others do not, archives, and what people send every
day."""

from __future__ import annotations

import base64
import binascii
import io
import itertools
import random
import struct
import tarfile
import zipfile
from email.message import EmailMessage
from urllib.parse import quote

PROGRAMS = (
    "a.exe",
    "A.EXE",
    "a.exe ",
    "a.exe.",
    "a.exe. . ",
    "a.exe%00.txt",
    "a%2Eexe",
    "a.exe::$DATA",
    "a.exe:x",
    "a.exe/",
    "a.exe\u00a0",
    "a\uff0eexe",
    "a.\uff45\uff58\uff45",
    "a\u2024exe",
    "a\ufe52exe",
    "a.e\u200bxe",
    "a\u202etxt.exe",
    "a.exe\u202e",
    "a.\u24d4\u24e7\u24d4",
    "a.\U0001d41e\U0001d431\U0001d41e",
    "a.\u1d49\u02e3\u1d49",
    "a.txt                         .exe",
    "a.txt.scr",
    "=?utf-8?q?a=2Eexe?=",
    "=?utf-8?b?YS5leGU=?=",
    "=?utf-8?b?YS5leGU=",
    "=?utf-8?q?a.e?= =?utf-8?q?xe?=",
    "=?iso-8859-1?q?a=2Eexe=A0?=",
    "=?utf-7?q?a+AC4-exe?=",
    "=?gb2312?q?a=A3=AEexe?=",
    "=?iso-2022-jp?b?YRskQiElGyhCZXhl?=",
    "=?utf-8?q?a.exe=00.txt?=",
    "=?utf-8?q?a=EF=BC=8Eexe?=",
    "a.exe\u3000",
    "a.exe\u2028",
    "'a.exe'",
    "a.e\u00adxe",
    "a.lnk",
    "a.js",
)
"""Names that are those of programs for somebody."""
PLACES = (
    'Content-Disposition: attachment; filename="{n}"',
    'Content-Type: application/octet-stream; name="{n}"\r\nContent-Disposition: attachment; filename="a.txt"',
    'Content-Type: text/plain; name="a.txt"\r\nContent-Disposition: attachment; filename="{n}"',
    'Content-Disposition: attachment; filename="a.txt"; filename="{n}"',
    'Content-Disposition: attachment; filename="{n}"; filename="a.txt"',
    'Content-Disposition: attachment; filename="a.txt"\r\nContent-Disposition: attachment; filename="{n}"',
    'Content-Disposition: attachment; filename="{n}"\r\nContent-Disposition: attachment; filename="a.txt"',
    'Content-Disposition: attachment; filename="{n}',
    "Content-Disposition: attachment; filename*=utf-8''{p}",
    "Content-Disposition: attachment; filename*=''{p}",
    "Content-Disposition: attachment; filename=\"a.txt\"; filename*=utf-8'en'{p}",
    'Content-Disposition: attachment; filename*0="{h}"; filename*1="{t}"',
    'Content-Disposition: attachment;\r\n filename*1="{t}";\r\n filename*0="{h}"',
    "Content-Disposition: attachment; filename*0*=utf-8''{hp}; filename*1*={tp}",
    "Content-Disposition: attachment; filename*0*=utf-8''{hp}; filename*1=\"{t}\"",
    'Content-Disposition: attachment; filename*0="{n}"; filename*2=".txt"',
    'CONTENT-DISPOSITION : attachment ; FileName = "{n}"',
    'Content-Disposition: attachment; filename (x) = "{n}"',
    'Content-Disposition: attachment;\r\n filename="{h}\r\n {t}"',
    'Content-Disposition: attachment;\r\n\tfilename="{h}\r\n\t{t}"',
    'Content-Disposition: attachment; filename="{n}"; size=4',
    'Content-Disposition: inline; filename="{n}"',
    'Content-Type: image/png; name="{n}"',
    'Content-Type: image/png;name="{n}";x=y',
    'Content-Type: image/png\r\nX-Other: y\r\nContent-Disposition: attachment\r\n ; filename="{n}"',
    'no field\r\nContent-Disposition: attachment; filename="{n}"',
    'Content-Disposition: attachment; filename="{h}"{t}',
    'Content-Disposition: attachment; filename="\\{h}{t}"',
)
"""Headers of a part; n is the name, h and t its two halves, p, hp and tp the same in RFC 2231."""
KINDS = ("mixed", "deeper", "message", "digest", "encoded message", "the whole message")


def _header(name: str, place: str) -> bytes:
    middle = len(name) - 2 if "=?" not in name else len(name)
    head, tail = name[:middle], name[middle:]
    return place.format(n=name, h=head, t=tail, p=quote(name), hp=quote(head), tp=quote(tail)).encode()


def _part(header: bytes) -> bytes:
    return header + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(b"harmless") + b"\r\n"


def _within(kind: str, header: bytes) -> bytes:
    """From MIME-Version on, of a message with such a part."""
    part = _part(header)
    mixed = (
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello.\r\n--b\r\n'
        + part
        + b"--b--\r\n"
    )
    inner = b"From: x@sender.example\r\nSubject: inner\r\nMIME-Version: 1.0\r\n" + mixed
    return (
        b"MIME-Version: 1.0\r\n"
        + {
            "mixed": mixed,
            "deeper": b'Content-Type: multipart/mixed; boundary="c"\r\n\r\n--c\r\n' + mixed + b"--c--\r\n",
            "message": b"Content-Type: message/rfc822\r\n\r\n" + inner,
            "digest": b'Content-Type: multipart/digest; boundary="c"\r\n\r\n--c\r\n\r\n' + inner + b"--c--\r\n",
            "encoded message": (
                b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                + base64.encodebytes(inner).replace(b"\n", b"\r\n")
            ),
            "the whole message": part,
        }[kind]
    )


def programs(count: int, seed: int = 19) -> list[bytes]:
    """So many messages, from MIME-Version on: every name, every place, and others of their combinations."""
    source = random.Random(seed)  # noqa: S311 (repeatable, not secret)
    wanted = [(name, PLACES[0], KINDS[0]) for name in PROGRAMS] + [
        ("a.exe", place, kind) for place in PLACES for kind in KINDS[:1]
    ]
    wanted += [("a.exe", PLACES[0], kind) for kind in KINDS]
    rest = list(itertools.product(PROGRAMS, PLACES, KINDS))
    wanted += source.sample(rest, max(0, count - len(wanted)))
    return [_within(kind, _header(name, place)) for name, place, kind in wanted]


NAMES = (
    "invoice 2026-11.pdf",
    "J\xf6rg & Co. (1).docx",
    "smile :).txt",
    "a (1.txt",
    "www.example.com.pdf",
    "home.tar.gz",
    "v1.2.3",
    "no ending",
    "exe.txt",
    "a.exe.txt",
    "a, b; c.pdf",
    "O'Brien.pdf",
    "100% sure.pdf",
    "50%25.pdf",
    "\u65e5\u672c\u8a9e.xlsx",
    "\u8cc7\u6599\uff0e\uff50\uff44\uff46",
    "R\xe9sum\xe9.odt",
    "smime.p7s",
    "signature.asc",
    "invite.ics",
    "program.c",
    "photo.JPEG",
    ".bashrc",
    "Re: report from example.org.eml",
    "\u2122 of ours.pdf",
    "a" * 180 + ".pdf",
    "\u202bx\u202c.pdf",
)
SPELLED = (
    (
        'Content-Type: application/pdf; name="=?utf-8?Q?Angebot_f=C3=BCr_Sie=2Epdf?="\r\nContent-Disposition:'
        ' attachment; filename="=?utf-8?Q?Angebot_f=C3=BCr_Sie=2Epdf?="'
    ),
    "Content-Type: application/pdf; name=a.pdf\r\nContent-Disposition: attachment; filename=a.pdf",
    'Content-Disposition: attachment;\r\n\tfilename="=?iso-2022-jp?B?GyRCRnxLXBsoQi50eHQ=?="',
    'Content-Disposition: attachment; filename="=?gb2312?B?1tDOxC5wZGY=?="',
    "Content-Disposition: attachment;\r\n filename*0*=utf-8''%C3%84;\r\n filename*1*=b.pdf",
    'Content-Disposition: attachment; filename="foo \\"bar\\".pdf"',
    (
        'Content-Disposition: attachment; filename="a.pdf"; filename*=utf-8\'\'a.pdf; size=3; modification-date="Mon,'
        ' 23 Nov 2026 12:00:00 +0000"'
    ),
    "Content-Disposition: attachment; filename=a b.pdf",
    "Content-Disposition: inline",
    "Content-Type: text/plain; charset=utf-8; format=flowed\r\nContent-Disposition: inline",
    (
        'Content-Type: image/png; name="image001.png"\r\nContent-ID: <image001.png@01D.com>\r\nContent-Description:'
        " www.example.com"
    ),
    'Content-Type: text/x-vcard; charset=utf-8;\r\n name="x.vcf"',
)
TEXTS = (
    b"begin 2023 with a walk\r\nAnd then: write to us.\r\n",
    b"-- \r\nJohn\r\nwww.example.com\r\n",
    b"The header was\r\n\r\n  Content-Disposition: attachment; filename=a.exe\r\n",
    b"=ybegin is how yEnc starts\r\n",
)


def harmless() -> list[bytes]:
    """Messages from MIME-Version on, as honest programs send them."""
    found = []
    for name in NAMES:
        built = EmailMessage()
        built.set_content("Hello.\n")
        built.add_attachment(b"harmless", maintype="application", subtype="octet-stream", filename=name)
        found.append(built.as_bytes().replace(b"\n", b"\r\n"))
    found += [_within(kind, spelled.encode()) for spelled in SPELLED for kind in KINDS[:3]]
    found += [
        b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding:"
        b" quoted-printable\r\n\r\n" + text
        for text in TEXTS
    ]
    found += [
        b"\r\n" + uuencoded(b"harmless", "a.txt"),
        attached(zipped(b"harmless", "example.com/index.html")),
        attached(zipped(zipped(b"harmless", "a.txt"), "a.zip")),
    ]
    found += [
        attached(tnef("a.txt", b"harmless"), "winmail.dat", "application/ms-tnef"),
        attached(SEVEN["plain"], "a.7z"),
        attached(tarred("a.txt"), "a.tar.gz"),
    ]
    return found


def attached(data: bytes, name: str = "a.zip", kind: str = "application/octet-stream") -> bytes:
    """From MIME-Version on, of a message with this file."""
    return _within(
        "mixed", f'Content-Type: {kind}\r\nContent-Disposition: attachment; filename="{name}"'.encode()
    ).replace(base64.b64encode(b"harmless"), base64.encodebytes(data).replace(b"\n", b"\r\n"))


def zipped(data: bytes, *names: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name in names:
            archive.writestr(name, data)
    return packed.getvalue()


def tarred(name: str, mode: str = "w:gz") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        entry = tarfile.TarInfo(name)
        entry.size = 8
        archive.addfile(entry, io.BytesIO(b"harmless"))
    return packed.getvalue()


def uuencoded(data: bytes, name: str) -> bytes:
    lines = [binascii.b2a_uu(data[at : at + 45]) for at in range(0, len(data), 45)]
    return f"begin 644 {name}\n".encode() + b"".join(lines) + b"`\nend\n"


def yencoded(data: bytes, name: str) -> bytes:
    coded = b"".join(
        bytes([61, (c + 106) % 256]) if (c + 42) % 256 in (0, 10, 13, 61) else bytes([(c + 42) % 256]) for c in data
    )
    return (
        f"=ybegin line=128 size={len(data)} name={name}\r\n".encode()
        + coded
        + f"\r\n=yend size={len(data)}\r\n".encode()
    )


def tnef(name: str, data: bytes) -> bytes:
    """As Outlook packs a file: winmail.dat."""

    def attribute(level: int, number: int, value: bytes) -> bytes:
        return struct.pack("<BII", level, number, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)

    parts = (
        attribute(1, 0x00089006, struct.pack("<I", 0x10000)),
        attribute(2, 0x00069002, bytes(14)),
        attribute(2, 0x00018010, name.encode() + b"\0"),
        attribute(2, 0x0006800F, data),
    )
    return struct.pack("<IH", 0x223E9F78, 1) + b"".join(parts)


SEVEN = {
    "plain": base64.b64decode(
        "N3q8ryccAAR1yWi5DAAAAAAAAABSAAAAAAAAAGY1V84BAAdoYXJtbGVzcwABBAYAAQkMAAcLAQABISEBAAwIAAgKAcN3V54AAAUBGQwAAAAAAAAAAAAAAAARDQBoAC4AdAB4AHQAAAAUCgEA3LiwvR6A3QEVBgEAIICkgQAA"
    ),
    "encrypted": base64.b64decode(
        "N3q8ryccAAQGxT/BEAAAAAAAAABiAAAAAAAAAFmJlshRKpdrB6oEcpr9UYAWZxXLAQQGAAEJEAAHCwEAAiQG8QcBElMPW0LzsQxbtl4ioEyFYo3PNCEhAQABAAwMCAAICgHDd1eeAAAFARkBABENAGgALgB0AHgAdAAAABQKAQDcuLC9HoDdARUGAQAggKSBAAA="
    ),
    "names encrypted": base64.b64decode(
        "N3q8ryccAARcenX6gAAAAAAAAAAuAAAAAAAAAMPvL7Xop8lAYMPQigKkPiVTrGl1BtPonwJU/CzCRjzhJCK1vz2ez8F/vhctg0jOsgaxTxGYZS6aGBPMy7/bhDV3Ly9x3OlnAf+B2En1xTbRpjgVSLsstM+6nVKPFMweZZunNQ54eHqYeSQeXC7C0uH7TS/tzP5n+DubWwE7qh7M1saxQhcGEAEJcAAHCwEAASQG8QcBElMP5kxkZZy7a6HNvU47IzzSmwxiCgEvhYEhAAA="
    ),
    "Deflate": base64.b64decode(
        "N3q8ryccAARo2OjKDQAAAAAAAABSAAAAAAAAAC4o2VIBCAD3/2hhcm1sZXNzAQQGAAEJDQAHCwEAAQMEAQgMCAAICgHDd1eeAAAFARkMAAAAAAAAAAAAAAAAEQ0AaAAuAHQAeAB0AAAAFAoBANy4sL0egN0BFQYBACCApIEAAA=="
    ),
    "BZip2": base64.b64decode(
        "N3q8ryccAAQm+RA6LAAAAAAAAABSAAAAAAAAAKfweOhCWmg5MUFZJlNZvryv/QAAAQGAIkYYACAAMQwBAxp6IRFF3JFOFCQvryv/QAEEBgABCSwABwsBAAEDBAICDAgACAoBw3dXngAABQEZDAAAAAAAAAAAAAAAABENAGgALgB0AHgAdAAAABQKAQDcuLC9HoDdARUGAQAggKSBAAA="
    ),
}
"""A text of 8 bytes in a 7z archive, which Python cannot make."""


def unread() -> dict[str, bytes]:
    """Messages from MIME-Version on with what clamd cannot look into, on their own and in archives that it unpacks."""
    lzma = zipped(b"harmless", "a.txt", method=zipfile.ZIP_LZMA)
    archives = {
        "zip with LZMA": lzma,
        "in a zip": zipped(lzma, "a.zip"),
        "behind junk": bytes(5000) + lzma,
        "zip with PPMd": zipped(b"harmless", "a.txt").replace(b"\x08\0", b"\x62\0"),
        "rar": b"Rar!\x1a\x07\x01\x00" + bytes(99),
        "rar behind a program": bytes(999) + b"Rar!\x1a\x07\x00" + bytes(99),
        "Zstandard": bytes.fromhex("28b52ffd0458") + bytes(99),
        "package": b"!<arch>\ndebian-binary   ",
        "volume": b"PK\x07\x08" + lzma,
        **{f"7z {name}": data for name, data in SEVEN.items() if name != "plain"},
        "7z in tar": _tar_of(SEVEN["Deflate"]),
    }
    found = {name: attached(data, "a.bin") for name, data in archives.items()}
    found |= {
        f"named {name}": attached(bytes(9), name) for name in ("a.7z.001", "a.z01", "a.r00", "a.zip.003", "a.lzma")
    }
    virus = b"harmless, but who knows"
    found["message/partial"] = (
        b'MIME-Version: 1.0\r\nContent-Type: message/partial; id="x"; number=1; total=2\r\n\r\n' + virus
    )
    found["message/external-body"] = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type:"
        b' message/external-body; access-type="x"\r\n\r\nContent-Type: text/plain\r\n\r\n--b--\r\n'
    )
    found["yEnc"] = b"\r\n" + yencoded(virus, "a.txt")
    found["begin-base64"] = b"\r\nbegin-base64 644 a.txt\r\n" + base64.encodebytes(virus) + b"====\r\n"
    found["uuencode in HTML"] = b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>\r\n" + uuencoded(
        virus, "a.txt"
    )
    return found


def _tar_of(data: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("a.7z")
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def packed() -> dict[str, bytes]:
    """Messages from MIME-Version on with programs in archives and in forms that are no MIME."""
    exe, texts = zipped(b"harmless", "a.exe"), [f"{n}.txt" for n in range(1200)]
    archives = {
        "zip": exe,
        "zip in zip in zip": zipped(zipped(exe, "b.zip"), "c.zip"),
        "after 1,200 others": zipped(b"x", *texts, "a.exe"),
        "behind junk": bytes(range(1, 256)) * 20 + exe,
        "A.EXE. ": zipped(b"harmless", "A.EXE. "),
        "folder": zipped(b"harmless", "x/y/a.scr"),
        **{f"tar {kind}": tarred("a.exe", f"w:{kind}") for kind in ("", "gz", "bz2", "xz")},
    }
    found = {name: attached(data, "a.bin") for name, data in archives.items()}
    found["TNEF"] = attached(tnef("a.exe", b"harmless"), "winmail.dat", "application/ms-tnef")
    found["TNEF, UTF-16"] = attached(
        tnef("a.txt", b"..." + "a.exe\0".encode("utf-16-le") + bytes(4)), "winmail.dat", "application/ms-tnef"
    )
    found["uuencode"] = b"\r\n" + uuencoded(b"harmless", "a.exe")
    found["yEnc"] = b"\r\n" + yencoded(b"harmless", "a.exe")
    found["uuencode in a part"] = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHello\r\n"
        + uuencoded(b"harmless", "a.exe").replace(b"\n", b"\r\n")
        + b"--b--\r\n"
    )
    return found
