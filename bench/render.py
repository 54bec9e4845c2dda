#!/usr/bin/env python3
"""What rendering costs, as ratios measured in one run.

    python3 bench/render.py [HOSTS]    the large site has HOSTS hosts, 10 x domains, 100 x mailboxes

Ratios are of processor time (user and system, children included), in turns: others may be at work on the machine. Both
sides of a ratio find their modules compiled, as an installed package is.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import keypairs
from measure import GMCONF, ROOT, environment, run

FLOOR = "import pydantic, jinja2, typer"
TURNS = 11


def in_turns(commands: dict[str, list[str]], env: dict[str, str], fine: tuple[int, ...] = (0,)) -> dict[str, float]:
    """Median seconds of each command; the first turn fills caches and does not count."""
    found: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(TURNS + 1):
        for name, argv in commands.items():
            seconds, _ = run(argv, env, fine=fine)
            if turn:
                found[name].append(seconds)
    return {name: statistics.median(values) for name, values in found.items()}


def large(folder: Path, hosts: int) -> None:
    """A generated site: one store; a fiftieth of the hosts filter, a tenth receive and send (SPF has room for no more),
    all others submit."""

    def role(n: int) -> list[str]:
        return ["store"] if n == 0 else ["filter"] if n % 50 == 1 else ["mta", "msa"] if n % 10 == 2 else ["msa"]

    lines = ["organisation: {name: Large, postmaster: u0@d0.example}", "tls: {source: files}", "hosts:"]
    for n in range(hosts):
        lines.append(
            f"  - {{name: h{n}.large.example, release: {'trixie' if n % 3 else 'bookworm'}, roles:"
            f" {json.dumps(role(n))},"
            f' addresses: [10.{n >> 16}.{n >> 8 & 255}.{n & 255}, "2001:db8::{n:x}"]}}'
        )
    lines.append("domains:")
    lines += [f"  - {{name: d{n}.example}}" for n in range(hosts * 10)]
    lines += ["users:", "  - {file: users.csv}"]
    (folder / "site.yml").write_text("\n".join(lines) + "\n")
    with (folder / "users.csv").open("w") as out:
        out.write("name,full_name\n")
        out.writelines(f"u{n}@d{n % (hosts * 10)}.example,User {n}\n" for n in range(hosts * 100))
    keypairs.write(folder / "keys", hosts * 10, hosts, rsa="cHVibGlj", ed25519="cHVibGlj")


def copy_floor(build: Path, target: Path) -> float:
    """Seconds to write the same bytes, equal files as links as gmconf does, and nothing else."""
    contents: dict[int, list[Path]] = {}
    data: dict[int, bytes] = {}
    for path in build.rglob("*"):
        if path.is_file():
            inode = path.stat().st_ino
            contents.setdefault(inode, []).append(path.relative_to(build))
            if inode not in data:
                data[inode] = path.read_bytes()
    start = time.process_time()
    made: set[Path] = set()
    for inode, names in contents.items():
        for number, name in enumerate(names):
            path = target / name
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            if number:
                os.link(target / names[0], path)
            else:
                path.write_bytes(data[inode])
    return time.process_time() - start


def template_tasks(folder: Path, build: Path, env: dict[str, str], hosts: int = 20) -> float:
    """Seconds a host of ansible's template module writing one main.cf, on as many local "hosts"; its own start left
    out."""
    work = folder / "ansible"
    work.mkdir()
    host = next(p for p in (build / "hosts").iterdir() if (p / "tree/etc/postfix/main.cf").exists())
    text = (
        (host / "tree/etc/postfix/main.cf")
        .read_text()
        .replace(host.name, "{{ inventory_hostname }}")
        .replace("{$", "{ $")
    )
    (work / "main.cf.j2").write_text(
        "{% raw %}"
        + text.replace("{{ inventory_hostname }}", "{% endraw %}{{ inventory_hostname }}{% raw %}")
        + "{% endraw %}"
    )
    (work / "inventory").write_text(
        "".join(f"h{n} ansible_connection=local ansible_python_interpreter={sys.executable}\n" for n in range(hosts))
    )
    (work / "play.yml").write_text(
        '- hosts: all\n  gather_facts: false\n  tasks:\n    - template: {src: main.cf.j2, dest: "{{ playbook_dir }}/{{'
        ' inventory_hostname }}.cf"}\n'
    )
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-f", str(os.cpu_count()), "-i", "inventory"]
    nothing, _ = run([*argv, "--list-tasks", "play.yml"], env, work)
    seconds, _ = run([*argv, "play.yml"], env, work)
    return (seconds - nothing) / hosts


def main_cf(site: Path, target: Path) -> float:
    """Seconds a host that gmconf spends on main.cf alone: Postfix's plan, text, reasons, digest, the file on disk."""
    from gmconf.render.render import render
    from gmconf.services.plan import File, View
    from gmconf.services.postfix import main as postfix
    from gmconf.site.load import load

    loaded = load(site)
    target.mkdir()
    gc.disable()  # as the program does
    start = time.process_time()
    for host in loaded.site.hosts:
        plan = postfix.plan(View(loaded.site, host, loaded.mail, loaded.why, loaded.public))
        file = next(f for f in plan.files if isinstance(f, File) and f.path == postfix.MAIN)
        data = render(file).text.encode()
        hashlib.sha256(data)
        (target / host.name).write_bytes(data)
    took = time.process_time() - start
    gc.enable()
    return took / len(loaded.site.hosts)


