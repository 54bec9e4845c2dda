"""The operator's documents: written from the site, whole, linked, explained, and at one with what the hosts open."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
import yaml
from commands import gmconf
from conftest import ROOT, without_chat
from pages import Page
from sitekeys import with_keys
from test_golden_sites import SITES, prepared

from gmconf.build import explain, output, tree
from gmconf.controls import CATALOGUE
from gmconf.controls import site_claims as requirements
from gmconf.derived.documents import DOCUMENTS
from gmconf.dns import contract
from gmconf.documents import html
from gmconf.errors import SiteError
from gmconf.model import Site
from gmconf.model.levels import rank, up_to
from gmconf.site.load import load

EXAMPLE = ROOT / "examples/bronze/site.yml"
BRONZE = yaml.safe_load(EXAMPLE.read_text())
GOLDEN = ("everything", "six")


def example(work: Path) -> Path:
    """The example of level bronze, with keys."""
    shutil.copyfile(EXAMPLE, work / "site.yml")
    return with_keys(work)


def rendered(work: Path) -> Path:
    output.replace(tree.build(load(work / "site.yml")).files, work / "build")
    return work


@pytest.fixture(scope="module", params=(*GOLDEN, "bronze"))
def built(request, tmp_path_factory) -> Path:
    """A site with documents, rendered: build/ beside site.yml."""
    work = tmp_path_factory.mktemp(f"documents-{request.param}")
    return rendered(example(work) if request.param == "bronze" else prepared(request.param, work))


@pytest.fixture(scope="module")
def bronze(tmp_path_factory) -> Path:
    return rendered(example(tmp_path_factory.mktemp("bronze")))


def pages(work: Path) -> list[Path]:
    return sorted((work / "build/documents").rglob("*.html"))


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_documents(name: str, tmp_path) -> None:
    """All texts; pages are made of them."""
    folder = rendered(prepared(name, tmp_path)) / "build/documents"
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".html")
    text = "\n".join(f"######## {p.relative_to(folder)}\n{p.read_text()}" for p in files)
    golden = SITES / name / "documents.txt"
    if os.environ.get("GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_a_site_with_all_facts_has_all_documents(bronze) -> None:
    folder = bronze / "build/documents"
    assert {p.stem for p in folder.glob("*.md")} == {d.name for d in DOCUMENTS} | {"index"}
    assert {p.stem for p in folder.glob("*.html")} == {p.stem for p in folder.glob("*.md")}


def test_pages_are_well_formed_and_say_something_everywhere(built) -> None:
    """No empty cell, item, paragraph or section: what the site does not say is left out, or the document is."""
    for path in pages(built):
        page = Page(path)
        assert page.sources == [], (path, "nothing may be fetched")
        wide = [len(row) for row in page.cells]
        assert 0 not in wide, path
        text = path.read_text()
        for above, below in re.findall(r"</h([1-6])>\s*<(?:h([1-6])|/main|hr)\b", text):
            assert below > above, (path, "a section without content")
        assert not re.search(r"\b(TODO|FIXME|None|undefined)\b|\{\{|\[\]|\(\)", text.partition("</style>")[2]), path
    for path in (built / "build/documents").rglob("*.md"):
        assert not re.search(r"\| +\|(?! \|$)", re.sub(r"^\| \| \|$", "", path.read_text(), flags=re.M)), path


def optional(data: dict, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Paths of everything that may be left out."""
    found = []
    for key, value in data.items():
        if path or key in ("support", "procedures", "policies", "clients", "news"):
            found += [(*path, key), *(optional(value, (*path, key)) if isinstance(value, dict) else ())]
    return found


@pytest.mark.parametrize("path", [*optional(BRONZE), ("organisation", "abuse_url")], ids=".".join)
def test_whatever_is_left_out_leaves_no_hole(path: tuple[str, ...], bronze, tmp_path) -> None:
    """Without any one fact each page is written whole, or not at all, and no link leads to one that is not."""
    data = copy.deepcopy(BRONZE)
    del data["level"]
    parent = data
    for part in path[:-1]:
        parent = parent[part]
    del parent[path[-1]]
    shutil.copytree(bronze / "keys", tmp_path / "keys")
    (tmp_path / "site.yml").write_text(yaml.safe_dump(data))
    try:
        load(tmp_path / "site.yml")
    except SiteError as error:
        assert path[-2:][0] in str(error), "what cannot be left out is asked for"
        return
    rendered(tmp_path)
    test_pages_are_well_formed_and_say_something_everywhere(tmp_path)
    test_no_dead_link(tmp_path)


