"""Passwords of a team: one file for each login, decrypted by the role with ansible-core alone, merged by git, never
lost."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.vault import VaultLib, VaultSecret
from commands import gmconf
from conftest import PASSWORD, ROOT

from gmconf.errors import GmconfError
from gmconf.keys import credentials, schemes, vault

ONE, TWO = "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$YQ$Yg", "{SHA512-CRYPT}$6$salt$hash"


@pytest.fixture(scope="module")
def action():
    """The role's action plugin, with a vault of our password and nothing else of Ansible."""
    spec = importlib.util.spec_from_file_location(
        "gmconf_tree_of_passwords", ROOT / "roles/gmconf/action_plugins/gmconf_tree.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def decrypted(action, data: bytes, tmp_path: Path, password: bytes = PASSWORD) -> str:
    """What a roll-out makes of build/secrets/passwords.vault."""
    plugin = object.__new__(action.ActionModule)
    plugin._loader = type("Loader", (), {"_vault": VaultLib([("default", VaultSecret(password))])})()
    (tmp_path / "secrets").mkdir(exist_ok=True)
    (tmp_path / "secrets/passwords.vault").write_bytes(data)
    return plugin._decrypt(str(tmp_path / "secrets/passwords.vault")).decode()


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_stored_read_and_rolled_out(tmp_path, action) -> None:
    credentials.store(tmp_path, {"bob@example.org": ONE}, PASSWORD)
    credentials.store(tmp_path, {"alice@example.org": TWO, "fax&co@example.net": ONE}, PASSWORD)
    credentials.store(tmp_path, {"bob@example.org": TWO}, PASSWORD)
    assert credentials.hashes(tmp_path, PASSWORD) == {
        "alice@example.org": TWO,
        "bob@example.org": TWO,
        "fax&co@example.net": ONE,
    }
    data = credentials.bundle(tmp_path, {"alice@example.org", "bob@example.org"})
    assert decrypted(action, data, tmp_path) == f"alice@example.org:{TWO}\nbob@example.org:{TWO}\n"
    assert data == credentials.bundle(tmp_path, {"alice@example.org", "bob@example.org"})
    for path, text in files(tmp_path / "passwords").items():
        assert b"argon2" not in text
        assert os.stat(tmp_path / "passwords" / path).st_mode & 0o777 == 0o600


def test_one_change_is_one_file(tmp_path) -> None:
    credentials.store(tmp_path, {f"user{n}@example.org": ONE for n in range(30)}, PASSWORD)
    before = files(tmp_path)
    credentials.store(tmp_path, {"user7@example.org": TWO}, PASSWORD)
    after = files(tmp_path)
    assert [name for name in after if after[name] != before.get(name)] == ["passwords/example.org/user7"]
    assert len(after["passwords/example.org/user7"].splitlines()) == 1


def git(work: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *argv],
        cwd=work,
        text=True,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("begun", [True, False], ids=["passwords were there", "the first passwords of the site"])
def test_branches_of_two_people_merge(tmp_path, action, begun: bool) -> None:
    work = tmp_path / "site"
    (work / "keys").mkdir(parents=True)
    (work / "site.yml").write_text("x")
    if begun:
        credentials.store(work / "keys", {"alice@example.org": ONE, "dave@example.org": ONE}, PASSWORD)
    for argv in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-qm", "begin"), ("checkout", "-qb", "one")):
        assert git(work, *argv).returncode == 0
    credentials.store(work / "keys", {"bob@example.org": TWO}, PASSWORD)
    for argv in (("add", "-A"), ("commit", "-qm", "bob"), ("checkout", "-qb", "two", "main")):
        assert git(work, *argv).returncode == 0
    credentials.store(work / "keys", {"carol@example.org": ONE}, PASSWORD)
    for argv in (("add", "-A"), ("commit", "-qm", "carol"), ("merge", "-q", "-m", "both", "one")):
        assert git(work, *argv).returncode == 0, argv
    found = credentials.hashes(work / "keys", PASSWORD)
    assert {login: found[login] for login in ("bob@example.org", "carol@example.org")} == {
        "bob@example.org": TWO,
        "carol@example.org": ONE,
    }
    assert "carol@example.org:" in decrypted(action, credentials.bundle(work / "keys", set(found)), tmp_path)


def test_what_older_versions_kept(tmp_path, action) -> None:
    old = vault.encrypt(f"alice@example.org:{ONE}\nbob@example.org:{TWO}\n".encode(), PASSWORD)
    (tmp_path / "passwords.vault").write_bytes(old)
    assert credentials.kept(tmp_path) == "old"
    assert credentials.bundle(tmp_path, {"alice@example.org"}) == old
    assert "alice@example.org:" in decrypted(action, old, tmp_path / ".")
    credentials.store(tmp_path, {"bob@example.org": ONE}, PASSWORD)
    assert credentials.kept(tmp_path) == "new"
    assert credentials.hashes(tmp_path, PASSWORD) == {"alice@example.org": ONE, "bob@example.org": ONE}


def test_two_thousand_logins_are_quick(tmp_path, action) -> None:
    many = {f"user{n}@kunde{n % 60}.example": ONE for n in range(2000)}
    credentials.store(tmp_path, many, PASSWORD)
    began = time.process_time()
    assert credentials.hashes(tmp_path, PASSWORD) == many
    assert decrypted(action, credentials.bundle(tmp_path, set(many)), tmp_path).count("\n") == 2000
    assert time.process_time() - began < 5
    began = time.process_time()
    credentials.store(tmp_path, {"user7@kunde7.example": TWO}, PASSWORD)
    assert time.process_time() - began < 2


def test_nothing_is_taken_for_another_login_or_password(tmp_path, action) -> None:
    credentials.store(tmp_path, {"alice@example.org": ONE, "bob@example.org": TWO}, PASSWORD)
    with pytest.raises(GmconfError, match="right vault password"):
        credentials.hashes(tmp_path, b"another")
    before = files(tmp_path)
    with pytest.raises(GmconfError, match="right vault password"):
        credentials.store(tmp_path, {"carol@example.org": ONE}, b"another")
    assert files(tmp_path) == before
    shutil.copyfile(tmp_path / "passwords/example.org/alice", tmp_path / "passwords/example.org/bob")
    with pytest.raises(GmconfError, match=r"example\.org/bob was changed"):
        credentials.hashes(tmp_path, PASSWORD)
    with pytest.raises(AnsibleError, match="was changed"):
        decrypted(action, credentials.bundle(tmp_path, {"bob@example.org"}), tmp_path)
    with pytest.raises(AnsibleError, match="cannot be decrypted"):
        decrypted(action, credentials.bundle(tmp_path, {"alice@example.org"}), tmp_path, b"another")
    for text in ("", "<<<<<<< HEAD\n", "0123456789abcdef short", "\xff"):
        (tmp_path / "passwords/example.org/bob").write_text(text)
        with pytest.raises(GmconfError, match=r"example\.org/bob is not what gmconf passwd writes"):
            credentials.bundle(tmp_path, {"bob@example.org"})


@pytest.mark.parametrize(
    "hashed",
    [
        "{PLAIN}hunter2",
        "{CLEAR}hunter2",
        "{plain}hunter2",
        "{CLEARTEXT}x",
        "{PLAIN.b64}eA==",
        "{PLAIN-TRUNC}x",
        "hunter2",
        "",
    ],
)
def test_the_password_itself_is_never_rolled_out(tmp_path, action, hashed: str) -> None:
    data = vault.encrypt(f"alice@example.org:{ONE}\nbob@example.org:{hashed}\n".encode(), PASSWORD)
    with pytest.raises(AnsibleError, match=r"bob@example\.org") as found:
        decrypted(action, data, tmp_path)
    assert "hunter2" not in str(found.value)
    assert "alice" not in str(found.value)
    with pytest.raises(GmconfError):
        credentials.store(tmp_path, {"bob@example.org": hashed}, PASSWORD)


@pytest.mark.parametrize(
    "hashed",
    ["{ARGON2ID}$argon2id$x", "{SHA512-CRYPT}$6$a$b", "{BLF-CRYPT}$2y$05$x", "{CRYPT}$y$j9T$x", "{SSHA512.b64}eA=="],
)
def test_hashes_are_rolled_out(tmp_path, action, hashed: str) -> None:
    assert (
        decrypted(action, vault.encrypt(f"bob@example.org:{hashed}\n".encode(), PASSWORD), tmp_path)
        == f"bob@example.org:{hashed}\n"
    )


def test_weak_hashes_are_told_from_strong_ones() -> None:
    assert [h for h in (ONE, TWO, "{CRYPT}$6$a$b", "{BLF-CRYPT}$2y$05$x", "{PBKDF2}$1$x") if schemes.complaint(h)] == []
    weak = (
        "{MD5-CRYPT}$1$a$b",
        "{SSHA}x",
        "{CRYPT}ab0123456789.",
        "{SHA512}x",
        "{CRAM-MD5}x",
        "{ssha512.hex}ab",
        "{CRYPT}$1$a$b",
    )
    assert all("weak" in (schemes.complaint(h) or "") for h in weak)


MANY = """organisation: {name: Example, postmaster: alice@example.org}
domains: [{name: example.org, mailboxes: [{name: alice}, {name: bob}, {name: carol}, {name: dave}, {name: erin}]}]
hosts: [{name: mail.example.org, release: trixie, addresses: [192.0.2.1, "2001:db8::1"]}]
network: {admin: [192.0.2.0/24]}
"""


@pytest.fixture
def five(tmp_path, vault_password) -> Path:
    (tmp_path / "site.yml").write_text(MANY)
    return tmp_path


def started(work: Path, *argv: str, stdin: str = "") -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-m", "gmconf", *argv],
        cwd=work,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    child.stdin.write(stdin)
    child.stdin.close()
    return child


def test_many_at_once(five) -> None:
    """Three make keys, five set passwords: nothing is lost, and halves belong together."""
    names = ("alice", "bob", "carol", "dave", "erin")
    children = [started(five, "keys", "site.yml") for _ in range(3)]
    children += [
        started(five, "passwd", "site.yml", f"{name}@example.org", "--stdin", stdin="correct-horse-7-battery\n")
        for name in names
    ]
    for child in children:
        assert child.wait() == 0, child.stderr.read()
    assert sorted(credentials.hashes(five / "keys", PASSWORD)) == [f"{name}@example.org" for name in names]
    done = gmconf("validate", "site.yml", cwd=five)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list((five / "keys").rglob(".*"))


def test_left_overs_of_a_killed_run_go(five) -> None:
    (five / "keys/dkim/example.org").mkdir(parents=True)
    (five / "keys/dkim/example.org/.gm1-rsa.key.vault.new").write_text("half")
    assert gmconf("keys", "site.yml", cwd=five).returncode == 0
    assert not list((five / "keys").rglob(".*"))


def test_halves_of_two_pairs_are_found(five) -> None:
    gmconf("keys", "site.yml", cwd=five)
    gmconf("passwd", "site.yml", "--generate", cwd=five)
    for kept, made in (
        ("dkim/example.org/gm1-rsa", ".pub"),
        ("dkim/example.org/gm1-ed25519", ".pub"),
        ("tls/mail.example.org", ".crt"),
    ):
        whole = (five / f"keys/{kept}.key.vault").read_bytes(), (five / f"keys/{kept}{made}").read_bytes()
        (five / f"keys/{kept}.key.vault").unlink()
        (five / f"keys/{kept}{made}").unlink()
        gmconf("keys", "site.yml", cwd=five)
        (five / f"keys/{kept}.key.vault").write_bytes(whole[0])
        done = gmconf("validate", "site.yml", cwd=five)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert f"keys/{kept}.key.vault is not the private half" in done.stderr
        (five / f"keys/{kept}{made}").write_bytes(whole[1])
        assert gmconf("validate", "site.yml", cwd=five).returncode == 0


def test_a_wrong_vault_password_is_noticed_first(five, monkeypatch) -> None:
    assert gmconf("keys", "site.yml", cwd=five).returncode == 0
    (five / "site.yml").write_text(
        MANY.replace("hosts:", "  \n# more\nhosts:")
        .replace("]}]\nhosts", "]}]\nhosts")
        .replace("domains: [", "domains: [{name: example.net}, ")
    )
    before = files(five / "keys")
    (five / "vault-password").write_text("another\n")
    for argv in (
        ("keys", "site.yml"),
        ("passwd", "site.yml", "alice@example.org", "--stdin"),
        ("passwd", "site.yml", "--generate"),
    ):
        done = gmconf(*argv, cwd=five, stdin="correct-horse-7-battery\n")
        assert (done.returncode, done.stdout) == (2, ""), argv
        assert "is it the right vault password?" in done.stderr
        assert files(five / "keys") == before


def test_first_passwords_are_made_and_shown_once(five) -> None:
    gmconf("keys", "site.yml", cwd=five)
    set_ = gmconf("passwd", "site.yml", "alice@example.org", "--stdin", cwd=five, stdin="correct-horse-7-battery\r\n")
    assert set_.stdout.startswith("the password of alice@example.org is stored in keys/passwords/example.org/alice")
    done = gmconf("validate", "site.yml", cwd=five)
    assert done.returncode == 0
    assert [line.split()[3] for line in done.stderr.splitlines()] == [
        f"{name}@example.org" for name in ("bob", "carol", "dave", "erin")
    ]
    made = gmconf("passwd", "site.yml", "--generate", cwd=five)
    rows = dict(line.split("\t") for line in made.stdout.splitlines())
    assert sorted(rows) == [f"{name}@example.org" for name in ("bob", "carol", "dave", "erin")]
    import argon2

    kept = credentials.hashes(five / "keys", PASSWORD)
    for login, password in {**rows, "alice@example.org": "correct-horse-7-battery"}.items():
        argon2.PasswordHasher().verify(kept[login].removeprefix("{ARGON2ID}"), password)
    assert gmconf("passwd", "site.yml", "--generate", cwd=five).stdout == ""
    again = gmconf("passwd", "site.yml", "bob@example.org", "--generate", cwd=five)
    assert again.stdout.startswith("bob@example.org\t")
    assert gmconf("validate", "site.yml", cwd=five).stderr == ""


def test_hashes_from_elsewhere(five) -> None:
    gmconf("keys", "site.yml", cwd=five)
    (five / "users").write_text(
        f"# old server\r\nalice@example.org:{TWO}:5000:5000::/var/mail/alice::\r\n"
        "Bob@Example.org:$6$salt$hash\n\n"
        f"carol@example.org:{{MD5-CRYPT}}$1$a$b\n"
    )
    done = gmconf("passwd", "site.yml", "--import", "users", cwd=five)
    assert done.returncode == 0, done.stderr
    assert "carol@example.org has a weak hash ({MD5-CRYPT})" in done.stderr
    assert credentials.hashes(five / "keys", PASSWORD) == {
        "alice@example.org": TWO,
        "bob@example.org": TWO,
        "carol@example.org": "{MD5-CRYPT}$1$a$b",
    }
    notes = gmconf("validate", "site.yml", cwd=five)
    assert notes.returncode == 0
    assert "carol@example.org has a weak hash" in notes.stderr
    assert "dave@example.org has no password" in notes.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("zoe@example.org:{SHA512-CRYPT}$6$a$b", "zoe@example.org is no login of the site"),
        ("alice@example.org:{PLAIN}hunter2", "alice@example.org: the password itself"),
        ("alice@example.org:hunter2", "alice@example.org: no hash"),
        ("alice@example.org", "login:{SCHEME}hash is needed"),
        ("alice@example.org:", "alice@example.org: no hash"),
        ("bob@example.org:$6$salt$hash", "bob@example.org stands here twice"),
    ],
)
def test_lines_that_cannot_be_taken(five, line: str, said: str) -> None:
    gmconf("keys", "site.yml", cwd=five)
    before = files(five / "keys")
    (five / "users").write_text(f"bob@example.org:{TWO}\n{line}\n")
    done = gmconf("passwd", "site.yml", "--import", "users", cwd=five)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"users:2:1: {said}" in done.stderr
    assert "hunter2" not in done.stderr
    assert files(five / "keys") == before


