"""Whole sites as they render, file by file. Rewrite with GOLDEN=1 and read the diff."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

import pytest
from sitekeys import with_keys

from gmconf.build import explain, output, tree
from gmconf.site.load import load

SITES = Path(__file__).resolve().parents[1] / "golden/sites"
NAMES = sorted(p.name for p in SITES.iterdir())


def prepared(name: str, work: Path) -> Path:
    """A golden site with keys in a directory of its own."""
    return with_keys(shutil.copytree(SITES / name, work, dirs_exist_ok=True))


@pytest.fixture(scope="session", params=NAMES)
def rendered(request, tmp_path_factory) -> Path:
    """A golden site, rendered into build/."""
    work = prepared(request.param, tmp_path_factory.mktemp(request.param))
    output.replace(tree.build(load(work / "site.yml")).files, work / "build")
    return work


def picture(build: Path) -> str:
    """All files of all hosts, equal ones once; certificates and digests left out, they differ with the keys."""
    seen: dict[str, str] = {}
    parts = []
    for file in sorted(build.glob("hosts/**/*")):
        if not file.is_file():
            continue
        name = str(file.relative_to(build / "hosts"))
        text = file.read_text()
        if name.endswith((".crt", ".pem")):
            text = "(certificate)\n"
        if name.endswith("manifest.json"):
            text = re.sub(r', "sha256": "[0-9a-f]+"', "", text)
        if name.endswith(".zone"):
            text = re.sub(r"(; p=|TLSA 3 1 1 ).*", r"\1(of the key)", text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        parts.append(f"######## {name}\n" + (f"(the same as {seen[digest]})\n" if digest in seen else text))
        seen.setdefault(digest, name)
    return "\n".join(parts)


def test_golden(rendered) -> None:
    text = picture(rendered / "build")
    golden = SITES / next(n for n in NAMES if rendered.name.startswith(n)) / "rendered.txt"
    if os.environ.get("GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_same_site_same_bytes(rendered, tmp_path) -> None:
    first = {
        str(p.relative_to(rendered / "build")): p.read_bytes() for p in (rendered / "build").rglob("*") if p.is_file()
    }
    assert first == tree.build(load(rendered / "site.yml")).files


def test_no_secret_in_build(rendered) -> None:
    for file in (rendered / "build").rglob("*"):
        if file.is_file():
            data = file.read_bytes()
            assert b"PRIVATE KEY" not in data, file
            assert b"$argon2id$" not in data, file


def test_every_line_of_every_template_has_a_reason(rendered) -> None:
    trace = explain.read_trace(rendered / "build")
    for host, files in trace["hosts"].items():
        for path, entry in files.items():
            assert trace["reasons"][entry["because"]]["text"], (host, path)
            for line, settings in entry.get("lines", {}).items():
                assert settings, (path, line)
                assert all(reasons for _, reasons in settings), (path, line)


def test_explain_finds_every_traced_line(rendered) -> None:
    """A sample of all lines: the answer has the line's value and its reasons."""
    build = rendered / "build"
    trace = explain.read_trace(build)
    for host, files in trace["hosts"].items():
        for path in sorted(files)[::5]:
            for line in list(files[path].get("lines", {}))[::7]:
                assert explain.explain(build, f"{path}:{line}", host)


def test_references_between_hosts(rendered) -> None:
    """Every host and address of the site that a file of another host names exists, and reaches somebody who listens."""
    site = load(rendered / "site.yml").site
    if len(site.hosts) == 1:
        return
    names = {h.name for h in site.hosts}
    addresses = {a for h in site.hosts for a in h.addresses}
    for host in site.hosts:
        main = (rendered / f"build/hosts/{host.name}/tree/etc/postfix/main.cf").read_text()
        for target, port in re.findall(r"^[^#\n]*inet:\[?([0-9a-z.:-]+?)\]?:(\d+)", main, re.M):
            if target == "127.0.0.1":  # a daemon of the host itself
                continue
            assert target in names | addresses, (host.name, target)
            owner = next(h for h in site.hosts if target == h.name or target in h.addresses)
            rules = (rendered / f"build/hosts/{owner.name}/tree/etc/nftables.conf").read_text()
            assert re.search(rf"@site4 tcp dport \{{ [0-9, ]*\b{port}\b", rules), (owner.name, port)
            mine = (rendered / f"build/hosts/{host.name}/tree/etc/nftables.conf").read_text()
            assert re.search(rf"ip daddr @site4 tcp dport \{{ [0-9, ]*\b{port}\b", mine), (host.name, port)
        relay = re.search(r"^relayhost = \[(\S+)\]", main, re.M)
        assert relay is None or "mta" in next(h for h in site.hosts if h.name == relay[1]).roles


def test_interrupted_render_leaves_the_old_tree(rendered, monkeypatch) -> None:
    before = picture(rendered / "build")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(output.os, "link", stop)
    monkeypatch.setattr(output, "swap", stop)
    with pytest.raises(KeyboardInterrupt):
        output.replace(tree.build(load(rendered / "site.yml")).files, rendered / "build")
    assert picture(rendered / "build") == before
    assert sorted(p.name for p in rendered.iterdir() if p.name.startswith(".build")) == []


@pytest.mark.parametrize("exchange", [True, False])
def test_swap_leaves_one_whole_tree(tmp_path, monkeypatch, exchange: bool) -> None:
    if not exchange:
        monkeypatch.setattr(output, "_exchange", lambda *_: False)
    for name in ("build", ".build.x"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "from").write_text(name)
    output.swap(tmp_path / ".build.x", tmp_path / "build")
    assert [p.name for p in tmp_path.iterdir()] == ["build"]
    assert (tmp_path / "build/from").read_text() == ".build.x"


def test_foreign_directory_is_not_touched(rendered, tmp_path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(Exception, match="was not written by gmconf"):
        output.replace(tree.build(load(rendered / "site.yml")).files, tmp_path)
    assert (tmp_path / "precious").read_text() == "mine"
