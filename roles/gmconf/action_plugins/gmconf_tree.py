"""Controller side: reads the rendered tree, decrypts secrets in memory, sends what the host lacks."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.connection import ConnectionBase

if TYPE_CHECKING:  # module_utils of a role are importable on hosts only
    from ansible.module_utils.gmconf_host.manifest import Entry, Found, Manifest

Vars = Mapping[str, Any] | None
"""The variables of a task."""
Result = dict[str, Any]
"""The result of a task or module: whatever keys Ansible knows or adds."""
Sources = Mapping[str, str | bytes]
"""Digest of a file: its path in build/, or its bytes where it was decrypted."""

MODULE = "gmconf_tree"
KINDS = ("missing_packages", "files", "removed", "retired", "directories", "compiled", "users", "units", "interrupted")
"""What a host can differ in, for -v."""
IGNORE = "gmconf_against_dns"
"""Extra variable that lets a roll-out go against what DNS says: where keys are lost or stolen, there is no time to
wait."""
CONFIRM = "gmconf_confirm"
"""Variable: seconds that a host waits, after a switch, for the controller to come over a new connection; then it goes
back. 0: it does not wait."""
WITHIN, PATIENCE, PAUSE = 60, 300, 2
"""Seconds: of CONFIRM where it is not set, for the host to go back and let the controller in again,
between two tries.
"""
APT = {
    "state": "present",
    "install_recommends": False,
    "update_cache": True,
    "cache_valid_time": 3600,
    "policy_rc_d": 101,
    "lock_timeout": 120,
}


class ActionModule(ActionBase):  # type: ignore[misc]  # ansible-core has no types
    """gmconf_tree: build, host."""

    TRANSFERS_FILES = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: Vars = None) -> Result:
        result: Result = super().run(tmp, task_vars)
        build, host = self._task.args["build"], self._task.args["host"]
        manifest, sources = self._read(build, host)
        call = {"manifest": json.dumps(manifest, sort_keys=True)}
        found = self._execute_module(MODULE, {**call, "phase": "compare"}, task_vars=task_vars)
        if found.get("failed") or not found.get("changed"):
            return {**result, **found}
        disagreeing, unasked = contradictions(manifest, sources, found)
        if unasked:
            self._display.warning(
                f"{host}: no answer from DNS about {named(unasked)}; not compared with the keys of this roll-out"
            )
        if disagreeing and (task_vars or {}).get(IGNORE) in (True, "true", "True", "yes"):
            self._display.warning(f"{host}: rolled out against DNS: {named(disagreeing)}")
        elif disagreeing:
            return {**result, "failed": True, "msg": refusal(host, disagreeing)}
        with memory() as (file, archive):
            self._archive(found["need"], sources, file)
            return {**result, **self._apply(call, host, found, archive, task_vars)}

    def _apply(self, call: Mapping[str, str], host: str, found: Found, archive: str, task_vars: Vars) -> Result:
        """Packages, then the roll-out itself; the archive was made before, so that a tree that is not what was rendered
        stops everything."""
        missing = found["missing_packages"]
        if missing:
            wanted = {**APT, "name": missing}
            apt: Result = self._execute_module("ansible.builtin.apt", wanted, task_vars=task_vars)
            if apt.get("failed"):
                # Lists that look fresh may be empty (a new image) or name packages that have been replaced since.
                apt = self._execute_module(
                    "ansible.builtin.apt", {**wanted, "cache_valid_time": 0}, task_vars=task_vars
                )
            if apt.get("failed"):
                return apt
        remote = self._connection._shell.join_path(self._connection._shell.tmpdir, "gmconf.tar.gz")
        self._transfer_file(archive, remote)
        within = 0 if self._task.check_mode else int((task_vars or {}).get(CONFIRM, WITHIN))
        try:
            done: Result = self._execute_module(
                MODULE, {**call, "phase": "apply", "archive": remote, "within": within}, task_vars=task_vars
            )
        except AnsibleConnectionFailure as error:
            raise AnsibleConnectionFailure(
                "the connection ended in the middle of the roll-out; the host goes back by itself, look there:"
                f" journalctl -t gmconf. {error}"
            ) from None
        if done.pop("confirm", 0):
            done |= self._confirm(call, host, within, task_vars)
        done["changed"] = done.get("changed") or bool(missing)
        done["differed"] = {kind: seen for kind, seen in found.items() if kind in KINDS and seen}
        return done

    def cleanup(self, force: bool = False) -> None:
        """Remove the temporary folder on the host. Over a connection that is gone it stays there: the failure to remove
        it would take the place of the task's own result."""
        with contextlib.suppress(AnsibleConnectionFailure):
            super().cleanup(force)

    def _confirm(self, call: Mapping[str, str], host: str, within: int, task_vars: Vars) -> Result:
        """Come over a new connection, as the next roll-out will; the failure when that is not possible."""
        start, shut = time.monotonic(), ""
        while time.monotonic() < start + within + PATIENCE:
            try:
                if type(self._connection).reset is not ConnectionBase.reset:
                    self._connection.reset()
                seen = self._execute_module(MODULE, {**call, "phase": "confirm"}, task_vars=task_vars)
            except AnsibleConnectionFailure as error:
                shut = str(error)
                time.sleep(PAUSE)
                continue
            if seen.get("failed"):
                why = (
                    f" No new connection could be opened: {shut}. Does the firewall let this machine in"
                    " (network.admin)?"
                    if shut
                    else ""
                )
                return {"failed": True, "changed": False, "msg": f"{host}: {seen.get('msg')}.{why}"}
            return {}
        return {
            "failed": True,
            "msg": (
                f"{host}: no new connection can be opened: {shut}. The host was to go back by itself after {within} s;"
                " look at its console"
            ),
        }

    def _read(self, build: str, host: str) -> tuple[Manifest, Sources]:
        """Manifest with the digest of every file, and where the content of each digest comes from."""
        folder = os.path.join(build, "hosts", host)
        try:
            with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
                manifest: Manifest = json.load(file)
        except OSError as error:
            raise AnsibleError(f"no rendered tree for {host}: {error}; render the site again") from None
        except ValueError:
            raise AnsibleError(f"{folder}/manifest.json is not what was rendered; render the site again") from None
        sources: dict[str, str | bytes] = {}
        for entry in manifest["files"]:
            if "secret" in entry:
                data = self._decrypt(os.path.join(build, entry["secret"]))
                entry["sha256"] = hashlib.sha256(data).hexdigest()
                sources[entry["sha256"]] = data
            else:
                sources[entry["sha256"]] = os.path.join(folder, entry["source"])
        return manifest, sources

    def _decrypt(self, path: str) -> bytes:
        # Decrypted in memory: the loader's own helper would leave the plain text in a temporary file for a while.
        try:
            with open(path, "rb") as file:
                data = file.read()
        except OSError as error:
            raise AnsibleError(f"{path} cannot be read: {error.strerror}; render the site again") from None
        try:
            plain = (
                unbundled(data, self._loader._vault.decrypt)
                if data.startswith(b"{")
                else bytes(self._loader._vault.decrypt(data))
            )
        except AnsibleError:
            raise AnsibleError(f"{path} cannot be decrypted: is the vault password given?") from None
        except Exception as error:
            raise AnsibleError(f"{path} was changed ({type(error).__name__}); render the site again") from None
        if path.endswith("/passwords.vault") and (clear := in_clear(plain)):
            raise AnsibleError(
                f"refused: these logins have no hash but the password itself, or none: {named(clear)}; set it again:"
                " gmconf passwd SITE LOGIN"
            )
        return plain

    def _archive(self, digests: Sequence[str], sources: Sources, raw: IO[bytes]) -> None:
        """A tar with one member per digest. Raises AnsibleError where a file is not what was rendered."""
        with (
            gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as tar,
        ):
            for digest in digests:
                data = content(sources, digest)
                info = tarfile.TarInfo(digest)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        raw.flush()


