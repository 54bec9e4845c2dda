"""Whether the services answer after a switch."""

from __future__ import annotations

import re
import socket
import ssl
import time

from ansible.module_utils.gmconf_host.host import run

WITHIN = 45
"""Seconds a probe is tried for when it does not say so itself."""


def probe(manifest):
    """Try every probe until it answers or its time is over; returns complaints.

    All times run from the start: the host is not left with what fails for longer than the slowest probe may take.
    """
    start, complaints, left = time.monotonic(), [], list(manifest["probes"])
    while left:
        silent = []
        for wanted in left:
            late = time.monotonic() > start + wanted.get("within", WITHIN)
            seen = observe(wanted)
            if re.search(wanted.get("expect", ""), seen) and not seen.startswith("error: "):
                continue
            if late:
                complaints.append(f"probe {wanted['name']}: expected {wanted.get('expect', 'an answer')!r}, saw {seen!r}")
            else:
                silent.append(wanted)
        left = silent
        if left:
            time.sleep(0.5)
    return complaints


def observe(wanted):
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
