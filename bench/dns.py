#!/usr/bin/env python3
"""What DNS costs, as ratios measured in one run; rendering in seconds of the processor, so that neighbours do not
matter.

python3 bench/dns.py [DOMAINS] [CHECKED]    gmconf dns for DOMAINS, gmconf dns check of CHECKED domains against Knot on
loopback
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
# In place of this folder, whose dns.py would hide dnspython.
sys.path[0:1] = [str(ROOT), str(ROOT / "tests/unit")]
sys.path.append(str(ROOT / "bench"))

import keypairs  # noqa: E402
from measure import GMCONF, environment, run  # noqa: E402


def large(folder: Path, count: int) -> Path:
    """A generated site: two hosts, every domain a zone of its own."""
    lines = ["organisation: {name: Large, postmaster: u0@d0.example}", "tls: {source: files}", "hosts:"]
    lines += [
        f"  - {{name: h{n}.large.example, release: trixie, addresses: [192.0.2.{n + 1},"
        f' "2001:db8::{n + 1}"]{"" if n == 0 else ", roles: [mta, msa, filter]"}}}'
        for n in range(2)
    ]
    lines += [
        "domains:",
        "  - {name: d0.example, mailboxes: [{name: u0}]}",
        *(f"  - {{name: d{n}.example}}" for n in range(1, count)),
    ]
    folder.mkdir(parents=True)
    (folder / "site.yml").write_text("\n".join(lines) + "\n")
    rsa = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA" + "x" * 348
    keypairs.write(folder / "keys", count, 2, rsa=rsa, ed25519="x" * 43 + "=")
    return folder / "site.yml"


ROUNDS = 5
"""The command and the floor in turn: what a new file costs the system differs more between moments than between
programs."""


def floor(data: dict[str, bytes], target: Path) -> float:
    """Seconds to write the same bytes into as many files."""
    target.mkdir()
    start = time.process_time()
    for name, content in data.items():
        (target / name).write_bytes(content)
    return time.process_time() - start


def rendering(folder: Path, count: int) -> list[dict[str, object]]:
    """The command, and the same without reading the site, against the floor."""
    from gmconf.dns.spelling import zones
    from gmconf.site.load import load

    site = large(folder / "site", count)
    ratios, least, memory = [], 0.0, 0
    env = environment(folder)
    run([*GMCONF, "dns", str(large(folder / "small", 1))], env)  # fills the caches
    for number in range(ROUNDS):
        made = folder / f"zones{number}"
        whole, memory = run([*GMCONF, "dns", str(site), "-o", str(made)], env)
        least = floor({path.name: path.read_bytes() for path in made.iterdir()}, folder / f"floor{number}")
        ratios.append(whole / least)
        print(f"whole command {whole:.2f} s; floor {least:.2f} s", file=sys.stderr)
    start = time.process_time()
    loaded = load(site, keys="public")
    reading = time.process_time() - start
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    count_ = sum(1 for _, lines in zones(loaded, "zone") for _ in lines)
    making = time.process_time() - start
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"reading the site {reading:.2f} s; {count_} lines made {making:.2f} s", file=sys.stderr)
    return [
        {
            "name": f"gmconf dns, {count} domains : writing the same bytes",
            "ratio": round(median(ratios), 2),
            "goal": 3.0,
        },
        {
            "name": "making the lines, site read : writing the same bytes",
            "ratio": round(making / least, 2),
            "goal": 3.0,
        },
        {"name": "memory of the command, MiB", "ratio": memory, "goal": 512},
        {"name": "memory that making the records adds, MiB", "ratio": more // 1024, "goal": 64},
    ]


async def bare(questions: list[tuple[str, str]], address: str, port: int) -> None:
    """The same questions, as many at once, and nothing done with the answers."""
    import dns.asyncquery
    import dns.message

    from gmconf.dns.live.ask import PER_SERVER

    bound = asyncio.Semaphore(PER_SERVER)

    async def put(name: str, type_: str) -> None:
        async with bound:
            await dns.asyncquery.udp_with_fallback(
                dns.message.make_query(f"{name}.", type_, use_edns=0, payload=1232), address, 5, port
            )

    await asyncio.gather(*(put(*question) for question in questions))


def checking(folder: Path, count: int) -> list[dict[str, object]]:
    """gmconf dns check against a real name server, and the bare questions."""
    from dnssite import whole, zones
    from nameserver import Knot, free_port

    from gmconf.dns import contract
    from gmconf.dns.live import survey
    from gmconf.dns.live.ask import Server
    from gmconf.site.load import load

    loaded = load(large(folder / "checked", count))
    lines = zones(contract(loaded).records())
    port = free_port()
    knot = Knot(folder / "knot", ["127.0.0.2"], port, {name: whole(name, part) for name, part in lines.items()})
    try:
        start = time.perf_counter()
        found = survey(loaded, Server("127.0.0.2", port), date(2026, 11, 23))
        took = time.perf_counter() - start
        sets = {(r.owner, r.type) for r in contract(loaded).records() if r.need != "forbidden"}
        questions = (list(sets) * (found.asked // len(sets) + 1))[: found.asked]
        start = time.perf_counter()
        asyncio.run(bare(questions, "127.0.0.2", port))
        least = time.perf_counter() - start
    finally:
        knot.stop()
    if not found.holds(None):
        sys.exit("the zones that were rendered are not found to be right")
    print(f"{found.asked} questions in {took:.1f} s; bare {least:.1f} s", file=sys.stderr)
    return [
        {
            "name": f"gmconf dns check, {count} domains : the bare questions",
            "ratio": round(took / least, 2),
            "goal": 3.0,
        }
    ]


def main(count: int, checked: int) -> None:
    """Print a table of ratios, and JSON for comparison with other runs on standard error."""
    with tempfile.TemporaryDirectory() as name:
        found = [*rendering(Path(name), count), *checking(Path(name), checked)]
    for row in found:
        print(f"{row['ratio']:>9}  (goal <= {row['goal']})  {row['name']}")
    print(json.dumps(found), file=sys.stderr)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    main(*(numbers + [10000, 1000][len(numbers) :]))