def test_the_reader_of_pages_can_fail(tmp_path) -> None:
    for bad in (
        "<p>a</div>",
        "<td> </td>",
        "<p><b>a</p></b>",
        '<h2 id="a">a</h2><h3 id="a">b</h3>',
        '<p onclick="x">a</p>',
    ):
        (tmp_path / "bad.html").write_text("<!DOCTYPE html>\n<table><tr>" + bad + "</tr></table>")
        with pytest.raises(AssertionError):
            Page(tmp_path / "bad.html")


def test_no_dead_link(built) -> None:
    """Among the pages, and among their sources; every page can be reached from the index."""
    parsed = {path.resolve(): Page(path) for path in pages(built)}
    reached, todo = set(), [(built / "build/documents/index.html").resolve()]
    while todo:
        path = todo.pop()
        if path in reached or path.suffix != ".html":
            continue
        reached.add(path)
        for link in parsed[path].links:
            if re.match(r"(https|mailto|tel):", link):
                continue
            place, _, part = link.partition("#")
            target = (path.parent / place).resolve() if place else path
            assert target.is_file(), (path, link)
            assert not part or part in parsed[target].ids, (path, link)
            todo.append(target)
    assert reached == set(parsed)
    for path in (built / "build/documents").rglob("*.md"):
        for link in re.findall(r"\]\(([^)]+)\)", path.read_text()):
            assert re.match(r"(https|mailto|tel):", link) or (path.parent / link.partition("#")[0]).is_file(), (
                path,
                link,
            )


def test_readable_on_a_phone_and_printable(bronze) -> None:
    for path in pages(bronze):
        text = path.read_text()
        assert 'name="viewport" content="width=device-width' in text
        assert "@media print" in text
        assert text.count("<table>") == text.count('<div class="table">'), "wide tables scroll on their own"


@pytest.mark.parametrize(("document", "path"), [(d.name, path) for d in DOCUMENTS for path in d.needs])
def test_what_a_document_needs_is_asked_for_by_the_level_of_its_lowest_control(
    document: str, path: str, tmp_path
) -> None:
    """Without the fact the level is not held, and the finding names it: nobody finds a document missing afterwards."""
    level = min((c.level for c in CATALOGUE.values() if document in c.documents), key=rank)
    data = copy.deepcopy(BRONZE) | {"level": level}
    parent = data
    *parents, name = path.split(".")
    for part in parents:
        parent = parent[part]
    del parent[name]
    (tmp_path / "site.yml").write_text(yaml.safe_dump(data))
    try:
        loaded = load(tmp_path / "site.yml", keys=False)
    except SiteError as error:
        assert f"{path}: is missing" in str(error)
        return
    case = requirements.case_of(loaded.site, loaded.mail, date(2026, 11, 23))
    asked = [c for c in CATALOGUE.values() if c.level in up_to(level)]
    said = [
        f"{claim.expected}; {claim.observed}"
        for c in asked
        for claim in requirements.claims(c, case)
        if not claim.holds
    ]
    assert any(path in words for words in said), said


def test_controls_are_listed_where_they_hold_and_only_there(bronze) -> None:
    listed = {
        d.name: set(
            re.findall(
                r"^- `([a-z]+\.[a-z0-9-]+)` \((?:basic|bronze|silver)\)",
                (bronze / f"build/documents/{d.name}.md").read_text(),
                re.M,
            )
        )
        for d in DOCUMENTS
    }
    for control in CATALOGUE.values():
        for name in control.documents:
            if control.level in ("basic", "bronze"):
                assert control.id in listed[name], "the example holds bronze"
    for name, ids in listed.items():
        assert ids, name
        assert all(name in CATALOGUE[i].documents for i in ids)
    assert "prc.abuse-1d" not in listed["abuse"], "two days are not one"


