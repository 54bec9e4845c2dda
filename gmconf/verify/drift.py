"""What a host has that the site does not say, and the other way round. Everything comes from one look over ssh."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Mapping
from typing import Any

from gmconf.controls.result import Observation
from gmconf.model import Role
from gmconf.verify import nft
from gmconf.verify.alive import listens
from gmconf.verify.probe import Looks, NothingToSayError, on_host
from gmconf.verify.run import At
from gmconf.verify.ssh import NFT, UNBOUND, USERS, look, switches

BACK = "cd build && ansible-playbook site.yml puts it back; what is to stay belongs into site.yml"
LINES, WIDE = 20, 160
"""Of a difference that is shown."""
DAY = 86400.0
MAIN, MASTER = "/etc/postfix/main.cf", "/etc/postfix/master.cf"


@on_host("drift", inside=True)
def drift(at: At) -> Looks:
    """The host's files, units and running rules are what the site renders now.

    One ssh session that reads; nothing is written on the host. Secrets are compared by digest and named only.
    """
    seen = look(at)
    found = [*_files(at, seen), *_settings(at, seen), *_rules(at, seen), *_running(at, seen), *_units(at, seen)]
    yield from found
    if not found:
        number = len(at.run.manifest(at.host)["files"])
        yield Observation(f"{number} files, their units and rules as rendered", "as rendered", holds=True)


def _bad(expected: str, observed: str, remedy: str = BACK) -> Observation:
    return Observation(expected, observed, holds=False, remedy=remedy)


def _files(at: At, seen: Mapping[str, Any]) -> Looks:
    wanted = {f["path"]: f for f in at.run.manifest(at.host)["files"]}
    if seen["release"] and seen["release"] != at.host.release:
        yield _bad(
            f"Debian {at.host.release}",
            f"Debian {seen['release']}",
            f"correct hosts[].release of {at.host.name}, render, roll out",
        )
    for path, live in seen["files"].items():
        entry = wanted[path]
        if live is None:
            yield _bad(f"{path} on the host", "missing")
            continue
        modes = [
            f"{live['owner']}:{live['group']} {live['mode']}",
            f"{entry['owner']}:{entry['group']} {entry['mode']}",
        ]
        digest = entry.get("sha256", live["delivered"])
        if live["sha256"] == digest or entry.get("initial"):
            yield _bad(f"{path} belongs to {modes[1]}", modes[0])
        elif live["sha256"] and live["sha256"] == live["delivered"]:
            yield _bad(
                f"{path} as the site renders it now",
                "as it was rolled out last: the site has changed since\n" + _difference(at, path, live),
                "roll out: cd build && ansible-playbook site.yml",
            )
        else:
            yield _bad(f"{path} as rolled out", "changed by hand\n" + _difference(at, path, live))
    for path in seen["unwanted"]:
        yield _bad(f"no {path}", "a file that nobody planned")
    for path in seen["packaged"]:
        yield _bad(
            f"{path} as its package has it",
            "changed by hand",
            "put the package's file back (apt-get install --reinstall -o Dpkg::Options::=--force-confnew), or use"
            " overrides",
        )


def _difference(at: At, path: str, live: Mapping[str, Any]) -> str:
    """A bounded difference, from the site's side to the host's."""
    ours, theirs = at.run.rendered(at.host, path), live["text"]
    if ours is None:
        return "(secret: not shown)"
    if theirs is None:
        return "(too large, or no text: not shown)"
    lines = [
        line.rstrip("\n")[:WIDE]
        for line in difflib.unified_diff(ours.splitlines(), theirs.splitlines(), "site.yml", "host", lineterm="", n=0)
    ]
    return "\n".join([*lines[:LINES], *([f"... {len(lines) - LINES} more lines"] if len(lines) > LINES else [])])


def settings(text: str) -> dict[str, str]:
    """main.cf, or postconf -n: values by name; a line that starts with blanks goes on with the one before
    (postconf(5))."""
    found: dict[str, str] = {}
    for line in re.sub(r"\n[ \t]+", " ", re.sub(r"(?m)^[ \t]*(#.*)?\n", "", text)).splitlines():
        name, equals, value = line.partition("=")
        if equals:
            found[name.strip()] = " ".join(value.split())
    return found


def services(text: str) -> set[str]:
    """master.cf, or postconf -M: one line a service, its options in order."""
    joined = re.sub(r"\n[ \t]+", " ", re.sub(r"(?m)^[ \t]*(#.*)?\n", "", text))
    return {" ".join(line.split()) for line in joined.splitlines() if line.strip()}


def _settings(at: At, seen: Mapping[str, Any]) -> Looks:
    """What the daemons' own tools say is in effect."""
    for name, (code, out) in seen["commands"].items():
        # Some print warnings about their surroundings; only an exit code says that the configuration does not hold.
        if code and not name.startswith(("unbound:", "nft", "tls-policy")):
            yield _bad(f"{name} accepts the configuration", f"exit code {code}: {out.strip()[-300:]}")
    if "postconf -n" in seen["commands"]:
        ours, theirs = settings(at.run.rendered(at.host, MAIN) or ""), settings(seen["commands"]["postconf -n"][1])
        for key in sorted(k for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k)):
            yield _bad(
                f"postconf -n: {key} = {ours.get(key, '(not set)')}"[:300],
                f"{key} = {theirs.get(key, '(not set)')}"[:300],
            )
    if "postconf -M" in seen["commands"]:
        wanted, found = services(at.run.rendered(at.host, MASTER) or ""), services(seen["commands"]["postconf -M"][1])
        for line in sorted(wanted ^ found):
            yield _bad(
                f"postconf -M: {'with' if line in wanted else 'without'} {line[:200]}",
                "without it" if line in wanted else "with it",
            )
    for key, value in switches(at.run.rendered(at.host, UNBOUND) or "").items():
        code, out = seen["commands"].get(f"unbound:{key}", (1, ""))
        if not code and out.strip() and out.strip() != value:
            yield _bad(
                f"unbound runs with {key}: {value}",
                out.strip(),
                "systemctl restart unbound; it has not read its file, or was told otherwise by unbound-control",
            )


