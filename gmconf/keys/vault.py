"""Ansible Vault files: read the password as ansible-playbook does, encrypt, decrypt, write without a trace."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from gmconf.errors import GmconfError
from gmconf.lock import FRESH


def read_password(file: Path | None) -> bytes:
    """The vault password from a file, or from what an executable file prints. Raises GmconfError with what to do."""
    if file is None:
        raise GmconfError("no vault password: give --vault-password-file or set ANSIBLE_VAULT_PASSWORD_FILE")
    try:
        if os.access(file, os.X_OK) and file.is_file():
            raw = subprocess.run([str(file.resolve())], check=True, capture_output=True).stdout
        else:
            raw = file.read_bytes()
    except OSError as error:
        raise GmconfError(f"vault password file {file}: {error.strerror}") from None
    except subprocess.CalledProcessError as error:
        raise GmconfError(f"vault password program {file} ended with exit code {error.returncode}") from None
    password = raw.strip()
    if not password:
        raise GmconfError(f"vault password file {file} is empty")
    return password


def agree(folder: Path, password: bytes) -> None:
    """Raises GmconfError when a vault file of the folder has another password: one more would be lost among them."""
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".vault"):
                path = Path(parent) / name
                decrypt(path.read_bytes(), password, str(path.relative_to(folder.parent)))
                return


def encrypt(plain: bytes, password: bytes) -> bytes:
    """Content of a vault file, readable with ``ansible-vault view``."""
    from ansible.parsing.vault import VaultLib, VaultSecret

    return bytes(VaultLib([("default", VaultSecret(password))]).encrypt(plain))


def decrypt(cipher: bytes, password: bytes, name: str) -> bytes:
    """Plain content of a vault file; ``name`` is for the error when the password does not fit."""
    from ansible.errors import AnsibleError
    from ansible.parsing.vault import VaultLib, VaultSecret

    try:
        return bytes(VaultLib([("default", VaultSecret(password))]).decrypt(cipher))
    except AnsibleError:
        raise GmconfError(f"{name} cannot be decrypted; is it the right vault password?") from None


def write_file(path: Path, data: bytes, mode: int = 0o600, *, durable: bool = True) -> None:
    """Write a whole file or nothing, with its mode from the first byte on; not ``durable``: the caller waits for the
    disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}{FRESH}")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as out:
        out.write(data)
        out.flush()
        if durable:
            os.fsync(out.fileno())
    fresh.replace(path)
