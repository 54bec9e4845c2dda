"""What must hold about ClamAV's further databases: each rule is a function that yields (path, sentence)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from gmconf.derived.accounts import Directory
from gmconf.model import Site

Finding = tuple[str, str]
LOADED = re.compile(
    r"[^.].*\.(cat|cbc|cdb|cfg|cld|crb|cud|cvd|db|fp|ftm|gdb|hdb|hdu|hsb|hsu|idb|ign2?|imp|info|ioc|ldb|ldu|mdb|mdu|msb|msu|ndb|ndu"
    r"|pdb|pwdb|rmd|sdb|sfp|wdb|yara?|zmd)\Z"
)
"""Names of files that libclamav 1.4 loads, asked of clamscan on Debian 12 and 13;
it passes over others without a word.
"""
OWN = ("gmconf.ndb", "gmconf.cdb")
HIDDEN = {
    "/dev": "freshclam has a /dev of its own",
    "/root": "only root can read it",
    "/tmp": "freshclam has a /tmp of its own",  # noqa: S108
    "/var/lib/clamav": "freshclam copies it there",
    "/var/lib/gmconf": "only root can read it",
    "/var/tmp": "freshclam has a /var/tmp of its own",  # noqa: S108
}
"""Folders from which freshclam gets nothing, and why."""
_FILE = re.compile(r"/[A-Za-z0-9._/+=:~-]+\Z")


def databases_can_be_loaded(site: Site, _: Directory) -> Iterator[Finding]:
    """Each URL brings a file of its own that clamd loads."""
    seen: dict[str, str] = {}
    for number, url in enumerate(site.filter.signatures.urls):
        path, name = f"filter.signatures.urls[{number}]", url.rpartition("/")[2]
        if not LOADED.match(name):
            known = "ClamAV knows a database by its ending, such as .ndb, .hdb, .yara or .cvd"
            yield path, f"{known}, and passes over {name or 'this'}; rename it"
        elif name in OWN:
            yield path, f"{name} is the name of gmconf's own signatures; choose another"
        elif name in seen:
            yield path, f"{seen[name]} is kept under the name {name} too, and one would replace the other; rename one"
        seen.setdefault(name, url)


def files_can_be_read(site: Site, _: Directory) -> Iterator[Finding]:
    """What lies on the filter hosts lies where freshclam reads. Whether user clamav may, the host says."""
    for number, url in enumerate(site.filter.signatures.urls):
        if not url.startswith("file:"):
            continue
        path, file = f"filter.signatures.urls[{number}]", url.removeprefix("file://")
        if not _FILE.match(file) or file != posixpath.normpath(file):
            whole = "file:// and its whole path, of letters, digits and ._+=:~-"
            yield path, f"name the file itself: {whole} (such as file:///srv/signatures/own.ndb)"
            continue
        for folder, why in HIDDEN.items():
            if file.startswith(f"{folder}/"):
                yield path, f"freshclam cannot take it from {folder}: {why}; put it elsewhere, such as /srv/signatures"


SIGNATURE_RULES = (databases_can_be_loaded, files_can_be_read)