@contextlib.contextmanager
def memory() -> Iterator[tuple[IO[bytes], str]]:
    """(file, path under which programs of this user can read it): decrypted secrets lie on no disk here, whenever this
    process ends."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("gmconf"), "w+b") as file:
            yield file, f"/proc/{os.getpid()}/fd/{file.fileno()}"
    else:  # no Linux
        with tempfile.NamedTemporaryFile(prefix="gmconf-") as file:
            yield file, file.name


def content(sources: Sources, digest: str) -> bytes:
    """The bytes of a digest. Raises AnsibleError where a file is not what was rendered."""
    source = sources[digest]
    if isinstance(source, bytes):
        return source
    try:
        with open(source, "rb") as file:
            data = file.read()
    except OSError as error:
        raise AnsibleError(f"{source} cannot be read: {error.strerror}; render the site again") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise AnsibleError(
            f"{source} is not what was rendered: its digest in manifest.json is another. Render the site again"
        )
    return data


def unbundled(data: bytes, decrypt: Callable[[bytes], bytes]) -> bytes:
    """login:hash lines of gmconf's password files: each hash is encrypted with one of the keys, which are vault texts,
    and bound to its login."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    bundle = json.loads(data)
    ciphers = {name: AESGCM(base64.b64decode(decrypt(text.encode()))) for name, text in bundle["keys"].items()}
    lines = []
    for login, entry in sorted(bundle["logins"].items()):
        key, _, sealed = entry.partition(" ")
        raw = base64.b64decode(sealed)
        lines.append(f"{login}:{ciphers[key].decrypt(raw[:12], raw[12:], login.encode()).decode()}\n")
    return "".join(lines).encode()


