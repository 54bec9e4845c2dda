"""Reads a site: site.yml, the user files and the public halves of keys beside it. The only module that reads them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ValidationError

from gmconf.derived.accounts import Directory
from gmconf.errors import Mark, Problem, SiteError
from gmconf.folder import Folder
from gmconf.keys.certificates import leaks, wrong
from gmconf.keys.credentials import FOLDER as PASSWORD_FILES
from gmconf.keys.credentials import kept
from gmconf.keys.names import MADE, PASSWORDS, optional_files, public_files, served, undated, vault_files
from gmconf.keys.rollover import FILE, NOTHING, Read, Rollover, aged, apply, disagreements
from gmconf.keys.rollover import read as read_rollover
from gmconf.model import Site
from gmconf.model.complaints import sentence, wish
from gmconf.model.document import Document, PathParts, parse_path, read_text, spell_path
from gmconf.settings import Reason
from gmconf.site.rules.fields import problems as broken_rules
from gmconf.site.user_files import read_users


@dataclass(frozen=True)
class Loaded:
    """A valid site with its places, its users and its public keys."""

    path: Path
    site: Site
    document: Document
    mail: Directory
    public: Mapping[str, str]
    """Public files of the secrets folder, by relative path: certificates and DKIM keys."""
    inputs: tuple[str, ...]
    """Names of all files the site is made of, relative to site.yml."""
    rollover: Rollover = NOTHING
    """Where the keys stand; the selectors of ``site`` follow from it."""
    made: Mapping[str, date] = dataclasses.field(default_factory=dict)
    """The days on which DKIM keys were made, by the name of the public half; ``site`` has them as ``dkim.since``."""

    @cached_property
    def secrets(self) -> Path:
        """The folder with the vault files."""
        return self.path.parent / self.site.secrets.folder

    def why(self, path: str) -> Reason:
        """The reason "because of this field of the site"."""
        parts = parse_path(path)
        if self.document.has(parts):
            return Reason("site", str(self.document.mark(parts, key=True)), path)
        return Reason("site", self.document.name, f"{path} (default)")

    def problem(self, path: str, message: str) -> Problem:
        """A sentence about a field of the site, or about a line of a user file (FILE:LINE)."""
        return _broken(self.document, path, message)


def load(path: Path, *, keys: bool | Literal["public"] = True) -> Loaded:
    """Read and check a site. ``keys=False`` does not ask for key files (``gmconf keys`` makes them), "public" for
    public halves only.

    Raises SiteError with every problem found.
    """
    if path.is_dir():
        raise SiteError([Problem(Mark(str(path)), "", f"is a directory; name the file in it: {path / 'site.yml'}")])
    name = path.name or str(path)
    document = Document(name, read_text(path, name))
    site = _model(document)
    shown = f"{site.secrets.folder}/{FILE}"
    state = read_rollover(path.parent / site.secrets.folder, shown)
    disagreeing = list(disagreements(site, state.rollover, document))
    site = apply(site, state.rollover)
    users, problems, names = read_users(site, path.parent, document)
    mail = Directory(site, users)
    problems += [
        *disagreeing,
        *(_broken(document, p, message) for p, message in broken_rules(site, mail, whole=not problems)),
    ]
    public: dict[str, str] = {}
    made: dict[str, date] = {}
    if keys and not problems:
        public, missing = _read_keys(site, path, document, state, vaults=keys != "public")
        missing += _misnamed(site, public, document, state.rollover)
        problems += missing
    if problems:
        raise SiteError(problems)
    for file in [file for file, text in public.items() if MADE in text]:
        public[file], day = undated(public[file])
        made |= {file: day} if day else {}
    if made:
        site = aged(site, made)
        mail = Directory(site, users)
    return Loaded(
        path, site, document, mail, public, (name, *names, *([shown] if state.document else [])), state.rollover, made
    )


def otherwise(loaded: Loaded, data: object) -> tuple[Loaded, bool] | None:
    """The site as it would be with other data, key files taken from the site that is there, and whether the rules hold.

    None where ``data`` is no site. Places stay those of the document: what was changed is not written anywhere.
    """
    try:
        site = aged(apply(Site.model_validate(data), loaded.rollover), loaded.made)
    except ValidationError:
        return None
    users, unread, names = read_users(site, loaded.path.parent, loaded.document)
    mail = Directory(site, users)
    own = [name for name, _ in public_files(loaded.site)]
    there = [loaded.public[name] for name in own if name in loaded.public]
    wanted = [name for name, _ in public_files(site)]
    # Whoever renames a host or a domain has its key files renamed too.
    moved = (
        dict(zip(wanted, there, strict=True))
        if len(wanted) == len(there)
        else {n: loaded.public[n] for n in wanted if n in loaded.public}
    )
    moved |= {
        name: text for name, text in loaded.public.items() if name not in own
    }  # the next and the last keys of a change stay
    whole = not unread and not any(True for _ in broken_rules(site, mail))
    return (
        Loaded(
            loaded.path, site, loaded.document, mail, moved, (loaded.path.name, *names), loaded.rollover, loaded.made
        ),
        whole,
    )


def _broken(document: Document, path: str, message: str) -> Problem:
    if ":" in path:  # an entry of a user file carries its own place
        file, line = path.rsplit(":", 1)
        return Problem(Mark(file, int(line), 1), "", message)
    return Problem(document.mark(parse_path(path)), path, message)


def _model(document: Document) -> Site:
    if not isinstance(document.data, dict):
        raise SiteError([Problem(document.mark(()), "", "a mapping is needed: organisation, domains, hosts")])
    try:
        return Site.model_validate(document.data)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        # A list that is called too short because its items were refused is no mistake of its own.
        inner = {e["loc"][:n] for e in errors for n in range(1, len(e["loc"]))}
        raise SiteError(
            [_problem(document, e) for e in errors if e["type"] != "too_short" or e["loc"] not in inner]
        ) from None


def _problem(document: Document, error: Any) -> Problem:
    path: PathParts = tuple(p for p in error["loc"] if p != "[key]")
    about_key = error["type"] == "extra_forbidden"
    if about_key:
        import difflib

        known = sorted(_fields(Site, path[:-1]))
        close = difflib.get_close_matches(str(path[-1]), known, 1, 0.75)
        hint = f'did you mean "{close[0]}"?' if close else f"known here: {', '.join(known)}"
        hint = wish(str(path[-1])) or hint
        message = f"unknown key; {hint}"
    else:
        message = sentence(error)
    return Problem(document.mark(path, key=about_key), spell_path(path), message)


def _fields(model: type[BaseModel], path: PathParts) -> Iterator[str]:
    """Names of the fields that are known at a path of the model."""
    for part in path:
        if isinstance(part, str) and part in model.model_fields:
            inner = _model_of(model.model_fields[part].annotation)
            if inner is None:
                return
            model = inner
    yield from model.model_fields


def _model_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_of, get_args(annotation))), None)


def _read_keys(
    site: Site, path: Path, document: Document, state: Read, *, vaults: bool
) -> tuple[dict[str, str], list[Problem]]:
    """Public halves by name, and what is missing or not encrypted: one problem for all that one command makes."""
    folder = path.parent / site.secrets.folder
    place = state.rollover.place
    public: dict[str, str] = {}
    missing: dict[str, list[tuple[str, str]]] = {}
    problems: list[Problem] = []
    with Folder(folder) as there:
        for name, field in public_files(site):
            try:
                public[name] = there.read(place(name)).decode()
            except FileNotFoundError:
                missing.setdefault(_maker(site, name), []).append((place(name), field))
            except (OSError, UnicodeDecodeError) as error:
                problems.append(_broken(document, field, f"{site.secrets.folder}/{place(name)} {_unreadable(error)}"))
            else:
                if leaked := leaks(public[name]):
                    problems.append(_broken(document, field, f"{site.secrets.folder}/{place(name)} {leaked}"))
        for name, field in vault_files(site) if vaults else ():
            if name == PASSWORDS:
                problems += [_broken(document, field, what) for what in _passwords(folder)]
                continue
            try:
                start = there.read(place(name), 14)
            except FileNotFoundError:
                missing.setdefault(_maker(site, name), []).append((place(name), field))
                continue
            except OSError as error:
                problems.append(_broken(document, field, f"{site.secrets.folder}/{place(name)} {_unreadable(error)}"))
                continue
            if start != b"$ANSIBLE_VAULT":
                what = (
                    f"{site.secrets.folder}/{place(name)} is not an Ansible Vault file; encrypt it: ansible-vault"
                    " encrypt"
                )
                problems.append(_broken(document, field, what))
    for name in optional_files(site):
        with suppress(FileNotFoundError), open(f"{folder}/{name}", encoding="utf-8", errors="replace") as file:
            public[name] = file.read()
            if leaked := leaks(public[name]):
                problems.append(Problem(document.mark(("secrets",)), "", f"{site.secrets.folder}/{name} {leaked}"))
    problems += _read_rollover(site, folder, state, public)
    for remedy, files in missing.items():
        name, field = files[0]
        more = f" and {len(files) - 1} more are missing" if len(files) > 1 else " is missing"
        problems.append(_broken(document, field, f"{site.secrets.folder}/{name}{more}; {remedy}"))
    return public, problems


def _passwords(folder: Path) -> Iterator[str]:
    """What keeps the passwords from being rolled out."""
    form = kept(folder)
    shown = f"{folder.name}/{PASSWORD_FILES}"
    if form == "none":
        yield (
            f"{shown} is missing; set a password: gmconf passwd SITE LOGIN, or make one for every login: gmconf passwd"
            " SITE --generate"
        )
    if form == "both":
        yield (
            f"{folder.name}/{PASSWORDS} lies beside {shown}; join them: gmconf passwd SITE --join (what stands in"
            f" {shown} counts)"
        )
    if form == "old" and (folder / PASSWORDS).read_bytes()[:14] != b"$ANSIBLE_VAULT":
        yield f"{folder.name}/{PASSWORDS} is not an Ansible Vault file; encrypt it: ansible-vault encrypt"


def _unreadable(error: OSError | UnicodeDecodeError) -> str:
    """Why a file that is there cannot be read."""
    if isinstance(error, UnicodeDecodeError):
        return "is not text; PEM is needed (openssl x509 -inform DER -in FILE makes it of a binary one)"
    return f"cannot be read: {error.strerror}"


def _read_rollover(site: Site, folder: Path, state: Read, public: dict[str, str]) -> Iterator[Problem]:
    """Add the public halves of keys that are published besides the active ones; yields what is missing."""
    for name, file, path in state.rollover.public_files(site):
        mark = state.mark(path)
        if name in public:
            yield Problem(
                mark, "", f"{site.secrets.folder}/{name} lies there, but {FILE} names the next key; remove that file"
            )
            continue
        try:
            public[name] = (folder / file).read_text(encoding="utf-8")
        except FileNotFoundError:
            yield Problem(mark, "", f"{site.secrets.folder}/{file} is missing; restore it, this key is published")
        except (OSError, UnicodeDecodeError) as error:
            yield Problem(mark, "", f"{site.secrets.folder}/{file} {_unreadable(error)}")
        else:
            if leaked := leaks(public[name]):
                yield Problem(mark, "", f"{site.secrets.folder}/{file} {leaked}")


def _misnamed(site: Site, public: Mapping[str, str], document: Document, rollover: Rollover) -> list[Problem]:
    """Certificates from elsewhere that are not for their host, or for the domain that has chat; those of the internal
    CA are made for it."""
    if site.tls.source != "files":
        return []
    wanted = [*((host.name, f"hosts[{number}].name") for number, host in enumerate(site.hosts)), *served(site)]
    found = []
    for owner, field in wanted:
        name = f"tls/{owner}.crt"
        complaint = wrong(public[name], owner) if name in public and not leaks(public[name]) else None
        if complaint:
            found.append(_broken(document, field, f"{site.secrets.folder}/{rollover.place(name)} {complaint}"))
    return found


def _maker(site: Site, name: str) -> str:
    if name.startswith("ca/") and name != "ca/ca.crt":
        return "put the certificate (PEM) of that CA there"
    if name.startswith("tls/") and site.tls.source == "files":
        return "put the certificate chain (.crt) and the encrypted key (.key.vault) there"
    return "create them: gmconf keys SITE"