def small(folder: Path, env: dict[str, str]) -> list[dict[str, object]]:
    """The example with one host, and the start of the program."""
    sys.path.insert(0, str(ROOT / "molecule"))
    import demo

    site, build = folder / "small/site.yml", folder / "small/build"
    site.parent.mkdir()
    shutil.copyfile(ROOT / "examples/single/site.yml", site)
    demo.lab.STATE.mkdir(exist_ok=True)
    demo.render(site, build, demo.USERS)
    python = [sys.executable, "-c"]
    took = in_turns(
        {
            "floor": [*python, FLOOR],
            "typer": [*python, "import typer"],
            "help": [*GMCONF, "--help"],
            "render": [*GMCONF, "render", str(site), "-o", str(build)],
            "check": [*GMCONF, "check", str(site)],
        },
        env,
    )
    return [
        {
            "name": "render examples/single : imports of pydantic, jinja2, typer",
            "ratio": took["render"] / took["floor"],
            "goal": 2.0,
        },
        {"name": "--help : import typer", "ratio": took["help"] / took["typer"], "goal": 1.2},
        {"name": "check examples/single : render it", "ratio": took["check"] / took["render"], "goal": 1.5},
    ]


def big(folder: Path, env: dict[str, str], hosts: int) -> list[dict[str, object]]:
    """The generated site: render and floor three times in turns, the rest once."""
    work = folder / "large"
    work.mkdir()
    print(f"generating {hosts} hosts, {hosts * 10} domains, {hosts * 100} mailboxes", file=sys.stderr)
    large(work, hosts)
    site, build = work / "site.yml", work / "build0"
    pairs = []
    for turn in range(3):
        seconds, memory = run([*GMCONF, "render", str(site), "-o", str(work / f"build{turn}")], env)
        floor = copy_floor(build, work / f"floor{turn}")
        print(f"render {seconds:.1f} s, {seconds / hosts * 1000:.1f} ms a host; floor {floor:.1f} s", file=sys.stderr)
        pairs.append((seconds, floor, memory))
    took, floor, memory = (statistics.median(column) for column in zip(*pairs, strict=True))
    checked, check_memory = run([*GMCONF, "check", str(site)], env)
    task, alone = template_tasks(work, build, env), main_cf(site, work / "main.cf")
    files = sum(1 for p in (build / "hosts").rglob("*") if p.is_file()) / hosts
    print(
        f"a template task {task * 1000:.0f} ms a host, main.cf {alone * 1000:.2f} ms; {files:.0f} files a host",
        file=sys.stderr,
    )
    return [
        {
            "name": f"render {hosts} hosts : writing the same bytes",
            "ratio": statistics.median(a / b for a, b, _ in pairs),
            "goal": 3.0,
        },
        {"name": "its memory, MiB", "ratio": memory, "goal": 1024},
        {"name": f"check {hosts} hosts : render them", "ratio": checked / took, "goal": 1.5},
        {"name": "its memory, MiB", "ratio": check_memory, "goal": 1024},
        {
            "name": "a template task writing main.cf : gmconf, main.cf alone, of as many hosts",
            "ratio": task / alone,
            "goal": 1000,
            "more_is_better": True,
        },
        {"name": "the same task : gmconf, all files of a host", "ratio": task / (took / hosts), "goal": None},
        {
            "name": f"as many tasks as a host has files ({files:.0f}) : gmconf, all files of a host",
            "ratio": task * files / (took / hosts),
            "goal": 1000,
            "more_is_better": True,
        },
    ]


def main(hosts: int) -> None:
    """Print a table of ratios, and JSON for comparison with other runs on standard error."""
    with tempfile.TemporaryDirectory() as name:
        env = environment(Path(name))
        found = small(Path(name), env) + big(Path(name), env, hosts)
    for row in found:
        sign = ">=" if row.get("more_is_better") else "<="
        goal = f"(goal {sign} {row['goal']})" if row["goal"] else ""
        print(f"{row['ratio']:>9.2f}  {goal:<14} {row['name']}")
    print(json.dumps(found), file=sys.stderr)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
