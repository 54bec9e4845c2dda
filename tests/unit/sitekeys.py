"""Keys for the sites of tests. DKIM keys are made once for each name and copied: RSA is what making them costs."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from gmconf.keys import credentials
from gmconf.keys import make as keys
from gmconf.keys.names import dkim_names
from gmconf.site.load import load

PASSWORD = b"of the vault"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
HASHES = {"alice@example.org": "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$YQ$Yg"}
_POOL = TemporaryDirectory(prefix="gmconf-keys-")


def with_keys(work: Path) -> Path:
    """Give the site in a folder the keys that it lacks, and a password if it has none; returns the folder."""
    site = load(work / "site.yml", keys=False).site
    pool, folder = Path(_POOL.name), work / site.secrets.folder
    halves = [f"{stem}{end}" for _, _, stem, _ in dkim_names(site) for end in (".pub", ".key.vault")]
    missing = [name for name in halves if not (folder / name).exists()]
    _copy(missing, pool, folder)
    keys.create_missing(site, work, PASSWORD, now=NOW)
    _copy(missing, folder, pool)
    if credentials.kept(folder) == "none":
        credentials.store(folder, HASHES, PASSWORD)
    return work


def _copy(names: list[str], source: Path, to: Path) -> None:
    for name in names:
        if (source / name).exists() and not (to / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, to / name)
