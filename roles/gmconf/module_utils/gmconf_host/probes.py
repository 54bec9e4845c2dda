"""Whether the services answer after a switch."""

from __future__ import annotations

import re
import socket
import ssl
import time

from ansible.module_utils.gmconf_host import units
from ansible.module_utils.gmconf_host.host import run
from ansible.module_utils.gmconf_host.manifest import Manifest, Probe

WITHIN = 45
"""Seconds a probe is tried for when it does not say so itself."""
STILL, LONGEST = 20, 900
"""Seconds: a service that was seen at work within the former is waited for further, up to the latter. On a busy host a
first start takes minutes."""


def probe(manifest: Manifest) -> list[str]:
    """Try every probe until it answers or its time is over; returns complaints.

    All times run from the start. A probe whose service is still starting or computing has more of it.
    """
    start, left = time.monotonic(), list(manifest["probes"])
    complaints: list[str] = []
    seen_at_work: dict[str, float] = {}
    in_a_row: dict[str, int] = {}
    restarts: dict[str, str] | None = None
    while left:
        silent = []
        for wanted in left:
            name = wanted["name"]
            # Looked at before it is asked, and believed when seen three times: a question alone makes a service work
            # for a moment. Not at all the first time, when most answer at once.
            working = restarts is not None and any(
                units.works(unit, restarts[unit]) for unit in wanted.get("units", ())
            )
            in_a_row[name] = in_a_row.get(name, 0) + 1 if working else 0
            seen = observe(wanted)
            if re.search(wanted.get("expect", ""), seen) and not seen.startswith("error: "):
                continue
            now = time.monotonic()
            if in_a_row[name] >= 3:
                seen_at_work[name] = now
            on_time = now < start + wanted.get("within", WITHIN)
            if on_time or (now < start + LONGEST and now < seen_at_work.get(name, start) + STILL):
                silent.append(wanted)
            else:
                complaints.append(
                    f"probe {name}: expected {wanted.get('expect', 'an answer')!r}, saw {seen!r} after"
                    f" {now - start:.0f} s"
                )
        left = silent
        if left:
            restarts = restarts or {unit: units.restarts(unit) for wanted in left for unit in wanted.get("units", ())}
            time.sleep(0.5)
    return complaints


def observe(wanted: Probe) -> str:
    """What a probe sees, as text; problems start with "error: "."""
    try:
        if wanted["kind"] == "exec":
            code, out = run(wanted["argv"], 20)
            return f"error: exit {code}: {out}" if code else out
        if wanted["kind"] == "unix":
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(5)
                client.connect(wanted["path"])
                if wanted.get("send"):
                    client.sendall(wanted["send"].encode())
                return client.recv(200).decode("latin-1") if wanted.get("expect") else ""
        with socket.create_connection((wanted["address"], wanted["port"]), 8) as plain:
            if wanted.get("send"):
                plain.sendall(wanted["send"].encode())
            if not wanted.get("tls"):
                return plain.recv(500).decode("latin-1")
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(plain) as client:
                return client.recv(500).decode("latin-1")
    except OSError as error:
        return f"error: {error}"