def in_clear(plain: bytes) -> list[str]:
    """Logins of login:hash lines whose hash is the password itself, or nothing with a scheme."""
    pairs = [line.partition(":")[::2] for line in plain.decode("utf-8", "replace").splitlines() if line]
    return [
        login
        for login, hashed in pairs
        if not re.match(r"\{(?!(PLAIN|CLEAR|CLEARTEXT|PLAIN-TRUNC)[.}])[A-Z0-9-]+[.}]", hashed.upper())
    ]


def contradictions(manifest: Manifest, sources: Sources, found: Found) -> tuple[list[str], list[str]]:
    """Sentences about records that say otherwise than the files that would change, and names that DNS did not answer
    for."""
    sentences: list[str] = []
    unasked: list[str] = []
    different = set(found["files"]) if any("records" in entry for entry in manifest["files"]) else ()
    for entry in manifest["files"]:
        if "records" not in entry or entry["path"] not in different or entry["sha256"] not in found["need"]:
            continue
        published = {record: found["published"][record] for record in entry["records"] if record in found["published"]}
        unasked += [record.split()[0] for record in entry["records"] if record not in published]
        sentences += against(entry, content(sources, entry["sha256"]), published, found["removed"])
    return sentences, unasked


def against(entry: Entry, data: bytes, published: Mapping[str, Sequence[str]], removed: Sequence[str]) -> Iterator[str]:
    """What DNS says otherwise than a file; ``published`` are its records that DNS answered for."""
    for record, texts in published.items():
        name, kind = record.split()
        if kind == "TLSA":
            wrong = against_tlsa(name, data, texts)
        elif kind == "MX":
            wrong = against_policy(name, data, texts, published.get(f"_mta-sts.{name} TXT", ()))
        elif name.startswith("_mta-sts."):
            wrong = None  # looked at with the MX
        else:
            wrong = against_dkim(name, data, texts, signs(entry, name, removed))
        if wrong:
            yield wrong


def against_policy(name: str, data: bytes, exchanges: Sequence[str], announced: Sequence[str]) -> str | None:
    """What is wrong with the MX records of a domain for an MTA-STS policy; None where it allows all, or nobody is told
    of it (RFC 8461)."""
    pairs = [
        tuple(part.strip() for part in line.split(":", 1)) for line in data.decode("ascii").splitlines() if ":" in line
    ]
    allowed = [value for key, value in pairs if key == "mx"]
    if ("mode", "none") in pairs or not any(text.startswith("v=STSv1") for text in announced):
        return None
    wrong = [name for name in (text.split()[1] for text in exchanges if len(text.split()) > 1) if name not in allowed]
    return (
        f"{name} MX names {', '.join(wrong)}, which the MTA-STS policy of this roll-out does not allow; it has to be:"
        f" {', '.join(allowed)}"
        if wrong
        else None
    )


