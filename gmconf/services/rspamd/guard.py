"""A filter that lost a part lets nothing in.

Three things insist, each without the others: rspamd does not start while one of its files is missing, empty, unreadable
or of another version; the force_actions module puts every message off that the rules did not have scanned; the rules
put everything off while a map or a module is not whole (roles/gmconf/files/rspamd). Postfix answers 4xx as long as
rspamd does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256

from gmconf.controls import control
from gmconf.dialects import ini
from gmconf.dialects.ucl import spell
from gmconf.resources import folder, program
from gmconf.services.plan import File, LineFile, PlannedFile
from gmconf.settings import Settings, need

PROGRAM = "/usr/local/lib/gmconf/rspamd-whole"
UNIT_FOLDER = "/etc/systemd/system/rspamd.service.d"
UNIT = f"{UNIT_FOLDER}/gmconf.conf"
FOLDER = "/etc/rspamd/local.d"
RULES = f"{FOLDER}/rspamd.lua"
PROGRAMS = (
    RULES,
    *(
        f"{FOLDER}/{name}.lua"
        for name in (
            "addresses",
            "attachments",
            "base",
            "complaints",
            "files",
            "form",
            "limits",
            "notices",
            "ratelimit",
            "results",
            "senders",
            "spoofing",
            "virus",
        )
    ),
)
"""The rules and what they load, as they lie in roles/gmconf/files/rspamd."""
DATA = f"{FOLDER}/gmconf-data.lua"
PARTS = (*PROGRAMS, DATA)
"""All of one version."""
PROOF = "/etc/rspamd/local.d/force_actions.conf"
LAST = "last-entry.invalid"
"""The last entry of every map: a map without it was cut. The name cannot exist (RFC 2606 section 2), and no message of
`gmconf verify` bears it."""
SCANNED = "GM_SCANNED"
"""The symbol of a message that clamd called clean."""


@cache
def version() -> str:
    """Ends each part of the rules; changes with any of them, and with the form of their data."""
    data = (folder("templates") / "rspamd" / "gmconf-data.lua.j2").read_text("utf-8")
    texts = (line for path in PROGRAMS for line in _written(path))
    return sha256("\n".join((*texts, data)).encode()).hexdigest()[:12]


def part(path: str) -> list[str]:
    """Lines of a part, with the version that all of them have."""
    return [line.replace('"@version@"', f'"{version()}"') for line in _written(path)]


def _written(path: str) -> list[str]:
    return program(f"files/rspamd/{path.rpartition('/')[2]}")


def files(filters: Iterable[PlannedFile], release: str) -> tuple[File | LineFile, ...]:
    """The proof that is asked for outside the rules, and the look at all files of the filter before it starts."""
    why = control("flt.fail-closed")
    proof = Settings(PROOF)
    proof.set("scanned", f"!{SCANNED}", why)
    proof.set("honoured", ["reject", "soft reject"], why)
    proof.set("message", "the virus scanner is not ready, try again later", need("rspamd", "what the sender reads"))
    unit = Settings(UNIT)
    unit.set("whole", [PROGRAM], why)
    unit.set(
        "users",
        "no" if release == "bookworm" else "identity",
        need(
            "rspamd",
            "in a container Debian 13 can fence in a service only that has a user namespace; one in which Postfix's"
            " group is there",
        ),
    )
    unit.set("keeps", "/var/lib/rspamd", need("rspamd", "compiled expressions and what it counts"))
    paths = sorted({f.path for f in filters} | {PROOF})
    return (
        File(PROOF, "rspamd", why, "rspamd/force_actions.conf.j2", proof, spell),
        LineFile(PROGRAM, "rspamd", why, lines=lambda: _program(paths), comment="", mode="0755"),
        File(UNIT, "rspamd", why, "rspamd/rspamd.service.conf.j2", unit, ini.spell),
    )


def _program(paths: Iterable[str]) -> Iterator[str]:
    yield from (
        "#!/bin/sh",
        (
            "# Managed by gmconf. Before rspamd starts, as its user: half a filter would let in what the other half"
            " refuses."
        ),
        "bad=0",
        "while read -r file; do",
        (
            '    test -s "$file" && test -r "$file" || { echo "$file is missing, empty or cannot be read; roll out'
            ' again" >&2; bad=1; }'
        ),
        "done <<'END'",
        *paths,
        "END",
        f"for file in {' '.join(PARTS)}; do",
        f"    tail -n 1 $file 2>/dev/null | grep -q '^return .*\"{version()}\"$' && continue",
        '    echo "$file is of another version or cut; roll out again" >&2; bad=1',
        "done",
        "exit $bad",
    )
