"""Two organisations, each with a site of its own, exchange mail: everything that one enforces the other offers."""

from __future__ import annotations

import subprocess
import time

import lab
import pytest
import sites
from clients import message, submission


def stored(machine: lab.Machine, login: str, subject: str, within: float) -> str:
    """The message as the other organisation's store has it."""
    deadline = time.monotonic() + within
    while True:
        done = lab.ssh(
            machine,
            f"doveadm fetch -u {login} text mailbox INBOX header subject '{subject}'",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        if subject in done.stdout:
            return done.stdout
        assert time.monotonic() < deadline, f"{subject} is not at {machine.fqdn}: {done.stdout}"
        time.sleep(2)


@pytest.mark.control("dane.out")
@pytest.mark.control("dane.in")
@pytest.mark.control("auth.dkim-sign")
@pytest.mark.control("auth.dmarc-verify")
def test_mail_to_another_site(mx) -> None:
    """It goes by DANE, signed, from an address that SPF allows; the other side says so, and takes it as clean mail."""
    partner = sites.partner(mx.machine)
    login, to = f"alice@{mx.domain}", f"bob@{sites.domain(partner)}"
    built = message(login, to)
    with submission(mx, login) as smtp:
        smtp.sendmail(login, [to], built.as_bytes())
    # The other host has tests of its own meanwhile, and what it cannot take now waits here.
    deadline = time.monotonic() + 240
    while mx.ssh(f"postqueue -j | grep -c {to} || true").strip() != "0":
        assert time.monotonic() < deadline, mx.ssh("postqueue -p")
        time.sleep(2)
        mx.ssh("postqueue -f")
    found = stored(partner, to, built["Subject"], 60)
    assert f"Verified TLS connection established to {partner.fqdn}[" in mx.ssh(
        "journalctl -u 'postfix*' --since -10min -o cat"
    )
    results = found.split("Authentication-Results:", 1)[1].split("\n\n", 1)[0]
    for verdict in ("spf=pass", "dkim=pass", "dmarc=pass"):
        assert verdict in results, results
    assert "with ESMTPS" in found
    assert "TLSv1.3" in found
