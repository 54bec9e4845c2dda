"""Sites for the tests, and the role's Python as Ansible would find it on a host."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import ansible.module_utils
import pytest
from commands import gmconf
from sitekeys import PASSWORD

ROOT = Path(__file__).resolve().parents[2]
ansible.module_utils.__path__.append(str(ROOT / "roles/gmconf/module_utils"))
sys.path.append(str(ROOT / "roles/gmconf/module_utils/gmconf_host"))  # programs find places.py beside them


def program(name: str) -> ModuleType:
    """A program that runs on hosts, which nothing of gmconf imports."""
    spec = importlib.util.spec_from_file_location(f"on_the_host_{name}", ROOT / f"roles/gmconf/files/{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def vault_password(tmp_path, monkeypatch) -> Path:
    """A vault password for commands."""
    file = tmp_path / "vault-password"
    file.write_bytes(PASSWORD + b"\n")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(file))
    return file


def without_chat(text: str) -> str:
    """The bronze example as it was before it had a chat server: xmpp.server is waived."""
    assert "chat, news, web]" in text
    waiver = "{control: xmpp.server, reason: the chat server moves here in spring, owner: Bob Baker, until: 2027-04-30}"
    return text.replace("chat, news, web]", "news, web]") + f"waivers:\n  - {waiver}\n"


@pytest.fixture(scope="session")
def keyed_example(tmp_path_factory) -> Path:
    """The example with keys and a password, made once; fixture ``site`` is a copy of it."""
    work = tmp_path_factory.mktemp("example") / "work"
    work.mkdir()
    shutil.copyfile(ROOT / "examples/single/site.yml", work / "site.yml")
    vault = work.parent / "vault-password"
    vault.write_bytes(PASSWORD + b"\n")
    passwd = ("passwd", "site.yml", "alice@example.org", "--stdin")
    for command, stdin in ((("keys", "site.yml"), ""), (passwd, "correct-horse-7-battery\n")):
        done = gmconf(*command, "--vault-password-file", str(vault), cwd=work, stdin=stdin)
        assert done.returncode == 0, done.stderr
    return work


@pytest.fixture
def site(tmp_path, keyed_example, vault_password) -> Path:
    """The example with keys."""
    return shutil.copytree(keyed_example, tmp_path / "work")