def test_plain_and_unknown_entries_are_named(five) -> None:
    gmconf("keys", "site.yml", cwd=five)
    vault.write_file(
        five / "keys/passwords.vault",
        vault.encrypt(f"alice@example.org:{{PLAIN}}hunter2\nzoe@example.org:{ONE}\n".encode(), PASSWORD),
    )
    done = gmconf("validate", "site.yml", cwd=five)
    assert done.returncode == 2
    assert "alice@example.org has the password itself ({PLAIN})" in done.stderr
    assert "zoe@example.org has a password, but is no login of the site" in done.stderr
    assert "hunter2" not in done.stderr


def test_both_forms_are_joined_on_demand(five) -> None:
    gmconf("keys", "site.yml", cwd=five)
    gmconf("passwd", "site.yml", "alice@example.org", "--stdin", cwd=five, stdin="correct-horse-7-battery\n")
    vault.write_file(
        five / "keys/passwords.vault",
        vault.encrypt(f"alice@example.org:{ONE}\nbob@example.org:{ONE}\n".encode(), PASSWORD),
    )
    assert "join them: gmconf passwd SITE --join" in gmconf("render", "site.yml", cwd=five).stderr
    assert gmconf("passwd", "site.yml", "--join", cwd=five).returncode == 0
    found = credentials.hashes(five / "keys", PASSWORD)
    assert found["bob@example.org"] == ONE
    assert found["alice@example.org"] != ONE
    assert gmconf("render", "site.yml", cwd=five).returncode == 0
    assert json.loads((five / "build/secrets/passwords.vault").read_bytes())["logins"].keys() == found.keys()


def test_odd_passwords_on_standard_input(five) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gmconf", "passwd", "site.yml", "alice@example.org", "--stdin"],
        cwd=five,
        input=b"\xff\xfe-not-utf8-password-long\n",
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"not UTF-8" in done.stderr