def signs(entry: Entry, name: str, removed: Sequence[str]) -> bool:
    """Whether the host signs for the domain with another key now, which this roll-out would take away."""
    start = os.path.join(os.path.dirname(entry["path"]), name.partition("._domainkey.")[2]) + "."
    return any(path.startswith(start) and path[len(start) :].count(".") == 1 for path in removed)


def against_dkim(name: str, data: bytes, published: Sequence[str], signing: bool) -> str | None:
    """What is wrong with the TXT records of a selector for a private key;
    None where they fit (RFC 6376 section 3.6.1).
    """
    forms = public_forms(data)
    if not published:
        # Who has not signed yet loses nothing; a switch to a key that nobody finds voids every signature.
        return f"{name} TXT is not published, and the key before it would go" if signing else None
    for text in published:
        tags = dict(part.split("=", 1) for part in text.replace(" ", "").split(";") if "=" in part)
        if tags.get("p") in forms:
            return None
    return (
        f"{name} TXT has another key; it has to be: v=DKIM1; k={'rsa' if len(forms) > 1 else 'ed25519'}; p={forms[0]}"
    )


def public_forms(data: bytes) -> list[str]:
    """How p= may spell the public half of a private key: RSA in two ways (RFC 6376 section 3.6.1), Ed25519 in one (RFC
    8463 section 3).

    PEM, or what rspamd takes for Ed25519: seed and public key in base64.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    if not data.startswith(b"-----"):
        return [base64.b64encode(base64.b64decode(data)[32:]).decode()]
    key = load_pem_private_key(data, None, unsafe_skip_rsa_key_validation=True).public_key()
    if isinstance(key, RSAPublicKey):
        found = [
            key.public_bytes(Encoding.DER, form) for form in (PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1)
        ]
    else:
        found = [key.public_bytes(Encoding.Raw, PublicFormat.Raw)]
    return [base64.b64encode(form).decode() for form in found]


def against_tlsa(name: str, data: bytes, published: Sequence[str]) -> str | None:
    """What is wrong with TLSA records for a chain (PEM); None where one fits or none can be used (RFC 7672 section
    3.1)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_pem_x509_certificates

    usable = [
        words
        for words in (text.split() for text in published)
        if words[0] in "23" and words[1] in "01" and words[2] in "012"
    ]
    chain = [
        (
            found.public_bytes(Encoding.DER),
            found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        )
        for found in load_pem_x509_certificates(data)
    ]
    digests = (
        lambda der: der.hex(),
        lambda der: hashlib.sha256(der).hexdigest(),
        lambda der: hashlib.sha512(der).hexdigest(),
    )
    for usage, selector, matching, wanted in usable:
        if wanted in [digests[int(matching)](forms[int(selector)]) for forms in (chain[:1] if usage == "3" else chain)]:
            return None
    return (
        f"{name} TLSA fits no certificate of this roll-out; it has to be there first: 3 1 1 {digests[1](chain[0][1])}"
        if usable
        else None
    )


def refusal(host: str, sentences: Sequence[str]) -> str:
    """Why, and what to do."""
    return (
        f"{host}: refused, nothing was touched. DNS says otherwise, and mail would be refused elsewhere:\n  "
        + "\n  ".join(sentences[:20])
        + (f"\n  and {len(sentences) - 20} more" if len(sentences) > 20 else "")
        + "\nPublish first (gmconf dns check says what), or change keys step by step (gmconf keys next)."
        + f" Against DNS, where a key is lost or stolen: -e {IGNORE}=true"
    )


def named(texts: Sequence[str]) -> str:
    """A few of many."""
    return ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")
