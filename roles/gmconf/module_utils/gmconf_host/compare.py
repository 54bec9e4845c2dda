"""What differs between a host and its manifest. Writes nothing."""

from __future__ import annotations

import grp
import hashlib
import pwd
import stat
from collections.abc import Sequence

from ansible.module_utils.gmconf_host.host import STATE, filesystem, run
from ansible.module_utils.gmconf_host.manifest import Compile, Differs, Entry, Found, Manifest, Placed, User
from ansible.module_utils.gmconf_host.places import Places
from ansible.module_utils.gmconf_host.published import ask
from ansible.module_utils.gmconf_host.units import wrong_units


def digest_of(path: str, places: Places) -> str | None:
    """SHA-256 of a regular file, None when there is none."""
    try:
        with places.open(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def ids(entry: Placed) -> tuple[int, int] | None:
    """(uid, gid), or None while user or group do not exist yet."""
    try:
        return pwd.getpwnam(entry["owner"]).pw_uid, grp.getgrnam(entry["group"]).gr_gid
    except KeyError:
        return None


def meta_differs(entry: Placed, places: Places) -> bool:
    """Whether owner, group or mode differ from what is wanted."""
    found = places.stat(entry["path"])
    wanted = ids(entry)
    return (
        found is None or (found.st_uid, found.st_gid) != wanted or stat.S_IMODE(found.st_mode) != int(entry["mode"], 8)
    )


def missing_packages(manifest: Manifest) -> list[str]:
    """Packages that are not installed."""
    _, out = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *manifest["packages"]])
    have = {line.split()[0] for line in out.splitlines() if line.endswith(" installed")}
    return sorted(set(manifest["packages"]) - have)


def changed_files(manifest: Manifest, places: Places) -> list[Entry]:
    """Entries whose content or metadata differ."""
    return [f for f in manifest["files"] if content_differs(f, places) or meta_differs(f, places)]


def content_differs(entry: Entry, places: Places) -> bool:
    """Whether the content is another one; what is initial is the host's own from then on."""
    found = digest_of(entry["path"], places)
    return found is None if entry.get("initial") else found != entry["sha256"]


def unwanted(manifest: Manifest, places: Places) -> list[str]:
    """Files that may not be there: in owned directories, and those named absent."""
    keep = {f["path"] for f in manifest["files"]} | {c["makes"] for c in manifest["compile"]}
    found = [path for path in manifest["absent"] if places.stat(path)]
    for folder in manifest["owned"]:
        found += [path for path in places.files(folder) if path not in keep]
    return sorted(found)


def retired(manifest: Manifest, places: Places) -> list[str]:
    """Places where an earlier gmconf kept files that lie elsewhere now."""
    return [path for path in manifest["retired"] if places.stat(path)]


def stale_compiled(manifest: Manifest, changed: Sequence[Entry], places: Places) -> list[Compile]:
    """Derived files to be made again."""
    paths = {f["path"] for f in changed}
    return [c for c in manifest["compile"] if c["source"] in paths or not places.stat(c["makes"])]


def missing_users(manifest: Manifest) -> list[User]:
    """Users, or memberships of groups, that are not there."""
    found = []
    for user in manifest["users"]:
        try:
            pwd.getpwnam(user["name"])
        except KeyError:
            found.append(user)
            continue
        if any(not is_member(user["name"], group) for group in user["groups"]):
            found.append(user)
    return found


def is_member(name: str, group: str) -> bool:
    """Whether a user is in a group by name."""
    try:
        return name in grp.getgrnam(group).gr_mem
    except KeyError:
        return False


def compare(manifest: Manifest) -> Found:
    """What differs, by kind. ``need`` are the digests of contents that the host lacks.

    ``published``: what DNS says under the names that files about to change must agree with.
    """
    packages = missing_packages(manifest)
    with filesystem() as places:
        changed = changed_files(manifest, places)
        live = {digest_of(f["path"], places) for f in manifest["files"]}
        found: Differs = {
            "missing_packages": packages,
            "files": [f["path"] for f in changed],
            "removed": unwanted(manifest, places),
            "retired": retired(manifest, places),
            "directories": [d["path"] for d in manifest["directories"] if meta_differs(d, places)],
            "compiled": [c["makes"] for c in stale_compiled(manifest, changed, places)],
            "users": [u["name"] for u in missing_users(manifest)],
            "units": [] if packages else wrong_units(manifest),
            "interrupted": places.stat(f"{STATE}/journal") is not None,
        }
        asked = [
            record.split() for f in changed if "records" in f and content_differs(f, places) for record in f["records"]
        ]
    published = ask(asked)
    return {
        **found,
        "changed": any(found.values()),
        "need": sorted({f["sha256"] for f in manifest["files"]} - live),
        "published": published,
    }
