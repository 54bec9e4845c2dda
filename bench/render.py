#!/usr/bin/env python3
"""What rendering costs, as ratios measured in one run.

    python3 bench/render.py [HOSTS]    the large site has HOSTS hosts, ten times as many domains, a hundred times as many mailboxes
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FLOOR = "import pydantic, jinja2, typer"


def seconds(argv: list[str], times: int = 7, **more: object) -> float:
    """Median of several runs, interleaving is the caller's business."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, **more)
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def ratio(name: str, ours: list[str], floor: list[str], goal: float, **more: object) -> dict[str, object]:
    """Both commands in turns, so that noise hits both."""
    pairs = [(seconds(ours, 1, **more), seconds(floor, 1, **more)) for _ in range(9)]
    value = statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)
    return {"name": name, "ratio": round(value, 2), "goal": goal}


def large(folder: Path, hosts: int) -> None:
    """A generated site: one store, the other hosts receive, submit and filter."""
    roles = [["mta"], ["msa"], ["mta", "msa"], ["mta"]]

    def role(n: int) -> list[str]:
        return ["store"] if n == 0 else ["filter"] if n % 50 == 1 else roles[n % 4]

    lines = ["organisation: {name: Large, postmaster: u0@d0.example}", "tls: {source: files}", "hosts:"]
    for n in range(hosts):
        lines.append(f"  - {{name: h{n}.large.example, release: {'trixie' if n % 3 else 'bookworm'}, roles: {json.dumps(role(n))},"
                     f' addresses: [10.{n >> 16}.{n >> 8 & 255}.{n & 255}, "2001:db8::{n:x}"]}}')  # fmt: skip
    lines.append("domains:")
    lines += [f"  - {{name: d{n}.example}}" for n in range(hosts * 10)]
    lines += ["users:", "  - {file: users.csv}"]
    (folder / "site.yml").write_text("\n".join(lines) + "\n")
    with (folder / "users.csv").open("w") as out:
        out.write("name,full_name\n")
        out.writelines(f"u{n}@d{n % (hosts * 10)}.example,User {n}\n" for n in range(hosts * 100))
    for n in range(hosts * 10):
        keys = folder / f"keys/dkim/d{n}.example"
        keys.mkdir(parents=True)
        for kind in ("rsa", "ed25519"):
            (keys / f"gm1-{kind}.pub").write_text("cHVibGlj\n")
            (keys / f"gm1-{kind}.key.vault").write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n")
    (folder / "keys/tls").mkdir()
    for n in range(hosts):
        (folder / f"keys/tls/h{n}.large.example.crt").write_text("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n")
        (folder / f"keys/tls/h{n}.large.example.key.vault").write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n")
    (folder / "keys/passwords.vault").write_text("$ANSIBLE_VAULT;1.1;AES256\n00\n")


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
    start = time.perf_counter()
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
    return time.perf_counter() - start


def template_tasks(folder: Path, build: Path, hosts: int = 20) -> float:
    """Seconds per host of ansible's template module writing one main.cf, on as many local "hosts"."""
    work = folder / "ansible"
    work.mkdir()
    host = next(p for p in (build / "hosts").iterdir() if (p / "tree/etc/postfix/main.cf").exists())
    text = (host / "tree/etc/postfix/main.cf").read_text().replace(host.name, "{{ inventory_hostname }}").replace("{$", "{ $")
    (work / "main.cf.j2").write_text("{% raw %}" + text.replace("{{ inventory_hostname }}", "{% endraw %}{{ inventory_hostname }}{% raw %}") + "{% endraw %}")
    (work / "inventory").write_text("".join(f"h{n} ansible_connection=local ansible_python_interpreter={sys.executable}\n" for n in range(hosts)))
    (work / "play.yml").write_text('- hosts: all\n  gather_facts: false\n  tasks:\n    - template: {src: main.cf.j2, dest: "{{ playbook_dir }}/{{ inventory_hostname }}.cf"}\n')
    argv = [str(Path(sys.executable).with_name("ansible-playbook")), "-f", str(os.cpu_count()), "-i", "inventory", "play.yml"]
    return seconds(argv, 1, cwd=work) / hosts


def main(hosts: int) -> None:
    """Print a table of ratios, and JSON for comparison with other runs on standard error."""
    gmconf, python = [sys.executable, "-m", "gmconf"], sys.executable
    found: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sys.path.insert(0, str(ROOT / "molecule"))
        import demo

        site = folder / "small/site.yml"
        site.parent.mkdir()
        shutil.copyfile(ROOT / "examples/single/site.yml", site)
        demo.lab.STATE.mkdir(exist_ok=True)
        demo.render(site, site.parent / "build", demo.USERS)
        found.append(ratio("render examples/single : imports of pydantic, jinja2, typer",
                           [*gmconf, "render", str(site), "-o", str(site.parent / "build")], [python, "-c", FLOOR], 2.0))  # fmt: skip
        found.append(ratio("--help : import typer", [*gmconf, "--help"], [python, "-c", "import typer"], 1.2))
        big = folder / "large"
        big.mkdir()
        print(f"generating {hosts} hosts, {hosts * 10} domains, {hosts * 100} mailboxes", file=sys.stderr)
        large(big, hosts)
        start = time.perf_counter()
        process = subprocess.Popen([*gmconf, "render", str(big / "site.yml"), "-o", str(big / "build")], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
        if status:
            sys.exit(1)
        floor = copy_floor(big / "build", big / "floor")
        found.append({"name": f"render {hosts} hosts : writing the same bytes", "ratio": round(took / floor, 2), "goal": 3.0})
        per_task = template_tasks(big, big / "build")
        files = sum(1 for p in (big / "build/hosts").rglob("*") if p.is_file()) / hosts
        found.append({"name": f"template task for one file : gmconf for all {files:.0f} files of a host", "ratio": round(per_task / (took / hosts), 1),
                      "goal": 1000.0, "more_is_better": True})  # fmt: skip
        found.append({"name": "memory, MiB", "ratio": usage.ru_maxrss // 1024, "goal": 1024})
        print(f"{took:.1f} s for {hosts} hosts, {took / hosts * 1000:.1f} ms a host; floor {floor:.1f} s", file=sys.stderr)
    for row in found:
        print(f"{row['ratio']:>9}  (goal {'>=' if row.get('more_is_better') else '<='} {row['goal']})  {row['name']}")
    print(json.dumps(found), file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
