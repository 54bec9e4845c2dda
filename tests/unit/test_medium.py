"""The portable medium: read back with xorriso, whole by its checksums, and the same bytes each time."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from commands import gmconf
from pages import Page
from test_documents import example
from test_golden_sites import prepared


@pytest.fixture
def work(tmp_path, vault_password, monkeypatch) -> Path:
    """The example with an installer."""
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    folder = tmp_path / "work"
    folder.mkdir()
    example(folder)
    (folder / "programs").mkdir()
    (folder / "programs/mail-140.exe").write_bytes(bytes(range(256)) * 300)
    text = (folder / "site.yml").read_text()
    (folder / "site.yml").write_text(
        text.replace("{kind: mail, name: Thunderbird,", "{kind: mail, file: programs/mail-140.exe, name: Thunderbird,")
    )
    return folder


def unpacked(image: Path, to: Path) -> Path:
    subprocess.run(
        ["xorriso", "-no_rc", "-osirrox", "on", "-indev", str(image), "-extract", "/", str(to)],
        check=True,
        capture_output=True,
    )
    subprocess.run(["chmod", "-R", "u+w", str(to)], check=True)
    return to


def test_medium(work, tmp_path) -> None:
    done = gmconf("medium", "site.yml", "-o", "medium.iso", cwd=work)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("medium.iso: ")
    found = unpacked(work / "medium.iso", tmp_path / "read")
    summed = subprocess.run(
        ["sha256sum", "--strict", "-c", "SHA256SUMS"], cwd=found, text=True, capture_output=True, check=False
    )
    assert summed.returncode == 0, summed.stdout
    files = {str(p.relative_to(found)) for p in found.rglob("*") if p.is_file()}
    assert {line.split()[1] for line in (found / "SHA256SUMS").read_text().splitlines()} == files - {"SHA256SUMS"}
    assert (found / "programs/mail-140.exe").read_bytes() == (work / "programs/mail-140.exe").read_bytes()
    for name in (
        "index.html",
        "support.html",
        "client-setup.html",
        "clients/example.org/setup.html",
        "clients/example.org/config-v1.1.xml",
        "clients/example.net/example.net.mobileconfig",
    ):
        assert name in files
    assert not {"runbooks.md", "topology.md", "abuse.md"} & files, "nothing of the operator's"


def test_no_dead_link_on_the_medium(work, tmp_path) -> None:
    gmconf("medium", "site.yml", "-o", "medium.iso", cwd=work)
    found = unpacked(work / "medium.iso", tmp_path / "read")
    for path in found.rglob("*.html"):
        for link in Page(path).links:
            assert link.startswith(("https:", "mailto:", "tel:")) or (path.parent / link.partition("#")[0]).is_file(), (
                path,
                link,
            )


def test_same_site_same_bytes(work, monkeypatch) -> None:
    for name in ("a.iso", "b.iso"):
        assert gmconf("medium", "site.yml", "-o", name, cwd=work).returncode == 0
        # Other times of the sources must not matter.
        (work / "programs/mail-140.exe").touch()
    first, second = (hashlib.sha256((work / name).read_bytes()).digest() for name in ("a.iso", "b.iso"))
    assert first == second
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    gmconf("medium", "site.yml", "-o", "c.iso", cwd=work)
    listed = subprocess.run(
        ["xorriso", "-no_rc", "-indev", "c.iso", "-lsl", "/SHA256SUMS"],
        cwd=work,
        text=True,
        capture_output=True,
        check=True,
    ).stdout
    assert "Nov 14  2023" in listed


def test_without_xorriso(work, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(work / "nothing"))
    done = gmconf("medium", "site.yml", "-o", "medium.iso", cwd=work)
    assert (done.returncode, done.stderr) == (
        2,
        "gmconf: xorriso makes the image and is not installed; on Debian: apt-get install xorriso\n",
    )
    assert not (work / "medium.iso").exists()


def test_missing_installer(work) -> None:
    (work / "programs/mail-140.exe").unlink()
    done = gmconf("medium", "site.yml", "-o", "medium.iso", cwd=work)
    assert done.returncode == 2
    assert (
        "site.yml:64:24: clients[0].file: programs/mail-140.exe is no file beside site.yml; fetch it from"
        " https://www.thunderbird.example/" in done.stderr
    )


def test_installer_that_leads_out_of_the_site(work) -> None:
    (work / "programs/mail-140.exe").unlink()
    (work / "programs/mail-140.exe").symlink_to("/etc/hostname")
    done = gmconf("medium", "site.yml", "-o", "medium.iso", cwd=work)
    assert done.returncode == 2
    assert not (work / "medium.iso").exists()


def test_a_site_without_the_facts(tmp_path, vault_password) -> None:
    prepared("trixie", tmp_path)
    done = gmconf("medium", "site.yml", cwd=tmp_path)
    assert done.returncode == 2
    assert (
        "needs these fields in site.yml for its page support: support.hours, support.email, support.tickets"
        in done.stderr
    )


def test_bad_epoch(work, monkeypatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert "SOURCE_DATE_EPOCH is yesterday" in gmconf("medium", "site.yml", cwd=work).stderr
