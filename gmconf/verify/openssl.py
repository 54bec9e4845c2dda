"""What Python's ssl cannot ask is asked by openssl s_client."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import subprocess
import time


def client(address: str, port: int, name: str, starttls: str, until: float, *words: str, ask: str = "") -> str:
    """What s_client prints; ``ask`` is typed once the host has greeted, ``until`` (time.monotonic) it must be over.

    Raises OSError when there is no openssl or no end.
    """
    if not shutil.which("openssl"):
        raise OSError("the program openssl is needed on this machine: apt install openssl")
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    argv = ["openssl", "s_client", "-connect", where, "-servername", name, *words]
    argv += ["-starttls", starttls] if starttls else []
    # Whatever configuration of OpenSSL this machine has must not decide what is asked for.
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "OPENSSL_CONF": "/dev/null"},
    )
    try:
        return _talk(process, ask, starttls, until).decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        raise OSError(f"openssl s_client {where}: no end in time") from None
    finally:
        process.kill()
        process.communicate()


def _talk(client: subprocess.Popen[bytes], ask: str, starttls: str, until: float) -> bytes:
    """Wait for the greeting (what arrives in the middle of a handshake would break it), ask, and quit."""
    seen = b""
    assert client.stdin is not None
    assert client.stdout is not None
    if ask:
        # ManageSieve lists its capabilities once more after TLS has begun, and ends the list with OK.
        greetings = {"": rb"(?m)^(220|200|201|\* OK|\+OK) ", "sieve": rb'(?ms)Extended master secret.*^OK (?!"Begin)'}
        greeted = re.compile(greetings.get(starttls, rb"Extended master secret"))
        while not greeted.search(seen) and (left := until - time.monotonic()) > 0:
            if select.select([client.stdout], [], [], left)[0]:
                part = os.read(client.stdout.fileno(), 65536)
                if not part:
                    break
                seen += part
        with contextlib.suppress(BrokenPipeError):
            client.stdin.write(ask.encode())
            client.stdin.flush()
        with contextlib.suppress(subprocess.TimeoutExpired):
            client.wait(1)
    with contextlib.suppress(BrokenPipeError):
        client.stdin.write(b"Q\n")
        client.stdin.flush()
    return seen + client.communicate(timeout=max(1.0, until - time.monotonic()))[0]