def test_waived_controls_are_not_listed(tmp_path) -> None:
    text = (
        without_chat(EXAMPLE.read_text())
        + "  - {control: prc.report-out, reason: nobody to do it, owner: Bob, until: 2027-04-30}\n"
    )
    (example(tmp_path) / "site.yml").write_text(text)
    assert "prc.report-out" not in (rendered(tmp_path) / "build/documents/abuse.md").read_text()


def test_every_value_is_explained(built) -> None:
    """Every printed line of every document has reasons, and the command finds them under the name of the file."""
    build = built / "build"
    trace = explain.read_trace(build)
    files = trace["hosts"]["site"]
    assert set(files) == {str(p.relative_to(build)) for p in (build / "documents").rglob("*") if p.is_file()}
    for path, entry in files.items():
        assert trace["reasons"][entry["because"]]["text"]
        for line in list(entry.get("lines", {}))[::5]:
            assert all(reasons for _, reasons in entry["lines"][line])
            assert explain.explain(build, f"build/{path}:{line}", "site")


def test_explain_a_deadline(bronze) -> None:
    lines = (bronze / "build/documents/abuse.md").read_text().split("\n")
    number = next(n for n, line in enumerate(lines, 1) if "within 2 days" in line)
    said = gmconf("explain", f"build/documents/abuse.md:{number}", cwd=bronze).stdout
    assert "set by procedures.abuse_answer at site.yml:" in said
    assert "control prc.abuse-sla" in said
    by_field = gmconf("explain", "procedures.abuse_answer", cwd=bronze).stdout
    assert {"documents/abuse.md", "documents/sla.md", "documents/postmaster.md"} <= set(
        re.findall(r"^site (\S+):\d+", by_field, re.M)
    )
    assert f"documents/abuse.md:{number}" in gmconf("controls", "prc.abuse-sla", cwd=bronze).stdout


def table(path: Path, heading: str) -> list[list[str]]:
    """Rows of the table below a heading, without its head."""
    part = path.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("|")]
    return rows[2:]


def on(built: Path, cell: str) -> list[str]:
    """Hosts that a cell names."""
    return [p.name for p in (built / "build/hosts").iterdir()] if cell == "all hosts" else cell.split(", ")


def test_the_port_matrix_is_what_the_firewalls_say(built) -> None:
    """Read back from the rendered rules of every host, in and out."""
    said: dict[tuple[str, str], set[int]] = {}
    for port, _, _, hosts, reach in table(built / "build/documents/topology.md", "In: who may reach what"):
        for host in on(built, hosts):
            said.setdefault((host, reach), set()).add(int(port))
    out: dict[str, set[tuple[str, str]]] = {}
    for ports, _, _, user, hosts in table(built / "build/documents/topology.md", "Out: who may send what"):
        for host in on(built, hosts):
            out.setdefault(host, set()).update(
                (port, name.replace("\\", "")) for port in ports.split(", ") for name in user.split(", ")
            )
    for folder in (built / "build/hosts").iterdir():
        rules = (folder / "tree/etc/nftables.conf").read_text()
        for reach, pattern in (
            ("everybody", r"^        tcp dport \{ ([0-9, ]+) \} accept"),
            ("the other hosts of this site", r"ip saddr @site4 tcp dport \{ ([0-9, ]+) \} accept"),
            ("the networks of administrators", r"ip saddr @admin4 tcp dport \{ ([0-9, ]+) \} accept"),
        ):
            found = re.search(pattern, rules, re.M)
            assert said.get((folder.name, reach), set()) == (
                {int(n) for n in found[1].split(",")} if found else set()
            ), (folder.name, reach)
        leaving = rules.split("chain output")[1]
        rows = re.findall(r"dport (?:\{ ([0-9, ]+) \}|([0-9]+)) meta skuid (?:\{ ([^}]+) \}|(\S+)) accept", leaving)
        wanted = {
            (port, user.strip(' "'))
            for many, one, users, user1 in rows
            for port in (many or one).split(", ")
            for user in (users or user1).split(",")
        }
        assert wanted <= out[folder.name]
        assert {(p, u) for p, u in out[folder.name] if u != "every program" and p != "every port"} == wanted
        site = re.search(r"ip daddr @site4 tcp dport \{ ([0-9, ]+) \} accept", leaving)
        assert {p for p, u in out[folder.name] if u == "every program"} == {
            "67",
            "547",
            *(site[1].split(", ") if site else ()),
        }