def _rules(at: At, seen: Mapping[str, Any]) -> Looks:
    commands = seen["commands"]
    if "nft loaded" not in commands:
        return
    if commands["nft loaded"][0]:
        yield _bad(
            "the table inet gmconf is loaded", commands["nft loaded"][1].strip()[-200:], "systemctl reload nftables"
        )
        return
    text = at.run.rendered(at.host, NFT) or ""
    for sentence in nft.differences(commands["nft file"][1], commands["nft loaded"][1], text, commands["nft text"][1]):
        yield _bad(
            f"loaded rules as in {NFT}",
            sentence,
            "systemctl reload nftables; a rule that is to stay follows from site.yml (network, hosts)",
        )


def _running(at: At, seen: Mapping[str, Any]) -> Looks:
    """Services that have not read their files since these were changed."""
    manifest = at.run.manifest(at.host)
    by_name: dict[str, list[str]] = {}
    for entry in manifest["files"]:
        by_name.setdefault(entry["service"], []).append(entry["path"])
    for service in manifest["services"]:
        unit = seen["units"].get(service["unit"], {})
        loaded = float(unit.get("loaded", 0))
        if service["at_boot"] or not loaded or unit.get("ActiveState") != "active":
            continue
        paths = by_name.get(service["name"], []) + [
            p for p in seen["times"] if any(fnmatch.fnmatch(p, w) for w in service["watch"])
        ]
        later = sorted(path for path in paths if (seen["times"].get(path) or 0) > loaded + 1)
        if later:
            yield _bad(
                f"{service['unit']} runs with {later[0]}",
                "the file was changed after the service last read it",
                f"systemctl reload-or-restart {service['unit']}",
            )


def _units(at: At, seen: Mapping[str, Any]) -> Looks:
    manifest = at.run.manifest(at.host)
    for service in manifest["services"]:
        unit = seen["units"].get(service["unit"], {})
        enabled = unit.get("UnitFileState") in ("enabled", "static", "alias", "generated", "enabled-runtime")
        not_here = unit.get("ConditionResult") == "no" and unit.get("ConditionTimestampMonotonic", "0") != "0"
        runs = unit.get("ActiveState") in ("active", "activating", "reloading") or service["at_boot"] or not_here
        if service["enabled"] and not (enabled and runs):
            yield _bad(
                f"{service['unit']} enabled and running",
                f"{unit.get('UnitFileState') or 'unknown'}, {unit.get('ActiveState') or 'unknown'}",
                f"journalctl -u {service['unit']}; systemctl start {service['unit']}",
            )
    for name, state in seen["masked"].items():
        if (
            state not in ("masked", "masked-runtime", "not-found", "")
            and "No such file" not in state
            and "Failed to get" not in state
        ):
            yield _bad(f"{name} masked", state)


@on_host("listening", inside=True)
def listening(at: At) -> Looks:
    """Inside the host nothing listens on the network but what the model names.

    Part of the one ssh session; reads the list of sockets.
    """
    wanted = listens(at)
    found = {int(place.rpartition(":")[2]) for place in look(at)["listening"]}
    listed = ", ".join(map(str, sorted(found)))
    yield Observation(
        f"listening: {', '.join(map(str, sorted(wanted)))}",
        listed,
        not wanted - found,
        remedy=f"start what is to listen on {sorted(wanted - found)}" if wanted - found else "",
    )
    yield Observation(
        "nothing else listens",
        ", ".join(map(str, sorted(found - wanted))) or "nothing else",
        not found - wanted,
        remedy=f"stop and remove what listens: ss -ltnp 'sport = :{min(found - wanted)}'" if found - wanted else "",
    )


