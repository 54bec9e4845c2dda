"""What the role on the host is told: one JSON document per host, made of the plans of its services."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from functools import cache

from gmconf.model import Host
from gmconf.services.plan import (
    Command,
    Compile,
    File,
    Judge,
    LineFile,
    Pair,
    Plan,
    PlannedFile,
    Probe,
    SecretFile,
    User,
)

FORMAT = 1
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


def manifest(host: Host, plans: Sequence[Plan], digests: Mapping[str, str]) -> str:
    """The manifest of a host; ``digests`` are the SHA-256 of its public files by path.

    JSON with one line for each entry of a list, so that diffs say what changed.
    """
    found = {
        key: _lines(value) if isinstance(value, list) else _encode(value) for key, value in _facts(host, plans).items()
    }
    found["files"] = _block(
        _secret(file) if isinstance(file, SecretFile) else _public(file, digests[file.path])
        for plan in plans
        for file in plan.files
    )
    return "{\n " + ",\n ".join(f'"{key}": {text}' for key, text in sorted(found.items())) + "\n}\n"


def _lines(entries: list[object]) -> str:
    return _block(map(_encode, entries))


def _block(lines: Iterable[str]) -> str:
    text = ",\n  ".join(lines)
    return f"[\n  {text}\n ]" if text else "[]"


def _facts(host: Host, plans: Sequence[Plan]) -> dict[str, object]:
    """Everything but the files."""
    packages = sorted({package for plan in plans for package in plan.packages})
    directories = {d[0]: d for plan in plans for d in plan.directories}
    return {
        "format": FORMAT,
        "host": host.name,
        "release": host.release,
        "packages": packages,
        "users": _users(plans),
        "directories": [
            {"path": path, "owner": owner, "group": group, "mode": mode}
            for path, owner, group, mode in sorted(directories.values())
        ],
        "owned": sorted({path for plan in plans for path in plan.owned}),
        "stage_prefixes": sorted({path for plan in plans for path in (*plan.stage_prefixes, *plan.owned)}),
        "absent": sorted({path for plan in plans for path in plan.absent}),
        "retired": sorted({path for plan in plans for path in plan.retired}),
        "compile": [_written(step) for plan in plans for step in plan.compile],
        "validate": [{"name": plan.name, **_written(judge)} for plan in plans for judge in plan.validate],
        "tls": [_written(pair) for plan in plans for pair in plan.tls],
        "services": [
            {
                "unit": unit.unit,
                "name": plan.name,
                "enabled": unit.enabled,
                "on_change": unit.on_change,
                "restart_paths": list(unit.restart_paths),
                "watch": list(unit.watch),
                "at_boot": unit.at_boot,
            }
            for plan in plans
            for unit in plan.units
        ],
        "mask": sorted({unit for plan in plans for unit in plan.mask}),
        "commands": [_written(command) for plan in plans for command in plan.commands],
        "probes": [
            {**_written(probe), "kind": probe.kind, "units": [unit.unit for unit in plan.units]}
            for plan in plans
            for probe in plan.probes
        ],
    }


def _users(plans: Sequence[Plan]) -> list[dict[str, object]]:
    users: dict[str, dict[str, object]] = {}
    groups: dict[str, set[str]] = {}
    for plan in plans:
        for wanted in plan.users:
            users.setdefault(wanted.name, {}).update(_written(wanted))
            groups.setdefault(wanted.name, set()).update(wanted.groups)
    return [{**user, "groups": sorted(groups[name])} for name, user in users.items()]


def _written(part: User | Compile | Judge | Pair | Command | Probe) -> dict[str, object]:
    """A part as the role reads it: a field that has its default is left out."""
    values = ((field.name, getattr(part, field.name), field.default) for field in fields(part))
    return {name: list(value) if isinstance(value, tuple) else value for name, value, usual in values if value != usual}


def _public(file: File | LineFile, digest: str) -> str:
    return _encode({**_entry(file), "source": f"tree{file.path}", "sha256": digest})


@cache
def _secret(file: SecretFile) -> str:
    # All filter hosts have the same thousands of keys.
    return _encode({**_entry(file), "secret": f"secrets/{file.secret}"})


def _entry(file: PlannedFile) -> dict[str, object]:
    entry: dict[str, object] = {
        "path": file.path,
        "owner": file.owner,
        "group": file.group,
        "mode": file.mode,
        "service": file.service,
    }
    if file.initial:
        entry["initial"] = True
    return {**entry, "records": list(file.records)} if file.records else entry