def test_every_function_has_a_host_and_every_host_a_function(built) -> None:
    rows = table(built / "build/documents/topology.md", "Which program does what")
    hosts = {p.name for p in (built / "build/hosts").iterdir()}
    assert {host for row in rows for host in on(built, row[2])} == hosts
    assert len({row[0] for row in rows}) == len(rows)


def test_commands_of_the_runbooks_are_commands(built) -> None:
    """What a shell cannot read, or the model does not know, is found here; what it does is tested on hosts."""
    for path in (built / "build/documents").glob("*.md"):
        text = path.read_text()
        for kind, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S):
            if kind in ("sh", "bash"):
                done = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, check=False)
                assert done.returncode == 0, (path, block, done.stderr)
            if kind == "yaml":
                part = yaml.safe_load(block)
                base = {k: copy.deepcopy(BRONZE[k]) for k in ("organisation", "domains", "hosts")}
                for host in part.get("hosts", ()):
                    host.setdefault("release", "trixie")
                Site.model_validate(base | part)


def test_a_site_that_says_nothing_about_its_operation_has_none_and_pays_nothing(site) -> None:
    code = (
        "import sys; from pathlib import Path; from gmconf.site.load import load; from gmconf.build.tree import build;"
        " files = build(load(Path('site.yml'))).files; print([f for f in files if f.startswith('documents')],"
        " [m for m in sys.modules if m.startswith(('markdown_it', 'gmconf.documents'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=site, text=True, capture_output=True, check=True)
    assert done.stdout == "[] []\n"


def test_one_conversion_serves_all_domains() -> None:
    text = "# Setting up mail for {0}\n\nLogin `you@{0}` at mail.{0}.\n\n[the profile]({0}.mobileconfig)\n"
    for domain in ("example.org", "a-b.xn--bcher-kva.example", "1.example.net"):
        said = text.format(domain)
        assert html.sheet(said, f"Mail for {domain}", "../index.html", domain) == html.page(
            said, f"Mail for {domain}", "../index.html"
        )


def test_security_txt(bronze) -> None:
    """RFC 9116: fields a line each, Contact is a URI, Expires is there once and a date of RFC 3339."""
    from datetime import datetime

    lines = (bronze / "build/documents/security.txt").read_text().splitlines()
    fields = [line.partition(": ")[::2] for line in lines if not line.startswith("#")]
    assert [name for name, _ in fields] == ["Contact", "Expires"]
    values = dict(fields)
    assert values["Contact"] == "mailto:security@example.org"
    assert datetime.fromisoformat(values["Expires"]).tzinfo is not None


def test_a_new_domain_is_told_what_gmconf_dns_prints(bronze) -> None:
    """But for keys, which it does not have yet, and SRV records, which stand with the programs that use them."""
    text = (bronze / "build/documents/onboarding.md").read_text()
    told = {
        tuple(re.sub(r"[`\\]", "", cell).strip() for cell in line.strip("|").split(" | "))
        for line in text.splitlines()
        if re.match(r"\| (`[^`@]+`|the domain itself) \| [A-Z]+ \|", line)
    }
    loaded = load(bronze / "site.yml")
    domain = next(d for d in loaded.site.domains if d.kind == "hosted")
    wanted = set()
    for record in contract(loaded).of_domain(domain):
        if record.type == "SRV" or record.need == "forbidden":
            continue
        name = record.owner.removesuffix(domain.name).removesuffix(".") or "the domain itself"
        value = "".join(record.rdata) if record.type == "TXT" else record.text.removesuffix(".")
        wanted.add((name, record.type, "a key that comes from us" if "_domainkey" in name else value))
    assert told == wanted
    assert {"_dmarc", "_smtp._tls", "the domain itself"} <= {name for name, _, _ in told}
