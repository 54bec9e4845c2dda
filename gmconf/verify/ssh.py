"""Looks at a host from inside: one ssh session, one small program, one JSON document back."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gmconf.derived import ssh as remote
from gmconf.services import mta_sts
from gmconf.verify.probe import NothingToSayError
from gmconf.verify.run import At, Ssh

PROGRAM = Path(__file__).with_name("host_script.py")
SECONDS = 45.0
UNBOUND = "/etc/unbound/unbound.conf"
NFT = "/etc/nftables.conf"
USERS = ("root", "nobody")
"""Who may not open port 25 outward."""
ANSWER = {
    "release",
    "files",
    "times",
    "unwanted",
    "packaged",
    "units",
    "masked",
    "commands",
    "resolves",
    "resolv",
    "leaves",
    "listening",
    "updates",
}
"""What the program says; see host_script.py."""
COMMANDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "postconf -n": ("/etc/postfix/main.cf", ("postconf", "-n")),
    "postconf -M": ("/etc/postfix/master.cf", ("postconf", "-M")),
    "doveconf -n": ("/etc/dovecot/dovecot.conf", ("doveconf", "-n")),
    "rspamadm configdump": ("/etc/rspamd/local.d/options.inc", ("rspamadm", "configdump")),
    "clamconf": ("/etc/clamav/clamd.conf", ("clamconf", "-n")),
    "unbound-checkconf": (UNBOUND, ("unbound-checkconf",)),
    "tls-policy": (mta_sts.UNIT, ("postmap", "-q", mta_sts.NOBODY, mta_sts.MAP)),
    "nft file": (NFT, ("nft", "--debug=netlink", "-c", "-f", NFT)),
    "nft loaded": (NFT, ("nft", "--debug=netlink", "list", "table", "inet", "gmconf")),
    "nft text": (NFT, ("nft", "-s", "list", "table", "inet", "gmconf")),
}
"""What is asked of a host that has a file."""


def wanted(at: At) -> dict[str, Any]:
    """What the program is told: how the host is to be."""
    found = at.run.manifest(at.host)
    paths = {f["path"]: f for f in found["files"]}
    commands = {name: list(argv) for name, (path, argv) in COMMANDS.items() if path in paths}
    commands |= {
        f"unbound:{key}": ["unbound-control", "get_option", key]
        for key in switches(at.run.rendered(at.host, UNBOUND) or "")
    }
    names = [".", *(d.name for d in at.run.domains), *(h.host.name for h in at.run.hosts)]
    return {
        "files": {
            path: {
                "sha256": f.get("sha256", ""),
                "owner": f["owner"],
                "group": f["group"],
                "mode": f["mode"],
                "shown": "secret" not in f,
                "own": f.get("initial", False),
            }
            for path, f in paths.items()
        },
        "known": [*paths, *(c["makes"] for c in found["compile"])],
        "owned": found["owned"],
        "absent": found["absent"],
        "packages": found["packages"],
        "mask": found["mask"],
        "units": [s["unit"] for s in found["services"]],
        "commands": commands,
        "names": list(dict.fromkeys(names)),
        "leaves": list(USERS),
    }


def switches(text: str) -> dict[str, str]:
    """Yes/no options, and the modules, of a rendered unbound.conf: what unbound-control can be asked for and spells
    alike."""
    found = re.findall(r"^\s*([a-z0-9-]+):\s*(yes|no|\"[a-z ]*iterator\")\s*$", text, re.MULTILINE)
    return {key: value.strip('"') for key, value in found if key not in ("control-enable", "control-use-cert")}


def command(at: At, ssh: Ssh) -> list[str]:
    """How the program gets to the host."""
    return [*remote.ssh(at.run.loaded.site.network, at.host, ssh.options, ssh.user), "python3", "-"]


def look(at: At) -> dict[str, Any]:
    """What the host says of itself; asked once a run. Raises OSError, or NothingToSayError without ssh."""
    if at.run.ssh is None:
        raise NothingToSayError("not looked at from inside (--no-drift)")
    with at.lock:
        if at.inside is None:
            at.inside = _ask(at, at.run.ssh)
    if isinstance(at.inside, OSError):
        raise at.inside
    return at.inside


def program(asked: Mapping[str, Any]) -> bytes:
    """What is sent: the program with what it is told."""
    first = "from __future__ import annotations\n"
    told = f"WANTED = __import__('json').loads({json.dumps(asked)!r})\n"
    return (first + told + PROGRAM.read_text("utf-8").replace(first, "")).encode()


def _ask(at: At, ssh: Ssh) -> dict[str, Any] | OSError:
    argv = command(at, ssh)
    where = argv[-3]
    try:
        done = subprocess.run(argv, input=program(wanted(at)), capture_output=True, timeout=SECONDS)
    except FileNotFoundError:
        return OSError("the program ssh is needed on this machine; without it use --no-drift")
    except subprocess.TimeoutExpired:
        return OSError(f"ssh {where}: no end within {SECONDS:g} s")
    if done.returncode:
        text = done.stderr.decode("utf-8", "replace").strip().splitlines()
        return OSError(
            f"ssh {where}: {text[-1] if text else f'exit code {done.returncode}'}; give what ssh needs with"
            " --ssh-option, or use --no-drift"
        )
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        found = {}
    if not isinstance(found, dict) or not found.keys() >= ANSWER:
        return OSError(f"ssh {where}: not the answer that was asked for: {done.stdout[:200]!r}")
    return found
