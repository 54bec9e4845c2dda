#!/usr/bin/env python3
"""The main job once, for real: render examples/single, roll it out to a Debian 13 host in a container, send mail."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import lab
import mail

SITE = lab.ROOT / "examples/single/site.yml"
WORK = lab.STATE / "demo"
USERS = ("alice@example.org", "bob@example.org")
HOST = lab.MACHINES["mx13"]
GMCONF = [sys.executable, "-m", "gmconf"]


def vault_password() -> Path:
    """The lab's vault password, made once."""
    file = lab.STATE / "vault-password"
    if not file.exists():
        file.touch(0o600)
        file.write_text(secrets.token_hex(16) + "\n")
    return file


def password() -> str:
    """The password of the example's users, made once."""
    file = lab.STATE / "mail-password"
    if not file.exists():
        file.touch(0o600)
        file.write_text("-".join(secrets.token_hex(3) for _ in range(4)) + "\n")
    return file.read_text().strip()


def render(site: Path, build: Path, logins: tuple[str, ...]) -> None:
    """Keys, passwords and build/ of a site."""
    env = {**os.environ, "ANSIBLE_VAULT_PASSWORD_FILE": str(vault_password())}
    subprocess.run([*GMCONF, "keys", str(site)], env=env, check=True)
    have = site.parent / "keys/.logins"
    known = have.read_text().split() if have.exists() else []
    for login in logins:
        if login not in known:
            argv = [*GMCONF, "passwd", str(site), login, "--stdin"]
            subprocess.run(argv, env=env, check=True, input=password() + "\n", text=True)
    have.write_text("\n".join(logins))
    subprocess.run([*GMCONF, "render", str(site), "-o", str(build)], env=env, check=True)


def level(site: Path) -> str:
    """Which level holds, in one line."""
    done = subprocess.run(
        [*GMCONF, "check", str(site), "--level", "basic", "--format", "json"],
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode > 1:
        sys.exit(done.stderr)
    verdict = json.loads(done.stdout)["verdict"]
    counts = verdict["counts"]
    asked = sum(counts.values()) - counts["na"]
    if verdict["holds"]:
        return f"{verdict['reached']} holds ({counts['pass']} of {asked} controls, {counts['waived']} waived)"
    return (
        f"basic does not hold yet: {counts['pass']} of {asked} controls do, the rest are facts and evidence of an"
        f" organisation\n           what is missing: .venv/bin/gmconf check {site.relative_to(lab.ROOT)} --level basic"
    )


def roll_out(machine: lab.Machine, build: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """ansible-playbook on a rendered tree."""
    argv, env = playbook(machine, *more)
    return subprocess.run(argv, cwd=build, env=env, text=True, capture_output=True, check=False)


def playbook(machine: lab.Machine, *more: str) -> tuple[list[str], dict[str, str]]:
    """Command and environment of a roll-out."""
    plain = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "MOLECULE_"))}
    env = {**plain, "ANSIBLE_VAULT_PASSWORD_FILE": str(vault_password()), "ANSIBLE_HOST_KEY_CHECKING": "False"}
    argv = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "site.yml",
        "-e",
        f"ansible_host={machine.addresses[0]}",
        "-e",
        f"ansible_ssh_private_key_file={lab.KEY}",
        "-e",
        "ansible_ssh_common_args='-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR'",
        *more,
    ]
    return argv, env


def main() -> None:
    """All of it, with progress."""
    start = time.monotonic()
    lab.STATE.mkdir(exist_ok=True)
    site = WORK / "site.yml"
    WORK.mkdir(parents=True, exist_ok=True)
    # The demo needs no mirror of signatures: gmconf's own finds the test virus. Without this line the filter waits
    # until the real ones are there.
    site.write_text(SITE.read_text() + "filter: {signatures: {mirrors: []}}\n")
    build = WORK / "build"
    lab.say(f"gmconf render {SITE.relative_to(lab.ROOT)}")
    render(site, build, USERS)
    try:
        lab.up([HOST.name])
    except SystemExit as stop:
        if stop.code == 3:
            print(
                f"Rendered {build.relative_to(lab.ROOT)}; no host was started and no mail sent: see the line"
                f" above.\nlevel      {level(site)}"
            )
            return
        raise
    lab.say("ansible-playbook site.yml")
    done = roll_out(HOST, build)
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-2000:], file=sys.stderr)
        sys.exit(1)
    lab.say("mail")
    seconds = mail.exchange(HOST.fqdn, HOST.addresses[0], str(WORK / "keys/ca/ca.crt"), *USERS, password=password())
    files = sum(1 for p in (build / "hosts").rglob("*") if p.is_file())
    print(f"""
{USERS[0]} submitted over port 465, {USERS[1]} fetched over IMAPS {seconds:.1f} s later.
rendered   {files} files for {HOST.fqdn} (Debian {HOST.release}) in {build.relative_to(lab.ROOT)}
level      {level(site)}
shell      python3 molecule/lab.py shell {HOST.name}
stop       python3 molecule/lab.py down
{time.monotonic() - start:.0f} s in all; another run reuses everything.""")


if __name__ == "__main__":
    main()