@on_host("egress", inside=True)
def egress(at: At) -> Looks:
    """No user but Postfix's can open port 25 outward.

    Part of the one ssh session: one try to reach port 25 of this very machine, by each of two users, which must not
    leave the host.
    """
    seen = look(at)["leaves"]
    if not seen:
        raise NothingToSayError("the host does not know where we come from (SSH_CONNECTION is not set)")
    for user in USERS:
        yield Observation(
            f"port 25 outward closed to {user}",
            seen.get(user, "not tried"),
            seen.get(user) == "stopped",
            remedy="systemctl reload nftables, and roll out" if seen.get(user) != "stopped" else "",
        )


@on_host("resolver", inside=True)
def resolver(at: At) -> Looks:
    """The host asks its own resolver, and that validates DNSSEC.

    Part of the one ssh session; asks the host's resolver for the root.
    """
    seen = look(at)
    root = seen["resolves"]["."]
    yield Observation(
        "the root's answer is validated",
        root,
        root == "secure",
        remedy="systemctl status unbound; is the trust anchor right?" if root != "secure" else "",
    )
    own = [address for address in seen["resolv"] if address not in ("127.0.0.1", "::1")]
    yield Observation(
        "only the own resolver in /etc/resolv.conf",
        ", ".join(seen["resolv"]) or "none",
        bool(seen["resolv"]) and not own,
        remedy="" if not own else "see what writes /etc/resolv.conf, then roll out",
    )


@on_host("dnssec", Role.MTA, inside=True)
def dnssec(at: At) -> Looks:
    """The zones of all mail domains and mail hosts are signed, as the host's validating resolver sees them.

    Part of the one ssh session; asks the host's resolver, at most fifty domains.
    """
    for name, answer in look(at)["resolves"].items():
        if name != ".":
            fix = (
                "have the zone signed and its DS published"
                if answer == "insecure"
                else "see what the resolver says: unbound-host -v -D on the host"
            )
            yield Observation(
                f"validated answer for {name}", answer, answer == "secure", remedy=fix if answer != "secure" else ""
            )


@on_host("tls-policy", Role.MTA, inside=True)
def tls_policy(at: At) -> Looks:
    """Postfix is told how mail to other domains has to be encrypted: both programs behind MTA-STS answer.

    Part of the one ssh session; one question about a name below .invalid, about which they ask nobody.
    """
    commands = look(at)["commands"]
    if "tls-policy" not in commands:
        raise NothingToSayError("the site does not enforce MTA-STS policies of others (tls.enforce_mta_sts)")
    # Nothing is known of that name: an answer without text. Whoever cannot answer makes postmap complain.
    complaint = commands["tls-policy"][1].strip()
    yield Observation(
        "an answer of the policy map (MTA-STS)",
        complaint[-200:] or "one",
        not complaint,
        remedy=(
            "systemctl status gmconf-tls-policy postfix-mta-sts-resolver; until they answer, mail to the outside waits"
            if complaint
            else ""
        ),
    )


@on_host("updates", inside=True)
def updates(at: At) -> Looks:
    """Security updates and virus signatures are not older than promised.

    Part of the one ssh session; reads dates and asks apt what it would install.
    """
    seen = look(at)["updates"]
    procedures = at.run.loaded.site.procedures
    days = procedures.update_days if procedures else 7
    age = seen["lists"] / DAY
    yield Observation(
        f"package lists at most {days} days old",
        f"{age:.1f} days",
        age <= days,
        remedy="systemctl start apt-daily.service; journalctl -u apt-daily" if age > days else "",
    )
    runs = seen["timer"] == "active" and seen["upgrade"]
    yield Observation(
        "unattended upgrades switched on",
        f"timer {seen['timer']}, Unattended-Upgrade {'on' if seen['upgrade'] else 'off'}",
        runs,
        remedy="" if runs else BACK,
    )
    late = age > days and seen["waiting"]
    yield Observation(
        f"no security update waits longer than {days} days",
        ", ".join(seen["waiting"][:5]) or "none waits",
        not late,
        remedy="apt-get dist-upgrade" if late else "",
    )
    if at.has(Role.FILTER) and at.run.loaded.site.filter.signatures.mirrors:
        old = seen["signatures"] / DAY if seen["signatures"] is not None else None
        yield Observation(
            f"virus signatures at most {days} days old",
            "none" if old is None else f"{old:.1f} days",
            old is not None and old <= days,
            remedy=(
                ""
                if old is not None and old <= days
                else "systemctl status clamav-freshclam; journalctl -u clamav-freshclam"
            ),
        )
