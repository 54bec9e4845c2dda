"""systemd units: what they are, what a change of files means for them."""

from __future__ import annotations

import contextlib
import fnmatch
from collections.abc import Iterable, Mapping, Sequence

from ansible.module_utils.gmconf_host.entries import ALL
from ansible.module_utils.gmconf_host.host import run
from ansible.module_utils.gmconf_host.journal import State
from ansible.module_utils.gmconf_host.manifest import Manifest, Service

ENABLED = {"enabled", "static", "alias", "generated", "enabled-runtime"}
MASKED = {"masked", "masked-runtime"}


def state(unit: str) -> State:
    """Properties of a unit: UnitFileState, ActiveState and whether a condition keeps it from running here."""
    wanted = "UnitFileState,ActiveState,ConditionResult,ConditionTimestampMonotonic"
    pairs = [line.partition("=") for line in run(["systemctl", "show", "-p", wanted, unit])[1].splitlines()]
    found = {key: value for key, _, value in pairs}
    # Until its first start was tried a unit's condition also says "no".
    tried = found.get("ConditionTimestampMonotonic", "0") != "0"
    return {
        "enabled": found.get("UnitFileState", "") in ENABLED,
        "masked": found.get("UnitFileState", "") in MASKED,
        "known": bool(found.get("UnitFileState")),
        "active": found.get("ActiveState") in ("active", "activating", "reloading"),
        "not_here": tried and found.get("ConditionResult") == "no",
    }


def _properties(unit: str, wanted: str) -> dict[str, str]:
    return {
        key: value
        for key, _, value in (
            line.partition("=") for line in run(["systemctl", "show", "-p", wanted, unit])[1].splitlines()
        )
    }


def restarts(unit: str) -> str:
    """How often systemd has started a unit again by itself."""
    return _properties(unit, "NRestarts").get("NRestarts", "0")


def works(unit: str, restarted: str) -> bool:
    """Whether a unit is on its way up, or a process of it computes or waits for a disk; one that dies and is started
    again is not."""
    found = _properties(unit, "NRestarts,ActiveState,SubState,ControlGroup")
    if found.get("NRestarts", "0") != restarted or found.get("SubState") == "auto-restart":
        return False
    return found.get("ActiveState") in ("activating", "reloading") or any(
        _process_state(pid) in "RD" for pid in _processes(found.get("ControlGroup", ""))
    )


def _processes(group: str) -> list[str]:
    for base in ("/sys/fs/cgroup", "/sys/fs/cgroup/systemd"):
        with contextlib.suppress(OSError), open(f"{base}{group}/cgroup.procs", encoding="ascii") as file:
            return file.read().split() if group else []
    return []


def _process_state(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def wrong_units(manifest: Manifest) -> list[str]:
    """Units that do not run or are not enabled, and units that are not masked."""
    found = []
    for service in manifest["services"]:
        now = state(service["unit"])
        runs = now["active"] or service["at_boot"] or now["not_here"]
        if service["enabled"] and not (now["enabled"] and runs):
            found.append(service["unit"])
    for unit in manifest["mask"]:
        now = state(unit)
        if now["known"] and not now["masked"]:
            found.append(unit)
    return found


def snapshot(manifest: Manifest) -> dict[str, State]:
    """How all units of a manifest are, so that they can be put back."""
    return states((*(s["unit"] for s in manifest["services"]), *manifest["mask"]))


def states(units: Iterable[str]) -> dict[str, State]:
    """How each of these units is."""
    return {unit: state(unit) for unit in units}


def of_files(paths: Iterable[str]) -> list[str]:
    """The units of gmconf's own whose files are among these paths."""
    parted = [path.rpartition("/") for path in paths]
    return [name for folder, _, name in parted if folder == "/etc/systemd/system" and name.startswith("gmconf-")]


def put_back(units: Mapping[str, State]) -> None:
    """Masks and enablement as in an earlier snapshot; files come first, so that the units exist again."""
    for unit, before in units.items():
        now = state(unit)
        if now["masked"] and not before["masked"]:
            run(["systemctl", "unmask", unit])
        if before["masked"] and not now["masked"]:
            run(["systemctl", "mask", "--now", unit])
        elif before["enabled"] and not now["enabled"]:
            run(["systemctl", "enable", unit])
        elif now["enabled"] and before["known"] and not before["enabled"]:
            run(["systemctl", "disable", unit])
        if before["active"] and not state(unit)["active"]:
            run(["systemctl", "start", unit])
        elif not before["active"] and not before["masked"] and state(unit)["active"]:
            run(["systemctl", "stop", unit])


def matches(paths: Iterable[str], patterns: Sequence[str]) -> bool:
    """Whether any path fits any pattern."""
    return any(fnmatch.fnmatch(path, pattern) for path in paths for pattern in patterns)


def act(manifest: Manifest, paths: Sequence[str], told: Mapping[str, list[str]]) -> list[str]:
    """Reload or restart what the changed paths concern, start what does not run. Returns complaints.

    ``told``: for commands that want it, the names of the changed entries.
    """
    complaints: list[str] = []
    by_path = {f["path"]: f["service"] for f in manifest["files"]}
    by_path |= {c["makes"]: by_path.get(c["source"], "") for c in manifest["compile"]}
    touched = {by_path.get(path, "") for path in paths}
    if matches(paths, ("/etc/systemd/system/*",)):
        run(["systemctl", "daemon-reload"])
    for unit in manifest["mask"]:
        run(["systemctl", "mask", "--now", unit])
    for command in manifest["commands"]:
        names = told.get(command["name"], ALL) if command.get("entries") else None
        if matches(paths, command["when"]) and names != []:
            code, out = run(command["argv"], told="\n".join(names or ()))
            if code:
                complaints.append(f"{command['name']}: {out}")
    for service in manifest["services"]:
        if service["enabled"]:
            complaints += _bring_up(service, service["name"] in touched, paths)
    return complaints


def _bring_up(service: Service, touched: bool, paths: Sequence[str]) -> list[str]:
    unit = service["unit"]
    now = state(unit)
    if not now["enabled"]:
        run(["systemctl", "unmask", unit])
        run(["systemctl", "enable", unit])
    if service["at_boot"]:
        return []
    changed = touched or matches(paths, service["watch"])
    verb: str | None
    if not now["active"]:
        verb = "start" if changed or not now["not_here"] else None
    elif matches(paths, service["restart_paths"]):
        verb = "restart"
    else:
        verb = service["on_change"] if changed else None
    if verb is None:
        return []
    code, out = run(["systemctl", verb, unit])
    return [f"systemctl {verb} {unit}: {out}\n{_last_words(unit)}"] if code else []


def _last_words(unit: str) -> str:
    return run(["journalctl", "-u", unit, "-n", "8", "--no-pager", "-o", "cat"])[1]
