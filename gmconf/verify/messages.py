"""Test messages: each carries the mark of its run, says what it is, and is addressed to the probe account only."""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage
from email.utils import formatdate

from gmconf.verify.run import HEADER, Run

STRANGER = "verify@gmconf.invalid"
"""A sender that is nobody's (RFC 6761): no answer can reach anyone."""
# In two parts, so that scanners do not find this file.
GTUBE = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE" + "-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
EICAR = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR" + "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def message(run: Run, sender: str, what: str, text: str = "") -> EmailMessage:
    """A message of this run to the probe account."""
    assert run.login is not None  # probes that need it are not run without
    built = EmailMessage()
    built["From"], built["To"] = sender, run.login.address
    built["Subject"] = f"gmconf verify: {what} [{run.mark}]"
    built["Date"], built["Message-ID"] = formatdate(), f"<{what.replace(' ', '-')}.{run.mark}@gmconf.invalid>"
    built[HEADER] = run.mark
    built.set_content(text or f"A test by gmconf verify ({what}). It is deleted when the test is over.\n")
    return built


def spam(run: Run, sender: str) -> bytes:
    """The agreed test text for spam filters."""
    return message(run, sender, "spam", f"{GTUBE}\n").as_bytes()


def virus(run: Run, sender: str) -> bytes:
    """The agreed, harmless test file for virus scanners, in an archive."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("eicar.txt", EICAR)
    built = message(run, sender, "virus")
    built.add_attachment(packed.getvalue(), maintype="application", subtype="zip", filename="test.zip")
    return built.as_bytes()


def program(run: Run, sender: str, ending: str) -> bytes:
    """An attachment that is called a program and holds a sentence."""
    built = message(run, sender, "attachment")
    built.add_attachment(
        b"Nothing to run.\n", maintype="application", subtype="octet-stream", filename=f"test.{ending}"
    )
    return built.as_bytes()


def nameless(run: Run) -> bytes:
    """No From: at all (RFC 5322 section 3.6 wants one)."""
    built = message(run, STRANGER, "no author")
    del built["From"]
    return built.as_bytes()


def doubled(run: Run, sender: str) -> bytes:
    """Two Subject: lines (RFC 5322 section 3.6 allows one)."""
    return b"Subject: another\n" + message(run, sender, "two subjects").as_bytes()
