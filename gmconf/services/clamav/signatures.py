"""Signatures that gmconf brings along: the test virus, names of programs in archives, and archives that clamd cannot
look into.

clamd looks at names and contents on every level that it unpacks, in mail too; what it cannot unpack it would call
clean.
"""

from __future__ import annotations

from collections.abc import Iterator

from gmconf.services.plan import View

UNREAD, PROGRAM = "Gmconf.Unread", "Gmconf.Program"
ZIP_METHODS = (*range(1, 6), 7, 10, 11, *range(13, 21), *range(93, 99))
"""Ways of packing that are defined and that clamd does not know: LZMA, xz, Zstandard, PPMd and old ones."""
STARTS = {
    "Ace": "*:2a2a4143452a2a",
    "Ar": "0:213c617263683e0a",
    "Compress": "0:1f9d90",
    "FreeArc": "0:41724301",
    "Lrzip": "0:4c525a49",
    "Lz4": "0:04224d18",
    "Lzip": "0:4c5a4950",
    "Lzop": "0:894c5a4f000d0a1a0a",
    "Rar": "*:526172211a07",
    "Rpm": "0:edabeedb",
    "Rzip": "0:525a4950",
    "Seven.Bzip2": "0:377abcaf271c{26}425a68",
    "Seven.Plain": "0:377abcaf271c*070b??00????(040108|040109|040202|04f711)",
    "StuffIt": "0:5374756666497420",
    "StuffIt.Old": "0:53495421",
    "Volume": "0:504b0708",
    "Wim": "0:4d5357494d000000",
    "Zoo": "20:dca7c4fd",
    "Zpaq": "*:376b5374a031",
    "Zstandard": "0:28b52ffd",
    "Zstandard.Skip": "0:5?2a4d18",
}
"""Offset and first bytes of archives that clamd does not unpack. For rar it would need software that is not free and
not in Debian."""
NAMED = r"(z[0-9][0-9]|r[0-9][0-9]|lzma|tlz|br|(7z|zip|zipx|rar|arj|tar|gz|tgz|bz2|xz|exe)\.[0-9][0-9][0-9])"
"""Pieces of a split archive, of which clamd would need all, and archives that begin with nothing of their own."""


def contents(view: View) -> Iterator[str]:
    """gmconf.ndb. Its first line is the EICAR test file at the start of any object (its 68 harmless bytes in
    hexadecimal)."""
    text = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
    yield f"Eicar-Test-Signature:0:0:{text.encode().hex()}"
    if view.site.filter.unread_files == "accept":
        return
    methods = "|".join(f"{method:02x}" for method in ZIP_METHODS)
    yield f"{UNREAD}.Zip.Entry:0:*:504b0304????????({methods})00"
    yield f"{UNREAD}.Zip.Directory:0:*:504b0102????????????({methods})00"
    yield from (f"{UNREAD}.{name}:0:{where}" for name, where in STARTS.items())


def names(view: View) -> Iterator[str]:
    """gmconf.cdb: names of files in archives and of parts of mail, without blanks and full stops at their end."""
    endings = "|".join(view.site.filter.refused_files) or "gmconf-refuses-none"
    yield f"{PROGRAM}:*:*:(?i)\\.({endings})[. ]*$:*:*:*:*:*:*"
    if view.site.filter.unread_files == "refuse":
        yield f"{UNREAD}.Named:*:*:(?i)\\.{NAMED}[. ]*$:*:*:*:*:*:*"
